/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TAR_H
#define PKGIMA_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "entry.h"
#include "error.h"
#include "stream.h"
#include "tar_header.h"

/*
 * Reads a tar archive that is a part of a file, once, from front to back. What is not plain is refused: see
 * lib/tar_header.h. The end has to be there, with nothing but zeros behind it, and then the end of the compressed data.
 */
struct pkgima_tar;

/* What is known of one member, until the next call of pkgima_tar_next(). */
struct pkgima_tar_member {
	struct pkgima_tar_header header;
	char path[PKGIMA_PATH_MAX + 1];      /* normalised, see pkgima_path_from_tar(); empty: the root */
	bool regular;                        /* a regular file; its content is here */
	bool hard_link;                      /* another name of an earlier regular file */
	char target[PKGIMA_PATH_MAX + 1];    /* of a hard link, normalised */
	uint64_t size;                       /* of the content of a regular file */
};

/*
 * Opens the archive in bytes [@offset, @offset + @size) of @fd, by pread(). Up to @threads threads decompress, where the
 * format allows it. @fd must stay open.
 */
int pkgima_tar_open(int fd, off_t offset, uint64_t size, enum pkgima_compression compression, unsigned int threads,
		    struct pkgima_tar **ret_tar, struct pkgima_error *error);
void pkgima_tar_free(struct pkgima_tar *tar);
PKGIMA_DEFINE_CLEANUP(pkgima_tar, struct pkgima_tar, pkgima_tar_free)
#define cleanup_tar PKGIMA_CLEANUP(pkgima_tar_cleanup)

/*
 * 1 and the next member, 0 at the end, -EINVAL for what is malformed, cut off, or what readers of tar archives may take
 * for different things, with a text that names the member.
 */
int pkgima_tar_next(struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error);

/* The next piece of the member's content: its length, 0 at the end, -errno. *@ret_data holds until the next call. */
ssize_t pkgima_tar_read(struct pkgima_tar *tar, const void **ret_data, struct pkgima_error *error);

/* Digest of the rest of the member's content. */
int pkgima_tar_hash(struct pkgima_tar *tar, struct pkgima_hasher *hasher, enum pkgima_hash hash,
		    uint8_t digest[PKGIMA_DIGEST_MAX], struct pkgima_error *error);

/* The rest of the member's content, at most @max bytes (else -EFBIG). The caller frees it; a NUL stands behind it. */
int pkgima_tar_read_whole(struct pkgima_tar *tar, const struct pkgima_tar_member *member, size_t max,
			  uint8_t **ret_data, size_t *ret_length, struct pkgima_error *error);

#endif
