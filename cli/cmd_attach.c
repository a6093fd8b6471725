// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/digests.h"
#include "../lib/io.h"
#include "../lib/signing/key.h"
#include "sign.h"

struct arguments {
	const char *signatures, *cert;
	bool in_place, from;
};

static int read_signatures(const char *path, uint8_t **ret_text, struct pkgima_signatures *signatures,
			   struct pkgima_error *error)
{
	cleanup_free char *name = cli_printable(path);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t length;
	int r;

	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open %s", name);
	r = pkgima_read_stream(fd, name, PKGIMA_DIGESTS_SIZE_MAX, ret_text, &length, error);
	if (r == 0) {
		r = pkgima_signatures_parse(*ret_text, length, name, signatures, error);
		if (r < 0)
			pkgima_fail_within(error, r, "%s", name);
	}
	return r;
}

/* Is the certificate of the signatures one to sign with and, if one was named, that? */
static int check_certificate(const struct pkgima_certificate *certificate, const char *wanted_path,
			     struct pkgima_error *error)
{
	cleanup_certificate struct pkgima_certificate *wanted = NULL;
	int r = pkgima_key_check_certificate(certificate, time(NULL), error);

	if (r < 0 || !wanted_path)
		return r;
	r = pkgima_certificate_load(wanted_path, &wanted, error);
	if (r == 0 && strcmp(wanted->fingerprint, certificate->fingerprint) != 0)
		r = pkgima_fail(error, -EKEYREJECTED, "the signatures are by %s, key id %08" PRIx32 ", and not by %s",
				certificate->subject, certificate->key_id, wanted->source);
	return r;
}

static int attach(struct sign_settings *settings, const struct arguments *arguments, char **paths)
{
	cleanup_signatures struct pkgima_signatures signatures = { 0 };
	cleanup_free uint8_t *text = NULL;
	struct pkgima_error error;
	int r = read_signatures(arguments->signatures, &text, &signatures, &error);

	if (r == 0)
		r = check_certificate(signatures.certificate, arguments->cert, &error);
	if (r == 0)
		r = pkgima_signer_new_given(&signatures, settings->threads, &settings->signer, &error);
	if (r < 0) {
		cli_message(settings->command, "%s", error.text);
		settings->status = r == -EKEYREJECTED ? CLI_VERDICT : CLI_FAILED;
	} else {
		sign_packages(settings, paths, arguments->from ? stdin : NULL);
	}
	pkgima_signer_free(settings->signer);
	r = cli_finish(settings->command, settings->status);
	if (settings->stop)
		sigprocmask(SIG_SETMASK, &settings->signals, NULL);
	return r;
}

static int check_arguments(const struct sign_settings *settings, const struct arguments *arguments, int paths)
{
	const struct cli_command *command = settings->command;

	if (!arguments->signatures)
		return cli_usage(command, "--signatures is needed");
	if (!settings->out == !arguments->in_place)
		return cli_usage(command, "one of --out DIR and --in-place is needed");
	if (!paths && !arguments->from)
		return cli_usage(command, "which package?");
	return CLI_OK;
}

/* -1: go on; else the exit status. */
static int take_option(int option, struct sign_settings *settings, struct arguments *arguments)
{
	unsigned long threads;

	switch (option) {
	case 's':
		arguments->signatures = optarg;
		break;
	case 'c':
		arguments->cert = optarg;
		break;
	case 'H':
		if (!pkgima_hash_from_name(optarg, strlen(optarg), &settings->hash))
			return cli_usage(settings->command, "--hash takes sha256, sha384 or sha512");
		settings->hash_given = true;
		break;
	case 'o':
		settings->out = optarg;
		break;
	case 'i':
		arguments->in_place = true;
		break;
	case 'f':
		if (strcmp(optarg, "-") != 0)
			return cli_usage(settings->command, "--from takes -, for standard input");
		arguments->from = true;
		break;
	case 'j':
		if (!cli_number(optarg, 1, 64, &threads))
			return cli_usage(settings->command, "-j takes a number from 1 to 64");
		settings->threads = (unsigned int)threads;
		break;
	case 'h':
		return cli_help(settings->command);
	default:
		return cli_bad_option(settings->command);
	}
	return -1;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "signatures", required_argument, NULL, 's' },
		{ "cert", required_argument, NULL, 'c' },
		{ "hash", required_argument, NULL, 'H' },
		{ "out", required_argument, NULL, 'o' },
		{ "in-place", no_argument, NULL, 'i' },
		{ "from", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	/* A package that is signed already is held against the signatures, too. */
	struct sign_settings settings = { .command = command, .hash = PKGIMA_HASH_SHA256, .again = true };
	struct arguments arguments = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, "j:h", options, NULL)) != -1) {
		status = take_option(option, &settings, &arguments);
		if (status >= 0)
			return status;
	}
	status = check_arguments(&settings, &arguments, argc - optind);
	return status == CLI_OK && arguments.signatures ? attach(&settings, &arguments, argv + optind) : status;
}

const struct cli_command cmd_attach = {
	.name = "attach",
	.summary = "put signatures that were made elsewhere into packages",
	.help = "Usage: pkgima attach --signatures SIGNATURES [--cert CERT] [--hash HASH] [-j N]\n"
		"                     (--out DIR | --in-place) [--from -] PACKAGE|DIR...\n"
		"Writes the packages with signatures of what 'pkgima extract' has listed:\n"
		"pkgima-digests(5). Every signature is verified with the certificate that came with\n"
		"them. A package of which a digest has no signature is refused: it has changed.\n\n"
		"  --signatures SIGNATURES  what the signing service gave\n"
		"  --cert CERT  refuse signatures by any other certificate\n"
		"  --hash HASH  as it was given to extract\n"
		"  --out DIR    write the signed packages there; folders keep their structure, and\n"
		"               relative names of a list their folders\n"
		"  --in-place   replace the packages\n"
		"  --from -     read names of packages from standard input, one a line\n"
		"  -j N         verify on N threads, default: one per core\n"
		"  -h, --help   show this\n",
	.run = run,
};
