// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is done about each verdict, and what state and settings say of it. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "gate.h"

static char *folder;

static int make_root(void **state)
{
	(void)state;
	unsetenv("PKGIMA");
	folder = support_folder();
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	support_remove(folder);
	return 0;
}

struct problems {
	int count;
	char last[1024];
};

static void note(void *context, const char *sentence)
{
	struct problems *problems = context;

	problems->count++;
	snprintf(problems->last, sizeof(problems->last), "%s", sentence);
}

/* Returns how many problems there were; @word is in the last of them. */
static int load(struct pkgima_gate *gate, const char *word)
{
	struct problems problems = { 0 };
	int root = pkgima_root_open(folder, NULL);

	assert_true(root >= 0);
	memset(gate, 0xff, sizeof(*gate));
	pkgima_gate_load(gate, root, note, &problems);
	close(root);
	if (problems.count && !strstr(problems.last, word))
		fail_msg("%s", problems.last);
	/* Nobody need listen. */
	root = pkgima_root_open(folder, NULL);
	pkgima_gate_load(gate, root, NULL, NULL);
	close(root);
	return problems.count;
}

static enum pkgima_answer expected(const struct pkgima_gate *gate, enum pkgima_verdict verdict)
{
	static const enum pkgima_answer by_unsupported[] = { PKGIMA_ANSWER_WARN, PKGIMA_ANSWER_PASS, PKGIMA_ANSWER_REFUSE };
	static const enum pkgima_answer by_unsigned[] = { PKGIMA_ANSWER_PASS, PKGIMA_ANSWER_WARN, PKGIMA_ANSWER_REFUSE };
	static const enum pkgima_answer by_untrusted[] = { PKGIMA_ANSWER_WARN, PKGIMA_ANSWER_REFUSE };

	if (verdict == PKGIMA_VERDICT_OK)
		return PKGIMA_ANSWER_PASS;
	if (verdict == PKGIMA_VERDICT_UNSUPPORTED_FS)
		return by_unsupported[gate->config.unsupported_fs];
	if (gate->enforcing)
		return PKGIMA_ANSWER_REFUSE;
	if (verdict == PKGIMA_VERDICT_UNSIGNED)
		return by_unsigned[gate->config.unsigned_packages];
	return by_untrusted[gate->config.untrusted];
}

static const char *expected_reason(const struct pkgima_gate *gate, enum pkgima_verdict verdict)
{
	if (verdict == PKGIMA_VERDICT_UNSUPPORTED_FS)
		return "unsupported-fs=refuse";
	if (gate->enforcing)
		return "this system enforces signatures";
	return verdict == PKGIMA_VERDICT_UNSIGNED ? "unsigned=refuse" : "untrusted=refuse";
}

/* Each way in which the settings, and the state, can be. */
static void test_every_answer(void **state)
{
	(void)state;
	for (int number = 0; number < 3 * 3 * 2 * 2 * 2; number++) {
		struct pkgima_gate gate = {
			.config = {
				.unsupported_fs = number % 3,
				.unsigned_packages = number / 3 % 3,
				.untrusted = number / 9 % 2,
			},
			.enforcing = number / 18 % 2,
			/* Of no influence: whoever asks goes by it. */
			.overridden = number / 36,
		};

		for (int verdict = 0; verdict < PKGIMA_VERDICT_COUNT; verdict++) {
			assert_int_equal(pkgima_gate_ask(&gate, verdict), expected(&gate, verdict));
			if (pkgima_gate_ask(&gate, verdict) == PKGIMA_ANSWER_REFUSE)
				assert_string_equal(pkgima_gate_reason(&gate, verdict), expected_reason(&gate, verdict));
		}
		assert_int_equal(pkgima_gate_ask_failure(&gate), gate.enforcing ? PKGIMA_ANSWER_REFUSE :
										  PKGIMA_ANSWER_WARN);
	}
}

static void test_state(void **state)
{
	static const struct { const char *text; bool enforcing; int problems; } all[] = {
		{ "mode=off\n", false, 0 },
		{ "mode=log\n", false, 0 },
		{ "mode=log", false, 0 },
		{ "mode = off\n", false, 0 },
		{ "# comment\nother=enforce\nmode=log\nmore=1\n", false, 0 },
		{ "mode=enforce\n", true, 0 },
		{ "mode=enforcing\n", true, 0 },
		{ "mode=OFF\n", true, 0 },
		{ "mode=\n", true, 0 },
		{ "mode=off\nmode=enforce\n", true, 0 },
		/* No mode. */
		{ "", true, 1 },
		{ "\n", true, 1 },
		{ "Mode=off\n", true, 1 },
		{ "modes=off\n", true, 1 },
		{ "[state]\nmode=off\n", true, 1 },
		{ "garbage", true, 1 },
		{ "mode=off\ngarbage\n", true, 1 },
		{ "[mode=off\n", true, 1 },
	};
	struct pkgima_gate gate;

	(void)state;
	assert_int_equal(load(&gate, ""), 0);
	assert_false(gate.enforcing);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int problems;

		support_write_text(support_path(folder, "run/pkgima/state"), all[i].text, 0644);
		problems = load(&gate, PKGIMA_STATE_PATH);
		if (gate.enforcing != all[i].enforcing || problems != all[i].problems)
			fail_msg("%s: enforcing %d, %d problems", all[i].text, gate.enforcing, problems);
	}
}

/* Something else is in place of the state, or of its folder. */
static void test_no_state(void **state)
{
	const char *parent = support_path(folder, "run/pkgima"), *path = support_path(folder, "run/pkgima/state");
	static const char *const targets[] = { "/nonexistent", "/dev/null", "state", "/run/empty" };
	struct pkgima_gate gate;
	char *large;

	(void)state;
	/* An empty folder is none. */
	support_make_folder(parent);
	assert_int_equal(load(&gate, ""), 0);
	assert_false(gate.enforcing);
	support_make_folder(path);
	assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
	assert_true(gate.enforcing);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
	assert_true(gate.enforcing);
	assert_int_equal(unlink(path), 0);
	large = calloc(1, 70000);
	assert_non_null(large);
	memset(large, '\n', 69999);
	memcpy(large, "mode=off", 8);
	support_write_text(path, large, 0644);
	free(large);
	assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
	assert_true(gate.enforcing);
	assert_int_equal(unlink(path), 0);
	support_make_folder(support_path(folder, "run/empty"));
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(symlink(targets[i], path), 0);
		assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
		assert_true(gate.enforcing);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(parent), 0);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(symlink(targets[i], parent), 0);
		assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
		assert_true(gate.enforcing);
		assert_int_equal(unlink(parent), 0);
	}
	assert_int_equal(mkfifo(parent, 0644), 0);
	assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
	assert_true(gate.enforcing);
	assert_int_equal(unlink(parent), 0);
	support_write_text(parent, "mode=off\n", 0644);
	assert_int_equal(load(&gate, PKGIMA_STATE_PATH), 1);
	assert_true(gate.enforcing);
}

static void assert_strict(void)
{
	struct pkgima_gate gate;

	assert_int_equal(load(&gate, PKGIMA_CONFIG_PATH), 1);
	assert_int_equal(gate.config.unsigned_packages, PKGIMA_UNSIGNED_REFUSE);
	assert_int_equal(gate.config.untrusted, PKGIMA_UNTRUSTED_REFUSE);
	assert_false(gate.enforcing);
}

static void test_settings(void **state)
{
	const char *path = support_path(folder, "etc/pkgima.conf");
	struct pkgima_gate gate;
	char *large;

	(void)state;
	support_write_text(path, "[install]\nunsigned=warn\nuntrusted=refuse\n", 0644);
	assert_int_equal(load(&gate, ""), 0);
	assert_int_equal(gate.config.unsigned_packages, PKGIMA_UNSIGNED_WARN);
	assert_int_equal(gate.config.untrusted, PKGIMA_UNTRUSTED_REFUSE);
	/* What is unknown has its default, the rest counts. */
	support_write_text(path, "[install]\nunsigned=never\nuntrusted=refuse\n", 0644);
	assert_int_equal(load(&gate, "unknown value"), 1);
	assert_int_equal(gate.config.unsigned_packages, PKGIMA_UNSIGNED_ALLOW);
	assert_int_equal(gate.config.untrusted, PKGIMA_UNTRUSTED_REFUSE);
	large = calloc(1, 70000);
	assert_non_null(large);
	memset(large, '\n', 69999);
	support_write_text(path, large, 0644);
	free(large);
	assert_strict();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/nonexistent", path), 0);
	assert_strict();
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	assert_strict();
	assert_int_equal(unlink(path), 0);
	support_make_folder(path);
	assert_strict();
}

static void test_override(void **state)
{
	struct pkgima_gate gate;

	(void)state;
	load(&gate, "");
	assert_false(gate.overridden);
	setenv("PKGIMA", "Warn", 1);
	load(&gate, "");
	assert_false(gate.overridden);
	setenv("PKGIMA", "warn", 1);
	load(&gate, "");
	assert_true(gate.overridden);
	unsetenv("PKGIMA");
}

static void test_faults(void **state)
{
	static const int faults[] = { EINVAL, EFBIG, E2BIG, EBADMSG, ENODATA, ENAMETOOLONG, EOPNOTSUPP };
	bool is_one[200] = { false };

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		is_one[faults[i]] = true;
	/* None of these is the archive's: ENOMEM, EIO, ENOSPC, EACCES, ENOENT, EMFILE, ... */
	for (int code = 0; code < 200; code++) {
		assert_int_equal(pkgima_gate_is_fault(-code), is_one[code]);
		assert_false(pkgima_gate_is_fault(code));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer),
		cmocka_unit_test_setup_teardown(test_state, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_no_state, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_settings, make_root, remove_root),
		cmocka_unit_test_setup_teardown(test_override, make_root, remove_root),
		cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
