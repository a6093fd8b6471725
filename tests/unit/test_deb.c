// SPDX-License-Identifier: LGPL-2.1-or-later
/* Packages: signed, checked and stripped without touching what is not the manifest; hostile ones get an error. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive_entry.h>

#include "deb.h"
#include "io.h"
#include "manifest.h"
#include "signing/deb.h"
#include "signing/deb_write.h"

static const char *const compressions[] = { "none", "gzip", "xz", "zstd" };
#define COMPRESSIONS (sizeof(compressions) / sizeof(compressions[0]))

static struct {
	char *folder;
	struct support_key rsa, p256, stranger;
	struct pkgima_trust *trust;      /* the first two */
	char debs[COMPRESSIONS][256];    /* one package, built by dpkg-deb */
} site;

/* What the package has, and how it is entered in its manifest. */
static const struct { const char *path; enum pkgima_entry_type type; } contents[] = {
	{ "/etc/cron.daily/x", PKGIMA_ENTRY_CONFFILE },
	{ "/etc/x.conf", PKGIMA_ENTRY_CONFFILE },
	{ "/usr/bin/link", PKGIMA_ENTRY_FILE },
	{ "/usr/bin/other-link", PKGIMA_ENTRY_FILE },
	{ "/usr/bin/tool", PKGIMA_ENTRY_FILE },
	{ "/usr/lib/large", PKGIMA_ENTRY_FILE },
	{ "/usr/share/x/empty", PKGIMA_ENTRY_FILE },
	{ "/usr/share/x/with space and \\", PKGIMA_ENTRY_FILE },
	{ "/usr/share/x/\303\244", PKGIMA_ENTRY_FILE },
	{ "DEBIAN/config", PKGIMA_ENTRY_SCRIPT },
	{ "DEBIAN/postinst", PKGIMA_ENTRY_SCRIPT },
	{ "DEBIAN/postrm", PKGIMA_ENTRY_SCRIPT },
};
#define CONTENTS (sizeof(contents) / sizeof(contents[0]))

static bool build_packages(void)
{
	const char *tree = support_path(site.folder, "tree");
	static uint8_t large[3 * 1024 * 1024];
	uint32_t random = 1;

	for (size_t i = 0; i < sizeof(large); i++) {
		random = random * 1664525 + 1013904223;
		large[i] = i % 3 ? (uint8_t)(random >> 24) : 'x';
	}
	support_write_text(support_path(tree, "DEBIAN/control"),
			   "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: X <x@example.org>\nDescription: x\n y\n",
			   0644);
	support_write_text(support_path(tree, "DEBIAN/conffiles"), "/etc/x.conf\n/etc/cron.daily/x\n", 0644);
	support_write_text(support_path(tree, "DEBIAN/postinst"), "#!/bin/sh\nexit 0\n", 0755);
	support_write_text(support_path(tree, "DEBIAN/postrm"), "#!/bin/sh\nexit 0\n", 0755);
	support_write_text(support_path(tree, "DEBIAN/config"), "#!/bin/sh\nexit 1\n", 0755);
	support_write_text(support_path(tree, "DEBIAN/triggers"), "activate-noawait ldconfig\n", 0644);
	support_write_text(support_path(tree, "etc/x.conf"), "a=b\n", 0644);
	support_write_text(support_path(tree, "etc/cron.daily/x"), "#!/bin/sh\n", 0755);
	support_write_text(support_path(tree, "usr/bin/tool"), "\177ELF tool", 0755);
	support_write(support_path(tree, "usr/lib/large"), large, sizeof(large), 0644);
	support_write_text(support_path(tree, "usr/share/x/empty"), "", 0644);
	support_write_text(support_path(tree, "usr/share/x/with space and \\"), "s", 0644);
	support_write_text(support_path(tree, "usr/share/x/\303\244"), "u", 0644);
	assert_int_equal(link(support_path(tree, "usr/bin/tool"), support_path(tree, "usr/bin/link")), 0);
	assert_int_equal(link(support_path(tree, "usr/bin/tool"), support_path(tree, "usr/bin/other-link")), 0);
	assert_int_equal(symlink("tool", support_path(tree, "usr/bin/symbolic")), 0);
	for (size_t i = 0; i < COMPRESSIONS; i++) {
		char option[16];

		snprintf(option, sizeof(option), "-Z%s", compressions[i]);
		snprintf(site.debs[i], sizeof(site.debs[i]), "%s/%s.deb", site.folder, compressions[i]);
		if (support_run("dpkg-deb", "-b", "--root-owner-group", option, tree, site.debs[i], NULL) != 0)
			return false;
	}
	return true;
}

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.p256, site.folder, "p256", "p256");
	support_key_make(&site.stranger, site.folder, "stranger", "p256");
	site.trust = support_trust(&site.rsa, &site.p256);
	return build_packages() ? 0 : -1;
}

static int free_site(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.rsa);
	support_key_free(&site.p256);
	support_key_free(&site.stranger);
	support_remove(site.folder);
	return 0;
}

static struct pkgima_deb *open_deb(const char *path)
{
	struct pkgima_deb *deb = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_deb_open(path, &deb, &error) < 0)
		fail_msg("%s: %s", path, error.text);
	return deb;
}

/* Signs @from as the command does; @to appears only on success. */
static int try_sign(const char *from, const char *to, const struct support_key *key, enum pkgima_hash hash,
		    unsigned int threads, size_t *ret_entries, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_deb struct pkgima_deb *deb = NULL;
	int r;

	r = pkgima_deb_open(from, &deb, error);
	if (r == 0)
		r = pkgima_signer_new(key->key, key->certificate, threads, &signer, error);
	if (r == 0)
		r = pkgima_output_open(to, 0644, &output, error);
	if (r == 0)
		r = pkgima_deb_sign(deb, signer, hash, threads, &output, ret_entries, error);
	if (r == 0)
		r = pkgima_output_commit(&output, true, error);
	return r;
}

static void sign_deb(const char *from, const char *to, const struct support_key *key)
{
	struct pkgima_error error = { "" };
	size_t count;

	if (try_sign(from, to, key, PKGIMA_HASH_SHA256, 2, &count, &error) < 0)
		fail_msg("%s: %s", from, error.text);
}

static int try_check(const char *path, const struct pkgima_trust *trust, bool payload,
		     struct pkgima_package_check *check, bool *has_manifest, struct pkgima_error *error)
{
	cleanup_deb struct pkgima_deb *deb = NULL;
	int r = pkgima_deb_open(path, &deb, error);

	return r < 0 ? r : pkgima_deb_check(deb, trust, payload, 2, check, has_manifest, error);
}

static void check_deb(const char *path, bool payload, struct pkgima_package_check *check)
{
	struct pkgima_error error = { "" };
	bool has_manifest;

	if (try_check(path, site.trust, payload, check, &has_manifest, &error) < 0)
		fail_msg("%s: %s", path, error.text);
	assert_true(has_manifest);
}

static enum pkgima_verdict verdict_on(const struct pkgima_package_check *check, const char *path)
{
	for (size_t i = 0; i < check->entries.count; i++)
		if (!strcmp(check->entries.list[i].path, path))
			return check->results[i].verdict;
	fail_msg("nothing is said of %s", path);
	return PKGIMA_VERDICT_COUNT;
}

static void assert_all_ok(const char *path, bool payload)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };

	check_deb(path, payload, &check);
	for (size_t i = 0; i < check.entries.count; i++)
		if (check.results[i].verdict != PKGIMA_VERDICT_OK)
			fail_msg("%s: %s: %s", path, check.entries.list[i].path, check.results[i].reason);
}

static void assert_same_member(const struct pkgima_deb *left, const struct pkgima_deb *right, size_t index)
{
	const struct pkgima_ar_member *one = &left->members[index], *other = &right->members[index];
	uint8_t *first = malloc(one->size + 1), *second = malloc(one->size + 1);

	assert_memory_equal(one->header, other->header, PKGIMA_AR_HEADER);
	assert_int_equal(one->size, other->size);
	assert_int_equal(pkgima_pread_all(left->fd, first, one->size, one->offset), one->size);
	assert_int_equal(pkgima_pread_all(right->fd, second, one->size, other->offset), one->size);
	assert_memory_equal(first, second, one->size);
	free(first);
	free(second);
}

static void test_signed_packages_are_ok_and_otherwise_unchanged(void **state)
{
	static const struct support_key *const keys[] = { &site.rsa, &site.p256 };

	(void)state;
	for (size_t i = 0; i < 2 * COMPRESSIONS; i++) {
		const char *from = site.debs[i / 2], *to = support_path(site.folder, "signed.deb");
		cleanup_package_check struct pkgima_package_check check = { 0 };
		cleanup_deb struct pkgima_deb *before = open_deb(from), *after = NULL;

		sign_deb(from, to, keys[i % 2]);
		after = open_deb(to);
		check_deb(to, true, &check);
		assert_int_equal(check.entries.count, CONTENTS);
		for (size_t k = 0; k < CONTENTS; k++) {
			const struct pkgima_entry *entry = &check.entries.list[k];

			assert_string_equal(entry->path, contents[k].path);
			assert_int_equal(entry->type, contents[k].type);
			if (check.results[k].verdict != PKGIMA_VERDICT_OK)
				fail_msg("%s: %s", entry->path, check.results[k].reason);
		}
		assert_int_equal(before->count, after->count);
		for (size_t k = 0; k < before->count; k++)
			if (k != before->control)
				assert_same_member(before, after, k);
		assert_string_equal(after->members[after->control].name, "control.tar.gz");
		assert_all_ok(to, false);
		/* For dpkg it is a package as before. */
		assert_int_equal(support_run("dpkg-deb", "-I", to, NULL), 0);
		assert_int_equal(support_run("dpkg-deb", "-c", to, NULL), 0);
	}
}

static void test_names_of_one_file_share_one_signature(void **state)
{
	const char *to = support_path(site.folder, "signed.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	const struct pkgima_entry *tool;

	(void)state;
	sign_deb(site.debs[0], to, &site.p256);
	check_deb(to, true, &check);
	tool = pkgima_entries_find(&check.entries, "/usr/bin/tool");
	for (size_t i = 0; i < 2; i++) {
		const struct pkgima_entry *other =
			pkgima_entries_find(&check.entries, i ? "/usr/bin/link" : "/usr/bin/other-link");

		assert_int_equal(other->ima.length, tool->ima.length);
		assert_memory_equal(other->ima.bytes, tool->ima.bytes, tool->ima.length);
		assert_memory_equal(other->digest, tool->digest, 32);
	}
}

static void assert_same_file(const char *left, const char *right)
{
	size_t one, other;
	uint8_t *first = support_read(left, &one), *second = support_read(right, &other);

	assert_int_equal(one, other);
	assert_memory_equal(first, second, one);
	free(first);
	free(second);
}

static void test_rsa_gives_the_same_bytes_again(void **state)
{
	const char *once = support_path(site.folder, "once.deb"), *twice = support_path(site.folder, "twice.deb");
	struct pkgima_error error = { "" };
	size_t count;

	(void)state;
	for (size_t i = 0; i < COMPRESSIONS; i++) {
		for (int hash = 0; hash < PKGIMA_HASH_COUNT; hash++) {
			assert_int_equal(try_sign(site.debs[i], once, &site.rsa, (enum pkgima_hash)hash, 1, &count, &error), 0);
			assert_int_equal(count, CONTENTS);
			assert_int_equal(try_sign(site.debs[i], twice, &site.rsa, (enum pkgima_hash)hash, 4, &count, &error), 0);
			assert_same_file(once, twice);
			/* Signing what is signed replaces the manifest. */
			assert_int_equal(try_sign(once, twice, &site.rsa, (enum pkgima_hash)hash, 2, &count, &error), 0);
			assert_same_file(once, twice);
			assert_all_ok(twice, true);
		}
	}
}

static void test_signing_again_with_another_key_replaces_the_manifest(void **state)
{
	const char *once = support_path(site.folder, "once.deb"), *twice = support_path(site.folder, "twice.deb");

	(void)state;
	sign_deb(site.debs[1], once, &site.stranger);
	sign_deb(once, twice, &site.p256);
	assert_all_ok(twice, true);
}

/* Members of two control archives have the same names, modes, owners, times and contents, in the same order. */
static void assert_same_control(const struct pkgima_deb *left, const struct pkgima_deb *right)
{
	cleanup_tar struct pkgima_tar *one = NULL, *other = NULL;
	struct pkgima_tar_member first, second;
	int r;

	assert_int_equal(pkgima_deb_open_control(left, &one, NULL), 0);
	assert_int_equal(pkgima_deb_open_control(right, &other, NULL), 0);
	while ((r = pkgima_tar_next(one, &first, NULL)) == 1) {
		uint8_t *before = NULL, *after = NULL;
		size_t length = 0, size = 0;

		assert_int_equal(pkgima_tar_next(other, &second, NULL), 1);
		assert_string_equal(first.path, second.path);
		assert_int_equal(first.header.mode, second.header.mode);
		assert_int_equal(first.header.uid, second.header.uid);
		assert_int_equal(first.header.mtime, second.header.mtime);
		assert_string_equal(first.header.user, second.header.user);
		assert_string_equal(first.header.group, second.header.group);
		if (!first.regular)
			continue;
		assert_int_equal(pkgima_tar_read_whole(one, &first, 1 << 20, &before, &length, NULL), 0);
		assert_int_equal(pkgima_tar_read_whole(other, &second, 1 << 20, &after, &size, NULL), 0);
		assert_int_equal(length, size);
		assert_memory_equal(before, after, length);
		free(before);
		free(after);
	}
	assert_int_equal(r, 0);
	assert_int_equal(pkgima_tar_next(other, &second, NULL), 0);
}

static int strip(const char *from, const char *to, bool *ret_had)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_deb struct pkgima_deb *deb = open_deb(from);
	struct pkgima_error error = { "" };
	struct stat st;
	int r;

	assert_int_equal(pkgima_output_open(to, 0644, &output, &error), 0);
	r = pkgima_deb_strip(deb, &output, ret_had, &error);
	if (r == 0 && *ret_had)
		r = pkgima_output_commit(&output, true, &error);
	else if (fstat(output.fd, &st) == 0)
		assert_int_equal(st.st_size, 0);
	return r;
}

static void test_strip_gives_the_package_back(void **state)
{
	const char *signed_deb = support_path(site.folder, "signed.deb");
	const char *stripped = support_path(site.folder, "stripped.deb");
	bool had = true;

	(void)state;
	for (size_t i = 0; i < COMPRESSIONS; i++) {
		cleanup_deb struct pkgima_deb *before = open_deb(site.debs[i]), *after = NULL;

		unlink(stripped);
		assert_int_equal(strip(site.debs[i], stripped, &had), 0);
		assert_false(had);
		assert_false(support_exists(stripped));
		sign_deb(site.debs[i], signed_deb, &site.p256);
		assert_int_equal(strip(signed_deb, stripped, &had), 0);
		assert_true(had);
		after = open_deb(stripped);
		assert_int_equal(before->count, after->count);
		for (size_t k = 0; k < before->count; k++)
			if (k != before->control)
				assert_same_member(before, after, k);
		assert_same_control(before, after);
	}
}

static void test_a_package_without_manifest_is_unsigned(void **state)
{
	(void)state;
	for (int payload = 0; payload < 2; payload++) {
		cleanup_package_check struct pkgima_package_check check = { 0 };
		struct pkgima_error error = { "" };
		bool has_manifest = true;

		assert_int_equal(try_check(site.debs[1], site.trust, payload, &check, &has_manifest, &error), 0);
		assert_false(has_manifest);
		assert_int_equal(check.entries.count, payload ? CONTENTS : 3);
		for (size_t i = 0; i < check.entries.count; i++)
			assert_int_equal(check.results[i].verdict, PKGIMA_VERDICT_UNSIGNED);
	}
}

static void test_a_strangers_key_is_unknown(void **state)
{
	const char *to = support_path(site.folder, "signed.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };

	(void)state;
	sign_deb(site.debs[0], to, &site.stranger);
	check_deb(to, true, &check);
	for (size_t i = 0; i < check.entries.count; i++)
		assert_int_equal(check.results[i].verdict, PKGIMA_VERDICT_UNKNOWN_KEY);
}

/* The control member of a signed package in front of another data archive. */
static void swap_data(const char *signed_deb, const struct support_bytes *data, const char *to)
{
	cleanup_deb struct pkgima_deb *deb = open_deb(signed_deb);
	const struct pkgima_ar_member *member = &deb->members[deb->control];
	cleanup_bytes struct support_bytes package = { 0 };
	uint8_t *control = malloc(member->size);

	assert_int_equal(pkgima_pread_all(deb->fd, control, member->size, member->offset), member->size);
	support_ar_start(&package);
	support_ar_add(&package, "debian-binary", "2.0\n", 4);
	support_ar_add(&package, "control.tar.gz", control, member->size);
	support_ar_add(&package, "data.tar", data->data, data->length);
	support_write(to, package.data, package.length, 0644);
	free(control);
}

static void test_content_is_held_against_the_manifest(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	const char *swapped = support_path(site.folder, "swapped.deb");
	cleanup_bytes struct support_bytes data = { 0 }, other = { 0 };
	cleanup_package_check struct pkgima_package_check check = { 0 };

	(void)state;
	support_tar_file(&data, "./changed", "one");
	support_tar_file(&data, "./gone", "two");
	support_tar_file(&data, "./same", "three");
	support_tar_link(&data, "./link-to-changed", "./changed");
	support_tar_link(&data, "./link-to-same", "./same");
	support_tar_link(&data, "./link-moved", "./same");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	sign_deb(plain, to, &site.p256);
	assert_all_ok(to, true);

	support_tar_file(&other, "./changed", "eno");
	support_tar_file(&other, "./same", "three");
	support_tar_file(&other, "./more", "more");
	support_tar_link(&other, "./link-to-changed", "./changed");
	support_tar_link(&other, "./link-to-same", "./same");
	support_tar_link(&other, "./link-moved", "./changed");
	support_tar_link(&other, "./link-more", "./same");
	support_tar_link(&other, "./gone", "./more");
	support_tar_end(&other);
	swap_data(to, &other, swapped);
	check_deb(swapped, true, &check);
	assert_int_equal(verdict_on(&check, "/changed"), PKGIMA_VERDICT_DIGEST_MISMATCH);
	assert_int_equal(verdict_on(&check, "/same"), PKGIMA_VERDICT_OK);
	assert_int_equal(verdict_on(&check, "/more"), PKGIMA_VERDICT_UNSIGNED);
	assert_int_equal(verdict_on(&check, "/link-to-changed"), PKGIMA_VERDICT_DIGEST_MISMATCH);
	assert_int_equal(verdict_on(&check, "/link-to-same"), PKGIMA_VERDICT_OK);
	assert_int_equal(verdict_on(&check, "/link-moved"), PKGIMA_VERDICT_DIGEST_MISMATCH);
	assert_int_equal(verdict_on(&check, "/link-more"), PKGIMA_VERDICT_UNSIGNED);
	assert_int_equal(verdict_on(&check, "/gone"), PKGIMA_VERDICT_DIGEST_MISMATCH);
	/* Signatures alone are good: nothing was said of content. */
	assert_all_ok(swapped, false);
}

static void test_a_file_that_the_package_lacks_is_missing(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	const char *swapped = support_path(site.folder, "swapped.deb");
	cleanup_bytes struct support_bytes data = { 0 }, other = { 0 };
	cleanup_package_check struct pkgima_package_check check = { 0 };

	(void)state;
	support_tar_file(&data, "./a", "one");
	support_tar_file(&data, "./b", "two");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	sign_deb(plain, to, &site.p256);
	support_tar_file(&other, "./a", "one");
	support_tar_add(&other, &(struct support_tar_member){ .name = "./b", .type = '2', .link = "a" });
	support_tar_end(&other);
	swap_data(to, &other, swapped);
	check_deb(swapped, true, &check);
	assert_int_equal(verdict_on(&check, "/a"), PKGIMA_VERDICT_OK);
	assert_int_equal(verdict_on(&check, "/b"), PKGIMA_VERDICT_MISSING_FILE);
}

/*
 * A package with @entries as its manifest. The scripts and the payload are what they are.
 */
static void write_with_manifest(const char *from, const struct pkgima_entries *entries, const char *to)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_deb struct pkgima_deb *deb = open_deb(from);
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_output_open(to, 0644, &output, &error), 0);
	if (pkgima_deb_write(deb, entries, output.fd, &error) < 0 || pkgima_output_commit(&output, true, &error) < 0)
		fail_msg("%s", error.text);
}

/* A good signature says nothing of a hard link's content when what it links to is something else. */
static void test_a_link_to_a_file_with_a_bad_signature_is_not_ok(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "made.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes data = { 0 };
	struct pkgima_entry *entry;

	(void)state;
	support_tar_file(&data, "./file", "evil");
	support_tar_link(&data, "./link", "./file");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	entry = support_add_entry(&entries, "/file", PKGIMA_ENTRY_FILE, "good", 4, &site.stranger);
	assert_non_null(entry);
	support_add_entry(&entries, "/link", PKGIMA_ENTRY_FILE, "good", 4, &site.p256);
	write_with_manifest(plain, &entries, to);
	check_deb(to, true, &check);
	assert_int_equal(verdict_on(&check, "/file"), PKGIMA_VERDICT_UNKNOWN_KEY);
	assert_int_equal(verdict_on(&check, "/link"), PKGIMA_VERDICT_DIGEST_MISMATCH);
}

static void test_scripts_are_held_against_the_manifest(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "made.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 };

	(void)state;
	support_tar_file(&control, "./control", "Package: x\n");
	support_tar_file(&control, "./postinst", "#!/bin/sh\nevil\n");
	support_tar_file(&control, "./preinst", "#!/bin/sh\n");
	support_tar_file(&control, "./prerm", "#!/bin/sh\n");
	support_tar_end(&control);
	support_tar_end(&data);
	support_deb(plain, &control, &data);
	support_add_entry(&entries, "DEBIAN/postinst", PKGIMA_ENTRY_SCRIPT, "#!/bin/sh\ngood\n", 15, &site.p256);
	support_add_entry(&entries, "DEBIAN/postrm", PKGIMA_ENTRY_SCRIPT, "x", 1, &site.p256);
	support_add_entry(&entries, "DEBIAN/preinst", PKGIMA_ENTRY_SCRIPT, "#!/bin/sh\n", 10, &site.p256);
	write_with_manifest(plain, &entries, to);
	check_deb(to, false, &check);
	assert_int_equal(verdict_on(&check, "DEBIAN/postinst"), PKGIMA_VERDICT_DIGEST_MISMATCH);
	assert_int_equal(verdict_on(&check, "DEBIAN/postrm"), PKGIMA_VERDICT_MISSING_FILE);
	assert_int_equal(verdict_on(&check, "DEBIAN/preinst"), PKGIMA_VERDICT_OK);
	assert_int_equal(verdict_on(&check, "DEBIAN/prerm"), PKGIMA_VERDICT_UNSIGNED);
}

static void test_conffiles_to_be_removed_are_none(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 };

	(void)state;
	support_tar_file(&control, "./control", "Package: x\n");
	support_tar_file(&control, "./conffiles", "remove-on-upgrade /etc/old\n/etc/white \t \n\n/etc/last");
	support_tar_end(&control);
	support_tar_file(&data, "./etc/last", "1");
	support_tar_file(&data, "./etc/old", "2");
	support_tar_file(&data, "./etc/white", "3");
	support_tar_link(&data, "./etc/link", "./etc/last");
	support_tar_end(&data);
	support_deb(plain, &control, &data);
	sign_deb(plain, to, &site.p256);
	check_deb(to, true, &check);
	assert_int_equal(pkgima_entries_find(&check.entries, "/etc/last")->type, PKGIMA_ENTRY_CONFFILE);
	assert_int_equal(pkgima_entries_find(&check.entries, "/etc/white")->type, PKGIMA_ENTRY_CONFFILE);
	assert_int_equal(pkgima_entries_find(&check.entries, "/etc/old")->type, PKGIMA_ENTRY_FILE);
	assert_int_equal(pkgima_entries_find(&check.entries, "/etc/link")->type, PKGIMA_ENTRY_FILE);
}

static void test_control_fields(void **state)
{
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 };
	cleanup_control struct pkgima_control read = { 0 };
	const char *plain = support_path(site.folder, "plain.deb");
	cleanup_deb struct pkgima_deb *deb = NULL;
	static const struct { const char *field, *value; } all[] = {
		{ "Package", "x" }, { "package", "x" }, { "Version", "1:2" }, { "Empty", "" }, { "Pack", NULL },
		{ "Last", "end" }, { "Description", "Package: y" }, { "Source", NULL },
	};

	(void)state;
	support_tar_file(&control, "./control", "Package: x\nVersion:\t1:2\nEmpty:\nDescription: Package: y\n Source: z\n"
			 "Last: end");
	support_tar_end(&control);
	support_tar_end(&data);
	support_deb(plain, &control, &data);
	deb = open_deb(plain);
	assert_int_equal(pkgima_deb_read_control(deb, &read, NULL), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *value = pkgima_control_field(&read, all[i].field);

		if (all[i].value)
			assert_string_equal(value, all[i].value);
		else
			assert_null(value);
		free(value);
	}
}

/* Neither signing nor checking takes @path; no output appears. */
static void assert_refused(const char *name, const char *path, const char *reason)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	const char *to = support_path(site.folder, "refused/out.deb");
	struct pkgima_error error = { "" };
	bool has_manifest;
	size_t count;
	int r;

	support_make_folder(support_path(site.folder, "refused"));
	unlink(to);
	r = try_sign(path, to, &site.p256, PKGIMA_HASH_SHA256, 2, &count, &error);
	if (r >= 0)
		fail_msg("%s: signed", name);
	if (!strstr(error.text, reason))
		fail_msg("%s: \"%s\" instead of \"%s\"", name, error.text, reason);
	for (const char *at = error.text; *at; at++)
		assert_true((uint8_t)*at >= 0x20);
	assert_int_equal(support_count_names(support_path(site.folder, "refused")), 0);
	/* Checking may find out less, and then says what is not signed. */
	r = try_check(path, site.trust, true, &check, &has_manifest, &error);
	for (size_t i = 0; r == 0 && i < check.entries.count; i++)
		assert_int_not_equal(check.results[i].verdict, PKGIMA_VERDICT_OK);
}

#define FILE_MEMBER(path) { .name = path, .type = '0', .content = "x", .length = 1 }
#define LINK_MEMBER(path, to) { .name = path, .type = '1', .link = to }
#define MEMBER_MAX 4

static const struct {
	const char *name;
	struct support_tar_member members[MEMBER_MAX];
	const char *reason;
} refused_data[] = {
	{ "..", { FILE_MEMBER("../x") }, "../x, which is refused" },
	{ "./..", { FILE_MEMBER("./../x") }, "which is refused" },
	{ "a/../b", { FILE_MEMBER("./a/../b") }, "which is refused" },
	{ "a/./b", { FILE_MEMBER("./a/./b") }, "which is refused" },
	{ "a//b", { FILE_MEMBER("./a//b") }, "which is refused" },
	{ "//a", { FILE_MEMBER("//a") }, "which is refused" },
	{ ".. as a folder", { { .name = "../", .type = '5' } }, "which is refused" },
	{ "escape bytes", { FILE_MEMBER("./\033[2J\n/../x") }, "\\033[2J\\012" },
	{ "no name", { FILE_MEMBER("./") }, "" },
	{ "twice", { FILE_MEMBER("./a"), FILE_MEMBER("./a") }, "/a is in it twice" },
	{ "twice by another name", { FILE_MEMBER("./a"), FILE_MEMBER("a") }, "/a is in it twice" },
	{ "twice, absolute", { FILE_MEMBER("./a"), FILE_MEMBER("/a") }, "/a is in it twice" },
	{ "file and link", { FILE_MEMBER("./a"), FILE_MEMBER("./b"), LINK_MEMBER("./b", "./a") }, "/b is in it twice" },
	{ "two links", { FILE_MEMBER("./a"), LINK_MEMBER("./b", "./a"), LINK_MEMBER("./b", "./a") },
	  "/b is in it twice" },
	{ "link to nothing", { LINK_MEMBER("./a", "./b") }, "/a is a hard link to a file that is not there" },
	{ "link to itself", { LINK_MEMBER("./a", "./a") }, "/a is a hard link to a file that is not there" },
	{ "link in a circle", { LINK_MEMBER("./a", "./b"), LINK_MEMBER("./b", "./a") }, "that is not there" },
	{ "link to a folder", { { .name = "./d/", .type = '5' }, LINK_MEMBER("./a", "./d") }, "that is not there" },
	{ "link out", { LINK_MEMBER("./a", "../../etc/shadow") }, "is a hard link out of the package" },
	{ "link to a script", { LINK_MEMBER("./a", "DEBIAN/postinst") }, "that is not there" },
	/* dpkg does not unpack it either. */
	{ "link to a symbolic link", { { .name = "./s", .type = '2', .link = "x" }, LINK_MEMBER("./a", "./s") },
	  "that is not there" },
	{ "link to the root", { LINK_MEMBER("./a", "./") }, "is a hard link out of the package" },
	{ "PAX header", { { .name = "./PaxHeaders/a", .type = 'x', .content = "10 path=b\n", .length = 10, .ustar = true },
			  { .name = "./a", .type = '0', .content = "x", .length = 1, .ustar = true } }, "is one of PAX" },
	{ "global PAX header",
	  { { .name = "./pax_global", .type = 'g', .content = "13 comment=x\n", .length = 13, .ustar = true },
	    { .name = "./a", .type = '0', .content = "x", .length = 1, .ustar = true } }, "is one of PAX" },
};

static void test_archives_that_dpkg_or_we_refuse(void **state)
{
	const char *path = support_path(site.folder, "hostile.deb");

	(void)state;
	for (size_t i = 0; i < sizeof(refused_data) / sizeof(refused_data[0]); i++) {
		cleanup_bytes struct support_bytes data = { 0 };

		for (size_t k = 0; k < MEMBER_MAX && refused_data[i].members[k].name; k++)
			support_tar_add(&data, &refused_data[i].members[k]);
		support_tar_end(&data);
		support_deb(path, NULL, &data);
		assert_refused(refused_data[i].name, path, refused_data[i].reason);
	}
}

/* As GNU tar --sparse writes it: type S, a map of what is stored, the size that it stands for. */
static void test_a_sparse_member_is_refused(void **state)
{
	const char *path = support_path(site.folder, "hostile.deb");
	cleanup_bytes struct support_bytes data = { 0 };
	unsigned int sum = 0;

	(void)state;
	support_tar_add(&data, &(struct support_tar_member){ .name = "./sparse", .type = 'S', .content = "stored",
							     .length = 6 });
	memcpy(data.data + 386, "00000010000\00000000000006\0", 24);
	memcpy(data.data + 483, "00000020000\0", 12);
	memset(data.data + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += data.data[i];
	snprintf((char *)data.data + 148, 8, "%06o", sum);
	support_tar_end(&data);
	support_deb(path, NULL, &data);
	assert_refused("sparse", path, "sparse");
}

static const struct {
	const char *name;
	struct support_tar_member members[MEMBER_MAX];
	const char *reason;
} refused_control[] = {
	{ "no control file", { FILE_MEMBER("./postinst") }, "there is no control file" },
	{ "control twice", { FILE_MEMBER("./control"), FILE_MEMBER("./control") }, "control is twice" },
	{ "script twice", { FILE_MEMBER("./control"), FILE_MEMBER("./prerm"), FILE_MEMBER("prerm") }, "prerm is twice" },
	{ "script as a symbolic link", { FILE_MEMBER("./control"), { .name = "./prerm", .type = '2', .link = "x" } },
	  "/prerm is something else than a file" },
	{ "script as a hard link", { FILE_MEMBER("./control"), LINK_MEMBER("./prerm", "./control") },
	  "/prerm is something else than a file" },
	{ "manifest as a folder", { FILE_MEMBER("./control"), { .name = "./imasigs/", .type = '5' } },
	  "/imasigs is something else than a file" },
	{ "out of the folder", { FILE_MEMBER("./control"), FILE_MEMBER("../x") }, "which is refused" },
	{ "PAX header",
	  { { .name = "./PaxHeaders/a", .type = 'x', .content = "10 path=b\n", .length = 10, .ustar = true },
	    { .name = "./control", .type = '0', .content = "x", .length = 1, .ustar = true } }, "is one of PAX" },
};

static void test_control_archives_that_are_refused(void **state)
{
	const char *path = support_path(site.folder, "hostile.deb");
	cleanup_bytes struct support_bytes data = { 0 };

	(void)state;
	support_tar_end(&data);
	for (size_t i = 0; i < sizeof(refused_control) / sizeof(refused_control[0]); i++) {
		cleanup_bytes struct support_bytes control = { 0 };

		for (size_t k = 0; k < MEMBER_MAX && refused_control[i].members[k].name; k++)
			support_tar_add(&control, &refused_control[i].members[k]);
		support_tar_end(&control);
		support_deb(path, &control, &data);
		assert_refused(refused_control[i].name, path, refused_control[i].reason);
	}
}

static void test_a_broken_manifest_is_refused_by_its_line(void **state)
{
	const char *path = support_path(site.folder, "hostile.deb");
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 };
	cleanup_package_check struct pkgima_package_check check = { 0 };
	struct pkgima_error error = { "" };
	bool has_manifest;

	(void)state;
	support_tar_file(&control, "./control", "Package: x\n");
	support_tar_file(&control, "./imasigs", "pkgima-manifest 1\nnonsense\n");
	support_tar_end(&control);
	support_tar_end(&data);
	support_deb(path, &control, &data);
	assert_int_equal(try_check(path, site.trust, true, &check, &has_manifest, &error), -EINVAL);
	assert_non_null(strstr(error.text, "manifest, line 2"));
	/* Signing replaces it. */
	sign_deb(path, support_path(site.folder, "signed.deb"), &site.p256);
	assert_all_ok(support_path(site.folder, "signed.deb"), true);
}

static void test_links_to_links(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_bytes struct support_bytes data = { 0 };

	(void)state;
	support_tar_file(&data, "./file", "content");
	support_tar_link(&data, "./b", "./file");
	support_tar_link(&data, "./a", "./b");
	support_tar_link(&data, "./c", "./a");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	sign_deb(plain, to, &site.rsa);
	check_deb(to, true, &check);
	assert_int_equal(check.entries.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(check.results[i].verdict, PKGIMA_VERDICT_OK);
		assert_memory_equal(check.entries.list[i].ima.bytes, check.entries.list[0].ima.bytes,
				    check.entries.list[0].ima.length);
	}
}

static void test_names_of_every_byte(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_bytes struct support_bytes data = { 0 };
	char path[] = "./n?";

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		path[3] = (char)byte;
		if (byte != '/')
			support_tar_file(&data, path, path);
	}
	support_tar_add(&data, &(struct support_tar_member){ .name = "././@LongLink", .type = 'L',
							     .content = "./long", .length = 7 });
	support_tar_file(&data, "./short", "x");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	sign_deb(plain, to, &site.p256);
	assert_all_ok(to, true);
	check_deb(to, true, &check);
	assert_int_equal(check.entries.count, 255);
	for (int byte = 1; byte < 256; byte++) {
		path[3] = (char)byte;
		if (byte != '/')
			assert_non_null(pkgima_entries_find(&check.entries, path + 1));
	}
	assert_int_equal(verdict_on(&check, "/long"), PKGIMA_VERDICT_OK);
}

static void test_long_names(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	char name[PKGIMA_PATH_MAX + 4];

	(void)state;
	for (size_t length = PKGIMA_PATH_MAX; length <= PKGIMA_PATH_MAX + 1; length++) {
		cleanup_bytes struct support_bytes data = { 0 };
		struct pkgima_error error = { "" };
		size_t count = 0;

		/* "." in front of a path of @length bytes. */
		memset(name, 'n', sizeof(name));
		memcpy(name, "./", 2);
		name[length + 1] = '\0';
		support_tar_add(&data, &(struct support_tar_member){ .name = "././@LongLink", .type = 'L', .content = name,
								     .length = length + 2 });
		support_tar_file(&data, "./short", "x");
		support_tar_end(&data);
		support_deb(plain, NULL, &data);
		if (length > PKGIMA_PATH_MAX) {
			assert_refused("long name", plain, length == PKGIMA_PATH_MAX + 1 ? "too long" : "");
			continue;
		}
		if (try_sign(plain, to, &site.p256, PKGIMA_HASH_SHA256, 1, &count, &error) < 0)
			fail_msg("%s", error.text);
		assert_int_equal(count, 1);
		assert_all_ok(to, true);
	}
}

static void write_outer(const char *path, const char *const members[][2], size_t count)
{
	cleanup_bytes struct support_bytes package = { 0 };

	support_ar_start(&package);
	for (size_t i = 0; i < count; i++)
		support_ar_add(&package, members[i][0], members[i][1], strlen(members[i][1]));
	support_write(path, package.data, package.length, 0644);
}

static void test_layouts_that_are_refused(void **state)
{
	static const struct { const char *name; const char *const members[5][2]; const char *reason; } all[] = {
		{ "no members", { { NULL, NULL } }, "so it is no .deb" },
		{ "another first", { { "control.tar", "" }, { "data.tar", "" } }, "so it is no .deb" },
		{ "format 1", { { "debian-binary", "1.0\n" }, { "control.tar", "" }, { "data.tar", "" } }, "format 2.x" },
		{ "empty format", { { "debian-binary", "" }, { "control.tar", "" }, { "data.tar", "" } }, "format 2.x" },
		{ "no control", { { "debian-binary", "2.0\n" } }, "there is no control member" },
		{ "no data", { { "debian-binary", "2.0\n" }, { "control.tar", "" } }, "there is no data member" },
		{ "order", { { "debian-binary", "2.0\n" }, { "data.tar", "" }, { "control.tar", "" } },
		  "member data.tar stands where the control member should" },
		{ "compression", { { "debian-binary", "2.0\n" }, { "control.tar.lz4", "" }, { "data.tar", "" } },
		  "stands where the control member should" },
		{ "extra", { { "debian-binary", "2.0\n" }, { "control.tar", "" }, { "x\033", "" }, { "data.tar", "" } },
		  "member x\\033 stands where the data member should" },
		{ "control twice", { { "debian-binary", "2.0\n" }, { "control.tar", "" }, { "control.tar.gz", "" },
				     { "data.tar", "" } }, "stands where the data member should" },
	};
	const char *path = support_path(site.folder, "hostile.deb");

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t count = 0;

		while (count < 5 && all[i].members[count][0])
			count++;
		write_outer(path, all[i].members, count);
		assert_refused(all[i].name, path, all[i].reason);
	}
	support_write_text(path, "", 0644);
	assert_refused("empty", path, "it is no ar archive");
	support_write_text(path, "!<arch>", 0644);
	assert_refused("short", path, "it is no ar archive");
	assert_refused("missing", support_path(site.folder, "absent.deb"), "cannot open it");
	assert_refused("a folder", site.folder, "it is no regular file");
}

static void test_ar_headers_that_are_refused(void **state)
{
	static const struct { const char *name; size_t at; const char *bytes, *reason; } all[] = {
		{ "end", 58, "xx", "the ar header at byte 8 is malformed" },
		{ "size with a letter", 48, "4x        ", "is malformed" },
		{ "negative size", 48, "-4        ", "is malformed" },
		{ "no size", 48, "          ", "is malformed" },
		{ "size with a space in front", 48, " 4        ", "is malformed" },
		{ "size with a space inside", 48, "4 4       ", "is malformed" },
		{ "size beyond the end", 48, "9999999999", "cut off in member debian-binary" },
		{ "size just beyond the end", 48, "5000000   ", "cut off in member" },
	};
	const char *path = support_path(site.folder, "hostile.deb");
	size_t length;
	uint8_t *deb = support_read(site.debs[1], &length), *copy = malloc(length);

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		memcpy(copy, deb, length);
		memcpy(copy + 8 + all[i].at, all[i].bytes, strlen(all[i].bytes));
		support_write(path, copy, length, 0644);
		assert_refused(all[i].name, path, all[i].reason);
	}
	free(copy);
	free(deb);
}

static void test_too_many_ar_members(void **state)
{
	const char *path = support_path(site.folder, "hostile.deb");
	cleanup_bytes struct support_bytes package = { 0 };

	(void)state;
	support_ar_start(&package);
	support_ar_add(&package, "debian-binary", "2.0\n", 4);
	for (int i = 0; i < PKGIMA_AR_MEMBERS_MAX; i++)
		support_ar_add(&package, "_x", "", 0);
	support_write(path, package.data, package.length, 0644);
	assert_refused("members", path, "more than 64 ar members");
}

static void test_members_beside_the_three_are_kept(void **state)
{
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 }, package = { 0 };
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	cleanup_deb struct pkgima_deb *before = NULL, *after = NULL;

	(void)state;
	support_tar_file(&control, "./control", "Package: x\n");
	support_tar_end(&control);
	support_tar_file(&data, "./x", "x");
	support_tar_end(&data);
	support_ar_start(&package);
	support_ar_add(&package, "debian-binary", "2.0\n", 4);
	support_ar_add(&package, "_before", "odd", 3);
	support_ar_add(&package, "control.tar/", control.data, control.length);
	support_ar_add(&package, "_between/", "", 0);
	support_ar_add(&package, "data.tar", data.data, data.length);
	support_ar_add(&package, "_gpgorigin", "a signature", 11);
	support_write(plain, package.data, package.length, 0644);
	before = open_deb(plain);
	assert_true(pkgima_deb_has_openpgp(before));
	sign_deb(plain, to, &site.p256);
	after = open_deb(to);
	assert_int_equal(after->count, 6);
	assert_int_equal(after->control, 2);
	assert_int_equal(after->data, 4);
	for (size_t i = 0; i < 6; i++)
		if (i != 2)
			assert_same_member(before, after, i);
	assert_all_ok(to, true);
}

static void assert_truncation_is_refused(const uint8_t *deb, size_t length, const char *path)
{
	char name[64];

	snprintf(name, sizeof(name), "cut after %zu bytes", length);
	support_write(path, deb, length, 0644);
	assert_refused(name, path, "");
}

static void test_every_truncation_is_refused(void **state)
{
	const char *to = support_path(site.folder, "signed.deb"), *path = support_path(site.folder, "cut.deb");

	(void)state;
	for (size_t i = 0; i < COMPRESSIONS; i++) {
		cleanup_deb struct pkgima_deb *deb = NULL;
		size_t length, end;
		uint8_t *bytes;

		sign_deb(site.debs[i], to, &site.rsa);
		deb = open_deb(to);
		bytes = support_read(to, &length);
		/* The byte that pads the last member counts for nothing. */
		end = (size_t)deb->members[deb->data].offset + deb->members[deb->data].size;
		for (size_t k = 0; k < deb->count; k++) {
			size_t start = (size_t)deb->members[k].offset;

			for (size_t at = start - PKGIMA_AR_HEADER - 2; at <= start + 2; at += 2)
				assert_truncation_is_refused(bytes, at, path);
		}
		for (size_t k = 0; k < 200; k++)
			assert_truncation_is_refused(bytes, end / 200 * k + k % 7, path);
		for (size_t k = 1; k < 20; k++)
			assert_truncation_is_refused(bytes, end - k, path);
		free(bytes);
	}
}

/* The outer archive is whole, what is compressed in a member is not. */
static void test_every_truncation_within_a_member_is_refused(void **state)
{
	const char *path = support_path(site.folder, "cut.deb");

	(void)state;
	for (size_t i = 1; i < COMPRESSIONS; i++) {
		cleanup_deb struct pkgima_deb *deb = open_deb(site.debs[i]);

		for (size_t k = 0; k < 120; k++) {
			size_t cut = k % 2 ? deb->data : deb->control;
			cleanup_bytes struct support_bytes package = { 0 };

			support_ar_start(&package);
			for (size_t m = 0; m < deb->count; m++) {
				const struct pkgima_ar_member *member = &deb->members[m];
				uint8_t *content = malloc(member->size);
				size_t size = member->size;

				assert_int_equal(pkgima_pread_all(deb->fd, content, size, member->offset), size);
				if (m == cut)
					size = k < 40 ? size - k / 2 - 1 : size / 120 * (k - 40);
				support_ar_add(&package, member->name, content, size);
				free(content);
			}
			support_write(path, package.data, package.length, 0644);
			assert_refused("member cut", path, "");
		}
	}
}

/* Whatever byte is changed: an error, or a verdict other than ok, or the same entries with the same contents. */
static void test_a_changed_byte_is_never_taken_for_good_content(void **state)
{
	const char *plain = support_path(site.folder, "plain.deb"), *to = support_path(site.folder, "signed.deb");
	const char *path = support_path(site.folder, "changed.deb");
	cleanup_bytes struct support_bytes data = { 0 };
	cleanup_package_check struct pkgima_package_check good = { 0 };
	uint8_t *bytes;
	size_t length;

	(void)state;
	support_tar_file(&data, "./a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	support_tar_file(&data, "./b", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
	support_tar_end(&data);
	support_deb(plain, NULL, &data);
	sign_deb(plain, to, &site.p256);
	check_deb(to, true, &good);
	bytes = support_read(to, &length);
	for (size_t i = 0; i < length; i++) {
		cleanup_package_check struct pkgima_package_check check = { 0 };
		struct pkgima_error error = { "" };
		bool has_manifest;
		int r;

		bytes[i] ^= 0x04;
		support_write(path, bytes, length, 0644);
		bytes[i] ^= 0x04;
		r = try_check(path, site.trust, true, &check, &has_manifest, &error);
		if (r < 0) {
			assert_true(error.text[0]);
			continue;
		}
		for (size_t k = 0; k < check.entries.count; k++) {
			const struct pkgima_entry *entry = &check.entries.list[k], *same;

			if (check.results[k].verdict != PKGIMA_VERDICT_OK)
				continue;
			same = pkgima_entries_find(&good.entries, entry->path);
			assert_non_null(same);
			assert_memory_equal(entry->digest, same->digest, 32);
		}
	}
	free(bytes);
}

static void test_probe(void **state)
{
	const char *path = support_path(site.folder, "probe");
	int fd = open(site.debs[0], O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(pkgima_deb_probe(fd));
	close(fd);
	support_write_text(path, "!<arch>\ndebian-binar", 0644);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_false(pkgima_deb_probe(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signed_packages_are_ok_and_otherwise_unchanged),
		cmocka_unit_test(test_names_of_one_file_share_one_signature),
		cmocka_unit_test(test_rsa_gives_the_same_bytes_again),
		cmocka_unit_test(test_signing_again_with_another_key_replaces_the_manifest),
		cmocka_unit_test(test_strip_gives_the_package_back),
		cmocka_unit_test(test_a_package_without_manifest_is_unsigned),
		cmocka_unit_test(test_a_strangers_key_is_unknown),
		cmocka_unit_test(test_content_is_held_against_the_manifest),
		cmocka_unit_test(test_a_file_that_the_package_lacks_is_missing),
		cmocka_unit_test(test_a_link_to_a_file_with_a_bad_signature_is_not_ok),
		cmocka_unit_test(test_scripts_are_held_against_the_manifest),
		cmocka_unit_test(test_conffiles_to_be_removed_are_none),
		cmocka_unit_test(test_control_fields),
		cmocka_unit_test(test_archives_that_dpkg_or_we_refuse),
		cmocka_unit_test(test_a_sparse_member_is_refused),
		cmocka_unit_test(test_control_archives_that_are_refused),
		cmocka_unit_test(test_a_broken_manifest_is_refused_by_its_line),
		cmocka_unit_test(test_links_to_links),
		cmocka_unit_test(test_names_of_every_byte),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_layouts_that_are_refused),
		cmocka_unit_test(test_ar_headers_that_are_refused),
		cmocka_unit_test(test_too_many_ar_members),
		cmocka_unit_test(test_members_beside_the_three_are_kept),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_every_truncation_within_a_member_is_refused),
		cmocka_unit_test(test_a_changed_byte_is_never_taken_for_good_content),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests_name("deb", tests, make_site, free_site);
}
