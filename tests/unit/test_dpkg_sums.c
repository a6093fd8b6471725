// SPDX-License-Identifier: LGPL-2.1-or-later
/* What dpkg has recorded of files: which lines count, for which package, and what is refused. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "signing/dpkg_sums.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "00112233445566778899aabbccddeeff"

static int parse(const char *text, int (*parser)(struct pkgima_dpkg_sums *sums, struct pkgima_error *error),
		 struct pkgima_dpkg_sums *sums, struct pkgima_error *error)
{
	*sums = (struct pkgima_dpkg_sums){ .text = strdup(text), .length = strlen(text) };
	assert_non_null(sums->text);
	return parser(sums, error);
}

static void test_files(void **state)
{
	static const uint8_t b[16] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	struct pkgima_dpkg_sums sums;
	struct pkgima_error error = { "" };
	const struct pkgima_dpkg_sum *sum;

	(void)state;
	assert_int_equal(parse(A "  usr/z\n" B "  usr/with  space\n" A "  ./usr/dotted\n" A "  /usr/whole\n" A "  usr/back\\x2dslash",
			       pkgima_dpkg_sums_parse, &sums, &error), 0);
	assert_int_equal(sums.count, 5);
	sum = pkgima_dpkg_sums_find(&sums, NULL, "/usr/with  space");
	assert_non_null(sum);
	assert_memory_equal(sum->md5, b, sizeof(b));
	assert_non_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/z"));
	assert_non_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/dotted"));
	assert_non_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/whole"));
	assert_non_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/back\\x2dslash"));
	assert_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr"));
	assert_null(pkgima_dpkg_sums_find(&sums, NULL, "usr/z"));
	pkgima_dpkg_sums_free(&sums);
	assert_int_equal(parse("", pkgima_dpkg_sums_parse, &sums, &error), 0);
	assert_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/z"));
	pkgima_dpkg_sums_free(&sums);
}

static void test_two_digests_are_none(void **state)
{
	struct pkgima_dpkg_sums sums;
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(parse(A "  usr/z\n" B "  usr/a\n" B "  usr/z\n", pkgima_dpkg_sums_parse, &sums, &error), 0);
	assert_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/z"));
	assert_non_null(pkgima_dpkg_sums_find(&sums, NULL, "/usr/a"));
	pkgima_dpkg_sums_free(&sums);
}

static void test_malformed_lines(void **state)
{
	static const char *const bad[] = {
		"\n", "x", A, A "\n", A "  \n", A " usr/z\n", A " *usr/z\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  usr/z\n", "g" A "  usr/z\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pkgima_dpkg_sums sums;
		struct pkgima_error error = { "" };
		char *text = NULL;

		assert_true(asprintf(&text, A "  usr/a\n%s", bad[i]) > 0);
		assert_int_equal(parse(text, pkgima_dpkg_sums_parse, &sums, &error), -EINVAL);
		assert_non_null(strstr(error.text, "line 2 "));
		pkgima_dpkg_sums_free(&sums);
		free(text);
	}
}

static const char status_text[] =
	"Package: one\nStatus: install ok installed\nArchitecture: amd64\nConffiles:\n"
	" /etc/one " A "\n /etc/with space " B "\n /etc/old " A " obsolete\n /etc/flags " B " obsolete remove-on-upgrade\n"
	" /etc/new newconffile\n /etc/short abc\n /etc/shared " A "\nDescription: x\n /etc/no " A "\n"
	"\n"
	"Conffiles:\n /etc/shared " B "\nArchitecture: i386\nPackage: same";

static void test_status(void **state)
{
	static const char *const there[] = { "/etc/one", "/etc/with space", "/etc/old", "/etc/flags", "/etc/shared" };
	static const char *const absent[] = { "/etc/new", "/etc/short", "/etc/no", "/etc" };
	struct pkgima_dpkg_sums sums;
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(parse(status_text, pkgima_dpkg_sums_parse_status, &sums, &error), 0);
	for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
		assert_non_null(pkgima_dpkg_sums_find(&sums, "one", there[i]));
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_null(pkgima_dpkg_sums_find(&sums, "one", absent[i]));
	/* Each package has its own. */
	assert_int_equal(pkgima_dpkg_sums_find(&sums, "one:amd64", "/etc/shared")->md5[0], 0xaa);
	assert_int_equal(pkgima_dpkg_sums_find(&sums, "same:i386", "/etc/shared")->md5[0], 0);
	assert_null(pkgima_dpkg_sums_find(&sums, "same:amd64", "/etc/shared"));
	assert_null(pkgima_dpkg_sums_find(&sums, "one-more", "/etc/shared"));
	assert_null(pkgima_dpkg_sums_find(&sums, "on", "/etc/shared"));
	pkgima_dpkg_sums_free(&sums);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_two_digests_are_none),
		cmocka_unit_test(test_malformed_lines),
		cmocka_unit_test(test_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
