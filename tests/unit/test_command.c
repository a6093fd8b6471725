// SPDX-License-Identifier: LGPL-2.1-or-later
/* Other programs that are run. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static int run(const char *script, const char *const environment[], struct pkgima_error *error)
{
	return pkgima_command_run((const char *const[]){ "sh", "-c", script, NULL }, environment, true, error);
}

static void test_how_it_ended(void **state)
{
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(run("exit 0", NULL, &error), 0);
	assert_int_equal(run("exit 7", NULL, &error), -ECHILD);
	assert_string_equal(error.text, "sh failed with exit status 7");
	assert_int_equal(run("echo result; echo first >&2; printf 'se\\033cond\\n\\n' >&2; echo result; exit 1", NULL, &error), -ECHILD);
	assert_string_equal(error.text, "sh failed with exit status 1: se\\033cond");
	assert_int_equal(run("kill -9 $$", NULL, &error), -ECHILD);
	assert_string_equal(error.text, "sh was ended by signal 9");
	assert_int_equal(pkgima_command_run((const char *const[]){ "no-such-program", NULL }, NULL, true, &error), -ENOENT);
	assert_int_equal(pkgima_command_run((const char *const[]){ "/no/such", NULL }, NULL, false, &error), -ENOENT);
	/* Much of it does not block, and is not kept. */
	assert_int_equal(run("yes | head -c 3000000 >&2; echo last >&2; exit 2", NULL, &error), -ECHILD);
	assert_string_equal(error.text, "sh failed with exit status 2: last");
}

static void test_what_it_is_given(void **state)
{
	static const char *const environment[] = { "PKGIMA_TEST=new=value", "PKGIMA_MORE=x", NULL };
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(setenv("PKGIMA_TEST", "old", 1), 0);
	assert_int_equal(setenv("PKGIMA_TESTS", "kept", 1), 0);
	assert_int_equal(run("[ \"$PKGIMA_TEST $PKGIMA_MORE $PKGIMA_TESTS\" = 'new=value x kept' ]", environment, &error), 0);
	assert_int_equal(run("[ \"$PKGIMA_TEST\" = old ] && [ -z \"$PKGIMA_MORE\" ]", NULL, &error), 0);
	assert_int_equal(run("! read -r line", NULL, &error), 0);
	/* Of a token, for pkgima alone. */
	assert_int_equal(setenv("PKGIMA_PIN", "1234", 1), 0);
	assert_int_equal(setenv("PKGIMA_PINS", "kept", 1), 0);
	assert_int_equal(run("[ -z \"${PKGIMA_PIN+x}\" ] && [ \"$PKGIMA_PINS\" = kept ]", NULL, &error), 0);
	assert_int_equal(unsetenv("PKGIMA_PIN"), 0);
	/* Where its errors are kept is open there as just that. */
	assert_int_equal(run("[ \"$(ls -l /proc/$$/fd | grep -c memfd)\" -eq 1 ]", NULL, &error), 0);
}

static void test_where_its_output_goes(void **state)
{
	char *folder = support_folder();
	const char *path = support_path(folder, "errors");
	size_t length;
	char *text;
	int kept, fd;

	(void)state;
	support_write_text(path, "", 0600);
	fflush(stderr);
	kept = dup(STDERR_FILENO);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(kept >= 0 && fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	pkgima_command_run((const char *const[]){ "sh", "-c", "echo out; echo err >&2", NULL }, NULL, false, NULL);
	run("echo quiet; echo quiet >&2", NULL, NULL);
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(fd);
	text = (char *)support_read(path, &length);
	assert_string_equal(text, "out\nerr\n");
	free(text);
	support_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_it_ended),
		cmocka_unit_test(test_what_it_is_given),
		cmocka_unit_test(test_where_its_output_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
