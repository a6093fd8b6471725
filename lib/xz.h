/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_XZ_H
#define PKGIMA_XZ_H

#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "error.h"

/*
 * Decompresses .xz data (the format: https://tukaani.org/xz/xz-file-format.txt) with two threads in little memory.
 *
 * A stream of several blocks of at most 32 MiB each, as dpkg-deb and xz -T write them, is decoded by the caller's
 * thread and one helper. At the default level (dictionaries of 8 MiB, blocks of 24) that takes some 45 MiB in all, and
 * some 95 MiB when both are 32 MiB. Anything else is decoded from start to end by the caller's thread, and takes the size
 * of its dictionary, at most 1 GiB. There has to be one stream that fills the range: -EINVAL for another one behind it,
 * and for padding.
 *
 * Every check the data carries (of each block, the index, headers and footers) is verified, but that of a block only
 * once its bytes were given out: what was read counts when the end was reached, not before. Data written with
 * --check=none carries no checks of its blocks, and is taken as every .xz decoder takes it; a check that liblzma does
 * not know is refused.
 */
struct pkgima_xz;

/*
 * Prepares to read the bytes [@offset, @offset + @length) of @fd, with up to @threads threads (more than two count as
 * two; where the data or the memory does not allow a second, there is one). @fd remains the caller's, must stay open
 * until pkgima_xz_free() and is read with pread only. *@ret_xz is the caller's. Little of the data is judged here:
 * damage is found by reading. -EINVAL for a range no file has, -ENODATA for one that goes beyond the file, -ENOMEM, or
 * what pread gave.
 */
int pkgima_xz_open(int fd, off_t offset, uint64_t length, unsigned int threads, struct pkgima_xz **ret_xz,
		   struct pkgima_error *error);

/*
 * Gives the next decompressed bytes; *@ret_data is valid until the next call with @xz. Returns their count, 0 at the
 * end, or -ENODATA for truncated data, -EBADMSG for corrupt data or such that is no .xz, -EOPNOTSUPP for a filter or
 * check that liblzma does not know, -EFBIG when it needs more than 1 GiB of memory, -ENOMEM, or what pread gave. After
 * an error each call returns that error again.
 */
ssize_t pkgima_xz_read(struct pkgima_xz *xz, const void **ret_data, struct pkgima_error *error);

/* Ends the helper, if there is one, and releases all. May be called at any time; takes NULL. */
void pkgima_xz_free(struct pkgima_xz *xz);

PKGIMA_DEFINE_CLEANUP(pkgima_xz, struct pkgima_xz, pkgima_xz_free)
#define cleanup_xz PKGIMA_CLEANUP(pkgima_xz_cleanup)

#endif
