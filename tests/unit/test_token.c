// SPDX-License-Identifier: LGPL-2.1-or-later
/* URIs of keys in tokens, and where a PIN comes from: no token is needed for it. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signing/key.h"
#include "signing/token.h"

static void expect_uri(const char *text, const char *object, const char *module, const char *source, const char *pin)
{
	cleanup_token_uri struct pkgima_token_uri uri = { 0 };
	struct pkgima_error error = { "" };

	if (pkgima_token_uri_parse(text, &uri, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	assert_string_equal(uri.object, object);
	assert_string_equal(uri.module ? uri.module : "-", module ? module : "-");
	assert_string_equal(uri.pin_source ? uri.pin_source : "-", source ? source : "-");
	assert_string_equal(uri.pin ? uri.pin : "-", pin ? pin : "-");
	assert_int_equal(pkgima_token_shows_pin(text), pin != NULL);
}

static void test_uris(void **state)
{
	(void)state;
	expect_uri("pkcs11:", "pkcs11:", NULL, NULL, NULL);
	expect_uri("PKCS11:token=a;object=b", "pkcs11:token=a;object=b", NULL, NULL, NULL);
	expect_uri("pkcs11:token=a;object=b?module-path=/usr/lib/m%20x.so", "pkcs11:token=a;object=b", "/usr/lib/m x.so",
		   NULL, NULL);
	expect_uri("pkcs11:token=a?module-name=x&pin-source=file:/run/pin", "pkcs11:token=a?module-name=x", NULL,
		   "/run/pin", NULL);
	expect_uri("pkcs11:token=a?pin-source=/dev/fd/3&module-name=x", "pkcs11:token=a?module-name=x", NULL, "/dev/fd/3",
		   NULL);
	expect_uri("pkcs11:token=a?pin-source=file:///run/pin", "pkcs11:token=a", NULL, "/run/pin", NULL);
	expect_uri("pkcs11:token=a?pin-value=12%3334", "pkcs11:token=a", NULL, NULL, "12334");
	/* Older ones have it among the attributes of the path. */
	expect_uri("pkcs11:pin-value=1234;token=a;;object=b", "pkcs11:token=a;object=b", NULL, NULL, "1234");
	expect_uri("pkcs11:?pin-value=1", "pkcs11:", NULL, NULL, "1");
	expect_uri("pkcs11:token=pin-value%3d1", "pkcs11:token=pin-value%3d1", NULL, NULL, NULL);
	expect_uri("pkcs11:object=a&b?pin-value=1;2?3", "pkcs11:object=a&b", NULL, NULL, "1;2?3");
	expect_uri("pkcs11:token=%zz", "pkcs11:token=%zz", NULL, NULL, NULL);
	assert_true(pkgima_token_is_uri("pkcs11:x"));
	assert_false(pkgima_token_is_uri("/pkcs11:x"));
	assert_false(pkgima_token_shows_pin("pin-value=1"));
}

static void refuse_uri(const char *text, const char *part)
{
	cleanup_token_uri struct pkgima_token_uri uri = { 0 };
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_token_uri_parse(text, &uri, &error), -EINVAL);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
	/* What was wrong may have been the PIN. */
	assert_null(strstr(error.text, "SECRET"));
	assert_null(uri.object);
}

static void test_uris_that_are_refused(void **state)
{
	char text[PKGIMA_TOKEN_URI_MAX + 2];

	(void)state;
	refuse_uri("pkcs11:a=b?pin-value=SECRET&pin-value=SECRET", "pin-value twice");
	refuse_uri("pkcs11:pin-value=SECRET?pin-value=SECRET", "pin-value twice");
	refuse_uri("pkcs11:a=b?pin-source=/a&pin-source=/b", "pin-source twice");
	refuse_uri("pkcs11:a=b?pin-value=SECRET&pin-source=/a", "both");
	refuse_uri("pkcs11:a=b?pin-value=SECRET%0", "broken or empty pin-value");
	refuse_uri("pkcs11:a=b?pin-value=SECRET%", "broken or empty pin-value");
	refuse_uri("pkcs11:a=b?pin-value=SECRET%g0", "broken or empty pin-value");
	refuse_uri("pkcs11:a=b?pin-value=SECRET%00", "broken or empty pin-value");
	refuse_uri("pkcs11:a=b?pin-value=", "broken or empty pin-value");
	/* libp11 takes all of these for a PIN, or somebody may mean one. */
	refuse_uri("pkcs11:a=b&pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?module-name=x;pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?module-name=x?pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?module-path=/x;pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?pin-source=/x;pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?PIN-Value=SECRET", "in another attribute");
	refuse_uri("pkcs11:token=pin-value=SECRET", "in another attribute");
	refuse_uri("pkcs11:a=b?pin-source=|cat%20SECRET", "has to be a file");
	refuse_uri("pkcs11:a=b?pin-source=relative", "has to be a file");
	refuse_uri("pkcs11:a=b?pin-source=file:relative", "has to be a file");
	refuse_uri("pkcs11:a=b?pin-source=data:SECRET", "has to be a file");
	refuse_uri("file:/x", "no pkcs11: URI");
	strcpy(text, "pkcs11:a=");
	memset(text + 9, 'x', sizeof(text) - 10);
	text[sizeof(text) - 1] = '\0';
	refuse_uri(text, "4096");
	snprintf(text, sizeof(text), "pkcs11:a=b?pin-value=%0256d", 1);
	refuse_uri(text, "255");
}

/* What fails before a token is looked for. */
static void refuse_pin(const char *uri, int code, const char *part)
{
	struct pkgima_error error = { "" };
	EVP_PKEY *key = NULL;

	assert_int_equal(pkgima_key_load(uri, &key, &error), code);
	assert_null(key);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_sources_of_a_pin_that_are_none(void **state)
{
	char *folder = support_folder();
	char uri[300];

	(void)state;
	snprintf(uri, sizeof(uri), "pkcs11:a=b?pin-source=%s/missing", folder);
	refuse_pin(uri, -ENOENT, "cannot read the PIN from");
	snprintf(uri, sizeof(uri), "pkcs11:a=b?pin-source=%s", folder);
	refuse_pin(uri, -EISDIR, "cannot read the PIN from");
	snprintf(uri, sizeof(uri), "pkcs11:a=b?pin-source=file:%s/pin", folder);
	support_write_text(support_path(folder, "pin"), "\n1234\n", 0600);
	refuse_pin(uri, -EINVAL, "is no PIN of 1 to 255 bytes");
	support_write(support_path(folder, "pin"), "12\0" "34\n", 6, 0600);
	refuse_pin(uri, -EINVAL, "is no PIN");
	{
		char text[258];

		memset(text, '1', sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		support_write_text(support_path(folder, "pin"), text, 0600);
		refuse_pin(uri, -EINVAL, "is no PIN");
		assert_int_equal(setenv(PKGIMA_TOKEN_PIN_VARIABLE, text, 1), 0);
		refuse_pin("pkcs11:a=b", -EINVAL, "more than 255 bytes");
		assert_int_equal(unsetenv(PKGIMA_TOKEN_PIN_VARIABLE), 0);
	}
	support_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uris),
		cmocka_unit_test(test_uris_that_are_refused),
		cmocka_unit_test(test_sources_of_a_pin_that_are_none),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
