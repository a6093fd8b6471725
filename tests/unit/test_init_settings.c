// SPDX-License-Identifier: LGPL-2.1-or-later
/* What ima-init is told: words of the kernel command line, and init.conf. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../pkg-ima-init/settings.h"

struct problems {
	int count;
	char all[4096];
};

static void note(void *context, const char *word, const char *reason)
{
	struct problems *problems = context;
	size_t used = strlen(problems->all);

	problems->count++;
	snprintf(problems->all + used, sizeof(problems->all) - used, "%s: %s\n", word, reason);
}

/* Of just this size, so that a sanitizer sees what reads too far. */
static struct settings take_bytes(const char *line, size_t length, bool recovery, struct problems *problems)
{
	char *exact = malloc(length ? length : 1);
	struct settings settings;

	assert_non_null(exact);
	memcpy(exact, line, length);
	memset(problems, 0, sizeof(*problems));
	settings_default(&settings, recovery);
	settings_take_command_line(&settings, exact, length, recovery, note, problems);
	free(exact);
	return settings;
}

static struct settings take(const char *line, bool recovery, struct problems *problems)
{
	return take_bytes(line, strlen(line), recovery, problems);
}

static void test_defaults(void **state)
{
	struct problems problems;
	struct settings settings = take("", true, &problems);

	(void)state;
	assert_int_equal(settings.mode, MODE_ENFORCE);
	assert_false(settings.asked);
	assert_true(settings.kexec && settings.lockdown && settings.modules);
	assert_false(settings.appraise_tcb || settings.signed_policy || settings.only_logs);
	assert_string_equal(settings.exec, "/sbin/init");
	assert_true(take("", false, &problems).asked);
}

static void test_modes(void **state)
{
	static const struct {
		const char *line;
		enum mode mode;
		bool asked;
	} all[] = {
		{ "quiet ima_init=off ro\n", MODE_OFF, false },
		{ "ima_init=log", MODE_LOG, false },
		{ "ima_init=enforce", MODE_ENFORCE, true },
		/* The last one counts. */
		{ "ima_init=off ima_init=enforce", MODE_ENFORCE, true },
		{ "ima_init=enforce ima_init=log", MODE_LOG, false },
		/* As the kernel divides and quotes. */
		{ "a=\"b ima_init=off\" c", MODE_ENFORCE, false },
		{ "ima_init=\"off\"", MODE_OFF, false },
		{ "\"ima_init=off\"", MODE_OFF, false },
		{ "\tima_init=off\v", MODE_OFF, false },
		/* What is init's is not ours. */
		{ "quiet -- ima_init=off", MODE_ENFORCE, false },
		{ "\"--\" ima_init=off", MODE_ENFORCE, false },
		{ "--x ima_init=off", MODE_OFF, false },
		/* Other words. */
		{ "xima_init=off ima_initx=off ima_init-=off IMA_INIT=off", MODE_ENFORCE, false },
		{ "ima_init_mode=off", MODE_ENFORCE, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct problems problems;
		struct settings settings = take(all[i].line, true, &problems);

		if (settings.mode != all[i].mode || settings.asked != all[i].asked || problems.count)
			fail_msg("%s: mode %d, %d problems", all[i].line, settings.mode, problems.count);
	}
}

static void test_others(void **state)
{
	struct problems problems;
	struct settings settings = take("ima_init.exec=/bin/sh ima_init.kexec=keep ima_init.lockdown=keep "
					"ima_init.modules=keep", true, &problems);

	(void)state;
	assert_int_equal(problems.count, 0);
	assert_string_equal(settings.exec, "/bin/sh");
	assert_false(settings.kexec || settings.lockdown || settings.modules);
	settings = take("ima_init.kexec=keep ima_init.kexec=disable ima_init.lockdown=integrity ima_init.modules=enforce",
			true, &problems);
	assert_int_equal(problems.count, 0);
	assert_true(settings.kexec && settings.lockdown && settings.modules);
	settings = take("ima_init.exec=\"/with a space\"", true, &problems);
	assert_string_equal(settings.exec, "/with a space");
}

static void test_kernel_words(void **state)
{
	struct problems problems;
	struct settings settings = take("ima_policy=tcb|appraise_tcb ima_appraise=enforce", true, &problems);

	(void)state;
	assert_true(settings.appraise_tcb && settings.signed_policy && !settings.only_logs);
	settings = take("ima_policy=secure_boot ima_policy=tcb", true, &problems);
	assert_true(!settings.appraise_tcb && settings.signed_policy);
	settings = take("ima_policy=tcb ima_appraise=fix", true, &problems);
	assert_true(!settings.appraise_tcb && !settings.signed_policy && settings.only_logs);
	assert_true(take("ima_appraise=log", true, &problems).only_logs);
	assert_true(take("ima_appraise_tcb", true, &problems).appraise_tcb);
	assert_int_equal(problems.count, 0);
}

static void test_no_words(void **state)
{
	static const char *const all[] = {
		"ima_init=", "ima_init=Off", "ima_init=enforce,off", "ima_init.exec=", "ima_init.exec=sbin/init",
		"ima_init.kexec=no", "ima_init.colour=blue", "ima_init.", "ima_init.=", "ima_init.exec",
		"ima_init.mode=off", "ima_init.lockdown=",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct problems problems;
		struct settings settings = take(all[i], true, &problems);

		if (problems.count != 1 || settings.mode != MODE_ENFORCE || settings.asked || !settings.kexec ||
		    !settings.lockdown || !settings.modules || strcmp(settings.exec, "/sbin/init") != 0)
			fail_msg("%s: %d problems: %s", all[i], problems.count, problems.all);
	}
}

static void test_nothing_weakens(void **state)
{
	struct problems problems;
	struct settings settings = take("ima_init=off ima_init=log ima_init.kexec=keep ima_init.lockdown=keep "
					"ima_init.modules=keep ima_init=enforce ima_init.exec=/bin/sh", false, &problems);

	(void)state;
	assert_int_equal(problems.count, 5);
	assert_non_null(strstr(problems.all, "ima_init=off: this build"));
	assert_non_null(strstr(problems.all, "ima_init.modules=keep: this build"));
	assert_int_equal(settings.mode, MODE_ENFORCE);
	assert_true(settings.asked && settings.kexec && settings.lockdown && settings.modules);
	assert_string_equal(settings.exec, "/bin/sh");
}

static void test_long(void **state)
{
	cleanup_bytes struct support_bytes line = { 0 };
	struct problems problems = { 0 };
	struct settings settings;

	(void)state;
	support_append(&line, "ima_init.exec=/", 15);
	for (int i = 0; i < PATH_MAX; i++)
		support_append(&line, "x", 1);
	support_append(&line, " ima_init.exec=/ok ima_init.exec=/", 34);
	for (int i = 0; i < 3 * PATH_MAX; i++)
		support_append(&line, "y", 1);
	support_append(&line, " ima_init=log", 13);
	settings_default(&settings, true);
	settings_take_command_line(&settings, (char *)line.data, line.length, true, note, &problems);
	assert_int_equal(problems.count, 2);
	assert_int_equal(settings.mode, MODE_LOG);
	assert_string_equal(settings.exec, "/ok");
	/* What is behind a NUL is not there. */
	settings_default(&settings, true);
	settings_take_command_line(&settings, "quiet\0 ima_init=off", 19, true, note, &problems);
	assert_int_equal(settings.mode, MODE_ENFORCE);
}

static struct settings take_file(const char *text, struct problems *problems)
{
	struct settings settings;

	memset(problems, 0, sizeof(*problems));
	settings_default(&settings, false);
	settings_take_file(&settings, text, note, problems);
	return settings;
}

static void test_file(void **state)
{
	struct problems problems;
	struct settings settings = take_file("# init.conf\nmode = log\nexec=/bin/sh\n\nkexec=keep\nlockdown=keep\nmodules=keep\n",
					     &problems);

	(void)state;
	assert_int_equal(problems.count, 0);
	assert_int_equal(settings.mode, MODE_LOG);
	assert_string_equal(settings.exec, "/bin/sh");
	assert_false(settings.kexec || settings.lockdown || settings.modules);
	settings = take_file("mode = enforce ; as agreed", &problems);
	assert_true(settings.mode == MODE_ENFORCE && settings.asked && problems.count == 0);
	settings = take_file("mode=off\nmode=enforce\n", &problems);
	assert_true(settings.mode == MODE_ENFORCE && settings.asked);
	settings = take_file("[section]\nmode=off\n", &problems);
	assert_int_equal(problems.count, 1);
	assert_int_equal(settings.mode, MODE_ENFORCE);
	settings = take_file("mode=maybe\ncolour=blue\nnothing\nexec=init\n", &problems);
	assert_int_equal(problems.count, 4);
	assert_int_equal(settings.mode, MODE_ENFORCE);
	assert_true(take_file("", &problems).asked);
	assert_int_equal(problems.count, 0);
}

static void test_lines(void **state)
{
	static const struct {
		const char *text;
		enum mode mode;
		int count;
		const char *problem;
	} all[] = {
		{ " \tmode \t=\r log \v\f\r\n", MODE_LOG, 0, "" },
		{ "mode=log", MODE_LOG, 0, "" },
		{ "\n\n ;mode=off\n # mode=off\n#\n;\nmode=log\n \n", MODE_LOG, 0, "" },
		/* No value of ours: what stands behind it is a part of it. */
		{ "mode=off # why\n", MODE_ENFORCE, 1, "mode: unknown value" },
		{ "mode=off;why\n", MODE_ENFORCE, 1, "mode: unknown value" },
		{ "mode=log ; why\nkexec\t=\tkeep\t;=[ why", MODE_LOG, 0, "" },
		{ "exec=/a;b ;\nmode=log\n", MODE_LOG, 0, "" },
		{ "\xef\xbb\xbf" "mode=log\n", MODE_LOG, 0, "" },
		{ "\xef\xbb\xbf[a]\nmode=off\n", MODE_ENFORCE, 1, "[a]: there are no sections" },
		{ "mode=\n", MODE_ENFORCE, 1, "mode: unknown value" },
		{ "mode=log=off\n", MODE_ENFORCE, 1, "mode: unknown value" },
		{ "=off\nmode=log\n", MODE_LOG, 1, ": unknown setting" },
		{ "mode: log\nexec=/a:b\n", MODE_LOG, 0, "" },
		{ "mode off\nmode=log\n", MODE_LOG, 1, "mode off: no key=value" },
		/* A line is a line, wherever it begins. */
		{ "exec=/bin/sh\n mode=log\n", MODE_LOG, 0, "" },
		{ "mode=log\n [a]\nmode=off\n[b]\nmode=off\n", MODE_LOG, 1, "[a]: there are no sections" },
		{ "[\nmode=off", MODE_ENFORCE, 1, "[: there are no sections" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct problems problems;
		struct settings settings = take_file(all[i].text, &problems);

		if (settings.mode != all[i].mode || problems.count != all[i].count ||
		    strncmp(problems.all, all[i].problem, strlen(all[i].problem)) != 0)
			fail_msg("%s: mode %d, %d problems: %s", all[i].text, settings.mode, problems.count, problems.all);
	}
}

/* @name of @length bytes, as the real init; behind it the mode. */
static struct settings take_exec(size_t length, struct problems *problems)
{
	cleanup_bytes struct support_bytes text = { 0 };

	support_append(&text, "exec=/", 6);
	for (size_t i = 1; i < length; i++)
		support_append(&text, "x", 1);
	support_append(&text, "\nmode=log\n", 11);
	return take_file((char *)text.data, problems);
}

static void test_long_lines(void **state)
{
	cleanup_bytes struct support_bytes blanks = { 0 };
	struct problems problems;
	struct settings settings = take_exec(PATH_MAX - 1, &problems);

	(void)state;
	support_append(&blanks, "mode=log", 8);
	for (int i = 0; i < 3 * PATH_MAX; i++)
		support_append(&blanks, " ", 1);
	support_append(&blanks, "", 1);
	assert_int_equal(problems.count, 0);
	assert_int_equal(strlen(settings.exec), PATH_MAX - 1);
	/* Blanks at the end do not count. */
	settings = take_file(blanks.data ? (char *)blanks.data : "", &problems);
	assert_int_equal(problems.count, 0);
	assert_int_equal(settings.mode, MODE_LOG);
	settings = take_exec(PATH_MAX, &problems);
	assert_string_equal(problems.all, "exec: too long\n");
	assert_string_equal(settings.exec, "/sbin/init");
	assert_int_equal(settings.mode, MODE_LOG);
	settings = take_exec(3 * PATH_MAX, &problems);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.all, "xxx: the line is too long\n"));
	assert_string_equal(settings.exec, "/sbin/init");
	assert_int_equal(settings.mode, MODE_LOG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_kernel_words),
		cmocka_unit_test(test_no_words),
		cmocka_unit_test(test_nothing_weakens),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
