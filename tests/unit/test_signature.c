// SPDX-License-Identifier: LGPL-2.1-or-later
/* The value of security.ima, and the verdict on it. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "signature.h"
#include "verify.h"

static struct {
	char *folder;
	struct support_key rsa, p256, stranger;
	struct pkgima_trust *trust;      /* the first two */
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.p256, site.folder, "p256", "p256");
	support_key_make(&site.stranger, site.folder, "stranger", "p256");
	site.trust = support_trust(&site.rsa, &site.p256);
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.rsa);
	support_key_free(&site.p256);
	support_key_free(&site.stranger);
	support_remove(site.folder);
	return 0;
}

/* security/integrity/integrity.h: type 3, version 2, sha256, key id, size, all big endian. */
static const uint8_t good[] = { 3, 2, 4, 0x12, 0x34, 0x56, 0x78, 0x00, 0x05, 'h', 'e', 'l', 'l', 'o' };

static void test_parses_the_format_of_the_kernel(void **state)
{
	struct pkgima_signature signature;
	struct pkgima_error error = { "" };
	uint8_t header[PKGIMA_SIGNATURE_HEADER];

	(void)state;
	assert_int_equal(pkgima_signature_parse(good, sizeof(good), &signature, &error), 0);
	assert_int_equal(signature.type, 3);
	assert_int_equal(signature.version, 2);
	assert_int_equal(signature.hash, PKGIMA_HASH_SHA256);
	assert_int_equal(signature.key_id, 0x12345678);
	assert_int_equal(signature.length, 5);
	assert_ptr_equal(signature.bytes, good + 9);
	pkgima_signature_write_header(&signature, header);
	assert_memory_equal(header, good, sizeof(header));
}

static void test_knows_the_kernels_numbers_of_hashes(void **state)
{
	static const struct { uint8_t number; enum pkgima_hash hash; const char *name; size_t size; } known[] = {
		{ 4, PKGIMA_HASH_SHA256, "sha256", 32 },
		{ 5, PKGIMA_HASH_SHA384, "sha384", 48 },
		{ 6, PKGIMA_HASH_SHA512, "sha512", 64 },
	};
	enum pkgima_hash hash;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_true(pkgima_hash_from_number(known[i].number, &hash));
		assert_int_equal(hash, known[i].hash);
		assert_int_equal(pkgima_hash_number(hash), known[i].number);
		assert_string_equal(pkgima_hash_name(hash), known[i].name);
		assert_int_equal(pkgima_hash_size(hash), known[i].size);
		assert_true(pkgima_hash_from_name(known[i].name, 6, &hash));
		assert_false(pkgima_hash_from_name(known[i].name, 5, &hash));
	}
	for (int number = 0; number < 256; number++)
		assert_int_equal(pkgima_hash_from_number((uint8_t)number, &hash), number >= 4 && number <= 6);
}

static void assert_malformed(const uint8_t *value, size_t length, const char *reason)
{
	struct pkgima_signature signature;
	struct pkgima_error error = { "" };
	uint8_t *copy = malloc(length ? length : 1);

	assert_non_null(copy);
	memcpy(copy, value, length);
	assert_int_equal(pkgima_signature_parse(copy, length, &signature, &error), -EINVAL);
	if (!strstr(error.text, reason))
		fail_msg("\"%s\" instead of \"%s\"", error.text, reason);
	free(copy);
}

static void test_refuses_every_truncation_and_extension(void **state)
{
	uint8_t longer[sizeof(good) + 1] = { 0 };

	(void)state;
	assert_malformed(good, 0, "it is empty");
	for (size_t length = 1; length < sizeof(good); length++)
		assert_malformed(good, length, length <= 9 ? "too few" : "its header says 5 bytes");
	memcpy(longer, good, sizeof(good));
	assert_malformed(longer, sizeof(longer), "its header says 5 bytes, 6 follow");
}

static void test_refuses_other_headers(void **state)
{
	uint8_t value[sizeof(good)];

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		memcpy(value, good, sizeof(value));
		value[0] = (uint8_t)byte;
		if (byte != 3)
			assert_malformed(value, sizeof(value), "type ");
		memcpy(value, good, sizeof(value));
		value[1] = (uint8_t)byte;
		if (byte != 2)
			assert_malformed(value, sizeof(value), "version ");
		memcpy(value, good, sizeof(value));
		value[2] = (uint8_t)byte;
		if (byte < 4 || byte > 6)
			assert_malformed(value, sizeof(value), "hash algorithm ");
		memcpy(value, good, sizeof(value));
		value[8] = (uint8_t)byte;
		if (byte != 5)
			assert_malformed(value, sizeof(value), "its header says");
		memcpy(value, good, sizeof(value));
		value[7] = (uint8_t)byte;
		if (byte != 0)
			assert_malformed(value, sizeof(value), "its header says");
	}
}

/* The verdict of a new verifier, and that of one that has seen others. */
static void assert_verdict(struct pkgima_verifier *verifier, const struct pkgima_trust *trust,
			   const struct pkgima_value *value, enum pkgima_hash hash, const uint8_t *digest,
			   enum pkgima_verdict verdict, const char *reason)
{
	struct pkgima_verifier *fresh = pkgima_verifier_new(trust);

	for (int i = 0; i < 2; i++) {
		struct pkgima_error error = { "" };
		enum pkgima_verdict got = pkgima_verifier_check(i ? verifier : fresh, value, hash, digest, &error);

		if (got != verdict || !strstr(error.text, reason))
			fail_msg("%s, \"%s\" instead of %s, \"%s\"", pkgima_verdict_word(got), error.text,
				 pkgima_verdict_word(verdict), reason);
		assert_int_equal(pkgima_verifier_check(i ? verifier : fresh, value, hash, digest, NULL), verdict);
	}
	pkgima_verifier_free(fresh);
}

static void check_key(const struct support_key *key, enum pkgima_hash hash)
{
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	cleanup_entries struct pkgima_entries memory = { 0 };
	struct pkgima_value value, changed;
	uint8_t digest[PKGIMA_DIGEST_MAX], other[PKGIMA_DIGEST_MAX];
	uint8_t bytes[PKGIMA_SIGNATURE_MAX];
	char reason[64];

	support_digest(hash, "content", 7, digest);
	support_digest(hash, "other content", 13, other);
	value = support_sign(key, hash, digest, &memory);
	changed = (struct pkgima_value){ bytes, value.length };
	assert_verdict(verifier, site.trust, &value, hash, digest, PKGIMA_VERDICT_OK, "");
	snprintf(reason, sizeof(reason), "it does not verify with key %08x", key->certificate->key_id);
	assert_verdict(verifier, site.trust, &value, hash, other, PKGIMA_VERDICT_BAD_SIGNATURE, reason);
	/* Every byte of the signature counts. */
	for (size_t i = PKGIMA_SIGNATURE_HEADER; i < value.length; i++) {
		memcpy(bytes, value.bytes, value.length);
		bytes[i] ^= 0x01;
		assert_int_equal(pkgima_verifier_check(verifier, &changed, hash, digest, NULL),
				 PKGIMA_VERDICT_BAD_SIGNATURE);
	}
	/* As do the header's: one of another key, of no key, and of another hash. */
	memcpy(bytes, value.bytes, value.length);
	bytes[6] ^= 0x01;
	snprintf(reason, sizeof(reason), "key id %08x is not in the trust store", key->certificate->key_id ^ 0x01);
	assert_verdict(verifier, site.trust, &changed, hash, digest, PKGIMA_VERDICT_UNKNOWN_KEY, reason);
	memcpy(bytes, value.bytes, value.length);
	bytes[2] = hash == PKGIMA_HASH_SHA512 ? 4 : 6;
	assert_verdict(verifier, site.trust, &changed, hash, digest, PKGIMA_VERDICT_BAD_SIGNATURE, "it signs a sha");
	for (size_t length = 0; length < value.length; length++) {
		changed.length = length;
		memcpy(bytes, value.bytes, value.length);
		assert_int_equal(pkgima_verifier_check(verifier, &changed, hash, digest, NULL),
				 PKGIMA_VERDICT_BAD_SIGNATURE);
	}
	/* A signature cut short whose header says so. */
	changed.length = value.length - 1;
	bytes[7] = (uint8_t)((changed.length - PKGIMA_SIGNATURE_HEADER) >> 8);
	bytes[8] = (uint8_t)(changed.length - PKGIMA_SIGNATURE_HEADER);
	assert_verdict(verifier, site.trust, &changed, hash, digest, PKGIMA_VERDICT_BAD_SIGNATURE, "it does not verify");
	pkgima_verifier_free(verifier);
}

static void test_verdicts_with_rsa(void **state)
{
	(void)state;
	for (int hash = 0; hash < PKGIMA_HASH_COUNT; hash++)
		check_key(&site.rsa, (enum pkgima_hash)hash);
}

static void test_verdicts_with_p256(void **state)
{
	(void)state;
	for (int hash = 0; hash < PKGIMA_HASH_COUNT; hash++)
		check_key(&site.p256, (enum pkgima_hash)hash);
}

static void test_no_value_is_unsigned(void **state)
{
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	static const struct pkgima_value none;
	uint8_t digest[PKGIMA_DIGEST_MAX] = { 0 };

	(void)state;
	assert_verdict(verifier, site.trust, &none, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_UNSIGNED,
		       "there is no signature");
	pkgima_verifier_free(verifier);
}

static void test_a_key_that_is_not_trusted_is_unknown(void **state)
{
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	cleanup_trust struct pkgima_trust *empty = pkgima_trust_new();
	struct pkgima_verifier *trusts_none = pkgima_verifier_new(empty);
	cleanup_entries struct pkgima_entries memory = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_value value;

	(void)state;
	support_digest(PKGIMA_HASH_SHA256, "x", 1, digest);
	value = support_sign(&site.stranger, PKGIMA_HASH_SHA256, digest, &memory);
	assert_verdict(verifier, site.trust, &value, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_UNKNOWN_KEY,
		       "is not in the trust store");
	value = support_sign(&site.rsa, PKGIMA_HASH_SHA256, digest, &memory);
	assert_verdict(trusts_none, empty, &value, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_UNKNOWN_KEY,
		       "is not in the trust store");
	pkgima_verifier_free(trusts_none);
	pkgima_verifier_free(verifier);
}

static void test_a_strangers_signature_under_a_trusted_key_id_is_bad(void **state)
{
	static const struct support_key *const named[] = { &site.rsa, &site.p256 };
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	cleanup_entries struct pkgima_entries memory = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];

	(void)state;
	support_digest(PKGIMA_HASH_SHA256, "x", 1, digest);
	for (size_t i = 0; i < 2; i++) {
		struct pkgima_value value = support_sign(&site.stranger, PKGIMA_HASH_SHA256, digest, &memory);
		uint32_t key_id = named[i]->certificate->key_id;
		uint8_t *bytes = (uint8_t *)value.bytes;

		bytes[3] = (uint8_t)(key_id >> 24);
		bytes[4] = (uint8_t)(key_id >> 16);
		bytes[5] = (uint8_t)(key_id >> 8);
		bytes[6] = (uint8_t)key_id;
		assert_verdict(verifier, site.trust, &value, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_BAD_SIGNATURE,
			       "it does not verify with key");
	}
	pkgima_verifier_free(verifier);
}

/* Four bytes can collide: all keys of that id are tried, of whatever kind they are. */
static void test_two_keys_of_one_id_are_both_tried(void **state)
{
	cleanup_trust struct pkgima_trust *trust = support_trust(&site.rsa, &site.p256);
	uint32_t key_id = site.p256.certificate->key_id, own = site.rsa.certificate->key_id;
	struct pkgima_verifier *verifier = pkgima_verifier_new(trust);
	cleanup_entries struct pkgima_entries memory = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_value value;

	(void)state;
	trust->items[0].certificate->key_id = key_id;
	support_digest(PKGIMA_HASH_SHA256, "x", 1, digest);
	value = support_sign(&site.p256, PKGIMA_HASH_SHA256, digest, &memory);
	assert_verdict(verifier, trust, &value, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_OK, "");
	site.rsa.certificate->key_id = key_id;
	value = support_sign(&site.rsa, PKGIMA_HASH_SHA256, digest, &memory);
	site.rsa.certificate->key_id = own;
	assert_verdict(verifier, trust, &value, PKGIMA_HASH_SHA256, digest, PKGIMA_VERDICT_OK, "");
	pkgima_verifier_free(verifier);
}

/* A verifier keeps 32 contexts; those beyond are no less right. */
static void test_more_keys_than_are_kept(void **state)
{
	enum { KEYS = 12 };
	struct support_key keys[KEYS] = { 0 };
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	struct pkgima_verifier *verifier = pkgima_verifier_new(trust);
	cleanup_entries struct pkgima_entries memory = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	for (size_t i = 0; i < KEYS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "many%zu", i);
		support_key_make(&keys[i], site.folder, name, "p256");
		assert_int_equal(pkgima_trust_add(trust, keys[i].der, &error), 0);
	}
	for (size_t i = 0; i < (size_t)3 * KEYS; i++) {
		enum pkgima_hash hash = (enum pkgima_hash)(i % 3);
		uint8_t digest[PKGIMA_DIGEST_MAX];
		struct pkgima_value value;

		support_digest(hash, &i, sizeof(i), digest);
		value = support_sign(&keys[i / 3], hash, digest, &memory);
		assert_verdict(verifier, trust, &value, hash, digest, PKGIMA_VERDICT_OK, "");
		digest[0] ^= 1;
		assert_verdict(verifier, trust, &value, hash, digest, PKGIMA_VERDICT_BAD_SIGNATURE, "");
	}
	pkgima_verifier_free(verifier);
	for (size_t i = 0; i < KEYS; i++)
		support_key_free(&keys[i]);
}

static void test_each_entry_of_a_list_gets_its_own_verdict(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_result *results = NULL;
	struct pkgima_error error = { "" };

	(void)state;
	for (size_t i = 0; i < 500; i++) {
		char path[32];
		struct pkgima_entry *entry;

		snprintf(path, sizeof(path), "/file-%03zu", i);
		entry = support_add_entry(&entries, path, PKGIMA_ENTRY_FILE, path, strlen(path),
					  i % 5 == 4 ? &site.stranger : &site.p256);
		if (i % 5 == 1)
			entry->digest[0] ^= 1;
		if (i % 5 == 2)
			entry->ima = (struct pkgima_value){ 0 };
	}
	for (unsigned int threads = 0; threads < 4; threads++) {
		assert_int_equal(pkgima_verify_entries(site.trust, &entries, threads, &results, &error), 0);
		for (size_t i = 0; i < entries.count; i++) {
			static const enum pkgima_verdict wanted[] = {
				PKGIMA_VERDICT_OK, PKGIMA_VERDICT_BAD_SIGNATURE, PKGIMA_VERDICT_UNSIGNED,
				PKGIMA_VERDICT_OK, PKGIMA_VERDICT_UNKNOWN_KEY,
			};

			assert_int_equal(results[i].verdict, wanted[i % 5]);
			assert_int_equal(results[i].verdict == PKGIMA_VERDICT_OK, results[i].reason[0] == '\0');
		}
		free(results);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses_the_format_of_the_kernel),
		cmocka_unit_test(test_knows_the_kernels_numbers_of_hashes),
		cmocka_unit_test(test_refuses_every_truncation_and_extension),
		cmocka_unit_test(test_refuses_other_headers),
		cmocka_unit_test(test_verdicts_with_rsa),
		cmocka_unit_test(test_verdicts_with_p256),
		cmocka_unit_test(test_no_value_is_unsigned),
		cmocka_unit_test(test_a_key_that_is_not_trusted_is_unknown),
		cmocka_unit_test(test_a_strangers_signature_under_a_trusted_key_id_is_bad),
		cmocka_unit_test(test_two_keys_of_one_id_are_both_tried),
		cmocka_unit_test(test_more_keys_than_are_kept),
		cmocka_unit_test(test_each_entry_of_a_list_gets_its_own_verdict),
	};

	return cmocka_run_group_tests_name("signature", tests, make_site, free_site);
}
