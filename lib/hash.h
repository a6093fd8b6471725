/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_HASH_H
#define PKGIMA_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "error.h"

/*
 * The digest algorithms that are signed. Columns: C name, name in a manifest and on the command line, number in the
 * kernel's enum hash_algo (include/uapi/linux/hash_info.h), bytes of a digest.
 */
#define PKGIMA_HASHES(X)            \
	X(SHA256, "sha256", 4, 32)  \
	X(SHA384, "sha384", 5, 48)  \
	X(SHA512, "sha512", 6, 64)

enum pkgima_hash {
#define X(name, text, number, size) PKGIMA_HASH_##name,
	PKGIMA_HASHES(X)
#undef X
	PKGIMA_HASH_COUNT
};

#define PKGIMA_DIGEST_MAX 64

/* All take a valid enum value. Sizes are in bytes. */
const char *pkgima_hash_name(enum pkgima_hash hash);
uint8_t pkgima_hash_number(enum pkgima_hash hash);
size_t pkgima_hash_size(enum pkgima_hash hash);

/* False when no such algorithm is handled; *@ret_hash is set only on success. */
bool pkgima_hash_from_name(const char *name, size_t length, enum pkgima_hash *ret_hash);
bool pkgima_hash_from_number(uint8_t number, enum pkgima_hash *ret_hash);

/* Lower-case hexadecimal of @length bytes; @output takes 2 * @length + 1 bytes. */
void pkgima_hex(const uint8_t *bytes, size_t length, char *output);
/* The same back: @length characters, an even number of them; false for anything but lower-case hexadecimal. */
bool pkgima_unhex(const char *text, size_t length, uint8_t *output);

/*
 * A running digest. One object may be used for any number of digests after another, by one thread.
 * Returns NULL without memory.
 */
struct pkgima_hasher;
struct pkgima_hasher *pkgima_hasher_new(void);
void pkgima_hasher_free(struct pkgima_hasher *hasher);
int pkgima_hasher_begin(struct pkgima_hasher *hasher, enum pkgima_hash hash, struct pkgima_error *error);
int pkgima_hasher_update(struct pkgima_hasher *hasher, const void *data, size_t length, struct pkgima_error *error);
/* Writes pkgima_hash_size() bytes to @digest. */
int pkgima_hasher_end(struct pkgima_hasher *hasher, uint8_t digest[PKGIMA_DIGEST_MAX], struct pkgima_error *error);

/* Digest of what is read from @fd, from its current offset to its end. */
int pkgima_hasher_file(struct pkgima_hasher *hasher, enum pkgima_hash hash, int fd, uint8_t digest[PKGIMA_DIGEST_MAX],
		       struct pkgima_error *error);

/* The OpenSSL message digest of @hash, owned by this module. NULL without memory. */
const EVP_MD *pkgima_hash_md(enum pkgima_hash hash);

#endif
