// SPDX-License-Identifier: LGPL-2.1-or-later
#include "managers.h"

#include <errno.h>
#include <stdlib.h>

/* @r: of opening the database. */
static int list_packages(const struct cli_command *command, struct cli_source *source, bool all, int r,
			 struct pkgima_error *error)
{
	if (r == -ENOENT)
		return CLI_OK;
	if (r == 0)
		r = source->manager->list(source->database, all, &source->packages, &source->count, error);
	if (r == 0)
		return CLI_OK;
	source->database = NULL;
	cli_message(command, "%s", error->text);
	return CLI_FAILED;
}

int cli_managers_open(const struct cli_command *command, int root_fd, bool all, struct cli_managers *managers)
{
	struct pkgima_error error;
	int r, status;

	*managers = (struct cli_managers){ .sources = { { .manager = &pkgima_manager_dpkg }, { .manager = &pkgima_manager_rpm } } };
	r = pkgima_dpkg_open(root_fd, PKGIMA_DPKG_ADMINDIR, &managers->dpkg, &error);
	managers->sources[0].database = managers->dpkg;
	status = list_packages(command, &managers->sources[0], all, r, &error);
	r = pkgima_rpmdb_open(root_fd, &managers->rpmdb, &error);
	managers->sources[1].database = managers->rpmdb;
	if (list_packages(command, &managers->sources[1], all, r, &error) != CLI_OK)
		status = CLI_FAILED;
	return status;
}

void cli_managers_close(struct cli_managers *managers)
{
	for (size_t i = 0; i < CLI_SOURCES; i++)
		pkgima_installed_free(managers->sources[i].packages, managers->sources[i].count);
	pkgima_dpkg_free(managers->dpkg);
	pkgima_rpmdb_free(managers->rpmdb);
}

bool cli_managers_any(const struct cli_managers *managers)
{
	return managers->sources[0].database || managers->sources[1].database;
}
