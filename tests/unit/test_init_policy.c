// SPDX-License-Identifier: LGPL-2.1-or-later
/* What ima-init can tell from the text of a policy. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../pkg-ima-init/policy_text.h"

static int examine(const char *text, size_t length, struct policy_text *policy, struct pkgima_error *error)
{
	char *exact = malloc(length ? length : 1);
	int r;

	assert_non_null(exact);
	memcpy(exact, text, length);
	memset(policy, 0, sizeof(*policy));
	error->text[0] = '\0';
	r = policy_text_examine(exact, length, policy, error);
	free(exact);
	return r;
}

static void test_reach(void **state)
{
	static const struct {
		const char *text;
		size_t rules;
		bool appraises, enforces, file_check;
	} all[] = {
		{ "audit func=BPRM_CHECK\n", 1, false, false, false },
		{ "measure func=FILE_CHECK\ndont_appraise fsmagic=0x9fa0\n", 2, false, false, false },
		{ "appraise func=POLICY_CHECK appraise_type=imasig\n", 1, true, false, false },
		{ "appraise func=BPRM_CHECK appraise_type=imasig\n", 1, true, true, false },
		{ "appraise func=MMAP_CHECK mask=MAY_EXEC\n", 1, true, true, false },
		{ " \tappraise \t func=MODULE_CHECK\n", 1, true, false, false },
		{ "appraise func=FILE_CHECK fowner=0\n", 1, true, true, true },
		{ "appraise func=PATH_CHECK\n", 1, true, true, true },
		{ "appraise fowner=0 appraise_type=imasig\n", 1, true, true, true },
		/* Of others than root. */
		{ "appraise func=BPRM_CHECK fowner=777\n", 1, true, false, false },
		{ "appraise func=BPRM_CHECK fgroup=777\n", 1, true, false, false },
		{ "appraise func=BPRM_CHECK fowner>10\n", 1, true, false, false },
		{ "appraise func=BPRM_CHECK fowner<10\n", 1, true, true, false },
		{ "appraise func=FILE_CHECK uid=1000\n", 1, true, false, true },
		{ "appraise func=BPRM_CHECK euid=0 fowner=00\n", 1, true, true, false },
		/* One rule of many. */
		{ "audit func=BPRM_CHECK\n\n# appraise func=FILE_CHECK\n  # x\nappraise func=BPRM_CHECK fsuuid=0\n", 2, true,
		  true, false },
		{ "appraised func=BPRM_CHECK\nxappraise\n", 2, false, false, false },
		{ "appraise\n", 1, true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct pkgima_error error;
		struct policy_text policy;

		if (examine(all[i].text, strlen(all[i].text), &policy, &error) < 0 || policy.rules != all[i].rules ||
		    policy.appraises != all[i].appraises || policy.enforces != all[i].enforces ||
		    policy.file_check != all[i].file_check)
			fail_msg("%s: %zu %d %d %d %s", all[i].text, policy.rules, policy.appraises, policy.enforces,
				 policy.file_check, error.text);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *why;
	} all[] = {
		{ "", 0, "it has no rule" },
		{ "\n\n", 2, "it has no rule" },
		{ "# a\n", 4, "it has no rule" },
		{ "audit\naudit", 11, "no line feed at its end" },
		{ "audit\n# end", 11, "no line feed at its end" },
		{ "audit\n/etc/policy\n", 18, "line 2 is a path, not a rule" },
		{ "audit\nau\0dit\n", 13, "line 2 has a NUL byte" },
		{ "\0", 1, "line 1 has a NUL byte" },
	};
	cleanup_bytes struct support_bytes line = { 0 };
	struct pkgima_error error;
	struct policy_text policy;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(examine(all[i].text, all[i].length, &policy, &error), -EINVAL);
		assert_string_equal(error.text, all[i].why);
	}
	/* A page, which the kernel would cut; and what just fits. */
	support_append(&line, "audit\n", 6);
	while (line.length < 6 + 4093)
		support_append(&line, "x", 1);
	support_append(&line, "\n", 1);
	assert_int_equal(examine((char *)line.data, line.length, &policy, &error), 0);
	line.data[line.length - 1] = 'x';
	support_append(&line, "\n", 1);
	assert_int_equal(examine((char *)line.data, line.length, &policy, &error), -EINVAL);
	assert_string_equal(error.text, "line 2 is too long");
}

static void test_rules(void **state)
{
	static const char text[] = "# a\n\n  audit x\n\t\nmeasure\n #\nlast";
	const char *rule;
	size_t at = 0, length;

	(void)state;
	assert_true(policy_text_next(text, strlen(text), &at, &rule, &length));
	assert_int_equal(length, 9);
	assert_memory_equal(rule, "  audit x", 9);
	assert_true(policy_text_next(text, strlen(text), &at, &rule, &length));
	assert_memory_equal(rule, "measure\n", 8);
	assert_true(policy_text_next(text, strlen(text), &at, &rule, &length));
	assert_int_equal(length, 4);
	assert_false(policy_text_next(text, strlen(text), &at, &rule, &length));
	assert_int_equal(at, strlen(text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
