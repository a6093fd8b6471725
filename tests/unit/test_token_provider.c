// SPDX-License-Identifier: LGPL-2.1-or-later
/* Where OpenSSL has a provider for tokens, it is used, and not the engine; here it is that of provider.c. */
#include "support.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/provider.h>

#include "signing/key.h"
#include "signing/signer.h"
#include "signing/token.h"

static struct site {
	char *folder;
	struct support_key rsa;
} site;

static int make_site(void **state)
{
	char program[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	(void)state;
	assert_true(length > 0);
	program[length] = '\0';
	assert_int_equal(setenv("OPENSSL_MODULES", support_path(dirname(program), "modules"), 1), 0);
	/* An engine would have none of it. */
	assert_int_equal(setenv("OPENSSL_ENGINES", "/nonexistent", 1), 0);
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	assert_int_equal(setenv("PROVIDER_KEY", support_path(site.folder, "rsa/ima.key"), 1), 0);
	assert_int_equal(setenv("PROVIDER_LOG", support_path(site.folder, "log"), 1), 0);
	return 0;
}

static int free_site(void **state)
{
	OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "pkcs11");

	(void)state;
	/* It stays loaded as long as the process; LeakSanitizer would look for who has it. */
	assert_int_equal(OSSL_PROVIDER_unload(provider), 1);
	assert_int_equal(OSSL_PROVIDER_unload(provider), 1);
	support_key_free(&site.rsa);
	support_remove(site.folder);
	return 0;
}

static void expect_log(const char *wanted)
{
	size_t length;
	char *log = (char *)support_read(support_path(site.folder, "log"), &length);

	assert_string_equal(log, wanted);
	free(log);
	assert_int_equal(unlink(support_path(site.folder, "log")), 0);
}

static void test_the_provider_gives_the_key(void **state)
{
	const struct pkgima_value *given = NULL, *made = NULL;
	cleanup_signer struct pkgima_signer *first = NULL, *second = NULL;
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_error error = { "" };
	EVP_PKEY *key = NULL;

	(void)state;
	if (pkgima_key_load("pkcs11:token=x;object=signing?pin-value=1234&module-path=/nowhere.so", &key, &error) < 0)
		fail_msg("%s", error.text);
	expect_log("ol");
	assert_string_equal(getenv("PKCS11_PROVIDER_MODULE"), "/nowhere.so");
	assert_int_equal(pkgima_key_check(key, site.rsa.certificate, time(NULL), &error), 0);
	support_digest(PKGIMA_HASH_SHA256, "x", 1, digest);
	assert_int_equal(pkgima_signer_new(key, site.rsa.certificate, 2, &first, &error), 0);
	assert_int_equal(pkgima_signer_new(site.rsa.key, site.rsa.certificate, 2, &second, &error), 0);
	assert_int_equal(pkgima_signer_submit(first, PKGIMA_HASH_SHA256, digest, &given, &error), 0);
	assert_int_equal(pkgima_signer_submit(second, PKGIMA_HASH_SHA256, digest, &made, &error), 0);
	assert_int_equal(pkgima_signer_wait(first, &error), 0);
	assert_int_equal(pkgima_signer_wait(second, &error), 0);
	assert_int_equal(given->length, made->length);
	assert_memory_equal(given->bytes, made->bytes, made->length);
	EVP_PKEY_free(key);
}

static void refuse(const char *uri, int code, const char *part)
{
	struct pkgima_error error = { "" };
	EVP_PKEY *key = NULL;

	assert_int_equal(pkgima_key_load(uri, &key, &error), code);
	assert_null(key);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_a_wrong_pin_is_tried_once(void **state)
{
	(void)state;
	refuse("pkcs11:object=signing?pin-value=4321", -EINVAL, "cannot use the key pkcs11:object=signing: ");
	expect_log("ol");
	refuse("pkcs11:object=other?pin-value=1234", -EINVAL, "cannot use the key pkcs11:object=other: ");
	expect_log("o");
}

static void test_without_a_terminal_nobody_is_asked(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		struct pkgima_error error = { "" };
		EVP_PKEY *key = NULL;

		setsid();
		_exit(pkgima_key_load("pkcs11:object=signing", &key, &error) == -ENOTTY &&
		      strstr(error.text, "there is no terminal") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect_log("ol");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_provider_gives_the_key),
		cmocka_unit_test(test_a_wrong_pin_is_tried_once),
		cmocka_unit_test(test_without_a_terminal_nobody_is_asked),
	};

	return cmocka_run_group_tests_name("token_provider", tests, make_site, free_site);
}
