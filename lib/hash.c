// SPDX-License-Identifier: LGPL-2.1-or-later
#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"

/* What is read at once: large enough that system calls do not count, small enough to stay in the cache. */
#define READ_SIZE (128 * 1024)

static const struct {
	const char *name;
	uint8_t number;
	uint8_t size;
} hashes[] = {
#define X(name, text, number, size) { text, number, size },
	PKGIMA_HASHES(X)
#undef X
};

const char *pkgima_hash_name(enum pkgima_hash hash)
{
	return hashes[hash].name;
}

uint8_t pkgima_hash_number(enum pkgima_hash hash)
{
	return hashes[hash].number;
}

size_t pkgima_hash_size(enum pkgima_hash hash)
{
	return hashes[hash].size;
}

bool pkgima_hash_from_name(const char *name, size_t length, enum pkgima_hash *ret_hash)
{
	for (int i = 0; i < PKGIMA_HASH_COUNT; i++) {
		if (strlen(hashes[i].name) == length && !memcmp(hashes[i].name, name, length)) {
			*ret_hash = (enum pkgima_hash)i;
			return true;
		}
	}
	return false;
}

bool pkgima_hash_from_number(uint8_t number, enum pkgima_hash *ret_hash)
{
	for (int i = 0; i < PKGIMA_HASH_COUNT; i++) {
		if (hashes[i].number == number) {
			*ret_hash = (enum pkgima_hash)i;
			return true;
		}
	}
	return false;
}

void pkgima_hex(const uint8_t *bytes, size_t length, char *output)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*output++ = digits[bytes[i] >> 4];
		*output++ = digits[bytes[i] & 15];
	}
	*output = '\0';
}

bool pkgima_unhex(const char *text, size_t length, uint8_t *output)
{
	static const char digits[] = "0123456789abcdef";

	if (length % 2)
		return false;
	for (size_t i = 0; i < length; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		output[i / 2] = (uint8_t)(output[i / 2] << 4 | (uint8_t)(digit - digits));
	}
	return true;
}

const EVP_MD *pkgima_hash_md(enum pkgima_hash hash)
{
	switch (hash) {
	case PKGIMA_HASH_SHA256:
		return EVP_sha256();
	case PKGIMA_HASH_SHA384:
		return EVP_sha384();
	default:
		return EVP_sha512();
	}
}

struct pkgima_hasher {
	EVP_MD_CTX *context;
	EVP_MD *fetched[PKGIMA_HASH_COUNT]; /* fetched once: an implicit fetch per digest costs more than a small file */
	uint8_t *buffer;                    /* READ_SIZE, made when a file is first read */
};

struct pkgima_hasher *pkgima_hasher_new(void)
{
	struct pkgima_hasher *hasher = calloc(1, sizeof(*hasher));

	if (!hasher)
		return NULL;
	hasher->context = EVP_MD_CTX_new();
	if (!hasher->context) {
		free(hasher);
		return NULL;
	}
	return hasher;
}

void pkgima_hasher_free(struct pkgima_hasher *hasher)
{
	if (!hasher)
		return;
	for (int i = 0; i < PKGIMA_HASH_COUNT; i++)
		EVP_MD_free(hasher->fetched[i]);
	EVP_MD_CTX_free(hasher->context);
	free(hasher->buffer);
	free(hasher);
}

int pkgima_hasher_begin(struct pkgima_hasher *hasher, enum pkgima_hash hash, struct pkgima_error *error)
{
	if (!hasher->fetched[hash])
		hasher->fetched[hash] = EVP_MD_fetch(NULL, hashes[hash].name, NULL);
	if (!hasher->fetched[hash] || EVP_DigestInit_ex2(hasher->context, hasher->fetched[hash], NULL) != 1)
		return pkgima_fail(error, -ENOTSUP, "OpenSSL has no %s", hashes[hash].name);
	return 0;
}

int pkgima_hasher_update(struct pkgima_hasher *hasher, const void *data, size_t length, struct pkgima_error *error)
{
	if (EVP_DigestUpdate(hasher->context, data, length) != 1)
		return pkgima_fail(error, -EIO, "OpenSSL failed to hash");
	return 0;
}

int pkgima_hasher_end(struct pkgima_hasher *hasher, uint8_t digest[PKGIMA_DIGEST_MAX], struct pkgima_error *error)
{
	uint8_t result[EVP_MAX_MD_SIZE];
	unsigned int size;

	if (EVP_DigestFinal_ex(hasher->context, result, &size) != 1 || size > PKGIMA_DIGEST_MAX)
		return pkgima_fail(error, -EIO, "OpenSSL failed to hash");
	memcpy(digest, result, size);
	return 0;
}

int pkgima_hasher_file(struct pkgima_hasher *hasher, enum pkgima_hash hash, int fd, uint8_t digest[PKGIMA_DIGEST_MAX],
		       struct pkgima_error *error)
{
	ssize_t n;
	int r;

	if (!hasher->buffer)
		hasher->buffer = malloc(READ_SIZE);
	if (!hasher->buffer)
		return pkgima_fail(error, -ENOMEM, "no memory to read a file");
	r = pkgima_hasher_begin(hasher, hash, error);
	if (r < 0)
		return r;
	do {
		n = pkgima_read_all(fd, hasher->buffer, READ_SIZE);
		if (n < 0)
			return pkgima_fail(error, (int)n, "cannot read: %s", strerror((int)-n));
		r = pkgima_hasher_update(hasher, hasher->buffer, (size_t)n, error);
		if (r < 0)
			return r;
	} while (n == READ_SIZE);
	return pkgima_hasher_end(hasher, digest, error);
}
