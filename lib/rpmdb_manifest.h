/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPMDB_MANIFEST_H
#define PKGIMA_RPMDB_MANIFEST_H

#include <rpm/header.h>

#include "rpmdb.h"

/* What lib/rpmdb.c asks of manifests: see PKGIMA_RPMDB_MANIFESTS. */

/* -EBADMSG: the header has no immutable region. */
int pkgima_rpmdb_identify(Header header, char identity[PKGIMA_RPMDB_IDENTITY], struct pkgima_error *error);

/* Is there a manifest for this header? *@ret_found is set only if so. */
int pkgima_rpmdb_find_manifest(const struct pkgima_rpmdb *rpmdb, Header header, bool *ret_found, struct pkgima_error *error);

/* Gives @entries, which are the header's, the signatures of its manifest. */
int pkgima_rpmdb_use_manifest(const struct pkgima_rpmdb *rpmdb, const char *identity, struct pkgima_entries *entries,
			      struct pkgima_error *error);

#endif
