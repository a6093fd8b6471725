/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_AR_H
#define PKGIMA_AR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

/*
 * The outer layer of a .deb: ar(5) as deb(5) restricts it, with names of at most 16 bytes. Of our own because members
 * are decoded by several threads and copied byte for byte, so what is wanted is where they are, not a stream.
 */
#define PKGIMA_AR_MAGIC "!<arch>\n"
#define PKGIMA_AR_HEADER 60
#define PKGIMA_AR_MEMBERS_MAX 64

struct pkgima_ar_member {
	char name[17];                      /* without the final slash that GNU ar writes */
	off_t offset;                       /* of its first byte in the file */
	uint64_t size;
	char header[PKGIMA_AR_HEADER];      /* as it stands in the file */
};

/*
 * Lists the members of the archive in @fd. Every member must be there whole: -EINVAL names the one that is cut off, or
 * what is malformed. @ret_members takes PKGIMA_AR_MEMBERS_MAX.
 */
int pkgima_ar_scan(int fd, struct pkgima_ar_member *ret_members, size_t *ret_count, struct pkgima_error *error);

/* The header of @member with another name and size (at most 16 bytes and 10 digits), all else as it was. */
int pkgima_ar_header(const struct pkgima_ar_member *member, const char *name, uint64_t size,
		     char output[PKGIMA_AR_HEADER]);

#endif
