/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_STREAM_H
#define PKGIMA_STREAM_H

#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "error.h"

/* How a member of a .deb is compressed. */
enum pkgima_compression {
	PKGIMA_COMPRESSION_NONE,
	PKGIMA_COMPRESSION_GZIP,
	PKGIMA_COMPRESSION_XZ,
	PKGIMA_COMPRESSION_ZSTD,
};

/*
 * Decompresses a part of a file, from front to back. Decompressors differ in what they make of several streams behind one
 * another, of bytes behind the last, and of data that is not compressed at all. So just one stream is taken, which has to
 * fill the part; its checksums are verified by the time its end is read.
 */
struct pkgima_stream;

/* Bytes [@offset, @offset + @size) of @fd, by pread(); @fd must stay open. Up to @threads threads, where that helps. */
int pkgima_stream_open(int fd, off_t offset, uint64_t size, enum pkgima_compression compression, unsigned int threads,
		       struct pkgima_stream **ret_stream, struct pkgima_error *error);
void pkgima_stream_free(struct pkgima_stream *stream);
PKGIMA_DEFINE_CLEANUP(pkgima_stream, struct pkgima_stream, pkgima_stream_free)
#define cleanup_stream PKGIMA_CLEANUP(pkgima_stream_cleanup)

/* The next piece: its length, 0 at the end, -errno. *@ret_data holds until the next call. */
ssize_t pkgima_stream_read(struct pkgima_stream *stream, const void **ret_data, struct pkgima_error *error);

#endif
