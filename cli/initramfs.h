/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_INITRAMFS_H
#define PKGIMA_CLI_INITRAMFS_H

#include "cli.h"

/* Is there, in the root, a tool that makes an initramfs, and has it ima-init's part in it? */
bool cli_can_make_initramfs(const char *root);

/*
 * Has the initramfs of all kernels made anew by each such tool, without @with_part also where ima-init's part is gone, and
 * says so; in another root than ours by chroot(8). *@ret_done: by at least one.
 */
int cli_make_initramfs(const char *root, bool with_part, bool *ret_done, struct pkgima_error *error);

/* Runs a program of a root there, as pkgima_command_run() does. */
int cli_run_in_root(const char *root, const char *const words[], struct pkgima_error *error);

#endif
