/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_KEY_USE_H
#define PKGIMA_KEY_USE_H

#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "manager.h"

/* Which installed files would a kernel no longer take without a key? */
struct pkgima_key_use {
	int root_fd;                             /* of the root; borrowed */
	const struct pkgima_manager *manager;
	void *database;                          /* of that manager; borrowed */
	uint32_t key_id;
	/* Where several keys share the id: only what this one's key has signed counts. NULL: the id is enough. */
	const struct pkgima_certificate *certificate;
	/* Told of each file (may be NULL): package as its manager names it, and raw path of where the file stands. */
	void (*report)(void *context, const char *package, const char *path);
	void *context;
};

struct pkgima_key_use_counts {
	size_t files;
	size_t packages;   /* that they are of */
};

/*
 * Files, conffiles and maintainer scripts of installed packages for which a manifest has a signature with the key id,
 * and which carry just that value of security.ima. (A file carries one value, so this is what only that key signs.)
 * Files that are signed in place, without a manifest, are not found. -errno when a manifest or file cannot be read.
 */
int pkgima_key_use_find(const struct pkgima_key_use *use, struct pkgima_key_use_counts *ret_counts,
			struct pkgima_error *error);

#endif
