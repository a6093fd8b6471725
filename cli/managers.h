/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_MANAGERS_H
#define PKGIMA_CLI_MANAGERS_H

#include "../lib/dpkg.h"
#include "../lib/rpmdb.h"
#include "cli.h"

/* The packages of one manager. */
struct cli_source {
	const struct pkgima_manager *manager;
	void *database;                /* NULL: there is none, or it cannot be read */
	struct pkgima_installed *packages;
	size_t count;
};

/* All databases of a root. */
#define CLI_SOURCES 2
struct cli_managers {
	struct pkgima_dpkg *dpkg;
	struct pkgima_rpmdb *rpmdb;
	struct cli_source sources[CLI_SOURCES];
};

/*
 * Opens them and lists their packages, with @all also those without signatures. A database that cannot be read is said,
 * and does not keep the other manager's packages from being worked on. CLI_OK, or CLI_FAILED; released by
 * cli_managers_close() in any case.
 */
int cli_managers_open(const struct cli_command *command, int root_fd, bool all, struct cli_managers *managers);
void cli_managers_close(struct cli_managers *managers);
#define cleanup_managers __attribute__((cleanup(cli_managers_close)))

/* Is there a database that can be read? */
bool cli_managers_any(const struct cli_managers *managers);

#endif
