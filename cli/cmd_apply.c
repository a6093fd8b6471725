// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "../lib/dpkg.h"
#include "../lib/rpmdb.h"
#include "cli.h"

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

/* The packages of one manager. */
struct source {
	const struct pkgima_manager *manager;
	void *database;                /* NULL: there is none */
	struct pkgima_installed *packages;
	bool *wanted;                  /* for each */
	size_t count;
};

/* Marks the packages that @name means; false where none of them is installed. */
static bool choose(struct session *session, struct source *source, const char *name)
{
	cleanup_free char *printable = cli_printable(name);
	bool found = false;

	for (size_t i = 0; i < source->count; i++)
		if (source->manager->matches(source->database, name, &source->packages[i]))
			source->wanted[i] = found = true;
	if (found || !source->manager->is_installed(source->database, name))
		return found;
	cli_message(session->command, "%s: unsigned: the installed package has no %s", printable,
		    source->manager->signatures);
	worsen(session, CLI_VERDICT);
	return true;
}

/* Moves the packages that are wanted to the front, in their order; how many. */
static size_t take_wanted(struct source *source)
{
	size_t chosen = 0;

	for (size_t i = 0; i < source->count; i++) {
		struct pkgima_installed package = source->packages[i];

		if (!source->wanted[i])
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

static void apply_source(struct session *session, struct source *source, const struct pkgima_trust *trust, bool all)
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
	r = pkgima_apply_packages(&job, source->packages, all ? source->count : take_wanted(source), NULL, &counts, &error);
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

/* @names: none for all packages. */
static void apply(struct session *session, struct source *sources, size_t count, const struct pkgima_trust *trust,
		  char **names)
{
	for (char **name = names; *name; name++) {
		cleanup_free char *printable = cli_printable(*name);
		bool found = false;

		for (size_t i = 0; i < count; i++)
			if (sources[i].database && choose(session, &sources[i], *name))
				found = true;
		if (!found) {
			cli_message(session->command, "%s: no such package is installed", printable);
			worsen(session, CLI_FAILED);
		}
	}
	for (size_t i = 0; i < count; i++)
		if (sources[i].database)
			apply_source(session, &sources[i], trust, !*names);
	print_counts(&session->counts);
}

/* A database that cannot be read does not keep the other manager's packages from their signatures. */
static void list_packages(struct session *session, struct source *source, int r, struct pkgima_error *error)
{
	if (r == -ENOENT)
		return;
	if (r == 0)
		r = source->manager->list(source->database, &source->packages, &source->count, error);
	if (r == 0) {
		source->wanted = calloc(source->count + 1, sizeof(*source->wanted));
		if (!source->wanted)
			r = pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
	}
	if (r == 0)
		return;
	source->database = NULL;
	cli_message(session->command, "%s", error->text);
	worsen(session, CLI_FAILED);
}

static void free_source(struct source *source)
{
	pkgima_installed_free(source->packages, source->count);
	free(source->wanted);
}

static void apply_databases(struct session *session, const struct pkgima_trust *trust, char **names)
{
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	struct source sources[] = { { .manager = &pkgima_manager_dpkg }, { .manager = &pkgima_manager_rpm } };
	struct pkgima_error error;
	int r;

	r = pkgima_dpkg_open(session->root_fd, PKGIMA_DPKG_ADMINDIR, &dpkg, &error);
	sources[0].database = dpkg;
	list_packages(session, &sources[0], r, &error);
	r = pkgima_rpmdb_open(session->root_fd, &rpmdb, &error);
	sources[1].database = rpmdb;
	list_packages(session, &sources[1], r, &error);
	if (sources[0].database || sources[1].database) {
		apply(session, sources, 2, trust, names);
	} else if (session->status == CLI_OK) {
		cli_message(session->command, "there is no database of dpkg or rpm");
		session->status = CLI_FAILED;
	}
	free_source(&sources[0]);
	free_source(&sources[1]);
}

/* Opens what is needed beneath @root. @select: as given with --select, or NULL. */
static int start(const struct cli_command *command, const char *root, const struct cli_certs *certs, const char *select,
		 char **names)
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
	apply_databases(&session, trust, names);
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
	return start(command, root, &certs, select, argv + optind);
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
