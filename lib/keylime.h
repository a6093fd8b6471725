/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_KEYLIME_H
#define PKGIMA_KEYLIME_H

#include <stdbool.h>
#include <stddef.h>

#include "certificate.h"
#include "entry.h"
#include "error.h"
#include "package.h"

/*
 * What a machine's measurement list may have when it runs the files of some packages: the contents of a runtime policy of
 * Keylime. Its form, and what its verifier does with it: keylime/ima/ima.py (RUNTIME_POLICY_SCHEMA) and, for the string
 * "verification-keys", keylime/ima/file_signatures.py (IMA_KEYRING_JSON_SCHEMA).
 */
struct pkgima_keylime {
	struct pkgima_entries digests;    /* path and digest only; a path may come with several digests */
	struct pkgima_entries keyrings;   /* the same, with the name of a keyring as path, and digests of certificates */
};
void pkgima_keylime_free(struct pkgima_keylime *policy);
#define cleanup_keylime __attribute__((cleanup(pkgima_keylime_free)))

/*
 * Adds the files of a package under the names by which a kernel measures them:
 * - a space is an underscore there (security/integrity/ima/ima_template_lib.c);
 * - what a package has in /bin, /sbin or a /lib… may stand in /usr: it gets both names;
 * - maintainer scripts run as info/PKG.NAME or info/PKG:ARCH.NAME of dpkg's database, or from its tmp.ci.
 * A certificate for the trust store may also be measured as one that was loaded, in .ima or _ima. @skip is told of each
 * path that is not UTF-8: JSON cannot say it. -E2BIG when there is more than fits.
 */
int pkgima_keylime_add_package(struct pkgima_keylime *policy, const struct pkgima_package_info *info,
			       const struct pkgima_entries *entries, void (*skip)(void *context, const char *path),
			       void *context, struct pkgima_error *error);

/* A certificate that may be loaded: into _ca where it is a CA's, else into .ima or _ima. */
int pkgima_keylime_add_certificate(struct pkgima_keylime *policy, const struct pkgima_certificate *certificate, bool ca,
				   struct pkgima_error *error);

/* Sorts both lists by path, then digest, and leaves each pair once: the order in which things were added is forgotten. */
void pkgima_keylime_finish(struct pkgima_keylime *policy);

#endif
