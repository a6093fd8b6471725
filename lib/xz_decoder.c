// SPDX-License-Identifier: LGPL-2.1-or-later
#include "xz_decoder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

/* What one pread asks for; more than the largest block header, which is parsed in place. */
#define INPUT_SIZE ((size_t)64 * 1024)
#define MIB ((uint64_t)1024 * 1024)

_Static_assert(INPUT_SIZE >= LZMA_BLOCK_HEADER_SIZE_MAX, "a block header must fit into the input buffer");

static int memory_exceeded(uint64_t needed, struct pkgima_error *error)
{
	return pkgima_fail(error, -EFBIG,
			   "decompressing .xz data: memory limit exceeded: %" PRIu64 " MiB needed, %" PRIu64
			   " MiB allowed", needed / MIB + (needed % MIB != 0), PKGIMA_XZ_MEMORY_LIMIT / MIB);
}

int pkgima_xz_decoder_fail(struct pkgima_xz_decoder *decoder, lzma_ret code, struct pkgima_error *error)
{
	switch (code) {
	case LZMA_MEM_ERROR:
		return pkgima_fail(error, -ENOMEM, "decompressing .xz data: out of memory");
	case LZMA_MEMLIMIT_ERROR:
		return memory_exceeded(lzma_memusage(&decoder->stream), error);
	case LZMA_BUF_ERROR:
		return pkgima_fail(error, -ENODATA, "decompressing .xz data: truncated: its end is missing");
	case LZMA_FORMAT_ERROR:
		return pkgima_fail(error, -EBADMSG, "decompressing .xz data: corrupt: it does not begin as .xz does");
	case LZMA_DATA_ERROR:
		return pkgima_fail(error, -EBADMSG, "decompressing .xz data: corrupt");
	case LZMA_OPTIONS_ERROR:
		return pkgima_fail(error, -EOPNOTSUPP, "decompressing .xz data: unsupported filter or option");
	case LZMA_UNSUPPORTED_CHECK:
		return pkgima_fail(error, -EOPNOTSUPP, "decompressing .xz data: unsupported kind of integrity check");
	default:
		return pkgima_fail(error, -EIO, "decompressing .xz data: unexpected answer %d of liblzma", (int)code);
	}
}

int pkgima_xz_decoder_init(struct pkgima_xz_decoder *decoder, int fd, off_t offset, uint64_t length)
{
	decoder->fd = fd;
	decoder->offset = offset;
	decoder->end = length;
	decoder->stream = (lzma_stream)LZMA_STREAM_INIT;
	decoder->input = malloc(INPUT_SIZE);
	return decoder->input ? 0 : -ENOMEM;
}

void pkgima_xz_decoder_release(struct pkgima_xz_decoder *decoder)
{
	lzma_end(&decoder->stream);
	free(decoder->input);
	decoder->input = NULL;
}

void pkgima_xz_decoder_seek(struct pkgima_xz_decoder *decoder, uint64_t position, uint64_t end)
{
	decoder->position = position;
	decoder->end = end;
	decoder->stream.avail_in = 0;
}

static int fill(struct pkgima_xz_decoder *decoder, struct pkgima_error *error)
{
	uint64_t left = decoder->end - decoder->position;
	size_t count = left < INPUT_SIZE ? left : INPUT_SIZE;
	ssize_t got;

	got = pkgima_pread_all(decoder->fd, decoder->input, count, decoder->offset + (off_t)decoder->position);
	if (got < 0)
		return pkgima_fail(error, (int)got, "reading .xz data: %s", strerror((int)-got));
	if ((size_t)got < count)
		return pkgima_fail(error, -ENODATA, "reading .xz data: truncated: the file ends within it");
	decoder->position += count;
	decoder->stream.next_in = decoder->input;
	decoder->stream.avail_in = count;
	return 0;
}

int pkgima_xz_decoder_step(struct pkgima_xz_decoder *decoder, lzma_ret *ret_code, struct pkgima_error *error)
{
	int r;

	if (!decoder->stream.avail_in && decoder->position < decoder->end) {
		r = fill(decoder, error);
		if (r < 0)
			return r;
	}
	*ret_code = lzma_code(&decoder->stream, decoder->position == decoder->end ? LZMA_FINISH : LZMA_RUN);
	return 0;
}

int pkgima_xz_decoder_run(struct pkgima_xz_decoder *decoder, uint8_t *output, size_t size, size_t *ret_count,
			  struct pkgima_error *error)
{
	lzma_ret code;
	int r;

	decoder->stream.next_out = output;
	decoder->stream.avail_out = size;
	do {
		r = pkgima_xz_decoder_step(decoder, &code, error);
		if (r < 0)
			return r;
	} while (code == LZMA_OK && decoder->stream.avail_out);
	if (code != LZMA_OK && code != LZMA_STREAM_END)
		return pkgima_xz_decoder_fail(decoder, code, error);
	*ret_count = size - decoder->stream.avail_out;
	return code == LZMA_STREAM_END;
}

/*
 * Starts the decoder of a block whose header has been parsed. A dictionary is never larger than what it can be filled
 * with, so that a header cannot ask for much; what the sequential decoder would refuse is refused here, too.
 */
static int start_block(struct pkgima_xz_decoder *decoder, const lzma_filter *filters, struct pkgima_error *error)
{
	uint64_t needed = lzma_raw_decoder_memusage(filters);
	lzma_options_lzma *options;
	lzma_ret code;

	if (needed != UINT64_MAX && needed > PKGIMA_XZ_MEMORY_LIMIT)
		return memory_exceeded(needed, error);
	for (; filters->id != LZMA_VLI_UNKNOWN; filters++) {
		if (filters->id != LZMA_FILTER_LZMA2)
			continue;
		options = filters->options;
		if (options->dict_size > decoder->block.uncompressed_size)
			options->dict_size = (uint32_t)decoder->block.uncompressed_size;
		if (options->dict_size < LZMA_DICT_SIZE_MIN)
			options->dict_size = LZMA_DICT_SIZE_MIN;
	}
	code = lzma_block_decoder(&decoder->stream, &decoder->block);
	return code == LZMA_OK ? 0 : pkgima_xz_decoder_fail(decoder, code, error);
}

int pkgima_xz_decoder_open_block(struct pkgima_xz_decoder *decoder, const lzma_index_iter *blocks,
				 struct pkgima_error *error)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block *block = &decoder->block;
	uint64_t start = blocks->block.compressed_file_offset;
	lzma_ret code;
	int r;

	pkgima_xz_decoder_seek(decoder, start, start + blocks->block.total_size);
	r = fill(decoder, error);
	if (r < 0)
		return r;
	*block = (lzma_block){ .version = 1, .check = blocks->stream.flags->check, .filters = filters };
	block->header_size = lzma_block_header_size_decode(decoder->input[0]);
	if (!decoder->input[0] || block->header_size > decoder->stream.avail_in)
		return pkgima_xz_decoder_fail(decoder, LZMA_DATA_ERROR, error);
	code = lzma_block_header_decode(block, NULL, decoder->input);
	if (code != LZMA_OK)
		return pkgima_xz_decoder_fail(decoder, code, error);
	code = lzma_block_compressed_size(block, blocks->block.unpadded_size);
	if (block->uncompressed_size == LZMA_VLI_UNKNOWN)
		block->uncompressed_size = blocks->block.uncompressed_size;
	if (block->uncompressed_size != blocks->block.uncompressed_size)
		code = LZMA_DATA_ERROR;
	decoder->stream.next_in += block->header_size;
	decoder->stream.avail_in -= block->header_size;
	r = code == LZMA_OK ? start_block(decoder, filters, error) : pkgima_xz_decoder_fail(decoder, code, error);
	lzma_filters_free(filters, NULL);
	block->filters = NULL;
	return r;
}
