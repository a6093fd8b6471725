// SPDX-License-Identifier: LGPL-2.1-or-later
/* Records of IMA in the kernel log, audit logs and the journal: what is taken, what is not, and how they are grouped. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit_log.h"

#define DIGEST "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define STAMP "audit(1700000000.123:45): "
#define MESSAGE "pid=1 uid=0 auid=4294967295 ses=4294967295 subj=kernel op=appraise_data cause=IMA-signature-required " \
		"comm=\"sh\" name=\"/unsigned/echo\" dev=\"sda\" ino=123 res=0 errno=0"
#define RULE "file=\"/usr/bin/x\" hash=\"sha256:" DIGEST "\" ppid=1 pid=7 auid=0 uid=0 comm=\"init\" exe=\"/usr/bin/x\""

static int parse(const char *line, struct pkgima_audit_record *record)
{
	return pkgima_audit_record_parse(line, strlen(line), record);
}

static void test_every_source(void **state)
{
	static const char *const denied[] = {
		"audit: type=1800 " STAMP MESSAGE,
		"[    3.141592] audit: type=1800 " STAMP MESSAGE,
		"<5>[    3.141592] audit: type=1800 " STAMP MESSAGE,
		"Nov 14 22:13:20 host kernel: audit: type=1800 " STAMP MESSAGE,
		"type=INTEGRITY_DATA msg=" STAMP MESSAGE,
		"node=host type=INTEGRITY_DATA msg=" STAMP MESSAGE "\x1d" "UID=\"root\" AUID=\"unset\"",
		"type=UNKNOWN[1800] msg=" STAMP MESSAGE,
		/* Something else with the word type before it. */
		"x: type=none audit: type=1800 " STAMP MESSAGE,
	};
	static const char *const used[] = {
		"audit: type=1805 " STAMP RULE, "type=INTEGRITY_RULE msg=" STAMP RULE, "type=UNKNOWN[1805] msg=" STAMP RULE,
	};
	static const char *const journal[] = { "INTEGRITY_RULE " RULE, "AUDIT1805 " RULE, "host audit[1]: INTEGRITY_RULE " RULE };
	struct pkgima_audit_record record;
	uint8_t digest[32];

	(void)state;
	assert_true(pkgima_unhex(DIGEST, 64, digest));
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		if (parse(denied[i], &record) != 1)
			fail_msg("%s", denied[i]);
		assert_int_equal(record.type, PKGIMA_AUDIT_DATA);
		assert_int_equal(record.milliseconds, 1700000000123);
		assert_int_equal(record.serial, 45);
		assert_string_equal(record.name, "/unsigned/echo");
		assert_string_equal(record.program, "sh");
		assert_string_equal(record.op, "appraise_data");
		assert_string_equal(record.cause, "IMA-signature-required");
		assert_false(record.passed);
	}
	for (size_t i = 0; i < 6; i++) {
		if (parse(i < 3 ? used[i] : journal[i - 3], &record) != 1)
			fail_msg("%zu", i);
		assert_int_equal(record.type, PKGIMA_AUDIT_RULE);
		assert_int_equal(record.serial, i < 3 ? 45 : 0);
		assert_string_equal(record.name, "/usr/bin/x");
		assert_string_equal(record.program, "init");
		assert_true(record.has_digest && record.hash == PKGIMA_HASH_SHA256);
		assert_memory_equal(record.digest, digest, sizeof(digest));
	}
	assert_int_equal(parse("INTEGRITY_DATA " MESSAGE, &record), 1);
	assert_string_equal(record.name, "/unsigned/echo");
}

static void test_names_and_causes(void **state)
{
	struct pkgima_audit_record record;

	(void)state;
	/* "/a b", and comm "my prog". */
	assert_int_equal(parse("type=1800 " STAMP "pid=1 op=x cause=invalid-signature comm=6D792070726F67 name=2F612062 dev=\"sda\" "
			       "ino=1 res=0 errno=0", &record), 1);
	assert_string_equal(record.name, "/a b");
	assert_string_equal(record.program, "my prog");
	assert_int_equal(parse("type=1805 " STAMP "file=2F612062 hash=\"sha256:" DIGEST "\" ppid=0", &record), 1);
	assert_string_equal(record.name, "/a b");
	assert_string_equal(record.program, "");
	/* Causes of more than a word; a policy has no file. */
	assert_int_equal(parse("type=1802 " STAMP "pid=1 op=policy_update cause=signed policy required comm=\"init\" res=0 errno=0",
			       &record), 1);
	assert_string_equal(record.cause, "signed policy required");
	assert_string_equal(record.name, "");
	assert_int_equal(parse("type=1802 " STAMP "pid=1 op=policy_update cause=completed comm=\"init\" res=1 errno=0", &record), 1);
	assert_true(record.passed);
	/* Algorithms that signatures here do not have are named. */
	assert_int_equal(parse("type=1805 " STAMP "file=\"/x\" hash=\"sha1:da39a3ee\" ppid=0", &record), 1);
	assert_false(record.has_digest);
	assert_string_equal(record.hash_name, "sha1");
}

static void test_what_is_none(void **state)
{
	static const char *const none[] = {
		"", "type=", "type=1800", "type=18000 " STAMP MESSAGE, "xtype=1800 " STAMP MESSAGE, "type=1804 " STAMP MESSAGE,
		"type=SYSCALL msg=" STAMP "arch=c000003e", "audit: type=1400 " STAMP "apparmor=\"DENIED\"",
		"INTEGRITY_DATA is a word", "INTEGRITY_RULE", "see INTEGRITY_RULE for file=\"/x\"",
		/* A line that only quotes one: the name of a file, say. */
		"name=\"type=1800 " STAMP MESSAGE,
	};
	static const char *const malformed[] = {
		"type=1800 pid=1", "type=1800 audit(): " MESSAGE, "type=1800 audit(1.2): " MESSAGE, "type=1800 audit(1.2:3) " MESSAGE,
		"type=1800 audit(x.2:3): " MESSAGE, "type=1800 audit(1.2222:3): " MESSAGE,
		"type=1800 audit(9999999999999.2:3): " MESSAGE, "type=1800 audit(1.2:9999999999999999999): " MESSAGE,
		"type=1800 " STAMP, "type=1800 " STAMP "op=x", "type=1800 " STAMP "op=x cause=y",
		"type=1800 " STAMP "op=x cause=y comm=\"z\" res=0", "type=1800 " STAMP "op=x cause=y comm=\"z\" name=\"/x\"",
		"type=1800 " STAMP "op=x cause=y comm=\"z\" name=\"/x res=0", "type=1800 " STAMP "op=x cause=y comm=zz name=\"/x\" res=0",
		"type=1800 " STAMP "op=x cause=y comm=\"z\" name=2F00 res=0", "type=1800 " STAMP "op=x cause=y comm=\"z\" name=\"/x\" res=2",
		"type=1805 " STAMP "file=\"/x\"", "type=1805 " STAMP "file=\"/x\" hash=sha256:" DIGEST,
		"type=1805 " STAMP "file=\"/x\" hash=\"sha256:" DIGEST, "type=1805 " STAMP "file=\"/x\" hash=\"sha256:abcd\"",
		"type=1805 " STAMP "file=\"/x\" hash=\"sha256\"", "type=1805 " STAMP "file=\"/x\" hash=\":" DIGEST "\"",
		"type=1805 " STAMP "file=\"\" hash=\"sha256:" DIGEST "\"", "type=1805 " STAMP "hash=\"sha256:" DIGEST "\" file=\"/x\"",
	};
	struct pkgima_audit_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (parse(none[i], &record) != 0)
			fail_msg("taken: %s", none[i]);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		if (parse(malformed[i], &record) != -EINVAL)
			fail_msg("not refused: %s", malformed[i]);
}

static void test_long_names(void **state)
{
	char line[3 * PKGIMA_PATH_MAX];
	struct pkgima_audit_record record;

	(void)state;
	for (int length = PKGIMA_PATH_MAX; length <= PKGIMA_PATH_MAX + 1; length++) {
		snprintf(line, sizeof(line), "type=1805 " STAMP "file=\"/%0*d\" hash=\"sha256:" DIGEST "\"", length - 1, 0);
		assert_int_equal(parse(line, &record), length == PKGIMA_PATH_MAX ? 1 : -EINVAL);
		snprintf(line, sizeof(line), "type=1805 " STAMP "file=%0*d hash=\"sha256:" DIGEST "\"", 2 * length, 0);
		for (char *digit = strstr(line, "file=") + 5; *digit == '0'; digit++)
			*digit = '4';
		assert_int_equal(parse(line, &record), length == PKGIMA_PATH_MAX ? 1 : -EINVAL);
	}
}

static void test_kmsg(void **state)
{
	char line[] = "5,1,2,-;audit: name=\"/a\\x5cb\" \\x", plain[] = "audit: x", none[] = "5,1,2";
	size_t length;

	(void)state;
	length = pkgima_audit_unescape_kmsg(line, strlen(line));
	line[length] = '\0';
	assert_string_equal(line, "audit: name=\"/a\\b\" \\x");
	assert_int_equal(pkgima_audit_unescape_kmsg(plain, strlen(plain)), 0);
	assert_int_equal(pkgima_audit_unescape_kmsg(none, strlen(none)), 0);
	assert_int_equal(pkgima_audit_unescape_kmsg(none, 0), 0);
}

/* Reads @text as a log, with and without its being from /dev/kmsg. */
static void read_text(struct pkgima_audit_log *log, const char *folder, const char *text, size_t length, bool is_kmsg)
{
	const char *path = support_path(folder, "/log");
	struct pkgima_error error = { "" };
	cleanup_close int fd = -1;

	support_write(path, text, length, 0644);
	fd = open(path, O_RDONLY);
	if (pkgima_audit_log_read(log, fd, is_kmsg, path, &error) < 0)
		fail_msg("%s", error.text);
}

static int make_folder(void **state)
{
	*state = support_folder();
	return 0;
}

static int remove_folder(void **state)
{
	support_remove(*state);
	return 0;
}

static void test_grouping(void **state)
{
	static const char text[] =
		"some other line\n"
		"type=1805 audit(2.000:9): " RULE "\n"
		"type=1800 " STAMP MESSAGE "\r\n"
		"type=1800 audit(1700000001.000:46): " MESSAGE "\n"
		"type=1800 audit(1700000001.000:47): pid=1 op=x cause=invalid-signature comm=\"sh\" name=\"/unsigned/echo\" res=0\n"
		"type=1802 " STAMP "op=policy_update cause=completed comm=\"init\" res=1\n"
		"type=1800 broken\n"
		"type=1805 audit(3.000:10): " RULE;
	cleanup_audit_log struct pkgima_audit_log log = { 0 };

	/* From two sources, as where both auditd and the kernel log have them. */
	read_text(&log, *state, text, strlen(text), false);
	read_text(&log, *state, text, strlen(text), false);
	assert_int_equal(log.malformed, 2);
	pkgima_audit_log_group(&log);
	assert_int_equal(log.count, 3);
	assert_string_equal(log.items[0].cause, "IMA-signature-required");
	assert_int_equal(log.items[0].count, 2);
	assert_int_equal(log.items[0].serial, 45);
	assert_string_equal(log.items[1].cause, "invalid-signature");
	assert_int_equal(log.items[1].count, 1);
	assert_int_equal(log.items[2].type, PKGIMA_AUDIT_RULE);
	assert_int_equal(log.items[2].count, 2);
	assert_int_equal(log.items[2].serial, 9);
}

static void test_journal_stamps(void **state)
{
	cleanup_audit_log struct pkgima_audit_log log = { 0 };
	struct pkgima_error error;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pkgima_audit_log_take(&log, "INTEGRITY_DATA " MESSAGE, strlen("INTEGRITY_DATA " MESSAGE),
						       1700000000123, i < 2 ? 45 : 0, &error), 0);
	assert_int_equal(pkgima_audit_log_take(&log, "type=1800 " STAMP MESSAGE, strlen("type=1800 " STAMP MESSAGE), 7, 7,
					       &error), 0);
	pkgima_audit_log_group(&log);
	assert_int_equal(log.count, 1);
	/* The same one three times; two of which it is not known. */
	assert_int_equal(log.items[0].count, 3);
}

static void test_long_lines(void **state)
{
	cleanup_audit_log struct pkgima_audit_log log = { 0 };
	size_t length = 3 * PKGIMA_AUDIT_LINE_MAX;
	static const char line[] = "type=1800 " STAMP MESSAGE "\n";
	char *text = malloc(length + 2 * sizeof(line));

	memset(text, 'x', length);
	memcpy(text, line, strlen(line));
	/* Behind the long one's start a whole record, which is part of it. */
	memcpy(text + PKGIMA_AUDIT_LINE_MAX + strlen(line), line, strlen(line) - 1);
	text[length] = '\n';
	memcpy(text + length + 1, line, strlen(line));
	read_text(&log, *state, text, length + 1 + strlen(line), false);
	free(text);
	assert_int_equal(log.cut, 1);
	assert_int_equal(log.count, 2);
	/* What /dev/kmsg has before each line is taken off; what has none is no line of it. */
	read_text(&log, *state, "5,1,2,-;audit: type=1800 " STAMP MESSAGE "\n SUBSYSTEM=type=1800 " STAMP MESSAGE "\n",
		  strlen("5,1,2,-;audit: type=1800 " STAMP MESSAGE "\n SUBSYSTEM=type=1800 " STAMP MESSAGE "\n"), true);
	assert_int_equal(log.count, 3);
}

static void test_sentences(void **state)
{
	(void)state;
	assert_non_null(strstr(pkgima_audit_cause_sentence("IMA-signature-required"), "wants a signature"));
	assert_string_equal(pkgima_audit_cause_sentence("something new"), pkgima_audit_cause_sentence(""));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_source), cmocka_unit_test(test_names_and_causes),
		cmocka_unit_test(test_what_is_none), cmocka_unit_test(test_long_names), cmocka_unit_test(test_kmsg),
		CASE(test_grouping), cmocka_unit_test(test_journal_stamps), CASE(test_long_lines),
		cmocka_unit_test(test_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
