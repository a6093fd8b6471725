/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CONTROL_H
#define PKGIMA_CONTROL_H

#include <stdbool.h>

#include "entry.h"
#include "error.h"

#define PKGIMA_CONTROL_NAME_MAX 59 /* longest name of a file of the control member that is of interest, with room */

/* A file of the control member, whole. */
struct pkgima_control_file {
	char name[PKGIMA_CONTROL_NAME_MAX + 1];
	uint8_t *content;        /* owned; a NUL stands behind it */
	size_t length;
};

/* What is wanted of a control member: "control", "conffiles", the maintainer scripts and the manifest. */
struct pkgima_control {
	struct pkgima_control_file files[16];
	size_t count;
};

/* Script, control stanza and conffiles list: larger ones are refused. */
#define PKGIMA_CONTROL_FILE_MAX ((size_t)16 * 1024 * 1024)

/* Is a file of this name one of them? */
bool pkgima_control_wants(const char *name);

/*
 * Reads the files named above from the folder @path beneath @root_fd, into which dpkg-deb --control unpacked them. What is
 * no regular file is -EINVAL.
 */
int pkgima_control_read_folder(int root_fd, const char *path, struct pkgima_control *control, struct pkgima_error *error);
void pkgima_control_free(struct pkgima_control *control);
#define cleanup_control __attribute__((cleanup(pkgima_control_free)))
const struct pkgima_control_file *pkgima_control_find(const struct pkgima_control *control, const char *name);

/* Value of a field of the control stanza ("Package"), copied; NULL when it is not there or without memory. */
char *pkgima_control_field(const struct pkgima_control *control, const char *field);

/*
 * Paths in "conffiles", one a line, an optional "remove-on-upgrade " in front (deb-conffiles(5)); those for removal are
 * left out. Strings point into @entries' memory as paths of conffile entries, sorted.
 */
int pkgima_control_conffiles(const struct pkgima_control *control, struct pkgima_entries *entries,
			     struct pkgima_error *error);

#endif
