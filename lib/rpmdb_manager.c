// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpmdb.h"

/* What follows @prefix in @text; NULL where it does not begin so. */
static const char *skip(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) ? NULL : text + length;
}

bool pkgima_rpmdb_name_matches(const char *name, const struct pkgima_rpmdb_package *package)
{
	const char *rest = skip(name, package->name), *behind;

	if (rest && *rest == '-') {
		rest++;
		behind = *package->epoch ? skip(rest, package->epoch) : NULL;
		if (behind && *behind == ':')
			rest = behind + 1;
		rest = skip(rest, package->version);
		if (rest && *rest == '-')
			rest = skip(rest + 1, package->release);
	}
	if (!rest)
		return false;
	return !*rest || (*rest == '.' && *package->architecture && !strcmp(rest + 1, package->architecture));
}

static int compare(const void *left, const void *right)
{
	const struct pkgima_installed *l = left, *r = right;

	if (l->group != r->group)
		return l->group < r->group ? -1 : 1;
	return l->index < r->index ? -1 : l->index > r->index;
}

static int list(void *database, bool all, struct pkgima_installed **ret_list, size_t *ret_count, struct pkgima_error *error)
{
	struct pkgima_rpmdb *rpmdb = database;
	struct pkgima_installed *installed;
	size_t count = 0;
	int r;

	r = pkgima_rpmdb_packages(rpmdb, error);
	if (r < 0)
		return r;
	installed = calloc(rpmdb->count + 1, sizeof(*installed));
	for (size_t i = 0; installed && i < rpmdb->count; i++) {
		const struct pkgima_rpmdb_package *package = &rpmdb->packages[i];

		if (!package->is_signed && !all)
			continue;
		installed[count] = (struct pkgima_installed){
			.name = strdup(package->nevra),
			.is_signed = package->is_signed,
			.size = package->size,
			.group = package->group,
			.index = i,
		};
		if (!installed[count++].name) {
			pkgima_installed_free(installed, count);
			installed = NULL;
		}
	}
	if (!installed)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
	qsort(installed, count, sizeof(*installed), compare);
	*ret_list = installed;
	*ret_count = count;
	return 0;
}

static bool matches(void *database, const char *name, const struct pkgima_installed *package)
{
	return pkgima_rpmdb_name_matches(name, &((struct pkgima_rpmdb *)database)->packages[package->index]);
}

static bool is_installed(void *database, const char *name)
{
	const struct pkgima_rpmdb *rpmdb = database;

	for (size_t i = 0; i < rpmdb->count; i++)
		if (pkgima_rpmdb_name_matches(name, &rpmdb->packages[i]))
			return true;
	return false;
}

/* A header has all files. What is taken for unsigned has no manifest. */
static int read_entries(void *database, const struct pkgima_installed *package, bool all, struct pkgima_entries *entries,
			struct pkgima_error *error)
{
	(void)all;
	return package->is_signed ? pkgima_rpmdb_read(database, package->index, entries, error) :
				    pkgima_rpmdb_read_header(database, package->index, entries, NULL, error);
}

static const char *const conffile_suffixes[] = { ".rpmnew", NULL };

const struct pkgima_manager pkgima_manager_rpm = {
	.name = "rpm",
	.signatures = "file signatures",
	.list = list,
	.matches = matches,
	.is_installed = is_installed,
	.read = read_entries,
	.conffile_suffixes = conffile_suffixes,
};
