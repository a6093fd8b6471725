/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_METADATA_SCRIPT_H
#define PKGIMA_METADATA_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* Up to so many bytes of a package's script are looked at. */
#define PKGIMA_METADATA_SCRIPT_MAX ((size_t)1024 * 1024)

/*
 * Does a package's script, in shell or Lua, change owner, mode, ACL, capabilities or label of files? It is searched for the
 * commands and functions that do, outside comments, and where it does not only ask whether there is such a command; what they
 * are applied to is not followed. *@ret_line counts from 1, *@ret_command lasts.
 */
bool pkgima_metadata_script(const char *text, size_t length, size_t *ret_line, const char **ret_command);

#endif
