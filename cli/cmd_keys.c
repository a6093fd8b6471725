// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/keyring.h"
#include "cli.h"

enum { OPTION_ROOT = 256, OPTION_JSON };

static const struct option options[] = {
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct keys {
	const struct cli_command *command;
	const char *root;
	bool json;
	struct pkgima_trust *trust;
	struct pkgima_keyring keyring;
	bool has_keyring;
};

/* 1, 0, or negative where that cannot be told or makes no sense. */
static int in_kernel(const struct keys *keys, const struct pkgima_trust_item *item)
{
	if (!keys->has_keyring || !item->certificate || item->ca)
		return -1;
	return pkgima_keyring_has(&keys->keyring, item->certificate);
}

/* "accepted", or why not; with the warning, if there is one. Without memory what is known without. */
static char *state_text(const struct pkgima_trust_item *item)
{
	const char *state = item->problem ? item->problem : "accepted";
	char *text;

	if (!item->warning)
		return strdup(state);
	return asprintf(&text, "%s (%s)", state, item->warning) < 0 ? NULL : text;
}

static void format_time(time_t when, const char *format, char *output, size_t capacity)
{
	struct tm tm;

	if (!gmtime_r(&when, &tm) || strftime(output, capacity, format, &tm) == 0)
		snprintf(output, capacity, "-");
}

static void print_row(const struct keys *keys, const struct pkgima_trust_item *item, int file_width)
{
	cleanup_free char *state = state_text(item);
	const struct pkgima_certificate *certificate = item->certificate;
	char key_id[9] = "-", until[32] = "-";
	const char *kernel = "-";
	int has = in_kernel(keys, item);

	if (has >= 0)
		kernel = has ? "yes" : "no";
	if (certificate && certificate->has_skid)
		snprintf(key_id, sizeof(key_id), "%08" PRIx32, certificate->key_id);
	if (certificate)
		format_time(certificate->not_after, "%Y-%m-%d", until, sizeof(until));
	printf("%-*s  %-8s  %-6s  %-10s  %s  [%s]\n", file_width, item->source, key_id, kernel, until,
	       certificate ? certificate->subject : "-", state ? state : "?");
}

static int print_table(const struct keys *keys)
{
	int width = 4;

	for (size_t i = 0; i < keys->trust->count; i++) {
		int length = (int)strlen(keys->trust->items[i].source);

		if (length > width)
			width = length;
	}
	printf("%-*s  %-8s  %-6s  %-10s  %s\n", width, "FILE", "KEY ID", "KERNEL", "UNTIL", "SUBJECT [STATE]");
	for (size_t i = 0; i < keys->trust->count; i++)
		print_row(keys, &keys->trust->items[i], width);
	printf("kernel keyring: %s\n", keys->has_keyring ? keys->keyring.name : "none");
	return cli_finish(keys->command, CLI_OK);
}

static void add_string(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, value ? json_object_new_string(value) : NULL);
}

static struct json_object *item_json(const struct keys *keys, const struct pkgima_trust_item *item)
{
	const struct pkgima_certificate *certificate = item->certificate;
	struct json_object *object = json_object_new_object();
	char key_id[9] = "", until[32] = "";
	int has = in_kernel(keys, item);

	if (certificate) {
		snprintf(key_id, sizeof(key_id), "%08" PRIx32, certificate->key_id);
		format_time(certificate->not_after, "%Y-%m-%dT%H:%M:%SZ", until, sizeof(until));
	}
	add_string(object, "file", item->source);
	add_string(object, "key_id", certificate && certificate->has_skid ? key_id : NULL);
	add_string(object, "subject", certificate ? certificate->subject : NULL);
	add_string(object, "fingerprint", certificate ? certificate->fingerprint : NULL);
	add_string(object, "not_after", certificate ? until : NULL);
	json_object_object_add(object, "ca", json_object_new_boolean(item->ca));
	json_object_object_add(object, "accepted", json_object_new_boolean(!item->problem));
	add_string(object, "problem", item->problem);
	add_string(object, "warning", item->warning);
	json_object_object_add(object, "in_kernel", has >= 0 ? json_object_new_boolean(has) : NULL);
	return object;
}

static int print_json(const struct keys *keys)
{
	struct json_object *document = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(document, "certificates", list);
	for (size_t i = 0; i < keys->trust->count; i++)
		json_object_array_add(list, item_json(keys, &keys->trust->items[i]));
	add_string(document, "keyring", keys->has_keyring ? keys->keyring.name : NULL);
	return cli_print_json(keys->command, document);
}

static int keys_list(struct keys *keys)
{
	struct pkgima_error error = { "" };
	int r;

	r = pkgima_keyring_find(&keys->keyring, &error);
	keys->has_keyring = r == 0;
	if (r < 0 && r != -ENOENT)
		cli_message(keys->command, "%s", error.text);
	return keys->json ? print_json(keys) : print_table(keys);
}

struct load_result {
	const struct cli_command *command;
	bool refused;    /* by the kernel, because of the certificate */
	bool failed;
};

static void report(void *context, const struct pkgima_certificate *certificate, int result,
		   const struct pkgima_error *error)
{
	struct load_result *load = context;

	switch (result) {
	case 0:
		printf("loaded %s %08" PRIx32 "\n", certificate->source, certificate->key_id);
		return;
	case -ENOKEY:
	case -EKEYREJECTED:
	case -EBADMSG:
	case -ENOPKG:
	case -EINVAL:
		load->refused = true;
		break;
	default:
		load->failed = true;
	}
	cli_message(load->command, "%s", error->text);
}

static int keys_load(struct keys *keys)
{
	struct pkgima_error error = { "" };
	struct load_result load = { .command = keys->command };

	if (pkgima_keyring_find(&keys->keyring, &error) < 0) {
		cli_message(keys->command, "%s", error.text);
		return CLI_FAILED;
	}
	for (size_t i = 0; i < keys->trust->count; i++)
		if (keys->trust->items[i].problem)
			cli_message(keys->command, "%s does not count: %s", keys->trust->items[i].source,
				    keys->trust->items[i].problem);
	pkgima_keyring_load(&keys->keyring, keys->trust, report, &load, &error);
	if (load.failed)
		return cli_finish(keys->command, CLI_FAILED);
	return cli_finish(keys->command, load.refused ? CLI_VERDICT : CLI_OK);
}

static const struct {
	const char *name;
	int (*run)(struct keys *keys);
	bool takes_json;
} verbs[] = {
	{ "list", keys_list, true },
	{ "load", keys_load, false },
};

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct keys *keys, size_t *ret_verb)
{
	size_t verb;
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPTION_ROOT:
			keys->root = optarg;
			break;
		case OPTION_JSON:
			keys->json = true;
			break;
		case 'h':
			return cli_help(keys->command);
		default:
			return cli_bad_option(keys->command);
		}
	}
	if (optind + 1 != argc)
		return cli_usage(keys->command, "list or load?");
	for (verb = 0; verb < sizeof(verbs) / sizeof(verbs[0]); verb++)
		if (strcmp(argv[optind], verbs[verb].name) == 0)
			break;
	if (verb == sizeof(verbs) / sizeof(verbs[0]))
		return cli_usage(keys->command, "list or load?");
	if (keys->json && !verbs[verb].takes_json)
		return cli_usage(keys->command, "--json goes with list only");
	*ret_verb = verb;
	return -1;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_close int root = -1;
	struct keys keys = { .command = command, .root = "/", .trust = trust };
	struct pkgima_error error = { "" };
	size_t verb = 0;
	int r;

	r = parse(argc, argv, &keys, &verb);
	if (r >= 0)
		return r;
	if (!trust) {
		cli_message(command, "no memory for the trust store");
		return CLI_FAILED;
	}
	root = pkgima_root_open(keys.root, &error);
	if (root < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	if (!cli_load_store(command, root, trust))
		return CLI_FAILED;
	return verbs[verb].run(&keys);
}

const struct cli_command cmd_keys = {
	.name = "keys",
	.summary = "the trust store, and the kernel's IMA keyring",
	.help = "Usage: pkgima keys list [--root DIR] [--json]\n"
		"       pkgima keys load [--root DIR]\n"
		"list shows the certificates of /etc/keys/ima and /etc/keys/ima-ca, whether they count,\n"
		"and whether the kernel has their keys. load loads those that count into the kernel's\n"
		"IMA keyring; exit status 1 when the kernel refused one, 3 when there is no keyring.\n\n"
		"  --root DIR  the trust store of this root\n"
		"  --json      print one JSON document (list)\n"
		"  -h, --help  show this\n",
	.run = run,
};
