/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TAR_HEADER_H
#define PKGIMA_TAR_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry.h"
#include "error.h"

/*
 * Headers of the tar archives in a .deb. What they mean is a question of security: dpkg unpacks the data member with a
 * reader of its own (tar_extractor() in lib/dpkg/tarfn.c), dpkg-deb the control member with GNU tar, and what either of
 * them would take for another file, or a file at all, must not be overlooked here. Tar readers differ in the corners of
 * the format, so this one is strict: it takes what GNU tar with --format=gnu or ustar writes, and all readers agree on.
 */
#define PKGIMA_TAR_BLOCK 512

struct pkgima_tar_header {
	/* '0' file, '1' hard link, '2' symbolic link, '3' '4' '6' device or FIFO, '5' folder; 'L' 'K': a long name follows */
	char type;
	mode_t mode;           /* permission bits */
	uid_t uid;
	gid_t gid;
	uint64_t size;         /* bytes of content behind the header, 0 but for types 0, L and K */
	int64_t mtime;
	char user[33], group[33];
};

/* Follows headers: a long name counts for the header behind it. Zero-initialised it is at the start. */
struct pkgima_tar_names {
	bool has_name, has_link;
	char name[PKGIMA_PATH_MAX + 2];
	char link[PKGIMA_PATH_MAX + 2];
};

/*
 * Takes one block. 1: a header; names->name and names->link are its names, unless its type is L or K. 0: a block of
 * zeros, the archive's end. -EINVAL for anything else.
 */
int pkgima_tar_header_parse(struct pkgima_tar_names *names, const uint8_t block[PKGIMA_TAR_BLOCK],
			    struct pkgima_tar_header *ret_header, struct pkgima_error *error);

/*
 * Takes the whole content of a header of type L or K, header->size bytes (which pkgima_tar_header_parse() has limited to
 * PKGIMA_PATH_MAX + 2: with "." in front and a NUL behind).
 */
int pkgima_tar_header_long(struct pkgima_tar_names *names, const struct pkgima_tar_header *header, const char *content,
			   struct pkgima_error *error);

/* Bytes that @size bytes of content take: up to the next block. */
uint64_t pkgima_tar_padded(uint64_t size);

#endif
