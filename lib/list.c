// SPDX-License-Identifier: LGPL-2.1-or-later
#include "list.h"

#include <stdlib.h>

#define FIRST 64

void *pkgima_list_room(void *list, size_t count, size_t *capacity, size_t size)
{
	size_t larger = *capacity ? *capacity * 2 : FIRST;
	void *moved;

	if (count < *capacity)
		return list;
	moved = reallocarray(list, larger, size);
	if (moved)
		*capacity = larger;
	return moved;
}
