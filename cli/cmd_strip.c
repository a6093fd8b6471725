// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "../lib/io.h"
#include "../lib/signing/package.h"
#include "cli.h"

static int strip_package(const struct cli_command *command, const char *path)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;
	bool had_manifest = false;
	struct stat st;
	int r;

	r = pkgima_package_open(path, &package, &error);
	if (r == 0)
		r = fstat(package.format->descriptor(package.file), &st) < 0 ? pkgima_fail_errno(&error, "cannot read it") : 0;
	if (r == 0)
		r = pkgima_output_open(path, st.st_mode & 0777, &output, &error);
	if (r == 0)
		r = pkgima_package_strip(&package, &output, &had_manifest, &error);
	if (r == 0 && had_manifest)
		r = pkgima_output_commit(&output, true, &error);
	if (r < 0) {
		cli_message(command, "%s: %s", name, error.text);
		return CLI_FAILED;
	}
	printf("%s: %s\n", name, had_manifest ? "manifest removed" : "it has no manifest");
	return CLI_OK;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "in-place", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int status = CLI_OK, option;
	bool in_place = false;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'i':
			in_place = true;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (!in_place)
		return cli_usage(command, "--in-place is needed");
	if (optind == argc)
		return cli_usage(command, "which package?");
	for (; optind < argc; optind++) {
		int result = strip_package(command, argv[optind]);

		if (result != CLI_OK)
			status = result;
	}
	return cli_finish(command, status);
}

const struct cli_command cmd_strip = {
	.name = "strip",
	.summary = "remove the manifest from packages",
	.help = "Usage: pkgima strip --in-place PACKAGE...\n"
		"Removes the manifest, and with it all signatures, from packages, .deb or .rpm.\n\n"
		"  --in-place  replace the package (must be given: there is no other way yet)\n"
		"  -h, --help  show this\n",
	.run = run,
};
