/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PACKAGE_CHECK_H
#define PKGIMA_PACKAGE_CHECK_H

#include "entry.h"
#include "verify.h"

/* What is found out about a package before it is installed. */
struct pkgima_package_check {
	struct pkgima_entries entries;  /* that are signed first, in the order of the format; then those that are not, if any */
	struct pkgima_result *results;  /* one for each entry; owned */
};

void pkgima_package_check_free(struct pkgima_package_check *check);
#define cleanup_package_check __attribute__((cleanup(pkgima_package_check_free)))

#endif
