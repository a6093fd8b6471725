/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_BOOT_ENTRIES_H
#define PKGIMA_BOOT_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* What can be started on a root, and what its boot loader offers for recovery. */

/* An installed kernel and its initramfs, by their names in /boot; paths are raw. */
struct pkgima_kernel {
	char *version;
	char *initramfs;               /* NULL: it has none */
};

struct pkgima_kernels {
	struct pkgima_kernel *list;    /* owned, as all in it; the newest first */
	size_t count;
};

/* Those of /boot but for what distributions keep for recovery. No /boot is an empty one. */
int pkgima_kernels_list(int root_fd, struct pkgima_kernels *ret_kernels, struct pkgima_error *error);
void pkgima_kernels_free(struct pkgima_kernels *kernels);
#define cleanup_kernels __attribute__((cleanup(pkgima_kernels_free)))

/* Boot loaders, or what makes their menus. */
enum pkgima_loader { PKGIMA_LOADER_GRUB, PKGIMA_LOADER_KERNEL_INSTALL, PKGIMA_LOADER_COUNT };

struct pkgima_loader_state {
	const char *menu;              /* the file or folder with its entries; NULL: it does not start this root */
	bool linked;                   /* recovery entries are switched on */
	bool has_log, has_off;         /* there are entries with ima_init=log, with ima_init=off */
};

/*
 * Looks at a root's menus: grub.cfg, and the entries that kernel-install(8) makes. A loader that has none does not count,
 * installed or not.
 */
int pkgima_loader_look(int root_fd, enum pkgima_loader loader, struct pkgima_loader_state *ret_state,
		       struct pkgima_error *error);

/* The path of the link that switches recovery entries on, and that of ima-init's script which it leads to. */
const char *pkgima_loader_link(enum pkgima_loader loader);
const char *pkgima_loader_script(enum pkgima_loader loader);

/* Switches it on or off. *@ret_changed is set to true when it was the other way. */
int pkgima_loader_switch(int root_fd, enum pkgima_loader loader, bool on, bool *ret_changed, struct pkgima_error *error);

#endif
