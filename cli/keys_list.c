// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

#define WAITING "waits for pkgima keys trust"

/* All that is listed: the trust store, CA certificates that wait, and keys of the kernel's that have no file. */
struct listing {
	const struct keys *keys;
	struct pkgima_trust *waiting;
	struct pkgima_keyring_key *kernel;
	size_t kernel_count;
};

static const struct pkgima_keyring_key *find_in_kernel(const struct listing *listing,
						       const struct pkgima_certificate *certificate)
{
	char skid[PKGIMA_SKID_TEXT];

	for (size_t i = 0; pkgima_certificate_skid(certificate, skid) && i < listing->kernel_count; i++)
		if (!strcmp(listing->kernel[i].skid, skid))
			return &listing->kernel[i];
	return NULL;
}

/* 1, 0, or negative where that cannot be told or makes no sense. */
static int in_kernel(const struct listing *listing, const struct pkgima_trust_item *item)
{
	if (!listing->keys->has_keyring || !item->certificate || item->ca)
		return -1;
	if (find_in_kernel(listing, item->certificate))
		return 1;
	/* The keyring may be one that cannot be read. */
	return pkgima_keyring_has(&listing->keys->keyring, item->certificate);
}

static bool is_trusted(const struct keys *keys, const struct pkgima_certificate *ca)
{
	for (size_t i = 0; i < keys->trust->count; i++) {
		const struct pkgima_trust_item *item = &keys->trust->items[i];

		if (item->ca && !item->problem && item->certificate &&
		    !strcmp(item->certificate->fingerprint, ca->fingerprint))
			return true;
	}
	return false;
}

/* Without those that the administrator has taken over already. */
static bool waits(const struct listing *listing, const struct pkgima_trust_item *item)
{
	return !item->certificate || !is_trusted(listing->keys, item->certificate);
}

static bool has_file(const struct listing *listing, const struct pkgima_keyring_key *key)
{
	for (size_t i = 0; i < listing->keys->trust->count; i++) {
		const struct pkgima_trust_item *item = &listing->keys->trust->items[i];
		char skid[PKGIMA_SKID_TEXT];

		if (!item->ca && item->certificate && pkgima_certificate_skid(item->certificate, skid) &&
		    !strcmp(skid, key->skid))
			return true;
	}
	return false;
}

static const char *key_id_of(const struct pkgima_keyring_key *key)
{
	size_t length = strlen(key->skid);

	return key->skid + (length > 8 ? length - 8 : 0);
}

static const char *kernel_problem(const struct listing *listing, const struct pkgima_keyring_key *key)
{
	if (pkgima_retired_has(&listing->keys->trust->retired, key->skid))
		return "its key is retired, and the kernel still has it";
	return "no certificate in " PKGIMA_TRUST_FOLDER " has this key";
}

/* "accepted", or why not; with the warning, if there is one. Without memory what is known without. */
static char *state_text(const struct pkgima_trust_item *item, bool waiting)
{
	const char *state = item->problem ? item->problem : waiting ? WAITING : "accepted";
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

static void print_row(const struct listing *listing, const struct pkgima_trust_item *item, bool waiting, int file_width)
{
	cleanup_free char *state = state_text(item, waiting);
	const struct pkgima_certificate *certificate = item->certificate;
	char key_id[9] = "-", until[32] = "-";
	const char *kernel = "-";
	int has = in_kernel(listing, item);

	if (has >= 0)
		kernel = has ? "yes" : "no";
	if (certificate && certificate->has_skid)
		snprintf(key_id, sizeof(key_id), "%08" PRIx32, certificate->key_id);
	if (certificate)
		format_time(certificate->not_after, "%Y-%m-%d", until, sizeof(until));
	printf("%-*s  %-8s  %-6s  %-10s  %s  [%s]\n", file_width, item->source, key_id, kernel, until,
	       certificate ? certificate->subject : "-", state ? state : "?");
	if (certificate)
		printf("    sha256 %s\n", certificate->fingerprint);
}

static int widest(const struct pkgima_trust *trust, int width)
{
	for (size_t i = 0; i < trust->count; i++) {
		int length = (int)strlen(trust->items[i].source);

		if (length > width)
			width = length;
	}
	return width;
}

static int print_table(const struct listing *listing)
{
	const struct keys *keys = listing->keys;
	int width = widest(listing->waiting, widest(keys->trust, 4));

	printf("%-*s  %-8s  %-6s  %-10s  %s\n", width, "FILE", "KEY ID", "KERNEL", "UNTIL", "SUBJECT [STATE]");
	for (size_t i = 0; i < keys->trust->count; i++)
		print_row(listing, &keys->trust->items[i], false, width);
	for (size_t i = 0; i < listing->waiting->count; i++)
		if (waits(listing, &listing->waiting->items[i]))
			print_row(listing, &listing->waiting->items[i], true, width);
	for (size_t i = 0; i < listing->kernel_count; i++)
		if (!has_file(listing, &listing->kernel[i]))
			printf("%-*s  %-8s  %-6s  %-10s  %s  [%s]\n", width, "-", key_id_of(&listing->kernel[i]), "yes",
			       "-", listing->kernel[i].subject, kernel_problem(listing, &listing->kernel[i]));
	printf("kernel keyring: %s\n", keys->has_keyring ? keys->keyring.name : "none");
	return cli_finish(keys->command, CLI_OK);
}

static void add_string(struct json_object *object, const char *name, const char *value)
{
	json_object_object_add(object, name, value ? json_object_new_string(value) : NULL);
}

static void add_bool(struct json_object *object, const char *name, bool value)
{
	json_object_object_add(object, name, json_object_new_boolean(value));
}

static struct json_object *item_json(const struct listing *listing, const struct pkgima_trust_item *item, bool waiting)
{
	const struct pkgima_certificate *certificate = item->certificate;
	struct json_object *object = json_object_new_object();
	char key_id[9] = "", until[32] = "";
	int has = in_kernel(listing, item);

	if (certificate) {
		snprintf(key_id, sizeof(key_id), "%08" PRIx32, certificate->key_id);
		format_time(certificate->not_after, "%Y-%m-%dT%H:%M:%SZ", until, sizeof(until));
	}
	add_string(object, "file", item->source);
	add_string(object, "key_id", certificate && certificate->has_skid ? key_id : NULL);
	add_string(object, "subject", certificate ? certificate->subject : NULL);
	add_string(object, "fingerprint", certificate ? certificate->fingerprint : NULL);
	add_string(object, "not_after", certificate ? until : NULL);
	add_bool(object, "ca", item->ca);
	add_bool(object, "in_store", !waiting);
	add_bool(object, "waiting", waiting && !item->problem);
	add_bool(object, "retired", item->retired);
	add_bool(object, "accepted", !item->problem && !waiting);
	add_string(object, "problem", item->problem ? item->problem : waiting ? WAITING : NULL);
	add_string(object, "warning", item->warning);
	json_object_object_add(object, "in_kernel", has >= 0 ? json_object_new_boolean(has) : NULL);
	return object;
}

static struct json_object *kernel_json(const struct listing *listing, const struct pkgima_keyring_key *key)
{
	struct json_object *object = json_object_new_object();

	add_string(object, "file", NULL);
	add_string(object, "key_id", key_id_of(key));
	add_string(object, "subject", key->subject);
	add_string(object, "fingerprint", NULL);
	add_string(object, "not_after", NULL);
	add_bool(object, "ca", false);
	add_bool(object, "in_store", false);
	add_bool(object, "waiting", false);
	add_bool(object, "retired", pkgima_retired_has(&listing->keys->trust->retired, key->skid));
	add_bool(object, "accepted", false);
	add_string(object, "problem", kernel_problem(listing, key));
	add_string(object, "warning", NULL);
	add_bool(object, "in_kernel", true);
	return object;
}

static int print_json(const struct listing *listing)
{
	const struct keys *keys = listing->keys;
	struct json_object *document = json_object_new_object();
	struct json_object *list = json_object_new_array();

	json_object_object_add(document, "certificates", list);
	for (size_t i = 0; i < keys->trust->count; i++)
		json_object_array_add(list, item_json(listing, &keys->trust->items[i], false));
	for (size_t i = 0; i < listing->waiting->count; i++)
		if (waits(listing, &listing->waiting->items[i]))
			json_object_array_add(list, item_json(listing, &listing->waiting->items[i], true));
	for (size_t i = 0; i < listing->kernel_count; i++)
		if (!has_file(listing, &listing->kernel[i]))
			json_object_array_add(list, kernel_json(listing, &listing->kernel[i]));
	add_string(document, "keyring", keys->has_keyring ? keys->keyring.name : NULL);
	return cli_print_json(keys->command, document);
}

int keys_list(struct keys *keys)
{
	cleanup_trust struct pkgima_trust *waiting = pkgima_trust_new();
	struct listing listing = { .keys = keys, .waiting = waiting };
	struct pkgima_error error = { "" };
	int status;

	keys_find_keyring(keys);
	if (!waiting || pkgima_trust_load_waiting(waiting, keys->root_fd, &error) < 0) {
		cli_message(keys->command, "%s", waiting ? error.text : "no memory for certificates");
		return CLI_FAILED;
	}
	if (keys->has_keyring &&
	    pkgima_keyring_keys(&keys->keyring, &listing.kernel, &listing.kernel_count, &error) < 0)
		cli_message(keys->command, "%s", error.text);
	status = keys->json ? print_json(&listing) : print_table(&listing);
	pkgima_keyring_keys_free(listing.kernel, listing.kernel_count);
	return status;
}
