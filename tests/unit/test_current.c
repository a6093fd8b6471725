// SPDX-License-Identifier: LGPL-2.1-or-later
/* Is a package signed already, in every respect, by this key, and made of that one? */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deb.h"
#include "manifest.h"
#include "rpm_maker.h"
#include "signing/current.h"
#include "signing/deb_write.h"
#include "signing/package.h"

static struct site {
	char *folder;
	struct support_key rsa, p256, other;
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.p256, site.folder, "p256", "p256");
	support_key_make(&site.other, site.folder, "other", "rsa2048");
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	support_key_free(&site.rsa);
	support_key_free(&site.p256);
	support_key_free(&site.other);
	support_remove(site.folder);
	return 0;
}

/* What a test package has; what is NULL is left out. */
struct content {
	const char *tool, *conffile, *postinst, *md5sums, *compression;
};
static const struct content usual = {
	.tool = "a tool\n", .conffile = "a=b\n", .postinst = "#!/bin/sh\n",
	.md5sums = "00000000000000000000000000000000  usr/bin/tool\n", .compression = "-Zxz",
};

static const char *build_deb(const char *name, const struct content *content)
{
	const char *tree = support_path(site.folder, "tree-%s", name), *path = support_path(site.folder, "%s.deb", name);

	support_write_text(support_path(tree, "DEBIAN/control"),
			   "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: X <x@example.org>\nDescription: x\n y\n",
			   0644);
	support_write_text(support_path(tree, "DEBIAN/conffiles"), "/etc/x.conf\n", 0644);
	support_write_text(support_path(tree, "etc/x.conf"), content->conffile, 0644);
	support_write_text(support_path(tree, "usr/bin/tool"), content->tool, 0755);
	if (content->postinst)
		support_write_text(support_path(tree, "DEBIAN/postinst"), content->postinst, 0755);
	if (content->md5sums)
		support_write_text(support_path(tree, "DEBIAN/md5sums"), content->md5sums, 0644);
	/* The same times for all of them: what differs is the content. */
	assert_int_equal(setenv("SOURCE_DATE_EPOCH", "1000000000", 1), 0);
	assert_int_equal(support_run("find", tree, "-exec", "touch", "-h", "-d", "@1000000000", "{}", "+", NULL), 0);
	assert_int_equal(support_run("dpkg-deb", "--root-owner-group", content->compression, "-b", tree, path, NULL), 0);
	return path;
}

/* Signs @path as NAME-signed. */
static const char *sign(const char *path, const struct support_key *key, enum pkgima_hash hash)
{
	const char *target = support_path(site.folder, "%s-%s-%d", strrchr(path, '/') + 1, key->certificate->subject, (int)hash);
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_package struct pkgima_package package = { 0 };
	struct pkgima_error error = { "" };
	size_t count;

	if (pkgima_package_open(path, &package, &error) < 0 ||
	    pkgima_signer_new(key->key, key->certificate, 1, &signer, &error) < 0 ||
	    pkgima_output_open(target, 0644, &output, &error) < 0 ||
	    pkgima_package_sign(&package, signer, package.format == &pkgima_format_deb ? &hash : NULL, 1, &output, &count,
				&error) < 0 ||
	    pkgima_output_commit(&output, true, &error) < 0)
		fail_msg("%s: %s", path, error.text);
	return target;
}

static bool is_current(const char *source, const char *target, const struct support_key *key,
		       const enum pkgima_hash *hash)
{
	cleanup_package struct pkgima_package first = { 0 }, second = { 0 };
	struct pkgima_error error = { "" };

	if (pkgima_package_open(source, &first, &error) < 0 || pkgima_package_open(target, &second, &error) < 0)
		fail_msg("%s", error.text);
	if (!strcmp(source, target))
		return pkgima_package_is_current(&first, &first, key->certificate, hash, 1);
	return pkgima_package_is_current(&first, &second, key->certificate, hash, 1);
}

static void test_deb_that_is_signed_is(void **state)
{
	static const char *const compressions[] = { "-Znone", "-Zgzip", "-Zxz", "-Zzstd" };
	const enum pkgima_hash sha256 = PKGIMA_HASH_SHA256, sha512 = PKGIMA_HASH_SHA512;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct content content = usual;
		const char *plain, *rsa, *long_digests, *p256;

		content.compression = compressions[i];
		plain = build_deb("plain", &content);
		rsa = sign(plain, &site.rsa, sha256);
		long_digests = sign(plain, &site.rsa, sha512);
		p256 = sign(plain, &site.p256, sha256);
		assert_false(is_current(plain, plain, &site.rsa, NULL));
		assert_true(is_current(rsa, rsa, &site.rsa, NULL));
		assert_true(is_current(plain, rsa, &site.rsa, NULL));
		assert_true(is_current(plain, rsa, &site.rsa, &sha256));
		assert_true(is_current(p256, rsa, &site.rsa, NULL));
		assert_false(is_current(plain, rsa, &site.other, NULL));
		assert_false(is_current(plain, rsa, &site.p256, NULL));
		assert_true(is_current(plain, p256, &site.p256, NULL));
		/* Another digest than what is asked for. */
		assert_false(is_current(plain, rsa, &site.rsa, &sha512));
		assert_false(is_current(plain, long_digests, &site.rsa, NULL));
		assert_true(is_current(plain, long_digests, &site.rsa, &sha512));
	}
}

static void test_deb_that_was_made_of_another_is_not(void **state)
{
	static const struct content others[] = {
		/* As long as before, so that no size tells. */
		{ "b tool\n", "a=b\n", "#!/bin/sh\n", "00000000000000000000000000000000  usr/bin/tool\n", NULL },
		{ "a tool\n", "a=c\n", "#!/bin/sh\n", "00000000000000000000000000000000  usr/bin/tool\n", NULL },
		{ "a tool\n", "a=b\n", "#!/bin/ah\n", "00000000000000000000000000000000  usr/bin/tool\n", NULL },
		{ "a tool\n", "a=b\n", "#!/bin/sh\n", "00000000000000000000000000000001  usr/bin/tool\n", NULL },
		{ "a tool\n", "a=b\n", NULL, "00000000000000000000000000000000  usr/bin/tool\n", NULL },
	};
	static const char *const compressions[] = { "-Znone", "-Zgzip", "-Zxz", "-Zzstd" };

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		struct content content = usual;
		const char *plain, *signed_one;

		content.compression = compressions[k];
		plain = build_deb("plain", &content);
		signed_one = sign(plain, &site.rsa, PKGIMA_HASH_SHA256);
		for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
			char name[32];

			content = others[i];
			content.compression = compressions[k];
			snprintf(name, sizeof(name), "other-%zu-%zu", k, i);
			if (is_current(build_deb(name, &content), signed_one, &site.rsa, NULL))
				fail_msg("%s, %zu", compressions[k], i);
		}
		assert_true(is_current(plain, signed_one, &site.rsa, NULL));
	}
}

/* A manifest that some other program may have written: with entries of @keep of the signed package @path only. */
static const char *with_some(const char *path, const char *name, bool (*keep)(const struct pkgima_entry *entry))
{
	const char *target = support_path(site.folder, "%s.deb", name);
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_package_info struct pkgima_package_info info = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };
	int fd = open(target, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	struct pkgima_error error = { "" };
	bool is_signed;
	size_t kept = 0;

	if (fd < 0 || pkgima_package_open(path, &package, &error) < 0 ||
	    package.format->read(package.file, &info, &entries, &is_signed, &error) < 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < entries.count; i++)
		if (keep(&entries.list[i]))
			entries.list[kept++] = entries.list[i];
	assert_true(kept < entries.count || keep(&entries.list[0]));
	entries.count = kept;
	if (pkgima_deb_write(package.file, &entries, fd, &error) < 0)
		fail_msg("%s", error.text);
	close(fd);
	return target;
}

static bool all(const struct pkgima_entry *entry)
{
	(void)entry;
	return true;
}

static bool no_script(const struct pkgima_entry *entry)
{
	return entry->type != PKGIMA_ENTRY_SCRIPT;
}

static bool no_tool(const struct pkgima_entry *entry)
{
	return strcmp(entry->path, "/usr/bin/tool") != 0;
}

static bool none(const struct pkgima_entry *entry)
{
	(void)entry;
	return false;
}

static void test_deb_that_is_signed_in_part_is_not(void **state)
{
	struct content content = usual;
	const char *done;

	(void)state;
	/* Also such lines as md5sum(1) writes for odd names, and a list without a last newline. */
	content.md5sums = "\\0000000000000000000000000000000  a\\nb\nshort\n00000000000000000000000000000000  usr/bin/tool";
	done = sign(build_deb("part", &content), &site.rsa, PKGIMA_HASH_SHA256);
	assert_true(is_current(done, done, &site.rsa, NULL));
	done = with_some(done, "part-all", all);
	assert_true(is_current(done, done, &site.rsa, NULL));
	{
		const char *partial[] = { with_some(done, "part-no-script", no_script), with_some(done, "part-no-tool", no_tool),
					  with_some(done, "part-none", none) };

		for (size_t i = 0; i < 3; i++)
			if (is_current(partial[i], partial[i], &site.rsa, NULL))
				fail_msg("%zu", i);
	}
}

/* Unpacked and built anew: the manifest, and the list of MD5 sums, are those of other files. */
static void test_deb_that_was_built_anew_is_not(void **state)
{
	const char *done = sign(build_deb("anew", &usual), &site.rsa, PKGIMA_HASH_SHA256);
	const char *tree = support_path(site.folder, "unpacked"), *again = support_path(site.folder, "again.deb");
	static const char *const compressions[] = { "-Zxz", "-Zgzip" };

	(void)state;
	assert_int_equal(support_run("dpkg-deb", "-R", done, tree, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		support_write_text(support_path(tree, "usr/bin/tool"), "another\n", 0755);
		assert_int_equal(support_run("dpkg-deb", "--root-owner-group", compressions[i], "-b", tree, again, NULL), 0);
		assert_false(is_current(again, again, &site.rsa, NULL));
	}
}

/* The data member alone was exchanged, of a package that does not list its files. */
static void test_deb_without_a_list_is_unpacked(void **state)
{
	struct content content = usual, changed = usual;
	cleanup_bytes struct support_bytes ar = { 0 };
	const char *done, *others, *mixed = support_path(site.folder, "mixed.deb");
	struct pkgima_error error = { "" };

	(void)state;
	content.md5sums = changed.md5sums = NULL;
	changed.tool = "b tool\n";
	done = sign(build_deb("no-list", &content), &site.rsa, PKGIMA_HASH_SHA256);
	others = build_deb("no-list-2", &changed);
	assert_true(is_current(done, done, &site.rsa, NULL));
	{
		cleanup_package struct pkgima_package first = { 0 }, second = { 0 };
		size_t length, other_length;
		uint8_t *bytes = support_read(done, &length), *other = support_read(others, &other_length);
		const struct pkgima_deb *a, *b;

		assert_int_equal(pkgima_package_open(done, &first, &error), 0);
		assert_int_equal(pkgima_package_open(others, &second, &error), 0);
		a = first.file;
		b = second.file;
		support_append(&ar, bytes, (size_t)a->members[a->data].offset - PKGIMA_AR_HEADER);
		support_append(&ar, other + b->members[b->data].offset - PKGIMA_AR_HEADER,
			       other_length - (size_t)b->members[b->data].offset + PKGIMA_AR_HEADER);
		free(bytes);
		free(other);
	}
	support_write(mixed, ar.data, ar.length, 0644);
	assert_false(is_current(mixed, mixed, &site.rsa, NULL));
}

/* One signature of all is another key's, or spoilt. */
static void test_deb_with_a_bad_signature_is_not(void **state)
{
	const char *done = sign(build_deb("bad", &usual), &site.rsa, PKGIMA_HASH_SHA256);
	const char *others = sign(support_path(site.folder, "bad.deb"), &site.other, PKGIMA_HASH_SHA256);
	cleanup_package struct pkgima_package package = { 0 }, second = { 0 };
	cleanup_package_info struct pkgima_package_info info = { 0 }, second_info = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 }, foreign = { 0 };
	struct pkgima_error error = { "" };
	bool is_signed;

	(void)state;
	assert_int_equal(pkgima_package_open(done, &package, &error), 0);
	assert_int_equal(package.format->read(package.file, &info, &entries, &is_signed, &error), 0);
	assert_int_equal(pkgima_package_open(others, &second, &error), 0);
	assert_int_equal(second.format->read(second.file, &second_info, &foreign, &is_signed, &error), 0);
	for (size_t i = 0; i < entries.count; i++) {
		const char *target = support_path(site.folder, "bad-%zu.deb", i);
		int fd = open(target, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
		struct pkgima_value before = entries.list[i].ima;

		assert_true(fd >= 0);
		entries.list[i].ima = foreign.list[i].ima;
		assert_int_equal(pkgima_deb_write(package.file, &entries, fd, &error), 0);
		assert_false(is_current(target, target, &site.rsa, NULL));
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		((uint8_t *)before.bytes)[before.length - 1] ^= 1;
		entries.list[i].ima = before;
		assert_int_equal(pkgima_deb_write(package.file, &entries, fd, &error), 0);
		assert_false(is_current(target, target, &site.rsa, NULL));
		((uint8_t *)before.bytes)[before.length - 1] ^= 1;
		close(fd);
	}
}

static void test_rpm(void **state)
{
	const char *plain = support_path(site.folder, "a.rpm"), *other = support_path(site.folder, "b.rpm"), *done;
	const enum pkgima_hash sha256 = PKGIMA_HASH_SHA256, sha512 = PKGIMA_HASH_SHA512;
	struct pkgima_error error = { "" };

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 20, .reserved = 64 }, plain);
	rpm_maker_write(&(struct rpm_maker){ .files = 20, .reserved = 64, .directory = "/usr/lib/mani/" }, other);
	done = sign(plain, &site.rsa, sha256);
	assert_false(is_current(plain, plain, &site.rsa, NULL));
	assert_true(is_current(done, done, &site.rsa, NULL));
	assert_true(is_current(plain, done, &site.rsa, &sha256));
	assert_false(is_current(plain, done, &site.rsa, &sha512));
	assert_false(is_current(plain, done, &site.other, NULL));
	assert_false(is_current(other, done, &site.rsa, NULL));
	{
		/* A file more, with no signature: of nineteen. */
		cleanup_package struct pkgima_package package = { 0 };
		cleanup_package_info struct pkgima_package_info info = { 0 };
		cleanup_entries struct pkgima_entries entries = { 0 };
		const char *texts[20], *part = support_path(site.folder, "part.rpm");
		bool is_signed;

		assert_int_equal(pkgima_package_open(done, &package, &error), 0);
		assert_int_equal(package.format->read(package.file, &info, &entries, &is_signed, &error), 0);
		assert_int_equal(entries.count, 20);
		for (size_t i = 0; i < 20; i++) {
			char *text = malloc(2 * entries.list[i].ima.length + 1);

			assert_non_null(text);
			pkgima_hex(entries.list[i].ima.bytes, entries.list[i].ima.length, text);
			texts[i] = text;
		}
		for (int missing = 0; missing < 2; missing++) {
			const char *last = texts[19];

			if (missing)
				texts[19] = "";
			rpm_maker_write(&(struct rpm_maker){ .files = 20, .signatures = texts, .signature_count = 20,
							     .signature_length = 265 }, part);
			assert_int_equal(is_current(part, part, &site.rsa, NULL), !missing);
			texts[19] = last;
		}
		for (size_t i = 0; i < 20; i++)
			free((char *)texts[i]);
	}
}

static void test_formats_are_not_mixed(void **state)
{
	const char *plain = support_path(site.folder, "c.rpm");
	const char *done = sign(build_deb("format", &usual), &site.rsa, PKGIMA_HASH_SHA256);

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 1 }, plain);
	assert_false(is_current(plain, done, &site.rsa, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deb_that_is_signed_is),
		cmocka_unit_test(test_deb_that_was_made_of_another_is_not),
		cmocka_unit_test(test_deb_that_is_signed_in_part_is_not),
		cmocka_unit_test(test_deb_that_was_built_anew_is_not),
		cmocka_unit_test(test_deb_without_a_list_is_unpacked),
		cmocka_unit_test(test_deb_with_a_bad_signature_is_not),
		cmocka_unit_test(test_rpm),
		cmocka_unit_test(test_formats_are_not_mixed),
	};

	return cmocka_run_group_tests_name("current", tests, make_site, free_site);
}
