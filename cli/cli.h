/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_H
#define PKGIMA_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <json-c/json.h>

#include "../lib/certificate.h"
#include "../lib/deb.h"
#include "../lib/error.h"
#include "../lib/signing/signer.h"
#include "../lib/trust.h"

/* Frozen: others script against it. */
enum cli_exit {
	CLI_OK = 0,       /* all is well */
	CLI_VERDICT = 1,  /* a verdict other than ok, or a refusal because of one */
	CLI_USAGE = 2,
	CLI_FAILED = 3,   /* could not do it: I/O, format */
};

/* One subcommand: its name, one line about it, what --help prints, and its main(). */
struct cli_command {
	const char *name;
	const char *summary;
	const char *help;
	int (*run)(const struct cli_command *command, int argc, char **argv);
};

extern const struct cli_command cmd_apply, cmd_attach, cmd_audit, cmd_enforce, cmd_extract, cmd_keygen, cmd_keys, cmd_mkinit,
	cmd_show, cmd_sign, cmd_sign_digests, cmd_status, cmd_strip, cmd_verify;

/* Says what is amiss with the way in which KEY, @what ("the key file"), is named or kept. */
void cli_warn_about_key(const struct cli_command *command, const char *key, const char *what);

/* From now on no core dump and no other process of this user shows what is in memory: private keys. */
void cli_hide_memory(void);

/* "pkgima COMMAND: …" on stderr. */
void cli_message(const struct cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints @help to stdout; CLI_OK. */
int cli_help(const struct cli_command *command);
/* "pkgima COMMAND: …, see 'pkgima COMMAND --help'" on stderr; CLI_USAGE. */
int cli_usage(const struct cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What an option that getopt_long() did not know leads to: it has printed its message already. */
int cli_bad_option(const struct cli_command *command);

/* A whole number of at least @least and at most @most; false otherwise. */
bool cli_number(const char *text, unsigned long least, unsigned long most, unsigned long *ret_number);

/* Prints a JSON document to stdout and releases it; CLI_OK or CLI_FAILED. */
int cli_print_json(const struct cli_command *command, struct json_object *document);
/* A JSON string of any bytes: what is not UTF-8 is escaped as in a manifest. */
struct json_object *cli_json_name(const char *name);

/* A table's or message's view of a name; the caller frees it. Never NULL. */
char *cli_printable(const char *name);

/* Up to so many --certs in one command. */
#define CLI_CERTS_MAX 64
struct cli_certs {
	const char *paths[CLI_CERTS_MAX];
	size_t count;
};
bool cli_certs_add(struct cli_certs *certs, const char *path);

/* Who may own a file of a root. rpm's database is opened when there is a file of which it matters. */
struct cli_owners {
	int root_fd;                   /* borrowed */
	struct pkgima_dpkg *dpkg;      /* owned; NULL: there is no database */
	struct pkgima_rpmdb *rpmdb;    /* owned */
	bool no_rpmdb;
	int result;                    /* of what was asked; -errno with @error */
	struct pkgima_error error;
};
int cli_owners_open(struct cli_owners *owners, int root_fd, struct pkgima_error *error);
/* @result: of what was done with it. Where that is 0 but some owner could not be told, -errno of that with its text. */
int cli_owners_close(struct cli_owners *owners, int result, struct pkgima_error *error);
/* For pkgima_trust_load() and pkgima_trust_confirm(). */
bool cli_owners_own(void *context, const char *path);

/*
 * Loads the trust store of the root; a CA certificate that a package of dpkg or rpm owns does not count. False after a
 * message.
 */
bool cli_load_store(const struct cli_command *command, int root_fd, struct pkgima_trust *trust);

/*
 * The certificates to verify with: those that --certs named, else the trust store of the root. Warns about expired ones.
 * NULL after a message.
 */
struct pkgima_trust *cli_load_trust(const struct cli_command *command, int root_fd, const struct cli_certs *certs);

/* Progress of long work: one line on stderr, rewritten, only where that is a terminal; erased at the end. */
struct cli_progress {
	bool active;
	struct timespec last;
};
void cli_progress_begin(struct cli_progress *progress);
bool cli_progress_due(struct cli_progress *progress);
void cli_progress_show(struct cli_progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Erases the line: something else is about to be printed. */
void cli_progress_clear(struct cli_progress *progress);
void cli_progress_end(struct cli_progress *progress);

/* Flushes stdout: CLI_FAILED with a message when what was printed could not be written, else @status. */
int cli_finish(const struct cli_command *command, int status);

#endif
