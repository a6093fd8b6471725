/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_XZ_DECODER_H
#define PKGIMA_XZ_DECODER_H

#include <stdint.h>
#include <sys/types.h>

#include <lzma.h>

#include "error.h"

/* What lib/xz.c decodes with, one for each thread. */

/* A stream or block that needs more memory is refused. The xz tool's largest preset takes 65 MiB. */
#define PKGIMA_XZ_MEMORY_LIMIT ((uint64_t)1024 * 1024 * 1024)

/* One liblzma coder and the part of the file it reads; the descriptor is borrowed. */
struct pkgima_xz_decoder {
	int fd;
	off_t offset;             /* of the .xz data within the file */
	uint64_t position, end;   /* what is not yet in @input, within the .xz data */
	lzma_stream stream;
	uint8_t *input;           /* owned */
	lzma_block block;         /* liblzma refers to it while it decodes a block */
};

/* For @length bytes of .xz data at @offset of @fd. -ENOMEM, without a text. */
int pkgima_xz_decoder_init(struct pkgima_xz_decoder *decoder, int fd, off_t offset, uint64_t length);
void pkgima_xz_decoder_release(struct pkgima_xz_decoder *decoder);

/* From now on it reads bytes [@position, @end) of the .xz data. */
void pkgima_xz_decoder_seek(struct pkgima_xz_decoder *decoder, uint64_t position, uint64_t end);

/* Makes an errno and a text of an answer of liblzma that is neither LZMA_OK nor LZMA_STREAM_END. */
int pkgima_xz_decoder_fail(struct pkgima_xz_decoder *decoder, lzma_ret code, struct pkgima_error *error);

/* lzma_code() with more input when needed; *@ret_code is its answer. Returns -errno when the input cannot be read. */
int pkgima_xz_decoder_step(struct pkgima_xz_decoder *decoder, lzma_ret *ret_code, struct pkgima_error *error);

/*
 * Decodes until @size bytes are in @output or the end is reached. Returns 1 at the end, 0 before. @size may be 0, to go
 * on to the end when no more output is expected: each call either gets closer to it or fails.
 */
int pkgima_xz_decoder_run(struct pkgima_xz_decoder *decoder, uint8_t *output, size_t size, size_t *ret_count,
			  struct pkgima_error *error);

/* Goes to the block that @blocks stands at and parses its header, which must agree with the index. */
int pkgima_xz_decoder_open_block(struct pkgima_xz_decoder *decoder, const lzma_index_iter *blocks,
				 struct pkgima_error *error);

#endif
