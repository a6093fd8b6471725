/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_TOKEN_H
#define PKGIMA_SIGNING_TOKEN_H

#include <stdbool.h>

#include <openssl/evp.h>

#include "../error.h"

/*
 * Private keys in PKCS #11 tokens, named by a URI (RFC 7512), used through OpenSSL: the provider "pkcs11" where there is
 * one, else the engine of that name. The token is logged in to once; the key never leaves it.
 */

/* Longer ones are refused. */
#define PKGIMA_TOKEN_URI_MAX 4096
/* Bytes of a PIN, at most. */
#define PKGIMA_TOKEN_PIN_MAX 255
/* The environment variable that a PIN is taken from where the URI names none. */
#define PKGIMA_TOKEN_PIN_VARIABLE "PKGIMA_PIN"

/* A URI taken apart. */
struct pkgima_token_uri {
	char *object;            /* the URI without what follows; owned */
	char *module;            /* module-path, decoded, or NULL; owned */
	char *pin_source;        /* path of the file to read the PIN from, or NULL; owned */
	char *pin;               /* pin-value, decoded, or NULL; owned, wiped when it is freed */
};

bool pkgima_token_is_uri(const char *key);

/*
 * Takes a "pkcs11:" URI apart. -EINVAL for one that is too long, has an attribute of these twice, a PIN and its source, a
 * "pin-value=" that is none, a broken escape, or a pin-source that is no file ("file:/PATH" or "/PATH"; no command is run).
 * Messages do not repeat it.
 */
int pkgima_token_uri_parse(const char *uri, struct pkgima_token_uri *ret_uri, struct pkgima_error *error);
void pkgima_token_uri_free(struct pkgima_token_uri *uri);
#define cleanup_token_uri __attribute__((cleanup(pkgima_token_uri_free)))

/* Has @key, a URI, its PIN in it? Then everybody who sees the process sees the PIN. */
bool pkgima_token_shows_pin(const char *key);

/*
 * Loads the key that @uri names. The PIN, if the token wants one, comes from the URI's pin-source or pin-value, from the
 * environment, or else from the terminal; without one that is -ENOTTY. A wrong PIN is tried once: tokens lock after a few.
 * The token stays open as long as the key, which the caller frees with EVP_PKEY_free().
 */
int pkgima_token_load(const char *uri, EVP_PKEY **ret_key, struct pkgima_error *error);

#endif
