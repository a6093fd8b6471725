// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dpkg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "control.h"
#include "dpkg_files.h"
#include "escape.h"
#include "io.h"
#include "manifest.h"

#define DIVERSIONS_MAX ((size_t)16 * 1024 * 1024)
#define PACKAGES_MAX 1000000
#define MANIFEST_SUFFIX "." PKGIMA_MANIFEST_NAME

char *pkgima_dpkg_take_line(char **text)
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

		diversion->from = pkgima_dpkg_take_line(&text);
		diversion->to = pkgima_dpkg_take_line(&text);
		diversion->package = pkgima_dpkg_take_line(&text);
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
	if (asprintf(&path, "%s/diversions", admindir) < 0 || asprintf(&dpkg->info_path, "%s/info", admindir) < 0 ||
	    asprintf(&dpkg->status_path, "%s/status", admindir) < 0)
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
	pkgima_dpkg_load_filters(dpkg);
	*ret_dpkg = pkgima_steal_pointer(&dpkg);
	return 0;
}

void pkgima_dpkg_free(struct pkgima_dpkg *dpkg)
{
	if (!dpkg)
		return;
	pkgima_close_cleanup(&dpkg->info_fd);
	free(dpkg->info_path);
	free(dpkg->status_path);
	free(dpkg->diversions_text);
	free(dpkg->diversions);
	pkgima_dpkg_free_filters(dpkg);
	free(dpkg);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

DIR *pkgima_dpkg_open_info(const struct pkgima_dpkg *dpkg)
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

#define ALNUM "abcdefghijklmnopqrstuvwxyz0123456789"

/* As dpkg has them, "PKG" or "PKG:ARCH": pkg_name_is_illegal() and dpkg_arch_name_is_illegal() in its lib/dpkg. */
static bool is_package_name(const char *name, size_t length)
{
	const char *colon = memchr(name, ':', length);
	size_t package = colon ? (size_t)(colon - name) : length;

	if (strcspn(name, ALNUM) != 0 || strspn(name, ALNUM "+-._") < package)
		return false;
	return !colon || (strcspn(colon + 1, ALNUM) == 0 &&
			  package + 1 + strspn(colon + 1, ALNUM "-") >= length);
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

/* Adds the package whose name is the first @length bytes of @file, a file in info/ that @st is of. */
static int add_package(const struct pkgima_dpkg *dpkg, const char *file, size_t length, const struct stat *st,
		       struct pkgima_dpkg_package **packages, size_t *count, struct pkgima_error *error)
{
	/* Capacities are powers of two, from 512 on. */
	bool full = *count == 0 || (*count >= 512 && (*count & (*count - 1)) == 0);
	size_t larger = *count < 512 ? 512 : *count * 2;
	struct pkgima_dpkg_package *package;
	cleanup_free char *manifest = NULL;

	if (full) {
		void *list = *count < PACKAGES_MAX ? reallocarray(*packages, larger, sizeof(**packages)) : NULL;

		if (!list)
			return pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
		*packages = list;
	}
	package = &(*packages)[*count];
	package->name = strndup(file, length);
	if (!package->name || asprintf(&manifest, "%s" MANIFEST_SUFFIX, package->name) < 0) {
		free(package->name);
		return pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
	}
	package->is_signed = fstatat(dpkg->info_fd, manifest, &package->stat, AT_SYMLINK_NOFOLLOW) == 0 &&
			     S_ISREG(package->stat.st_mode);
	if (!package->is_signed)
		package->stat = *st;
	++*count;
	return 0;
}

/* Those that have a file of this @suffix in info/. */
static int list_packages(const struct pkgima_dpkg *dpkg, const char *suffix, struct pkgima_dpkg_package **ret_packages,
			 size_t *ret_count, struct pkgima_error *error)
{
	struct pkgima_dpkg_package *packages = NULL;
	DIR *folder = pkgima_dpkg_open_info(dpkg);
	struct dirent *file;
	size_t count = 0;
	int r = 0;

	if (!folder)
		return pkgima_fail_errno(error, "cannot read %s", dpkg->info_path);
	while (r == 0 && (file = readdir(folder))) {
		size_t length = strlen(file->d_name) - strlen(suffix);
		struct stat st;

		if (has_suffix(file->d_name, suffix) && is_package_name(file->d_name, length) &&
		    fstatat(dpkg->info_fd, file->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			r = add_package(dpkg, file->d_name, length, &st, &packages, &count, error);
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

int pkgima_dpkg_packages(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package **ret_packages, size_t *ret_count,
			 struct pkgima_error *error)
{
	return list_packages(dpkg, MANIFEST_SUFFIX, ret_packages, ret_count, error);
}

/* The value of field @name in @line, or NULL. */
static const char *value_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	line += length + 1;
	return line + strspn(line, " ");
}

/* Takes from the sorted list the package NAME or, as an instance, NAME:ARCH. */
static void drop_package(struct pkgima_dpkg_package *packages, size_t *count, const char *name, const char *architecture)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < *count; i++) {
		const char *own = packages[i].name;

		if (strncmp(own, name, length) != 0 ||
		    (own[length] && (own[length] != ':' || strcmp(own + length + 1, architecture) != 0)))
			continue;
		free(packages[i].name);
		memmove(&packages[i], &packages[i + 1], (*count - i - 1) * sizeof(*packages));
		--*count;
		return;
	}
}

/* Removed packages keep a list, of their conffiles. */
static int drop_removed(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package *packages, size_t *count,
			struct pkgima_error *error)
{
	const char *name = "", *architecture = "", *state = "", *value;
	cleanup_free char *status = NULL;
	char *rest, *line;
	size_t length;
	int r;

	r = pkgima_beneath_read(dpkg->root_fd, dpkg->status_path, PKGIMA_DPKG_STATUS_MAX, (uint8_t **)&status, &length, error);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (rest = status; (line = pkgima_dpkg_take_line(&rest)) || *state; ) {
		if (line && *line) {
			if ((value = value_of(line, "Package")))
				name = value;
			else if ((value = value_of(line, "Architecture")))
				architecture = value;
			else if ((value = value_of(line, "Status")))
				state = value;
			continue;
		}
		if (has_suffix(state, " config-files"))
			drop_package(packages, count, name, architecture);
		name = architecture = state = "";
	}
	return 0;
}

int pkgima_dpkg_all_packages(const struct pkgima_dpkg *dpkg, struct pkgima_dpkg_package **ret_packages, size_t *ret_count,
			     struct pkgima_error *error)
{
	struct pkgima_dpkg_package *packages = NULL;
	size_t count = 0;
	int r;

	r = list_packages(dpkg, PKGIMA_DPKG_LIST_SUFFIX, &packages, &count, error);
	if (r == 0)
		r = drop_removed(dpkg, packages, &count, error);
	if (r < 0) {
		pkgima_dpkg_packages_free(packages, count);
		return r;
	}
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
	DIR *folder = pkgima_dpkg_open_info(dpkg);
	struct dirent *file;
	bool found = false;

	while (folder && !found && (file = readdir(folder))) {
		if (!has_suffix(file->d_name, PKGIMA_DPKG_LIST_SUFFIX))
			continue;
		file->d_name[strlen(file->d_name) - strlen(PKGIMA_DPKG_LIST_SUFFIX)] = '\0';
		/* dpkg lists a package of the native architecture without it, unless it is Multi-Arch: same. */
		found = pkgima_dpkg_name_matches(name, file->d_name);
	}
	if (folder)
		closedir(folder);
	return found;
}

/* Reads info/@instance@suffix. */
static int read_info(const struct pkgima_dpkg *dpkg, const char *instance, const char *suffix, size_t max,
		     uint8_t **ret_text, size_t *ret_length, struct pkgima_error *error)
{
	cleanup_free char *name = NULL;
	char safe[256];
	int r;

	if (asprintf(&name, "%s%s", instance, suffix) < 0) {
		name = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a file name");
	}
	r = pkgima_beneath_read(dpkg->info_fd, name, max, ret_text, ret_length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "dpkg's database has no %s",
				   pkgima_printable_into(name, safe, sizeof(safe)));
	return r;
}

/* Keeps the entries whose paths are lines of @list, which is taken apart; maintainer scripts are always the package's. */
static int intersect(struct pkgima_entries *entries, char *list, struct pkgima_error *error)
{
	cleanup_free bool *listed = calloc(entries->count + 1, sizeof(*listed));
	size_t kept = 0;

	if (!listed)
		return pkgima_fail(error, -ENOMEM, "no memory for a package's list of files");
	for (const char *line; (line = pkgima_dpkg_take_line(&list)); ) {
		const struct pkgima_entry *entry = pkgima_entries_find(entries, line);

		if (entry)
			listed[entry - entries->list] = true;
	}
	for (size_t i = 0; i < entries->count; i++)
		if (listed[i] || entries->list[i].type == PKGIMA_ENTRY_SCRIPT)
			entries->list[kept++] = entries->list[i];
	entries->count = kept;
	return 0;
}

int pkgima_dpkg_read_conffiles(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *conffiles,
			       struct pkgima_error *error)
{
	cleanup_control struct pkgima_control control = { .files = { { .name = "conffiles" } }, .count = 1 };
	int r;

	r = read_info(dpkg, instance, PKGIMA_DPKG_CONFFILES_SUFFIX, PKGIMA_CONTROL_FILE_MAX, &control.files[0].content,
		      &control.files[0].length, error);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? r : pkgima_control_conffiles(&control, conffiles, error);
}

/*
 * Which files are conffiles is dpkg's to say: by the manifest's word alone a changed program would pass for an edited
 * conffile. Obsolete ones do not matter here, they are in no manifest of the version that is unpacked.
 */
static int settle_types(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
			struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries conffiles = { 0 };
	int r;

	r = pkgima_dpkg_read_conffiles(dpkg, instance, &conffiles, error);
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		struct pkgima_entry *entry = &entries->list[i];

		if (entry->type != PKGIMA_ENTRY_SCRIPT)
			entry->type = pkgima_entries_find(&conffiles, entry->path) ? PKGIMA_ENTRY_CONFFILE :
										     PKGIMA_ENTRY_FILE;
	}
	return r;
}

int pkgima_dpkg_read(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
		     struct pkgima_error *error)
{
	cleanup_free uint8_t *manifest = NULL;
	cleanup_free char *list = NULL;
	size_t length;
	int r;

	r = read_info(dpkg, instance, MANIFEST_SUFFIX, PKGIMA_MANIFEST_MAX, &manifest, &length, error);
	if (r == 0)
		r = pkgima_manifest_parse(manifest, length, entries, error);
	if (r == 0)
		r = read_info(dpkg, instance, PKGIMA_DPKG_LIST_SUFFIX, PKGIMA_DPKG_LIST_MAX, (uint8_t **)&list, &length, error);
	if (r == 0)
		r = intersect(entries, list, error);
	if (r == 0)
		r = settle_types(dpkg, instance, entries, error);
	return r;
}

/* Adds an entry without a signature, unless the first @known of them, which are sorted, have the path. */
static int add_rest(struct pkgima_entries *entries, size_t known, const char *path, enum pkgima_entry_type type,
		    struct pkgima_error *error)
{
	const struct pkgima_entries sorted = { .list = entries->list, .count = known };
	struct pkgima_entry *entry;

	if (known && pkgima_entries_find(&sorted, path))
		return 0;
	entry = pkgima_entries_add(entries);
	if (!entry)
		return pkgima_fail(error, -E2BIG, "more than %d files, or no memory for them", PKGIMA_ENTRIES_MAX);
	entry->type = type;
	entry->path = pkgima_entries_keep(entries, path, strlen(path));
	return entry->path ? 0 : pkgima_fail(error, -ENOMEM, "no memory for a package's list of files");
}

static int add_scripts(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries, size_t known,
		       struct pkgima_error *error)
{
	static const char *const names[] = { "preinst", "postinst", "prerm", "postrm", "config" };
	char path[32];
	int r = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++) {
		cleanup_free char *file = NULL;

		if (asprintf(&file, "%s.%s", instance, names[i]) < 0) {
			file = NULL;
			return pkgima_fail(error, -ENOMEM, "no memory for a file name");
		}
		snprintf(path, sizeof(path), "DEBIAN/%s", names[i]);
		if (faccessat(dpkg->info_fd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			r = add_rest(entries, known, path, PKGIMA_ENTRY_SCRIPT, error);
	}
	return r;
}

int pkgima_dpkg_read_rest(const struct pkgima_dpkg *dpkg, const char *instance, struct pkgima_entries *entries,
			  struct pkgima_error *error)
{
	size_t known = entries->count, length;
	cleanup_free char *list = NULL;
	char *rest, *line;
	int r;

	r = read_info(dpkg, instance, PKGIMA_DPKG_LIST_SUFFIX, PKGIMA_DPKG_LIST_MAX, (uint8_t **)&list, &length, error);
	for (rest = list; r == 0 && (line = pkgima_dpkg_take_line(&rest)); )
		if (pkgima_path_is_normal(line))
			r = add_rest(entries, known, line, PKGIMA_ENTRY_FILE, error);
	if (r == 0)
		r = add_scripts(dpkg, instance, entries, known, error);
	if (r < 0)
		return r;
	pkgima_entries_sort(entries);
	return settle_types(dpkg, instance, entries, error);
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
