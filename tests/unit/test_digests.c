// SPDX-License-Identifier: LGPL-2.1-or-later
/* Documents of digests and signatures, and signatures that come from one. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "digests.h"
#include "signing/signer.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct site {
	char *folder;
	struct support_key rsa, p256;
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.p256, site.folder, "p256", "p256");
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	support_key_free(&site.rsa);
	support_key_free(&site.p256);
	support_remove(site.folder);
	return 0;
}

/* --- Base64 --- */

static void test_base64(void **state)
{
	static const struct { const char *text; int size; } cases[] = {
		{ "AA==", 1 }, { "AAA=", 2 }, { "AAAA", 3 }, { "AAAAAA==", 4 },
		{ "", -1 }, { "A", -1 }, { "AA", -1 }, { "AAA", -1 }, { "AB==", -1 }, { "AAB=", -1 }, { "A===", -1 },
		{ "====", -1 }, { "AA==AAAA", -1 }, { "AA AA AA", -1 }, { " AAA", -1 }, { "AAA\n", -1 }, { "AAA-", -1 },
		{ "AA=A", -1 },
	};
	uint8_t bytes[400], back[600];
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = 0;

		assert_int_equal(pkgima_base64_decode(cases[i].text, strlen(cases[i].text), back, sizeof(back), &size),
				 cases[i].size >= 0);
		if (cases[i].size >= 0)
			assert_int_equal(size, cases[i].size);
	}
	/* Longer than what is encoded again at a time. */
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t size = 1; size <= sizeof(bytes); size++) {
		size_t length = (size_t)EVP_EncodeBlock((unsigned char *)text, bytes, (int)size), got = 0;

		assert_int_equal(length, PKGIMA_BASE64_LENGTH(size));
		assert_true(pkgima_base64_decode(text, length, back, sizeof(back), &got));
		assert_int_equal(got, size);
		assert_memory_equal(bytes, back, size);
		assert_false(pkgima_base64_decode(text, length, back, length / 4 * 3 - 1, &got));
		text[length / 2] = '!';
		assert_false(pkgima_base64_decode(text, length, back, sizeof(back), &got));
	}
}

/* --- Documents of digests --- */

static void test_digests_are_sorted_each_once_and_come_back(void **state)
{
	cleanup_digests struct pkgima_digests digests = { 0 }, again = { 0 };
	struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };
	uint8_t digest[PKGIMA_DIGEST_MAX];
	char line[PKGIMA_DIGESTS_LINE_MAX], before[PKGIMA_DIGESTS_LINE_MAX] = "";

	(void)state;
	for (int i = 0; i < 600; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%d", i % 200);
		support_digest((enum pkgima_hash)(i % 3), number, strlen(number), digest);
		assert_int_equal(pkgima_digests_add(&digests, (enum pkgima_hash)(i % 3), digest, &error), 0);
	}
	pkgima_digests_sort(&digests);
	/* 200 and 3 have no common divisor: each number was there with each algorithm. */
	assert_int_equal(digests.count, 600);
	pkgima_digests_add(&digests, digests.list[7].hash, digests.list[7].bytes, &error);
	pkgima_digests_sort(&digests);
	assert_int_equal(digests.count, 600);
	support_append(&text, PKGIMA_DIGESTS_FIRST_LINE, strlen(PKGIMA_DIGESTS_FIRST_LINE));
	for (size_t i = 0; i < digests.count; i++) {
		size_t length = pkgima_digests_line(&digests.list[i], NULL, 0, line);

		line[length] = '\0';
		/* The order is that of sort(1) in the C locale. */
		assert_true(strcmp(before, line) < 0);
		strcpy(before, line);
		support_append(&text, line, length);
		assert_ptr_equal(pkgima_digests_find(&digests, digests.list[i].hash, digests.list[i].bytes),
				 &digests.list[i]);
	}
	assert_int_equal(pkgima_digests_parse(text.data, text.length, &again, &error), 0);
	assert_int_equal(again.count, digests.count);
	for (size_t i = 0; i < digests.count; i++) {
		assert_int_equal(again.list[i].hash, digests.list[i].hash);
		assert_memory_equal(again.list[i].bytes, digests.list[i].bytes, PKGIMA_DIGEST_MAX);
	}
	memset(digest, 0, sizeof(digest));
	assert_null(pkgima_digests_find(&digests, PKGIMA_HASH_SHA256, digest));
	support_bytes_free(&text);
}

static void expect_digests(const char *text, const char *part)
{
	cleanup_digests struct pkgima_digests digests = { 0 };
	struct pkgima_error error = { "" };
	int r = pkgima_digests_parse((const uint8_t *)text, strlen(text), &digests, &error);

	assert_int_equal(r, part ? -EINVAL : 0);
	if (part && !strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_other_documents_are_refused_by_line(void **state)
{
	(void)state;
	expect_digests("pkgima-digests 1\n", NULL);
	expect_digests("pkgima-digests 1\nsha256 " A64 "\nsha256 " B64 "\n", NULL);
	expect_digests("", "line 1");
	expect_digests("pkgima-digests 1", "line 1");
	expect_digests("pkgima-digests 2\n", "line 1: it is not \"pkgima-digests 1\"");
	expect_digests("pkgima-signatures 1\n", "line 1");
	expect_digests("pkgima-digests 1\nsha256 " A64, "line 2: it has no end");
	expect_digests("pkgima-digests 1\n\n", "line 2: unknown hash");
	expect_digests("pkgima-digests 1\nmd5 " A64 "\n", "line 2: unknown hash");
	expect_digests("pkgima-digests 1\nsha256\n", "line 2: unknown hash");
	expect_digests("pkgima-digests 1\nsha256 " A64 " \n", "line 2: something stands behind");
	expect_digests("pkgima-digests 1\nsha256 " A64 "\r\n", "line 2: something stands behind");
	expect_digests("pkgima-digests 1\nsha256  " A64 "\n", "line 2: the digest");
	expect_digests("pkgima-digests 1\nsha512 " A64 "\n", "line 2: the digest");
	expect_digests("pkgima-digests 1\nsha256 " A64 A64 "\n", "line 2: something");
	expect_digests("pkgima-digests 1\nsha256 Aa" A64 "\n", "line 2: the digest");
	expect_digests("pkgima-digests 1\nsha256 " A64 "\nsha256 " A64 "\n", "line 3: the digest is there twice");
	expect_digests("pkgima-digests 1\nsha256 " B64 "\nsha256 " A64 "\n", "line 3: the digests are not sorted");
	expect_digests("pkgima-digests 1\nsha512 " A64 A64 "\nsha256 " A64 "\n", "line 3: the digests are not sorted");
}

static void test_sizes_are_bounded(void **state)
{
	cleanup_digests struct pkgima_digests digests = { 0 };
	static const uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_error error = { "" };
	/* Not touched: the length is checked first. */
	assert_int_equal(pkgima_digests_parse((const uint8_t *)"", PKGIMA_DIGESTS_SIZE_MAX + 1, &digests, &error), -E2BIG);
	(void)state;
	for (size_t i = 0; i < PKGIMA_DIGESTS_COUNT_MAX; i++)
		if (pkgima_digests_add(&digests, PKGIMA_HASH_SHA256, digest, &error) < 0)
			fail_msg("%zu: %s", i, error.text);
	assert_int_equal(pkgima_digests_add(&digests, PKGIMA_HASH_SHA256, digest, &error), -E2BIG);
	assert_non_null(strstr(error.text, "1000000"));
}

/* --- Documents of signatures --- */

/* Signatures of "0", "1", … by @key. */
static void write_signatures(const struct support_key *key, const struct pkgima_certificate *certificate, size_t count,
			     struct support_bytes *ret_text)
{
	char *line = pkgima_signatures_certificate_line(certificate), text[PKGIMA_DIGESTS_LINE_MAX];
	cleanup_entries struct pkgima_entries memory = { 0 };
	cleanup_digests struct pkgima_digests digests = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];

	assert_non_null(line);
	support_append(ret_text, PKGIMA_SIGNATURES_FIRST_LINE, strlen(PKGIMA_SIGNATURES_FIRST_LINE));
	support_append(ret_text, line, strlen(line));
	free(line);
	for (size_t i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%zu", i);
		support_digest(PKGIMA_HASH_SHA256, text, strlen(text), digest);
		assert_int_equal(pkgima_digests_add(&digests, PKGIMA_HASH_SHA256, digest, NULL), 0);
	}
	pkgima_digests_sort(&digests);
	for (size_t i = 0; i < count; i++) {
		struct pkgima_value value = support_sign(key, PKGIMA_HASH_SHA256, digests.list[i].bytes, &memory);

		support_append(ret_text, text, pkgima_digests_line(&digests.list[i], value.bytes + PKGIMA_SIGNATURE_HEADER,
								   value.length - PKGIMA_SIGNATURE_HEADER, text));
	}
}

static int parse(const struct support_bytes *text, struct pkgima_signatures *signatures, struct pkgima_error *error)
{
	return pkgima_signatures_parse(text->data, text->length, "signatures", signatures, error);
}

static void test_given_signatures_are_what_the_key_makes(void **state)
{
	const struct support_key *keys[] = { &site.rsa, &site.p256 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		cleanup_signatures struct pkgima_signatures signatures = { 0 };
		cleanup_signer struct pkgima_signer *given = NULL, *made = NULL;
		cleanup_bytes struct support_bytes text = { 0 };
		struct pkgima_error error = { "" };
		const struct pkgima_value *values[50][2];

		write_signatures(keys[k], keys[k]->certificate, 50, &text);
		assert_int_equal(parse(&text, &signatures, &error), 0);
		assert_int_equal(signatures.digests.count, 50);
		assert_string_equal(signatures.certificate->fingerprint, keys[k]->certificate->fingerprint);
		assert_int_equal(pkgima_signer_new_given(&signatures, 2, &given, &error), 0);
		assert_int_equal(pkgima_signer_new(keys[k]->key, keys[k]->certificate, 2, &made, &error), 0);
		for (size_t i = 0; i < 50; i++) {
			uint8_t digest[PKGIMA_DIGEST_MAX];
			char number[16];

			snprintf(number, sizeof(number), "%zu", i);
			support_digest(PKGIMA_HASH_SHA256, number, strlen(number), digest);
			assert_int_equal(pkgima_signer_submit(given, PKGIMA_HASH_SHA256, digest, &values[i][0], &error), 0);
			assert_int_equal(pkgima_signer_submit(made, PKGIMA_HASH_SHA256, digest, &values[i][1], &error), 0);
		}
		assert_int_equal(pkgima_signer_wait(given, &error), 0);
		assert_int_equal(pkgima_signer_wait(made, &error), 0);
		/* ECDSA's are never the same twice; they were verified. */
		for (size_t i = 0; i < 50 && k == 0; i++) {
			assert_int_equal(values[i][0]->length, values[i][1]->length);
			assert_memory_equal(values[i][0]->bytes, values[i][1]->bytes, values[i][0]->length);
		}
	}
}

static void test_a_digest_without_a_signature_is_refused(void **state)
{
	cleanup_signatures struct pkgima_signatures signatures = { 0 };
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_bytes struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };
	const struct pkgima_value *value = NULL;
	uint8_t digest[PKGIMA_DIGEST_MAX] = { 0 };

	(void)state;
	write_signatures(&site.rsa, site.rsa.certificate, 3, &text);
	assert_int_equal(parse(&text, &signatures, &error), 0);
	assert_int_equal(pkgima_signer_new_given(&signatures, 1, &signer, &error), 0);
	assert_int_equal(pkgima_signer_submit(signer, PKGIMA_HASH_SHA256, digest, &value, &error), -EKEYREJECTED);
	assert_non_null(strstr(error.text, "no signature was given for sha256 0000"));
	assert_null(value);
	/* The same bytes as a digest of another algorithm are another digest. */
	support_digest(PKGIMA_HASH_SHA256, "0", 1, digest);
	assert_int_equal(pkgima_signer_submit(signer, PKGIMA_HASH_SHA512, digest, &value, &error), -EKEYREJECTED);
	assert_int_equal(pkgima_signer_submit(signer, PKGIMA_HASH_SHA256, digest, &value, &error), 0);
	assert_int_equal(pkgima_signer_wait(signer, &error), 0);
	assert_false(pkgima_signer_is_broken(signer));
}

/* Signed by another key than that of the certificate, or a signature of another digest. */
static void test_a_given_signature_that_does_not_verify_is_refused(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		const struct support_key *named = round == 0 ? &site.p256 : &site.rsa;
		cleanup_signatures struct pkgima_signatures signatures = { 0 };
		cleanup_signer struct pkgima_signer *signer = NULL;
		cleanup_bytes struct support_bytes text = { 0 };
		const struct pkgima_value *values[2];
		struct pkgima_error error = { "" };

		write_signatures(&site.rsa, named->certificate, 2, &text);
		assert_int_equal(parse(&text, &signatures, &error), 0);
		if (round == 1) {
			const char *first = signatures.digests.list[0].text;

			signatures.digests.list[0].text = signatures.digests.list[1].text;
			signatures.digests.list[1].text = first;
		} else if (round == 2) {
			/* One character, in the middle. */
			char *at = (char *)signatures.digests.list[1].text + 100;

			*at = *at == 'A' ? 'B' : 'A';
		}
		assert_int_equal(pkgima_signer_new_given(&signatures, 2, &signer, &error), 0);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(pkgima_signer_submit(signer, PKGIMA_HASH_SHA256, signatures.digests.list[i].bytes,
							      &values[i], &error), 0);
		assert_int_equal(pkgima_signer_wait(signer, &error), -EKEYREJECTED);
		assert_non_null(strstr(error.text, "does not verify with the certificate"));
		assert_null(values[1]->bytes);
		assert_false(pkgima_signer_is_broken(signer));
	}
}

static void expect_signatures(const char *before, const char *certificate, const char *behind, const char *part)
{
	cleanup_signatures struct pkgima_signatures signatures = { 0 };
	cleanup_bytes struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };
	int r;

	support_append(&text, before, strlen(before));
	support_append(&text, certificate, strlen(certificate));
	support_append(&text, behind, strlen(behind));
	r = parse(&text, &signatures, &error);
	assert_int_equal(r, part ? -EINVAL : 0);
	if (part && !strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_other_documents_of_signatures_are_refused(void **state)
{
	char *line = pkgima_signatures_certificate_line(site.p256.certificate);
	size_t huge = 2 * (size_t)PKGIMA_CERTIFICATE_MAX;
	char *long_line = malloc(huge + 2);

	(void)state;
	assert_non_null(line);
	assert_non_null(long_line);
	expect_signatures("pkgima-signatures 1\n", line, "", NULL);
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 " AAAA\n", NULL);
	expect_signatures("", line, "", "line 1");
	expect_signatures("pkgima-signatures 1\n", "", "", "line 2: it does not name the certificate");
	expect_signatures("pkgima-signatures 1\n", "", "sha256 " A64 " AAAA\n", "line 2: it does not name");
	expect_signatures("pkgima-signatures 1\n", "certificate \n", "", "line 2: it does not name");
	expect_signatures("pkgima-signatures 1\n", "certificate AAA\n", "", "line 2: the certificate is not base64");
	expect_signatures("pkgima-signatures 1\n", "certificate AAAA\n", "", "line 2: the certificate is not DER");
	expect_signatures("pkgima-signatures 1\n", "certificate MAAA\n", "", "no X.509 certificate");
	expect_signatures("pkgima-signatures 1\n", line, line, "line 3: unknown hash");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 "\n", "line 3: there is no signature");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 " \n", "line 3: the signature is not base64");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 " AA A\n", "line 3: the signature is not base64");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 " AAAA AAAA\n", "line 3: the signature");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " B64 " AAAA\nsha256 " A64 " AAAA\n", "line 4: the digests");
	memset(long_line, 'A', huge);
	strcpy(long_line + huge, "\n");
	expect_signatures("pkgima-signatures 1\ncertificate ", long_line, "", "line 2: the certificate is too long");
	expect_signatures("pkgima-signatures 1\n", line, "sha256 " A64 " ", "line 3: it has no end");
	long_line[8000] = '\n';
	long_line[8001] = '\0';
	{
		cleanup_bytes struct support_bytes text = { 0 };

		support_append(&text, line, strlen(line));
		support_append(&text, "sha256 " A64 " ", 7 + 64 + 1);
		expect_signatures("pkgima-signatures 1\n", (const char *)text.data, long_line, "line 3: the signature is too long");
	}
	free(long_line);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_digests_are_sorted_each_once_and_come_back),
		cmocka_unit_test(test_other_documents_are_refused_by_line),
		cmocka_unit_test(test_sizes_are_bounded),
		cmocka_unit_test(test_given_signatures_are_what_the_key_makes),
		cmocka_unit_test(test_a_digest_without_a_signature_is_refused),
		cmocka_unit_test(test_a_given_signature_that_does_not_verify_is_refused),
		cmocka_unit_test(test_other_documents_of_signatures_are_refused),
	};

	return cmocka_run_group_tests_name("digests", tests, make_site, free_site);
}
