/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PLACE_H
#define PKGIMA_PLACE_H

#include "backend.h"
#include "say.h"

/*
 * The files of an archive that dpkg has just written, and not yet given their names. @files: what the data member has
 * (paths and modes); names with ".dpkg-new" follow from them by diversions and, for conffiles, symbolic links.
 */

/* Puts the manifest's signatures on them, verified; tells @tally of what is not as it should be. */
void place_signatures(struct backend *backend, const struct pkgima_entries *files, struct pkgima_tally *tally);

/* Removes them, before an archive is refused: dpkg leaves those of diverted names behind. */
void place_remove(struct backend *backend, const struct pkgima_entries *files);

/* Has dpkg been told not to fsync, so that it is ours to do? */
bool place_is_durable(void);

#endif
