/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TAR_STREAM_H
#define PKGIMA_TAR_STREAM_H

#include "../lib/entry.h"
#include "../lib/error.h"

/*
 * Follows a tar archive that passes by on its way to dpkg, and tells where dpkg will see its end. Only archives that
 * everyone reads alike can be followed: see lib/tar_header.h.
 */
struct pkgima_tar_stream;

/* NULL without memory. */
struct pkgima_tar_stream *pkgima_tar_stream_new(void);
void pkgima_tar_stream_free(struct pkgima_tar_stream *stream);

/*
 * Takes the next @length bytes, a multiple of 512. Sets *@ret_before to how many of them lie before the header block at which dpkg stops:
 * all of them, unless the end is among them. 1 when it is, 0 when not, -EINVAL when it cannot be
 * followed any further (then *@ret_before is how far it could).
 */
int pkgima_tar_stream_feed(struct pkgima_tar_stream *stream, const void *bytes, size_t length, size_t *ret_before,
			   struct pkgima_error *error);

/*
 * Regular files and hard links seen so far, in the archive's order: path (absolute, normalised) and mode of each. A path
 * may be there more than once. They are the stream's.
 */
const struct pkgima_entries *pkgima_tar_stream_files(const struct pkgima_tar_stream *stream);

#endif
