/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_DEB_H
#define PKGIMA_SIGNING_DEB_H

#include "../deb.h"
#include "../io.h"
#include "signer.h"

/*
 * Signs every regular file and maintainer script of @deb and writes the signed package to @output, which is not
 * committed. An earlier manifest is replaced. *@ret_entries: how many entries the manifest has.
 */
int pkgima_deb_sign(const struct pkgima_deb *deb, struct pkgima_signer *signer, enum pkgima_hash hash,
		    unsigned int threads, struct pkgima_output *output, size_t *ret_entries,
		    struct pkgima_error *error);

/* An entry, without a signature, for each file that pkgima_deb_sign() signs; @entries must be empty. */
int pkgima_deb_digests(const struct pkgima_deb *deb, enum pkgima_hash hash, unsigned int threads,
		       struct pkgima_entries *entries, struct pkgima_error *error);

/*
 * Writes the package without its manifest to @output. *@ret_had_manifest tells whether there was one; if not, nothing
 * is written.
 */
int pkgima_deb_strip(const struct pkgima_deb *deb, struct pkgima_output *output, bool *ret_had_manifest,
		     struct pkgima_error *error);

/* Has it an OpenPGP signature of its own (debsigs: a member _gpg…), which any change of the control member breaks? */
bool pkgima_deb_has_openpgp(const struct pkgima_deb *deb);

#endif
