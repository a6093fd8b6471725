// SPDX-License-Identifier: LGPL-2.1-or-later
/* dpkg's database: which packages have a manifest, what of it is still theirs, and where it stands. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "dpkg.h"

static struct {
	char *folder;
	int root;
	struct support_key key;
	char *keys;
} site;

static const char *info(const char *name)
{
	return support_path(site.folder, "var/lib/dpkg/info/%s", name);
}

static int make_keys(void **state)
{
	(void)state;
	site.keys = support_folder();
	support_key_make(&site.key, site.keys, "key", "p256");
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	support_key_free(&site.key);
	support_remove(site.keys);
	return 0;
}

static int make_root(void **state)
{
	(void)state;
	site.folder = support_folder();
	site.root = pkgima_root_open(site.folder, NULL);
	assert_true(site.root >= 0);
	support_make_folder(support_path(site.folder, "var/lib/dpkg/info"));
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	close(site.root);
	support_remove(site.folder);
	return 0;
}

static struct pkgima_dpkg *open_dpkg(void)
{
	struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_dpkg_open(site.root, PKGIMA_DPKG_ADMINDIR, &dpkg, &error) < 0)
		fail_msg("%s", error.text);
	return dpkg;
}

static void write_diversions(const char *text)
{
	support_write_text(support_path(site.folder, "var/lib/dpkg/diversions"), text, 0644);
}

static void test_no_database(void **state)
{
	struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(pkgima_dpkg_open(site.root, "/none", &dpkg, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/none/info"));
	assert_null(dpkg);
	assert_false(pkgima_dpkg_owns(NULL, "/etc/keys/ima-ca/x.der"));
}

static void test_packages_are_those_with_a_manifest_sorted(void **state)
{
	static const char *const names[] = { "zlib1g:amd64", "a", "libc6:i386", "libc6:amd64", "lib-x+y.z" };
	static const char *const wanted[] = { "a", "lib-x+y.z", "libc6:amd64", "libc6:i386", "zlib1g:amd64" };
	struct pkgima_dpkg_package *packages = NULL;
	struct pkgima_error error = { "" };
	struct pkgima_dpkg *dpkg;
	size_t count = 99;

	(void)state;
	dpkg = open_dpkg();
	assert_int_equal(pkgima_dpkg_packages(dpkg, &packages, &count, &error), 0);
	assert_int_equal(count, 0);
	pkgima_dpkg_packages_free(packages, count);
	for (size_t i = 0; i < 5; i++)
		support_write_text(support_path(site.folder, "var/lib/dpkg/info/%s.imasigs", names[i]), names[i], 0644);
	/* None of these is a manifest, or of a package. */
	support_write_text(info("two words.imasigs"), "", 0644);
	support_write_text(info("x 1 2 3.4 5 good\ny.imasigs"), "", 0644);
	support_write_text(info("x\033[31m.imasigs"), "", 0644);
	support_write_text(info("-x.imasigs"), "", 0644);
	support_write_text(info("X.imasigs"), "", 0644);
	support_write_text(info("x:.imasigs"), "", 0644);
	support_write_text(info(":amd64.imasigs"), "", 0644);
	support_write_text(info("x:amd 64.imasigs"), "", 0644);
	support_write_text(info("x:amd64:i386.imasigs"), "", 0644);
	support_write_text(info("other.list"), "/.\n", 0644);
	support_write_text(info(".imasigs"), "", 0644);
	support_write_text(info("x.imasigs.dpkg-new"), "", 0644);
	support_make_folder(info("folder.imasigs"));
	assert_int_equal(symlink("a.imasigs", info("link.imasigs")), 0);
	assert_int_equal(mkfifo(info("fifo.imasigs"), 0600), 0);
	assert_int_equal(pkgima_dpkg_packages(dpkg, &packages, &count, &error), 0);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(packages[i].name, wanted[i]);
		assert_int_equal(packages[i].stat.st_size, strlen(wanted[i]));
	}
	pkgima_dpkg_packages_free(packages, count);
	pkgima_dpkg_free(dpkg);
}

static void test_many_packages(void **state)
{
	struct pkgima_dpkg_package *packages = NULL;
	struct pkgima_dpkg *dpkg = open_dpkg();
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 1500; i++)
		support_write_text(support_path(site.folder, "var/lib/dpkg/info/p%04d.imasigs", i), "", 0644);
	assert_int_equal(pkgima_dpkg_packages(dpkg, &packages, &count, NULL), 0);
	assert_int_equal(count, 1500);
	assert_string_equal(packages[1499].name, "p1499");
	pkgima_dpkg_packages_free(packages, count);
	pkgima_dpkg_free(dpkg);
}

static void test_names_with_and_without_architecture(void **state)
{
	static const struct { const char *name, *instance; bool matches; } all[] = {
		{ "libc6", "libc6", true },       { "libc6", "libc6:amd64", true },   { "libc6:amd64", "libc6:amd64", true },
		{ "libc6:i386", "libc6:amd64", false }, { "libc6", "libc6-dev", false }, { "libc6-dev", "libc6", false },
		{ "libc", "libc6", false },       { "libc6:amd", "libc6:amd64", false }, { ":", "libc6", false },
		{ ":", "libc6:amd64", false },    { "libc6:amd64", "libc6", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (pkgima_dpkg_name_matches(all[i].name, all[i].instance) != all[i].matches)
			fail_msg("%s and %s", all[i].name, all[i].instance);
}

static void test_installed_packages(void **state)
{
	struct pkgima_dpkg *dpkg;

	(void)state;
	support_write_text(info("libc6:amd64.list"), "/.\n", 0644);
	support_write_text(info("dash.list"), "/.\n", 0644);
	support_write_text(info("gone.postrm"), "", 0644);
	dpkg = open_dpkg();
	assert_true(pkgima_dpkg_is_installed(dpkg, "libc6"));
	assert_true(pkgima_dpkg_is_installed(dpkg, "libc6:amd64"));
	assert_true(pkgima_dpkg_is_installed(dpkg, "dash"));
	assert_false(pkgima_dpkg_is_installed(dpkg, "libc6:i386"));
	assert_false(pkgima_dpkg_is_installed(dpkg, "libc"));
	assert_false(pkgima_dpkg_is_installed(dpkg, "gone"));
	assert_false(pkgima_dpkg_is_installed(dpkg, ""));
	pkgima_dpkg_free(dpkg);
}

/* A manifest of these paths (up to NULL) and a script. */
static void write_manifest(const char *instance, const char *const *paths)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes text = { 0 };

	for (; *paths; paths++)
		support_add_entry(&entries, *paths, PKGIMA_ENTRY_FILE, "x", 1, &site.key);
	support_add_entry(&entries, "DEBIAN/postinst", PKGIMA_ENTRY_SCRIPT, "x", 1, &site.key);
	support_manifest(&entries, &text);
	support_write(support_path(site.folder, "var/lib/dpkg/info/%s.imasigs", instance), text.data, text.length, 0644);
}

static void test_what_another_package_took_over_is_no_longer_its_own(void **state)
{
	static const char *const paths[] = { "/usr/bin/kept", "/usr/bin/taken", "/usr/share/a b", "/usr/share/n\nl", NULL };
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	struct pkgima_dpkg *dpkg;

	(void)state;
	write_manifest("x:amd64", paths);
	/* dpkg's list is in no order, and its last line may have no end. */
	support_write_text(info("x:amd64.list"),
			   "/.\n/usr\n/usr/share/a b\n/usr/bin\n/usr/bin/taken-not\n/usr/bin/tak\n/usr/bin/kept", 0644);
	dpkg = open_dpkg();
	if (pkgima_dpkg_read(dpkg, "x:amd64", &entries, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(entries.count, 3);
	assert_string_equal(entries.list[0].path, "/usr/bin/kept");
	assert_string_equal(entries.list[1].path, "/usr/share/a b");
	assert_string_equal(entries.list[2].path, "DEBIAN/postinst");
	pkgima_dpkg_free(dpkg);
}

static void test_an_empty_list_leaves_the_scripts(void **state)
{
	static const char *const paths[] = { "/usr/bin/x", NULL };
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_dpkg *dpkg = open_dpkg();

	(void)state;
	write_manifest("x", paths);
	support_write_text(info("x.list"), "", 0644);
	assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, NULL), 0);
	assert_int_equal(entries.count, 1);
	pkgima_dpkg_free(dpkg);
}

static void test_conffiles_are_those_that_dpkg_knows(void **state)
{
	static const char *const paths[] = { "/etc/b", "/usr/bin/x", NULL };
	struct pkgima_dpkg *dpkg = open_dpkg();

	(void)state;
	write_manifest("x", paths);
	support_write_text(info("x.list"), "/etc/b\n/usr/bin/x\n", 0644);
	for (int i = 0; i < 3; i++) {
		cleanup_entries struct pkgima_entries entries = { 0 };
		static const char *const conffiles[] = { "/etc/a\n/etc/b\n", "remove-on-upgrade /usr/bin/x\n/etc/b \n", "" };

		/* The manifest has files only. */
		support_write_text(info("x.conffiles"), conffiles[i], 0644);
		assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, NULL), 0);
		assert_int_equal(entries.count, 3);
		assert_int_equal(entries.list[0].type, i < 2 ? PKGIMA_ENTRY_CONFFILE : PKGIMA_ENTRY_FILE);
		assert_int_equal(entries.list[1].type, PKGIMA_ENTRY_FILE);
		assert_int_equal(entries.list[2].type, PKGIMA_ENTRY_SCRIPT);
	}
	pkgima_dpkg_free(dpkg);
}

static void test_a_list_of_any_size(void **state)
{
	static const char *const paths[] = { "/usr/bin/x", NULL };
	cleanup_entries struct pkgima_entries entries = { 0 }, none = { 0 };
	struct pkgima_dpkg *dpkg = open_dpkg();
	struct pkgima_error error = { "" };
	const char *list = info("x.list");
	struct rusage before, after;

	(void)state;
	write_manifest("x", paths);
	support_write_text(list, "", 0644);
	assert_int_equal(truncate(list, 64 * 1024 * 1024 + 1), 0);
	assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, &error), -EFBIG);
	pkgima_entries_free(&entries);
	/* Many short lines take no more memory than their bytes. */
	{
		cleanup_bytes struct support_bytes text = { 0 };

		text.length = 48 * 1024 * 1024;
		text.data = malloc(text.length);
		assert_non_null(text.data);
		memset(text.data, '\n', text.length);
		memcpy(text.data + text.length - 11, "/usr/bin/x\n", 11);
		support_write(list, text.data, text.length, 0644);
	}
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	assert_int_equal(pkgima_dpkg_read(dpkg, "x", &none, &error), 0);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_true(after.ru_maxrss - before.ru_maxrss < 128 * 1024);
	assert_int_equal(none.count, 2);
	pkgima_dpkg_free(dpkg);
}

static void test_a_database_that_cannot_be_read(void **state)
{
	static const char *const paths[] = { "/usr/bin/x", NULL };
	struct pkgima_dpkg *dpkg = open_dpkg();
	struct pkgima_error error = { "" };

	(void)state;
	{
		cleanup_entries struct pkgima_entries entries = { 0 };

		assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, &error), -ENOENT);
		assert_non_null(strstr(error.text, "x.imasigs"));
	}
	{
		cleanup_entries struct pkgima_entries entries = { 0 };

		write_manifest("x", paths);
		assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, &error), -ENOENT);
		assert_non_null(strstr(error.text, "x.list"));
	}
	{
		cleanup_entries struct pkgima_entries entries = { 0 };

		support_write_text(info("x.list"), "/usr/bin/x\n", 0644);
		support_write_text(info("x.imasigs"), "pkgima-manifest 1\nnonsense\n", 0644);
		assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, &error), -EINVAL);
		assert_non_null(strstr(error.text, "line 2"));
	}
	{
		cleanup_entries struct pkgima_entries entries = { 0 };

		unlink(info("x.imasigs"));
		support_write_text(support_path(site.folder, "elsewhere"), "pkgima-manifest 1\n", 0644);
		assert_int_equal(symlink("../../../../elsewhere", info("x.imasigs")), 0);
		assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, &error), -EINVAL);
	}
	pkgima_dpkg_free(dpkg);
}

static void test_diversions(void **state)
{
	struct pkgima_dpkg *dpkg;

	(void)state;
	write_diversions("/usr/bin/dpkg-deb\n/usr/bin/dpkg-deb.distrib\ndpkg-ima-divert\n"
			 "/bin/sh\n/bin/sh.distrib\ndash\n"
			 "/usr/bin/local\n/usr/bin/local.mine\n:\n"
			 "/usr/lib/a b\n/usr/lib/c d\nlibx\n");
	dpkg = open_dpkg();
	assert_int_equal(dpkg->diversion_count, 4);
	/* By another package: the file stands where it was diverted to. */
	assert_string_equal(pkgima_dpkg_divert(dpkg, "dpkg", "/usr/bin/dpkg-deb"), "/usr/bin/dpkg-deb.distrib");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "bash", "/bin/sh"), "/bin/sh.distrib");
	/* By the package itself, of whatever architecture: it keeps the name. */
	assert_string_equal(pkgima_dpkg_divert(dpkg, "dash", "/bin/sh"), "/bin/sh");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "dash:amd64", "/bin/sh"), "/bin/sh");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "libx:i386", "/usr/lib/a b"), "/usr/lib/a b");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "libx2:i386", "/usr/lib/a b"), "/usr/lib/c d");
	/* By the administrator: for every package. */
	assert_string_equal(pkgima_dpkg_divert(dpkg, "any", "/usr/bin/local"), "/usr/bin/local.mine");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "any:amd64", "/usr/bin/local"), "/usr/bin/local.mine");
	/* Others are where they are. */
	assert_string_equal(pkgima_dpkg_divert(dpkg, "dpkg", "/usr/bin/dpkg"), "/usr/bin/dpkg");
	assert_string_equal(pkgima_dpkg_divert(dpkg, "dpkg", "/usr/bin/dpkg-deb.distrib"), "/usr/bin/dpkg-deb.distrib");
	pkgima_dpkg_free(dpkg);
}

static void test_broken_diversions(void **state)
{
	static const struct { const char *text; size_t count; } all[] = {
		{ "", 0 }, { "\n", 0 }, { "\n\n\n", 1 }, { "/a\n", 0 }, { "/a\n/b\n", 0 }, { "/a\n/b\nc\n/d\n", 1 },
		{ "/a\n/b\nc\n/d\n/e\n", 1 }, { "/a\n/b\nc\n/d\n/e\nf\n", 2 },
		{ "/a\n/b\nc", 0 }, /* dpkg itself stops at a last line without end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct pkgima_dpkg *dpkg;

		write_diversions(all[i].text);
		dpkg = open_dpkg();
		assert_int_equal(dpkg->diversion_count, all[i].count);
		assert_string_equal(pkgima_dpkg_divert(dpkg, "x", "/z"), "/z");
		pkgima_dpkg_free(dpkg);
	}
}

static void test_owned_paths(void **state)
{
	struct pkgima_dpkg *dpkg;

	(void)state;
	support_write_text(info("a.list"), "/.\n/etc\n/etc/keys/ima-ca/a.der\n", 0644);
	support_write_text(info("b:amd64.list"), "/etc/keys/ima-ca/b.der", 0644);
	support_write_text(info("c.list"), "/x/etc/keys/ima-ca/c.der\n/etc/keys/ima-ca/c.derx\n/etc/keys/ima-ca/c.de\n", 0644);
	support_write_text(info("d.conffiles"), "/etc/keys/ima-ca/d.der\n", 0644);
	dpkg = open_dpkg();
	assert_true(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/a.der"));
	assert_true(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/b.der"));
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/c.der"));
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/d.der"));
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca"));
	pkgima_dpkg_free(dpkg);
}

/* Under which names a package can have brought what stands in the folder of CA certificates. */
static void test_owned_through_links(void **state)
{
	struct pkgima_dpkg *dpkg;

	(void)state;
	support_write_text(support_path(site.folder, "etc/keys/ima-ca/site.der"), "site", 0644);
	support_write_text(support_path(site.folder, "etc/keys/ima-ca/evil.der"), "evil", 0644);
	support_write_text(support_path(site.folder, "etc/keys/ima-ca/conf.der"), "conf", 0644);
	support_write_text(support_path(site.folder, "etc/keys/ima-ca/moved.der"), "moved", 0644);
	support_write_text(support_path(site.folder, "usr/share/evil/site.der"), "site", 0644);
	assert_int_equal(symlink("/etc/keys/ima-ca", support_path(site.folder, "usr/share/x")), 0);
	assert_int_equal(symlink("keys/ima-ca/conf.der", support_path(site.folder, "etc/conf")), 0);
	assert_int_equal(symlink("../../../etc/keys/ima-ca/site.der", support_path(site.folder, "usr/share/evil/link")), 0);
	support_write_text(info("a.list"), "/usr/share/x\n/usr/share/x/evil.der\n/opt/moved\n/usr/share/evil/site.der\n"
			   "/usr/share/evil/link\nno-path\n", 0644);
	support_write_text(info("b.list"), "/etc/conf\n", 0644);
	write_diversions("/opt/moved\n/usr/share/x/moved.der\n:\nno-path\n/usr/share/x/moved.der\n:\n");
	dpkg = open_dpkg();
	/* A folder that is a link. */
	assert_true(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/evil.der"));
	/* And a diversion that goes through it. */
	assert_true(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/moved.der"));
	/* A file that is alike, or a link to it, makes nobody its owner. */
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/site.der"));
	/* dpkg follows a link in place of a conffile. */
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/conf.der"));
	support_write_text(info("b.conffiles"), "/etc/conf \n", 0644);
	assert_true(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/conf.der"));
	assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/site.der"));
	/* Also when the package is removed, or has it no longer. */
	assert_int_equal(unlink(info("b.conffiles")), 0);
	for (int i = 0; i < 4; i++) {
		static const char *const fields[] = {
			"Package: b\nConffiles:\n /etc/a b 0123\n /etc/conf 0123\n", "Conffiles:\n /etc/conf 0123 obsolete\n",
			"Conffiles:\n /etc/conf 0123 obsolete remove-on-upgrade", "Description: x\n /etc/conf 0123\n",
		};

		support_write_text(support_path(site.folder, "var/lib/dpkg/status"), fields[i], 0644);
		if (pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/conf.der") != (i < 3))
			fail_msg("%s", fields[i]);
		assert_false(pkgima_dpkg_owns(dpkg, "/etc/keys/ima-ca/site.der"));
	}
	pkgima_dpkg_free(dpkg);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)
	const struct CMUnitTest tests[] = {
		TEST(test_no_database),
		TEST(test_packages_are_those_with_a_manifest_sorted),
		TEST(test_many_packages),
		TEST(test_names_with_and_without_architecture),
		TEST(test_installed_packages),
		TEST(test_what_another_package_took_over_is_no_longer_its_own),
		TEST(test_an_empty_list_leaves_the_scripts),
		TEST(test_conffiles_are_those_that_dpkg_knows),
		TEST(test_a_list_of_any_size),
		TEST(test_a_database_that_cannot_be_read),
		TEST(test_diversions),
		TEST(test_broken_diversions),
		TEST(test_owned_paths),
		TEST(test_owned_through_links),
	};

	return cmocka_run_group_tests_name("dpkg", tests, make_keys, free_keys);
}
