/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_SIGNER_H
#define PKGIMA_SIGNING_SIGNER_H

#include <stdbool.h>

#include <openssl/evp.h>

#include "../certificate.h"
#include "../cleanup.h"
#include "../digests.h"
#include "../error.h"
#include "../hash.h"
#include "../entry.h"

/*
 * Where the signature for a digest comes from: a key, or a document of signatures that were made elsewhere. Works on
 * threads of its own while its user goes on reading. The key was parsed once; a digest that was submitted before is not
 * signed again; every signature is verified with the certificate before it is given out.
 */
struct pkgima_signer;

/*
 * @key and @certificate must belong together (pkgima_key_check()) and outlive the signer. @threads: 0 for all cores.
 */
int pkgima_signer_new(EVP_PKEY *key, const struct pkgima_certificate *certificate, unsigned int threads,
		      struct pkgima_signer **ret_signer, struct pkgima_error *error);
/*
 * The same with signatures instead of a key. @signatures and their certificate must outlive the signer; whether the
 * certificate may be used is the caller's to find out (pkgima_key_check_certificate()).
 */
int pkgima_signer_new_given(const struct pkgima_signatures *signatures, unsigned int threads,
			    struct pkgima_signer **ret_signer, struct pkgima_error *error);
/*
 * Asks @is_over, about once in a second, while it waits for signatures: true gives up, and what is waited for fails with
 * -EINTR. Without it a token that does not answer is waited for without end.
 */
void pkgima_signer_set_limit(struct pkgima_signer *signer, bool (*is_over)(void *context), void *context);

/*
 * Does a thread of this process hang in a token's library? The signer has given it up, and keeps what it may still use.
 * Then exit() is not to be called, since libraries could wait for it: flush, and _exit().
 */
bool pkgima_signer_hangs(void);

/* Waits for the threads, but for one that hangs; what was submitted and not begun is dropped. */
void pkgima_signer_free(struct pkgima_signer *signer);
PKGIMA_DEFINE_CLEANUP(pkgima_signer, struct pkgima_signer, pkgima_signer_free)
#define cleanup_signer PKGIMA_CLEANUP(pkgima_signer_cleanup)

/*
 * Queues a digest. *@ret_value is where the value of security.ima will be after pkgima_signer_wait(); it belongs to the
 * signer and lives until pkgima_signer_reset(). Not for several threads at once. -EKEYREJECTED: of given signatures, none
 * is of this digest.
 */
int pkgima_signer_submit(struct pkgima_signer *signer, enum pkgima_hash hash, const uint8_t *digest,
			 const struct pkgima_value **ret_value, struct pkgima_error *error);

/*
 * Works along until all that was submitted is signed and verified; the first failure, if there was one. -EKEYREJECTED: a
 * signature that was given does not verify.
 */
int pkgima_signer_wait(struct pkgima_signer *signer, struct pkgima_error *error);

/*
 * Forgets all signatures: between packages, so that memory does not grow with their number. A thread that still signs some
 * time after the key has failed, or when the limit is reached, is given up: pkgima_signer_hangs().
 */
void pkgima_signer_reset(struct pkgima_signer *signer);

/* Did the key fail, ever? Then it is of no use to go on: a token that is gone, or a key that may not sign. */
bool pkgima_signer_is_broken(const struct pkgima_signer *signer);

const struct pkgima_certificate *pkgima_signer_certificate(const struct pkgima_signer *signer);

/* Signatures made since the signer was made. */
size_t pkgima_signer_count(const struct pkgima_signer *signer);

#endif
