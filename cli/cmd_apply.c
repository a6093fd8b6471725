// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "cli.h"

struct session {
	const struct cli_command *command;
	const struct pkgima_config *config;
	struct cli_progress progress;
};

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;
	cleanup_free char *package = cli_printable(finding->package);
	cleanup_free char *path = finding->path ? cli_printable(finding->path) : NULL;

	if (finding->verdict == PKGIMA_VERDICT_UNSUPPORTED_FS && !finding->failed &&
	    session->config->unsupported_fs == PKGIMA_UNSUPPORTED_IGNORE)
		return;
	cli_progress_show(&session->progress, "%s", "");
	cli_message(session->command, "%s: %s%s%s: %s", package, path ? path : "", path ? ": " : "",
		    finding->failed ? "failed" : pkgima_verdict_word(finding->verdict), finding->reason);
}

static void progress(void *context, size_t packages, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu packages, %zu files", packages, files);
}

static void complain(void *context, const char *sentence)
{
	cli_message(context, "%s", sentence);
}

/* Moves the packages that @names wants to the front and returns how many; names that match none are complained about. */
static size_t choose(const struct cli_command *command, const struct pkgima_dpkg *dpkg,
		     struct pkgima_dpkg_package *packages, size_t count, char **names, int *status)
{
	cleanup_free bool *wanted = calloc(count + 1, sizeof(*wanted));
	size_t chosen = 0;

	for (; wanted && *names; names++) {
		cleanup_free char *name = cli_printable(*names);
		bool found = false;

		for (size_t i = 0; i < count; i++) {
			if (pkgima_dpkg_name_matches(*names, packages[i].name))
				wanted[i] = found = true;
		}
		if (found)
			continue;
		if (pkgima_dpkg_is_installed(dpkg, *names)) {
			cli_message(command, "%s: unsigned: the installed package has no manifest", name);
			*status = *status > CLI_VERDICT ? *status : CLI_VERDICT;
		} else {
			cli_message(command, "%s: no such package is installed", name);
			*status = CLI_FAILED;
		}
	}
	for (size_t i = 0; wanted && i < count; i++) {
		if (wanted[i]) {
			struct pkgima_dpkg_package package = packages[chosen];

			packages[chosen++] = packages[i];
			packages[i] = package;
		}
	}
	return chosen;
}

static int exit_status(const struct pkgima_apply_counts *counts, const struct pkgima_config *config)
{
	if (counts->failed)
		return CLI_FAILED;
	if (counts->refused || (counts->unsupported && config->unsupported_fs != PKGIMA_UNSUPPORTED_IGNORE))
		return CLI_VERDICT;
	return CLI_OK;
}

static int apply(struct session *session, const struct pkgima_dpkg *dpkg, const struct pkgima_trust *trust, char **names)
{
	const struct cli_command *command = session->command;
	struct pkgima_apply job = {
		.dpkg = dpkg,
		.trust = trust,
		.config = session->config,
		.report = report,
		.progress = progress,
		.context = session,
	};
	struct pkgima_dpkg_package *packages = NULL;
	struct pkgima_apply_counts counts;
	int status = CLI_OK, result;
	struct pkgima_error error;
	size_t total = 0, count;

	if (pkgima_dpkg_packages(dpkg, &packages, &total, &error) < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	count = *names ? choose(command, dpkg, packages, total, names, &status) : total;
	cli_progress_begin(&session->progress);
	if (pkgima_apply_packages(&job, packages, count, NULL, &counts, &error) < 0) {
		cli_progress_end(&session->progress);
		cli_message(command, "%s", error.text);
		status = CLI_FAILED;
	} else {
		cli_progress_end(&session->progress);
		printf("%zu package%s: %zu files signed, %zu were signed already, %zu not ok\n", counts.packages,
		       counts.packages == 1 ? "" : "s", counts.applied, counts.unchanged, counts.refused + counts.failed + counts.unsupported);
		if (counts.left_out + counts.edited + counts.absent)
			printf("%zu files left out by the settings, %zu edited conffiles, %zu not on disk\n",
			       counts.left_out, counts.edited, counts.absent);
		result = exit_status(&counts, session->config);
		status = result > status ? result : status;
	}
	pkgima_dpkg_packages_free(packages, total);
	return cli_finish(command, status);
}

/* Opens what is needed beneath @root. @select: as given with --select, or NULL. */
static int start(const struct cli_command *command, const char *root, const struct cli_certs *certs, const char *select,
		 char **names)
{
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	cleanup_trust struct pkgima_trust *trust = NULL;
	cleanup_close int root_fd = -1;
	struct pkgima_config config;
	struct session session = { .command = command, .config = &config };
	struct pkgima_error error;
	int problems;

	root_fd = pkgima_root_open(root, &error);
	if (root_fd < 0 || pkgima_dpkg_open(root_fd, PKGIMA_DPKG_ADMINDIR, &dpkg, &error) < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	problems = pkgima_config_load(root_fd, &config, complain, (void *)command, &error);
	if (problems < 0)
		cli_message(command, "%s", error.text);
	if (problems != 0)
		return CLI_FAILED;
	if (select)
		pkgima_select_parse(select, &config.select);
	trust = cli_load_trust(command, root_fd, certs);
	return trust ? apply(&session, dpkg, trust, names) : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "certs", required_argument, NULL, 'c' },
		{ "select", required_argument, NULL, 's' },
		{ "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *root = "/", *select = NULL;
	struct cli_certs certs = { 0 };
	enum pkgima_select ignored;
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			root = optarg;
			break;
		case 'c':
			if (!cli_certs_add(&certs, optarg))
				return cli_usage(command, "too many --certs");
			break;
		case 's':
			select = optarg;
			if (pkgima_select_parse(select, &ignored) < 0)
				return cli_usage(command, "--select takes all or exec");
			break;
		case 'a':
			all = true;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (all == (optind < argc))
		return cli_usage(command, "either --all or names of packages are needed");
	return start(command, root, &certs, select, argv + optind);
}

const struct cli_command cmd_apply = {
	.name = "apply",
	.summary = "put the signatures of installed packages on their files",
	.help = "Usage: pkgima apply [--root DIR] [--certs DIR|FILE]... [--select all|exec]\n"
		"                    (--all | NAME...)\n"
		"Sets security.ima of the files of installed packages from their manifests, after\n"
		"checking signature and content. Files that carry their signature already are left\n"
		"alone. Exit status 1 when something was not ok.\n\n"
		"  --all              all packages that have a manifest\n"
		"  --root DIR         the system in DIR, with its own trust store and pkgima.conf\n"
		"  --certs DIR|FILE   verify with these certificates, not the root's /etc/keys/ima\n"
		"  --select all|exec  which files; default: what pkgima.conf says, else all\n"
		"  -h, --help         show this\n",
	.run = run,
};
