// SPDX-License-Identifier: LGPL-2.1-or-later
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "../escape.h"
#include "../io.h"
#include "passphrase.h"
#include "token.h"

PKGIMA_DEFINE_CLEANUP(bio, BIO, BIO_vfree)
#define cleanup_bio PKGIMA_CLEANUP(bio_cleanup)

/* Why OpenSSL could not: its first error is the most telling one. */
static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	return reason ? reason : "unknown reason";
}

static int parse_key(const uint8_t *data, size_t length, const char *name, EVP_PKEY **ret_key,
		     struct pkgima_error *error)
{
	cleanup_bio BIO *bio = BIO_new_mem_buf(data, (int)length);
	struct pkgima_passphrase passphrase = { .what = "passphrase", .name = name };
	EVP_PKEY *key;

	if (!bio)
		return pkgima_fail(error, -ENOMEM, "%s: no memory for the key", name);
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, pkgima_passphrase_ask, &passphrase);
	if (key) {
		ERR_clear_error();
		*ret_key = key;
		return 0;
	}
	if (passphrase.no_terminal)
		pkgima_fail(error, 0, "cannot read key %s: it is encrypted, and there is no terminal to ask for its "
			    "passphrase", name);
	else if (passphrase.asked)
		pkgima_fail(error, 0, "cannot decrypt key %s: %s", name, openssl_reason());
	else
		pkgima_fail(error, 0, "cannot read key %s: no private key in PEM: %s", name, openssl_reason());
	ERR_clear_error();
	return passphrase.no_terminal ? -ENOTTY : -EINVAL;
}

int pkgima_key_load(const char *key, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	cleanup_free char *name = NULL;
	cleanup_close int fd = -1;
	uint8_t *data = NULL;
	size_t length = 0;
	int r;

	if (pkgima_token_is_uri(key))
		return pkgima_token_load(key, ret_key, error);
	name = pkgima_printable(key);
	if (!name)
		return pkgima_fail(error, -ENOMEM, "no memory for the key");
	fd = open(key, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open key %s", name);
	r = pkgima_read_file(fd, name, PKGIMA_KEY_MAX, &data, &length, error);
	if (r < 0)
		return r;
	r = parse_key(data, length, name, ret_key, error);
	OPENSSL_cleanse(data, length);
	free(data);
	return r;
}

int pkgima_key_check_certificate(const struct pkgima_certificate *certificate, time_t when, struct pkgima_error *error)
{
	const char *problem = pkgima_certificate_leaf_problem(certificate);

	if (!problem)
		problem = pkgima_certificate_validity_problem(certificate, when);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s cannot be used to sign files: %s", certificate->source, problem);
	return 0;
}

int pkgima_key_check(EVP_PKEY *key, const struct pkgima_certificate *certificate, time_t when,
		     struct pkgima_error *error)
{
	int r = pkgima_key_check_certificate(certificate, when, error);
	int same;

	if (r < 0)
		return r;
	same = EVP_PKEY_eq(key, certificate->key);
	ERR_clear_error();
	if (same != 1)
		return pkgima_fail(error, -EINVAL, "the key does not belong to %s", certificate->source);
	return 0;
}

bool pkgima_key_is_exposed(const char *key)
{
	struct stat st;

	return !pkgima_token_is_uri(key) && stat(key, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH));
}
