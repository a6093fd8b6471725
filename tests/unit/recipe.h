/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TESTS_RECIPE_H
#define PKGIMA_TESTS_RECIPE_H

/* Certificates by recipe, most likely bad ones: for the tests of certificates, keys and the trust store. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "beneath.h"
#include "certificate.h"
#include "signing/key.h"
#include "signing/keygen.h"
#include "trust.h"

#define DAY 86400L
#define LEAF_USAGE "critical,digitalSignature"
#define CA_USAGE "critical,keyCertSign,cRLSign"

/* A certificate to be made, most likely a bad one. What is NULL is left out. */
struct recipe {
	EVP_PKEY *key;              /* NULL: a new P-256 key */
	const char *name;           /* NULL: "leaf" */
	const char *constraints;
	const char *usage;
	const char *skid;
	const char *skid_again;
	const char *akid;
	const char *issuer_name;    /* instead of the issuer's */
	X509 *issuer;               /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	const char *hash;           /* NULL: sha256; "none" for keys that have their own */
	bool pss;
	long from, to;              /* seconds from now; both 0: a day from now on */
};

/* Made once, by recipe_setup(): a CA, a leaf that it issued, and its key, all by pkgima_keygen_run(). */
struct recipe_site {
	char folder[64];
	X509 *ca;
	EVP_PKEY *ca_key;
	struct pkgima_certificate *ca_certificate;
};
extern struct recipe_site recipe_site;

/* A new string. */
char *recipe_path(const char *folder, const char *name);
X509 *recipe_x509(const struct recipe *recipe);
struct pkgima_certificate *recipe_parse(X509 *x509);
struct pkgima_certificate *recipe_make(const struct recipe *recipe);
void recipe_write(X509 *x509, const char *folder, const char *name);
/* Made and written at once. */
void recipe_put(const char *folder, const char *name, const struct recipe *recipe);

/* A leaf that nothing is wrong with: tests change one thing. */
struct recipe recipe_leaf(void);
struct recipe recipe_ca(void);

/* @problem has @part in its text, or is NULL as that is; the same for the problems of a certificate. */
void recipe_expect(const char *problem, const char *part);
void recipe_expect_leaf(const struct recipe *recipe, const char *part);
void recipe_expect_ca(const struct recipe *recipe, const char *part);

/* A folder with all it has; a new one in the site's. */
void recipe_remove(const char *path);
char *recipe_folder(void);

void recipe_keygen(enum pkgima_keygen_type type, const char *algorithm, const char *folder, const char *ca);
struct pkgima_certificate *recipe_load(const char *folder, const char *name);

/* A file of @text; with a @size that is not 0 cut, or extended with zeros, to that. */
void recipe_write_text(const char *path, const char *text, off_t size);

/* For cmocka_run_group_tests(). */
int recipe_setup(void **state);
int recipe_teardown(void **state);

#endif
