/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_MANIFEST_H
#define PKGIMA_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "entry.h"
#include "error.h"

/*
 * The list of a package's signatures as text: pkgima-manifest(5) is the specification. Reader and writer are pure: bytes
 * in, entries out, and back.
 */
#define PKGIMA_MANIFEST_NAME "imasigs"
#define PKGIMA_MANIFEST_FIRST_LINE "pkgima-manifest 1\n"

/* Checked before anything is allocated for the content. */
#define PKGIMA_MANIFEST_MAX ((size_t)256 * 1024 * 1024)
#define PKGIMA_MANIFEST_LINE_MAX ((size_t)32 * 1024)

/*
 * Reads @length bytes into @entries (which must be empty). -EINVAL, naming the line, for anything that the writer would
 * not have written; -E2BIG beyond a limit. The values of security.ima are decoded from base64, not looked into.
 */
int pkgima_manifest_parse(const uint8_t *text, size_t length, struct pkgima_entries *entries,
			  struct pkgima_error *error);

/* Bytes that pkgima_manifest_write() will give. */
uint64_t pkgima_manifest_size(const struct pkgima_entries *entries);

/*
 * Writes @entries, which must be sorted, in pieces to @sink (returns 0 or -errno, which ends it). Every entry must have a
 * signature. -EINVAL where the result could not be read again.
 */
int pkgima_manifest_write(const struct pkgima_entries *entries, int (*sink)(void *context, const char *text, size_t length),
			  void *context, struct pkgima_error *error);

#endif
