/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_BASE64_H
#define PKGIMA_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Characters that @size bytes become. */
#define PKGIMA_BASE64_LENGTH(size) (((size) + 2) / 3 * 4)

/*
 * Decodes @length characters into @output, which takes @capacity bytes, at least @length / 4 * 3. False unless the text is
 * the one form of the value (RFC 4648: with padding, no white space, no bits that do not count), and not empty.
 */
bool pkgima_base64_decode(const char *text, size_t length, uint8_t *output, size_t capacity, size_t *ret_size);

#endif
