// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tar_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/escape.h"
#include "../lib/tar_header.h"

#define BLOCK PKGIMA_TAR_BLOCK

enum part {
	PART_HEADER,
	PART_CONTENT,       /* of a file, with its padding */
	PART_LONG,          /* a long name */
	PART_END,
	PART_BROKEN,
};

struct pkgima_tar_stream {
	enum part part;
	uint64_t left;               /* bytes of this part that are still to come */
	struct pkgima_tar_header header;
	struct pkgima_tar_names names;
	char long_name[PKGIMA_PATH_MAX + 2 + BLOCK];
	size_t long_length;
	struct pkgima_entries files;
};

struct pkgima_tar_stream *pkgima_tar_stream_new(void)
{
	return calloc(1, sizeof(struct pkgima_tar_stream));
}

void pkgima_tar_stream_free(struct pkgima_tar_stream *stream)
{
	if (!stream)
		return;
	pkgima_entries_free(&stream->files);
	free(stream);
}

const struct pkgima_entries *pkgima_tar_stream_files(const struct pkgima_tar_stream *stream)
{
	return &stream->files;
}

static int add_file(struct pkgima_tar_stream *stream, struct pkgima_error *error)
{
	char path[PKGIMA_PATH_MAX + 1], safe[256];
	struct pkgima_entry *entry;
	int r;

	r = pkgima_path_from_tar(stream->names.name, path);
	if (r < 0 || !path[0])
		return pkgima_fail(error, -EINVAL, "the archive has a file with the name %s",
				   pkgima_printable_into(stream->names.name, safe, sizeof(safe)));
	entry = pkgima_entries_add(&stream->files);
	if (entry)
		entry->path = pkgima_entries_keep(&stream->files, path, strlen(path));
	if (!entry || !entry->path)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	entry->type = PKGIMA_ENTRY_FILE;
	entry->mode = S_IFREG | stream->header.mode;
	entry->size = stream->header.size;
	return 0;
}

/* 1 at the end, 0, -EINVAL. */
static int take_header(struct pkgima_tar_stream *stream, const uint8_t *block, struct pkgima_error *error)
{
	int r = pkgima_tar_header_parse(&stream->names, block, &stream->header, error);

	if (r <= 0)
		return r < 0 ? r : 1;
	stream->left = pkgima_tar_padded(stream->header.size);
	switch (stream->header.type) {
	case 'L':
	case 'K':
		stream->part = PART_LONG;
		stream->long_length = 0;
		return 0;
	case '0':
		stream->part = stream->left ? PART_CONTENT : PART_HEADER;
		return add_file(stream, error);
	case '1':
		return add_file(stream, error);
	default:
		return 0;
	}
}

static int take_long(struct pkgima_tar_stream *stream, const uint8_t *block, struct pkgima_error *error)
{
	memcpy(stream->long_name + stream->long_length, block, BLOCK);
	stream->long_length += BLOCK;
	stream->left -= BLOCK;
	if (stream->left)
		return 0;
	stream->part = PART_HEADER;
	return pkgima_tar_header_long(&stream->names, &stream->header, stream->long_name, error);
}

int pkgima_tar_stream_feed(struct pkgima_tar_stream *stream, const void *bytes, size_t length, size_t *ret_before,
			   struct pkgima_error *error)
{
	const uint8_t *start = bytes;
	size_t at = 0;
	int r;

	*ret_before = length;
	if (stream->part == PART_BROKEN || stream->part == PART_END || length % BLOCK)
		return pkgima_fail(error, -EINVAL, "the archive is cut off, or goes on behind its end");
	while (at < length) {
		if (stream->part == PART_CONTENT) {
			size_t take = stream->left < length - at ? (size_t)stream->left : length - at;

			stream->left -= take;
			at += take;
			if (!stream->left)
				stream->part = PART_HEADER;
			continue;
		}
		r = stream->part == PART_HEADER ? take_header(stream, start + at, error) :
						  take_long(stream, start + at, error);
		if (r != 0) {
			stream->part = r == 1 ? PART_END : PART_BROKEN;
			*ret_before = at;
			return r;
		}
		at += BLOCK;
	}
	return 0;
}
