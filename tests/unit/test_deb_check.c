// SPDX-License-Identifier: LGPL-2.1-or-later
/* A package against its manifest: what stands beside the signatures. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deb.h"
#include "manifest.h"

static struct {
	char *folder;
	struct support_key key;
	struct pkgima_trust *trust;
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.key, site.folder, "key", "p256");
	site.trust = support_trust(&site.key, NULL);
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.key);
	support_remove(site.folder);
	return 0;
}

static int check(const char *path, bool payload, struct pkgima_package_check *ret_check, struct pkgima_error *error)
{
	cleanup_deb struct pkgima_deb *deb = NULL;
	bool has_manifest;
	int r;

	r = pkgima_deb_open(path, &deb, error);
	return r < 0 ? r : pkgima_deb_check(deb, site.trust, payload, 1, ret_check, &has_manifest, error);
}

static void test_types_are_those_of_the_package(void **state)
{
	static const struct { const char *path; enum pkgima_entry_type type; const char *reason; } all[] = {
		{ "/etc/conffile", PKGIMA_ENTRY_CONFFILE, NULL },
		{ "/etc/conffile-as-file", PKGIMA_ENTRY_FILE, "the package calls it a conffile" },
		{ "/etc/file", PKGIMA_ENTRY_FILE, NULL },
		{ "/etc/removed", PKGIMA_ENTRY_FILE, NULL },
		{ "/usr/bin/file-as-conffile", PKGIMA_ENTRY_CONFFILE, "the manifest calls it a conffile" },
	};
	const char *path = support_path(site.folder, "types.deb");
	cleanup_bytes struct support_bytes control = { 0 }, data = { 0 }, manifest = { 0 };
	cleanup_entries struct pkgima_entries entries = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		support_add_entry(&entries, all[i].path, all[i].type, "x", 1, &site.key);
		support_tar_file(&data, support_path(".", "%s", all[i].path + 1), "x");
	}
	support_tar_end(&data);
	support_manifest(&entries, &manifest);
	support_tar_file(&control, "./control", "Package: x\n");
	support_tar_file(&control, "./conffiles", "/etc/conffile\n/etc/conffile-as-file\nremove-on-upgrade /etc/removed\n");
	support_tar_add(&control, &(struct support_tar_member){ .name = "./imasigs", .type = '0', .content = manifest.data,
								.length = manifest.length });
	support_tar_end(&control);
	support_deb(path, &control, &data);
	for (int payload = 0; payload < 2; payload++) {
		cleanup_package_check struct pkgima_package_check found = { 0 };
		struct pkgima_error error = { "" };

		if (check(path, payload, &found, &error) < 0)
			fail_msg("%s", error.text);
		assert_int_equal(found.entries.count, sizeof(all) / sizeof(all[0]));
		for (size_t i = 0; i < found.entries.count; i++) {
			assert_string_equal(found.entries.list[i].path, all[i].path);
			assert_int_equal(found.results[i].verdict,
					 all[i].reason ? PKGIMA_VERDICT_BAD_SIGNATURE : PKGIMA_VERDICT_OK);
			assert_non_null(strstr(found.results[i].reason, all[i].reason ? all[i].reason : ""));
		}
	}
}

/* A package of files without content, each with a path of PKGIMA_PATH_MAX bytes. */
static void write_long_names(const char *path, size_t count)
{
	cleanup_bytes struct support_bytes record = { 0 }, end = { 0 }, data = { 0 };
	char name[PKGIMA_PATH_MAX + 2];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "./", 2);
	support_tar_add(&record, &(struct support_tar_member){ .name = "././@LongLink", .type = 'L', .content = name,
							       .length = sizeof(name) });
	support_tar_file(&record, "./short", "");
	support_tar_end(&end);
	data.data = malloc(count * record.length);
	assert_non_null(data.data);
	for (size_t i = 0; i < count; i++, data.length += record.length) {
		memcpy(data.data + data.length, record.data, record.length);
		/* The name begins behind its header. */
		snprintf(name, sizeof(name), "%08zu", i);
		memcpy(data.data + data.length + 512 + 2, name, 8);
	}
	support_append(&data, end.data, end.length);
	support_deb(path, NULL, &data);
}

static void test_names_of_unsigned_files_are_bounded(void **state)
{
	cleanup_package_check struct pkgima_package_check found = { 0 }, none = { 0 };
	const char *path = support_path(site.folder, "names.deb");
	struct pkgima_error error = { "" };

	(void)state;
	write_long_names(path, 100);
	if (check(path, true, &found, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(found.entries.count, 100);
	assert_int_equal(strlen(found.entries.list[99].path), PKGIMA_PATH_MAX);
	assert_int_equal(found.results[99].verdict, PKGIMA_VERDICT_UNSIGNED);
	write_long_names(path, 64 * 1024 * 1024 / (PKGIMA_PATH_MAX + 1) + 1);
	assert_int_equal(check(path, true, &none, &error), -E2BIG);
	assert_non_null(strstr(error.text, "data member: it has more than"));
	assert_int_equal(check(path, false, &none, &error), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_are_those_of_the_package),
		cmocka_unit_test(test_names_of_unsigned_files_are_bounded),
	};

	return cmocka_run_group_tests_name("deb_check", tests, make_site, free_site);
}
