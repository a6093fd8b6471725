// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "../lib/beneath.h"
#include "keys.h"

enum { OPTION_ROOT = 256, OPTION_JSON, OPTION_FORCE };

static const struct option options[] = {
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void keys_find_keyring(struct keys *keys)
{
	struct pkgima_error error = { "" };
	int r = pkgima_keyring_find(&keys->keyring, &error);

	keys->has_keyring = r == 0;
	if (r < 0 && r != -ENOENT)
		cli_message(keys->command, "%s", error.text);
}

bool keys_root_is_ours(const struct keys *keys)
{
	struct stat own, root;

	return stat("/", &own) == 0 && fstat(keys->root_fd, &root) == 0 && own.st_dev == root.st_dev &&
	       own.st_ino == root.st_ino;
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

/* The kernel's own hook, or whoever else does not know the list, may have loaded them. */
static void unlink_retired(struct keys *keys, struct load_result *load)
{
	const struct pkgima_retired *retired = &keys->trust->retired;
	struct pkgima_error error;

	for (size_t i = 0; i < retired->count; i++) {
		int r = pkgima_keyring_remove(&keys->keyring, retired->skids[i], &error);

		if (r < 0) {
			cli_message(keys->command, "%s", error.text);
			load->failed = true;
			return;
		}
		if (r > 0)
			printf("unlinked retired key %s\n", retired->skids[i]);
	}
}

int keys_load(struct keys *keys)
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
	unlink_retired(keys, &load);
	pkgima_keyring_load(&keys->keyring, keys->trust, report, &load, &error);
	if (load.failed)
		return cli_finish(keys->command, CLI_FAILED);
	return cli_finish(keys->command, load.refused ? CLI_VERDICT : CLI_OK);
}

static const struct verb {
	const char *name;
	int (*run)(struct keys *keys);
	const char *argument;             /* what is asked for; NULL: it takes none */
	bool takes_json, takes_force;
} verbs[] = {
	{ "list", keys_list, NULL, true, false },
	{ "load", keys_load, NULL, false, false },
	{ "trust", keys_trust, "which fingerprint?", false, false },
	{ "retire", keys_retire, "which key id or fingerprint?", false, true },
};

/* -1: go on; else the exit status. */
static int check_words(struct keys *keys, int count, char **words, const struct verb **ret_verb)
{
	static const char question[] = "list, load, trust or retire?";
	const struct verb *verb = NULL;

	for (size_t i = 0; count && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(words[0], verbs[i].name) == 0)
			verb = &verbs[i];
	if (!verb)
		return cli_usage(keys->command, "%s", question);
	if (verb->argument && count < 2)
		return cli_usage(keys->command, "%s", verb->argument);
	if (count > (verb->argument ? 2 : 1))
		return cli_usage(keys->command, "too many words behind %s", verb->name);
	if (keys->json && !verb->takes_json)
		return cli_usage(keys->command, "--json goes with list only");
	if (keys->force && !verb->takes_force)
		return cli_usage(keys->command, "--force goes with retire only");
	keys->argument = words[1];
	*ret_verb = verb;
	return -1;
}

/* -1: go on; else the exit status. */
static int parse(int argc, char **argv, struct keys *keys, const struct verb **ret_verb)
{
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case OPTION_ROOT:
			keys->root = optarg;
			break;
		case OPTION_JSON:
			keys->json = true;
			break;
		case OPTION_FORCE:
			keys->force = true;
			break;
		case 'h':
			return cli_help(keys->command);
		default:
			return cli_bad_option(keys->command);
		}
	}
	return check_words(keys, argc - optind, argv + optind, ret_verb);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_close int root = -1;
	struct keys keys = { .command = command, .root = "/", .trust = trust };
	struct pkgima_error error = { "" };
	const struct verb *verb = NULL;
	int r;

	r = parse(argc, argv, &keys, &verb);
	if (r >= 0 || !verb)
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
	keys.root_fd = root;
	if (!cli_load_store(command, root, trust))
		return CLI_FAILED;
	return verb->run(&keys);
}

const struct cli_command cmd_keys = {
	.name = "keys",
	.summary = "the trust store, and the kernel's IMA keyring",
	.help = "Usage: pkgima keys list [--root DIR] [--json]\n"
		"       pkgima keys load [--root DIR]\n"
		"       pkgima keys trust [--root DIR] FINGERPRINT\n"
		"       pkgima keys retire [--root DIR] [--force] ID\n"
		"list shows the certificates of /etc/keys/ima and /etc/keys/ima-ca, whether they count,\n"
		"and whether the kernel has their keys; CA certificates that packages have brought to\n"
		"/usr/share/ima-init/ca; and keys that only the kernel has. load loads those that count\n"
		"into the kernel's IMA keyring; exit status 1 when the kernel refused one, 3 when there is\n"
		"no keyring. trust makes a CA certificate from /usr/share/ima-init/ca the administrator's.\n"
		"retire makes a key count no longer, whatever package brings its certificate, and takes it\n"
		"from the kernel's keyring. ID is its key id, or a certificate's fingerprint (SHA-256).\n\n"
		"  --root DIR  the trust store of this root\n"
		"  --json      print one JSON document (list)\n"
		"  --force     retire a key although it alone has signed files of installed packages\n"
		"  -h, --help  show this\n",
	.run = run,
};
