// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "control.h"
#include "dpkg.h"
#include "manager.h"

static bool is_instance_of_same(const char *left, const char *right)
{
	size_t length = strcspn(left, ":");

	return left[length] == ':' && !strncmp(left, right, length + 1);
}

void pkgima_dpkg_as_installed(const struct pkgima_dpkg_package *packages, size_t count, struct pkgima_installed *ret_list)
{
	for (size_t i = 0; i < count; i++) {
		ret_list[i] = (struct pkgima_installed){
			.name = packages[i].name,
			.is_signed = packages[i].is_signed,
			.size = (uintmax_t)packages[i].stat.st_size,
			.group = i,
		};
		/* A package of several architectures (Multi-Arch: same) shares files with itself. */
		if (i > 0 && is_instance_of_same(packages[i - 1].name, packages[i].name))
			ret_list[i].group = ret_list[i - 1].group;
	}
}

static int list(void *database, bool all, struct pkgima_installed **ret_list, size_t *ret_count, struct pkgima_error *error)
{
	struct pkgima_dpkg_package *packages = NULL;
	size_t count = 0;
	int r;

	r = all ? pkgima_dpkg_all_packages(database, &packages, &count, error) :
		  pkgima_dpkg_packages(database, &packages, &count, error);
	if (r < 0)
		return r;
	*ret_list = calloc(count + 1, sizeof(**ret_list));
	if (!*ret_list) {
		pkgima_dpkg_packages_free(packages, count);
		return pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
	}
	pkgima_dpkg_as_installed(packages, count, *ret_list);
	*ret_count = count;
	/* The names went over. */
	free(packages);
	return 0;
}

static bool matches(void *database, const char *name, const struct pkgima_installed *package)
{
	(void)database;
	return pkgima_dpkg_name_matches(name, package->name);
}

static bool is_installed(void *database, const char *name)
{
	return pkgima_dpkg_is_installed(database, name);
}

static int read_entries(void *database, const struct pkgima_installed *package, bool all, struct pkgima_entries *entries,
			struct pkgima_error *error)
{
	int r = package->is_signed ? pkgima_dpkg_read(database, package->name, entries, error) : 0;

	return r < 0 || !all ? r : pkgima_dpkg_read_rest(database, package->name, entries, error);
}

static int read_scripts(void *database, const struct pkgima_installed *package,
			void (*tell)(void *context, const char *name, const char *text, size_t length), void *context,
			struct pkgima_error *error)
{
	static const char *const names[] = { "preinst", "postinst", "prerm", "postrm", "config" };
	const struct pkgima_dpkg *dpkg = database;
	char path[PKGIMA_PATH_MAX + 1];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free uint8_t *text = NULL;
		size_t length;
		int r;

		snprintf(path, sizeof(path), "%s.%s", package->name, names[i]);
		r = pkgima_beneath_read(dpkg->info_fd, path, PKGIMA_CONTROL_FILE_MAX, &text, &length, error);
		if (r < 0 && r != -ENOENT)
			return r;
		if (r == 0)
			tell(context, names[i], (const char *)text, length);
	}
	return 0;
}

static bool is_excluded(void *database, const char *path)
{
	return pkgima_dpkg_excludes(database, path);
}

/* A maintainer script stands beside the manifest, everything else where diversions lead. */
static const char *locate(void *database, const struct pkgima_installed *package, const struct pkgima_entry *entry,
			  char *buffer)
{
	const struct pkgima_dpkg *dpkg = database;

	if (entry->type != PKGIMA_ENTRY_SCRIPT)
		return pkgima_dpkg_divert(dpkg, package->name, entry->path);
	snprintf(buffer, PKGIMA_PATH_MAX + 1, "%s/%s.%s", dpkg->info_path, package->name,
		 entry->path + strlen("DEBIAN/"));
	return buffer;
}

static const char *const conffile_suffixes[] = { ".dpkg-new", ".dpkg-dist", NULL };

const struct pkgima_manager pkgima_manager_dpkg = {
	.name = "dpkg",
	.signatures = "manifest",
	.list = list,
	.matches = matches,
	.is_installed = is_installed,
	.read = read_entries,
	.scripts = read_scripts,
	.read_in_parallel = true,
	.locate = locate,
	.is_excluded = is_excluded,
	.conffile_suffixes = conffile_suffixes,
};
