/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DPKG_HOOK_STAMP_H
#define DPKG_HOOK_STAMP_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/apply.h"
#include "../lib/dpkg.h"
#include "../lib/error.h"

#define STAMP_FOLDER "/var/lib/dpkg-ima"
#define STAMP_NAME "stamp"

/*
 * Which manifests were applied, and need not be again while certificates stay the same. A manifest is told from its
 * successor by device, inode, change time and size, not by comparing times: a clock that was set back hides no package.
 */
struct stamp;

/* Reads the root's stamp. One that is missing or cannot be read is empty: then everything is applied once more. */
struct stamp *stamp_read(int root_fd);
void stamp_free(struct stamp *stamp);

/* Was this manifest worked on, without failures? Only then *@ret_outcome is set, to REFUSED or GOOD. */
bool stamp_has(const struct stamp *stamp, const struct pkgima_dpkg_package *package, enum pkgima_outcome *ret_outcome);

/* Writes a stamp; @outcomes has one element for each of @packages. Those that FAILED are left out. */
int stamp_write(int root_fd, const struct pkgima_dpkg_package *packages, const enum pkgima_outcome *outcomes,
		size_t count, struct pkgima_error *error);

#endif
