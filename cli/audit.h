/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_AUDIT_H
#define PKGIMA_CLI_AUDIT_H

#include "../lib/config.h"
#include "../lib/walk.h"
#include "managers.h"

enum audit_key { AUDIT_KEY_ANY, AUDIT_KEY_NONE, AUDIT_KEY_ID };

/* What the command line says, and what it is about. */
struct audit {
	const struct cli_command *command;
	const char *root;
	int root_fd;
	struct cli_certs certs;
	struct pkgima_config config;
	const char *policy;            /* file or name; NULL: none */
	bool repair, json;
	bool log;                      /* what a kernel recorded, of these, or else of the root's own: */
	char **logs;
	size_t log_count;
	enum audit_key key;            /* with --key-id */
	uint32_t key_id;
	bool packages;                 /* their names instead of files */
	const char **paths;            /* absolute, in the root */
	size_t path_count;
};

/* What is audited: the packages of all managers, and what the paths have that is no package's. */
#define AUDIT_SOURCES (CLI_SOURCES + 1)
struct audit_sources {
	struct cli_managers managers;
	struct pkgima_file_set files;  /* below the paths */
	bool limited;                  /* to these */
	struct cli_source list[AUDIT_SOURCES];
};
/*
 * CLI_OK, or CLI_FAILED after a message: what could be opened is there all the same, if *@ret_any. Released by
 * audit_sources_close() in any case.
 */
int audit_sources_open(const struct audit *audit, struct audit_sources *sources, bool *ret_any);
void audit_sources_close(struct audit_sources *sources);
#define cleanup_sources __attribute__((cleanup(audit_sources_close)))
/* Only the files below the paths, which are met; those that are not met by packages are the last source's. Any thread. */
bool audit_sources_want(struct audit_sources *sources, const struct stat *st);

/* Installed files, or those below the paths, against manifest, content and security.ima; an exit status. */
int audit_files(struct audit *audit);
/* Those that one key has signed, or none. */
int audit_list_by_key(struct audit *audit);
/* What a policy would deny. */
int audit_policy(struct audit *audit);
/* What a kernel has denied, or recorded as used. */
int audit_log(struct audit *audit);

#endif
