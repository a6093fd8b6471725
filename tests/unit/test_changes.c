// SPDX-License-Identifier: LGPL-2.1-or-later
/* .changes and .buildinfo: what is read of them, what is refused, and that nothing but sizes and checksums changes. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "signing/changes.h"

#define MD5_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA1_A MD5_A "aaaaaaaa"
#define SHA256_A MD5_A MD5_A
#define MD5_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHA256_B MD5_B MD5_B

#define HEAD "Format: 1.8\nSource: x\nDescription:\n x - something: else\n .\n"
static const char good[] =
	HEAD
	"Checksums-Sha1:\n " SHA1_A " 12 x_1_all.deb\n"
	"Checksums-Sha256:\n " SHA256_A " 12 x_1_all.deb\n " SHA256_B " 7 x_1.dsc\n"
	"Files:\n " MD5_A " 12 misc optional x_1_all.deb\n " MD5_B " 7 misc optional x_1.dsc\n";

static int parse(const char *text, struct pkgima_changes *changes, struct pkgima_error *error)
{
	return pkgima_changes_parse((const uint8_t *)text, strlen(text), changes, error);
}

static void test_what_is_read(void **state)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };
	const struct pkgima_listed *deb;

	(void)state;
	assert_int_equal(parse(good, &changes, &error), 0);
	assert_int_equal(changes.count, 2);
	assert_false(changes.has_openpgp);
	deb = pkgima_changes_find(&changes, "x_1_all.deb");
	assert_non_null(deb);
	assert_int_equal(deb->sums.size, 12);
	assert_string_equal(deb->sums.hex[PKGIMA_CHECKSUM_MD5], MD5_A);
	assert_string_equal(deb->sums.hex[PKGIMA_CHECKSUM_SHA1], SHA1_A);
	assert_string_equal(deb->sums.hex[PKGIMA_CHECKSUM_SHA256], SHA256_A);
	assert_string_equal(deb->sums.hex[PKGIMA_CHECKSUM_SHA512], "");
	assert_null(pkgima_changes_find(&changes, "x_1"));
}

static const struct pkgima_sums new_sums = {
	.size = 123456, .hex = { "0123", "4567", "89ab", "cdef" },
};

static const struct pkgima_sums *find(void *context, const char *name)
{
	return context && !strcmp(name, context) ? &new_sums : NULL;
}

static void expect_update(const char *text, const char *name, const char *wanted)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };
	char *made = NULL;
	size_t length = 0;

	if (parse(text, &changes, &error) < 0 ||
	    pkgima_changes_update(&changes, find, (void *)name, &made, &length, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(strlen(made), length);
	assert_string_equal(made, wanted);
	free(made);
}

static void test_sizes_and_checksums_change_and_nothing_else(void **state)
{
	static const char odd[] = "# a comment\nfiles: \t\n\t" MD5_A "  12\tmisc   optional x_1_all.deb\n"
				  "CHECKSUMS-SHA256:\r\n  " SHA256_A " 12 x_1_all.deb \r\nChanges:\n " MD5_A " 12 x_1_all.deb";
	static const char corrected[] = "# a comment\nfiles: \t\n\t0123 123456\tmisc   optional x_1_all.deb\n"
					"CHECKSUMS-SHA256:\r\n  89ab 123456 x_1_all.deb \r\nChanges:\n " MD5_A
					" 12 x_1_all.deb";

	(void)state;
	expect_update(good, NULL, good);
	expect_update(good, "x", good);
	expect_update(good, "x_1_all.deb",
		      HEAD
		      "Checksums-Sha1:\n 4567 123456 x_1_all.deb\n"
		      "Checksums-Sha256:\n 89ab 123456 x_1_all.deb\n " SHA256_B " 7 x_1.dsc\n"
		      "Files:\n 0123 123456 misc optional x_1_all.deb\n " MD5_B " 7 misc optional x_1.dsc\n");
	expect_update(odd, NULL, odd);
	expect_update(odd, "x_1_all.deb", corrected);
	/* As in a .buildinfo. */
	expect_update("Checksums-Md5:\n " MD5_A " 12 a\nChecksums-Sha256:\n " SHA256_A " 12 a\nChecksums-Sha512:\n "
		      SHA256_A SHA256_A " 12 a\n", "a",
		      "Checksums-Md5:\n 0123 123456 a\nChecksums-Sha256:\n 89ab 123456 a\nChecksums-Sha512:\n cdef 123456 a\n");
}

static void test_openpgp_armour_is_taken_off(void **state)
{
	static const char text[] = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nSource: x\n- -----odd: y\nChecksums-Sha256:\n "
				   SHA256_A " 1 a\n\n-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(parse(text, &changes, &error), 0);
	assert_true(changes.has_openpgp);
	assert_int_equal(changes.count, 1);
	expect_update(text, "a", "Source: x\n-----odd: y\nChecksums-Sha256:\n 89ab 123456 a\n");
}

static void refuse(const char *text, const char *part)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };

	if (parse(text, &changes, &error) != -EINVAL)
		fail_msg("accepted: %s", text);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

#define ONE(name) "Checksums-Sha256:\n " SHA256_A " 12 " name "\n"

static void test_what_is_refused(void **state)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	refuse(ONE("../a"), "line 2: the name");
	refuse(ONE("a/b"), "line 2: the name");
	refuse(ONE(".a"), "line 2: the name");
	refuse(ONE("a b"), "line 2: it has not the words");
	refuse("Checksums-Sha256:\n " SHA256_A " 12\n", "line 2: it has not the words");
	refuse("Files:\n " MD5_A " 12 a\n", "line 2: it has not the words");
	refuse("Files:\n " MD5_A " 12 m o a b\n", "line 2: it has not the words");
	refuse("Checksums-Sha256:\n " MD5_A " 12 a\n", "line 2: the checksum");
	refuse("Checksums-Sha256:\n g" MD5_A MD5_A " 12 a\n", "line 2: the checksum");
	refuse("Checksums-Sha256:\n " SHA256_A " -1 a\n", "line 2: the size");
	refuse("Checksums-Sha256:\n " SHA256_A " 1234567890123456789 a\n", "line 2: the size");
	refuse("Checksums-Sha256: " SHA256_A " 12 a\n", "line 1: something stands beside");
	refuse(ONE("a") "Files:\n " MD5_A " 13 m o a\n", "line 4: the file has another size");
	refuse(ONE("a") ONE("a"), "line 4: the file has another size elsewhere, or is there twice");
	refuse(ONE("a") "Checksums-Sha3:\n x 12 a\n", "line 3: it has checksums of a kind");
	refuse("Files:\n " MD5_A " 12 m o a\n", "no SHA-256");
	refuse("no field\n", "line 1: it is no field");
	refuse("A: b\n\nC: d\n", "line 2: it is no field, and there is one stanza only");
	refuse("-----BEGIN PGP SIGNED MESSAGE-----\n\nA: b\n", "armour");
	refuse("-----BEGIN PGP SIGNED MESSAGE-----\n\nA: b\n-----BEGIN PGP SIGNATURE-----\n", "armour");
	refuse("-----BEGIN PGP SIGNED MESSAGE-----\n\nA: b\n-----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\nB: c\n",
	       "armour");
	/* Text in front of the armour is none. */
	refuse("A: b\n-----BEGIN PGP SIGNED MESSAGE-----\n", "line 2: it is no field");
	assert_int_equal(pkgima_changes_parse((const uint8_t *)"A: \0b\n", 6, &changes, &error), -EINVAL);
	assert_int_equal(pkgima_changes_parse((const uint8_t *)"", PKGIMA_CHANGES_MAX + 1, &changes, &error), -EFBIG);
}

static void test_no_more_files_than_there_may_be(void **state)
{
	cleanup_bytes struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };
	char line[128];

	(void)state;
	support_append(&text, "Checksums-Sha256:\n", 18);
	for (int i = 0; i <= PKGIMA_CHANGES_FILES_MAX; i++) {
		cleanup_changes struct pkgima_changes changes = { 0 };
		int r = 0;

		support_append(&text, line, (size_t)snprintf(line, sizeof(line), " " SHA256_A " 1 a%d\n", i));
		if (i >= PKGIMA_CHANGES_FILES_MAX - 1)
			r = pkgima_changes_parse(text.data, text.length, &changes, &error);
		assert_int_equal(r, i == PKGIMA_CHANGES_FILES_MAX ? -E2BIG : 0);
	}
}

/* The programs of coreutils are the judges. */
static void test_checksums(void **state)
{
	static const char *const programs[] = { "md5sum", "sha1sum", "sha256sum", "sha512sum" };
	char *folder = support_folder();
	const char *path = support_path(folder, "x");
	struct pkgima_sums sums, other;
	struct pkgima_error error = { "" };
	static uint8_t data[200001];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 3);
	support_write(path, data, sizeof(data), 0644);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pkgima_sums_of(fd, &sums, &error), 0);
	assert_int_equal(sums.size, sizeof(data));
	for (size_t i = 0; i < PKGIMA_CHECKSUM_COUNT; i++) {
		FILE *list = fopen(support_path(folder, "list"), "we");

		assert_non_null(list);
		assert_true(fprintf(list, "%s  %s\n", sums.hex[i], path) > 0);
		assert_int_equal(fclose(list), 0);
		assert_int_equal(support_run(programs[i], "-c", support_path(folder, "list"), NULL), 0);
	}
	other = sums;
	assert_true(pkgima_sums_match(&other, &sums));
	other.hex[PKGIMA_CHECKSUM_SHA1][0] = '\0';
	assert_true(pkgima_sums_match(&other, &sums));
	other.hex[PKGIMA_CHECKSUM_SHA256][5] ^= 1;
	assert_false(pkgima_sums_match(&other, &sums));
	other = sums;
	other.size++;
	assert_false(pkgima_sums_match(&other, &sums));
	close(fd);
	assert_true(pkgima_sums_of(-1, &sums, &error) < 0);
	support_remove(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_sizes_and_checksums_change_and_nothing_else),
		cmocka_unit_test(test_openpgp_armour_is_taken_off),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_no_more_files_than_there_may_be),
		cmocka_unit_test(test_checksums),
	};

	return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
