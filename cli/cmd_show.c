// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "../lib/check.h"
#include "../lib/escape.h"
#include "../lib/package.h"
#include "../lib/signature.h"
#include "cli.h"

/* What is shown of a value of security.ima. */
struct shown {
	char kind[32];     /* "signature", "digest", … */
	char detail[160];  /* for people */
	struct pkgima_signature signature;
	bool is_signature;
};

static void decode(const struct pkgima_value *value, struct shown *shown)
{
	struct pkgima_error reason = { "" };
	char digest[2 * PKGIMA_DIGEST_MAX + 1] = "";

	memset(shown, 0, sizeof(*shown));
	if (!value->bytes) {
		strcpy(shown->kind, "none");
		strcpy(shown->detail, "it has no signature");
		return;
	}
	if (pkgima_signature_parse(value->bytes, value->length, &shown->signature, &reason) == 0) {
		shown->is_signature = true;
		strcpy(shown->kind, "signature");
		snprintf(shown->detail, sizeof(shown->detail), "version %u, %s, key %08x, %zu bytes",
			 shown->signature.version, pkgima_hash_name(shown->signature.hash), shown->signature.key_id,
			 shown->signature.length);
		return;
	}
	if (value->length > 2 && value->length <= 2 + PKGIMA_DIGEST_MAX && value->bytes[0] == PKGIMA_XATTR_DIGEST_NG) {
		enum pkgima_hash hash;

		pkgima_hex(value->bytes + 2, value->length - 2, digest);
		strcpy(shown->kind, "digest");
		snprintf(shown->detail, sizeof(shown->detail), "%s %.130s",
			 pkgima_hash_from_number(value->bytes[1], &hash) ? pkgima_hash_name(hash) : "unknown algorithm",
			 digest);
		return;
	}
	strcpy(shown->kind, "unknown");
	snprintf(shown->detail, sizeof(shown->detail), "%.150s", reason.text);
}

static struct json_object *entry_as_json(const struct pkgima_entry *entry, const struct shown *shown)
{
	struct json_object *object = json_object_new_object();
	char digest[2 * PKGIMA_DIGEST_MAX + 1], type[2] = { (char)entry->type, '\0' }, key_id[16];

	pkgima_hex(entry->digest, pkgima_hash_size(entry->hash), digest);
	json_object_object_add(object, "path", cli_json_name(entry->path));
	json_object_object_add(object, "type", json_object_new_string(type));
	json_object_object_add(object, "hash", json_object_new_string(pkgima_hash_name(entry->hash)));
	json_object_object_add(object, "digest", json_object_new_string(digest));
	json_object_object_add(object, "ima", json_object_new_string(shown->kind));
	if (shown->is_signature) {
		snprintf(key_id, sizeof(key_id), "%08x", shown->signature.key_id);
		json_object_object_add(object, "key_id", json_object_new_string(key_id));
	} else {
		json_object_object_add(object, "problem", json_object_new_string(shown->detail));
	}
	json_object_object_add(object, "evm", json_object_new_boolean(entry->evm.bytes != NULL));
	return object;
}

static void print_entry(const struct pkgima_entry *entry, const struct shown *shown)
{
	cleanup_free char *path = cli_printable(entry->path);
	char digest[2 * PKGIMA_DIGEST_MAX + 1];

	pkgima_hex(entry->digest, pkgima_hash_size(entry->hash), digest);
	if (shown->is_signature)
		printf("%c %s:%s %08x%s %s\n", entry->type, pkgima_hash_name(entry->hash), digest,
		       shown->signature.key_id, entry->evm.bytes ? " evm" : "", path);
	else
		printf("%c %s:%s (%s: %s) %s\n", entry->type, pkgima_hash_name(entry->hash), digest, shown->kind,
		       shown->detail, path);
}

static int show_package(const struct cli_command *command, const char *path, const char *name,
			struct json_object *documents)
{
	cleanup_package_info struct pkgima_package_info info = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_package struct pkgima_package package = { 0 };
	struct json_object *list = NULL;
	struct pkgima_error error;
	bool manifest = false;
	int r;

	r = pkgima_package_open(path, &package, &error);
	if (r == 0)
		r = package.format->read(package.file, &info, &entries, &manifest, &error);
	if (r < 0) {
		cli_message(command, "%s: %s", name, error.text);
		return CLI_FAILED;
	}
	if (documents) {
		struct json_object *document = json_object_new_object();

		list = json_object_new_array();
		json_object_object_add(document, "file", json_object_new_string(name));
		json_object_object_add(document, "package", cli_json_name(info.name ? info.name : ""));
		json_object_object_add(document, "version", cli_json_name(info.version ? info.version : ""));
		json_object_object_add(document, "architecture", cli_json_name(info.architecture ? info.architecture : ""));
		json_object_object_add(document, "manifest", json_object_new_boolean(manifest));
		json_object_object_add(document, "entries", list);
		json_object_array_add(documents, document);
	} else {
		printf("%s: ", name);
		if (manifest)
			printf("%zu entries\n", entries.count);
		else
			puts("no manifest");
	}
	/* Without a manifest the files of an .rpm are known all the same, but there is nothing to show of them. */
	for (size_t i = 0; manifest && i < entries.count; i++) {
		struct shown shown;

		decode(&entries.list[i].ima, &shown);
		if (list)
			json_object_array_add(list, entry_as_json(&entries.list[i], &shown));
		else
			print_entry(&entries.list[i], &shown);
	}
	return manifest ? CLI_OK : CLI_VERDICT;
}

/* An ordinary file: what its xattr holds. */
static int show_file(const struct cli_command *command, int fd, const char *name, struct json_object *documents)
{
	uint8_t bytes[PKGIMA_SIGNATURE_MAX];
	ssize_t length = fgetxattr(fd, PKGIMA_XATTR_IMA, bytes, sizeof(bytes));
	struct json_object *document = documents ? json_object_new_object() : NULL;
	struct pkgima_value value = { bytes, 0 };
	struct shown shown = { .kind = "none" };
	char key_id[16];

	if (length < 0 && errno != ENODATA && errno != EOPNOTSUPP) {
		cli_message(command, "%s: cannot read %s: %s", name, PKGIMA_XATTR_IMA, strerror(errno));
		json_object_put(document);
		return CLI_FAILED;
	}
	if (length >= 0) {
		value.length = (size_t)length;
		decode(&value, &shown);
	}
	if (!document) {
		printf("%s: %s%s%s\n", name, length < 0 ? "no " PKGIMA_XATTR_IMA : shown.kind, shown.detail[0] ? ": " : "",
		       shown.detail);
		return length < 0 ? CLI_VERDICT : CLI_OK;
	}
	json_object_object_add(document, "file", json_object_new_string(name));
	json_object_object_add(document, "ima", json_object_new_string(shown.kind));
	if (shown.is_signature) {
		snprintf(key_id, sizeof(key_id), "%08x", shown.signature.key_id);
		json_object_object_add(document, "hash", json_object_new_string(pkgima_hash_name(shown.signature.hash)));
		json_object_object_add(document, "key_id", json_object_new_string(key_id));
	} else if (shown.detail[0]) {
		json_object_object_add(document, "detail", json_object_new_string(shown.detail));
	}
	json_object_array_add(documents, document);
	return length < 0 ? CLI_VERDICT : CLI_OK;
}

static int show(const struct cli_command *command, const char *path, struct json_object *documents)
{
	cleanup_free char *name = cli_printable(path);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		cli_message(command, "%s: cannot open it: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	if (pkgima_package_probe(fd))
		return show_package(command, path, name, documents);
	return show_file(command, fd, name, documents);
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct json_object *documents = NULL, *document;
	int status = CLI_OK, option;
	bool json = false;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
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
		return cli_usage(command, "which package or file?");
	if (json)
		documents = json_object_new_array();
	for (; optind < argc; optind++) {
		int result = show(command, argv[optind], documents);

		if (result > status)
			status = result;
	}
	if (json) {
		document = json_object_new_object();
		json_object_object_add(document, "files", documents);
		if (cli_print_json(command, document) != CLI_OK)
			return CLI_FAILED;
	}
	return cli_finish(command, status);
}

const struct cli_command cmd_show = {
	.name = "show",
	.summary = "show the entries of a package, or a file's security.ima",
	.help = "Usage: pkgima show [--json] PACKAGE|FILE...\n"
		"Shows the entries of a package's manifest: type, digest, key id and path; of any\n"
		"other file what its security.ima holds. Nothing is verified. Exit status 1 when there is\n"
		"no manifest, or no security.ima.\n\n"
		"  --json      print one JSON document\n"
		"  -h, --help  show this\n",
	.run = run,
};
