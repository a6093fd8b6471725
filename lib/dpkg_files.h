/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_DPKG_FILES_H
#define PKGIMA_DPKG_FILES_H

#include <dirent.h>

#include "dpkg.h"

/* The files of dpkg's database, for lib/dpkg.c and lib/dpkg_owns.c. */

#define PKGIMA_DPKG_LIST_MAX ((size_t)64 * 1024 * 1024)
#define PKGIMA_DPKG_STATUS_MAX ((size_t)256 * 1024 * 1024)
#define PKGIMA_DPKG_LIST_SUFFIX ".list"
#define PKGIMA_DPKG_CONFFILES_SUFFIX ".conffiles"

/* Takes the next line off *@text and ends it with NUL; NULL at the end. A last line without newline counts. */
char *pkgima_dpkg_take_line(char **text);

/* The folder info's entries, to be read from the start; independent of other readers of the same descriptor. */
DIR *pkgima_dpkg_open_info(const struct pkgima_dpkg *dpkg);

/* The package's conffiles; none where it has no such file. */
int pkgima_dpkg_read_conffiles(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *conffiles,
			       struct pkgima_error *error);

#endif
