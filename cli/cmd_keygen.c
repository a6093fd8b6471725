// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/signing/key.h"
#include "../lib/signing/keygen.h"
#include "cli.h"

#define DAYS_OF_CA 3650
#define DAYS_OF_LEAF 1825
#define DAYS_MAX 36500

enum { OPTION_TYPE = 256, OPTION_NAME, OPTION_ALGO, OPTION_CA_CERT, OPTION_CA_KEY, OPTION_DAYS, OPTION_OUT };

static const struct option options[] = {
	{ "type", required_argument, NULL, OPTION_TYPE },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "algo", required_argument, NULL, OPTION_ALGO },
	{ "ca-cert", required_argument, NULL, OPTION_CA_CERT },
	{ "ca-key", required_argument, NULL, OPTION_CA_KEY },
	{ "days", required_argument, NULL, OPTION_DAYS },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static const char *const type_names[] = {
	[PKGIMA_KEYGEN_CA] = "ca",
	[PKGIMA_KEYGEN_IMA] = "ima",
	[PKGIMA_KEYGEN_EVM] = "evm",
};

static bool parse_type(const char *text, enum pkgima_keygen_type *ret_type)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (strcmp(text, type_names[i]) == 0) {
			*ret_type = (enum pkgima_keygen_type)i;
			return true;
		}
	}
	return false;
}

/* -1: go on; else the exit status. */
static int check_options(const struct cli_command *command, const char *type, struct pkgima_keygen *keygen)
{
	struct pkgima_error error = { "" };

	if (!type || !parse_type(type, &keygen->type))
		return cli_usage(command, "--type ca, --type ima or --type evm is needed");
	if (!keygen->name)
		return cli_usage(command, "--name is needed");
	if (!keygen->folder || !*keygen->folder)
		return cli_usage(command, "--out is needed");
	if (!keygen->days)
		keygen->days = keygen->type == PKGIMA_KEYGEN_CA ? DAYS_OF_CA : DAYS_OF_LEAF;
	if (pkgima_keygen_check(keygen, &error) < 0)
		return cli_usage(command, "%s", error.text);
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(const struct cli_command *command, int argc, char **argv, struct pkgima_keygen *keygen)
{
	const char *type = NULL;
	unsigned long days;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPTION_TYPE:
			type = optarg;
			break;
		case OPTION_NAME:
			keygen->name = optarg;
			break;
		case OPTION_ALGO:
			keygen->algorithm = optarg;
			break;
		case OPTION_CA_CERT:
			keygen->ca_cert = optarg;
			break;
		case OPTION_CA_KEY:
			keygen->ca_key = optarg;
			break;
		case OPTION_DAYS:
			if (!cli_number(optarg, 1, DAYS_MAX, &days))
				return cli_usage(command, "--days takes a number from 1 to %d", DAYS_MAX);
			keygen->days = (unsigned int)days;
			break;
		case OPTION_OUT:
			keygen->folder = optarg;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (optind != argc)
		return cli_usage(command, "it takes options only");
	return check_options(command, type, keygen);
}

static int print_files(const struct pkgima_keygen *keygen, struct pkgima_error *error)
{
	static const char *const suffixes[] = { "key", "pem", "der" };
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	cleanup_free char *folder = cli_printable(keygen->folder);
	cleanup_free char *path = NULL;
	int r;

	if (!folder || asprintf(&path, "%s/%s.pem", keygen->folder, type_names[keygen->type]) < 0) {
		path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	}
	r = pkgima_certificate_load(path, &certificate, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		printf("%s/%s.%s %08" PRIx32 "\n", folder, type_names[keygen->type], suffixes[i], certificate->key_id);
	return 0;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	struct pkgima_keygen keygen = { .algorithm = "rsa2048" };
	struct pkgima_error error = { "" };
	int r;

	r = parse(command, argc, argv, &keygen);
	if (r >= 0)
		return r;
	if (keygen.ca_key)
		cli_warn_about_key(command, keygen.ca_key, "the CA's key");
	cli_hide_memory();
	r = pkgima_keygen_run(&keygen, &error);
	if (r == 0)
		r = print_files(&keygen, &error);
	if (r < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	if (keygen.type != PKGIMA_KEYGEN_CA && !keygen.ca_cert)
		cli_message(command, "warning: this certificate is self-signed: "
				     "no keyring that is restricted to a CA takes it");
	return cli_finish(command, CLI_OK);
}

const struct cli_command cmd_keygen = {
	.name = "keygen",
	.summary = "make a key and its certificate: CA, IMA or EVM",
	.help = "Usage: pkgima keygen --type ca|ima|evm --name CN [--algo ALGO]\n"
		"                     [--ca-cert FILE --ca-key KEY] [--days N] --out DIR\n"
		"Makes a key pair and its certificate: DIR/TYPE.key (mode 0600), DIR/TYPE.pem and\n"
		"DIR/TYPE.der. Prints the three paths, each with the key id.\n\n"
		"  --type TYPE     ca: issues certificates; ima: signs files; evm: signs their metadata\n"
		"  --name CN       common name, 1 to 64 characters\n"
		"  --algo ALGO     rsa2048 (what every kernel verifies), rsa3072, rsa4096, p256, p384\n"
		"  --ca-cert FILE  certificate of the CA that issues the new one; else it is self-signed\n"
		"  --ca-key KEY    that CA's private key: a PEM file, or a pkcs11: URI\n"
		"  --days N        validity, 1 to 36500 days, not beyond the CA's (3650 for a ca, else 1825)\n"
		"  --out DIR       where; none of the three files may exist; made if it is missing\n"
		"  -h, --help      show this\n",
	.run = run,
};
