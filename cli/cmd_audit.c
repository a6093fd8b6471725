// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/beneath.h"
#include "audit.h"

enum {
	OPTION_ROOT = 256, OPTION_CERTS, OPTION_POLICY, OPTION_REPAIR, OPTION_LOG, OPTION_KEY_ID, OPTION_PACKAGES,
	OPTION_JSON,
};

static const struct option options[] = {
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "certs", required_argument, NULL, OPTION_CERTS },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "repair", no_argument, NULL, OPTION_REPAIR },
	{ "log", no_argument, NULL, OPTION_LOG },
	{ "key-id", required_argument, NULL, OPTION_KEY_ID },
	{ "packages", no_argument, NULL, OPTION_PACKAGES },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static bool parse_key(struct audit *audit, const char *text)
{
	char *end;

	if (!strcmp(text, "none")) {
		audit->key = AUDIT_KEY_NONE;
		return true;
	}
	if (strlen(text) != 8 || text[strspn(text, "0123456789abcdefABCDEF")])
		return false;
	audit->key = AUDIT_KEY_ID;
	audit->key_id = (uint32_t)strtoul(text, &end, 16);
	return true;
}

/* -1: go on; else the exit status. */
static int take_option(struct audit *audit, int option)
{
	const struct cli_command *command = audit->command;

	switch (option) {
	case OPTION_ROOT:
		audit->root = optarg;
		return -1;
	case OPTION_CERTS:
		return cli_certs_add(&audit->certs, optarg) ? -1 : cli_usage(command, "too many --certs");
	case OPTION_POLICY:
		audit->policy = optarg;
		return -1;
	case OPTION_REPAIR:
		audit->repair = true;
		return -1;
	case OPTION_LOG:
		audit->log = true;
		return -1;
	case OPTION_KEY_ID:
		return parse_key(audit, optarg) ? -1 :
						  cli_usage(command, "--key-id takes 8 hexadecimal digits, or none");
	case OPTION_PACKAGES:
		audit->packages = true;
		return -1;
	case OPTION_JSON:
		audit->json = true;
		return -1;
	case 'h':
		return cli_help(command);
	default:
		return cli_bad_option(command);
	}
}

/* Without final slashes; a relative one is meant from here, where the root is this system's. NULL without memory. */
static char *absolute_path(const char *path)
{
	cleanup_free char *here = *path == '/' ? strdup("") : getcwd(NULL, 0);
	char *absolute;

	if (!here || asprintf(&absolute, "%s%s%s", here, *path == '/' ? "" : "/", path) < 0)
		return NULL;
	for (size_t length = strlen(absolute); length > 1 && absolute[length - 1] == '/'; )
		absolute[--length] = '\0';
	return absolute;
}

/* -1: go on; else the exit status. */
static int take_paths(struct audit *audit, char **paths, size_t count)
{
	if (audit->log) {
		/* Of this machine, wherever the root is. */
		audit->logs = paths;
		audit->log_count = count;
		return -1;
	}
	audit->paths = calloc(count + 1, sizeof(*audit->paths));
	for (size_t i = 0; audit->paths && i < count; i++) {
		if (paths[i][0] != '/' && strcmp(audit->root, "/") != 0)
			return cli_usage(audit->command, "with --root paths have to be absolute: they are in the root");
		audit->paths[i] = absolute_path(paths[i]);
		if (!audit->paths[i])
			break;
		audit->path_count++;
	}
	if (audit->path_count == count)
		return -1;
	cli_message(audit->command, "no memory for the paths");
	return CLI_FAILED;
}

static int check_options(const struct audit *audit)
{
	if (audit->packages && audit->key == AUDIT_KEY_ANY)
		return cli_usage(audit->command, "--packages goes with --key-id");
	if ((audit->policy != NULL) + audit->repair + audit->log + (audit->key != AUDIT_KEY_ANY) > 1)
		return cli_usage(audit->command, "--policy, --repair, --log and --key-id exclude each other");
	return -1;
}

static void complain(void *context, const char *sentence)
{
	cli_message(context, "%s", sentence);
}

static int start(struct audit *audit)
{
	cleanup_close int root_fd = -1;
	struct pkgima_error error;
	int problems, status;

	root_fd = audit->root_fd = pkgima_root_open(audit->root, &error);
	if (root_fd < 0) {
		cli_message(audit->command, "%s", error.text);
		return CLI_FAILED;
	}
	problems = pkgima_config_load(root_fd, &audit->config, complain, (void *)audit->command, &error);
	if (problems < 0)
		cli_message(audit->command, "%s", error.text);
	if (problems != 0)
		return CLI_FAILED;
	if (audit->policy)
		status = audit_policy(audit);
	else if (audit->log)
		status = audit_log(audit);
	else if (audit->key != AUDIT_KEY_ANY)
		status = audit_list_by_key(audit);
	else
		status = audit_files(audit);
	return cli_finish(audit->command, status);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct audit audit = { .command = command, .root = "/" };
	int option, status = -1;

	while (status < 0 && (option = getopt_long(argc, argv, "h", options, NULL)) != -1)
		status = take_option(&audit, option);
	if (status < 0)
		status = check_options(&audit);
	if (status < 0)
		status = take_paths(&audit, argv + optind, (size_t)(argc - optind));
	if (status < 0)
		status = start(&audit);
	for (size_t i = 0; i < audit.path_count; i++)
		free((char *)audit.paths[i]);
	free(audit.paths);
	return status;
}

const struct cli_command cmd_audit = {
	.name = "audit",
	.summary = "check installed files, and what a policy would deny or a kernel has recorded",
	.help = "Usage: pkgima audit [OPTION...] [PATH...]\n"
		"Checks all files of installed packages, or the files below each PATH, also those of no package:\n"
		"manifest against content and security.ima.\n"
		"       pkgima audit --policy FILE|NAME [OPTION...] [PATH...]\n"
		"Says which files a kernel with this IMA policy would deny, and what is wrong with the policy.\n"
		"       pkgima audit --log [OPTION...] [FILE...]\n"
		"Groups what a kernel has denied, or recorded as used, by file, package, cause and remedy; of the logs\n"
		"FILE (-: standard input), or else of the audit log, the kernel log and the journal of this boot.\n"
		"       pkgima audit --key-id ID|none [--packages] [OPTION...] [PATH...]\n"
		"Lists the files that carry a signature by this key, or none.\n\n"
		"  --root DIR     the system in DIR\n"
		"  --certs FILE   verify with this certificate, or a folder's; may be given often\n"
		"  --policy FILE|NAME  a policy file, one of ima-init's policies, or one of the kernel's:\n"
		"                 tcb, appraise_tcb, secure_boot, critical_data\n"
		"  --repair       put signatures on files that do not carry theirs\n"
		"  --log          of what was recorded instead of all files\n"
		"  --key-id ID    8 hexadecimal digits, or none\n"
		"  --packages     names of packages, one a line, instead of files\n"
		"  --json         print one JSON document\n"
		"  -h, --help     show this\n",
	.run = run,
};
