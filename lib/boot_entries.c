// SPDX-License-Identifier: LGPL-2.1-or-later
#include "boot_entries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "cleanup.h"

#define MENU_MAX ((size_t)16 * 1024 * 1024)

static const struct loader {
	const char *menus[4];          /* the first that there is counts */
	bool is_folder;
	const char *link, *script;
} loaders[] = {
	[PKGIMA_LOADER_GRUB] = {
		{ "/boot/grub/grub.cfg", "/boot/grub2/grub.cfg" }, false,
		"/etc/grub.d/42_ima-init", "/usr/share/ima-init/boot/grub",
	},
	[PKGIMA_LOADER_KERNEL_INSTALL] = {
		{ "/efi/loader/entries", "/boot/loader/entries", "/boot/efi/loader/entries" }, true,
		"/etc/kernel/install.d/95-ima-init.install", "/usr/share/ima-init/boot/kernel-install",
	},
};

const char *pkgima_loader_link(enum pkgima_loader loader)
{
	return loaders[loader].link;
}

const char *pkgima_loader_script(enum pkgima_loader loader)
{
	return loaders[loader].script;
}

void pkgima_kernels_free(struct pkgima_kernels *kernels)
{
	for (size_t i = 0; i < kernels->count; i++) {
		free(kernels->list[i].version);
		free(kernels->list[i].initramfs);
	}
	free(kernels->list);
	*kernels = (struct pkgima_kernels){ 0 };
}

/* The version in a kernel's name, or NULL. */
static const char *version_of(const char *name)
{
	static const char *const leftovers[] = { ".old", ".bak", ".dpkg-new", ".dpkg-tmp", ".rpmnew", ".rpmsave" };
	size_t length = strlen(name);

	if ((strncmp(name, "vmlinuz-", 8) != 0 && strncmp(name, "vmlinux-", 8) != 0) || !name[8])
		return NULL;
	for (size_t i = 0; i < sizeof(leftovers) / sizeof(leftovers[0]); i++)
		if (length > strlen(leftovers[i]) && !strcmp(name + length - strlen(leftovers[i]), leftovers[i]))
			return NULL;
	/* Made once, when the system was installed, and left as it is. */
	return strncmp(name + 8, "0-rescue-", 9) ? name + 8 : NULL;
}

static int add_kernel(struct pkgima_kernels *kernels, int folder, const char *version)
{
	static const char *const forms[] = { "initrd.img-%s", "initramfs-%s.img", "initrd-%s" };
	struct pkgima_kernel *kernel;
	char name[NAME_MAX + 32];

	if (kernels->count == PKGIMA_KERNELS_MAX)
		return -E2BIG;
	kernel = &kernels->list[kernels->count];
	*kernel = (struct pkgima_kernel){ .version = strdup(version) };
	kernels->count++;
	for (size_t i = 0; kernel->version && !kernel->initramfs && i < sizeof(forms) / sizeof(forms[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(name, sizeof(name), forms[i], version);
#pragma GCC diagnostic pop
		if (faccessat(folder, name, F_OK, 0) == 0 && asprintf(&kernel->initramfs, "/boot/%s", name) < 0)
			kernel->initramfs = NULL;
	}
	return kernel->version ? 0 : -ENOMEM;
}

static int newest_first(const void *left, const void *right)
{
	return strverscmp(((const struct pkgima_kernel *)right)->version, ((const struct pkgima_kernel *)left)->version);
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

int pkgima_listing_open(int root_fd, const char *path, DIR **ret_folder, struct pkgima_error *error)
{
	cleanup_close int fd = pkgima_beneath_open_folder(root_fd, path);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	if (fd < 0)
		return pkgima_fail(error, fd, "cannot open %s: %s", path, strerror(-fd));
	*ret_folder = fdopendir(fd);
	if (!*ret_folder)
		return pkgima_fail_errno(error, "cannot read %s", path);
	pkgima_steal_fd(&fd);
	return 0;
}

int pkgima_kernels_list(int root_fd, struct pkgima_kernels *ret_kernels, struct pkgima_error *error)
{
	cleanup_kernels struct pkgima_kernels kernels = { 0 };
	__attribute__((cleanup(close_folder))) DIR *folder = NULL;
	const struct loader *entries = &loaders[PKGIMA_LOADER_KERNEL_INSTALL];
	struct dirent *file;
	int r;

	kernels.list = calloc(PKGIMA_KERNELS_MAX, sizeof(*kernels.list));
	if (!kernels.list)
		return pkgima_fail(error, -ENOMEM, "no memory for kernels");
	r = pkgima_listing_open(root_fd, "/boot", &folder, error);
	if (r < 0 && r != -ENOENT)
		return r;
	while (folder && (file = readdir(folder))) {
		const char *version = version_of(file->d_name);

		r = version ? add_kernel(&kernels, dirfd(folder), version) : 0;
		if (r < 0)
			return pkgima_fail(error, r, "cannot list the kernels of /boot: %s", strerror(-r));
	}
	for (size_t i = 0; entries->menus[i]; i++) {
		r = pkgima_entries_list(root_fd, entries->menus[i], &kernels, error);
		if (r < 0 && r != -ENOENT)
			return r;
	}
	qsort(kernels.list, kernels.count, sizeof(*kernels.list), newest_first);
	*ret_kernels = kernels;
	kernels = (struct pkgima_kernels){ 0 };
	return 0;
}

bool pkgima_menu_has(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n");
		const char *first = line + strspn(line, " \t");
		const char *at = line;

		if (strncmp(first, "linux", 5) != 0 && strncmp(first, "options", 7) != 0)
			continue;
		while ((at = strstr(at, word)) && at < end) {
			if ((at[-1] == ' ' || at[-1] == '\t') && (!at[length] || strchr(" \t\n", at[length])))
				return true;
			at += length;
		}
	}
	return false;
}

/* Does a menu of GRUB's leave the kernels to the entries of kernel-install? */
static bool takes_entries(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		line += strspn(line, " \t");
		if (!strncmp(line, "blscfg", 6) && strchr(" \t\n", line[6]))
			return true;
	}
	return false;
}

static int look_into_file(int root_fd, const char *path, struct pkgima_loader_state *state, struct pkgima_error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length;
	int r;

	r = pkgima_beneath_read(root_fd, path, MENU_MAX, &text, &length, error);
	if (r == -ENOENT || (r == 0 && takes_entries((const char *)text)))
		return 0;
	if (r < 0)
		return r;
	state->menu = path;
	state->has_log = pkgima_menu_has((const char *)text, "ima_init=log");
	state->has_off = pkgima_menu_has((const char *)text, "ima_init=off");
	return 0;
}

int pkgima_loader_look(int root_fd, enum pkgima_loader loader, struct pkgima_loader_state *ret_state,
		       struct pkgima_error *error)
{
	const struct loader *wanted = &loaders[loader];
	struct pkgima_loader_state state = { 0 };
	struct stat st;
	int r = 0;

	state.linked = pkgima_beneath_stat(root_fd, wanted->link, false, &st) == 0;
	for (size_t i = 0; wanted->menus[i] && !state.menu && r == 0; i++) {
		if (wanted->is_folder) {
			r = pkgima_entries_look(root_fd, wanted->menus[i], &state, error);
			r = r == -ENOENT ? 0 : r;
		} else {
			r = look_into_file(root_fd, wanted->menus[i], &state, error);
		}
	}
	if (r == 0)
		*ret_state = state;
	return r;
}

static int make_link(int folder, const struct loader *loader, const char *name, bool *ret_changed, struct pkgima_error *error)
{
	char target[PATH_MAX], temporary[NAME_MAX];
	ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);

	target[length > 0 ? length : 0] = '\0';
	if (!strcmp(target, loader->script))
		return 0;
	/* Both tools pass over names like this. */
	snprintf(temporary, sizeof(temporary), ".%s.new~", name);
	if ((unlinkat(folder, temporary, 0) < 0 && errno != ENOENT) || symlinkat(loader->script, folder, temporary) < 0 ||
	    renameat(folder, temporary, folder, name) < 0)
		return pkgima_fail_errno(error, "cannot make the link %s", loader->link);
	*ret_changed = true;
	return 0;
}

static int remove_link(int root_fd, int folder, const struct loader *loader, const char *name, bool *ret_changed,
		       struct pkgima_error *error)
{
	int r = 0;

	if (folder >= 0 && unlinkat(folder, name, 0) == 0)
		*ret_changed = true;
	else if (folder >= 0 && errno != ENOENT)
		return pkgima_fail_errno(error, "cannot remove %s", loader->link);
	for (size_t i = 0; loader->is_folder && loader->menus[i] && (r == 0 || r == -ENOENT); i++)
		r = pkgima_entries_remove(root_fd, loader->menus[i], ret_changed, error);
	return r == -ENOENT ? 0 : r;
}

int pkgima_loader_switch(int root_fd, enum pkgima_loader loader, bool on, bool *ret_changed, struct pkgima_error *error)
{
	const struct loader *wanted = &loaders[loader];
	cleanup_close int folder = -1;
	char path[PATH_MAX];
	const char *name = strrchr(wanted->link, '/') + 1;

	snprintf(path, sizeof(path), "%.*s", (int)(name - wanted->link - 1), wanted->link);
	folder = on ? pkgima_beneath_make_real_folder(root_fd, path) : pkgima_beneath_open_folder(root_fd, path);
	if (folder < 0 && (on || folder != -ENOENT))
		return pkgima_fail(error, folder, "cannot open or make the folder %s: %s", path, strerror(-folder));
	if (on)
		return make_link(folder, wanted, name, ret_changed, error);
	return remove_link(root_fd, folder, wanted, name, ret_changed, error);
}
