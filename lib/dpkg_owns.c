// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "beneath.h"
#include "dpkg.h"
#include "dpkg_files.h"

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

/* A file, of which it is asked whether a package's it is. */
struct wanted {
	const struct pkgima_dpkg *dpkg;
	const char *path;
	struct stat stat;
	bool exists;
};

/* Does @path lead to it, be it through folders that are links, or with @follow through a link of this name? */
static bool leads_to(const struct wanted *wanted, const char *path, bool follow)
{
	return wanted->exists && pkgima_beneath_leads_to(wanted->dpkg->root_fd, path, follow, &wanted->stat);
}

/* Whatever links there are on the way, a file that is unpacked keeps the last component of its name. */
static bool has_same_name(const char *left, const char *right)
{
	left = strrchr(left, '/');
	right = strrchr(right, '/');
	return left && right && !strcmp(left, right);
}

/* Does the list @file in info/ have it? What cannot be read counts as yes. */
static bool is_listed(const struct wanted *wanted, const char *file)
{
	cleanup_free char *list = NULL;
	char *rest, *line;
	size_t length;

	if (pkgima_beneath_read(wanted->dpkg->info_fd, file, PKGIMA_DPKG_LIST_MAX, (uint8_t **)&list, &length, NULL) < 0)
		return true;
	for (rest = list; (line = pkgima_dpkg_take_line(&rest)); )
		if (!strcmp(line, wanted->path) ||
		    (has_same_name(line, wanted->path) && leads_to(wanted, line, false)))
			return true;
	return false;
}

/* A conffile's new version is put where a link of its name leads to. */
static bool is_conffile(const struct wanted *wanted, const char *instance)
{
	cleanup_entries struct pkgima_entries conffiles = { 0 };

	if (pkgima_dpkg_read_conffiles(wanted->dpkg, instance, &conffiles, NULL) < 0)
		return true;
	for (size_t i = 0; i < conffiles.count; i++)
		if (leads_to(wanted, conffiles.list[i].path, true))
			return true;
	return false;
}

/* The path in a line of the field Conffiles, " PATH HASH" and perhaps flags behind; NULL for another line. */
static const char *take_conffile(char *line)
{
	char *space = strrchr(line, ' ');

	while (space && space > line) {
		*space = '\0';
		if (strcmp(space + 1, "obsolete") != 0 && strcmp(space + 1, "remove-on-upgrade") != 0)
			return line + 1;
		space = strrchr(line, ' ');
	}
	return NULL;
}

/* The same for conffiles that stayed when their package was removed, or no longer had them. */
static bool was_conffile(const struct wanted *wanted)
{
	cleanup_free char *status = NULL;
	bool within = false;
	const char *path;
	char *rest, *line;
	size_t length;
	int r;

	r = pkgima_beneath_read(wanted->dpkg->root_fd, wanted->dpkg->status_path, PKGIMA_DPKG_STATUS_MAX, (uint8_t **)&status, &length,
				NULL);
	if (r < 0)
		return r != -ENOENT;
	for (rest = status; (line = pkgima_dpkg_take_line(&rest)); ) {
		if (line[0] != ' ')
			within = !strcmp(line, "Conffiles:");
		else if (within && (path = take_conffile(line)) && leads_to(wanted, path, true))
			return true;
	}
	return false;
}

static bool is_of_a_package(const struct wanted *wanted)
{
	DIR *folder = pkgima_dpkg_open_info(wanted->dpkg);
	bool owned = !folder;
	struct dirent *file;

	while (folder && !owned && (file = readdir(folder))) {
		if (has_suffix(file->d_name, PKGIMA_DPKG_LIST_SUFFIX)) {
			owned = is_listed(wanted, file->d_name);
		} else if (has_suffix(file->d_name, PKGIMA_DPKG_CONFFILES_SUFFIX)) {
			file->d_name[strlen(file->d_name) - strlen(PKGIMA_DPKG_CONFFILES_SUFFIX)] = '\0';
			owned = is_conffile(wanted, file->d_name);
		}
	}
	if (folder)
		closedir(folder);
	return owned;
}

bool pkgima_dpkg_owns(void *context, const char *path)
{
	struct wanted wanted = { .dpkg = context, .path = path };

	if (!wanted.dpkg)
		return false;
	wanted.exists = pkgima_beneath_stat(wanted.dpkg->root_fd, path, false, &wanted.stat) == 0;
	if (is_of_a_package(&wanted) || was_conffile(&wanted))
		return true;
	/* Lists have the name from which a file was diverted. */
	for (size_t i = 0; i < wanted.dpkg->diversion_count; i++) {
		const struct pkgima_diversion *diversion = &wanted.dpkg->diversions[i];

		wanted.path = diversion->from;
		if ((!strcmp(diversion->to, path) || leads_to(&wanted, diversion->to, true)) && is_of_a_package(&wanted))
			return true;
	}
	return false;
}
