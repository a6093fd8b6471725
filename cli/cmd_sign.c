// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "../lib/signing/key.h"
#include "sign.h"

struct arguments {
	const char *key, *cert, *hash, *from, *root;
	unsigned long threads;
	bool in_place, xattr;
};

static void sign_all(struct sign_settings *settings, const struct arguments *arguments, char **paths)
{
	if (arguments->root)
		sign_root(settings, arguments->root);
	else if (arguments->xattr)
		sign_xattrs(settings, paths);
	else
		sign_packages(settings, paths, arguments->from ? stdin : NULL);
}

static int sign(struct sign_settings *settings, const struct arguments *arguments, char **paths)
{
	const struct cli_command *command = settings->command;
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error;
	EVP_PKEY *key = NULL;
	int r;

	cli_hide_memory();
	cli_warn_about_key(command, arguments->key, "the key file");
	r = pkgima_certificate_load(arguments->cert, &certificate, &error);
	if (r == 0)
		r = pkgima_key_load(arguments->key, &key, &error);
	if (r == 0)
		r = pkgima_key_check(key, certificate, time(NULL), &error);
	if (r == 0)
		r = pkgima_signer_new(key, certificate, settings->threads, &settings->signer, &error);
	if (r < 0) {
		cli_message(command, "%s", error.text);
		settings->status = CLI_FAILED;
	} else {
		pkgima_signer_set_limit(settings->signer, sign_is_over, settings);
		sign_all(settings, arguments, paths);
	}
	pkgima_signer_free(settings->signer);
	EVP_PKEY_free(key);
	r = cli_finish(command, settings->status);
	/* A signal that was held is taken now. */
	if (settings->stop)
		sigprocmask(SIG_SETMASK, &settings->signals, NULL);
	return r;
}

static int check_arguments(struct sign_settings *settings, const struct arguments *arguments, int paths)
{
	const struct cli_command *command = settings->command;

	if (!arguments->key || !arguments->cert)
		return cli_usage(command, "--key and --cert are needed");
	if (arguments->hash && !pkgima_hash_from_name(arguments->hash, strlen(arguments->hash), &settings->hash))
		return cli_usage(command, "--hash takes sha256, sha384 or sha512");
	settings->hash_given = arguments->hash != NULL;
	if (arguments->from && strcmp(arguments->from, "-") != 0)
		return cli_usage(command, "--from takes -, for standard input");
	if (arguments->xattr && (settings->out || arguments->in_place || arguments->from))
		return cli_usage(command, "--xattr signs files where they are, it takes neither --out nor --in-place");
	if (settings->resign && !arguments->root)
		return cli_usage(command, "--resign belongs to --root");
	if (arguments->root)
		return arguments->xattr || settings->out || arguments->in_place || arguments->from || settings->recursive || paths ?
			       cli_usage(command, "--root signs what is installed there, and takes nothing else to sign") :
			       CLI_OK;
	if (!arguments->xattr && !settings->out == !arguments->in_place)
		return cli_usage(command, "one of --out DIR and --in-place is needed");
	if (settings->recursive && !arguments->xattr)
		return cli_usage(command, "-r belongs to --xattr");
	if (!paths && !arguments->from)
		return cli_usage(command, arguments->xattr ? "which file?" : "which package?");
	return CLI_OK;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "cert", required_argument, NULL, 'c' },
		{ "hash", required_argument, NULL, 'H' },
		{ "out", required_argument, NULL, 'o' },
		{ "in-place", no_argument, NULL, 'i' },
		{ "from", required_argument, NULL, 'f' },
		{ "xattr", no_argument, NULL, 'x' },
		{ "root", required_argument, NULL, 'R' },
		{ "resign", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct sign_settings settings = { .command = command, .hash = PKGIMA_HASH_SHA256 };
	struct arguments arguments = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, "j:rh", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			arguments.key = optarg;
			break;
		case 'c':
			arguments.cert = optarg;
			break;
		case 'H':
			arguments.hash = optarg;
			break;
		case 'o':
			settings.out = optarg;
			break;
		case 'i':
			arguments.in_place = true;
			break;
		case 'f':
			arguments.from = optarg;
			break;
		case 'x':
			arguments.xattr = true;
			break;
		case 'R':
			arguments.root = optarg;
			break;
		case 'a':
			settings.resign = true;
			break;
		case 'r':
			settings.recursive = true;
			break;
		case 'j':
			if (!cli_number(optarg, 1, 64, &arguments.threads))
				return cli_usage(command, "-j takes a number from 1 to 64");
			settings.threads = (unsigned int)arguments.threads;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	status = check_arguments(&settings, &arguments, argc - optind);
	return status == CLI_OK ? sign(&settings, &arguments, argv + optind) : status;
}

const struct cli_command cmd_sign = {
	.name = "sign",
	.summary = "put signatures into packages, or on files",
	.help = "Usage: pkgima sign --key KEY --cert CERT [OPTION...] (--out DIR | --in-place)\n"
		"                   [--from -] PACKAGE|DIR...\n"
		"       pkgima sign --xattr --key KEY --cert CERT [--hash HASH] [-j N] [-r] FILE...\n"
		"       pkgima sign --root DIR --key KEY --cert CERT [--hash HASH] [-j N] [--resign]\n"
		"Signs every file and maintainer script of .deb packages, every file of .rpm\n"
		"packages, or sets security.ima of files. Every signature is verified with the\n"
		"certificate before it is written. A folder means all packages below it; x.changes\n"
		"all .deb packages that it lists, with its checksums corrected. What this key has\n"
		"signed already is passed over.\n\n"
		"  --key KEY      private key: a PEM file, or a pkcs11: URI\n"
		"  --cert CERT    its certificate, DER or PEM; one that no kernel would take is refused\n"
		"  --hash HASH    sha256 (default), sha384 or sha512; of an .rpm, rpmbuild has chosen\n"
		"  --out DIR      write the signed packages there; folders keep their structure, and\n"
		"                 relative names of a list their folders\n"
		"  --in-place     replace the packages\n"
		"  --from -       read names of packages from standard input, one a line\n"
		"  --xattr        sign files, not packages: sets their security.ima\n"
		"  -r             with --xattr: all files below folders\n"
		"  --root DIR     make manifests for the packages that dpkg or rpm installed in DIR,\n"
		"                 of the files that are as they were installed; then: pkgima apply\n"
		"  --resign       with --root: also for packages that another key has signed\n"
		"  -j N           sign on N threads, default: one per core\n"
		"  -h, --help     show this\n",
	.run = run,
};
