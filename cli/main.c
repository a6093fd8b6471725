// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/signing/signer.h"
#include "cli.h"

static const struct cli_command *const commands[] = {
	&cmd_keygen, &cmd_sign, &cmd_extract, &cmd_sign_digests, &cmd_attach, &cmd_show, &cmd_verify, &cmd_strip,
	&cmd_apply, &cmd_audit, &cmd_keys, &cmd_mkinit, &cmd_status, &cmd_enforce,
};

static void print_usage(FILE *to)
{
	fputs("Usage: pkgima COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Per-file IMA signatures in packages, and the keys for them.\n\n", to);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(to, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'pkgima COMMAND --help' tells about one of them, pkgima(1) about all.\n"
	      "Exit status: 0 all is well; 1 a verdict other than ok; 2 usage; 3 could not do it.\n", to);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return CLI_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("pkgima " PKGIMA_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char name[32];
		int status;

		if (strcmp(argv[1], commands[i]->name) != 0)
			continue;
		/* getopt_long() begins its messages with it. */
		snprintf(name, sizeof(name), "pkgima %s", commands[i]->name);
		argv[1] = name;
		status = commands[i]->run(commands[i], argc - 1, argv + 1);
		if (pkgima_signer_hangs()) {
			fflush(NULL);
			_exit(status);
		}
		return status;
	}
	fprintf(stderr, "pkgima: there is no command '%s'\nTry 'pkgima --help'.\n", argv[1]);
	return CLI_USAGE;
}
