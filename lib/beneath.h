/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_BENEATH_H
#define PKGIMA_BENEATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "error.h"

/*
 * Opening files beneath a root, as they would be seen by a process chrooted there: absolute symbolic links and ".." stay
 * inside, /proc's magic links are refused (openat2(2) with RESOLVE_IN_ROOT, Linux 5.6).
 */

/* Opens the folder that is to be the root ("/" too). Returns a descriptor (O_PATH) that is the caller's, or -errno. */
int pkgima_root_open(const char *path, struct pkgima_error *error);

/*
 * Opens the regular file @path (absolute, meant inside the root) for reading. A final symbolic link is not followed, and
 * nothing but a regular file is opened: a device or FIFO has no effect. *@ret_stat may be NULL.
 * Returns a descriptor that is the caller's; -ENOENT when it is not there (also a missing parent); -EINVAL when it is no
 * regular file, a symbolic link included; another -errno. Writes no error text: callers know what the name means.
 */
int pkgima_beneath_open_file(int root_fd, const char *path, struct stat *ret_stat);

/* The same for reading nothing: O_PATH; and for writing, without any change: both need no permission of IMA to read. */
int pkgima_beneath_open_path(int root_fd, const char *path, struct stat *ret_stat);
int pkgima_beneath_open_for_writing(int root_fd, const char *path, struct stat *ret_stat);

/* As pkgima_beneath_open_file(), but a final symbolic link is followed, inside the root. */
int pkgima_beneath_open_followed(int root_fd, const char *path, struct stat *ret_stat);

/* As pkgima_beneath_open_file(), but no folder on the way may be a symbolic link either: -EINVAL. */
int pkgima_beneath_open_real_file(int root_fd, const char *path, struct stat *ret_stat);

/* What stands at @path, whatever it is; with @follow behind a final symbolic link. 0 or -errno. */
int pkgima_beneath_stat(int root_fd, const char *path, bool follow, struct stat *ret_stat);

/* Does @path lead to the file that @st is of: by way of folders that are links or, with @follow, a final link? */
bool pkgima_beneath_leads_to(int root_fd, const char *path, bool follow, const struct stat *st);

/*
 * Opens a folder, following symbolic links inside the root; the other one follows none and fails with -ELOOP. Returns a
 * descriptor usable for openat() and reading, or -errno.
 */
int pkgima_beneath_open_folder(int root_fd, const char *path);
int pkgima_beneath_open_real_folder(int root_fd, const char *path);

/* The latter, after making (0755) what is missing of it. */
int pkgima_beneath_make_real_folder(int root_fd, const char *path);

/*
 * Opens the folder of @path and gives the name in it (a part of @path) through *@ret_name; for unlinkat() and the like.
 * Returns a descriptor (O_PATH), -EINVAL when @path has no folder or no name, or another -errno.
 */
int pkgima_beneath_open_parent(int root_fd, const char *path, const char **ret_name);

/*
 * Reads a whole file as pkgima_beneath_open_file() opens it; see pkgima_read_file(). -ENOENT is returned without a text.
 */
int pkgima_beneath_read(int root_fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length,
			struct pkgima_error *error);

#endif
