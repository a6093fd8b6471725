/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_MOUNTS_H
#define PKGIMA_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* More mounts than these are an error. */
#define PKGIMA_MOUNTS_MAX 65536

/* A line of /proc/PID/mountinfo, see proc(5). */
struct pkgima_mount {
	char *path;            /* where it is mounted, raw; owned */
	char *type;            /* of the file system, with its subtype ("fuse.sshfs"), raw; owned */
	unsigned int major, minor;
	bool noexec;
};

struct pkgima_mounts {
	struct pkgima_mount *list;
	size_t count;
};

/*
 * Takes such a text apart, @length bytes of it, in its order: what was mounted over something else comes later. -EINVAL
 * with the line's number for one that no kernel writes, -E2BIG, -ENOMEM; then *@ret_mounts is untouched.
 */
int pkgima_mounts_parse(const uint8_t *text, size_t length, struct pkgima_mounts *ret_mounts, struct pkgima_error *error);
void pkgima_mounts_free(struct pkgima_mounts *mounts);
#define cleanup_mounts __attribute__((cleanup(pkgima_mounts_free)))

#endif
