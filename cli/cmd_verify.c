// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>

#include "../lib/beneath.h"
#include "../lib/package.h"
#include "../lib/signature.h"
#include "cli.h"

struct settings {
	const struct cli_command *command;
	const struct pkgima_trust *trust;
	struct json_object *packages;  /* NULL: print text */
	bool payload;
};

static struct json_object *result_as_json(const struct pkgima_entry *entry, const struct pkgima_result *result)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "path", cli_json_name(entry->path));
	json_object_object_add(object, "verdict", json_object_new_string(pkgima_verdict_word(result->verdict)));
	if (result->verdict != PKGIMA_VERDICT_OK)
		json_object_object_add(object, "reason", json_object_new_string(result->reason));
	return object;
}

static void print_json(const struct settings *settings, const char *name, const struct pkgima_package_check *check,
		       bool has_manifest, const char *verdict)
{
	struct json_object *package = json_object_new_object(), *entries = json_object_new_array();

	for (size_t i = 0; i < check->entries.count; i++)
		json_object_array_add(entries, result_as_json(&check->entries.list[i], &check->results[i]));
	json_object_object_add(package, "file", json_object_new_string(name));
	json_object_object_add(package, "verdict", json_object_new_string(verdict));
	json_object_object_add(package, "manifest", json_object_new_boolean(has_manifest));
	json_object_object_add(package, "payload", json_object_new_boolean(settings->payload));
	json_object_object_add(package, "entries", entries);
	json_object_array_add(settings->packages, package);
}

static void print_findings(const char *name, const struct pkgima_package_check *check)
{
	for (size_t i = 0; i < check->entries.count; i++) {
		const struct pkgima_result *result = &check->results[i];
		cleanup_free char *path = NULL;

		if (result->verdict == PKGIMA_VERDICT_OK)
			continue;
		path = cli_printable(check->entries.list[i].path);
		printf("%s: %s: %s: %s\n", name, path, pkgima_verdict_word(result->verdict), result->reason);
	}
}

static int verify_package(const struct settings *settings, const char *path)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;
	bool has_manifest = false;
	const char *verdict = "ok";
	char remark[256];
	size_t bad = 0;
	int r;

	r = pkgima_package_open(path, &package, &error);
	if (r == 0)
		r = package.format->check(package.file, settings->trust, settings->payload, 0, &check, &has_manifest,
					  &error);
	if (r < 0) {
		cli_message(settings->command, "%s: %s", name, error.text);
		return CLI_FAILED;
	}
	if (package.format->remark && package.format->remark(package.file, remark, sizeof(remark)))
		cli_message(settings->command, "warning: %s: %s", name, remark);
	for (size_t i = 0; i < check.entries.count; i++) {
		if (check.results[i].verdict == PKGIMA_VERDICT_OK)
			continue;
		if (!bad++)
			verdict = pkgima_verdict_word(check.results[i].verdict);
	}
	if (!has_manifest)
		verdict = pkgima_verdict_word(PKGIMA_VERDICT_UNSIGNED);
	if (settings->packages) {
		print_json(settings, name, &check, has_manifest, verdict);
	} else if (!has_manifest) {
		printf("%s: unsigned: it has no manifest\n", name);
	} else {
		print_findings(name, &check);
		printf("%s: %s: %zu of %zu files\n", name, bad ? "NOT ok" : "ok", check.entries.count - bad,
		       check.entries.count);
	}
	return bad || !has_manifest ? CLI_VERDICT : CLI_OK;
}

static int verify_all(struct settings *settings, char **paths)
{
	int status = CLI_OK;

	for (; *paths; paths++) {
		int result = verify_package(settings, *paths);

		if (result > status)
			status = result;
	}
	if (settings->packages) {
		struct json_object *document = json_object_new_object();

		json_object_object_add(document, "packages", settings->packages);
		if (cli_print_json(settings->command, document) != CLI_OK)
			status = CLI_FAILED;
	}
	return cli_finish(settings->command, status);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "certs", required_argument, NULL, 'c' },
		{ "payload", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	cleanup_trust struct pkgima_trust *trust = NULL;
	struct settings settings = { .command = command };
	cleanup_close int root_fd = -1;
	struct cli_certs certs = { 0 };
	struct pkgima_error error;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			if (!cli_certs_add(&certs, optarg))
				return cli_usage(command, "too many --certs");
			break;
		case 'p':
			settings.payload = true;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (optind == argc)
		return cli_usage(command, "which package?");
	root_fd = pkgima_root_open("/", &error);
	if (root_fd < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	settings.trust = trust = cli_load_trust(command, root_fd, &certs);
	if (!trust)
		return CLI_FAILED;
	if (json)
		settings.packages = json_object_new_array();
	return verify_all(&settings, argv + optind);
}

const struct cli_command cmd_verify = {
	.name = "verify",
	.summary = "verify the signatures in packages; nothing is installed",
	.help = "Usage: pkgima verify [--certs DIR|FILE]... [--payload] [--json] PACKAGE...\n"
		"Verifies every signature of packages, .deb or .rpm, and that the maintainer scripts\n"
		"of a .deb are what was signed. Exit status 1 when one is not ok, or a package has no manifest.\n\n"
		"  --certs DIR|FILE  verify with these certificates, not /etc/keys/ima\n"
		"  --payload         unpack the files too: each must be what was signed\n"
		"  --json            print one JSON document\n"
		"  -h, --help        show this\n",
	.run = run,
};
