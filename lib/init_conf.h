/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_INIT_CONF_H
#define PKGIMA_INIT_CONF_H

#include <limits.h>
#include <stdbool.h>

/*
 * init.conf, which /ima/init reads and `pkgima enforce` writes. Lines "key=value" or "key: value", with or without blanks
 * around either; one that begins with "#" or ";" is a comment, and so is what stands behind a blank and ";". Read without a
 * library, as the first process has none but the C library.
 */

/* Bytes of a line without comments, and blanks at its ends: a path, and what it is for. */
#define PKGIMA_INIT_CONF_LINE_MAX (PATH_MAX + 64)

struct pkgima_init_conf_line {
	const char *key, *value;   /* point into @text */
	const char *begin;         /* of the line, in the text that was given */
	const char *problem;       /* why the line does not count, or NULL; @key is then what there is of it */
	char text[PKGIMA_INIT_CONF_LINE_MAX + 1];
};

/*
 * Of a text that an editor has put a mark of its encoding before (U+FEFF), what stands behind it.
 */
const char *pkgima_init_conf_begin(const char *text);

/*
 * Takes the next line that says something off *@text, which ends in a NUL. False: there is none. There are no sections:
 * where one begins, the text ends, since nobody can know what is meant for whom.
 */
bool pkgima_init_conf_next(const char **text, struct pkgima_init_conf_line *ret_line);

#endif
