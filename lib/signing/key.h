/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_KEY_H
#define PKGIMA_SIGNING_KEY_H

#include <stdbool.h>
#include <time.h>

#include <openssl/evp.h>

#include "../certificate.h"
#include "../error.h"

/* lib/signing/ is an archive of its own: nothing that installs or boots is linked with it. */

/* Larger key files are refused unread. */
#define PKGIMA_KEY_MAX (64 * 1024)

/*
 * Loads the private key that @key names: a PEM file, or one in a token by its "pkcs11:" URI (token.h). An encrypted file
 * asks for its passphrase on the terminal, a token for its PIN where none was given; without a terminal that is -ENOTTY.
 * The bytes read are wiped. Caller frees with EVP_PKEY_free().
 */
int pkgima_key_load(const char *key, EVP_PKEY **ret_key, struct pkgima_error *error);

/*
 * May @key and @certificate be used together to sign files at @when? -EINVAL with the reason: a leaf problem
 * (pkgima_certificate_leaf_problem()), not valid yet or expired, or a key that is not the certificate's.
 */
int pkgima_key_check(EVP_PKEY *key, const struct pkgima_certificate *certificate, time_t when,
		     struct pkgima_error *error);

/* The part of it that is about the certificate alone. */
int pkgima_key_check_certificate(const struct pkgima_certificate *certificate, time_t when, struct pkgima_error *error);

/* Is @key a file that its group or others may read? False also when that cannot be told. */
bool pkgima_key_is_exposed(const char *key);

#endif
