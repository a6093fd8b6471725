// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>
#include <sys/stat.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "enforce.h"

enum { OPTION_ROOT = 256, OPTION_POLICY, OPTION_FORCE, OPTION_JSON };

static const struct option options[] = {
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct verb {
	const char *name;
	int (*run)(struct enforce *enforce);
	bool takes_policy, takes_force, takes_json;
} verbs[] = {
	{ "log", enforce_log, true, false, false },
	{ "on", enforce_on, true, true, false },
	{ "off", enforce_off, false, false, false },
	{ "status", enforce_status, false, false, true },
};

/* -1: go on; else the exit status. */
static int check_words(const struct enforce *enforce, int count, char **words, const struct verb **ret_verb)
{
	const struct verb *verb = NULL;

	for (size_t i = 0; count && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(words[0], verbs[i].name))
			verb = &verbs[i];
	if (!verb)
		return cli_usage(enforce->command, "log, on, off or status?");
	if (count > 1)
		return cli_usage(enforce->command, "too many words behind %s", verb->name);
	if (enforce->policy && !verb->takes_policy)
		return cli_usage(enforce->command, "--policy goes with log and on only");
	if (enforce->force && !verb->takes_force)
		return cli_usage(enforce->command, "--force goes with on only");
	if (enforce->json && !verb->takes_json)
		return cli_usage(enforce->command, "--json goes with status only");
	*ret_verb = verb;
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct enforce *enforce, const struct verb **ret_verb)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPTION_ROOT:
			enforce->root = optarg;
			break;
		case OPTION_POLICY:
			enforce->policy = optarg;
			break;
		case OPTION_FORCE:
			enforce->force = true;
			break;
		case OPTION_JSON:
			enforce->json = true;
			break;
		case 'h':
			return cli_help(enforce->command);
		default:
			return cli_bad_option(enforce->command);
		}
	}
	return check_words(enforce, argc - optind, argv + optind, ret_verb);
}

static bool is_ours(int root_fd)
{
	struct stat own, root;

	return stat("/", &own) == 0 && fstat(root_fd, &root) == 0 && own.st_dev == root.st_dev && own.st_ino == root.st_ino;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct enforce enforce = { .command = command, .root = "/" };
	cleanup_close int root_fd = -1;
	const struct verb *verb = NULL;
	struct pkgima_error error;
	int status;

	status = parse(argc, argv, &enforce, &verb);
	if (status >= 0 || !verb)
		return status;
	root_fd = enforce.root_fd = pkgima_root_open(enforce.root, &error);
	if (root_fd < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	enforce.root_is_ours = is_ours(root_fd);
	if (enforce.root_is_ours)
		enforce.root = "/";
	enforce.starts_it = enforce_command_line_has(&enforce, "init=/ima/init");
	status = verb->run(&enforce);
	pkgima_enforce_free(&enforce.now);
	free(enforce.source);
	free(enforce.text);
	free(enforce.signature);
	return status;
}

const struct cli_command cmd_enforce = {
	.name = "enforce",
	.summary = "switch enforcement on or off for the next boot",
	.help = "Usage: pkgima enforce log [--policy FILE|NAME] [--root DIR]\n"
		"       pkgima enforce on [--policy FILE|NAME] [--force] [--root DIR]\n"
		"       pkgima enforce off [--root DIR]\n"
		"       pkgima enforce status [--json] [--root DIR]\n"
		"Sets what ima-init does in the next boot: policy and mode, the initramfs of all kernels that\n"
		"carries them, and entries in the boot loader's menu for recovery. log records what is executed,\n"
		"mapped and loaded, and denies nothing. on enforces the policy; it is refused while files that\n"
		"are there would be denied. off undoes all. status says what is active now, and what the next\n"
		"boot will do; exit status 1 when that is not what is set. When a step fails, the same command\n"
		"again goes on from there.\n\n"
		"  --policy FILE|NAME  the policy to be enforced: a file, with a '/' in its name, or one of ima-init's;\n"
		"                 without it the one that is there, else exec\n"
		"  --force        enforce although files would be denied\n"
		"  --root DIR     the system in DIR; its tools are run there by chroot\n"
		"  --json         print one JSON document (status)\n"
		"  -h, --help     show this\n",
	.run = run,
};
