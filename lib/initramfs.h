/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_INITRAMFS_H
#define PKGIMA_INITRAMFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* A file of an initramfs; data is NULL where there is none. */
struct pkgima_carried {
	uint8_t *data;                 /* owned; one NUL byte stands behind it */
	size_t length;
};

/* What an initramfs carries for ima-init (pkg-ima-init/initramfs/collect puts it there). */
struct pkgima_initramfs {
	bool program;                  /* ima-init itself */
	size_t certificates;           /* of CAs */
	struct pkgima_carried policy, signature, settings;
};

/*
 * Reads an initramfs as the kernel does (Documentation/driver-api/early-userspace/buffer-format.rst): archives of cpio in
 * the "new ASCII" format, one behind another, of the same name the last counts; from the first compressed byte on all is
 * one compressed stream. gzip, bzip2, lzma, xz, zstd and lz4 are known. @name is for messages, printable.
 * -EINVAL for what is no initramfs; -EFBIG where what it carries for ima-init is too large.
 */
int pkgima_initramfs_read(int fd, const char *name, struct pkgima_initramfs *ret_initramfs, struct pkgima_error *error);
void pkgima_initramfs_free(struct pkgima_initramfs *initramfs);
#define cleanup_initramfs __attribute__((cleanup(pkgima_initramfs_free)))

#endif
