/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_MANAGER_H
#define PKGIMA_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry.h"
#include "error.h"

/* An installed package. */
struct pkgima_installed {
	char *name;            /* as its manager writes it, raw; owned by the list */
	bool is_signed;        /* it has signatures */
	uintmax_t size;        /* as many bytes as its entries take, roughly */
	size_t group;          /* see list() */
	size_t index;          /* the manager's own */
};

/* Takes NULL. */
void pkgima_installed_free(struct pkgima_installed *list, size_t count);

/*
 * What pkgima_apply_packages() and the command ask of a package manager: to add one, write a module that opens its
 * database, and fill in this table. @database is what that module opened. All strings are raw.
 */
struct pkgima_manager {
	const char *name;
	const char *signatures;   /* what a package lacks that is not signed: "manifest" */

	/*
	 * All packages that have signatures; with @all also those that have none. Those that may have a file in common, each
	 * with a signature of its own, have the same group and follow each other: what one of them put on the file is good for
	 * all.
	 */
	int (*list)(void *database, bool all, struct pkgima_installed **ret_list, size_t *ret_count,
		    struct pkgima_error *error);

	/* Does @name, from a command line, mean this package of the list? */
	bool (*matches)(void *database, const char *name, const struct pkgima_installed *package);
	/* Is a package installed that it means, with or without signatures? */
	bool (*is_installed)(void *database, const char *name);

	/*
	 * A package's entries, sorted, without those that are no longer its own: another package took them over, or they
	 * were not installed. @entries is empty. With @all also entries without a signature, and perhaps without a digest, for
	 * whatever else the package installed: where no regular file stands, there was none. May it be called by several
	 * threads at once?
	 */
	int (*read)(void *database, const struct pkgima_installed *package, bool all, struct pkgima_entries *entries,
		    struct pkgima_error *error);
	bool read_in_parallel;

	/*
	 * Where an entry's file stands in the root: its path, another one in the memory of @database, or one that is
	 * written into @buffer (PKGIMA_PATH_MAX + 1 bytes). Called by several threads. NULL: always its path.
	 */
	const char *(*locate)(void *database, const struct pkgima_installed *package, const struct pkgima_entry *entry,
			      char *buffer);

	/* Is this path one that the administrator has told the manager not to install? NULL: none is. */
	bool (*is_excluded)(void *database, const char *path);

	/* What is put behind the name of a conffile's new version while, or after, the edited one stays; NULL ends them. */
	const char *const *conffile_suffixes;
};

/* lib/dpkg.h, lib/rpmdb.h */
extern const struct pkgima_manager pkgima_manager_dpkg, pkgima_manager_rpm;

#endif
