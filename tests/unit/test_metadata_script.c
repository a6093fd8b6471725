// SPDX-License-Identifier: LGPL-2.1-or-later
/* Scripts that change owner, mode or attributes of files. */
#include "support.h"

#include <string.h>

#include "metadata_script.h"

static void expect(const char *text, size_t line, const char *command)
{
	size_t found_line = 0;
	const char *found = NULL;

	if (!pkgima_metadata_script(text, strlen(text), &found_line, &found))
		found = "none";
	assert_string_equal(found, command ? command : "none");
	assert_int_equal(found_line, line);
}

static void test_changes(void **state)
{
	(void)state;
	expect("#!/bin/sh\nset -e\nchown root:daemon /usr/bin/at\n", 3, "chown");
	expect("if true; then /bin/chmod 4755 /usr/bin/x; fi", 1, "chmod");
	expect("\t`chgrp adm /x`", 1, "chgrp");
	expect("x=$(setcap cap_net_raw+ep /bin/ping)", 1, "setcap");
	expect("command -v setcap && setcap cap_net_raw+ep /bin/ping", 1, "setcap");
	expect("dpkg-statoverride --update --add root x 4754 /usr/bin/x", 1, "dpkg-statoverride");
	expect("a\nb\n! setfacl -m u:x:r /y || restorecon /y", 3, "setfacl");
	expect("posix.chmod(\"/x\", \"rwxr-xr-x\")", 1, "chmod");
	expect("find / -exec chown x {} +", 1, "chown");
	expect("echo '#' | x; chown a b", 1, "chown");
}

static void test_others(void **state)
{
	(void)state;
	expect("", 0, NULL);
	expect("#!/bin/sh\n# chown is not needed\nexit 0 # chmod", 0, NULL);
	expect("which setcap >/dev/null\ncommand -v setfacl\ntype chcon\n", 0, NULL);
	expect("dpkg-statoverride --list /usr/bin/x", 0, NULL);
	expect("chown_it; mychmod; chmod-all; $chown x; ${chmod}; chmod=1; x.chmod", 0, NULL);
}

/* Bytes behind the end are not looked at. */
static void test_end(void **state)
{
	const char *command;
	size_t line;

	(void)state;
	assert_false(pkgima_metadata_script("chmod", 4, &line, &command));
	assert_true(pkgima_metadata_script("chmod", 5, &line, &command));
	assert_false(pkgima_metadata_script("dpkg-statoverride --add", 20, &line, &command));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
