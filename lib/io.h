/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_IO_H
#define PKGIMA_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "error.h"

/* Writes all of @length bytes, going on after EINTR and short writes. Returns 0 or -errno. */
int pkgima_write_all(int fd, const void *data, size_t length);

/* Reads up to @length bytes, going on after EINTR and short reads. Returns the count, less only at the end, or -errno. */
ssize_t pkgima_read_all(int fd, void *data, size_t length);
ssize_t pkgima_pread_all(int fd, void *data, size_t length, off_t offset);

/*
 * Copies @length bytes of @from, from @offset on, to where @to stands: inside the kernel. -EIO when @from is shorter.
 */
int pkgima_copy_bytes(int from, off_t offset, uint64_t length, int to, struct pkgima_error *error);

/*
 * Reads the regular file behind @fd, of at most @max bytes, from its start. *@ret_data is the caller's, to be freed; one
 * NUL byte stands behind its *@ret_length bytes. -EFBIG when it is larger, -EINVAL when it is no regular file.
 * @name is what the message calls the file (escaped by the caller).
 */
int pkgima_read_file(int fd, const char *name, size_t max, uint8_t **ret_data, size_t *ret_length,
		     struct pkgima_error *error);

/*
 * The same for what need not be a file, from where @fd stands to its end: a pipe, for example. Memory grows with what comes.
 */
int pkgima_read_stream(int fd, const char *name, size_t max, uint8_t **ret_data, size_t *ret_length,
		       struct pkgima_error *error);

/*
 * A file that appears under its name whole or not at all: it is written without a name (O_TMPFILE) or, where the file
 * system has no such files, under a temporary one in the same folder, and gets the name after fsync.
 */
struct pkgima_output {
	int folder;          /* descriptor of the folder, owned */
	int fd;              /* where to write; owned */
	char *name;          /* name in the folder, owned */
	char *temporary;     /* name until then, owned; NULL with O_TMPFILE */
};
#define PKGIMA_OUTPUT_NONE ((struct pkgima_output){ .folder = -1, .fd = -1 })

/* @name: in the folder behind @folder (borrowed, may be O_PATH). @mode: permission bits, the umask is ignored. */
int pkgima_output_open_at(int folder, const char *name, mode_t mode, struct pkgima_output *ret_output,
			  struct pkgima_error *error);
/* The same for a path. */
int pkgima_output_open(const char *path, mode_t mode, struct pkgima_output *ret_output, struct pkgima_error *error);
/* fsync, then rename (with @replace) or link (without: -EEXIST when the name is taken). */
int pkgima_output_commit(struct pkgima_output *output, int replace, struct pkgima_error *error);
/* Releases all; what was not committed leaves nothing behind. */
void pkgima_output_close(struct pkgima_output *output);
#define cleanup_output __attribute__((cleanup(pkgima_output_close)))

#endif
