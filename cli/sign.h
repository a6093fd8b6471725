/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_SIGN_H
#define PKGIMA_CLI_SIGN_H

#include <signal.h>
#include <time.h>

#include "../lib/package.h"
#include "cli.h"

/* Names of packages that could not be signed, for the end; more are counted only. */
#define SIGN_FAILURES_MAX 1000

/* What all forms of `pkgima sign`, and `pkgima attach`, share. */
struct sign_settings {
	const struct cli_command *command;
	struct pkgima_signer *signer;
	enum pkgima_hash hash;
	bool hash_given;          /* and not just the default */
	unsigned int threads;     /* 0: all cores */
	const char *out;          /* folder, or NULL: in place */
	bool recursive;           /* of --xattr */
	bool again;               /* also what is signed already */
	bool resign;              /* of --root: also what another key has signed */
	int status;               /* enum cli_exit: the worst so far */
	size_t files;             /* signed so far */

	/* Of packages. */
	size_t packages, skipped; /* signed; were signed already */
	size_t total;             /* packages that there are; 0: not known */
	uint64_t total_bytes, seen_bytes, signed_bytes;
	double seconds;           /* that were spent on signed_bytes */
	struct cli_progress progress;
	char *failures[SIGN_FAILURES_MAX]; /* printable, owned */
	size_t failed;
	bool stop;                /* the key is gone, or a signal wants it */
	sigset_t signals;         /* mask before a package was begun */
	time_t wanted;            /* when such a signal was first seen waiting, by the monotonic clock; 0: not yet */
};

/* NULL, or the hash that was asked for. */
const enum pkgima_hash *sign_hash(const struct sign_settings *settings);

/* Signs all packages that @paths (ends with NULL) and, if @list is not NULL, its lines name, and says what came of it. */
void sign_packages(struct sign_settings *settings, char **paths, FILE *list);

/* Opens @path, and says whether it has to be signed for @target; if not, @ret_package is left empty. */
int sign_open(struct sign_settings *settings, const char *path, const char *target, struct pkgima_package *ret_package,
	      bool *ret_current, struct pkgima_error *error);

/* Signs the packages that a .changes lists, and corrects it. @target: where the new one goes. *@ret_files: files signed. */
int sign_changes(struct sign_settings *settings, const char *path, const char *target, size_t *ret_files,
		 bool *ret_current, struct pkgima_error *error);

/*
 * Between these two a signal that ends the program waits, so that what was begun is whole or not there at all. One that
 * came sets settings->stop.
 */
void sign_hold_signals(struct sign_settings *settings);
void sign_release_signals(struct sign_settings *settings);
/* A limit of pkgima_signer_set_limit(); @context: the settings. Has such a signal waited for some seconds? */
bool sign_is_over(void *context);

/* Sets security.ima of files; with settings->recursive of all below folders. @paths ends with NULL. */
void sign_xattrs(struct sign_settings *settings, char **paths);

/* Signs the packages that are installed in the root at @path. */
void sign_root(struct sign_settings *settings, const char *path);

#endif
