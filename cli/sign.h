/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_SIGN_H
#define PKGIMA_CLI_SIGN_H

#include "cli.h"

/* What all forms of `pkgima sign` share. */
struct sign_settings {
	const struct cli_command *command;
	struct pkgima_signer *signer;
	enum pkgima_hash hash;
	bool hash_given;          /* and not just the default */
	unsigned int threads;     /* 0: all cores */
	const char *out;          /* folder, or NULL: in place */
	bool recursive;           /* of --xattr */
	struct cli_progress progress;
	size_t packages, files;   /* done so far */
	int status;               /* enum cli_exit: the worst so far */
};

/* Signs one package, or all below a folder. */
void sign_path(struct sign_settings *settings, const char *path);

/* Sets security.ima of files; with settings->recursive of all below folders. @paths ends with NULL. */
void sign_xattrs(struct sign_settings *settings, char **paths);

#endif
