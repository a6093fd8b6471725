// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "dpkg.h"

#define CONFIG_MAX ((size_t)1024 * 1024)
#define FILTERS_MAX 4096
#define CONFIG_FOLDER "/etc/dpkg/dpkg.cfg.d"

struct pkgima_dpkg_filter {
	bool include;
	char *pattern;         /* owned */
};

/* The value of an option "NAME=value" or "NAME value", perhaps in quotes, or NULL; @line is cut behind it. */
static char *value_of(char *line, const char *name)
{
	size_t length = strlen(name);
	char *end;

	if (strncmp(line, name, length) != 0 || !line[length] || !strchr("= \t", line[length]))
		return NULL;
	line += length;
	line += strspn(line, " \t");
	line += *line == '=';
	line += strspn(line, " \t");
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]); )
		*--end = '\0';
	if (end - line >= 2 && (*line == '"' || *line == '\'') && end[-1] == *line) {
		end[-1] = '\0';
		line++;
	}
	return line;
}

static void add_filter(struct pkgima_dpkg *dpkg, bool include, const char *pattern)
{
	void *list;

	if (!pattern || dpkg->filter_count == FILTERS_MAX)
		return;
	list = reallocarray(dpkg->filters, dpkg->filter_count + 1, sizeof(*dpkg->filters));
	if (!list)
		return;
	dpkg->filters = list;
	dpkg->filters[dpkg->filter_count] = (struct pkgima_dpkg_filter){ .include = include, .pattern = strdup(pattern) };
	if (dpkg->filters[dpkg->filter_count].pattern)
		dpkg->filter_count++;
}

static void read_config(struct pkgima_dpkg *dpkg, const char *path)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	size_t length;

	if (pkgima_beneath_read(dpkg->root_fd, path, CONFIG_MAX, (uint8_t **)&text, &length, NULL) < 0)
		return;
	for (rest = text; (line = strsep(&rest, "\n")); ) {
		char *value;

		line += strspn(line, " \t");
		line += strncmp(line, "--", 2) ? 0 : 2;
		if ((value = value_of(line, "path-exclude")))
			add_filter(dpkg, false, value);
		else if ((value = value_of(line, "path-include")))
			add_filter(dpkg, true, value);
	}
}

/* As load_config_dir() of dpkg's lib/dpkg/options-dirs.c. */
static bool is_config_name(const char *name)
{
	return *name && !name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")];
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

void pkgima_dpkg_load_filters(struct pkgima_dpkg *dpkg)
{
	cleanup_close int fd = pkgima_beneath_open_folder(dpkg->root_fd, CONFIG_FOLDER);
	char *names[256], path[sizeof(CONFIG_FOLDER) + 258];
	struct dirent *file;
	size_t count = 0;
	DIR *folder;

	folder = fd < 0 ? NULL : fdopendir(dup(fd));
	while (folder && count < sizeof(names) / sizeof(names[0]) && (file = readdir(folder)))
		if (is_config_name(file->d_name) && (names[count] = strdup(file->d_name)))
			count++;
	if (folder)
		closedir(folder);
	qsort(names, count, sizeof(names[0]), compare_names);
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", CONFIG_FOLDER, names[i]);
		read_config(dpkg, path);
		free(names[i]);
	}
	read_config(dpkg, "/etc/dpkg/dpkg.cfg");
}

void pkgima_dpkg_free_filters(struct pkgima_dpkg *dpkg)
{
	for (size_t i = 0; i < dpkg->filter_count; i++)
		free(dpkg->filters[i].pattern);
	free(dpkg->filters);
}

/* The last pattern that matches decides: filter_should_skip() of dpkg's src/main/filters.c. */
bool pkgima_dpkg_excludes(const struct pkgima_dpkg *dpkg, const char *path)
{
	for (size_t i = dpkg->filter_count; i > 0; i--)
		if (fnmatch(dpkg->filters[i - 1].pattern, path, 0) == 0)
			return !dpkg->filters[i - 1].include;
	return false;
}
