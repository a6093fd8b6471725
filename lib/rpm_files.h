/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_FILES_H
#define PKGIMA_RPM_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include <rpm/rpmfiles.h>

#include "entry.h"
#include "error.h"

/*
 * The border to librpm's file info sets, whether they come from a package, the rpmdb or a transaction: its integers
 * become ours here, checked for their range. Formats: rpm's lib/rpmfi.c and docs/manual/tags.md.
 */

/* Why an rpm's digests cannot be signed; NULL: they can. A text that lasts. */
const char *pkgima_rpm_digest_problem(rpmfiles files);

/* Is file @index of @files one that can carry a signature: a regular file that the package brings (no %ghost)? */
bool pkgima_rpm_is_file(rpmfiles files, int index);

/* Has it a digest of the algorithm that is handled? Without one, which rpmbuild does not make, it cannot be signed. */
bool pkgima_rpm_has_digest(rpmfiles files, int index);

/*
 * One such file as an entry, but for its path, which stays NULL. The digest is copied, ima.bytes belongs to @files
 * (NULL: the header has no signature for it, only the 9 zero bytes that stand for none, or no digest). uid and gid are 0:
 * an rpm has names.
 */
void pkgima_rpm_entry(rpmfiles files, int index, struct pkgima_entry *ret_entry);

/*
 * librpm passes silently over file signatures that it cannot use, all of the package's at once (lib/rpmfi.c, hex2binv()):
 * -EINVAL for these. To be called before pkgima_rpm_entry(). *@ret_signed: there are file signatures at all.
 */
int pkgima_rpm_check_signatures(Header header, rpmfiles files, bool *ret_signed, struct pkgima_error *error);

/*
 * Adds an entry for every such file; those of the rpmdb that the state NORMAL or NETSHARED says are installed (a
 * package's have no state). All memory is that of @entries. *@ret_indices (may be NULL) gets the file's index for each
 * entry, the caller's to be freed. -EINVAL: a path that is not plain, or no digest algorithm that is handled.
 */
int pkgima_rpm_entries(rpmfiles files, struct pkgima_entries *entries, int **ret_indices, struct pkgima_error *error);

#endif
