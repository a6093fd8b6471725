// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "managers.h"

struct session {
	const struct cli_command *command;
	int root_fd;
	const struct pkgima_config *config;
	struct cli_progress progress;
	struct pkgima_apply_counts counts;
	int status;                    /* the highest so far */
};

static void worsen(struct session *session, int status)
{
	session->status = status > session->status ? status : session->status;
}

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

/* Marks the packages that @name means; false where none of them is installed. */
static bool choose(struct session *session, struct cli_source *source, bool *wanted, const char *name)
{
	cleanup_free char *printable = cli_printable(name);
	bool found = false;

	for (size_t i = 0; i < source->count; i++)
		if (source->manager->matches(source->database, name, &source->packages[i]))
			wanted[i] = found = true;
	if (found || !source->manager->is_installed(source->database, name))
		return found;
	cli_message(session->command, "%s: unsigned: the installed package has no %s", printable,
		    source->manager->signatures);
	worsen(session, CLI_VERDICT);
	return true;
}

/* Moves the packages that are wanted to the front, in their order; how many. */
static size_t take_wanted(struct cli_source *source, const bool *wanted)
{
	size_t chosen = 0;

	for (size_t i = 0; i < source->count; i++) {
		struct pkgima_installed package = source->packages[i];

		if (!wanted[i])
			continue;
		source->packages[i] = source->packages[chosen];
		source->packages[chosen++] = package;
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

static void add_counts(struct pkgima_apply_counts *sums, const struct pkgima_apply_counts *counts)
{
	sums->packages += counts->packages;
	sums->applied += counts->applied;
	sums->unchanged += counts->unchanged;
	sums->left_out += counts->left_out;
	sums->edited += counts->edited;
	sums->absent += counts->absent;
	sums->unsupported += counts->unsupported;
	sums->refused += counts->refused;
	sums->failed += counts->failed;
}

static void apply_source(struct session *session, const struct cli_source *source, size_t count,
			 const struct pkgima_trust *trust)
{
	struct pkgima_apply job = {
		.root_fd = session->root_fd,
		.manager = source->manager,
		.database = source->database,
		.trust = trust,
		.config = session->config,
		.report = report,
		.progress = progress,
		.context = session,
	};
	struct pkgima_apply_counts counts = { 0 };
	struct pkgima_error error;
	int r;

	cli_progress_begin(&session->progress);
	r = pkgima_apply_packages(&job, source->packages, count, NULL, &counts, &error);
	cli_progress_end(&session->progress);
	add_counts(&session->counts, &counts);
	if (r < 0) {
		cli_message(session->command, "%s", error.text);
		worsen(session, CLI_FAILED);
	}
	worsen(session, exit_status(&counts, session->config));
}

static void print_counts(const struct pkgima_apply_counts *counts)
{
	printf("%zu package%s: %zu files signed, %zu were signed already, %zu not ok\n", counts->packages,
	       counts->packages == 1 ? "" : "s", counts->applied, counts->unchanged,
	       counts->refused + counts->failed + counts->unsupported);
	if (counts->left_out + counts->edited + counts->absent)
		printf("%zu files left out by the settings, %zu edited conffiles, %zu not on disk\n", counts->left_out,
		       counts->edited, counts->absent);
}

/* Works on those of @source's packages that @names mean, all where there are none. Sets *@found for each that means one. */
static void apply_named(struct session *session, struct cli_source *source, const struct pkgima_trust *trust, char **names,
			bool *found)
{
	cleanup_free bool *wanted = calloc(source->count + 1, sizeof(*wanted));

	if (!wanted) {
		cli_message(session->command, "no memory for the list of packages");
		worsen(session, CLI_FAILED);
		return;
	}
	for (size_t i = 0; names[i]; i++)
		if (choose(session, source, wanted, names[i]))
			found[i] = true;
	apply_source(session, source, *names ? take_wanted(source, wanted) : source->count, trust);
}

/* @names: none for all packages. */
static void apply(struct session *session, struct cli_managers *managers, const struct pkgima_trust *trust, char **names,
		  size_t count)
{
	cleanup_free bool *found = calloc(count + 1, sizeof(*found));

	if (!found) {
		cli_message(session->command, "no memory for the names of packages");
		session->status = CLI_FAILED;
		return;
	}
	for (size_t i = 0; i < CLI_SOURCES; i++)
		if (managers->sources[i].database)
			apply_named(session, &managers->sources[i], trust, names, found);
	for (size_t i = 0; i < count; i++) {
		cleanup_free char *printable = cli_printable(names[i]);

		if (found[i])
			continue;
		cli_message(session->command, "%s: no such package is installed", printable);
		worsen(session, CLI_FAILED);
	}
	print_counts(&session->counts);
}

static void apply_databases(struct session *session, const struct pkgima_trust *trust, char **names, size_t count)
{
	cleanup_managers struct cli_managers managers;

	session->status = cli_managers_open(session->command, session->root_fd, false, &managers);
	if (cli_managers_any(&managers)) {
		apply(session, &managers, trust, names, count);
	} else if (session->status == CLI_OK) {
		cli_message(session->command, "there is no database of dpkg or rpm");
		session->status = CLI_FAILED;
	}
}

/* Opens what is needed beneath @root. @select: as given with --select, or NULL. */
static int start(const struct cli_command *command, const char *root, const struct cli_certs *certs, const char *select,
		 char **names, size_t count)
{
	cleanup_trust struct pkgima_trust *trust = NULL;
	cleanup_close int root_fd = -1;
	struct pkgima_config config;
	struct session session = { .command = command, .config = &config, .status = CLI_OK };
	struct pkgima_error error;
	int problems;

	root_fd = session.root_fd = pkgima_root_open(root, &error);
	if (root_fd < 0) {
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
	if (!trust)
		return CLI_FAILED;
	apply_databases(&session, trust, names, count);
	return cli_finish(command, session.status);
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
	return start(command, root, &certs, select, argv + optind, (size_t)(argc - optind));
}

const struct cli_command cmd_apply = {
	.name = "apply",
	.summary = "put the signatures of installed packages on their files",
	.help = "Usage: pkgima apply [--root DIR] [--certs DIR|FILE]... [--select all|exec]\n"
		"                    (--all | NAME...)\n"
		"Sets security.ima of the files of packages that dpkg or rpm installed, after checking\n"
		"signature and content. Files that carry their signature already are left alone. Exit\n"
		"status 1 when something was not ok.\n\n"
		"  --all              all packages that have signatures\n"
		"  --root DIR         the system in DIR, with its own trust store and pkgima.conf\n"
		"  --certs DIR|FILE   verify with these certificates, not the root's /etc/keys/ima\n"
		"  --select all|exec  which files; default: what pkgima.conf says, else all\n"
		"  -h, --help         show this\n",
	.run = run,
};
