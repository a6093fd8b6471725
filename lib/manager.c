// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manager.h"

#include <stdlib.h>

void pkgima_installed_free(struct pkgima_installed *list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i].name);
	free(list);
}
