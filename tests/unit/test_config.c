// SPDX-License-Identifier: LGPL-2.1-or-later
/* pkgima.conf: each setting, and what is said of what is none. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "config.h"

struct problems {
	int count;
	char all[4096];
};

static void note(void *context, const char *sentence)
{
	struct problems *problems = context;
	size_t used = strlen(problems->all);

	problems->count++;
	snprintf(problems->all + used, sizeof(problems->all) - used, "%s\n", sentence);
}

static char *folder;

static int make_root(void **state)
{
	(void)state;
	folder = support_folder();
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	support_remove(folder);
	return 0;
}

/* Loads @text as the configuration; what is returned is also how often something was told. */
static int load(const char *text, struct pkgima_config *config, struct problems *problems)
{
	struct pkgima_error error = { "" };
	int root = pkgima_root_open(folder, &error), r;

	assert_true(root >= 0);
	memset(config, 0xff, sizeof(*config));
	*problems = (struct problems){ 0 };
	if (text)
		support_write_text(support_path(folder, "etc/pkgima.conf"), text, 0644);
	r = pkgima_config_load(root, config, note, problems, &error);
	close(root);
	if (r >= 0)
		assert_int_equal(r, problems->count);
	return r;
}

static void assert_defaults(const struct pkgima_config *config)
{
	static const struct pkgima_config defaults;

	assert_memory_equal(config, &defaults, sizeof(defaults));
}

static void test_defaults_without_a_file(void **state)
{
	struct pkgima_config config;
	struct problems problems;

	(void)state;
	unlink(support_path(folder, "etc/pkgima.conf"));
	assert_int_equal(load(NULL, &config, &problems), 0);
	assert_defaults(&config);
	/* Zero is what is documented. */
	assert_int_equal(config.select, PKGIMA_SELECT_ALL);
	assert_int_equal(config.conffiles, PKGIMA_CONFFILES_NO);
	assert_int_equal(config.unsupported_fs, PKGIMA_UNSUPPORTED_WARN);
	assert_int_equal(config.unsigned_packages, PKGIMA_UNSIGNED_ALLOW);
	assert_int_equal(config.untrusted, PKGIMA_UNTRUSTED_WARN);
}

static void test_defaults_of_an_empty_file(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# a comment\n; another\n", "[apply]\n[install]\n" };
	struct pkgima_config config;
	struct problems problems;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(load(texts[i], &config, &problems), 0);
		assert_defaults(&config);
	}
}

static void test_every_value(void **state)
{
	static const struct { const char *section, *key, *word; size_t offset; int value; } all[] = {
#define VALUE(section, key, word, member, value) { section, key, word, offsetof(struct pkgima_config, member), value }
		VALUE("apply", "select", "all", select, PKGIMA_SELECT_ALL),
		VALUE("apply", "select", "exec", select, PKGIMA_SELECT_EXEC),
		VALUE("apply", "conffiles", "no", conffiles, PKGIMA_CONFFILES_NO),
		VALUE("apply", "conffiles", "yes", conffiles, PKGIMA_CONFFILES_YES),
		VALUE("apply", "unsupported-fs", "warn", unsupported_fs, PKGIMA_UNSUPPORTED_WARN),
		VALUE("apply", "unsupported-fs", "ignore", unsupported_fs, PKGIMA_UNSUPPORTED_IGNORE),
		VALUE("apply", "unsupported-fs", "refuse", unsupported_fs, PKGIMA_UNSUPPORTED_REFUSE),
		VALUE("install", "unsigned", "allow", unsigned_packages, PKGIMA_UNSIGNED_ALLOW),
		VALUE("install", "unsigned", "warn", unsigned_packages, PKGIMA_UNSIGNED_WARN),
		VALUE("install", "unsigned", "refuse", unsigned_packages, PKGIMA_UNSIGNED_REFUSE),
		VALUE("install", "untrusted", "warn", untrusted, PKGIMA_UNTRUSTED_WARN),
		VALUE("install", "untrusted", "refuse", untrusted, PKGIMA_UNTRUSTED_REFUSE),
#undef VALUE
	};
	struct problems problems;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct pkgima_config config, wanted = { 0 };
		char text[128];

		snprintf(text, sizeof(text), "[%s]\n%s = %s\n", all[i].section, all[i].key, all[i].word);
		assert_int_equal(load(text, &config, &problems), 0);
		memcpy((char *)&wanted + all[i].offset, &all[i].value, sizeof(int));
		assert_memory_equal(&config, &wanted, sizeof(config));
		/* A name or word that goes on is another one. */
		snprintf(text, sizeof(text), "[%s]\n%s = %sx\n", all[i].section, all[i].key, all[i].word);
		assert_int_equal(load(text, &config, &problems), 1);
		assert_defaults(&config);
	}
}

static void test_all_at_once(void **state)
{
	struct pkgima_config config;
	struct problems problems;

	(void)state;
	assert_int_equal(load("# site\n[install]\nunsigned=refuse\nuntrusted=refuse ; why not\n"
			      "[apply]\nselect=exec\nconffiles=yes\nunsupported-fs=ignore\n", &config, &problems), 0);
	assert_int_equal(config.select, PKGIMA_SELECT_EXEC);
	assert_int_equal(config.conffiles, PKGIMA_CONFFILES_YES);
	assert_int_equal(config.unsupported_fs, PKGIMA_UNSUPPORTED_IGNORE);
	assert_int_equal(config.unsigned_packages, PKGIMA_UNSIGNED_REFUSE);
	assert_int_equal(config.untrusted, PKGIMA_UNTRUSTED_REFUSE);
}

static void test_what_is_unknown_is_told_and_changes_nothing(void **state)
{
	static const struct { const char *text; int count; const char *sentence; } all[] = {
		{ "[apply]\nselect=some\n", 1, "unknown value: [apply] select = some" },
		{ "[apply]\nselect=ALL\n", 1, "unknown value: [apply] select = ALL" },
		{ "[apply]\nselect=\n", 1, "unknown value: [apply] select = " },
		{ "[apply]\nconffiles=1\n", 1, "unknown value: [apply] conffiles = 1" },
		{ "[install]\nuntrusted=allow\n", 1, "unknown value: [install] untrusted = allow" },
		{ "[apply]\nunsigned=refuse\n", 1, "unknown setting: [apply] unsigned = refuse" },
		{ "[apply]\nSelect=exec\n", 1, "unknown setting: [apply] Select = exec" },
		{ "[Apply]\nselect=exec\n", 1, "unknown setting: [Apply] select = exec" },
		{ "[other]\nx=y\n", 1, "unknown setting: [other] x = y" },
		{ "select=exec\n", 1, "unknown setting: [] select = exec" },
		{ "[apply]\na=1\nb=2\n[x]\nc=3\n", 3, "unknown setting: [x] c = 3" },
		{ "[apply]\nselect=\033[2J\n", 1, "select = \\033[2J" },
		{ "[apply]\nnonsense\n", 1, "line 2 cannot be read" },
		{ "[apply\nselect=exec\n", 2, "line 1 cannot be read" },
	};
	struct pkgima_config config;
	struct problems problems;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int r = load(all[i].text, &config, &problems);

		if (r != all[i].count || !strstr(problems.all, all[i].sentence))
			fail_msg("\"%s\": %d, \"%s\"", all[i].text, r, problems.all);
		assert_non_null(strstr(problems.all, "/etc/pkgima.conf: "));
		assert_defaults(&config);
	}
}

static void test_what_is_known_counts_beside_what_is_not(void **state)
{
	struct pkgima_config config;
	struct problems problems;

	(void)state;
	assert_int_equal(load("[apply]\nselect=exec\nnonsense\nconffiles=perhaps\n[install]\nunsigned=warn\n", &config,
			      &problems), 2);
	assert_int_equal(config.select, PKGIMA_SELECT_EXEC);
	assert_int_equal(config.conffiles, PKGIMA_CONFFILES_NO);
	assert_int_equal(config.unsigned_packages, PKGIMA_UNSIGNED_WARN);
	/* Nobody has to listen. */
	{
		int root = pkgima_root_open(folder, NULL);

		assert_int_equal(pkgima_config_load(root, &config, NULL, NULL, NULL), 2);
		close(root);
	}
}

static void test_what_is_no_file_is_an_error(void **state)
{
	const char *path = support_path(folder, "etc/pkgima.conf");
	struct pkgima_config config;
	struct problems problems;
	char *large = calloc(1, 64 * 1024 + 2);

	(void)state;
	memset(large, '\n', 64 * 1024 + 1);
	assert_int_equal(load(large, &config, &problems), -EFBIG);
	assert_defaults(&config);
	free(large);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(NULL, &config, &problems), -EINVAL);
	assert_defaults(&config);
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(load(NULL, &config, &problems), -EINVAL);
	rmdir(path);
}

static void test_select_words(void **state)
{
	enum pkgima_select select = PKGIMA_SELECT_ALL;

	(void)state;
	assert_int_equal(pkgima_select_parse("exec", &select), 0);
	assert_int_equal(select, PKGIMA_SELECT_EXEC);
	assert_int_equal(pkgima_select_parse("all", &select), 0);
	assert_int_equal(select, PKGIMA_SELECT_ALL);
	assert_int_equal(pkgima_select_parse("", &select), -EINVAL);
	assert_int_equal(pkgima_select_parse("execs", &select), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults_without_a_file),
		cmocka_unit_test(test_defaults_of_an_empty_file),
		cmocka_unit_test(test_every_value),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_what_is_unknown_is_told_and_changes_nothing),
		cmocka_unit_test(test_what_is_known_counts_beside_what_is_not),
		cmocka_unit_test(test_what_is_no_file_is_an_error),
		cmocka_unit_test(test_select_words),
	};

	return cmocka_run_group_tests_name("config", tests, make_root, remove_root);
}
