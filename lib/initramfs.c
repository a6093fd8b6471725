// SPDX-License-Identifier: LGPL-2.1-or-later
#include "initramfs.h"

#include <archive.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "io.h"

#define FOLDER "usr/lib/ima-init/"
#define FILE_MAX ((size_t)256 * 1024)
#define HEADER 110
#define BLOCK ((size_t)64 * 1024)

/* Bytes of an initramfs in a row, whether they were compressed or not. */
struct source {
	const char *name;
	int fd;
	off_t at;                      /* of @fd: what was read of it */
	struct archive *archive;       /* NULL: not compressed, or not yet */
	uint8_t block[BLOCK];
	size_t used, filled;           /* of @block */
	uint64_t position;             /* since the archive began: members begin at multiples of four */
	struct pkgima_error *error;
};

void pkgima_initramfs_free(struct pkgima_initramfs *initramfs)
{
	free(initramfs->policy.data);
	free(initramfs->signature.data);
	free(initramfs->settings.data);
	*initramfs = (struct pkgima_initramfs){ 0 };
}

/* More bytes. 1, 0 at the end, or -errno. */
static int fill(struct source *source)
{
	ssize_t length;

	if (source->archive)
		length = archive_read_data(source->archive, source->block, sizeof(source->block));
	else
		length = pkgima_pread_all(source->fd, source->block, sizeof(source->block), source->at);
	if (length < 0 && source->archive)
		return pkgima_fail(source->error, -EINVAL, "%s: cannot decompress it: %s", source->name,
				   archive_error_string(source->archive));
	if (length < 0)
		return pkgima_fail(source->error, (int)length, "cannot read %s: %s", source->name, strerror((int)-length));
	source->at += source->archive ? 0 : length;
	source->used = 0;
	source->filled = (size_t)length;
	return length > 0;
}

/* Takes @length bytes; @output may be NULL. */
static int take(struct source *source, uint8_t *output, uint64_t length)
{
	while (length) {
		size_t part;
		int r = source->used == source->filled ? fill(source) : 1;

		if (r == 0)
			r = pkgima_fail(source->error, -EINVAL, "%s: it ends in the middle", source->name);
		if (r < 0)
			return r;
		part = source->filled - source->used;
		if (part > length)
			part = (size_t)length;
		if (output) {
			memcpy(output, source->block + source->used, part);
			output += part;
		}
		source->used += part;
		source->position += part;
		length -= part;
	}
	return 0;
}

static int take_padding(struct source *source)
{
	return take(source, NULL, -source->position & 3);
}

/* Passes over zeros between archives. 1: there is more, 0: there is not, or -errno. */
static int pass_zeros(struct source *source)
{
	for (;;) {
		int r = source->used == source->filled ? fill(source) : 1;

		if (r <= 0)
			return r;
		if (source->block[source->used])
			return 1;
		source->used++;
	}
}

static bool parse_number(const uint8_t *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		number = number << 4 | ((digit - digits) & 15);
	}
	*ret_number = number;
	return true;
}

/* Where a member's content is wanted; NULL where it is not. */
static struct pkgima_carried *wanted(struct pkgima_initramfs *initramfs, const char *name)
{
	if (!strncmp(name, "./", 2))
		name += 2;
	if (strncmp(name, FOLDER, strlen(FOLDER)) != 0)
		return NULL;
	name += strlen(FOLDER);
	if (!strcmp(name, "init"))
		initramfs->program = true;
	initramfs->certificates += !strncmp(name, "ca/", 3);
	if (!strcmp(name, "policy"))
		return &initramfs->policy;
	if (!strcmp(name, "policy.sig"))
		return &initramfs->signature;
	return !strcmp(name, "init.conf") ? &initramfs->settings : NULL;
}

static int take_content(struct source *source, struct pkgima_carried *carried, uint64_t size)
{
	cleanup_free uint8_t *data = NULL;
	int r;

	if (size > FILE_MAX)
		return pkgima_fail(source->error, -EFBIG, "%s: a file of ima-init's in it is too large", source->name);
	data = malloc((size_t)size + 1);
	if (!data)
		return pkgima_fail(source->error, -ENOMEM, "no memory for what %s carries", source->name);
	r = take(source, data, size);
	if (r < 0)
		return r;
	data[size] = '\0';
	free(carried->data);
	carried->data = pkgima_steal_pointer(&data);
	carried->length = (size_t)size;
	return 0;
}

/* 1, 0 behind the last member, or -errno. */
static int take_member(struct source *source, struct pkgima_initramfs *initramfs)
{
	struct pkgima_carried *carried = NULL;
	uint64_t mode, size, name_size;
	uint8_t header[HEADER];
	char name[PATH_MAX];
	int r;

	r = take(source, header, sizeof(header));
	if (r < 0)
		return r;
	if ((memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0) || !parse_number(header + 14, &mode) ||
	    !parse_number(header + 54, &size) || !parse_number(header + 94, &name_size) || !name_size ||
	    name_size > sizeof(name))
		return pkgima_fail(source->error, -EINVAL, "%s: no initramfs, or a damaged one", source->name);
	r = take(source, (uint8_t *)name, name_size);
	if (r == 0)
		r = take_padding(source);
	if (r < 0)
		return r;
	name[name_size - 1] = '\0';
	if (!strcmp(name, "TRAILER!!!"))
		return 0;
	if (S_ISREG(mode))
		carried = wanted(initramfs, name);
	r = carried ? take_content(source, carried, size) : take(source, NULL, size);
	if (r == 0)
		r = take_padding(source);
	return r < 0 ? r : 1;
}

/* What is left of the file is one compressed stream. */
static int decompress(struct source *source)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;

	if (!archive)
		return pkgima_fail(source->error, -ENOMEM, "no memory to decompress %s", source->name);
	source->archive = archive;
	archive_read_support_format_raw(archive);
	archive_read_support_filter_gzip(archive);
	archive_read_support_filter_bzip2(archive);
	archive_read_support_filter_lzma(archive);
	archive_read_support_filter_xz(archive);
	archive_read_support_filter_zstd(archive);
	archive_read_support_filter_lz4(archive);
	if (lseek(source->fd, source->at - (off_t)(source->filled - source->used), SEEK_SET) < 0)
		return pkgima_fail_errno(source->error, "cannot read %s", source->name);
	if (archive_read_open_fd(archive, source->fd, BLOCK) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return pkgima_fail(source->error, -EINVAL, "%s: %s", source->name, archive_error_string(archive));
	if (archive_filter_count(archive) < 2)
		return pkgima_fail(source->error, -EINVAL, "%s: no initramfs, or compressed in an unknown way", source->name);
	source->used = source->filled = 0;
	return 0;
}

static int take_archives(struct source *source, struct pkgima_initramfs *initramfs)
{
	bool any = false;

	for (;;) {
		int r = pass_zeros(source);

		if (r == 0 && !any)
			r = pkgima_fail(source->error, -EINVAL, "%s: it is empty", source->name);
		if (r <= 0)
			return r;
		if (source->block[source->used] != '0' && !source->archive) {
			r = decompress(source);
			if (r < 0)
				return r;
			continue;
		}
		any = true;
		source->position = 0;
		do
			r = take_member(source, initramfs);
		while (r > 0);
		if (r < 0)
			return r;
	}
}

int pkgima_initramfs_read(int fd, const char *name, struct pkgima_initramfs *ret_initramfs, struct pkgima_error *error)
{
	cleanup_initramfs struct pkgima_initramfs initramfs = { 0 };
	cleanup_free struct source *source = calloc(1, sizeof(*source));
	int r;

	if (!source)
		return pkgima_fail(error, -ENOMEM, "no memory to read %s", name);
	source->name = name;
	source->fd = fd;
	source->error = error;
	r = take_archives(source, &initramfs);
	if (source->archive)
		archive_read_free(source->archive);
	if (r < 0)
		return r;
	*ret_initramfs = initramfs;
	initramfs = (struct pkgima_initramfs){ 0 };
	return 0;
}
