// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "../lib/loose.h"
#include "audit.h"

static int add_file(void *context, const char *path, const struct stat *st, struct pkgima_error *error)
{
	struct audit_sources *sources = context;
	int r = pkgima_file_set_add(&sources->files, st, path);

	return r == -ENOMEM ? pkgima_fail(error, r, "no memory for the files below the paths") : 0;
}

/* Finds the files below the paths. */
static int find_files(const struct audit *audit, struct audit_sources *sources)
{
	struct cli_source *loose = &sources->list[CLI_SOURCES];
	struct pkgima_walk walk = { .root_fd = audit->root_fd, .file = add_file, .context = sources };
	struct pkgima_error error;
	int r;

	sources->limited = true;
	*loose = (struct cli_source){ .manager = &pkgima_manager_loose, .database = &sources->files };
	r = pkgima_walk_run(&walk, audit->paths, audit->path_count, &error);
	if (r == 0)
		r = loose->manager->list(loose->database, true, &loose->packages, &loose->count, &error);
	if (r < 0)
		cli_message(audit->command, "%s", error.text);
	return r < 0 ? CLI_FAILED : CLI_OK;
}

int audit_sources_open(const struct audit *audit, struct audit_sources *sources, bool *ret_any)
{
	int status;

	*sources = (struct audit_sources){ 0 };
	status = cli_managers_open(audit->command, audit->root_fd, true, &sources->managers);
	for (size_t i = 0; i < CLI_SOURCES; i++)
		sources->list[i] = sources->managers.sources[i];
	*ret_any = cli_managers_any(&sources->managers);
	if (audit->path_count) {
		*ret_any = find_files(audit, sources) == CLI_OK;
		return *ret_any ? status : CLI_FAILED;
	}
	if (!*ret_any && status == CLI_OK)
		cli_message(audit->command, "there is no database of dpkg or rpm");
	return *ret_any ? status : CLI_FAILED;
}

void audit_sources_close(struct audit_sources *sources)
{
	pkgima_installed_free(sources->list[CLI_SOURCES].packages, sources->list[CLI_SOURCES].count);
	cli_managers_close(&sources->managers);
	pkgima_file_set_free(&sources->files);
}

bool audit_sources_want(struct audit_sources *sources, const struct stat *st)
{
	struct pkgima_file_item *item = pkgima_file_set_find(&sources->files, st);

	if (item)
		__atomic_store_n(&item->met, true, __ATOMIC_RELAXED);
	return item != NULL;
}
