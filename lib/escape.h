/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_ESCAPE_H
#define PKGIMA_ESCAPE_H

#include <stddef.h>
#include <sys/types.h>

#include "error.h"

/*
 * The escaping of names in manifests and in all that is printed: bytes <= 0x20, 0x7f and backslash as \ooo (three octal
 * digits); for printing also bytes >= 0x80 that are not part of valid UTF-8, C1 control characters, and characters that
 * are not seen or reorder others.
 */
#define PKGIMA_ESCAPED_MAX(length) (4 * (length) + 1)

/* Manifest form. Writes at most @capacity bytes with the final NUL and returns the length without it, or -ENOSPC. */
ssize_t pkgima_escape(const char *name, size_t length, char *output, size_t capacity);

/*
 * Undoes pkgima_escape(); @output needs @length + 1 bytes. Returns the length, or -EINVAL: a byte that should have been
 * escaped, an escape of a byte that need not be, \000, or a broken escape. So every name has exactly one form.
 */
ssize_t pkgima_unescape(const char *text, size_t length, char *output);

/* For printing: a newly allocated string, the caller's; NULL without memory. A space is left as it is. */
char *pkgima_printable(const char *name);

/* For messages, into a buffer; long names are cut with "...". Returns @output. */
char *pkgima_printable_into(const char *name, char *output, size_t capacity);

#endif
