// SPDX-License-Identifier: LGPL-2.1-or-later
#include "../lib/beneath.h"
#include "status.h"

static struct json_object *json_text(const char *text)
{
	return *text ? json_object_new_string(text) : NULL;
}

/* @context: the document's list; NULL: lines are printed. */
static void tell(void *context, const struct pkgima_status_line *line)
{
	struct json_object *check;

	if (!context) {
		printf("%-9s  %-8s  %s\n", pkgima_status_state_word(line->state), line->check, line->text);
		if (*line->remedy)
			printf("%-9s  %-8s  -> %s\n", "", "", line->remedy);
		return;
	}
	check = json_object_new_object();
	json_object_object_add(check, "check", json_object_new_string(line->check));
	json_object_object_add(check, "state", json_object_new_string(pkgima_status_state_word(line->state)));
	json_object_object_add(check, "text", json_object_new_string(line->text));
	json_object_object_add(check, "remedy", json_text(line->remedy));
	json_object_array_add(context, check);
}

static int check_all(const struct cli_command *command, struct json_object *list)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_status_keyring struct status_keyring keyring = { .error = { "" } };
	cleanup_status struct pkgima_status status = { .trust = trust, .keyring = &keyring.view, .tell = tell, .context = list };
	cleanup_close int root_fd = -1;
	struct pkgima_status_packages packages;
	struct pkgima_error error = { "no memory for the trust store" };

	root_fd = status.root_fd = pkgima_root_open("/", &error);
	if (root_fd < 0 || !trust || pkgima_status_open(&status, &error) < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	if (!cli_load_store(command, root_fd, trust))
		return CLI_FAILED;
	status_find_keyring(&keyring);
	if (status_count_packages(command, root_fd, trust, &packages))
		status.packages = &packages;
	for (const struct pkgima_status_check *check = pkgima_status_checks; check->name; check++)
		check->run(&status);
	status_check_hooks(&status);
	return status.worst == PKGIMA_STATUS_OK ? CLI_OK : CLI_VERDICT;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct json_object *document, *list = NULL;
	int option, result;
	bool json = false;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (optind != argc)
		return cli_usage(command, "it takes no arguments");
	if (json)
		list = json_object_new_array();
	result = check_all(command, list);
	if (!json)
		return cli_finish(command, result);
	document = json_object_new_object();
	json_object_object_add(document, "checks", list);
	return cli_print_json(command, document) == CLI_OK ? result : CLI_FAILED;
}

const struct cli_command cmd_status = {
	.name = "status",
	.summary = "is this kernel, boot and file system ready to enforce",
	.help = "Usage: pkgima status [--json]\n"
		"This machine at a glance. Each line is ok, attention or missing, with what to do about it:\n"
		"kernel, keys, policy and boot; what the kernel is closed against; file systems, packages, and\n"
		"how apt, dpkg and rpm install. Exit status 1 when not all are ok.\n\n"
		"  --json      print one JSON document\n"
		"  -h, --help  show this\n",
	.run = run,
};
