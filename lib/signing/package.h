/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_PACKAGE_H
#define PKGIMA_SIGNING_PACKAGE_H

#include "../io.h"
#include "../package.h"
#include "signer.h"

/*
 * Signs @package and writes the signed one to @output, which is not committed. @hash: NULL for the usual one of the
 * format; one that the format has fixed already, as the digests of an .rpm's header, cannot be changed: -EINVAL.
 * *@ret_entries: how many files were signed.
 */
int pkgima_package_sign(const struct pkgima_package *package, struct pkgima_signer *signer, const enum pkgima_hash *hash,
			unsigned int threads, struct pkgima_output *output, size_t *ret_entries,
			struct pkgima_error *error);

/* An entry for each file that pkgima_package_sign() signs, for its digest; @entries must be empty. */
int pkgima_package_digests(const struct pkgima_package *package, const enum pkgima_hash *hash, unsigned int threads,
			   struct pkgima_entries *entries, struct pkgima_error *error);

/* Writes the package without signatures; *@ret_was_signed: if it had none, nothing is written. */
int pkgima_package_strip(const struct pkgima_package *package, struct pkgima_output *output, bool *ret_was_signed,
			 struct pkgima_error *error);

/* What has to be made anew because the package's bytes changed, in one sentence; NULL: nothing. */
const char *pkgima_package_broken_by_signing(const struct pkgima_package *package);

#endif
