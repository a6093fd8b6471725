// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dpkg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "escape.h"
#include "io.h"
#include "manifest.h"

#define LIST_MAX ((size_t)256 * 1024 * 1024)
#define DIVERSIONS_MAX ((size_t)16 * 1024 * 1024)
#define PACKAGES_MAX 1000000
#define MANIFEST_SUFFIX "." PKGIMA_MANIFEST_NAME
#define LIST_SUFFIX ".list"

/* Takes the next line off *@text and ends it with NUL; NULL at the end. A last line without newline counts. */
static char *take_line(char **text)
{
	char *line = *text, *newline;

	if (!*line)
		return NULL;
	newline = strchr(line, '\n');
	if (newline) {
		*newline = '\0';
		*text = newline + 1;
	} else {
		*text = line + strlen(line);
	}
	return line;
}

static int compare_diversions(const void *left, const void *right)
{
	return strcmp(((const struct pkgima_diversion *)left)->from, ((const struct pkgima_diversion *)right)->from);
}

/* Records of three lines: from, to, package. */
static int parse_diversions(struct pkgima_dpkg *dpkg, struct pkgima_error *error)
{
	char *text = dpkg->diversions_text;
	size_t lines = 0;

	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	dpkg->diversions = calloc(lines / 3 + 1, sizeof(*dpkg->diversions));
	if (!dpkg->diversions)
		return pkgima_fail(error, -ENOMEM, "no memory for dpkg's diversions");
	while (dpkg->diversion_count < lines / 3) {
		struct pkgima_diversion *diversion = &dpkg->diversions[dpkg->diversion_count];

		diversion->from = take_line(&text);
		diversion->to = take_line(&text);
		diversion->package = take_line(&text);
		if (!diversion->from || !diversion->to || !diversion->package)
			break;
		dpkg->diversion_count++;
	}
	qsort(dpkg->diversions, dpkg->diversion_count, sizeof(*dpkg->diversions), compare_diversions);
	return 0;
}

int pkgima_dpkg_open(int root_fd, const char *admindir, struct pkgima_dpkg **ret_dpkg, struct pkgima_error *error)
{
	cleanup_dpkg struct pkgima_dpkg *dpkg = calloc(1, sizeof(*dpkg));
	cleanup_free char *path = NULL;
	size_t length;
	int r;

	if (!dpkg)
		return pkgima_fail(error, -ENOMEM, "no memory for dpkg's database");
	dpkg->root_fd = root_fd;
	dpkg->info_fd = -1;
	if (asprintf(&path, "%s/diversions", admindir) < 0 || asprintf(&dpkg->info_path, "%s/info", admindir) < 0)
		return pkgima_fail(error, -ENOMEM, "no memory for dpkg's database");
	dpkg->info_fd = pkgima_beneath_open_folder(root_fd, dpkg->info_path);
	if (dpkg->info_fd < 0)
		return pkgima_fail(error, dpkg->info_fd, "cannot open dpkg's database %s: %s", dpkg->info_path,
				   strerror(-dpkg->info_fd));
	r = pkgima_beneath_read(root_fd, path, DIVERSIONS_MAX, (uint8_t **)&dpkg->diversions_text, &length, error);
	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		r = parse_diversions(dpkg, error);
		if (r < 0)
			return r;
	}
	*ret_dpkg = pkgima_steal_pointer(&dpkg);
	return 0;
}

void pkgima_dpkg_free(struct pkgima_dpkg *dpkg)
{
	if (!dpkg)
		return;
	pkgima_close_cleanup(&dpkg->info_fd);
	free(dpkg->info_path);
	free(dpkg->diversions_text);
	free(dpkg->diversions);
	free(dpkg);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

/* The folder's entries, to be read from the start; independent of other readers of the same descriptor. */
static DIR *open_info(const struct pkgima_dpkg *dpkg)
{
	int fd = openat(dpkg->info_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder;

	if (fd < 0)
		return NULL;
	folder = fdopendir(fd);
	if (!folder)
		close(fd);
	return folder;
}

static int compare_packages(const void *left, const void *right)
{
	return strcmp(((const struct pkgima_dpkg_package *)left)->name,
		      ((const struct pkgima_dpkg_package *)right)->name);
}

void pkgima_dpkg_packages_free(struct pkgima_dpkg_package *packages, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(packages[i].name);
	free(packages);
}

int pkgima_dpkg_packages(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package **ret_packages, size_t *ret_count,
			 struct pkgima_error *error)
{
	struct pkgima_dpkg_package *packages = NULL;
	size_t count = 0, capacity = 0;
	DIR *folder = open_info(dpkg);
	struct dirent *file;
	int r = 0;

	if (!folder)
		return pkgima_fail_errno(error, "cannot read %s", dpkg->info_path);
	while (r == 0 && (file = readdir(folder))) {
		struct pkgima_dpkg_package *package;
		struct stat st;

		if (!has_suffix(file->d_name, MANIFEST_SUFFIX) ||
		    fstatat(dpkg->info_fd, file->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (count == capacity) {
			size_t larger = capacity ? capacity * 2 : 512;
			void *list = count < PACKAGES_MAX ? reallocarray(packages, larger, sizeof(*packages)) : NULL;

			if (!list) {
				r = pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
				break;
			}
			packages = list;
			capacity = larger;
		}
		package = &packages[count];
		package->stat = st;
		package->name = strndup(file->d_name, strlen(file->d_name) - strlen(MANIFEST_SUFFIX));
		if (!package->name)
			r = pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
		else
			count++;
	}
	closedir(folder);
	if (r < 0) {
		pkgima_dpkg_packages_free(packages, count);
		return r;
	}
	if (count)
		qsort(packages, count, sizeof(*packages), compare_packages);
	*ret_packages = packages;
	*ret_count = count;
	return 0;
}

bool pkgima_dpkg_name_matches(const char *name, const char *instance)
{
	size_t length = strlen(name);

	return !strncmp(name, instance, length) && (instance[length] == '\0' ||
						    (instance[length] == ':' && !strchr(name, ':')));
}

bool pkgima_dpkg_is_installed(const struct pkgima_dpkg *dpkg, const char *name)
{
	DIR *folder = open_info(dpkg);
	struct dirent *file;
	bool found = false;

	while (folder && !found && (file = readdir(folder))) {
		if (!has_suffix(file->d_name, LIST_SUFFIX))
			continue;
		file->d_name[strlen(file->d_name) - strlen(LIST_SUFFIX)] = '\0';
		/* dpkg lists a package of the native architecture without it, unless it is Multi-Arch: same. */
		found = pkgima_dpkg_name_matches(name, file->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

static int compare_lines(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Reads info/@instance@suffix. */
static int read_info(const struct pkgima_dpkg *dpkg, const char *instance, const char *suffix, size_t max,
		     uint8_t **ret_text, size_t *ret_length, struct pkgima_error *error)
{
	cleanup_free char *name = NULL;
	int r;

	if (asprintf(&name, "%s%s", instance, suffix) < 0)
		return pkgima_fail(error, -ENOMEM, "no memory for a file name");
	r = pkgima_beneath_read(dpkg->info_fd, name, max, ret_text, ret_length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "dpkg's database has no %s", name);
	return r;
}

/* Keeps the entries whose paths are among @lines (sorted); maintainer scripts are always the package's. */
static void intersect(struct pkgima_entries *entries, char *const *lines, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < entries->count; i++) {
		const struct pkgima_entry *entry = &entries->list[i];

		if (entry->type == PKGIMA_ENTRY_SCRIPT ||
		    bsearch(&entry->path, lines, count, sizeof(*lines), compare_lines))
			entries->list[kept++] = *entry;
	}
	entries->count = kept;
}

int pkgima_dpkg_read(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
		     struct pkgima_error *error)
{
	cleanup_free uint8_t *manifest = NULL;
	cleanup_free char *list = NULL;
	cleanup_free char **lines = NULL;
	size_t length, count = 0, total = 1;
	char *text;
	int r;

	r = read_info(dpkg, instance, MANIFEST_SUFFIX, PKGIMA_MANIFEST_MAX, &manifest, &length, error);
	if (r == 0)
		r = pkgima_manifest_parse(manifest, length, entries, error);
	if (r == 0)
		r = read_info(dpkg, instance, LIST_SUFFIX, LIST_MAX, (uint8_t **)&list, &length, error);
	if (r != 0)
		return r;
	for (const char *at = list; (at = strchr(at, '\n')); at++)
		total++;
	lines = calloc(total, sizeof(*lines));
	if (!lines)
		return pkgima_fail(error, -ENOMEM, "no memory for a package's list of files");
	text = list;
	while (count < total && (lines[count] = take_line(&text)))
		count++;
	qsort(lines, count, sizeof(*lines), compare_lines);
	intersect(entries, lines, count);
	return 0;
}

const char *pkgima_dpkg_divert(const struct pkgima_dpkg *dpkg, const char *instance, const char *path)
{
	struct pkgima_diversion key = { .from = path };
	const struct pkgima_diversion *diversion;

	if (!dpkg->diversion_count)
		return path;
	diversion = bsearch(&key, dpkg->diversions, dpkg->diversion_count, sizeof(key), compare_diversions);
	/* The package that diverts keeps the name; a diversion names it without an architecture. */
	if (!diversion || pkgima_dpkg_name_matches(diversion->package, instance))
		return path;
	return diversion->to;
}

static bool list_has(const struct pkgima_dpkg *dpkg, const char *name, const char *path)
{
	cleanup_free char *list = NULL;
	size_t length, size = strlen(path);

	if (pkgima_beneath_read(dpkg->info_fd, name, LIST_MAX, (uint8_t **)&list, &length, NULL) < 0)
		return true;
	for (const char *at = list; (at = strstr(at, path)); at++)
		if ((at == list || at[-1] == '\n') && (at[size] == '\n' || at[size] == '\0'))
			return true;
	return false;
}

/* Does a package's list have @path? What cannot be read counts as yes. */
static bool is_listed(const struct pkgima_dpkg *dpkg, const char *path)
{
	DIR *folder = open_info(dpkg);
	bool listed = !folder;
	struct dirent *file;

	while (folder && !listed && (file = readdir(folder)))
		listed = has_suffix(file->d_name, LIST_SUFFIX) && list_has(dpkg, file->d_name, path);
	if (folder)
		closedir(folder);
	return listed;
}

bool pkgima_dpkg_owns(void *context, const char *path)
{
	const struct pkgima_dpkg *dpkg = context;

	if (!dpkg)
		return false;
	if (is_listed(dpkg, path))
		return true;
	/* Lists have the name from which a file was diverted. */
	for (size_t i = 0; i < dpkg->diversion_count; i++)
		if (!strcmp(dpkg->diversions[i].to, path) && is_listed(dpkg, dpkg->diversions[i].from))
			return true;
	return false;
}
