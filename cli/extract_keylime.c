// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "../lib/signing/package.h"
#include "extract.h"

/* The public key as SubjectPublicKeyInfo, in base64; NULL when it could not be made. */
static char *public_key(const struct pkgima_certificate *certificate)
{
	uint8_t *der = NULL;
	int length = i2d_PUBKEY(certificate->key, &der);
	char *text = length > 0 ? malloc((size_t)(length + 2) / 3 * 4 + 1) : NULL;

	if (text)
		EVP_EncodeBlock((unsigned char *)text, der, length);
	OPENSSL_free(der);
	return text;
}

static int add_key(struct extract_keylime *keylime, const struct pkgima_certificate *certificate,
		   struct pkgima_error *error)
{
	cleanup_free char *key = public_key(certificate);
	struct json_object *value;

	if (!key)
		return pkgima_fail(error, -ENOMEM, "%s: its key cannot be written down", certificate->source);
	json_object_object_get_ex(keylime->keys, "keyids", &value);
	json_object_array_add(value, json_object_new_int64(certificate->key_id));
	json_object_object_get_ex(keylime->keys, "pubkeys", &value);
	json_object_array_add(value, json_object_new_string(key));
	return pkgima_keylime_add_certificate(&keylime->policy, certificate, false, error);
}

static int add_ca(struct extract_keylime *keylime, const char *path, struct pkgima_error *error)
{
	cleanup_certificate struct pkgima_certificate *ca = NULL;
	const char *problem;
	int r = pkgima_certificate_load(path, &ca, error);

	if (r < 0)
		return r;
	problem = pkgima_certificate_ca_problem(ca);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s: %s", ca->source, problem);
	return pkgima_keylime_add_certificate(&keylime->policy, ca, true, error);
}

int extract_keylime_begin(struct extract_keylime *keylime)
{
	struct json_object *meta = json_object_new_object();
	cleanup_trust struct pkgima_trust *trust = NULL;
	struct pkgima_error error;
	int r = 0;

	keylime->keys = json_object_new_object();
	json_object_object_add(meta, "version", json_object_new_int(1));
	json_object_object_add(keylime->keys, "meta", meta);
	json_object_object_add(keylime->keys, "keyids", json_object_new_array());
	json_object_object_add(keylime->keys, "pubkeys", json_object_new_array());
	if (keylime->certs.count) {
		trust = cli_load_trust(keylime->command, -1, &keylime->certs);
		if (!trust)
			return CLI_FAILED;
	}
	for (size_t i = 0; trust && i < trust->count && r == 0; i++)
		if (!trust->items[i].problem)
			r = add_key(keylime, trust->items[i].certificate, &error);
	for (size_t i = 0; i < keylime->ca_certs.count && r == 0; i++)
		r = add_ca(keylime, keylime->ca_certs.paths[i], &error);
	if (r == 0)
		return CLI_OK;
	cli_message(keylime->command, "%s", error.text);
	return CLI_FAILED;
}

static void skip(void *context, const char *path)
{
	const struct extract_keylime *keylime = context;
	cleanup_free char *name = cli_printable(keylime->package), *file = cli_printable(path);

	cli_message(keylime->command, "warning: %s: %s: left out, its name is not UTF-8", name, file);
}

/*
 * A kernel measures a file by the algorithm of its signature, and by its usual one where there is none, as on an edited
 * conffile, or on all files before they are signed.
 */
static int choose_hashes(const struct pkgima_package *package, const struct pkgima_entries *signatures,
			 const enum pkgima_hash *hash, bool wanted[PKGIMA_HASH_COUNT])
{
	int count = 0;

	memset(wanted, 0, PKGIMA_HASH_COUNT * sizeof(*wanted));
	if (package->format != &pkgima_format_deb)
		return 0;
	wanted[hash ? *hash : PKGIMA_HASH_SHA256] = true;
	for (size_t i = 0; i < signatures->count && !hash; i++)
		wanted[signatures->list[i].hash] = true;
	for (size_t i = 0; i < PKGIMA_HASH_COUNT; i++)
		count += wanted[i];
	return count;
}

static int add_with(struct extract_keylime *keylime, const struct pkgima_package *package,
		    const struct pkgima_package_info *info, const enum pkgima_hash *hash, unsigned int threads,
		    struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	int r = pkgima_package_digests(package, hash, threads, &entries, error);

	return r < 0 ? r : pkgima_keylime_add_package(&keylime->policy, info, &entries, skip, keylime, error);
}

int extract_keylime_add(struct extract_keylime *keylime, const struct pkgima_package *package, const char *path,
			const enum pkgima_hash *hash, unsigned int threads, struct pkgima_error *error)
{
	cleanup_package_info struct pkgima_package_info info = { 0 };
	cleanup_entries struct pkgima_entries signatures = { 0 };
	bool wanted[PKGIMA_HASH_COUNT], is_signed;
	int r = package->format->read(package->file, &info, &signatures, &is_signed, error);

	keylime->package = path;
	if (r < 0)
		return r;
	/* An .rpm has digests of one algorithm, and these are what its signatures are of. */
	if (choose_hashes(package, &signatures, hash, wanted) == 0)
		return add_with(keylime, package, &info, hash, threads, error);
	for (enum pkgima_hash i = 0; i < PKGIMA_HASH_COUNT && r == 0; i++)
		if (wanted[i])
			r = add_with(keylime, package, &info, &i, threads, error);
	return r;
}

/* A JSON string. */
static void print_string(const char *text)
{
	struct json_object *string = json_object_new_string(text);

	fputs(json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE), stdout);
	json_object_put(string);
}

/* An object of lists: what may be many entries is not made into one document first. */
static void print_lists(const char *name, const struct pkgima_entries *list)
{
	char hex[2 * PKGIMA_DIGEST_MAX + 1];

	printf("  \"%s\": {", name);
	for (size_t i = 0; i < list->count; i++) {
		const struct pkgima_entry *entry = &list->list[i];
		bool same = i > 0 && !strcmp(entry->path, list->list[i - 1].path);

		if (!same) {
			printf("%s\n    ", i > 0 ? "]," : "");
			print_string(entry->path);
			fputs(": [", stdout);
		}
		pkgima_hex(entry->digest, pkgima_hash_size(entry->hash), hex);
		printf("%s\"%s\"", same ? ", " : "", hex);
	}
	fputs(list->count ? "]\n  },\n" : "},\n", stdout);
}

int extract_keylime_print(struct extract_keylime *keylime)
{
	struct json_object *ids;

	pkgima_keylime_finish(&keylime->policy);
	fputs("{\n  \"meta\": {\"version\": 1, \"generator\": 0},\n  \"release\": 0,\n", stdout);
	print_lists("digests", &keylime->policy.digests);
	fputs("  \"excludes\": [],\n", stdout);
	print_lists("keyrings", &keylime->policy.keyrings);
	/* The list's second column, whatever the files' digests: SHA-1 in all kernels (security/integrity/ima/ima_fs.c). */
	fputs("  \"ima\": {\"ignored_keyrings\": [], \"log_hash_alg\": \"sha1\", \"dm_policy\": null},\n", stdout);
	fputs("  \"ima-buf\": {},\n  \"verification-keys\": ", stdout);
	json_object_object_get_ex(keylime->keys, "keyids", &ids);
	print_string(json_object_array_length(ids) ? json_object_to_json_string_ext(keylime->keys,
										    JSON_C_TO_STRING_NOSLASHESCAPE) :
						     "");
	fputs("\n}\n", stdout);
	return cli_finish(keylime->command, CLI_OK);
}

void extract_keylime_free(struct extract_keylime *keylime)
{
	pkgima_keylime_free(&keylime->policy);
	json_object_put(keylime->keys);
	keylime->keys = NULL;
}
