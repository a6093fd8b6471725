// SPDX-License-Identifier: LGPL-2.1-or-later
/* What apt tells its hooks. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../dpkg-hook/apt_hook.h"

/* Parses @length bytes; the result, and in any case the run, which is to be freed. */
static int parse(const char *text, size_t length, struct apt_run *run)
{
	struct pkgima_error error = { "" };
	char *copy = malloc(length + 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, length);
	copy[length] = '\0';
	r = apt_run_parse(copy, length, run, &error);
	assert_true(r == 0 || (r == -EINVAL && error.text[0]));
	return r;
}

static void test_a_run(void **state)
{
	static const char text[] =
		"VERSION 3\n"
		"APT::Architecture=amd64\n"
		"DPkg::Path=/usr/libexec/dpkg-ima/bin:/usr/bin\n"
		"DPkg::Options::=--force-confold\n"
		"without a value\n"
		"\n"
		"new - - none < 1.0 amd64 same /var/cache/apt/archives/new_1.0_amd64.deb\n"
		"old 1 amd64 none > - - none **REMOVE**\n"
		"up 1 amd64 none < 2 amd64 none /root/with spaces.deb\n"
		"conf 1 all none = 1 all none **CONFIGURE**\n";
	struct apt_run run;

	(void)state;
	assert_int_equal(parse(text, strlen(text), &run), 0);
	assert_string_equal(run.path, "/usr/libexec/dpkg-ima/bin:/usr/bin");
	assert_null(run.root);
	assert_int_equal(run.count, 2);
	assert_string_equal(run.archives[0], "/var/cache/apt/archives/new_1.0_amd64.deb");
	assert_string_equal(run.archives[1], "/root/with spaces.deb");
	apt_run_free(&run);
}

static void test_settings(void **state)
{
	static const struct { const char *line, *path, *root; } all[] = {
		{ "DPkg::Path=/a%20b%3a%3A/c", "/a b::/c", NULL },
		/* No escapes, or of a NUL: as they stand. */
		{ "DPkg::Path=/%", "/%", NULL },
		{ "DPkg::Path=/%4", "/%4", NULL },
		{ "DPkg::Path=/%g4%4g", "/%g4%4g", NULL },
		{ "DPkg::Path=/a%00b", "/a%00b", NULL },
		{ "DPkg::Path=", "", NULL },
		{ "DPkg::Paths=/a", NULL, NULL },
		{ "DPkg::Options::=--root=/target", NULL, "/target" },
		{ "Dpkg::options::7=--instdir=/a%3db", NULL, "/a=b" },
		{ "DPkg::Options::=--root=/a\nDPkg::Options::=--root=/b", NULL, "/b" },
		{ "DPkg::Options::=--rooted=/a", NULL, NULL },
		{ "DPkg::Options=--root=/a", NULL, NULL },
		{ "Other::Options::=--root=/a", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cleanup_bytes struct support_bytes text = { 0 };
		struct apt_run run;

		support_append(&text, "VERSION 3\n", 10);
		support_append(&text, all[i].line, strlen(all[i].line));
		support_append(&text, "\n\n", 2);
		assert_int_equal(parse((char *)text.data, text.length, &run), 0);
		if (all[i].path)
			assert_string_equal(run.path, all[i].path);
		else
			assert_null(run.path);
		if (all[i].root)
			assert_string_equal(run.root, all[i].root);
		else
			assert_null(run.root);
		assert_int_equal(run.count, 0);
		apt_run_free(&run);
	}
}

/* Ends that apt does not write. */
static void test_short(void **state)
{
	static const struct { const char *text; size_t count; } all[] = {
		{ "VERSION 3", 0 },
		{ "VERSION 3\n", 0 },
		{ "VERSION 3\nA=b", 0 },
		{ "VERSION 3\n\n", 0 },
		{ "VERSION 3\n\na - - none < 1 all none /a.deb", 1 },
		{ "VERSION 3\n\na - - none < 1 all none /a.deb\nb - - none < 1 all none /b.deb\n", 2 },
		/* The name of a file may begin with one *. */
		{ "VERSION 3\n\na - - none < 1 all none *a.deb\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct apt_run run;

		assert_int_equal(parse(all[i].text, strlen(all[i].text), &run), 0);
		assert_int_equal(run.count, all[i].count);
		apt_run_free(&run);
	}
}

static void test_malformed(void **state)
{
	static const char *const all[] = {
		"",
		"\n",
		"/var/cache/apt/archives/a.deb\n",
		"VERSION 2\n\na - < 1 /a.deb\n",
		"VERSION 30\n\n",
		" VERSION 3\n\n",
		"VERSION 3\n\na - - none < 1 all none\n",
		"VERSION 3\n\n\n",
		"VERSION 3\n\na - - none < 1 all none /a.deb\n/b.deb\n",
	};
	static const char with_nul[] = "VERSION 3\n\na - - none < 1 all none /a.deb\0\nb - - none < 1 all none /b.deb\n";
	struct apt_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (parse(all[i], strlen(all[i]), &run) == 0)
			fail_msg("taken: %s", all[i]);
		apt_run_free(&run);
	}
	assert_int_equal(parse(with_nul, sizeof(with_nul) - 1, &run), -EINVAL);
	apt_run_free(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_run),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
