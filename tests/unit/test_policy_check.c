// SPDX-License-Identifier: LGPL-2.1-or-later
/* Policies that a site's ima-init is made with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "policy_check.h"

#define FIRST "appraise func=POLICY_CHECK appraise_type=imasig\n"

static void note(void *context, const char *sentence)
{
	char *warnings = context;

	strncat(warnings, sentence, 500);
	strcat(warnings, "\n");
}

static void accepts(const char *text, const char *wanted)
{
	struct pkgima_error error = { "" };
	char warnings[2048] = "";

	if (pkgima_policy_check((const uint8_t *)text, strlen(text), note, warnings, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	assert_string_equal(warnings, wanted);
	assert_int_equal(pkgima_policy_check((const uint8_t *)text, strlen(text), NULL, NULL, NULL), 0);
}

static void refuses(const char *text, const char *part)
{
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_policy_check((const uint8_t *)text, strlen(text), NULL, NULL, &error), -EINVAL);
	if (!strstr(error.text, part))
		fail_msg("%s: \"%s\" instead of \"%s\"", text, error.text, part);
}

static void test_policies_that_are_good(void **state)
{
	(void)state;
	accepts(FIRST "dont_appraise fsmagic=0x9fa0\n\n# words\nappraise func=BPRM_CHECK appraise_type=imasig\n", "");
	accepts("\t # tmpfs\n  appraise \t func=POLICY_CHECK  appraise_type=imasig", "");
	accepts(FIRST "measure fsname=tmpfs\ndont_measure fsmagic=0x01021994\nappraise fsname=tmpfs func=MMAP_CHECK\n"
		"hash func=FILE_CHECK\naudit func=BPRM_CHECK\ndont_appraise fsname=tmpfs2\n"
		"dont_appraise fsuuid=01021994-0000-0000-0000-000000000000\n", "");
}

static void test_what_is_warned_of(void **state)
{
	(void)state;
	accepts("audit func=POLICY_CHECK\n", "no rule appraises: nothing is denied\n");
	accepts(FIRST "\ndont_appraise obj_type=var_log_t\n", "line 3: it exempts files on all file systems\n");
}

static void test_the_first_rule(void **state)
{
	(void)state;
	refuses("", "it has no rules");
	refuses("\n# appraise func=POLICY_CHECK\n", "it has no rules");
	refuses("appraise func=BPRM_CHECK\n" FIRST, "line 1: the first rule has to be one about POLICY_CHECK");
	refuses("\n#\ndont_appraise func=POLICY_CHECK\n", "line 3: the first rule has to be one about POLICY_CHECK");
	refuses("appraise func=POLICY_CHECK2\n", "line 1: the first rule");
	refuses("appraise appraise_type=imasig\n", "line 1: the first rule");
}

static void test_exemptions(void **state)
{
	static const char *const bad[] = {
		"fsmagic=0x01021994", "fsmagic=1021994", "fsmagic=0x858458f6", "fsmagic=858458F6", "fsname=tmpfs", "fsname=ramfs",
		"fsname=rootfs", "fsname=devtmpfs",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), FIRST "appraise func=BPRM_CHECK\n dont_appraise func=BPRM_CHECK %s\n", bad[i]);
		refuses(text, "line 3: it exempts ");
	}
}

static void test_what_is_no_policy(void **state)
{
	struct pkgima_error error;
	char *text = malloc(300000);

	(void)state;
	refuses(FIRST "deny func=BPRM_CHECK\n", "line 2: no kernel knows");
	refuses(FIRST "Appraise func=BPRM_CHECK\n", "line 2: no kernel knows");
	refuses(FIRST "appraise\r\n", "byte ");
	assert_int_equal(pkgima_policy_check((const uint8_t *)FIRST "\0\n", strlen(FIRST) + 2, NULL, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no text"));
	memset(text, 'a', 299999);
	text[299999] = '\0';
	memcpy(text, FIRST, strlen(FIRST));
	refuses(text, "more than ");
	text[strlen(FIRST) + 4095] = '\0';
	refuses(text, "line 2: it has more than 4094 bytes");
	text[strlen(FIRST) + 4094] = '\0';
	refuses(text, "line 2: no kernel knows");
	for (int i = 0; i < 2000; i++)
		text[strlen(FIRST) + (size_t)i] = i % 2 ? ' ' : 'a';
	refuses(text, "line 2: it has too many words");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policies_that_are_good),
		cmocka_unit_test(test_what_is_warned_of),
		cmocka_unit_test(test_the_first_rule),
		cmocka_unit_test(test_exemptions),
		cmocka_unit_test(test_what_is_no_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
