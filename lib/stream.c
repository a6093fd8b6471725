// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>
#include <zstd.h>

#include "io.h"
#include "xz.h"

#define INPUT_SIZE ((size_t)64 * 1024)
#define OUTPUT_SIZE ((size_t)128 * 1024)

/* windowBits of inflateInit2(): the largest window, and a gzip header (not zlib's, nor either). */
#define GZIP_WINDOW (15 + 16)

struct pkgima_stream {
	enum pkgima_compression compression;
	int fd;
	off_t at, end;            /* what is left of the part */
	struct pkgima_xz *xz;
	z_stream gzip;
	ZSTD_DStream *zstd;
	ZSTD_inBuffer zstd_input; /* in @input */
	uint8_t *input, *output;
	int result;               /* 0, 1: the compressed stream has ended, -errno */
};

int pkgima_stream_open(int fd, off_t offset, uint64_t size, enum pkgima_compression compression, unsigned int threads,
		       struct pkgima_stream **ret_stream, struct pkgima_error *error)
{
	cleanup_stream struct pkgima_stream *stream = calloc(1, sizeof(*stream));
	int r = 0;

	if (!stream)
		return pkgima_fail(error, -ENOMEM, "no memory to decompress");
	stream->fd = fd;
	stream->at = offset;
	stream->end = offset + (off_t)size;
	stream->input = malloc(INPUT_SIZE);
	stream->output = malloc(OUTPUT_SIZE);
	if (!stream->input || !stream->output)
		return pkgima_fail(error, -ENOMEM, "no memory to decompress");
	switch (compression) {
	case PKGIMA_COMPRESSION_NONE:
		break;
	case PKGIMA_COMPRESSION_GZIP:
		if (inflateInit2(&stream->gzip, GZIP_WINDOW) != Z_OK)
			return pkgima_fail(error, -ENOMEM, "no memory to decompress");
		break;
	case PKGIMA_COMPRESSION_XZ:
		r = pkgima_xz_open(fd, offset, size, threads, &stream->xz, error);
		break;
	case PKGIMA_COMPRESSION_ZSTD:
		stream->zstd = ZSTD_createDStream();
		stream->zstd_input.src = stream->input;
		if (!stream->zstd || ZSTD_isError(ZSTD_initDStream(stream->zstd)))
			return pkgima_fail(error, -ENOMEM, "no memory to decompress");
		break;
	}
	if (r < 0)
		return r;
	stream->compression = compression;
	*ret_stream = pkgima_steal_pointer(&stream);
	return 0;
}

void pkgima_stream_free(struct pkgima_stream *stream)
{
	if (!stream)
		return;
	pkgima_xz_free(stream->xz);
	if (stream->compression == PKGIMA_COMPRESSION_GZIP)
		inflateEnd(&stream->gzip);
	ZSTD_freeDStream(stream->zstd);
	free(stream->input);
	free(stream->output);
	free(stream);
}

/* More of the part into @input: how much, 0 at its end, -errno. */
static ssize_t fill(struct pkgima_stream *stream, struct pkgima_error *error)
{
	size_t left = (size_t)(stream->end - stream->at);
	ssize_t n = pkgima_pread_all(stream->fd, stream->input, left < INPUT_SIZE ? left : INPUT_SIZE, stream->at);

	if (n < 0)
		return pkgima_fail(error, (int)n, "cannot read: %s", strerror((int)-n));
	if (n == 0 && left)
		return pkgima_fail(error, -ENODATA, "it became shorter while it was read");
	stream->at += n;
	return n;
}

static int cut_off(struct pkgima_error *error)
{
	return pkgima_fail(error, -ENODATA, "the compressed data is cut off");
}

static int finish(struct pkgima_stream *stream, size_t unused, struct pkgima_error *error)
{
	if (unused || stream->at < stream->end)
		return pkgima_fail(error, -EINVAL, "there is something behind the compressed data");
	return 1;
}

static ssize_t read_gzip(struct pkgima_stream *stream, struct pkgima_error *error)
{
	z_stream *gzip = &stream->gzip;
	ssize_t n;
	int code;

	gzip->next_out = stream->output;
	gzip->avail_out = OUTPUT_SIZE;
	for (;;) {
		/* What it holds back for lack of room comes without new input. */
		code = inflate(gzip, Z_NO_FLUSH);
		if (code == Z_STREAM_END) {
			stream->result = finish(stream, gzip->avail_in, error);
			break;
		}
		if (code == Z_MEM_ERROR)
			return pkgima_fail(error, -ENOMEM, "no memory to decompress");
		if (code != Z_OK && code != Z_BUF_ERROR)
			return pkgima_fail(error, -EBADMSG, "the gzip data is corrupt: %s", gzip->msg ? gzip->msg : "?");
		if (gzip->avail_out < OUTPUT_SIZE)
			break;
		if (gzip->avail_in)
			continue;
		n = fill(stream, error);
		if (n <= 0)
			return n < 0 ? n : cut_off(error);
		gzip->next_in = stream->input;
		gzip->avail_in = (uInt)n;
	}
	return stream->result < 0 ? stream->result : (ssize_t)(OUTPUT_SIZE - gzip->avail_out);
}

static ssize_t read_zstd(struct pkgima_stream *stream, struct pkgima_error *error)
{
	ZSTD_outBuffer output = { .dst = stream->output, .size = OUTPUT_SIZE };
	ZSTD_inBuffer *input = &stream->zstd_input;
	size_t code;
	ssize_t n;

	while (output.pos == 0) {
		/* What it holds back for lack of room comes without new input. */
		code = ZSTD_decompressStream(stream->zstd, &output, input);
		if (ZSTD_isError(code))
			return pkgima_fail(error, -EBADMSG, "the zstd data is corrupt: %s", ZSTD_getErrorName(code));
		if (code == 0 && input->size) {
			stream->result = finish(stream, input->size - input->pos, error);
			break;
		}
		if (output.pos || input->pos < input->size)
			continue;
		n = fill(stream, error);
		if (n <= 0)
			return n < 0 ? n : cut_off(error);
		input->size = (size_t)n;
		input->pos = 0;
	}
	return stream->result < 0 ? stream->result : (ssize_t)output.pos;
}

ssize_t pkgima_stream_read(struct pkgima_stream *stream, const void **ret_data, struct pkgima_error *error)
{
	ssize_t n = 0;

	if (stream->compression == PKGIMA_COMPRESSION_XZ)
		return pkgima_xz_read(stream->xz, ret_data, error);
	if (stream->result < 0)
		return pkgima_fail(error, stream->result, "the compressed data could not be read");
	if (stream->result == 1)
		return 0;
	*ret_data = stream->output;
	switch (stream->compression) {
	case PKGIMA_COMPRESSION_GZIP:
		n = read_gzip(stream, error);
		break;
	case PKGIMA_COMPRESSION_ZSTD:
		n = read_zstd(stream, error);
		break;
	default:
		n = fill(stream, error);
		*ret_data = stream->input;
	}
	if (n < 0)
		stream->result = (int)n;
	return n;
}
