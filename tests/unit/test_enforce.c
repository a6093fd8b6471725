// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is set for the next boot: init.conf's mode, the policy and its signature. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#include "beneath.h"
#include "cleanup.h"
#include "enforce.h"

static struct {
	char *folder;
	int root;
} site;

static int make_root(void **state)
{
	(void)state;
	site.folder = support_folder();
	site.root = pkgima_root_open(site.folder, NULL);
	return site.root < 0;
}

static int remove_root(void **state)
{
	(void)state;
	close(site.root);
	support_remove(site.folder);
	return 0;
}

static const char *in_root(const char *path)
{
	return support_path(site.folder, "%s", path);
}

static void test_the_mode_is_what_ima_init_takes(void **state)
{
	static const struct { const char *text; enum pkgima_enforce_mode mode; } texts[] = {
		{ NULL, PKGIMA_ENFORCE_ENFORCE },
		{ "", PKGIMA_ENFORCE_ENFORCE },
		{ "mode=log\n", PKGIMA_ENFORCE_LOG },
		{ "  mode = off ; why\n", PKGIMA_ENFORCE_OFF },
		{ "\xef\xbb\xbfmode=off", PKGIMA_ENFORCE_OFF },
		{ "mode=log\nmode : off\n", PKGIMA_ENFORCE_OFF },
		{ "mode=off\nmode=enforce", PKGIMA_ENFORCE_ENFORCE },
		{ "mode=log\nmode=unknown\n", PKGIMA_ENFORCE_LOG },
		{ "#mode=log\n", PKGIMA_ENFORCE_ENFORCE },
		{ "[section]\nmode=log\n", PKGIMA_ENFORCE_ENFORCE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(pkgima_enforce_settings_mode(texts[i].text), texts[i].mode);
}

static void edits(const char *text, const char *word, const char *wanted)
{
	cleanup_free char *edited = NULL;

	assert_int_equal(pkgima_enforce_settings_edit(text, word, &edited, NULL), 0);
	assert_string_equal(edited, wanted);
}

static void test_only_the_mode_is_edited(void **state)
{
	(void)state;
	edits(NULL, "log", "mode=log\n");
	edits("mode=log\n", NULL, "");
	edits("kexec=keep\nmode=enforce\n", "log", "mode=log\nkexec=keep\n");
	edits("# mode=x\n mode\t: off\nmodel=1\n[s]\nmode=off", "enforce", "mode=enforce\n# mode=x\nmodel=1\n[s]\nmode=off");
	edits("exec=/sbin/init", NULL, "exec=/sbin/init");
	edits("\xef\xbb\xbfmode=off\n", "log", "mode=log\n");
}

static void has(const char *path, const char *text)
{
	cleanup_free uint8_t *data = NULL;
	size_t length;

	data = support_read(in_root(path), &length);
	assert_string_equal((char *)data, text);
}

static const struct pkgima_enforce_policy one = { (const uint8_t *)"one\n", 4, NULL, 0 };
static const struct pkgima_enforce_policy two = { (const uint8_t *)"two\n", 4, (const uint8_t *)"\003signature", 10 };

static void test_set_and_unset(void **state)
{
	cleanup_enforce struct pkgima_enforce now = { 0 };
	bool changed = false;

	(void)state;
	assert_int_equal(pkgima_enforce_load(site.root, &now, NULL), 0);
	assert_int_equal(now.mode, PKGIMA_ENFORCE_OFF);
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_LOG, &one, &changed, NULL), 0);
	assert_true(changed);
	has("etc/ima-init/policy", "one\n");
	has("etc/ima-init/init.conf", "mode=log\n");
	assert_int_equal(pkgima_enforce_load(site.root, &now, NULL), 0);
	assert_int_equal(now.mode, PKGIMA_ENFORCE_LOG);
	pkgima_enforce_free(&now);
	/* The same again writes nothing. */
	changed = false;
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_LOG, &one, &changed, NULL), 0);
	assert_false(changed);
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_ENFORCE, NULL, &changed, NULL), 0);
	assert_true(changed);
	has("etc/ima-init/policy", "one\n");
	/* A signature never is another policy's. */
	support_write_text(in_root("etc/ima-init/policy.sig"), "old", 0644);
	if (geteuid() == 0) {
		assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_ENFORCE, &two, &changed, NULL), 0);
		has("etc/ima-init/policy.sig", "\003signature");
	}
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_ENFORCE, &one, &changed, NULL), 0);
	assert_false(support_exists(in_root("etc/ima-init/policy.sig")));
	support_write_text(in_root("etc/ima-init/policy.off.sig"), "older", 0644);
	assert_int_equal(pkgima_enforce_unset(site.root, false, &changed, NULL), 0);
	assert_int_equal(support_count_names(in_root("etc/ima-init")), 1);
	has("etc/ima-init/policy.off", "one\n");
	changed = false;
	assert_int_equal(pkgima_enforce_unset(site.root, false, &changed, NULL), 0);
	assert_false(changed);
	/* Where ima-init is started without an initramfs it has to be told. */
	assert_int_equal(pkgima_enforce_unset(site.root, true, &changed, NULL), 0);
	has("etc/ima-init/init.conf", "mode=off\n");
}

/* ima-init would not read them, and enforce. */
static void test_settings_too_long(void **state)
{
	static char comment[PKGIMA_ENFORCE_SETTINGS_MAX + 1];
	const size_t length = PKGIMA_ENFORCE_SETTINGS_MAX - sizeof("mode=log");
	struct pkgima_error error;
	bool changed = false;

	(void)state;
	memset(comment, '#', length);
	comment[length] = '\n';
	support_make_folder(in_root("etc/ima-init"));
	support_write_text(in_root("etc/ima-init/init.conf"), comment, 0644);
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_LOG, NULL, &changed, &error), -EFBIG);
	assert_non_null(strstr(error.text, "init.conf would have more than the 65536 bytes"));
	assert_false(changed);
	has("etc/ima-init/init.conf", comment);
	/* What just fits. */
	comment[length - 1] = '\n';
	comment[length] = '\0';
	support_write_text(in_root("etc/ima-init/init.conf"), comment, 0644);
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_LOG, NULL, &changed, &error), 0);
	assert_true(changed);
}

static void test_nothing_is_written_through_a_link(void **state)
{
	struct pkgima_error error;
	bool changed = false;

	(void)state;
	support_make_folder(in_root("elsewhere"));
	support_make_folder(in_root("etc"));
	assert_int_equal(symlink("../elsewhere", in_root("etc/ima-init")), 0);
	assert_int_equal(pkgima_enforce_set(site.root, PKGIMA_ENFORCE_LOG, &one, &changed, &error), -ELOOP);
	assert_non_null(strstr(error.text, "through a symbolic link"));
	assert_int_equal(support_count_names(in_root("elsewhere")), 0);
	assert_false(changed);
}

static void test_off_goes_on_behind_what_cannot_be_done(void **state)
{
	struct pkgima_error error;
	bool changed = false;

	(void)state;
	support_write_text(in_root("etc/ima-init/policy"), "one\n", 0644);
	support_make_folder(in_root("etc/ima-init/init.conf/folder"));
	assert_int_equal(pkgima_enforce_unset(site.root, false, &changed, &error), -EINVAL);
	assert_non_null(strstr(error.text, "init.conf"));
	assert_true(changed);
	assert_false(support_exists(in_root("etc/ima-init/policy")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_mode_is_what_ima_init_takes),
		cmocka_unit_test(test_only_the_mode_is_edited),
		cmocka_unit_test_setup_teardown(test_set_and_unset, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_settings_too_long, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_nothing_is_written_through_a_link, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_off_goes_on_behind_what_cannot_be_done, make_root, remove_root),
	};

	return cmocka_run_group_tests_name("enforce", tests, NULL, NULL);
}
