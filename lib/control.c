// SPDX-License-Identifier: LGPL-2.1-or-later
#include "control.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "io.h"
#include "manifest.h"

void pkgima_control_free(struct pkgima_control *control)
{
	for (size_t i = 0; i < control->count; i++)
		free(control->files[i].content);
	memset(control, 0, sizeof(*control));
}

const struct pkgima_control_file *pkgima_control_find(const struct pkgima_control *control, const char *name)
{
	for (size_t i = 0; i < control->count; i++)
		if (!strcmp(control->files[i].name, name))
			return &control->files[i];
	return NULL;
}

static const char *const wanted[] = { "control", "conffiles", PKGIMA_MANIFEST_NAME,
				      "preinst", "postinst", "prerm", "postrm", "config", NULL };

bool pkgima_control_wants(const char *name)
{
	for (size_t i = 0; wanted[i]; i++)
		if (!strcmp(name, wanted[i]))
			return true;
	return false;
}

int pkgima_control_read_folder(int root_fd, const char *path, struct pkgima_control *control, struct pkgima_error *error)
{
	for (size_t i = 0; wanted[i]; i++) {
		struct pkgima_control_file *file = &control->files[control->count];
		size_t max = strcmp(wanted[i], PKGIMA_MANIFEST_NAME) ? PKGIMA_CONTROL_FILE_MAX : PKGIMA_MANIFEST_MAX;
		char name[PKGIMA_PATH_MAX + 1];
		int r;

		if (snprintf(name, sizeof(name), "%s/%s", path, wanted[i]) >= (int)sizeof(name))
			return pkgima_fail(error, -ENAMETOOLONG, "the path of dpkg's database is too long");
		r = pkgima_beneath_read(root_fd, name, max, &file->content, &file->length, error);
		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		strcpy(file->name, wanted[i]);
		control->count++;
	}
	return 0;
}

char *pkgima_control_field(const struct pkgima_control *control, const char *field)
{
	const struct pkgima_control_file *file = pkgima_control_find(control, "control");
	size_t length = strlen(field);
	const char *line = file ? (const char *)file->content : NULL;

	while (line && *line) {
		const char *end = line + strcspn(line, "\n");

		if (!strncasecmp(line, field, length) && line[length] == ':') {
			const char *value = line + length + 1;

			/* As dpkg does. */
			while (value < end && isspace((unsigned char)*value))
				value++;
			while (end > value && isspace((unsigned char)end[-1]))
				end--;
			return strndup(value, value < end ? (size_t)(end - value) : 0);
		}
		line = *end ? end + 1 : NULL;
	}
	return NULL;
}

int pkgima_control_conffiles(const struct pkgima_control *control, struct pkgima_entries *entries,
			     struct pkgima_error *error)
{
	static const char removal[] = "remove-on-upgrade ";
	const struct pkgima_control_file *file = pkgima_control_find(control, "conffiles");
	const char *line = file ? (const char *)file->content : "";

	while (*line) {
		size_t length = strcspn(line, "\n");
		struct pkgima_entry *entry;
		size_t used = length;

		while (used && (line[used - 1] == ' ' || line[used - 1] == '\t'))
			used--;
		if (used && strncmp(line, removal, sizeof(removal) - 1) != 0) {
			entry = pkgima_entries_add(entries);
			if (entry)
				entry->path = pkgima_entries_keep(entries, line, used);
			if (!entry || !entry->path)
				return pkgima_fail(error, -ENOMEM, "no memory for the list of conffiles");
			entry->type = PKGIMA_ENTRY_CONFFILE;
		}
		line += length + (line[length] == '\n');
	}
	pkgima_entries_sort(entries);
	return 0;
}
