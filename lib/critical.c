// SPDX-License-Identifier: LGPL-2.1-or-later
#include "critical.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "cleanup.h"
#include "elf_object.h"
#include "entry.h"
#include "script.h"
#include "walk.h"

/* Not more files than this are followed. */
#define FOLLOWED_MAX 4096
#define FOLDERS_MAX 64

static const struct { const char *path; enum pkgima_category category; } programs[] = {
	{ "/ima/init", PKGIMA_CATEGORY_INIT },
	{ "/sbin/init", PKGIMA_CATEGORY_INIT },
	{ "/lib/systemd/systemd", PKGIMA_CATEGORY_INIT },
	{ "/usr/lib/systemd/systemd", PKGIMA_CATEGORY_INIT },
	{ "/usr/lib/systemd/systemd-executor", PKGIMA_CATEGORY_INIT },
	{ "/lib/systemd/systemd-journald", PKGIMA_CATEGORY_INIT },
	{ "/lib/systemd/systemd-udevd", PKGIMA_CATEGORY_INIT },
	{ "/bin/udevadm", PKGIMA_CATEGORY_INIT },
	{ "/bin/mount", PKGIMA_CATEGORY_INIT },
	{ "/sbin/fsck", PKGIMA_CATEGORY_INIT },
	{ "/sbin/modprobe", PKGIMA_CATEGORY_INIT },
	{ "/sbin/openrc-init", PKGIMA_CATEGORY_INIT },
	{ "/bin/sh", PKGIMA_CATEGORY_SHELL },
	{ "/bin/bash", PKGIMA_CATEGORY_SHELL },
	{ "/bin/dash", PKGIMA_CATEGORY_SHELL },
	{ "/bin/busybox", PKGIMA_CATEGORY_SHELL },
	{ "/bin/login", PKGIMA_CATEGORY_LOGIN },
	{ "/sbin/agetty", PKGIMA_CATEGORY_LOGIN },
	{ "/sbin/getty", PKGIMA_CATEGORY_LOGIN },
	{ "/sbin/sulogin", PKGIMA_CATEGORY_LOGIN },
	{ "/sbin/unix_chkpwd", PKGIMA_CATEGORY_LOGIN },
	{ "/usr/sbin/sshd", PKGIMA_CATEGORY_LOGIN },
	{ "/bin/su", PKGIMA_CATEGORY_LOGIN },
	{ "/usr/bin/sudo", PKGIMA_CATEGORY_LOGIN },
	{ "/usr/bin/dbus-daemon", PKGIMA_CATEGORY_LOGIN },
	{ "/lib/systemd/systemd-logind", PKGIMA_CATEGORY_LOGIN },
	{ "/usr/bin/pkgima", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg-deb", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg-deb.distrib", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg-query", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg-split", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dpkg-trigger", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/apt", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/apt-get", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/gpgv", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/bin/tar", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/bin/rm", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/rpm", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/dnf", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/bin/zypper", PKGIMA_CATEGORY_PACKAGE_MANAGER },
};

static const struct { const char *pattern; enum pkgima_category category; } places[] = {
	{ "/usr/lib/systemd/*", PKGIMA_CATEGORY_INIT },
	{ "/lib/systemd/*", PKGIMA_CATEGORY_INIT },
	{ "*/ld-linux*.so.*", PKGIMA_CATEGORY_LOADER },
	{ "*/ld-musl-*.so.*", PKGIMA_CATEGORY_LOADER },
	{ "*/libc.so.6", PKGIMA_CATEGORY_LOADER },
	{ "*/security/pam_*.so", PKGIMA_CATEGORY_LOGIN },
	{ "/usr/lib/apt/*", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/libexec/dpkg-ima/*", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/var/lib/dpkg/info/*", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "*/rpm-plugins/*.so", PKGIMA_CATEGORY_PACKAGE_MANAGER },
	{ "/usr/lib/modules/*", PKGIMA_CATEGORY_KERNEL },
	{ "/lib/modules/*", PKGIMA_CATEGORY_KERNEL },
	{ "/usr/lib/firmware/*", PKGIMA_CATEGORY_KERNEL },
	{ "/lib/firmware/*", PKGIMA_CATEGORY_KERNEL },
	{ "/boot/*", PKGIMA_CATEGORY_KERNEL },
	{ "/etc/ima-init/*", PKGIMA_CATEGORY_KERNEL },
};

struct pkgima_critical {
	int root_fd;
	struct pkgima_file_set files;
	/* For each item of @files, by the order in which it came: path and category. */
	struct followed { char *path; enum pkgima_category category; } *list;
	size_t count;
	char *folders[FOLDERS_MAX];    /* where shared objects are looked for; owned */
	size_t folder_count;
};

const char *pkgima_category_word(enum pkgima_category category)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_CATEGORIES(X)
#undef X
	};

	return words[category];
}

void pkgima_critical_free(struct pkgima_critical *critical)
{
	if (!critical)
		return;
	pkgima_file_set_free(&critical->files);
	for (size_t i = 0; i < critical->count; i++)
		free(critical->list[i].path);
	free(critical->list);
	for (size_t i = 0; i < critical->folder_count; i++)
		free(critical->folders[i]);
	free(critical);
}

static enum pkgima_category category_of_place(const char *path)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (fnmatch(places[i].pattern, path, 0) == 0)
			return places[i].category;
	return PKGIMA_CATEGORY_REST;
}

/* The index of what was followed is kept as the path of the set's item. */
static int add(struct pkgima_critical *critical, const char *path, enum pkgima_category category)
{
	char number[24];
	struct stat st;
	int r;

	if (critical->count == FOLLOWED_MAX || pkgima_beneath_stat(critical->root_fd, path, true, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	snprintf(number, sizeof(number), "%zu", critical->count);
	r = pkgima_file_set_add(&critical->files, &st, number);
	if (r < 0)
		return r == -EEXIST ? 0 : r;
	if (category_of_place(path) == PKGIMA_CATEGORY_LOADER)
		category = PKGIMA_CATEGORY_LOADER;
	critical->list[critical->count].path = strdup(path);
	critical->list[critical->count].category = category;
	return critical->list[critical->count++].path ? 0 : -ENOMEM;
}

static int add_folder(struct pkgima_critical *critical, const char *path)
{
	for (size_t i = 0; i < critical->folder_count; i++)
		if (!strcmp(critical->folders[i], path))
			return 0;
	if (critical->folder_count == FOLDERS_MAX)
		return 0;
	critical->folders[critical->folder_count] = strdup(path);
	return critical->folders[critical->folder_count++] ? 0 : -ENOMEM;
}

/* The usual ones, and those of Debian's architectures. */
static int find_folders(struct pkgima_critical *critical)
{
	static const char *const usual[] = { "/lib64", "/usr/lib64", "/lib", "/usr/lib" };
	char path[PKGIMA_PATH_MAX + 1];
	int r = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]) && r == 0; i++) {
		int fd = pkgima_beneath_open_folder(critical->root_fd, usual[i]);
		DIR *folder = fd < 0 ? NULL : fdopendir(fd);
		struct dirent *file;

		if (!folder && fd >= 0)
			close(fd);
		if (!folder)
			continue;
		r = add_folder(critical, usual[i]);
		while (r == 0 && (file = readdir(folder))) {
			if (!strstr(file->d_name, "-linux-"))
				continue;
			snprintf(path, sizeof(path), "%s/%s", usual[i], file->d_name);
			r = add_folder(critical, path);
		}
		closedir(folder);
	}
	return r;
}

/* What one object needs, while it is read. */
struct needs {
	struct pkgima_critical *critical;
	char **names;
	size_t count;
	int result;
};

static void take_name(void *context, bool is_folders, const char *name)
{
	struct needs *needs = context;
	char *list;

	if (is_folders) {
		/* Several, with colons; $ORIGIN is not resolved. */
		if (*name == '/' && !strchr(name, ':'))
			add_folder(needs->critical, name);
		return;
	}
	list = strdup(name);
	if (list && !strchr(name, '/')) {
		void *longer = reallocarray(needs->names, needs->count + 1, sizeof(*needs->names));

		if (longer) {
			needs->names = longer;
			needs->names[needs->count++] = list;
			return;
		}
	}
	free(list);
}

static int add_library(struct pkgima_critical *critical, const char *name, enum pkgima_category category)
{
	char path[PKGIMA_PATH_MAX + 1];
	int r = 0;

	for (size_t i = 0; i < critical->folder_count && r == 0; i++)
		if (snprintf(path, sizeof(path), "%s/%s", critical->folders[i], name) < (int)sizeof(path))
			r = add(critical, path, category);
	return r;
}

static int follow(struct pkgima_critical *critical, const char *path, enum pkgima_category category)
{
	cleanup_close int fd = pkgima_beneath_open_followed(critical->root_fd, path, NULL);
	struct needs needs = { .critical = critical };
	char interpreter[PKGIMA_SCRIPT_LINE_MAX];
	struct pkgima_elf elf = { 0 };
	int r = 0;

	if (fd < 0)
		return 0;
	if (pkgima_script_interpreter(fd, interpreter))
		return add(critical, interpreter, category);
	if (pkgima_elf_read(fd, &elf, take_name, &needs) == 0 && *elf.interpreter)
		r = add(critical, elf.interpreter, PKGIMA_CATEGORY_LOADER);
	for (size_t i = 0; i < needs.count; i++) {
		if (r == 0)
			r = add_library(critical, needs.names[i], category);
		free(needs.names[i]);
	}
	free(needs.names);
	return r;
}

int pkgima_critical_find(int root_fd, struct pkgima_critical **ret_critical, struct pkgima_error *error)
{
	struct pkgima_critical *critical = calloc(1, sizeof(*critical));
	size_t next = 0;
	int r = -ENOMEM;

	if (critical) {
		critical->root_fd = root_fd;
		critical->list = calloc(FOLLOWED_MAX, sizeof(*critical->list));
		r = critical->list ? find_folders(critical) : -ENOMEM;
	}
	/* One category after another, with all that it needs. */
	for (int category = 0; category < PKGIMA_CATEGORY_COUNT && r == 0; category++) {
		for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && r == 0; i++)
			if (programs[i].category == (enum pkgima_category)category)
				r = add(critical, programs[i].path, programs[i].category);
		for (; r == 0 && next < critical->count; next++)
			r = follow(critical, critical->list[next].path, critical->list[next].category);
	}
	if (r < 0) {
		pkgima_critical_free(critical);
		return pkgima_fail(error, r, "no memory for the programs that matter most");
	}
	*ret_critical = critical;
	return 0;
}

enum pkgima_category pkgima_critical_category(const struct pkgima_critical *critical, const char *path, const struct stat *st)
{
	const struct pkgima_file_item *item = pkgima_file_set_find(&critical->files, st);

	return item ? critical->list[strtoul(item->path, NULL, 10)].category : category_of_place(path);
}
