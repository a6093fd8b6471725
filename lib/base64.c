// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base64.h"

#include <string.h>

#include <openssl/evp.h>

/* Bytes that are encoded at a time; a multiple of three. */
#define PIECE 48

/*
 * OpenSSL's decoder passes over white space and takes bits that do not count; encoding again shows whether the text is the
 * one form of the value.
 */
static bool is_encoding_of(const char *text, const uint8_t *bytes, size_t size)
{
	char again[PKGIMA_BASE64_LENGTH(PIECE) + 1];

	for (size_t at = 0; at < size; at += PIECE) {
		size_t piece = size - at < PIECE ? size - at : PIECE;
		int length = EVP_EncodeBlock((unsigned char *)again, bytes + at, (int)piece);

		if (memcmp(again, text + PKGIMA_BASE64_LENGTH(at), (size_t)length) != 0)
			return false;
	}
	return true;
}

bool pkgima_base64_decode(const char *text, size_t length, uint8_t *output, size_t capacity, size_t *ret_size)
{
	size_t size = length / 4 * 3;

	if (length == 0 || length % 4 || size > capacity || length > INT32_MAX)
		return false;
	if (EVP_DecodeBlock(output, (const unsigned char *)text, (int)length) != (int)size)
		return false;
	size -= (size_t)(text[length - 1] == '=') + (text[length - 2] == '=');
	if (!is_encoding_of(text, output, size))
		return false;
	*ret_size = size;
	return true;
}
