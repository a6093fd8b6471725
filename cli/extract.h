/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_EXTRACT_H
#define PKGIMA_CLI_EXTRACT_H

#include "../lib/keylime.h"
#include "../lib/package.h"
#include "cli.h"

/* pkgima extract --format keylime: the policy, and the certificates that are named for it. */
struct extract_keylime {
	const struct cli_command *command;
	struct pkgima_keylime policy;
	struct cli_certs certs;      /* of keys that sign files */
	struct cli_certs ca_certs;   /* files, each with one CA certificate */
	struct json_object *keys;    /* what goes into "verification-keys"; owned */
	const char *package;         /* that is being read, for messages */
};

/* Reads the certificates. CLI_OK, or another exit status after a message. */
int extract_keylime_begin(struct extract_keylime *keylime);

/* @hash: NULL for those that its signatures have, and the usual one. */
int extract_keylime_add(struct extract_keylime *keylime, const struct pkgima_package *package, const char *path,
			const enum pkgima_hash *hash, unsigned int threads, struct pkgima_error *error);

/* Prints it. An exit status. */
int extract_keylime_print(struct extract_keylime *keylime);
void extract_keylime_free(struct extract_keylime *keylime);

#endif
