/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_KEYGEN_H
#define PKGIMA_SIGNING_KEYGEN_H

#include "../error.h"

enum pkgima_keygen_type { PKGIMA_KEYGEN_CA, PKGIMA_KEYGEN_IMA, PKGIMA_KEYGEN_EVM };

struct pkgima_keygen {
	enum pkgima_keygen_type type;
	const char *name;       /* common name */
	const char *algorithm;  /* rsa2048 rsa3072 rsa4096 p256 p384 */
	const char *ca_cert;    /* path, or NULL: self-signed */
	const char *ca_key;     /* KEY, or NULL */
	unsigned int days;      /* of validity, from now */
	const char *folder;     /* where TYPE.key (0600), TYPE.pem and TYPE.der go; made (0700) if it is missing */
};

/* Is the request sound in itself: algorithm, days, name (1 to 64 characters), what goes together? -EINVAL if not. */
int pkgima_keygen_check(const struct pkgima_keygen *keygen, struct pkgima_error *error);

/*
 * Makes a key pair and its certificate and writes the three files; none of them may exist before (-EEXIST), and on
 * failure none is left. Profiles: see certs/README.md. Key memory is wiped.
 */
int pkgima_keygen_run(const struct pkgima_keygen *keygen, struct pkgima_error *error);

#endif
