// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package_check.h"

#include <stdlib.h>

void pkgima_package_check_free(struct pkgima_package_check *check)
{
	pkgima_entries_free(&check->entries);
	free(check->results);
	check->results = NULL;
}
