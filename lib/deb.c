// SPDX-License-Identifier: LGPL-2.1-or-later
#include "deb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "io.h"
#include "manifest.h"
#include "parallel.h"

#define FORMAT_MAX 64 /* bytes of debian-binary that are looked at */

static bool match_compression(const char *name, const char *base, enum pkgima_compression *ret_compression)
{
	static const struct { const char *suffix; enum pkgima_compression compression; } suffixes[] = {
		{ "", PKGIMA_COMPRESSION_NONE },     { ".gz", PKGIMA_COMPRESSION_GZIP },
		{ ".xz", PKGIMA_COMPRESSION_XZ },    { ".zst", PKGIMA_COMPRESSION_ZSTD },
	};
	size_t length = strlen(base);

	if (strncmp(name, base, length) != 0)
		return false;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (!strcmp(name + length, suffixes[i].suffix)) {
			*ret_compression = suffixes[i].compression;
			return true;
		}
	}
	return false;
}

static int wrong_member(const char *name, const char *wanted, struct pkgima_error *error)
{
	const char *suffix = strrchr(name, '.');
	char safe[80];

	pkgima_printable_into(name, safe, sizeof(safe));
	/* dpkg still unpacks them, and has long ceased to write them. */
	if (suffix && (!strcmp(suffix, ".bz2") || !strcmp(suffix, ".lzma")))
		return pkgima_fail(error, -EOPNOTSUPP, "member %s: this compression is no longer in use, and not handled",
				   safe);
	return pkgima_fail(error, -EINVAL, "member %s stands where the %s member should", safe, wanted);
}

/* The index of the first member from *@at that is not one of the "_" members that deb(5) allows between the others. */
static bool next_member(const struct pkgima_deb *deb, size_t *at)
{
	while (*at < deb->count && deb->members[*at].name[0] == '_')
		(*at)++;
	return *at < deb->count;
}

/* debian-binary, control.tar*, data.tar*, in this order, as dpkg wants it: lib/dpkg/deb-version.h, dpkg-deb/extract.c. */
static int check_layout(struct pkgima_deb *deb, struct pkgima_error *error)
{
	char format[FORMAT_MAX];
	uint64_t size;
	size_t at = 1;

	if (deb->count == 0 || strcmp(deb->members[0].name, "debian-binary") != 0)
		return pkgima_fail(error, -EINVAL, "its first member is not debian-binary, so it is no .deb");
	size = deb->members[0].size < sizeof(format) ? deb->members[0].size : sizeof(format);
	if (pkgima_pread_all(deb->fd, format, size, deb->members[0].offset) != (ssize_t)size || size < 4 ||
	    memcmp(format, "2.", 2) != 0)
		return pkgima_fail(error, -EINVAL, "it has not format 2.x of a .deb");
	if (!next_member(deb, &at))
		return pkgima_fail(error, -EINVAL, "cut off: there is no control member");
	if (!match_compression(deb->members[at].name, "control.tar", &deb->control_compression))
		return wrong_member(deb->members[at].name, "control", error);
	deb->control = at++;
	if (!next_member(deb, &at))
		return pkgima_fail(error, -EINVAL, "cut off: there is no data member");
	if (!match_compression(deb->members[at].name, "data.tar", &deb->data_compression))
		return wrong_member(deb->members[at].name, "data", error);
	deb->data = at;
	return 0;
}

bool pkgima_deb_probe(int fd)
{
	static const char start[] = PKGIMA_AR_MAGIC "debian-binary";
	char bytes[sizeof(start) - 1];

	return pkgima_pread_all(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) && !memcmp(bytes, start, sizeof(bytes));
}

int pkgima_deb_open(const char *path, struct pkgima_deb **ret_deb, struct pkgima_error *error)
{
	cleanup_deb struct pkgima_deb *deb = calloc(1, sizeof(*deb));
	struct stat st;
	int r;

	if (!deb)
		return pkgima_fail(error, -ENOMEM, "no memory to read a package");
	deb->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (deb->fd < 0 || fstat(deb->fd, &st) < 0)
		return pkgima_fail_errno(error, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return pkgima_fail(error, -EINVAL, "it is no regular file");
	deb->name = pkgima_printable(path);
	if (!deb->name)
		return pkgima_fail(error, -ENOMEM, "no memory to read a package");
	r = pkgima_ar_scan(deb->fd, deb->members, &deb->count, error);
	if (r == 0)
		r = check_layout(deb, error);
	if (r < 0)
		return r;
	*ret_deb = pkgima_steal_pointer(&deb);
	return 0;
}

void pkgima_deb_free(struct pkgima_deb *deb)
{
	if (!deb)
		return;
	pkgima_close_cleanup(&deb->fd);
	free(deb->name);
	free(deb);
}

int pkgima_deb_open_control(const struct pkgima_deb *deb, struct pkgima_tar **ret_tar, struct pkgima_error *error)
{
	const struct pkgima_ar_member *member = &deb->members[deb->control];

	return pkgima_tar_open(deb->fd, member->offset, member->size, deb->control_compression, 1, ret_tar, error);
}

int pkgima_deb_open_data(const struct pkgima_deb *deb, unsigned int threads, struct pkgima_tar **ret_tar,
			 struct pkgima_error *error)
{
	const struct pkgima_ar_member *member = &deb->members[deb->data];

	if (!threads)
		threads = pkgima_parallel_cores();
	return pkgima_tar_open(deb->fd, member->offset, member->size, deb->data_compression, threads, ret_tar, error);
}

static int read_control_file(struct pkgima_tar *tar, const struct pkgima_tar_member *member,
			     struct pkgima_control *control, struct pkgima_error *error)
{
	const char *name = member->path + 1;
	struct pkgima_control_file *file = &control->files[control->count];
	size_t max = strcmp(name, PKGIMA_MANIFEST_NAME) ? PKGIMA_CONTROL_FILE_MAX : PKGIMA_MANIFEST_MAX;
	int r;

	if (pkgima_control_find(control, name))
		return pkgima_fail(error, -EINVAL, "%s is twice in the control member", name);
	r = pkgima_tar_read_whole(tar, member, max, &file->content, &file->length, error);
	if (r < 0)
		return r;
	strcpy(file->name, name);
	control->count++;
	return 0;
}

int pkgima_deb_next_control(struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error)
{
	int r = pkgima_tar_next(tar, member, error);
	char safe[256];

	if (r != 1)
		return r;
	if (member->header.type == '5' ? !member->path[0] : member->regular && !strchr(member->path + 1, '/'))
		return 1;
	return pkgima_fail(error, -EINVAL, "%s is something else than a file in its one folder",
			   pkgima_printable_into(member->path, safe, sizeof(safe)));
}

int pkgima_deb_read_control(const struct pkgima_deb *deb, struct pkgima_control *control, struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r;

	r = pkgima_deb_open_control(deb, &tar, error);
	if (r < 0)
		return pkgima_fail_within(error, r, "control member");
	while ((r = pkgima_deb_next_control(tar, &member, error)) == 1) {
		if (!member.path[0] || !pkgima_control_wants(member.path + 1))
			continue;
		r = read_control_file(tar, &member, control, error);
		if (r < 0)
			break;
	}
	if (r < 0)
		return pkgima_fail_within(error, r, "control member");
	if (!pkgima_control_find(control, "control"))
		return pkgima_fail(error, -EINVAL, "control member: there is no control file in it");
	return 0;
}
