// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tar_header.h"

#include <errno.h>
#include <string.h>

#include "escape.h"

/* tar(5); all fields are bytes, so it may stand at any address. */
struct block {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type;
	char link[100], magic[8], user[32], group[32], major[8], minor[8];
	char prefix[155];      /* in ustar; GNU tar has other things from here on, and zeros where they are of no use */
	char rest[12];
};
_Static_assert(sizeof(struct block) == PKGIMA_TAR_BLOCK, "a header is one block");

static const char magic_gnu[8] = "ustar  ";
static const char magic_ustar[8] = { 'u', 's', 't', 'a', 'r', '\0', '0', '0' };

uint64_t pkgima_tar_padded(uint64_t size)
{
	return (size + PKGIMA_TAR_BLOCK - 1) / PKGIMA_TAR_BLOCK * PKGIMA_TAR_BLOCK;
}

static bool is_zero(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		if (at[i])
			return false;
	return true;
}

/* Octal digits, with spaces in front and NUL or space behind; or base 256, which has the first bit set. */
static bool parse_number(const char *field, size_t size, uint64_t max, uint64_t *ret_number)
{
	const unsigned char *at = (const unsigned char *)field, *end = at + size;
	uint64_t number = 0;

	if (*at == 0x80) {
		for (at++; at < end; at++) {
			if (number >> 55)
				return false;
			number = number << 8 | *at;
		}
		*ret_number = number;
		return number <= max;
	}
	while (at < end && *at == ' ')
		at++;
	if (at == end)
		return false;
	for (; at < end && *at && *at != ' '; at++) {
		if (*at < '0' || *at > '7' || number >> 60)
			return false;
		number = number << 3 | (uint64_t)(*at - '0');
	}
	for (; at < end; at++)
		if (*at && *at != ' ')
			return false;
	*ret_number = number;
	return number <= max;
}

/* The sum of all bytes, those of the checksum itself taken for spaces. */
static bool checksum_fits(const struct block *block)
{
	size_t from = offsetof(struct block, checksum), to = from + sizeof(block->checksum);
	const uint8_t *bytes = (const uint8_t *)block;
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < PKGIMA_TAR_BLOCK; i++)
		sum += i >= from && i < to ? ' ' : bytes[i];
	return parse_number(block->checksum, sizeof(block->checksum), UINT32_MAX, &wanted) && sum == wanted;
}

static bool parse_numbers(const struct block *block, struct pkgima_tar_header *header)
{
	uint64_t mode, uid, gid, mtime;

	if (!parse_number(block->mode, sizeof(block->mode), UINT32_MAX, &mode) ||
	    !parse_number(block->uid, sizeof(block->uid), UINT32_MAX, &uid) ||
	    !parse_number(block->gid, sizeof(block->gid), UINT32_MAX, &gid) ||
	    !parse_number(block->size, sizeof(block->size), INT64_MAX - PKGIMA_TAR_BLOCK, &header->size) ||
	    !parse_number(block->mtime, sizeof(block->mtime), INT64_MAX, &mtime))
		return false;
	header->mode = (mode_t)(mode & 07777);
	header->uid = (uid_t)uid;
	header->gid = (gid_t)gid;
	header->mtime = (int64_t)mtime;
	return true;
}

/* What of the header only some readers look at is not there. */
static const char *find_oddity(const struct block *block, const struct pkgima_tar_header *header)
{
	bool is_long = header->type == 'L' || header->type == 'K';
	bool gnu = !memcmp(block->magic, magic_gnu, sizeof(magic_gnu));

	if (!gnu && memcmp(block->magic, magic_ustar, sizeof(magic_ustar)) != 0)
		return "is neither of GNU tar nor ustar";
	if (gnu && !is_zero(block->prefix, sizeof(block->prefix) + sizeof(block->rest)))
		return "has extensions of GNU tar, such as for sparse files";
	if (!gnu && (is_long || !is_zero(block->rest, sizeof(block->rest))))
		return "mixes ustar with extensions";
	if (!is_long && (header->type < '0' || header->type > '6'))
		return header->type == 'x' || header->type == 'g' ? "is one of PAX, which dpkg refuses" :
								    "has a type that dpkg does not unpack";
	if (header->size && header->type != '0' && !is_long)
		return "has content, but is no file";
	if (is_long && (header->size < 2 || header->size > PKGIMA_PATH_MAX + 2))
		return "announces a name that is too long, or empty";
	return NULL;
}

/* The header's own name: with ustar's prefix in front. False when it is empty, or its parts do not fit together. */
static bool take_short_name(const struct block *block, char *output)
{
	size_t prefix = 0, length = strnlen(block->name, sizeof(block->name));

	if (!memcmp(block->magic, magic_ustar, sizeof(magic_ustar)))
		prefix = strnlen(block->prefix, sizeof(block->prefix));
	if (!length || (prefix && (block->prefix[prefix - 1] == '/' || block->name[0] == '/')))
		return false;
	memcpy(output, block->prefix, prefix);
	if (prefix)
		output[prefix++] = '/';
	memcpy(output + prefix, block->name, length);
	output[prefix + length] = '\0';
	return true;
}

static int take_names(struct pkgima_tar_names *names, const struct block *block, char type, struct pkgima_error *error)
{
	size_t length = strnlen(block->link, sizeof(block->link));
	bool has_link = type == '1' || type == '2';
	char safe[256];

	if (!names->has_name && !take_short_name(block, names->name))
		return pkgima_fail(error, -EINVAL, "the archive has a header with a malformed name");
	pkgima_printable_into(names->name, safe, sizeof(safe));
	if (names->has_link && !has_link)
		return pkgima_fail(error, -EINVAL, "the archive has %s with a long link name, but it is no link", safe);
	if (!names->has_link) {
		memcpy(names->link, block->link, length);
		names->link[length] = '\0';
	}
	names->has_name = names->has_link = false;
	/* Some readers take it for a folder. */
	if (type == '0' && names->name[strlen(names->name) - 1] == '/')
		return pkgima_fail(error, -EINVAL, "the archive has a regular file with the name %s", safe);
	return 1;
}

int pkgima_tar_header_parse(struct pkgima_tar_names *names, const uint8_t bytes[PKGIMA_TAR_BLOCK],
			    struct pkgima_tar_header *ret_header, struct pkgima_error *error)
{
	const struct block *block = (const struct block *)bytes;
	struct pkgima_tar_header header = { .type = block->type };
	const char *oddity;

	if (is_zero(bytes, PKGIMA_TAR_BLOCK)) {
		if (names->has_name || names->has_link)
			return pkgima_fail(error, -EINVAL, "the archive ends behind a long name");
		return 0;
	}
	if (!checksum_fits(block) || !parse_numbers(block, &header))
		return pkgima_fail(error, -EINVAL, "the archive has a malformed header");
	oddity = find_oddity(block, &header);
	if (oddity)
		return pkgima_fail(error, -EINVAL, "the archive has a header that %s", oddity);
	memcpy(header.user, block->user, sizeof(block->user));
	memcpy(header.group, block->group, sizeof(block->group));
	*ret_header = header;
	if (header.type == 'L' || header.type == 'K') {
		if (header.type == 'L' ? names->has_name : names->has_link)
			return pkgima_fail(error, -EINVAL, "the archive has two long names for one header");
		return 1;
	}
	return take_names(names, block, header.type, error);
}

int pkgima_tar_header_long(struct pkgima_tar_names *names, const struct pkgima_tar_header *header, const char *content,
			   struct pkgima_error *error)
{
	size_t length = (size_t)header->size;

	/* As long as it says, and one NUL behind it. */
	if (strnlen(content, length) != length - 1)
		return pkgima_fail(error, -EINVAL, "the archive has a malformed long name");
	memcpy(header->type == 'L' ? names->name : names->link, content, length);
	if (header->type == 'L')
		names->has_name = true;
	else
		names->has_link = true;
	return 0;
}
