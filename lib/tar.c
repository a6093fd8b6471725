// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"

struct pkgima_tar {
	struct pkgima_stream *stream;
	const uint8_t *piece;         /* of the stream, what was not used yet */
	size_t left;
	uint64_t content;             /* bytes of the member's content that are still to come */
	uint64_t padding;             /* and behind them */
	struct pkgima_tar_names names;
	bool ended;
};

int pkgima_tar_open(int fd, off_t offset, uint64_t size, enum pkgima_compression compression, unsigned int threads,
		    struct pkgima_tar **ret_tar, struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = calloc(1, sizeof(*tar));
	int r;

	if (!tar)
		return pkgima_fail(error, -ENOMEM, "no memory to read an archive");
	r = pkgima_stream_open(fd, offset, size, compression, threads, &tar->stream, error);
	if (r < 0)
		return r;
	*ret_tar = pkgima_steal_pointer(&tar);
	return 0;
}

void pkgima_tar_free(struct pkgima_tar *tar)
{
	if (!tar)
		return;
	pkgima_stream_free(tar->stream);
	free(tar);
}

/* Up to @max bytes, at least one; 0 at the end of the stream. */
static ssize_t take(struct pkgima_tar *tar, uint64_t max, const void **ret_data, struct pkgima_error *error)
{
	size_t length;

	if (!tar->left) {
		const void *data = NULL;
		ssize_t n = pkgima_stream_read(tar->stream, &data, error);

		if (n <= 0)
			return n;
		tar->piece = data;
		tar->left = (size_t)n;
	}
	length = tar->left < max ? tar->left : (size_t)max;
	*ret_data = tar->piece;
	tar->piece += length;
	tar->left -= length;
	return (ssize_t)length;
}

static int cut_off(struct pkgima_error *error)
{
	return pkgima_fail(error, -EINVAL, "the archive is cut off");
}

/* Copies just @length bytes to @output, or drops them where it is NULL. */
static int take_all(struct pkgima_tar *tar, void *output, uint64_t length, struct pkgima_error *error)
{
	uint8_t *at = output;

	while (length > 0) {
		const void *data = NULL;
		ssize_t n = take(tar, length, &data, error);

		if (n <= 0)
			return n < 0 ? (int)n : cut_off(error);
		if (at) {
			memcpy(at, data, (size_t)n);
			at += n;
		}
		length -= (uint64_t)n;
	}
	return 0;
}

/* Behind the end: what dpkg does not read, but for zeros, someone else might. Reading on also verifies the checksums. */
static int take_end(struct pkgima_tar *tar, struct pkgima_error *error)
{
	const void *data;
	ssize_t n;

	tar->ended = true;
	while ((n = take(tar, UINT64_MAX, &data, error)) > 0)
		for (ssize_t i = 0; i < n; i++)
			if (((const uint8_t *)data)[i])
				return pkgima_fail(error, -EINVAL, "there is something behind the archive's end");
	return (int)n;
}

/* The next header that is no long name. 1, 0 at the end, -errno. */
static int take_header(struct pkgima_tar *tar, struct pkgima_tar_header *header, struct pkgima_error *error)
{
	uint8_t block[PKGIMA_TAR_BLOCK];
	char name[PKGIMA_PATH_MAX + 2];
	int r;

	for (;;) {
		r = take_all(tar, block, sizeof(block), error);
		if (r == 0)
			r = pkgima_tar_header_parse(&tar->names, block, header, error);
		if (r <= 0)
			return r < 0 ? r : take_end(tar, error);
		if (header->type != 'L' && header->type != 'K')
			return 1;
		r = take_all(tar, name, header->size, error);
		if (r == 0)
			r = take_all(tar, NULL, pkgima_tar_padded(header->size) - header->size, error);
		if (r == 0)
			r = pkgima_tar_header_long(&tar->names, header, name, error);
		if (r < 0)
			return r;
	}
}

static int describe(const struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error)
{
	const char *name = tar->names.name;
	char safe[512];
	int r;

	pkgima_printable_into(name, safe, sizeof(safe));
	r = pkgima_path_from_tar(name, member->path);
	if (r < 0)
		return pkgima_fail(error, r, "the archive has a member with the path %s, which is refused", safe);
	member->regular = member->header.type == '0';
	member->hard_link = member->header.type == '1';
	if (member->hard_link) {
		r = pkgima_path_from_tar(tar->names.link, member->target);
		if (r < 0 || !member->target[0])
			return pkgima_fail(error, -EINVAL, "%s is a hard link out of the package", safe);
	}
	if (!member->path[0] && member->header.type != '5')
		return pkgima_fail(error, -EINVAL, "the archive has a member that stands for the root and is no folder");
	member->size = member->header.size;
	return 1;
}

int pkgima_tar_next(struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error)
{
	int r;

	if (tar->ended)
		return 0;
	r = take_all(tar, NULL, tar->content + tar->padding, error);
	if (r == 0)
		r = take_header(tar, &member->header, error);
	if (r <= 0)
		return r;
	tar->content = member->header.size;
	tar->padding = pkgima_tar_padded(tar->content) - tar->content;
	return describe(tar, member, error);
}

ssize_t pkgima_tar_read(struct pkgima_tar *tar, const void **ret_data, struct pkgima_error *error)
{
	ssize_t n;

	if (!tar->content)
		return 0;
	n = take(tar, tar->content, ret_data, error);
	if (n <= 0)
		return n < 0 ? n : cut_off(error);
	tar->content -= (uint64_t)n;
	return n;
}

int pkgima_tar_hash(struct pkgima_tar *tar, struct pkgima_hasher *hasher, enum pkgima_hash hash,
		    uint8_t digest[PKGIMA_DIGEST_MAX], struct pkgima_error *error)
{
	int r = pkgima_hasher_begin(hasher, hash, error);

	while (r == 0) {
		const void *data = NULL;
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
		const void *piece = NULL;
		ssize_t n = pkgima_tar_read(tar, &piece, error);

		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		memcpy(data + used, piece, (size_t)n);
		used += (size_t)n;
	}
	data[used] = '\0';
	*ret_length = used;
	*ret_data = pkgima_steal_pointer(&data);
	return 0;
}
