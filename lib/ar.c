// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "io.h"

/* struct ar_hdr of ar.h; all fields are text, padded with spaces. */
struct ar_header {
	char name[16];
	char date[12];
	char uid[6];
	char gid[6];
	char mode[8];
	char size[10];
	char end[2];
};

_Static_assert(sizeof(struct ar_header) == PKGIMA_AR_HEADER, "an ar header has 60 bytes");

static bool parse_size(const char field[10], uint64_t *ret_size)
{
	uint64_t size = 0;
	size_t i = 0;

	for (; i < 10 && field[i] >= '0' && field[i] <= '9'; i++)
		size = size * 10 + (uint64_t)(field[i] - '0');
	if (i == 0)
		return false;
	for (; i < 10; i++)
		if (field[i] != ' ')
			return false;
	*ret_size = size;
	return true;
}

static int parse_header(struct pkgima_ar_member *member, struct pkgima_error *error)
{
	struct ar_header header;
	size_t length = sizeof(header.name);

	memcpy(&header, member->header, sizeof(header));
	if (memcmp(header.end, "`\n", 2) != 0 || !parse_size(header.size, &member->size))
		return pkgima_fail(error, -EINVAL, "the ar header at byte %jd is malformed",
				   (intmax_t)member->offset - PKGIMA_AR_HEADER);
	while (length && header.name[length - 1] == ' ')
		length--;
	if (length > 1 && header.name[length - 1] == '/')
		length--;
	memcpy(member->name, header.name, length);
	member->name[length] = '\0';
	return 0;
}

int pkgima_ar_scan(int fd, struct pkgima_ar_member *ret_members, size_t *ret_count, struct pkgima_error *error)
{
	char magic[sizeof(PKGIMA_AR_MAGIC) - 1];
	size_t count = 0;
	struct stat st;
	off_t at = sizeof(magic);

	if (fstat(fd, &st) < 0)
		return pkgima_fail_errno(error, "cannot read it");
	if (pkgima_pread_all(fd, magic, sizeof(magic), 0) != sizeof(magic) ||
	    memcmp(magic, PKGIMA_AR_MAGIC, sizeof(magic)) != 0)
		return pkgima_fail(error, -EINVAL, "it is no ar archive, so no .deb");
	while (at < st.st_size) {
		struct pkgima_ar_member *member = &ret_members[count];
		char name[80];
		int r;

		if (count == PKGIMA_AR_MEMBERS_MAX)
			return pkgima_fail(error, -E2BIG, "more than %d ar members", PKGIMA_AR_MEMBERS_MAX);
		if (pkgima_pread_all(fd, member->header, PKGIMA_AR_HEADER, at) != PKGIMA_AR_HEADER)
			return pkgima_fail(error, -EINVAL, "cut off in the ar header at byte %jd", (intmax_t)at);
		member->offset = at + PKGIMA_AR_HEADER;
		r = parse_header(member, error);
		if (r < 0)
			return r;
		if (member->size > (uint64_t)(st.st_size - member->offset))
			return pkgima_fail(error, -EINVAL, "cut off in member %s",
					   pkgima_printable_into(member->name, name, sizeof(name)));
		/* Members start at even offsets. */
		at = member->offset + (off_t)member->size + (off_t)(member->size & 1);
		count++;
	}
	*ret_count = count;
	return 0;
}

int pkgima_ar_header(const struct pkgima_ar_member *member, const char *name, uint64_t size,
		     char output[PKGIMA_AR_HEADER])
{
	struct ar_header header;
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%ju", (uintmax_t)size);

	if (strlen(name) > sizeof(header.name) || length > (int)sizeof(header.size))
		return -E2BIG;
	memcpy(&header, member->header, sizeof(header));
	memset(header.name, ' ', sizeof(header.name));
	memcpy(header.name, name, strlen(name));
	memset(header.size, ' ', sizeof(header.size));
	memcpy(header.size, digits, (size_t)length);
	memcpy(output, &header, sizeof(header));
	return 0;
}
