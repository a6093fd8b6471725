// SPDX-License-Identifier: LGPL-2.1-or-later
/* rpm's database, read: made by rpm, and then spoilt. */
#include "rpm_maker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apply.h"
#include "beneath.h"
#include "rpmdb.h"

#define DATABASE "/var/lib/rpm"
#define FILES 40

/* For make sanitize: librpm leaves sqlite's handle open where one of its tables cannot be opened (lib/rpmdb.c). */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libsqlite3\n";
}

static struct {
	char *folder;
	int root;
} tree;

static int make_tree(void **state)
{
	(void)state;
	tree.folder = support_folder();
	support_make_folder(support_path(tree.folder, "root"));
	support_make_folder(support_path(tree.folder, "home"));
	/* rpm's configuration, and what it says of the database, is the user's. */
	setenv("HOME", support_path(tree.folder, "home"), 1);
	tree.root = pkgima_root_open(support_path(tree.folder, "root"), NULL);
	assert_true(tree.root >= 0);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	close(tree.root);
	support_remove(tree.folder);
	return 0;
}

static const char *database_file(void)
{
	return support_path(tree.folder, "root" DATABASE "/rpmdb.sqlite");
}

/* Puts a package into the database of the root; its files are not made. */
static void install(const struct rpm_maker *maker)
{
	const char *package = support_path(tree.folder, "package.rpm");

	rpm_maker_write(maker, package);
	if (support_run("rpm", "--root", support_path(tree.folder, "root"), "--dbpath", DATABASE, "--noplugins", "--nodeps",
			"--nodigest", "--nosignature", "--justdb", "-i", package, NULL) != 0)
		support_missing("a rpm that installs");
}

/* A database with one package of FILES files in @directory, each with a signature but those that @unsigned_every tells. */
static void install_signed(const char *directory, size_t unsigned_every, size_t count)
{
	const char *signatures[FILES];
	struct rpm_maker maker = { .files = FILES, .directory = directory, .no_digests = true, .signatures = signatures,
				   .signature_count = count };

	for (size_t i = 0; i < FILES; i++)
		signatures[i] = unsigned_every && i % unsigned_every == 0 ? "" : "0302041122334400021234";
	install(&maker);
}

static struct pkgima_rpmdb *open_database(void)
{
	struct pkgima_rpmdb *rpmdb = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_rpmdb_open(tree.root, &rpmdb, &error) < 0 || pkgima_rpmdb_packages(rpmdb, &error) < 0)
		fail_msg("%s", error.text);
	return rpmdb;
}

/* Replaces @from by as many bytes in the database, wherever it is. */
static void patch(const char *from, const char *to)
{
	size_t length, size = strlen(from), found = 0;
	uint8_t *bytes = support_read(database_file(), &length);

	assert_int_equal(strlen(to), size);
	for (size_t i = 0; i + size <= length; i++) {
		if (memcmp(bytes + i, from, size) != 0)
			continue;
		memcpy(bytes + i, to, size);
		found++;
	}
	assert_true(found > 0);
	support_write(database_file(), bytes, length, 0644);
	free(bytes);
}

static void assert_refused(struct pkgima_rpmdb *rpmdb, const char *reason)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };

	assert_true(pkgima_rpmdb_read(rpmdb, 0, &entries, &error) < 0);
	if (!strstr(error.text, reason))
		fail_msg("\"%s\" instead of \"%s\"", error.text, reason);
}

static void test_no_database(void **state)
{
	struct pkgima_rpmdb *rpmdb = NULL;
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(pkgima_rpmdb_open(tree.root, &rpmdb, &error), -ENOENT);
	assert_null(rpmdb);
	assert_string_equal(error.text, "there is no database of rpm");
	assert_int_equal(support_count_names(support_path(tree.folder, "root")), 0);
	assert_int_equal(support_count_names(support_path(tree.folder, "home")), 0);
	support_make_folder(support_path(tree.folder, "root" DATABASE));
	assert_int_equal(pkgima_rpmdb_open(tree.root, &rpmdb, &error), -ENOENT);
	assert_int_equal(support_count_names(support_path(tree.folder, "root" DATABASE)), 0);
}

static void test_entries(void **state)
{
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	const struct pkgima_entry *entry;
	char digest[2 * PKGIMA_DIGEST_MAX + 1], own[2 * PKGIMA_DIGEST_MAX + 1];

	(void)state;
	install_signed("/usr/lib/many/", 4, FILES);
	rpmdb = open_database();
	assert_int_equal(rpmdb->count, 1);
	assert_string_equal(rpmdb->packages[0].nevra, "many-1-2.noarch");
	assert_true(rpmdb->packages[0].is_signed);
	if (pkgima_rpmdb_read(rpmdb, 0, &entries, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(entries.count, FILES);
	entry = pkgima_entries_find(&entries, "/usr/lib/many/17");
	assert_non_null(entry);
	assert_int_equal(entry->ima.length, 11);
	assert_memory_equal(entry->ima.bytes, "\x03\x02\x04\x11\x22\x33\x44\x00\x02\x12\x34", 11);
	rpm_maker_digest(17, 32, digest);
	pkgima_hex(entry->digest, 32, own);
	assert_string_equal(own, digest);
	assert_null(pkgima_entries_find(&entries, "/usr/lib/many/16")->ima.bytes);
}

struct note {
	size_t count;
	char path[64];
};

static void note(void *context, const struct pkgima_finding *finding)
{
	struct note *note = context;

	assert_string_equal(finding->package, "many-1-2.noarch");
	assert_false(finding->failed);
	if (finding->verdict == PKGIMA_VERDICT_UNSIGNED) {
		snprintf(note->path, sizeof(note->path), "%s", finding->path);
		note->count++;
	}
}

/* The last of the files has no signature: it is there, and it is told. */
static void test_a_file_without_a_signature_in_a_signed_package(void **state)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	struct pkgima_config config = { 0 };
	struct note notes = { 0 };
	struct pkgima_apply apply = { .root_fd = tree.root, .manager = &pkgima_manager_rpm, .trust = trust, .config = &config,
				      .report = note, .context = &notes };
	struct pkgima_apply_counts counts;
	struct pkgima_installed *list = NULL;
	struct pkgima_error error = { "" };
	size_t count = 0;

	(void)state;
	install_signed("/usr/lib/many/", FILES, FILES);
	support_write_text(support_path(tree.folder, "root/usr/lib/many/0"), "text", 0644);
	support_write_text(support_path(tree.folder, "root/usr/lib/many/1"), "text", 0644);
	apply.database = rpmdb = open_database();
	assert_int_equal(pkgima_manager_rpm.list(rpmdb, false, &list, &count, &error), 0);
	assert_int_equal(count, 1);
	assert_int_equal(pkgima_apply_packages(&apply, list, count, NULL, &counts, &error), 0);
	pkgima_installed_free(list, count);
	assert_int_equal(notes.count, 1);
	assert_string_equal(notes.path, "/usr/lib/many/0");
	assert_int_equal(counts.refused, 2);
	assert_int_equal(counts.applied, 0);
	assert_int_equal(counts.absent, FILES - 2);
}

static void test_signatures_that_rpm_would_not_see(void **state)
{
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;

	(void)state;
	install_signed("/usr/lib/many/", 0, FILES - 1);
	rpmdb = open_database();
	assert_refused(rpmdb, "39 file signatures for 40 files");
}

static void test_a_signature_that_is_no_hexadecimal(void **state)
{
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;

	(void)state;
	install_signed("/usr/lib/many/", 0, FILES);
	patch("0302041122334400021234", "03020411223344000212zz");
	rpmdb = open_database();
	assert_refused(rpmdb, "no hexadecimal");
}

static void test_paths_that_are_not_plain(void **state)
{
	static const char *const folders[] = { "/usr/lib/../../", "usr/lib/many/x/", "/usr//lib/many/", "/usr/./lib/man/" };

	(void)state;
	install_signed("/usr/lib/manyx/", 0, FILES);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
		bool owned = true;

		patch(i ? folders[i - 1] : "/usr/lib/manyx/", folders[i]);
		rpmdb = open_database();
		assert_refused(rpmdb, "not plain");
		assert_int_equal(pkgima_rpmdb_owns(rpmdb, "/etc/keys/ima-ca/17", &owned, NULL), 0);
		assert_false(owned);
	}
}

static void test_who_owns_a_file(void **state)
{
	static const struct { const char *path; bool owned; } files[] = {
		{ "/usr/lib/many/0", true }, { "/usr/lib/many/39", true }, { "/usr/lib/many/40", false },
		{ "/usr/lib/0", false }, { "/lib/many/7", true }, { "/other/7", false }, { "/usr/lib/many/x", false },
	};
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;

	(void)state;
	install_signed("/usr/lib/many/", 0, FILES);
	support_write_text(support_path(tree.folder, "root/usr/lib/many/7"), "text", 0644);
	support_write_text(support_path(tree.folder, "root/other/7"), "text", 0644);
	assert_int_equal(symlink("usr/lib", support_path(tree.folder, "root/lib")), 0);
	rpmdb = open_database();
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		bool owned = !files[i].owned;

		assert_int_equal(pkgima_rpmdb_owns(rpmdb, files[i].path, &owned, NULL), 0);
		if (owned != files[i].owned)
			fail_msg("%s", files[i].path);
	}
}

static void test_names(void **state)
{
	static const struct { const char *name; bool matches; } names[] = {
		{ "a-b", true }, { "a-b.x86", true }, { "a-b-1.0", true }, { "a-b-1.0.x86", true }, { "a-b-1.0-2", true },
		{ "a-b-1.0-2.x86", true }, { "a-b-3:1.0-2.x86", true }, { "a-b-3:1.0", true }, { "a", false },
		{ "a-", false }, { "a-b-", false }, { "a-b.", false }, { "a-b-1", false }, { "a-b-1.0-", false },
		{ "a-b-1.0-2.", false }, { "a-b-1.0-2.x8", false }, { "a-b-1.0-2.x86x", false }, { "a-b-4:1.0", false },
		{ "a-b-:1.0", false }, { "a-b-3:", false }, { "", false }, { "a-bc", false }, { "a-b-1.0-2-x86", false },
	};
	const struct pkgima_rpmdb_package package = { .name = "a-b", .epoch = "3", .version = "1.0", .release = "2",
						      .architecture = "x86" };
	const struct pkgima_rpmdb_package plain = { .name = "a-b", .epoch = "", .version = "1.0", .release = "2",
						    .architecture = "" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (pkgima_rpmdb_name_matches(names[i].name, &package) != names[i].matches)
			fail_msg("%s", names[i].name);
	assert_true(pkgima_rpmdb_name_matches("a-b-1.0-2", &plain));
	assert_false(pkgima_rpmdb_name_matches("a-b-:1.0", &plain));
	assert_false(pkgima_rpmdb_name_matches("a-b.", &plain));
}

/* Bytes changed anywhere: an error or not, but nothing worse, and not a word printed. */
static void test_spoilt_databases(void **state)
{
	size_t length, refused = 0;
	uint32_t random = 1;
	uint8_t *bytes;

	(void)state;
	install_signed("/usr/lib/many/", 3, FILES);
	bytes = support_read(database_file(), &length);
	for (size_t round = 0; round < 300; round++) {
		cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
		cleanup_entries struct pkgima_entries entries = { 0 };
		uint8_t *copy = malloc(length);
		bool owned;

		assert_non_null(copy);
		memcpy(copy, bytes, length);
		for (size_t i = 0; i < 1 + round % 20; i++) {
			random = random * 1664525 + 1013904223;
			/* Every other time in the first pages, where the tables are described. */
			copy[(random >> 8) % (round % 2 ? length : 8192)] ^= (uint8_t)(1 + (random >> 3) % 255);
		}
		support_write(database_file(), copy, length, 0644);
		free(copy);
		if (pkgima_rpmdb_open(tree.root, &rpmdb, NULL) < 0 || pkgima_rpmdb_packages(rpmdb, NULL) < 0) {
			refused++;
			continue;
		}
		if (rpmdb->count)
			pkgima_rpmdb_read(rpmdb, 0, &entries, NULL);
		pkgima_rpmdb_owns(rpmdb, "/usr/lib/many/17", &owned, NULL);
	}
	free(bytes);
	assert_true(refused > 0);
}

static void test_many_files(void **state)
{
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct rpm_maker maker = { .files = 100000, .no_digests = true };
	bool owned = false;

	(void)state;
	install(&maker);
	rpmdb = open_database();
	assert_false(rpmdb->packages[0].is_signed);
	assert_int_equal(pkgima_rpmdb_read(rpmdb, 0, &entries, NULL), 0);
	assert_int_equal(entries.count, 100000);
	assert_non_null(pkgima_entries_find(&entries, "/usr/lib/many/99999"));
	assert_int_equal(pkgima_rpmdb_owns(rpmdb, "/usr/lib/many/99999", &owned, NULL), 0);
	assert_true(owned);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)
	const struct CMUnitTest tests[] = {
		TEST(test_no_database),
		TEST(test_entries),
		TEST(test_a_file_without_a_signature_in_a_signed_package),
		TEST(test_signatures_that_rpm_would_not_see),
		TEST(test_a_signature_that_is_no_hexadecimal),
		TEST(test_paths_that_are_not_plain),
		TEST(test_who_owns_a_file),
		cmocka_unit_test(test_names),
		TEST(test_spoilt_databases),
		TEST(test_many_files),
	};

	return cmocka_run_group_tests_name("rpmdb", tests, NULL, NULL);
}
