/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_RPM_H
#define PKGIMA_SIGNING_RPM_H

#include "../io.h"
#include "../rpm.h"
#include "signer.h"

/*
 * Signs the digest of every file that the header of @rpm has, and writes the package with these signatures in its
 * signature header to @output, which is not committed. Earlier ones are replaced; header and payload keep their bytes, and
 * so do OpenPGP signatures. Nothing is unpacked. The signatures are hexadecimal in RPMSIGTAG_FILESIGNATURES, the longest
 * one's length in FILESIGNATURELENGTH, as rpm's sign/rpmsignfiles.c writes them; reserved space is used as
 * sign/rpmgensig.c does. *@ret_entries: how many files were signed.
 */
int pkgima_rpm_sign(const struct pkgima_rpm *rpm, struct pkgima_signer *signer, struct pkgima_output *output,
		    size_t *ret_entries, struct pkgima_error *error);

/* An entry for each file that pkgima_rpm_sign() signs; @entries must be empty. */
int pkgima_rpm_digests(const struct pkgima_rpm *rpm, struct pkgima_entries *entries, struct pkgima_error *error);

/*
 * Writes the package without file signatures to @output. *@ret_was_signed tells whether it had any; if not, nothing is
 * written. As with rpmsign --delfilesign the space becomes reserved space where the package has some.
 */
int pkgima_rpm_strip(const struct pkgima_rpm *rpm, struct pkgima_output *output, bool *ret_was_signed,
		     struct pkgima_error *error);

#endif
