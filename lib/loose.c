// SPDX-License-Identifier: LGPL-2.1-or-later
#include "loose.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* So many places of the set make one package: memory for entries is bounded. */
#define PLACES 16384

static int list(void *database, bool all, struct pkgima_installed **ret_list, size_t *ret_count,
		struct pkgima_error *error)
{
	const struct pkgima_file_set *files = database;
	size_t count = all ? (files->capacity + PLACES - 1) / PLACES : 0;
	struct pkgima_installed *packages = calloc(count + 1, sizeof(*packages));
	bool complete = packages;

	for (size_t i = 0; complete && i < count; i++) {
		packages[i] = (struct pkgima_installed){ .name = strdup(""), .size = (uintmax_t)PLACES * 128, .group = i, .index = i };
		complete = packages[i].name;
	}
	if (!complete) {
		pkgima_installed_free(packages, packages ? count : 0);
		return pkgima_fail(error, -ENOMEM, "no memory for files of no package");
	}
	*ret_list = packages;
	*ret_count = count;
	return 0;
}

static bool matches(void *database, const char *name, const struct pkgima_installed *package)
{
	(void)database;
	(void)name;
	(void)package;
	return false;
}

static bool is_installed(void *database, const char *name)
{
	(void)database;
	(void)name;
	return false;
}

static int read_entries(void *database, const struct pkgima_installed *package, bool all, struct pkgima_entries *entries,
			struct pkgima_error *error)
{
	const struct pkgima_file_set *files = database;

	for (size_t i = package->index * PLACES; all && i < files->capacity && i < (package->index + 1) * PLACES; i++) {
		const struct pkgima_file_item *item = &files->items[i];
		struct pkgima_entry *entry;

		if (!item->path || item->met)
			continue;
		entry = pkgima_entries_add(entries);
		if (!entry)
			return pkgima_fail(error, -ENOMEM, "no memory for files of no package");
		entry->type = PKGIMA_ENTRY_FILE;
		/* The set outlives the entries. */
		entry->path = item->path;
	}
	pkgima_entries_sort(entries);
	return 0;
}

static const char *const no_suffixes[] = { NULL };

const struct pkgima_manager pkgima_manager_loose = {
	.name = "",
	.signatures = "signatures",
	.list = list,
	.matches = matches,
	.is_installed = is_installed,
	.read = read_entries,
	.read_in_parallel = true,
	.conffile_suffixes = no_suffixes,
};
