/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNATURE_H
#define PKGIMA_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "hash.h"

/* First byte of security.ima and security.evm: enum evm_ima_xattr_type, security/integrity/integrity.h. */
enum pkgima_xattr_type {
	PKGIMA_XATTR_DIGEST = 1,
	PKGIMA_XATTR_EVM_HMAC = 2,
	PKGIMA_XATTR_IMA_SIGNATURE = 3,
	PKGIMA_XATTR_DIGEST_NG = 4,
	PKGIMA_XATTR_EVM_PORTABLE = 5,
	PKGIMA_XATTR_VERITY_SIGNATURE = 6,
};

#define PKGIMA_SIGNATURE_HEADER 9
#define PKGIMA_SIGNATURE_VERSION 2

/* Largest value of security.ima or security.evm that is handled; RSA-4096 needs 521 bytes. The kernel takes 64 KiB. */
#define PKGIMA_SIGNATURE_MAX 4096

/* struct signature_v2_hdr of security/integrity/integrity.h, with what it describes. */
struct pkgima_signature {
	uint8_t type;           /* enum pkgima_xattr_type */
	uint8_t version;
	enum pkgima_hash hash;  /* of the file's digest */
	uint32_t key_id;        /* last 4 bytes of the certificate's Subject Key Identifier */
	const uint8_t *bytes;   /* RSA PKCS#1 v1.5 or ECDSA in DER; points into the value that was parsed */
	size_t length;
};

/*
 * Takes the value of security.ima apart: type 3, version 2, a known hash, and as many bytes as the header says.
 * -EINVAL with the reason otherwise. @ret_signature borrows from @value.
 */
int pkgima_signature_parse(const uint8_t *value, size_t length, struct pkgima_signature *ret_signature,
			   struct pkgima_error *error);

/* Writes the header of a value to @output; the signature's bytes follow it. */
void pkgima_signature_write_header(const struct pkgima_signature *signature, uint8_t output[PKGIMA_SIGNATURE_HEADER]);

#endif
