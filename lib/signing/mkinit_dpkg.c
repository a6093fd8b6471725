// SPDX-License-Identifier: LGPL-2.1-or-later
/* The site's ima-init from the one that dpkg has installed: its list of files, its paragraph and its maintainer scripts. */
#include "mkinit_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../beneath.h"
#include "../control.h"

#define TEMPLATE PKGIMA_MKINIT_TEMPLATE
#define STATUS_MAX ((size_t)256 * 1024 * 1024)
#define LIST_MAX ((size_t)1024 * 1024)

/* Control files that are taken over as they are. */
static const struct {
	const char *name;
	mode_t mode;
} control_files[] = {
	{ "preinst", 0755 }, { "postinst", 0755 }, { "prerm", 0755 }, { "postrm", 0755 }, { "config", 0755 },
	{ "templates", 0644 }, { "triggers", 0644 },
};

/* Fields that speak of the package as it is installed, or are written anew. */
static const char *const dropped_fields[] = { "Status:", "Version:", "Conffiles:", "Config-Version:", "Installed-Size:",
					      "Source:", "Triggers-Pending:", "Triggers-Awaited:" };

/* Has the list a line that is below @path? */
static bool has_below(const char *path, const char *list)
{
	size_t length = strlen(path);

	for (const char *at = list; (at = strstr(at, path)); at++)
		if ((at == list || at[-1] == '\n') && at[length] == '/')
			return true;
	return false;
}

static int read_info(const struct pkgima_mkinit *mkinit, const char *suffix, uint8_t **ret_data, size_t *ret_length,
		     struct pkgima_error *error)
{
	char name[64];

	snprintf(name, sizeof(name), TEMPLATE ".%s", suffix);
	return pkgima_beneath_read(mkinit->dpkg->info_fd, name, LIST_MAX, ret_data, ret_length, error);
}

int pkgima_mkinit_dpkg_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *list = NULL, *lines = NULL;
	char *rest;
	size_t length;
	int r;

	r = read_info(mkinit, "list", (uint8_t **)&list, &length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "the package ima-init, from which the site's is made, is not installed");
	if (r < 0)
		return r;
	lines = strdup(list);
	if (!lines)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	rest = lines;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")); )
		if (*line)
			r = pkgima_mkinit_copy(tree, mkinit, line, has_below(line, list), error);
	return r;
}

static bool is_dropped(const char *line)
{
	for (size_t i = 0; i < sizeof(dropped_fields) / sizeof(dropped_fields[0]); i++)
		if (!strncasecmp(line, dropped_fields[i], strlen(dropped_fields[i])))
			return true;
	return false;
}

/* The package's paragraph of dpkg's status file, copied; NULL where it has none. */
static char *find_stanza(const char *status)
{
	static const char first[] = "Package: " TEMPLATE "\n";

	for (const char *at = status; (at = strstr(at, first)); at++) {
		const char *end = strstr(at, "\n\n");

		if (at == status || (at > status + 1 && at[-1] == '\n' && at[-2] == '\n'))
			return end ? strndup(at, (size_t)(end - at) + 1) : strdup(at);
	}
	return NULL;
}

static int read_fields(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, char *stanza,
		       struct pkgima_error *error)
{
	struct pkgima_control control = {
		.files = { { .name = "control", .content = (uint8_t *)stanza, .length = strlen(stanza) } },
		.count = 1,
	};
	cleanup_free char *version = pkgima_control_field(&control, "Version");
	cleanup_free char *status = pkgima_control_field(&control, "Status");

	if (!status || !strstr(status, " installed"))
		return pkgima_fail(error, -ENOENT, "the package ima-init, from which the site's is made, is not installed "
				   "completely");
	tree->architecture = pkgima_control_field(&control, "Architecture");
	tree->summary = pkgima_control_field(&control, "Description");
	tree->version = version ? pkgima_mkinit_version(version, mkinit->revision) : NULL;
	if (!tree->architecture || !tree->summary || !tree->version)
		return pkgima_fail(error, -EINVAL, "dpkg's database has no version, architecture or description of ima-init");
	tree->summary[strcspn(tree->summary, "\n")] = '\0';
	return 0;
}

static int put_control(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *status = NULL, *stanza = NULL, *text = NULL;
	bool dropping = false;
	size_t length;
	char *rest;
	FILE *out;
	int r;

	r = pkgima_beneath_read(mkinit->root_fd, mkinit->dpkg->status_path, STATUS_MAX, (uint8_t **)&status, &length, error);
	if (r < 0)
		return r == -ENOENT ? pkgima_fail(error, r, "dpkg's database has no status file") : r;
	stanza = find_stanza(status);
	if (!stanza)
		return pkgima_fail(error, -ENOENT, "dpkg's database does not know ima-init");
	r = read_fields(tree, mkinit, stanza, error);
	if (r < 0)
		return r;
	out = open_memstream(&text, &length);
	if (!out)
		return pkgima_fail(error, -ENOMEM, "no memory for a control file");
	rest = stanza;
	for (char *line; (line = strsep(&rest, "\n")); ) {
		if (*line != ' ' && *line != '\t')
			dropping = is_dropped(line);
		if (*line && !dropping)
			fprintf(out, "%s\n", line);
		if (!strcmp(line, "Package: " TEMPLATE))
			fprintf(out, "Version: %s\n", tree->version);
	}
	if (fclose(out) != 0)
		return pkgima_fail(error, -ENOMEM, "no memory for a control file");
	return pkgima_mkinit_put(tree, "/DEBIAN/control", text, length, 0644, error);
}

static int put_control_files(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
			     struct pkgima_error *error)
{
	char path[64];
	int r = 0;

	for (size_t i = 0; i < sizeof(control_files) / sizeof(control_files[0]) && r == 0; i++) {
		cleanup_free uint8_t *data = NULL;
		size_t length;

		r = read_info(mkinit, control_files[i].name, &data, &length, error);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		snprintf(path, sizeof(path), "/DEBIAN/%s", control_files[i].name);
		if (r == 0)
			r = pkgima_mkinit_put(tree, path, data, length, control_files[i].mode, error);
	}
	return r;
}

/* Those of the template that are still in the package: none of what the site brings is a conffile. */
static int put_conffiles(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *list = NULL, *text = NULL;
	size_t length = 0, size = 0;
	char *rest;
	int r;

	r = read_info(mkinit, "conffiles", (uint8_t **)&list, &size, error);
	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		text = malloc(size + 2);
		r = text ? 0 : pkgima_fail(error, -ENOMEM, "no memory for a control file");
	}
	rest = list;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")); )
		if (*line && !pkgima_mkinit_is_replaced(line) && pkgima_entries_find(&tree->files, line))
			length += (size_t)sprintf(text + length, "%s\n", line);
	return r == 0 && length ? pkgima_mkinit_put(tree, "/DEBIAN/conffiles", text, length, 0644, error) : r;
}

static bool is_own(const char *folder)
{
	/* With all below: where there is a package that has them, too, it has them alike. Others are the distribution's. */
	static const char *const own[] = { "/ima", "/etc/ima-init", "/etc/keys", "/usr/lib/dracut", "/usr/share/doc/ima-init",
					   "/usr/share/ima-init", "/usr/share/initramfs-tools" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t length = strlen(own[i]);

		if (!strncmp(folder, own[i], length) && (!folder[length] || folder[length] == '/'))
			return true;
	}
	return false;
}

static bool is_noted(const struct pkgima_entries *folders, const char *path)
{
	for (size_t i = 0; i < folders->count; i++)
		if (!strcmp(folders->list[i].path, path))
			return true;
	return false;
}

/* Those above the files, so that nothing is left where rpm has taken these away. */
static int note_folders(struct pkgima_mkinit_tree *tree, struct pkgima_error *error)
{
	char folder[PKGIMA_PATH_MAX + 1];

	for (size_t i = 0; i < tree->files.count; i++) {
		const char *path = tree->files.list[i].path;

		for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
			int r;

			snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
			if (!is_own(folder) || is_noted(&tree->folders, folder))
				continue;
			r = pkgima_mkinit_note_folder(tree, folder, error);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int pkgima_mkinit_dpkg_describe(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
				struct pkgima_error *error)
{
	int r = put_control(tree, mkinit, error);

	if (r == 0)
		r = note_folders(tree, error);
	if (r == 0)
		r = put_control_files(tree, mkinit, error);
	return r < 0 ? r : put_conffiles(tree, mkinit, error);
}
