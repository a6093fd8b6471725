/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_BOOT_ENTRIES_H
#define PKGIMA_BOOT_ENTRIES_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* What can be started on a root, and what its boot loader offers for recovery. */

/* An installed kernel and its initramfs, by their names in /boot; paths are raw. */
struct pkgima_kernel {
	char *version;
	char *initramfs;               /* NULL: it has none */
	bool of_entry;                 /* kernel-install(8) has put it where a boot loader finds it */
};

struct pkgima_kernels {
	struct pkgima_kernel *list;    /* owned, as all in it; the newest first */
	size_t count;
};

/*
 * Those of /boot but for what distributions keep for recovery, and those of the entries that kernel-install(8) makes, which
 * has an initramfs of its own for each. Where there is nothing the list is empty.
 */
int pkgima_kernels_list(int root_fd, struct pkgima_kernels *ret_kernels, struct pkgima_error *error);
void pkgima_kernels_free(struct pkgima_kernels *kernels);
#define cleanup_kernels __attribute__((cleanup(pkgima_kernels_free)))

/* Boot loaders, or what makes their menus. */
enum pkgima_loader { PKGIMA_LOADER_GRUB, PKGIMA_LOADER_KERNEL_INSTALL, PKGIMA_LOADER_COUNT };

struct pkgima_loader_state {
	const char *menu;              /* the file or folder with its entries; NULL: it does not start this root */
	bool linked;                   /* recovery entries are switched on */
	bool has_log, has_off;         /* there are entries with ima_init=log, with ima_init=off; one for each other entry */
};

/*
 * Looks at a root's menus: grub.cfg, and the entries that kernel-install(8) makes. A loader that has none does not count,
 * installed or not; nor does a grub.cfg that leaves the kernels to the entries of the other.
 */
int pkgima_loader_look(int root_fd, enum pkgima_loader loader, struct pkgima_loader_state *ret_state,
		       struct pkgima_error *error);

/* The path of the link that switches recovery entries on, and that of ima-init's script which it leads to. */
const char *pkgima_loader_link(enum pkgima_loader loader);
const char *pkgima_loader_script(enum pkgima_loader loader);

/*
 * Switches it on or off. *@ret_changed is set to true when it was the other way. kernel-install's entries for recovery go
 * with it when it is switched off; all others are made by the tools.
 */
int pkgima_loader_switch(int root_fd, enum pkgima_loader loader, bool on, bool *ret_changed, struct pkgima_error *error);

/* For the modules of this header. Opens a folder to list it: the caller's to close; -ENOENT without a text. */
int pkgima_listing_open(int root_fd, const char *path, DIR **ret_folder, struct pkgima_error *error);
/* The folder of kernel-install's entries, -ENOENT without a text where there is none. */
int pkgima_entries_look(int root_fd, const char *path, struct pkgima_loader_state *state, struct pkgima_error *error);
int pkgima_entries_list(int root_fd, const char *path, struct pkgima_kernels *kernels, struct pkgima_error *error);
int pkgima_entries_remove(int root_fd, const char *path, bool *ret_changed, struct pkgima_error *error);
/* Is the word on a line that has words for the kernel? */
bool pkgima_menu_has(const char *text, const char *word);
/* More kernels are an error (-E2BIG). */
#define PKGIMA_KERNELS_MAX 256

#endif
