/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CRITICAL_H
#define PKGIMA_CRITICAL_H

#include <stddef.h>
#include <sys/stat.h>

#include "error.h"

/* What a file is of, in the order of what hurts first when it is denied. */
#define PKGIMA_CATEGORIES(X)                                     \
	X(INIT, "init")                                          \
	X(SHELL, "shell")                                        \
	X(LOADER, "loader")                                      \
	X(LOGIN, "login")                                        \
	X(PACKAGE_MANAGER, "package manager")                    \
	X(KERNEL, "kernel")                                      \
	X(REST, "rest")

enum pkgima_category {
#define X(name, word) PKGIMA_CATEGORY_##name,
	PKGIMA_CATEGORIES(X)
#undef X
	PKGIMA_CATEGORY_COUNT
};

const char *pkgima_category_word(enum pkgima_category category);

/*
 * The programs of a root that everything depends on, and the shared objects and interpreters that they need in turn
 * (DT_NEEDED, PT_INTERP, "#!"), each under the first category that needs it; loader and C library under their own.
 */
struct pkgima_critical;
int pkgima_critical_find(int root_fd, struct pkgima_critical **ret_critical, struct pkgima_error *error);
void pkgima_critical_free(struct pkgima_critical *critical);

/* By identity, else by path: maintainer scripts, modules, PAM and the like have their places. */
enum pkgima_category pkgima_critical_category(const struct pkgima_critical *critical, const char *path, const struct stat *st);

#endif
