/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_LIST_H
#define PKGIMA_LIST_H

#include <stddef.h>

/*
 * A list in one piece of memory that has room for one more than its @count elements of @size bytes: @list itself, or what
 * it was moved to, with *@capacity doubled. An empty list is NULL, with a capacity of 0. NULL without memory; @list is then
 * as it was. The caller owns what it gets, and has its own limit for @count.
 */
void *pkgima_list_room(void *list, size_t count, size_t *capacity, size_t size);

#endif
