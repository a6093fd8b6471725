// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which databases of rpm a root has, and opening them so that librpm neither leaves the root nor makes one. */
#include "rpmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rpm/rpmcrypto.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmfileutil.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>
#include <rpm/rpmts.h>

#include "beneath.h"
#include "escape.h"
#include "rpm_log.h"

/* librpm's backends, and the file by which it knows them: lib/backend/{dbi,sqlite,bdb_ro}.c, lib/backend/ndb/glue.c. */
static const struct { const char *name, *file; } backends[] = {
	{ "sqlite", "rpmdb.sqlite" },
	{ "ndb", "Packages.db" },
	{ "bdb_ro", "Packages" },
};

/* The backend of the database in a folder: as in librpm the configured one first. NULL: there is none. */
static const char *backend_of(int folder_fd)
{
	char *configured = rpmExpand("%{?_db_backend}", NULL);
	const char *found = NULL;
	struct stat st;

	for (int round = 0; round < 2 && !found; round++) {
		for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]) && !found; i++) {
			if (round == 0 && strcmp(backends[i].name, configured) != 0)
				continue;
			if (fstatat(folder_fd, backends[i].file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
				found = backends[i].name;
		}
	}
	free(configured);
	return found;
}

/*
 * librpm takes a path, and would resolve links in it outside the root: it gets that of the folder's descriptor. And it
 * would make a database of the configured kind where it cannot read the one that is there: it gets the kind.
 */
static int open_ts(struct pkgima_rpmdb_database *database, const char *backend, struct pkgima_error *error)
{
	struct pkgima_rpm_log log;
	char path[64], safe[256];
	rpmKeyring none;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", database->folder_fd);
	if (access(path, F_OK) < 0)
		return pkgima_fail_errno(error, "reading rpm's database needs %s", path);
	pkgima_printable_into(database->path, safe, sizeof(safe));
	pkgima_rpm_log_begin(&log);
	rpmPushMacro(NULL, "_dbpath", NULL, path, RMIL_CMDLINE);
	rpmPushMacro(NULL, "_db_backend", NULL, backend, RMIL_CMDLINE);
	database->ts = rpmtsCreate();
	rpmtsSetRootDir(database->ts, "/");
	/* Digests of headers are checked. Who signed the packages rpm asked when it installed them. */
	rpmtsSetVSFlags(database->ts, RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NOPAYLOAD);
	none = rpmKeyringNew();
	rpmtsSetKeyring(database->ts, none);
	rpmKeyringFree(none);
	r = rpmtsOpenDB(database->ts, O_RDONLY);
	/* Of a kind that it was built without librpm opens nothing, and says that it did (lib/backend/dummydb.c). */
	if (r == 0 && rpmdbCountPackages(rpmtsGetRdb(database->ts), "rpm") < 0)
		r = -1;
	rpmPopMacro(NULL, "_db_backend");
	rpmPopMacro(NULL, "_dbpath");
	pkgima_rpm_log_end();
	if (r != 0)
		return pkgima_rpm_fail(&log, error, -EBADMSG, "cannot open rpm's database %s (%s)", safe, backend);
	return 0;
}

/* Adds the database in the folder @path of the root, if there is one, and it is not known under another name. */
static int add_database(struct pkgima_rpmdb *rpmdb, const char *path, struct pkgima_error *error)
{
	struct pkgima_rpmdb_database *database = &rpmdb->databases[rpmdb->database_count];
	cleanup_close int folder_fd = pkgima_beneath_open_folder(rpmdb->root_fd, path);
	const char *backend;
	struct stat own, st;
	char safe[256];

	switch (folder_fd) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
		return 0;
	}
	if (folder_fd < 0)
		return pkgima_fail(error, folder_fd, "cannot open rpm's database %s: %s",
				   pkgima_printable_into(path, safe, sizeof(safe)), strerror(-folder_fd));
	backend = backend_of(folder_fd);
	if (!backend || fstat(folder_fd, &own) < 0)
		return 0;
	for (size_t i = 0; i < rpmdb->database_count; i++)
		if (fstat(rpmdb->databases[i].folder_fd, &st) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino)
			return 0;
	database->path = strdup(path);
	if (!database->path)
		return pkgima_fail(error, -ENOMEM, "no memory for rpm's database");
	database->folder_fd = pkgima_steal_fd(&folder_fd);
	rpmdb->database_count++;
	return open_ts(database, backend, error);
}

/* Reads rpm's configuration, unless this process has; the folder that it names, or NULL. */
static char *configured_folder(void)
{
	struct pkgima_rpm_log log;
	char *path, *known;

	pkgima_rpm_log_begin(&log);
	rpmInitCrypto();
	known = rpmExpand("%{?_dbpath:1}", NULL);
	/* Without a configuration there are the other places. */
	if (!*known)
		rpmReadConfigFiles(NULL, NULL);
	free(known);
	path = rpmGetPath("%{?_dbpath}", NULL);
	pkgima_rpm_log_end();
	if (path && path[0] == '/')
		return path;
	free(path);
	return NULL;
}

int pkgima_rpmdb_open(int root_fd, struct pkgima_rpmdb **ret_rpmdb, struct pkgima_error *error)
{
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = calloc(1, sizeof(*rpmdb));
	cleanup_free char *configured = configured_folder();
	const char *folders[PKGIMA_RPMDB_MAX] = { configured, "/usr/lib/sysimage/rpm", "/var/lib/rpm" };
	int r = 0;

	if (!rpmdb)
		return pkgima_fail(error, -ENOMEM, "no memory for rpm's database");
	rpmdb->root_fd = root_fd;
	rpmdb->manifests_fd = pkgima_beneath_open_real_folder(root_fd, PKGIMA_RPMDB_MANIFESTS);
	for (size_t i = 0; i < PKGIMA_RPMDB_MAX && r == 0; i++)
		if (folders[i])
			r = add_database(rpmdb, folders[i], error);
	if (r < 0)
		return r;
	if (!rpmdb->database_count)
		return pkgima_fail(error, -ENOENT, "there is no database of rpm");
	*ret_rpmdb = pkgima_steal_pointer(&rpmdb);
	return 0;
}
