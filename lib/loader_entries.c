// SPDX-License-Identifier: LGPL-2.1-or-later
/* Entries as kernel-install(8) makes them: https://uapi-group.org/specifications/specs/boot_loader_specification/ */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "boot_entries.h"
#include "cleanup.h"

#define ENTRIES_MAX 4096
#define ENTRY_MAX ((size_t)64 * 1024)
/* As pkg-ima-init/boot/kernel-install names them. */
#define OURS "-0-ima-init-"

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool is_entry(const char *name)
{
	size_t length = strlen(name);

	return length > 5 && !strcmp(name + length - 5, ".conf") && !strstr(name, "-0-rescue");
}

/* Calls @take with the text of each entry, until it fails. */
static int each_entry(int root_fd, const char *path,
		      int (*take)(void *context, const char *name, const char *text, struct pkgima_error *error), void *context,
		      struct pkgima_error *error)
{
	__attribute__((cleanup(close_folder))) DIR *folder = NULL;
	struct dirent *file;
	size_t count = 0;
	int r = pkgima_listing_open(root_fd, path, &folder, error);

	while (r == 0 && (file = readdir(folder))) {
		cleanup_free uint8_t *text = NULL;
		char name[PATH_MAX];
		size_t length;

		if (!is_entry(file->d_name))
			continue;
		if (count++ == ENTRIES_MAX)
			return pkgima_fail(error, -E2BIG, "%s: too many entries", path);
		snprintf(name, sizeof(name), "%s/%s", path, file->d_name);
		r = pkgima_beneath_read(root_fd, name, ENTRY_MAX, &text, &length, error);
		/* It was removed just now. */
		if (r == -ENOENT)
			r = 0;
		else if (r == 0)
			r = take(context, file->d_name, (char *)text, error);
	}
	return r;
}

struct counts {
	size_t log, off, others;
};

static int count(void *context, const char *name, const char *text, struct pkgima_error *error)
{
	struct counts *counts = context;

	(void)error;
	if (!strstr(name, OURS))
		counts->others++;
	else if (pkgima_menu_has(text, "ima_init=log"))
		counts->log++;
	else if (pkgima_menu_has(text, "ima_init=off"))
		counts->off++;
	return 0;
}

int pkgima_entries_look(int root_fd, const char *path, struct pkgima_loader_state *state, struct pkgima_error *error)
{
	struct counts counts = { 0 };
	int r = each_entry(root_fd, path, count, &counts, error);

	/* Without any entry it is not what this root is started by. */
	if (r < 0 || !counts.others)
		return r;
	state->menu = path;
	state->has_log = counts.log >= counts.others;
	state->has_off = counts.off >= counts.others;
	return 0;
}

struct listing {
	int root_fd;
	const char *path;
	struct pkgima_kernels *kernels;
};

/* The value of a line "KEY VALUE", or NULL; the caller's. */
static char *value_of(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		line += strspn(line, " \t");
		if (strncmp(line, key, length) != 0 || !strchr(" \t", line[length]) || !line[length])
			continue;
		line += length + strspn(line + length, " \t");
		return strndup(line, strcspn(line, "\r\n"));
	}
	return NULL;
}

/* Its path begins at the root of the file system that the entries are on, which may be mounted above their folder. */
static int take_kernel(void *context, const char *name, const char *text, struct pkgima_error *error)
{
	const struct listing *listing = context;
	cleanup_free char *version = value_of(text, "version"), *initramfs = value_of(text, "initrd"), *path = NULL;
	struct pkgima_kernels *kernels = listing->kernels;
	struct stat st;

	if (strstr(name, OURS) || !version || !initramfs)
		return 0;
	/* "/boot" of "/boot/loader/entries" */
	if (asprintf(&path, "%.*s%s", (int)(strlen(listing->path) - strlen("/loader/entries")), listing->path, initramfs) < 0) {
		path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for kernels");
	}
	if (pkgima_beneath_stat(listing->root_fd, path, true, &st) < 0) {
		free(path);
		path = pkgima_steal_pointer(&initramfs);
	}
	for (size_t i = 0; i < kernels->count; i++)
		if (kernels->list[i].initramfs && pkgima_beneath_stat(listing->root_fd, path, true, &st) == 0 &&
		    pkgima_beneath_leads_to(listing->root_fd, kernels->list[i].initramfs, true, &st))
			return 0;
	if (kernels->count == PKGIMA_KERNELS_MAX)
		return pkgima_fail(error, -E2BIG, "too many kernels");
	kernels->list[kernels->count++] = (struct pkgima_kernel){
		.version = pkgima_steal_pointer(&version), .initramfs = pkgima_steal_pointer(&path), .of_entry = true,
	};
	return 0;
}

int pkgima_entries_list(int root_fd, const char *path, struct pkgima_kernels *kernels, struct pkgima_error *error)
{
	struct listing listing = { root_fd, path, kernels };

	return each_entry(root_fd, path, take_kernel, &listing, error);
}

int pkgima_entries_remove(int root_fd, const char *path, bool *ret_changed, struct pkgima_error *error)
{
	__attribute__((cleanup(close_folder))) DIR *folder = NULL;
	struct dirent *file;
	int r = pkgima_listing_open(root_fd, path, &folder, error);

	while (r == 0 && (file = readdir(folder))) {
		if (!is_entry(file->d_name) || !strstr(file->d_name, OURS))
			continue;
		if (unlinkat(dirfd(folder), file->d_name, 0) == 0)
			*ret_changed = true;
		else if (errno != ENOENT)
			r = pkgima_fail_errno(error, "cannot remove an entry for recovery of %s", path);
	}
	return r;
}
