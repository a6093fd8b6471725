// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>

#include "escape.h"
#include "io.h"
#include "xz.h"

#define BLOCK_SIZE ((size_t)64 * 1024)

struct pkgima_tar {
	struct archive *archive;
	int fd;
	off_t at, end;                /* what is left of the compressed bytes */
	struct pkgima_xz *xz;         /* decompresses where the archive is .xz, else NULL */
	struct pkgima_error source;   /* of a failing source, since libarchive has but a number */
	uint8_t block[BLOCK_SIZE];
	int64_t content;              /* offset in the member's content up to which it was read */
};

static la_ssize_t read_source(struct archive *archive, void *context, const void **ret_data)
{
	struct pkgima_tar *tar = context;
	size_t left = (size_t)(tar->end - tar->at);
	ssize_t n;

	if (tar->xz) {
		n = pkgima_xz_read(tar->xz, ret_data, &tar->source);
	} else {
		n = pkgima_pread_all(tar->fd, tar->block, left < BLOCK_SIZE ? left : BLOCK_SIZE, tar->at);
		*ret_data = tar->block;
		if (n < 0)
			pkgima_fail(&tar->source, (int)n, "cannot read: %s", strerror((int)-n));
		else
			tar->at += n;
	}
	if (n < 0)
		archive_set_error(archive, (int)-n, "%s", tar->source.text);
	return n < 0 ? ARCHIVE_FATAL : n;
}

static int set_filter(struct archive *archive, enum pkgima_compression compression)
{
	switch (compression) {
	case PKGIMA_COMPRESSION_GZIP:
		return archive_read_append_filter(archive, ARCHIVE_FILTER_GZIP);
	case PKGIMA_COMPRESSION_ZSTD:
		return archive_read_append_filter(archive, ARCHIVE_FILTER_ZSTD);
	case PKGIMA_COMPRESSION_BZIP2:
		return archive_read_append_filter(archive, ARCHIVE_FILTER_BZIP2);
	case PKGIMA_COMPRESSION_LZMA:
		return archive_read_append_filter(archive, ARCHIVE_FILTER_LZMA);
	default:
		return ARCHIVE_OK;
	}
}

static int fail(struct pkgima_tar *tar, int code, struct pkgima_error *error)
{
	const char *text = archive_error_string(tar->archive);
	char safe[256];

	if (archive_errno(tar->archive) == ENOMEM)
		code = -ENOMEM;
	return pkgima_fail(error, code, "%s",
			   text ? pkgima_printable_into(text, safe, sizeof(safe)) : "the archive is malformed");
}

int pkgima_tar_open(int fd, off_t offset, uint64_t size, enum pkgima_compression compression, unsigned int threads,
		    struct pkgima_tar **ret_tar, struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = calloc(1, sizeof(*tar));
	int r;

	if (!tar)
		return pkgima_fail(error, -ENOMEM, "no memory to read an archive");
	tar->fd = fd;
	tar->at = offset;
	tar->end = offset + (off_t)size;
	tar->archive = archive_read_new();
	if (!tar->archive)
		return pkgima_fail(error, -ENOMEM, "no memory to read an archive");
	if (compression == PKGIMA_COMPRESSION_XZ) {
		r = pkgima_xz_open(fd, offset, size, threads, &tar->xz, error);
		if (r < 0)
			return r;
	}
	/* Format and filter are given, not guessed: nothing but what dpkg would read is read. */
	if (archive_read_support_format_tar(tar->archive) != ARCHIVE_OK ||
	    archive_read_set_format(tar->archive, ARCHIVE_FORMAT_TAR) != ARCHIVE_OK ||
	    set_filter(tar->archive, compression) != ARCHIVE_OK ||
	    archive_read_open(tar->archive, tar, NULL, read_source, NULL) != ARCHIVE_OK)
		return fail(tar, -EINVAL, error);
	*ret_tar = pkgima_steal_pointer(&tar);
	return 0;
}

void pkgima_tar_free(struct pkgima_tar *tar)
{
	if (!tar)
		return;
	if (tar->archive)
		archive_read_free(tar->archive);
	pkgima_xz_free(tar->xz);
	free(tar);
}

static int describe(struct pkgima_tar_member *member, struct pkgima_error *error)
{
	const char *name = archive_entry_pathname(member->raw);
	const char *link = archive_entry_hardlink(member->raw);
	char safe[512];
	int r;

	if (!name)
		return pkgima_fail(error, -EINVAL, "a member of the archive has no name that can be read");
	pkgima_printable_into(name, safe, sizeof(safe));
	r = pkgima_path_from_tar(name, member->path);
	if (r < 0)
		return pkgima_fail(error, r, "the archive has a member with the path %s, which is refused", safe);
	member->hard_link = link != NULL;
	if (link) {
		r = pkgima_path_from_tar(link, member->target);
		if (r < 0 || !member->target[0])
			return pkgima_fail(error, -EINVAL, "%s is a hard link out of the package", safe);
	}
	member->regular = !link && archive_entry_filetype(member->raw) == AE_IFREG;
	if (member->regular && !member->path[0])
		return pkgima_fail(error, -EINVAL, "the archive has a regular file without a name");
	if (member->regular && archive_entry_sparse_count(member->raw) > 0)
		return pkgima_fail(error, -EINVAL, "%s is stored as a sparse file, which dpkg does not unpack", safe);
	member->size = member->regular ? (uint64_t)archive_entry_size(member->raw) : 0;
	return 0;
}

int pkgima_tar_next(struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error)
{
	int r;

	tar->content = 0;
	r = archive_read_next_header(tar->archive, &member->raw);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return fail(tar, -EINVAL, error);
	if (archive_format(tar->archive) == ARCHIVE_FORMAT_TAR_PAX_INTERCHANGE)
		return pkgima_fail(error, -EINVAL, "the archive has PAX headers, which dpkg refuses");
	r = describe(member, error);
	return r < 0 ? r : 1;
}

ssize_t pkgima_tar_read(struct pkgima_tar *tar, const void **ret_data, struct pkgima_error *error)
{
	la_int64_t offset;
	size_t length;
	int r;

	do {
		r = archive_read_data_block(tar->archive, ret_data, &length, &offset);
		if (r == ARCHIVE_EOF)
			return 0;
		if (r != ARCHIVE_OK)
			return fail(tar, -EINVAL, error);
		if (offset != tar->content)
			return pkgima_fail(error, -EINVAL, "a file in the archive has holes");
	} while (length == 0);
	tar->content += (int64_t)length;
	return (ssize_t)length;
}

int pkgima_tar_hash(struct pkgima_tar *tar, struct pkgima_hasher *hasher, enum pkgima_hash hash,
		    uint8_t digest[PKGIMA_DIGEST_MAX], struct pkgima_error *error)
{
	int r = pkgima_hasher_begin(hasher, hash, error);

	while (r == 0) {
		const void *data;
		ssize_t n = pkgima_tar_read(tar, &data, error);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return pkgima_hasher_end(hasher, digest, error);
		r = pkgima_hasher_update(hasher, data, (size_t)n, error);
	}
	return r;
}

int pkgima_tar_read_whole(struct pkgima_tar *tar, const struct pkgima_tar_member *member, size_t max,
			  uint8_t **ret_data, size_t *ret_length, struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t used = 0;
	char safe[256];

	pkgima_printable_into(member->path, safe, sizeof(safe));
	if (member->size > max)
		return pkgima_fail(error, -EFBIG, "%s has %ju bytes, at most %zu are accepted", safe,
				   (uintmax_t)member->size, max);
	data = malloc((size_t)member->size + 1);
	if (!data)
		return pkgima_fail(error, -ENOMEM, "no memory for %s, %ju bytes", safe, (uintmax_t)member->size);
	for (;;) {
		const void *piece;
		ssize_t n = pkgima_tar_read(tar, &piece, error);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		if ((size_t)n > (size_t)member->size - used)
			return pkgima_fail(error, -EINVAL, "%s is longer than its header says", safe);
		memcpy(data + used, piece, (size_t)n);
		used += (size_t)n;
	}
	data[used] = '\0';
	*ret_length = used;
	*ret_data = pkgima_steal_pointer(&data);
	return 0;
}
