/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CERTIFICATE_H
#define PKGIMA_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "cleanup.h"
#include "error.h"
#include "skid.h"

/* One X.509 certificate, parsed. Immutable once made; may be shared by threads. */
struct pkgima_certificate {
	X509 *x509;
	EVP_PKEY *key;          /* its public key; lives as long as the certificate */
	uint8_t *der;           /* the bytes that were parsed, in DER */
	size_t der_length;
	uint32_t key_id;        /* last 4 bytes of the Subject Key Identifier, big endian; 0 without one */
	bool has_skid;
	char fingerprint[65];   /* lower-case hex of the SHA-256 of @der */
	char *subject;          /* one line, printable ASCII, escaped; owned */
	char *source;           /* where it came from, escaped, for messages; owned */
	time_t not_before, not_after;
};

/* Larger files are refused unread. */
#define PKGIMA_CERTIFICATE_MAX (64 * 1024)

/*
 * Parses one certificate, in DER (all @length bytes must be used) or PEM (the first CERTIFICATE block). @source is copied.
 * -EINVAL with a text that names @source when it is none.
 */
int pkgima_certificate_parse(const uint8_t *data, size_t length, const char *source,
			     struct pkgima_certificate **ret_certificate, struct pkgima_error *error);
/* Reads and parses the regular file at @path. */
int pkgima_certificate_load(const char *path, struct pkgima_certificate **ret_certificate, struct pkgima_error *error);
void pkgima_certificate_free(struct pkgima_certificate *certificate);
PKGIMA_DEFINE_CLEANUP(pkgima_certificate, struct pkgima_certificate, pkgima_certificate_free)
#define cleanup_certificate PKGIMA_CLEANUP(pkgima_certificate_cleanup)

/*
 * Would a kernel take it for what it is to be? Returns NULL when it would, else a constant sentence that says why not.
 * A leaf: Subject Key Identifier; basicConstraints not CA; keyUsage present with digitalSignature and without keyCertSign;
 * RSA of 2048 to 4096 bits or P-256 or P-384 (what crypto/asymmetric_keys and IMA verify; no Ed25519, no RSA-PSS).
 * A CA: Subject Key Identifier, CA:TRUE, keyCertSign, no digitalSignature, the same key types.
 * Sources: crypto/asymmetric_keys/{x509_cert_parser,restrict}.c, security/integrity/digsig_asymmetric.c.
 * Validity is not looked at: see pkgima_certificate_valid_at().
 */
const char *pkgima_certificate_leaf_problem(const struct pkgima_certificate *certificate);
const char *pkgima_certificate_ca_problem(const struct pkgima_certificate *certificate);
/* NULL, "not valid yet" or "expired". The kernel does not look at it. */
const char *pkgima_certificate_validity_problem(const struct pkgima_certificate *certificate, time_t when);

/*
 * Did @ca issue @certificate, as the kernel finds it out: issuer name and Authority Key Identifier (required) name @ca,
 * and the signature verifies with its key.
 */
bool pkgima_certificate_issued_by(const struct pkgima_certificate *certificate, const struct pkgima_certificate *ca);

/*
 * The whole Subject Key Identifier in lower-case hexadecimal: what the kernel calls a key by, behind the subject. False
 * where there is none, or one that is too long for the kernel.
 */
bool pkgima_certificate_skid(const struct pkgima_certificate *certificate, char text[PKGIMA_SKID_TEXT]);

/*
 * A whole fingerprint as people have it: 64 hexadecimal digits in upper or lower case, all bytes or none set apart by
 * colons. @fingerprint is then as that of a certificate.
 */
bool pkgima_fingerprint_parse(const char *text, char fingerprint[65]);

#endif
