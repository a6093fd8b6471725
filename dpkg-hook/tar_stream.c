// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tar_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/escape.h"

#define BLOCK 512
/* GNU long names: more than a path may have is refused by the kernel anyway. */
#define LONG_NAME_MAX (PKGIMA_PATH_MAX + 1)

/* tar(5), ustar and GNU; offsets in the header block. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type;
	char link[100], magic[8], user[32], group[32], major[8], minor[8];
	char prefix[155];
	char unused[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

enum part {
	PART_HEADER,
	PART_CONTENT,       /* of a file, with its padding */
	PART_LONG_NAME,     /* blocks of a GNU long name */
	PART_LONG_LINK,
	PART_END,
	PART_BROKEN,
};

struct pkgima_tar_stream {
	enum part part;
	uint64_t left;               /* bytes of this part that are still to come */
	char long_name[LONG_NAME_MAX + BLOCK];
	size_t long_length;
	bool has_long_name;
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

/* Octal, or base 256 with the first bit set; spaces in front and behind. False where dpkg reports an error. */
static bool parse_number(const char *field, size_t size, uint64_t *ret_number)
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
		return true;
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
	return true;
}

static bool checksum_fits(const struct header *header)
{
	size_t from = offsetof(struct header, checksum), to = from + sizeof(header->checksum);
	const unsigned char *bytes = (const unsigned char *)header;
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= from && i < to ? ' ' : bytes[i];
	return parse_number(header->checksum, sizeof(header->checksum), &wanted) && sum == wanted;
}

static bool is_ustar(const struct header *header)
{
	return !memcmp(header->magic, "ustar", 6);
}

/* The name as dpkg takes it: a long one that came before, or the header's. @output takes LONG_NAME_MAX bytes. */
static void take_name(const struct pkgima_tar_stream *stream, const struct header *header, char *output)
{
	size_t length = 0;

	if (stream->has_long_name) {
		strcpy(output, stream->long_name);
		return;
	}
	if (is_ustar(header) && header->prefix[0]) {
		length = strnlen(header->prefix, sizeof(header->prefix));
		memcpy(output, header->prefix, length);
		output[length++] = '/';
	}
	memcpy(output + length, header->name, strnlen(header->name, sizeof(header->name)));
	output[length + strnlen(header->name, sizeof(header->name))] = '\0';
}

static int add_file(struct pkgima_tar_stream *stream, const char *name, uint64_t mode, uint64_t size,
		    struct pkgima_error *error)
{
	char path[PKGIMA_PATH_MAX + 1], safe[256];
	struct pkgima_entry *entry;
	int r;

	r = pkgima_path_from_tar(name, path);
	if (r < 0 || !path[0])
		return pkgima_fail(error, -EINVAL, "the data member has a file with the name %s",
				   pkgima_printable_into(name, safe, sizeof(safe)));
	entry = pkgima_entries_add(&stream->files);
	if (entry)
		entry->path = pkgima_entries_keep(&stream->files, path, strlen(path));
	if (!entry || !entry->path)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	entry->type = PKGIMA_ENTRY_FILE;
	entry->mode = S_IFREG | (mode & 07777);
	entry->size = size;
	return 0;
}

static int begin_long(struct pkgima_tar_stream *stream, enum part part, uint64_t size, struct pkgima_error *error)
{
	if (size > LONG_NAME_MAX)
		return pkgima_fail(error, -EINVAL, "the data member has a name of %ju bytes", (uintmax_t)size);
	if (size == 0)
		return 0;
	stream->part = part;
	stream->long_length = 0;
	stream->left = (size + BLOCK - 1) / BLOCK * BLOCK;
	return 0;
}

/* 1 at the end, 0, -EINVAL. */
static int take_header(struct pkgima_tar_stream *stream, const struct header *header, struct pkgima_error *error)
{
	char name[LONG_NAME_MAX + sizeof(header->prefix) + sizeof(header->name) + 2];
	uint64_t size, mode, ignored;
	bool good;

	good = parse_number(header->size, sizeof(header->size), &size) && size <= INT64_MAX &&
	       parse_number(header->uid, sizeof(header->uid), &ignored) &&
	       parse_number(header->gid, sizeof(header->gid), &ignored) && checksum_fits(header);
	/* A block of zeros, or what dpkg takes for one: its name is empty (with a prefix it has one). */
	if (!good && !header->name[0] && !(is_ustar(header) && header->prefix[0]))
		return 1;
	if (!good)
		return pkgima_fail(error, -EINVAL, "the data member has a malformed header");
	if (!parse_number(header->mode, sizeof(header->mode), &mode))
		mode = 0;
	if (header->type == 'L' || header->type == 'K')
		return begin_long(stream, header->type == 'L' ? PART_LONG_NAME : PART_LONG_LINK, size, error);
	take_name(stream, header, name);
	stream->has_long_name = false;
	if (!name[0])
		return pkgima_fail(error, -EINVAL, "the data member has a header without a name");
	switch (header->type) {
	case '\0':
	case '0':
		stream->part = PART_CONTENT;
		stream->left = (size + BLOCK - 1) / BLOCK * BLOCK;
		return add_file(stream, name, mode, size, error);
	case '1':
		return add_file(stream, name, mode, 0, error);
	case '2': case '3': case '4': case '5': case '6':
		return 0;
	default:
		return pkgima_fail(error, -EINVAL, "the data member has a header of a type that dpkg does not unpack");
	}
}

static int take_long(struct pkgima_tar_stream *stream, const void *block, struct pkgima_error *error)
{
	memcpy(stream->long_name + stream->long_length, block, BLOCK);
	stream->long_length += BLOCK;
	stream->left -= BLOCK;
	if (stream->left)
		return 0;
	if (stream->part == PART_LONG_NAME) {
		if (!memchr(stream->long_name, '\0', stream->long_length))
			return pkgima_fail(error, -EINVAL, "the data member has a name without an end");
		stream->has_long_name = true;
	}
	stream->part = PART_HEADER;
	return 0;
}

int pkgima_tar_stream_feed(struct pkgima_tar_stream *stream, const void *bytes, size_t length, size_t *ret_before,
			   struct pkgima_error *error)
{
	const char *start = bytes;
	size_t at = 0;
	int r;

	*ret_before = length;
	if (stream->part == PART_BROKEN || stream->part == PART_END || length % BLOCK)
		return pkgima_fail(error, -EINVAL, "the data member is cut off, or goes on behind its end");
	while (at < length) {
		if (stream->part == PART_CONTENT) {
			size_t take = stream->left < length - at ? (size_t)stream->left : length - at;

			stream->left -= take;
			at += take;
			if (!stream->left)
				stream->part = PART_HEADER;
			continue;
		}
		if (stream->part == PART_HEADER) {
			/* Headers are bytes only: any address will do. */
			r = take_header(stream, (const struct header *)(start + at), error);
			if (stream->part == PART_CONTENT && !stream->left)
				stream->part = PART_HEADER;
		} else {
			r = take_long(stream, start + at, error);
		}
		if (r != 0) {
			stream->part = r == 1 ? PART_END : PART_BROKEN;
			*ret_before = at;
			return r;
		}
		at += BLOCK;
	}
	return 0;
}
