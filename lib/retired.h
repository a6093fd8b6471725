/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RETIRED_H
#define PKGIMA_RETIRED_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "error.h"

/*
 * Keys that no longer count, whatever certificate brings them and whoever owns its file: a list of the administrator's
 * that stays when packages come and go. Text, so plain that /ima/init reads it too. A line is empty, or begins with '#',
 * or has a Subject Key Identifier, whole, in lower-case hexadecimal, and perhaps, behind a space, words for people.
 * (Nothing here needs OpenSSL: who has none finds the identifier in the kernel's descriptions of keys.)
 */
#define PKGIMA_RETIRED_FOLDER "/etc/ima-init"
#define PKGIMA_RETIRED_NAME "retired"
#define PKGIMA_RETIRED_FILE PKGIMA_RETIRED_FOLDER "/" PKGIMA_RETIRED_NAME
/* Larger files are refused unread. */
#define PKGIMA_RETIRED_MAX (256 * 1024)

struct pkgima_retired {
	char *text;         /* owned */
	const char **skids; /* point into it; owned */
	size_t count;
};

/*
 * An empty list where there is no file. A line that is none of these is an error (-EINVAL), since it may be meant to
 * retire a key; with @complain it is told of such lines instead, in one sentence each, and the others count.
 */
int pkgima_retired_load(int root_fd, void (*complain)(void *context, const char *sentence), void *context,
			struct pkgima_retired *ret_retired, struct pkgima_error *error);
void pkgima_retired_free(struct pkgima_retired *retired);
#define cleanup_retired __attribute__((cleanup(pkgima_retired_free)))

/* @skid as pkgima_certificate_skid() has it. */
bool pkgima_retired_has(const struct pkgima_retired *retired, const char *skid);

/* Adds a line; @note is printable. The file is replaced as a whole. One that is in the list already is left alone. */
int pkgima_retired_add(int root_fd, const char *skid, const char *note, struct pkgima_error *error);

#endif
