/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_KEYS_H
#define PKGIMA_CLI_KEYS_H

#include "../lib/keyring.h"
#include "cli.h"

/* What all forms of `pkgima keys` share. */
struct keys {
	const struct cli_command *command;
	const char *root;
	const char *argument;             /* of trust and retire */
	bool json, force;
	int root_fd;
	struct pkgima_trust *trust;       /* the trust store of the root */
	struct pkgima_keyring keyring;
	bool has_keyring;
};

/* Finds the kernel's keyring; a message when that failed, none when there is no keyring. */
void keys_find_keyring(struct keys *keys);

/* Is the root that of this process, and with it of the running kernel? */
bool keys_root_is_ours(const struct keys *keys);

/* Each returns an exit status. */
int keys_list(struct keys *keys);
int keys_load(struct keys *keys);
int keys_trust(struct keys *keys);
int keys_retire(struct keys *keys);

/*
 * Has the initramfs made anew by the tool that has ima-init in it, or says that this has to be done. CLI_OK, or
 * CLI_FAILED when the tool failed.
 */
int cli_rebuild_initramfs(const struct cli_command *command, bool root_is_ours);

#endif
