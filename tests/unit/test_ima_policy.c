// SPDX-License-Identifier: LGPL-2.1-or-later
/* IMA policies: what is taken and refused (tests/data/policy, which tests/kernel/audit.bats shows to a kernel too), which rule
 * matches, what is asked then, and what is wrong with a policy. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ima_lint.h"
#include "ima_match.h"
#include "ima_policy.h"
#include "kernel_config.h"
#include "subjects.h"

#define MESSAGES_MAX 64

static struct {
	size_t count;
	char text[MESSAGES_MAX][600];
} told;

static void refuse(void *context, size_t line, const char *sentence)
{
	(void)context;
	assert_true(told.count < MESSAGES_MAX);
	snprintf(told.text[told.count++], sizeof(told.text[0]), "%zu: %s", line, sentence);
}

static int parse(const char *text, struct pkgima_ima_policy *policy, struct pkgima_error *error)
{
	told.count = 0;
	return pkgima_ima_policy_parse(policy, (const uint8_t *)text, strlen(text), NULL, refuse, NULL, error);
}

static void take(const char *text, struct pkgima_ima_policy *policy)
{
	struct pkgima_error error = { "" };

	if (parse(text, policy, &error) < 0)
		fail_msg("%s: %s", text, error.text);
}

/* A file of tests/data/policy. */
static char *corpus(const char *name)
{
	const char *top = getenv("TOP");
	char path[4096];
	size_t length;

	snprintf(path, sizeof(path), "%s/tests/data/policy/%s", top ? top : ".", name);
	return (char *)support_read(path, &length);
}

/* The next line that is no comment. */
static char *next_line(char **rest)
{
	char *line;

	while ((line = strsep(rest, "\n")))
		if (*line && *line != '#')
			return line;
	return NULL;
}

static void test_every_good_rule_is_taken(void **state)
{
	static const struct { const char *word; enum pkgima_ima_need need; } words[] = {
		{ "6.3", PKGIMA_IMA_NEED_V6_3 }, { "6.7", PKGIMA_IMA_NEED_V6_7 }, { "6.14", PKGIMA_IMA_NEED_V6_14 },
		{ "6.18", PKGIMA_IMA_NEED_V6_18 }, { "SIGV3", PKGIMA_IMA_NEED_SIGV3 }, { "KEYS", PKGIMA_IMA_NEED_KEYS },
		{ "MODSIG", PKGIMA_IMA_NEED_APPENDED }, { "LSM", PKGIMA_IMA_NEED_LSM },
	};
	char *text = corpus("good"), *rest = text, *line;
	size_t count = 0;

	(void)state;
	while ((line = next_line(&rest))) {
		cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
		char *tab = strchr(line, '\t');
		uint32_t needs = 0;

		if (tab)
			*tab = '\0';
		take(line, &policy);
		assert_int_equal(policy.count, 1);
		for (size_t i = 0; tab && i < sizeof(words) / sizeof(words[0]); i++)
			if (!strcmp(words[i].word, tab + 1))
				needs = 1U << words[i].need;
		if (policy.rules[0].needs != needs || (tab && !needs))
			fail_msg("%s: needs %x instead of %x", line, policy.rules[0].needs, needs);
		count++;
	}
	assert_true(count >= 90);
	free(text);
}

static void test_every_bad_rule_is_refused(void **state)
{
	char *text = corpus("bad"), *rest = text, *line;
	size_t count = 0;

	(void)state;
	while ((line = next_line(&rest))) {
		cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
		struct pkgima_error error = { "" };

		if (parse(line, &policy, &error) != -EINVAL)
			fail_msg("taken: %s", line);
		assert_int_equal(told.count, 1);
		assert_memory_equal(error.text, "line 1: ", 8);
		assert_int_equal(policy.count, 0);
		count++;
	}
	assert_true(count >= 90);
	free(text);
}

static void test_lines_have_numbers_and_all_that_are_refused_are_told(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(parse("# a\n\nmeasure\nnothing\n \t\nappraise fowner=x\nappraise\n", &policy, &error), -EINVAL);
	assert_string_equal(error.text, "line 4: no kernel knows the word: nothing");
	assert_int_equal(told.count, 2);
	assert_string_equal(told.text[1], "6: not the number of a user or group: x");
	assert_int_equal(policy.count, 0);
	take("# a\n\n  measure\n\tappraise fowner=0", &policy);
	assert_int_equal(policy.count, 2);
	assert_int_equal(policy.rules[0].line, 3);
	assert_int_equal(policy.rules[1].line, 4);
	assert_string_equal(policy.rules[1].text, "appraise fowner=0");
	assert_true(policy.unended);
	/* Others are added behind them, and those stay as they are when that fails. */
	assert_int_equal(parse("bad", &policy, &error), -EINVAL);
	assert_int_equal(policy.count, 2);
	take("dont_measure fsname=tmpfs\n", &policy);
	assert_int_equal(policy.count, 3);
	assert_string_equal(policy.rules[0].text, "measure");
	assert_string_equal(policy.rules[2].fsname, "tmpfs");
	assert_false(policy.unended);
}

static void test_bounds(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	size_t length = PKGIMA_IMA_POLICY_MAX + 1;
	uint8_t *text = calloc(1, length + 1);
	struct pkgima_error error = { "" };

	(void)state;
	assert_non_null(text);
	memset(text, '#', length);
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, length, NULL, NULL, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "more than 262144 bytes"));
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, length - 1, NULL, NULL, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no rule"));
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, 0, NULL, NULL, NULL, &error), -EINVAL);
	/* The longest line that a page takes, and one byte more. */
	memset(text, ' ', length);
	memcpy(text, "measure", 7);
	memcpy(text + PKGIMA_IMA_LINE_MAX - 8, "fowner=1", 8);
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, PKGIMA_IMA_LINE_MAX, NULL, NULL, NULL, &error), 0);
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, PKGIMA_IMA_LINE_MAX + 1, NULL, NULL, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "a page"));
	memcpy(text, "measure\nmeasure\0\n", 17);
	assert_int_equal(pkgima_ima_policy_parse(&policy, text, 17, NULL, NULL, NULL, &error), -EINVAL);
	assert_non_null(strstr(error.text, "line 2: it has a NUL byte"));
	free(text);
}

static const struct pkgima_ima_place ext4 = { 0xef53, "ext4", "", PKGIMA_IMA_UUID_KNOWN, { 0x6f, 0x0c } };

/* "ask" with what matters: line of the rule, appraised, flags. */
static void assert_demand(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access, size_t line,
			  bool appraised, uint32_t flags)
{
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	bool sure;

	assert_int_equal(pkgima_ima_policy_ask(policy, access, demands, &sure), 1);
	assert_true(sure);
	assert_int_equal(demands[0].rule ? demands[0].rule->line : 0, line);
	assert_int_equal(demands[0].appraised, appraised);
	assert_int_equal(demands[0].flags, flags);
}

static void test_the_first_rule_that_matches_decides(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct pkgima_ima_access access = { .place = &ext4, .hook = PKGIMA_IMA_HOOK_BPRM_CHECK, .mask = PKGIMA_IMA_EXEC };

	(void)state;
	take("measure func=BPRM_CHECK\n"
	     "dont_appraise fsmagic=0x01021994\n"
	     "appraise func=MMAP_CHECK appraise_type=imasig\n"
	     "dont_appraise func=BPRM_CHECK fowner=7\n"
	     "appraise func=BPRM_CHECK mask=MAY_EXEC uid<10 appraise_type=imasig appraise_algos=sha256\n"
	     "appraise fgroup>5\n", &policy);
	assert_demand(&policy, &access, 5, true, PKGIMA_IMA_SIGNATURE);
	access.owner = 7;
	assert_demand(&policy, &access, 4, false, 0);
	access.owner = 0;
	access.uid = 10;
	assert_demand(&policy, &access, 0, false, 0);
	access.group = 6;
	assert_demand(&policy, &access, 6, true, 0);
	access.hook = PKGIMA_IMA_HOOK_MMAP_CHECK;
	assert_demand(&policy, &access, 3, true, PKGIMA_IMA_SIGNATURE);
	assert_false(pkgima_ima_policy_measures(&policy, &access));
	access.hook = PKGIMA_IMA_HOOK_BPRM_CHECK;
	assert_true(pkgima_ima_policy_measures(&policy, &access));
}

static void test_what_measure_rules_ask_counts_for_appraisal_too(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	const struct pkgima_ima_access access = { .place = &ext4, .hook = PKGIMA_IMA_HOOK_FILE_CHECK, .mask = PKGIMA_IMA_READ };

	(void)state;
	take("appraise func=FILE_CHECK appraise_type=imasig\n"
	     "dont_measure fsname=tmpfs permit_directio\n"
	     "measure func=FILE_CHECK digest_type=verity\n"
	     "measure permit_directio\n", &policy);
	assert_demand(&policy, &access, 1, true, PKGIMA_IMA_SIGNATURE | PKGIMA_IMA_VERITY);
}

static void test_what_is_not_known_leaves_several_answers(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	struct pkgima_ima_place place = { .fsmagic = 0xef53, .uuid_state = PKGIMA_IMA_UUID_UNKNOWN };
	const struct pkgima_ima_access access = { .place = &place, .hook = PKGIMA_IMA_HOOK_BPRM_CHECK, .mask = PKGIMA_IMA_EXEC };
	bool sure;

	(void)state;
	take("dont_appraise obj_type=x\n"
	     "appraise fsuuid=6f0c2a4e-0b1d-4c3e-9a55-70b1d2c3e4f5 appraise_type=imasig\n"
	     "appraise fsname=ext4\n"
	     "measure obj_type=y digest_type=verity\n", &policy);
	/* That no rule matches is the same as the first. */
	assert_int_equal(pkgima_ima_policy_ask(&policy, &access, demands, &sure), 3);
	assert_false(sure);
	assert_false(demands[0].appraised);
	assert_true(demands[1].appraised && demands[1].flags & PKGIMA_IMA_SIGNATURE);
	assert_true(demands[2].appraised);
	place.uuid_state = PKGIMA_IMA_UUID_NONE;
	place.fsname = "ext4";
	assert_int_equal(pkgima_ima_policy_ask(&policy, &access, demands, &sure), 2);
}

/* Rules about labels, as many as there may be, hide none that comes behind them. */
static void test_many_rules_that_may_match(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy same = { 0 }, different = { 0 };
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	const struct pkgima_ima_place place = { .fsmagic = 0xef53 };
	const struct pkgima_ima_access access = { .place = &place, .hook = PKGIMA_IMA_HOOK_BPRM_CHECK, .mask = PKGIMA_IMA_EXEC };
	char text[2048] = "";
	bool sure;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		sprintf(text + strlen(text), "dont_appraise obj_type=t%zu\n", i);
	strcat(text, "appraise appraise_type=imasig\n");
	take(text, &same);
	assert_int_equal(pkgima_ima_policy_ask(&same, &access, demands, &sure), 2);
	assert_true(sure);
	assert_true(demands[1].appraised && demands[1].flags & PKGIMA_IMA_SIGNATURE);
	*text = '\0';
	for (size_t i = 0; i < 10; i++)
		sprintf(text + strlen(text), "appraise obj_type=t appraise_algos=%s\n", pkgima_ima_hash_name((const unsigned int[]){
			0, 1, 2, 3, 4, 5, 6, 7, 11, 12 }[i]));
	take(text, &different);
	assert_int_equal(pkgima_ima_policy_ask(&different, &access, demands, &sure), PKGIMA_IMA_DEMANDS_MAX);
	assert_false(sure);
}

static void test_subjects_stand_on_either_side_of_each_number(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct pkgima_subjects subjects;
	bool seen[5] = { false };

	(void)state;
	take("appraise uid<1000\nappraise euid=0 gid>4294967293\n", &policy);
	pkgima_subjects_find(&policy, &subjects);
	assert_int_equal(subjects.list[0].uid, 0);
	assert_int_equal(subjects.list[0].gid, 0);
	assert_false(subjects.cut);
	for (size_t i = 0; i < subjects.count; i++) {
		seen[0] |= subjects.list[i].uid == 999;
		seen[1] |= subjects.list[i].uid == 1000;
		seen[2] |= subjects.list[i].uid == 1001;
		seen[3] |= subjects.list[i].gid == 4294967294U;
		seen[4] |= subjects.list[i].gid == 4294967295U;
	}
	assert_true(seen[0] && seen[1] && seen[2] && seen[3] && !seen[4]);
}

static void note(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule, const char *sentence)
{
	(void)context;
	assert_true(told.count < MESSAGES_MAX);
	snprintf(told.text[told.count++], sizeof(told.text[0]), "%s %zu: %s", pkgima_lint_word(kind),
		 rule ? rule->line : 0, sentence);
}

static void lint(const char *text)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };

	take(text, &policy);
	told.count = 0;
	pkgima_ima_lint(&policy, note, NULL);
}

static size_t count_told(const char *part)
{
	size_t count = 0;

	for (size_t i = 0; i < told.count; i++)
		count += strstr(told.text[i], part) != NULL;
	return count;
}

static void assert_told(const char *part)
{
	if (count_told(part))
		return;
	for (size_t i = 0; i < told.count; i++)
		print_error("%s\n", told.text[i]);
	fail_msg("not said: %s", part);
}

/* What a policy without holes has. */
#define WHOLE                                                          \
	"appraise func=POLICY_CHECK appraise_type=imasig\n"            \
	"appraise func=BPRM_CHECK appraise_type=imasig\n"              \
	"appraise func=MMAP_CHECK mask=MAY_EXEC appraise_type=imasig\n"\
	"appraise func=MODULE_CHECK appraise_type=imasig\n"            \
	"appraise func=FIRMWARE_CHECK appraise_type=imasig\n"          \
	"appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n"

static void test_lint_finds_nothing_in_a_whole_policy(void **state)
{
	(void)state;
	lint(WHOLE "appraise func=KEXEC_INITRAMFS_CHECK appraise_type=imasig\nmeasure func=BPRM_CHECK\n");
	assert_int_equal(told.count, 0);
}

static void test_lint_holes(void **state)
{
	(void)state;
	lint(WHOLE);
	assert_told("hole 0: no rule about KEXEC_INITRAMFS_CHECK");
	assert_int_equal(count_told("hole"), 1);
	assert_told("note 0: nothing is measured");

	lint("dont_appraise fsmagic=0x01021994\n" WHOLE);
	assert_told("hole 1: no signature is asked of programs on tmpfs, rootfs, devtmpfs: root mounts one, or needs no more than "
		    "memfd_create(2)");
	assert_told("hole 1: no signature is asked of policies on tmpfs");
	assert_told("note 1: the first rule is not about POLICY_CHECK");

	lint("dont_appraise fsname=rootfs\n" WHOLE);
	assert_told("hole 1: no signature is asked of programs on rootfs: root reaches it by unmounting");
	lint("dont_appraise func=BPRM_CHECK fsname=overlay\n" WHOLE);
	assert_told("hole 1: no signature is asked of programs on overlayfs");
	assert_int_equal(count_told("overlayfs"), 1);
	/* File systems that have no files of their own may be exempt. */
	lint("dont_appraise fsmagic=0x9fa0\n" WHOLE);
	assert_int_equal(count_told("hole"), 1);

	lint("appraise func=BPRM_CHECK fsuuid=6f0c2a4e-0b1d-4c3e-9a55-70b1d2c3e4f5 appraise_type=imasig\n");
	assert_told("hole 1: only one file system's programs are appraised: overlayfs over it has no such UUID");
	assert_told("hole 0: no rule about MMAP_CHECK");
	assert_told("hole 0: no rule about POLICY_CHECK");
	lint("appraise func=BPRM_CHECK fsmagic=0xef53 appraise_type=imasig\n");
	assert_told("on tmpfs, ramfs, rootfs, devtmpfs, overlayfs, FUSE, squashfs, vfat");

	lint("appraise func=POLICY_CHECK appraise_type=imasig\nappraise fowner=0\n");
	assert_told("hole 2: a hash is enough for programs");
	lint("appraise fowner=0 appraise_type=imasig\n");
	assert_told("hole 0: no signature is asked of programs that others than root own");
	lint("dont_appraise func=BPRM_CHECK uid=1000\n" WHOLE);
	assert_told("hole 1: no signature is asked of programs when user 1000 uses them");
	lint("appraise func=BPRM_CHECK appraise_type=imasig permit_directio\n");
	assert_told("hole 1: what is opened with O_DIRECT is not appraised");
}

static void test_lint_dead_rules(void **state)
{
	static const char *const dead[] = {
		"appraise func=BPRM_CHECK\nappraise func=BPRM_CHECK appraise_type=imasig\n",
		"dont_appraise func=BPRM_CHECK\nappraise func=BPRM_CHECK fowner=0\n",
		"appraise\nappraise func=FILE_CHECK mask=MAY_READ\n",
		"appraise mask=^MAY_READ\nappraise func=FILE_CHECK mask=MAY_READ\n",
		"appraise mask=MAY_EXEC\nappraise func=BPRM_CHECK\n",
		"appraise uid>5\nappraise uid=6\n", "appraise uid<5\nappraise uid<4\n", "measure fowner=0\ndont_measure fowner=0\n",
		"appraise fsname=ext4\nappraise fsname=ext4 fowner=0\n",
		"measure\nmeasure func=BPRM_CHECK mask=MAY_EXEC uid=0\n",
		"audit fsuuid=6f0c2a4e-0b1d-4c3e-9a55-70b1d2c3e4f5\ndont_audit fsuuid=6f0c2a4e-0b1d-4c3e-9a55-70b1d2c3e4f5 gid=1\n",
		"measure func=CRITICAL_DATA\nmeasure func=CRITICAL_DATA label=x\n",
		"appraise fsname=a\nappraise func=MMAP_CHECK mask=MAY_READ\n",
		"appraise fsname=a\nappraise func=MODULE_CHECK mask=^MAY_EXEC\n",
	};
	static const char *const alive[] = {
		"measure\nappraise\n", "appraise func=BPRM_CHECK\nappraise func=MMAP_CHECK\n",
		"appraise fowner=0\nappraise func=BPRM_CHECK\n", "appraise uid=0\nappraise euid=0\n",
		"appraise uid>5\nappraise uid=5\n", "appraise uid<5\nappraise uid<6\n", "appraise obj_type=x\nappraise\n",
		"appraise mask=MAY_READ\nappraise func=FILE_CHECK mask=^MAY_READ\n",
		"appraise mask=MAY_READ\nappraise func=BPRM_CHECK\n", "appraise fsname=ext4\nappraise fsname=xfs\n",
		"appraise fsmagic=1\nappraise fsname=ext4\n", "measure\nmeasure func=KEY_CHECK\n",
		"measure func=KEY_CHECK keyrings=a\nmeasure func=KEY_CHECK\n",
		"appraise\nappraise func=SETXATTR_CHECK appraise_algos=sha256\n",
		"measure mask=MAY_READ\nmeasure func=KEXEC_CMDLINE\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
		lint(dead[i]);
		if (count_told("dead 2: it ") != 1)
			fail_msg("not dead: %s", dead[i]);
	}
	for (size_t i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
		lint(alive[i]);
		if (count_told("dead") != 0)
			fail_msg("dead: %s%s", alive[i], told.text[0]);
	}
}

static void test_lint_notes(void **state)
{
	(void)state;
	lint("measure func=MMAP_CHECK_REQPROT\naudit func=BPRM_CHECK");
	assert_told("note 1: kernels before 6.3 refuse");
	assert_told("note 0: no rule appraises");
	assert_told("note 0: its last line has no line feed");
	lint("appraise func=FILE_CHECK fowner=0\n");
	assert_told("note 1: files that are opened are appraised");
}

/* Rules that a kernel puts before all others are not complained of, and those that they cover are dead. */
static void test_rules_of_the_kernel_come_first(void **state)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	cleanup_kernel_config struct pkgima_kernel_config config = {
		.text = strdup("# CONFIG_X is not set\nCONFIG_IMA_APPRAISE_REQUIRE_MODULE_SIGS=y\nCONFIG_IMA_ARCH_POLICY=y\n"
			       "CONFIG_KEXEC_SIG=y\nCONFIG_CRYPTO_SHA512=m\n"),
	};
	char *built = pkgima_kernel_config_rules(&config, false), *secure = pkgima_kernel_config_rules(&config, true);
	struct pkgima_error error;

	(void)state;
	assert_int_equal(pkgima_kernel_config_get(&config, "CRYPTO_SHA512"), 'm');
	assert_int_equal(pkgima_kernel_config_get(&config, "CRYPTO_SHA"), 'n');
	assert_int_equal(pkgima_kernel_config_get(&config, "X"), 'n');
	assert_string_equal(built, "appraise func=MODULE_CHECK appraise_type=imasig\n");
	assert_string_equal(secure, "measure func=KEXEC_KERNEL_CHECK\nappraise func=MODULE_CHECK appraise_type=imasig\n"
				    "measure func=MODULE_CHECK\nappraise func=MODULE_CHECK appraise_type=imasig\n");
	assert_int_equal(pkgima_ima_policy_parse(&policy, (uint8_t *)built, strlen(built), "the kernel", NULL, NULL, &error), 0);
	take("dont_appraise func=MODULE_CHECK\n", &policy);
	told.count = 0;
	pkgima_ima_lint(&policy, note, NULL);
	assert_told("dead 1: it never matters: a rule of the kernel's own");
	assert_int_equal(count_told("MODULE_CHECK:"), 0);
	free(built);
	free(secure);
}

static void test_policies_of_the_kernel(void **state)
{
	cleanup_kernel_config struct pkgima_kernel_config config = { 0 };
	static const struct { const char *names; size_t rules; } known[] = {
		{ "tcb", 20 }, { "appraise_tcb", 15 }, { "secure_boot", 4 }, { "critical_data", 1 },
		{ "tcb|appraise_tcb", 35 }, { "secure_boot|fail_securely", 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
		char *text = pkgima_kernel_policy(&config, known[i].names);

		assert_non_null(text);
		take(text, &policy);
		assert_int_equal(policy.count, known[i].rules);
		free(text);
	}
	assert_null(pkgima_kernel_policy(&config, "nothing"));
	assert_null(pkgima_kernel_policy(&config, "tcb|nothing"));
	assert_null(pkgima_kernel_policy(&config, "fail_securely"));
	assert_null(pkgima_kernel_policy(&config, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_good_rule_is_taken),
		cmocka_unit_test(test_every_bad_rule_is_refused),
		cmocka_unit_test(test_lines_have_numbers_and_all_that_are_refused_are_told),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_the_first_rule_that_matches_decides),
		cmocka_unit_test(test_what_measure_rules_ask_counts_for_appraisal_too),
		cmocka_unit_test(test_what_is_not_known_leaves_several_answers),
		cmocka_unit_test(test_many_rules_that_may_match),
		cmocka_unit_test(test_subjects_stand_on_either_side_of_each_number),
		cmocka_unit_test(test_lint_finds_nothing_in_a_whole_policy),
		cmocka_unit_test(test_lint_holes),
		cmocka_unit_test(test_lint_dead_rules),
		cmocka_unit_test(test_lint_notes),
		cmocka_unit_test(test_rules_of_the_kernel_come_first),
		cmocka_unit_test(test_policies_of_the_kernel),
	};

	return cmocka_run_group_tests_name("ima_policy", tests, NULL, NULL);
}
