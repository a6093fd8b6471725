// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signing on threads: each digest once, and nothing given out that does not verify. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signature.h"
#include "signing/signer.h"
#include "verify.h"

#define DIGESTS 100

static struct {
	char *folder;
	struct support_key rsa, p256, other_rsa, other_p256;
	struct pkgima_trust *trust;
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.p256, site.folder, "p256", "p256");
	support_key_make(&site.other_rsa, site.folder, "other-rsa", "rsa2048");
	support_key_make(&site.other_p256, site.folder, "other-p256", "p256");
	site.trust = support_trust(&site.rsa, &site.p256);
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.rsa);
	support_key_free(&site.p256);
	support_key_free(&site.other_rsa);
	support_key_free(&site.other_p256);
	support_remove(site.folder);
	return 0;
}

static struct pkgima_signer *new_signer(const struct support_key *key, const struct support_key *certificate,
					unsigned int threads)
{
	struct pkgima_signer *signer = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_signer_new(key->key, certificate->certificate, threads, &signer, &error) < 0)
		fail_msg("%s", error.text);
	return signer;
}

static void digest_of(size_t number, enum pkgima_hash hash, uint8_t digest[PKGIMA_DIGEST_MAX])
{
	support_digest(hash, &number, sizeof(number), digest);
}

static const struct pkgima_value *submit(struct pkgima_signer *signer, enum pkgima_hash hash, size_t number)
{
	const struct pkgima_value *value = NULL;
	struct pkgima_error error = { "" };
	uint8_t digest[PKGIMA_DIGEST_MAX];

	digest_of(number, hash, digest);
	assert_int_equal(pkgima_signer_submit(signer, hash, digest, &value, &error), 0);
	assert_non_null(value);
	return value;
}

static void assert_good(const struct pkgima_value *value, enum pkgima_hash hash, size_t number)
{
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	uint8_t digest[PKGIMA_DIGEST_MAX];

	digest_of(number, hash, digest);
	assert_int_equal(pkgima_verifier_check(verifier, value, hash, digest, NULL), PKGIMA_VERDICT_OK);
	pkgima_verifier_free(verifier);
}

static void sign_many(const struct support_key *key, unsigned int threads)
{
	struct pkgima_signer *signer = new_signer(key, key, threads);
	const struct pkgima_value *values[3 * DIGESTS];
	struct pkgima_error error = { "" };

	/* Every digest three times. */
	for (size_t i = 0; i < (size_t)3 * DIGESTS; i++)
		values[i] = submit(signer, PKGIMA_HASH_SHA256, i % DIGESTS);
	assert_int_equal(pkgima_signer_wait(signer, &error), 0);
	for (size_t i = 0; i < (size_t)3 * DIGESTS; i++) {
		assert_ptr_equal(values[i], values[i % DIGESTS]);
		if (i < DIGESTS)
			assert_good(values[i], PKGIMA_HASH_SHA256, i);
	}
	assert_int_equal(pkgima_signer_count(signer), DIGESTS);
	pkgima_signer_free(signer);
}

static void test_duplicates_are_signed_once_on_1_to_8_threads(void **state)
{
	(void)state;
	for (unsigned int threads = 0; threads <= 8; threads++) {
		sign_many(&site.p256, threads);
		sign_many(&site.rsa, threads);
	}
}

static void test_more_threads_than_there_may_be(void **state)
{
	(void)state;
	sign_many(&site.p256, 100000);
}

static void test_hashes_are_not_mixed_up(void **state)
{
	static const struct support_key *const keys[] = { &site.rsa, &site.p256 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct pkgima_signer *signer = new_signer(keys[k], keys[k], 2);
		const struct pkgima_value *values[60];
		struct pkgima_error error = { "" };

		for (size_t i = 0; i < 60; i++)
			values[i] = submit(signer, (enum pkgima_hash)(i % 3), i);
		assert_int_equal(pkgima_signer_wait(signer, &error), 0);
		for (size_t i = 0; i < 60; i++) {
			struct pkgima_signature signature;

			assert_int_equal(pkgima_signature_parse(values[i]->bytes, values[i]->length, &signature, &error), 0);
			assert_int_equal(signature.hash, i % 3);
			assert_int_equal(signature.key_id, keys[k]->certificate->key_id);
			assert_good(values[i], (enum pkgima_hash)(i % 3), i);
		}
		pkgima_signer_free(signer);
	}
}

static void test_rsa_is_deterministic(void **state)
{
	struct pkgima_signer *one = new_signer(&site.rsa, &site.rsa, 1), *four = new_signer(&site.rsa, &site.rsa, 4);
	const struct pkgima_value *first[20], *second[20];
	struct pkgima_error error = { "" };

	(void)state;
	for (size_t i = 0; i < 20; i++)
		first[i] = submit(one, PKGIMA_HASH_SHA512, i);
	for (size_t i = 20; i-- > 0; )
		second[i] = submit(four, PKGIMA_HASH_SHA512, i);
	assert_int_equal(pkgima_signer_wait(one, &error), 0);
	assert_int_equal(pkgima_signer_wait(four, &error), 0);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(first[i]->length, second[i]->length);
		assert_memory_equal(first[i]->bytes, second[i]->bytes, first[i]->length);
	}
	pkgima_signer_free(one);
	pkgima_signer_free(four);
}

static void test_reset_forgets_and_goes_on(void **state)
{
	struct pkgima_signer *signer = new_signer(&site.p256, &site.p256, 3);
	struct pkgima_error error = { "" };

	(void)state;
	for (size_t round = 0; round < 20; round++) {
		const struct pkgima_value *values[10];

		for (size_t i = 0; i < 10; i++)
			values[i] = submit(signer, PKGIMA_HASH_SHA256, i);
		/* Every other time without having waited. */
		if (round % 2 == 0) {
			assert_int_equal(pkgima_signer_wait(signer, &error), 0);
			for (size_t i = 0; i < 10; i++)
				assert_good(values[i], PKGIMA_HASH_SHA256, i);
		}
		pkgima_signer_reset(signer);
		assert_int_equal(pkgima_signer_count(signer), 10 * (round + 1));
	}
	pkgima_signer_free(signer);
}

static void test_nothing_submitted(void **state)
{
	struct pkgima_signer *signer = new_signer(&site.p256, &site.p256, 2);
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(pkgima_signer_wait(signer, &error), 0);
	assert_int_equal(pkgima_signer_wait(signer, &error), 0);
	pkgima_signer_reset(signer);
	assert_int_equal(pkgima_signer_count(signer), 0);
	pkgima_signer_free(signer);
	pkgima_signer_free(NULL);
}

static void test_free_drops_what_was_not_begun(void **state)
{
	struct pkgima_signer *signer = new_signer(&site.rsa, &site.rsa, 2);

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		submit(signer, PKGIMA_HASH_SHA256, i);
	pkgima_signer_free(signer);
}

/* The certificate is another key's: nothing is given out, whatever is done. */
static void test_a_key_that_is_not_the_certificates_never_signs(void **state)
{
	static const struct { const struct support_key *key, *certificate; } pairs[] = {
		{ &site.rsa, &site.other_rsa }, { &site.p256, &site.other_p256 },
		{ &site.rsa, &site.p256 }, { &site.p256, &site.rsa },
	};

	(void)state;
	for (size_t k = 0; k < sizeof(pairs) / sizeof(pairs[0]); k++) {
		for (unsigned int threads = 1; threads <= 4; threads++) {
			struct pkgima_signer *signer = new_signer(pairs[k].key, pairs[k].certificate, threads);

			/* Again after a reset: a failure must not leave anything half set up. */
			for (int round = 0; round < 3; round++) {
				const struct pkgima_value *values[20];
				struct pkgima_error error = { "" };

				for (size_t i = 0; i < 20; i++)
					values[i] = submit(signer, PKGIMA_HASH_SHA256, i);
				assert_int_equal(pkgima_signer_wait(signer, &error), -EIO);
				assert_true(strstr(error.text, "does not verify with the certificate") ||
					    strstr(error.text, "did not sign"));
				for (size_t i = 0; i < 20; i++)
					assert_null(values[i]->bytes);
				/* It stays failed until it is reset. */
				submit(signer, PKGIMA_HASH_SHA256, 1000);
				assert_int_equal(pkgima_signer_wait(signer, NULL), -EIO);
				pkgima_signer_reset(signer);
			}
			pkgima_signer_free(signer);
		}
	}
}

static void do_nothing(int number)
{
	(void)number;
}

/* Signals are the caller's thread's: none of the others may be taken from its work by one. */
static void test_signals_stay_with_the_caller(void **state)
{
	struct sigaction action = { .sa_handler = do_nothing }, before;
	struct pkgima_signer *signer;
	sigset_t set, old;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	signer = new_signer(&site.p256, &site.p256, 4);
	/* Blocked here and in all the others, it remains pending. */
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	submit(signer, PKGIMA_HASH_SHA256, 1);
	assert_int_equal(pkgima_signer_wait(signer, NULL), 0);
	assert_int_equal(sigpending(&set), 0);
	assert_int_equal(sigismember(&set, SIGUSR1), 1);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
	pkgima_signer_free(signer);
	sigaction(SIGUSR1, &before, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duplicates_are_signed_once_on_1_to_8_threads),
		cmocka_unit_test(test_more_threads_than_there_may_be),
		cmocka_unit_test(test_hashes_are_not_mixed_up),
		cmocka_unit_test(test_rsa_is_deterministic),
		cmocka_unit_test(test_reset_forgets_and_goes_on),
		cmocka_unit_test(test_nothing_submitted),
		cmocka_unit_test(test_free_drops_what_was_not_begun),
		cmocka_unit_test(test_a_key_that_is_not_the_certificates_never_signs),
		cmocka_unit_test(test_signals_stay_with_the_caller),
	};

	return cmocka_run_group_tests_name("signer", tests, make_site, free_site);
}
