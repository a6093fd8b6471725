/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_KEYRING_H
#define PKGIMA_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <keyutils.h>

#include "certificate.h"
#include "trust.h"

/* The kernel's IMA keyring, as far as this process can reach it. */
struct pkgima_keyring {
	key_serial_t serial;
	const char *name;  /* ".ima" (CONFIG_INTEGRITY_TRUSTED_KEYRING) or "_ima" (in root's @u) */
};

/*
 * Finds it: ".ima" in /proc/keys, else "_ima" by keyctl_search() in @u. Where a fresh session is not allowed to add to
 * what @u holds, joins an anonymous session keyring and links @u into it. -ENOENT when there is none.
 */
int pkgima_keyring_find(struct pkgima_keyring *ret_keyring, struct pkgima_error *error);

/*
 * Is a key with the Subject Key Identifier of @certificate in it? By the keys that the keyring holds and their
 * descriptions ("SUBJECT: HEX-OF-SKID", as crypto/asymmetric_keys/x509_public_key.c makes them). 1, 0 or -errno.
 */
int pkgima_keyring_has(const struct pkgima_keyring *keyring, const struct pkgima_certificate *certificate);

/* A key of the keyring. */
struct pkgima_keyring_key {
	key_serial_t serial;
	char *subject;     /* of its certificate, as the kernel puts it; printable, owned */
	char *skid;        /* its Subject Key Identifier in hexadecimal, owned */
};

/*
 * What is in the keyring, in its order; keys that this process may not see are passed over. -EACCES where it may not
 * read the keyring. Free with pkgima_keyring_keys_free().
 */
int pkgima_keyring_keys(const struct pkgima_keyring *keyring, struct pkgima_keyring_key **ret_keys, size_t *ret_count,
			struct pkgima_error *error);
void pkgima_keyring_keys_free(struct pkgima_keyring_key *keys, size_t count);

/*
 * Unlinks all keys with this Subject Key Identifier. Files with their signatures that were not appraised yet are denied
 * from then on. Returns how many there were, or -errno.
 */
int pkgima_keyring_remove(const struct pkgima_keyring *keyring, const char *skid, struct pkgima_error *error);

/*
 * Puts @certificate into the kernel's ".ima_blacklist" (CONFIG_IMA_BLACKLIST_KEYRING), which it looks into first, by key
 * id, and from which nothing can be taken until it is booted anew. -ENOENT: this kernel has none; -ENOKEY: it takes only
 * what a CA built into the kernel has issued.
 */
int pkgima_keyring_blacklist(const struct pkgima_certificate *certificate, struct pkgima_error *error);

/*
 * add_key("asymmetric", NULL, DER). -ENOKEY: no CA of the kernel's signed it; -EACCES, -EPERM: not ours to add to;
 * -EEXIST is never returned: loading a certificate that is there already is fine.
 */
int pkgima_keyring_add(const struct pkgima_keyring *keyring, const struct pkgima_certificate *certificate,
		       struct pkgima_error *error);

/*
 * Loads every leaf certificate of the store that counts and is not in the keyring yet. For each that was tried @report
 * (may be NULL) is told its result: 0, or the -errno of pkgima_keyring_add() with its text.
 * Returns how many were added, or -errno of the first failure after all were tried.
 */
int pkgima_keyring_load(const struct pkgima_keyring *keyring, const struct pkgima_trust *trust,
			void (*report)(void *context, const struct pkgima_certificate *certificate, int result,
				       const struct pkgima_error *error),
			void *context, struct pkgima_error *error);

#endif
