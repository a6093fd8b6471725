/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPMDB_H
#define PKGIMA_RPMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "entry.h"
#include "error.h"
#include "manager.h"

/*
 * rpm's database as far as signatures need it, read only, through librpm: one thread at a time.
 *
 * Where it is: rpm's macro %_dbpath says so, of the running system's configuration also for another root, as in rpm itself.
 * Debian has it say ~/.rpmdb, other systems /usr/lib/sysimage/rpm or /var/lib/rpm, and which of them made a root is not
 * known. So each of the three that has a database is read. They are looked up inside the root, and a database is never
 * made, which librpm would do where it finds none.
 */
#define PKGIMA_RPMDB_MAX 3

/*
 * Signatures for packages that came without any are not put into rpm's database: they are manifests in a folder of our own,
 * named after the SHA-256 of the package's header as it was built (its immutable region) and of the file signatures that it
 * came with, IDENTITY.imasigs. So one can never be taken for another version's, nor stand before signatures that come when
 * the same version is installed again. Where there is one it goes before the header's signatures.
 */
#define PKGIMA_RPMDB_MANIFESTS "/var/lib/pkgima/rpm"
#define PKGIMA_RPMDB_IDENTITY 65

struct headerToken_s;

/* An installed package. */
struct pkgima_rpmdb_package {
	size_t database;           /* index of the database that it is in */
	unsigned int record;       /* number of its header there */
	char *nevra, *name, *epoch, *version, *release, *architecture; /* owned; epoch and architecture may be "" */
	bool is_signed;            /* has file signatures or a manifest, or no file that could have one */
	bool has_manifest;
	size_t size;               /* of its header in bytes */
	size_t group;              /* packages that have a path in common have the same */
};

struct pkgima_rpmdb {
	int root_fd;               /* borrowed */
	struct pkgima_rpmdb_database {
		struct rpmts_s *ts;    /* librpm's rpmts, with the open database; owned */
		int folder_fd;         /* owned */
		char *path;            /* of its folder, in the root; owned */
	} databases[PKGIMA_RPMDB_MAX];
	size_t database_count;
	int manifests_fd;          /* folder PKGIMA_RPMDB_MANIFESTS, owned; -1: there is none */
	/* What pkgima_rpmdb_packages() found; owned. */
	bool is_read;
	struct pkgima_rpmdb_package *packages;
	size_t count, capacity;
	struct pkgima_rpmdb_file { uint64_t key; size_t package; } *files; /* all that are installed, sorted by key */
	size_t file_count, file_capacity;
};

/* -ENOENT (with a text) where the root has no database of rpm; another -errno where it cannot be opened. */
int pkgima_rpmdb_open(int root_fd, struct pkgima_rpmdb **ret_rpmdb, struct pkgima_error *error);
void pkgima_rpmdb_free(struct pkgima_rpmdb *rpmdb);
PKGIMA_DEFINE_CLEANUP(pkgima_rpmdb, struct pkgima_rpmdb, pkgima_rpmdb_free)
#define cleanup_rpmdb PKGIMA_CLEANUP(pkgima_rpmdb_cleanup)

/*
 * Reads which packages there are, once. -EBADMSG for a database or a header in it that is damaged: librpm would pass over
 * it, and what is not seen owns nothing.
 */
int pkgima_rpmdb_packages(struct pkgima_rpmdb *rpmdb, struct pkgima_error *error);

/* The entries of the package with this index, sorted; see pkgima_rpm_entries(). */
int pkgima_rpmdb_read(struct pkgima_rpmdb *rpmdb, size_t index, struct pkgima_entries *entries,
		      struct pkgima_error *error);

/* The same as the header has them, whatever a manifest says; and the header's identity. */
int pkgima_rpmdb_read_header(struct pkgima_rpmdb *rpmdb, size_t index, struct pkgima_entries *entries,
			     char identity[PKGIMA_RPMDB_IDENTITY], struct pkgima_error *error);

/* librpm's Header of the package, to be released by headerFree(). */
int pkgima_rpmdb_header(struct pkgima_rpmdb *rpmdb, size_t index, struct headerToken_s **ret_header,
			struct pkgima_error *error);

/* Its scripts, as lib/manager.h has it; a name for each kind. */
int pkgima_rpmdb_scripts(struct pkgima_rpmdb *rpmdb, size_t index,
			 void (*tell)(void *context, const char *name, const char *text, size_t length), void *context,
			 struct pkgima_error *error);

/* NAME, NAME.ARCH, NAME-VERSION, NAME-VERSION-RELEASE, with .ARCH and with EPOCH: before VERSION: as in `rpm -q`. */
bool pkgima_rpmdb_name_matches(const char *name, const struct pkgima_rpmdb_package *package);

/*
 * Does any package own the file with this path, under this name or another one that leads to it through folders that are
 * links? Also one that says it is a %ghost. An error where the database cannot be read.
 */
int pkgima_rpmdb_owns(struct pkgima_rpmdb *rpmdb, const char *path, bool *ret_owned, struct pkgima_error *error);

#endif
