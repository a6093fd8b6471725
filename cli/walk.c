// SPDX-License-Identifier: LGPL-2.1-or-later
#include "walk.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/cleanup.h"
#include "../lib/package.h"

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

bool walk_is_changes(const char *path)
{
	return has_suffix(path, ".changes");
}

static bool is_package(const char *name)
{
	return pkgima_package_by_name(name) || walk_is_changes(name);
}

/* Source packages lie in the same folders, and have nothing to sign. */
static bool is_source(const char *name)
{
	return has_suffix(name, ".src.rpm") || has_suffix(name, ".nosrc.rpm");
}

/* Packages that a .changes lists are then found to be signed already. */
static int by_name(const FTSENT **left, const FTSENT **right)
{
	bool first = walk_is_changes((*left)->fts_name), second = walk_is_changes((*right)->fts_name);

	return first != second ? second - first : strcmp((*left)->fts_name, (*right)->fts_name);
}

/* A tree that would grow while it is walked. */
static bool contains_output(const char *folder, const char *out)
{
	cleanup_free char *outer = realpath(folder, NULL);
	cleanup_free char *inner = out ? realpath(out, NULL) : NULL;
	size_t length = outer ? strlen(outer) : 0;

	return outer && inner && !strncmp(outer, inner, length) && (inner[length] == '/' || inner[length] == '\0');
}

/* @skip: bytes of the paths in front of what is relative. */
static void walk_tree(const struct walk *walk, const char *path, size_t skip)
{
	char *roots[] = { (char *)path, NULL };
	FTSENT *file;
	FTS *tree;

	if (contains_output(path, walk->out)) {
		walk->failed(walk->context, path, "--out must not be inside the folder that is signed");
		return;
	}
	tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!tree) {
		walk->failed(walk->context, path, strerror(errno));
		return;
	}
	while (!walk->stopped(walk->context) && (file = fts_read(tree))) {
		const char *relative = file->fts_path + skip;

		relative += strspn(relative, "/");
		if (file->fts_info == FTS_F && is_package(file->fts_name) && !is_source(file->fts_name))
			walk->package(walk->context, file->fts_path, relative, file->fts_statp->st_size);
		else if (file->fts_info == FTS_DNR || file->fts_info == FTS_ERR || file->fts_info == FTS_NS)
			walk->failed(walk->context, file->fts_path, strerror(file->fts_errno));
	}
	fts_close(tree);
}

/* @kept: the part of @path that is kept below --out; NULL: a package's last part, nothing of a folder's. */
static void walk_named(const struct walk *walk, const char *path, const char *kept)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) < 0)
		walk->failed(walk->context, path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		walk_tree(walk, path, kept ? (size_t)(kept - path) : strlen(path));
	else if (!is_package(path))
		walk->failed(walk->context, path, "only .deb and .rpm packages, and .changes, can be signed");
	else
		walk->package(walk->context, path, kept ? kept : slash ? slash + 1 : path, st.st_size);
}

void walk_path(const struct walk *walk, const char *path)
{
	walk_named(walk, path, NULL);
}

/* Has @path a component ".."? */
static bool leads_upwards(const char *path)
{
	for (const char *at = path; at; at = strchr(at, '/')) {
		at += *at == '/';
		if (!strncmp(at, "..", 2) && (at[2] == '/' || at[2] == '\0'))
			return true;
	}
	return false;
}

int walk_list(const struct walk *walk, FILE *list)
{
	cleanup_free char *line = NULL;
	size_t capacity = 0;
	ssize_t length;

	while (!walk->stopped(walk->context) && (length = getline(&line, &capacity, list)) > 0) {
		const char *kept = NULL;

		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (!length)
			continue;
		if (line[0] != '/' && !leads_upwards(line))
			kept = !strncmp(line, "./", 2) ? line + 2 + strspn(line + 2, "/") : line;
		walk_named(walk, line, kept);
	}
	return ferror(list) ? -EIO : 0;
}
