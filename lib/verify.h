/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_VERIFY_H
#define PKGIMA_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "entry.h"
#include "trust.h"
#include "verdict.h"

/*
 * Verifies signatures. One object per thread: it keeps an OpenSSL context per key and hash, which costs more to make
 * than a verification. The trust store must outlive it.
 */
struct pkgima_verifier;

struct pkgima_verifier *pkgima_verifier_new(const struct pkgima_trust *trust);
void pkgima_verifier_free(struct pkgima_verifier *verifier);
PKGIMA_DEFINE_CLEANUP(pkgima_verifier, struct pkgima_verifier, pkgima_verifier_free)
#define cleanup_verifier PKGIMA_CLEANUP(pkgima_verifier_cleanup)

/*
 * Is @value (of security.ima) a signature of @digest (pkgima_hash_size(@hash) bytes) by a key of the trust store?
 * OK, UNSIGNED (no value), UNKNOWN_KEY or BAD_SIGNATURE; @reason (may be NULL) then says what is wrong, with the key id.
 */
enum pkgima_verdict pkgima_verifier_check(struct pkgima_verifier *verifier, const struct pkgima_value *value,
					  enum pkgima_hash hash, const uint8_t *digest, struct pkgima_error *reason);

/* The same for a single certificate instead of a store: does its key verify @signature of @digest? 1, 0 or -errno. */
int pkgima_certificate_verify(const struct pkgima_certificate *certificate, enum pkgima_hash hash, const uint8_t *digest,
			      const uint8_t *signature, size_t length);

/* The verdict on one entry and, where it is not ok, why. */
struct pkgima_result {
	enum pkgima_verdict verdict;
	char reason[120];
};

/*
 * Verifies the signature of every entry against its digest, on @threads threads (0: all cores). *@ret_results has one
 * element per entry and is the caller's, to be freed.
 */
int pkgima_verify_entries(const struct pkgima_trust *trust, const struct pkgima_entries *entries, unsigned int threads,
			  struct pkgima_result **ret_results, struct pkgima_error *error);

#endif
