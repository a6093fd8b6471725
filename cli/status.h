/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_STATUS_H
#define PKGIMA_CLI_STATUS_H

#include "../lib/keyring.h"
#include "../lib/status.h"
#include "managers.h"

/* What lib/status.h wants to be told, because it takes more than files to find out. */

/* The kernel's keyring. Released by status_release_keyring(). */
struct status_keyring {
	struct pkgima_keyring ring;
	struct pkgima_keyring_key *keys;
	const char **skids;
	struct pkgima_error error;
	struct pkgima_status_keyring view;
};
void status_find_keyring(struct status_keyring *keyring);
void status_release_keyring(struct status_keyring *keyring);
#define cleanup_status_keyring __attribute__((cleanup(status_release_keyring)))

/* Looks at what each file of each package carries. False where there is no database. */
bool status_count_packages(const struct cli_command *command, int root_fd, const struct pkgima_trust *trust,
			   struct pkgima_status_packages *packages);

/* How apt, dpkg and rpm install; settings; whether signatures are enforced. */
void status_check_hooks(struct pkgima_status *status);

#endif
