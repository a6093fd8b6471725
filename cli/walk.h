/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_WALK_H
#define PKGIMA_CLI_WALK_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* Finds packages: .deb and .rpm files, and .changes, by their names. */
struct walk {
	/* A package. @relative: where it goes below --out. */
	void (*package)(void *context, const char *path, const char *relative, off_t size);
	/* What cannot be read, or is named and no package. */
	void (*failed)(void *context, const char *path, const char *reason);
	/* Is it time to stop? */
	bool (*stopped)(void *context);
	const char *out;          /* a folder that must not be inside one that is walked; or NULL */
	void *context;
};

bool walk_is_changes(const char *path);

/* One package, or all below a folder, in the order of their names, but .changes before the packages beside them. */
void walk_path(const struct walk *walk, const char *path);

/*
 * All that @list names, one a line. Relative names keep their folders below --out, where they do not lead upwards. -errno
 * when it cannot be read.
 */
int walk_list(const struct walk *walk, FILE *list);

#endif
