// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/digests.h"
#include "../lib/io.h"
#include "../lib/signing/changes.h"
#include "../lib/signing/package.h"
#include "cli.h"
#include "extract.h"
#include "walk.h"

struct extraction {
	const struct cli_command *command;
	struct pkgima_digests digests;
	struct extract_keylime keylime;
	bool for_keylime;
	enum pkgima_hash hash;
	bool hash_given;
	unsigned int threads;
	size_t packages;
	bool failed;
	struct cli_progress progress;
};

static void failed(void *context, const char *path, const char *reason)
{
	struct extraction *extraction = context;
	cleanup_free char *name = cli_printable(path);

	cli_progress_clear(&extraction->progress);
	cli_message(extraction->command, "%s: %s", name, reason);
	extraction->failed = true;
}

static bool stopped(void *context)
{
	(void)context;
	return false;
}

static int extract_package(struct extraction *extraction, const char *path, struct pkgima_error *error)
{
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };
	const enum pkgima_hash *hash = extraction->hash_given ? &extraction->hash : NULL;
	int r = pkgima_package_open(path, &package, error);

	if (r == 0 && extraction->for_keylime) {
		r = extract_keylime_add(&extraction->keylime, &package, path, hash, extraction->threads, error);
		extraction->packages += r == 0;
		return r;
	}
	if (r == 0)
		r = pkgima_package_digests(&package, hash, extraction->threads, &entries, error);
	for (size_t i = 0; i < entries.count && r == 0; i++)
		r = pkgima_digests_add(&extraction->digests, entries.list[i].hash, entries.list[i].digest, error);
	if (r == 0)
		extraction->packages++;
	/* Packages share files: the limit is one of different digests. */
	if (extraction->digests.count > PKGIMA_DIGESTS_COUNT_MAX / 2)
		pkgima_digests_sort(&extraction->digests);
	return r;
}

static void extract_changes(struct extraction *extraction, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	cleanup_changes struct pkgima_changes changes = { 0 };
	const char *slash = strrchr(path, '/');
	cleanup_free uint8_t *data = NULL;
	struct pkgima_error error;
	size_t length;

	if (fd < 0) {
		failed(extraction, path, strerror(errno));
		return;
	}
	if (pkgima_read_file(fd, "it", PKGIMA_CHANGES_MAX, &data, &length, &error) < 0 ||
	    pkgima_changes_parse(data, length, &changes, &error) < 0) {
		failed(extraction, path, error.text);
		return;
	}
	for (size_t i = 0; i < changes.count; i++) {
		cleanup_free char *package = NULL;

		if (pkgima_package_by_name(changes.files[i].name) != &pkgima_format_deb)
			continue;
		if (asprintf(&package, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, changes.files[i].name) < 0) {
			package = NULL;
			failed(extraction, path, strerror(ENOMEM));
		} else if (extract_package(extraction, package, &error) < 0) {
			failed(extraction, package, error.text);
		}
	}
}

static void extract(void *context, const char *path, const char *relative, off_t size)
{
	struct extraction *extraction = context;
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;

	(void)relative, (void)size;
	if (cli_progress_due(&extraction->progress))
		cli_progress_show(&extraction->progress, "%zu packages; now %s", extraction->packages, name);
	if (walk_is_changes(path))
		extract_changes(extraction, path);
	else if (extract_package(extraction, path, &error) < 0)
		failed(extraction, path, error.text);
}

/* Nothing is printed of a document that would not be whole. */
static int print(struct extraction *extraction)
{
	char line[PKGIMA_DIGESTS_LINE_MAX];

	pkgima_digests_sort(&extraction->digests);
	fputs(PKGIMA_DIGESTS_FIRST_LINE, stdout);
	for (size_t i = 0; i < extraction->digests.count; i++)
		fwrite(line, 1, pkgima_digests_line(&extraction->digests.list[i], NULL, 0, line), stdout);
	return cli_finish(extraction->command, CLI_OK);
}

static int work(struct extraction *extraction, char **paths, FILE *list)
{
	const struct walk walk = { .package = extract, .failed = failed, .stopped = stopped, .context = extraction };
	int r = extraction->for_keylime ? extract_keylime_begin(&extraction->keylime) : CLI_OK;

	if (r != CLI_OK) {
		extract_keylime_free(&extraction->keylime);
		return r;
	}
	cli_progress_begin(&extraction->progress);
	if (list)
		r = walk_list(&walk, list);
	if (r < 0)
		failed(extraction, "standard input", strerror(-r));
	for (; *paths; paths++)
		walk_path(&walk, *paths);
	cli_progress_end(&extraction->progress);
	r = CLI_FAILED;
	if (!extraction->failed)
		r = extraction->for_keylime ? extract_keylime_print(&extraction->keylime) : print(extraction);
	extract_keylime_free(&extraction->keylime);
	pkgima_digests_free(&extraction->digests);
	return r;
}

enum { OPTION_FORMAT = 256, OPTION_CERTS, OPTION_CA_CERT };

/* The options that say for whom it is; 0, or an exit status. */
static int parse_format(struct extraction *extraction, int option)
{
	struct extract_keylime *keylime = &extraction->keylime;

	switch (option) {
	case OPTION_FORMAT:
		extraction->for_keylime = strcmp(optarg, "keylime") == 0;
		if (!extraction->for_keylime && strcmp(optarg, "digests") != 0)
			return cli_usage(extraction->command, "--format takes digests or keylime");
		return 0;
	case OPTION_CERTS:
	case OPTION_CA_CERT:
		if (!cli_certs_add(option == OPTION_CERTS ? &keylime->certs : &keylime->ca_certs, optarg))
			return cli_usage(extraction->command, "more than %d certificates", CLI_CERTS_MAX);
		return 0;
	}
	return cli_bad_option(extraction->command);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "hash", required_argument, NULL, 'H' },
		{ "from", required_argument, NULL, 'f' },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "certs", required_argument, NULL, OPTION_CERTS },
		{ "ca-cert", required_argument, NULL, OPTION_CA_CERT },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct extraction extraction = { .command = command, .keylime.command = command };
	unsigned long threads;
	FILE *list = NULL;
	int option, r;

	while ((option = getopt_long(argc, argv, "j:h", options, NULL)) != -1) {
		switch (option) {
		case 'H':
			if (!pkgima_hash_from_name(optarg, strlen(optarg), &extraction.hash))
				return cli_usage(command, "--hash takes sha256, sha384 or sha512");
			extraction.hash_given = true;
			break;
		case 'f':
			if (strcmp(optarg, "-") != 0)
				return cli_usage(command, "--from takes -, for standard input");
			list = stdin;
			break;
		case 'j':
			if (!cli_number(optarg, 1, 64, &threads))
				return cli_usage(command, "-j takes a number from 1 to 64");
			extraction.threads = (unsigned int)threads;
			break;
		case 'h':
			return cli_help(command);
		default:
			r = parse_format(&extraction, option);
			if (r)
				return r;
		}
	}
	if (optind == argc && !list)
		return cli_usage(command, "which package?");
	if (!extraction.for_keylime && extraction.keylime.certs.count + extraction.keylime.ca_certs.count)
		return cli_usage(command, "--certs and --ca-cert are for --format keylime");
	return work(&extraction, argv + optind, list);
}

const struct cli_command cmd_extract = {
	.name = "extract",
	.summary = "list what is to be signed, for a key that is elsewhere",
	.help = "Usage: pkgima extract [--hash HASH] [-j N] [--from -] PACKAGE|DIR... > DIGESTS\n"
		"       pkgima extract --format keylime [--certs DIR|FILE]... [--ca-cert FILE]...\n"
		"                      [--hash HASH] [-j N] [--from -] PACKAGE|DIR... > POLICY\n"
		"Prints the digests of all that 'pkgima sign' would sign in these packages, each\n"
		"once: pkgima-digests(5). A signing service makes signatures of them, and 'pkgima\n"
		"attach' puts these into the packages. The second form prints a runtime policy for\n"
		"Keylime: what a machine that has these packages may measure. If a package cannot\n"
		"be read, nothing is printed.\n\n"
		"  --format FORMAT  digests (default) or keylime\n"
		"  --certs DIR|FILE  keylime: a file with a valid signature by one of these keys may\n"
		"                   be measured, too, and they may be loaded; may be repeated\n"
		"  --ca-cert FILE   keylime: this CA certificate may be loaded; may be repeated\n"
		"  --hash HASH      sha256 (default), sha384 or sha512; of an .rpm, rpmbuild has\n"
		"                   chosen; keylime: default also those of a package's signatures\n"
		"  --from -         read names of packages from standard input, one a line\n"
		"  -j N             unpack with N threads, default: one per core\n"
		"  -h, --help       show this\n",
	.run = run,
};
