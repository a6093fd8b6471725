// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which installed files only one key signs. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"
#include "check.h"
#include "dpkg.h"
#include "key_use.h"

static struct {
	char *folder;
	int root;
	bool xattrs;
	char *keys;
	struct support_key old, new;
	char found[2048];
} site;

static int make_keys(void **state)
{
	(void)state;
	site.keys = support_folder();
	support_key_make(&site.old, site.keys, "old", "p256");
	support_key_make(&site.new, site.keys, "new", "p256");
	site.xattrs = setxattr(site.old.der, PKGIMA_XATTR_IMA, "\003\002", 2, 0) == 0;
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	support_key_free(&site.old);
	support_key_free(&site.new);
	support_remove(site.keys);
	return 0;
}

static int make_root(void **state)
{
	(void)state;
	site.folder = support_folder();
	site.root = pkgima_root_open(site.folder, NULL);
	support_make_folder(support_path(site.folder, "var/lib/dpkg/info"));
	return site.root < 0;
}

static int remove_root(void **state)
{
	(void)state;
	close(site.root);
	support_remove(site.folder);
	return 0;
}

#define NEED_XATTRS()                                                                  \
	do {                                                                           \
		if (!site.xattrs)                                                      \
			support_missing("the right to set security.ima, and a file system that has it"); \
	} while (0)

struct file {
	const char *path, *stands;       /* where it stands, NULL: there */
	const struct support_key *key;   /* that has signed its entry */
	const struct support_key *carried; /* whose signature it carries, NULL: none; not there at all without one of both */
	bool absent;
};

/* A package with a manifest of these files, which are made. */
static void add_package(const char *name, const struct file *files, size_t count)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes manifest = { 0 }, list = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct file *file = &files[i];
		bool is_script = !strncmp(file->path, "DEBIAN/", 7);
		const char *path = support_path(site.folder, "%s", file->stands ? file->stands : file->path);
		struct pkgima_entry *entry = support_add_entry(&entries, file->path, is_script ? PKGIMA_ENTRY_SCRIPT :
							       PKGIMA_ENTRY_FILE, "content", 7, file->key);
		struct pkgima_value value = entry->ima;

		if (!is_script) {
			support_append(&list, file->path, strlen(file->path));
			support_append(&list, "\n", 1);
		}
		if (file->absent)
			continue;
		support_write_text(path, "content", 0755);
		if (file->carried && file->carried != file->key)
			value = support_sign(file->carried, entry->hash, entry->digest, &entries);
		if (file->carried)
			assert_int_equal(setxattr(path, PKGIMA_XATTR_IMA, value.bytes, value.length, 0), 0);
	}
	support_manifest(&entries, &manifest);
	support_write(support_path(site.folder, "var/lib/dpkg/info/%s.imasigs", name), manifest.data, manifest.length, 0644);
	support_write(support_path(site.folder, "var/lib/dpkg/info/%s.list", name), list.data, list.length, 0644);
}

static void note(void *context, const char *package, const char *path)
{
	size_t length = strlen(site.found);

	assert_ptr_equal(context, &site);
	snprintf(site.found + length, sizeof(site.found) - length, "%s %s\n", package, path);
}

static int find(uint32_t key_id, const struct pkgima_certificate *certificate, struct pkgima_key_use_counts *counts,
		struct pkgima_error *error)
{
	struct pkgima_key_use use = { .key_id = key_id, .certificate = certificate, .report = note, .context = &site };
	struct pkgima_dpkg *dpkg = NULL;
	int r;

	site.found[0] = '\0';
	assert_int_equal(pkgima_dpkg_open(site.root, PKGIMA_DPKG_ADMINDIR, &dpkg, error), 0);
	use.root_fd = site.root;
	use.manager = &pkgima_manager_dpkg;
	use.database = dpkg;
	r = pkgima_key_use_find(&use, counts, error);
	pkgima_dpkg_free(dpkg);
	return r;
}

static void test_what_counts(void **state)
{
	const struct file files[] = {
		{ .path = "/usr/bin/a", .key = &site.old, .carried = &site.old },
		{ .path = "/usr/bin/b", .key = &site.new, .carried = &site.new },
		/* Its manifest has it, the file not. */
		{ .path = "/usr/bin/c", .key = &site.old },
		{ .path = "/usr/bin/d", .key = &site.old, .carried = &site.new },
		{ .path = "/usr/bin/e", .key = &site.old, .absent = true },
		{ .path = "DEBIAN/postinst", .stands = "/var/lib/dpkg/info/p.postinst", .key = &site.old, .carried = &site.old },
		{ .path = "/usr/bin/diverted", .stands = "/usr/bin/diverted.real", .key = &site.old, .carried = &site.old },
	};
	const struct file others[] = { { .path = "/usr/bin/f", .key = &site.new, .carried = &site.new } };
	struct pkgima_key_use_counts counts = { 99, 99 };
	struct pkgima_error error = { "" };

	(void)state;
	NEED_XATTRS();
	support_write_text(support_path(site.folder, "var/lib/dpkg/diversions"),
			   "/usr/bin/diverted\n/usr/bin/diverted.real\nother\n", 0644);
	add_package("p", files, sizeof(files) / sizeof(files[0]));
	add_package("q", others, 1);
	assert_int_equal(find(site.old.certificate->key_id, NULL, &counts, &error), 0);
	assert_string_equal(site.found, "p /usr/bin/a\np /usr/bin/diverted.real\np /var/lib/dpkg/info/p.postinst\n");
	assert_int_equal(counts.files, 3);
	assert_int_equal(counts.packages, 1);
	assert_int_equal(find(site.new.certificate->key_id, NULL, &counts, &error), 0);
	assert_int_equal(counts.files, 2);
	assert_int_equal(counts.packages, 2);
	assert_int_equal(find(site.old.certificate->key_id ^ 1, NULL, &counts, &error), 0);
	assert_int_equal(counts.files, 0);
	assert_string_equal(site.found, "");
}

static void test_a_shared_key_id(void **state)
{
	const struct file files[] = { { .path = "/usr/bin/a", .key = &site.old, .carried = &site.old } };
	struct pkgima_key_use_counts counts;
	struct pkgima_error error = { "" };

	(void)state;
	NEED_XATTRS();
	add_package("p", files, 1);
	/* By the id, and the certificate of the key or of another one. */
	assert_int_equal(find(site.old.certificate->key_id, site.old.certificate, &counts, &error), 0);
	assert_int_equal(counts.files, 1);
	assert_int_equal(find(site.old.certificate->key_id, site.new.certificate, &counts, &error), 0);
	assert_int_equal(counts.files, 0);
}

static void test_what_cannot_be_read(void **state)
{
	struct pkgima_key_use_counts counts = { 99, 99 };
	struct pkgima_error error = { "" };

	(void)state;
	support_write_text(support_path(site.folder, "var/lib/dpkg/info/p.imasigs"), "nonsense\n", 0644);
	support_write_text(support_path(site.folder, "var/lib/dpkg/info/p.list"), "/.\n", 0644);
	assert_int_equal(find(1, NULL, &counts, &error), -EINVAL);
	assert_int_equal(strncmp(error.text, "p: ", 3), 0);
	assert_int_equal(counts.files, 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_root, remove_root)
		TEST(test_what_counts),
		TEST(test_a_shared_key_id),
		TEST(test_what_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
