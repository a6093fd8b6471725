/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_WALK_H
#define PKGIMA_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "error.h"

/*
 * All regular files below a path of a root, its mounted file systems included, each once: a file system that is reached
 * again (a bind mount) is passed over, and so are those that have no files of their own (proc, sysfs, cgroup …). Those of
 * which others decide what is read, and how long that takes (network, FUSE), are passed over too, and told. Links are not
 * followed, and nothing but folders is opened.
 */
struct pkgima_walk {
	int root_fd;
	/* Told of each file: its path in the root, raw. 0, or -errno, which ends the walk. */
	int (*file)(void *context, const char *path, const struct stat *st, struct pkgima_error *error);
	/* May be NULL: what was passed over, and why, in one printable sentence. */
	void (*passed)(void *context, const char *sentence);
	void *context;
};

/*
 * Walks below each of @paths (absolute, links on the way are followed inside the root; the last component may be a file).
 * -ENOENT, with a text, for one that is not there.
 */
int pkgima_walk_run(const struct pkgima_walk *walk, const char *const paths[], size_t count, struct pkgima_error *error);

/*
 * Files by their identity (device and inode), each with one path: what a walk has found, and who else has met it.
 * Zero-initialised it is empty.
 */
struct pkgima_file_set {
	struct pkgima_file_item {
		dev_t device;
		ino_t inode;
		char *path;            /* owned; NULL: an empty place */
		bool met;
	} *items;
	size_t count, capacity;
};

/* -EEXIST where it is in the set; -ENOMEM. */
int pkgima_file_set_add(struct pkgima_file_set *set, const struct stat *st, const char *path);
/* NULL: not in the set. It stays where it is until something is added. */
struct pkgima_file_item *pkgima_file_set_find(const struct pkgima_file_set *set, const struct stat *st);
void pkgima_file_set_free(struct pkgima_file_set *set);
#define cleanup_file_set __attribute__((cleanup(pkgima_file_set_free)))

#endif
