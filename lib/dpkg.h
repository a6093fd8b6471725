/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_DPKG_H
#define PKGIMA_DPKG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "entry.h"
#include "error.h"
#include "manager.h"

/*
 * dpkg's database as far as signatures need it, read only: info/PKG.imasigs or info/PKG:ARCH.imasigs, info/….list,
 * info/….conffiles, and the files "diversions" and "status". Formats: dpkg's
 * lib/dpkg/{db-fsys-files,db-fsys-divert,db-ctrl-access}.c.
 */

#define PKGIMA_DPKG_ADMINDIR "/var/lib/dpkg"

struct pkgima_diversion {
	const char *from;      /* where a package has it */
	const char *to;        /* where it stands instead */
	const char *package;   /* that diverts, and so keeps the name itself; ":" for the administrator */
};

struct pkgima_dpkg {
	int root_fd;           /* borrowed */
	int info_fd;           /* folder "info", owned */
	char *info_path;       /* its path inside the root, owned */
	char *status_path;     /* that of the file "status", owned */
	char *diversions_text; /* owned */
	struct pkgima_diversion *diversions; /* sorted by from, owned */
	size_t diversion_count;
	struct pkgima_dpkg_filter *filters;  /* path-exclude and path-include of dpkg.cfg(5), in their order, owned */
	size_t filter_count;
};

/* An installed package. */
struct pkgima_dpkg_package {
	char *name;            /* PKG or PKG:ARCH, as its files in info/ begin; owned by the list */
	bool is_signed;        /* it has a manifest */
	struct stat stat;      /* of the manifest; without one of its list of files */
};

/* @admindir is inside the root. -ENOENT (with a text) when there is no such database. */
int pkgima_dpkg_open(int root_fd, const char *admindir, struct pkgima_dpkg **ret_dpkg, struct pkgima_error *error);
void pkgima_dpkg_free(struct pkgima_dpkg *dpkg);
PKGIMA_DEFINE_CLEANUP(pkgima_dpkg, struct pkgima_dpkg, pkgima_dpkg_free)
#define cleanup_dpkg PKGIMA_CLEANUP(pkgima_dpkg_cleanup)

/*
 * All packages that have a manifest, sorted by name; what has no name of a package is passed over. Free with
 * pkgima_dpkg_packages_free().
 */
int pkgima_dpkg_packages(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package **ret_packages, size_t *ret_count,
			 struct pkgima_error *error);
/* The same with those that have none, but not those that were removed and have left conffiles. */
int pkgima_dpkg_all_packages(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package **ret_packages, size_t *ret_count,
			     struct pkgima_error *error);
void pkgima_dpkg_packages_free(struct pkgima_dpkg_package *packages, size_t count);

/*
 * The same in the form of pkgima_manager_dpkg's list, into @ret_list of @count elements; the names stay those of @packages,
 * which may be a part of the list and are sorted by name.
 */
void pkgima_dpkg_as_installed(const struct pkgima_dpkg_package *packages, size_t count, struct pkgima_installed *ret_list);

/* Is a package of this name ("PKG", any architecture, or "PKG:ARCH") installed, so that it has a list of files? */
bool pkgima_dpkg_is_installed(const struct pkgima_dpkg *dpkg, const char *name);

/* Do @name ("PKG" or "PKG:ARCH") and an instance's name belong together? "libc6" means each of its architectures. */
bool pkgima_dpkg_name_matches(const char *name, const char *instance);

/*
 * Reads a package's manifest into @entries (which must be empty) and drops what is no longer the package's: paths that
 * its .list does not have (Replaces took them). Conffiles are those that its .conffiles has, whatever the manifest says.
 */
int pkgima_dpkg_read(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
		     struct pkgima_error *error);

/*
 * Adds entries without a signature for what the manifest does not have: paths of the package's .list, which may be those
 * of folders and links, and its maintainer scripts. @entries has what pkgima_dpkg_read() gave, or nothing.
 */
int pkgima_dpkg_read_rest(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
			  struct pkgima_error *error);

/* Reads the root's dpkg.cfg and dpkg.cfg.d; for pkgima_dpkg_open(). What cannot be read filters nothing. */
void pkgima_dpkg_load_filters(struct pkgima_dpkg *dpkg);
void pkgima_dpkg_free_filters(struct pkgima_dpkg *dpkg);
/* Do path-exclude and path-include keep this path from being unpacked? */
bool pkgima_dpkg_excludes(const struct pkgima_dpkg *dpkg, const char *path);

/* Where a file of the package is: its own path, or the diverted one. */
const char *pkgima_dpkg_divert(const struct pkgima_dpkg *dpkg, const char *instance, const char *path);

/*
 * Does any package own the file with this path, under this name or another one that leads to it: through folders that are
 * links, a link with a conffile's name, a diversion? For pkgima_trust_load(): @context is the struct pkgima_dpkg, NULL
 * where there is no database. A list that cannot be read counts as owning it: the answer decides about trust.
 */
bool pkgima_dpkg_owns(void *context, const char *path);

#endif
