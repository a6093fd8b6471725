// SPDX-License-Identifier: LGPL-2.1-or-later
/* Signatures onto files: only what was verified, only on what was checked, nothing outside the root. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "apply.h"
#include "beneath.h"
#include "check.h"
#include "dpkg.h"
#include "signature.h"

#define SCRIPT "#!/bin/sh\nexit 0\n"
#define FINDINGS_MAX 32

static struct {
	char *keys;
	struct support_key key, stranger;
	struct pkgima_trust *trust;      /* the first */
	bool xattrs;                     /* security.ima can be set where the trees are made */
	bool mounts;                     /* file systems can be mounted */
} site;

/* A root with a database of packages, and what was found. */
static struct {
	char *folder;
	int root;
	struct pkgima_config config;
	struct pkgima_apply_counts counts;
	enum pkgima_outcome outcomes[8];
	size_t portions;
	off_t size;                      /* of each manifest, as far as portions go; 0: what it is */
	struct {
		char package[64], path[512], reason[256];
		enum pkgima_verdict verdict;
		bool failed;
	} findings[FINDINGS_MAX];
	size_t count;
} tree;

static bool can_set_xattrs(const char *folder)
{
	const char *path = support_path(folder, "probe");

	support_write_text(path, "", 0644);
	return setxattr(path, PKGIMA_XATTR_IMA, "\003\002", 2, 0) == 0;
}

static int make_keys(void **state)
{
	(void)state;
	/* First: descriptors made before would not see what is mounted. */
	site.mounts = support_own_mounts();
	site.keys = support_folder();
	support_key_make(&site.key, site.keys, "key", "p256");
	support_key_make(&site.stranger, site.keys, "stranger", "p256");
	site.trust = support_trust(&site.key, NULL);
	site.xattrs = can_set_xattrs(site.keys);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.key);
	support_key_free(&site.stranger);
	support_remove(site.keys);
	return 0;
}

static int make_tree(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	tree.folder = support_folder();
	support_make_folder(support_path(tree.folder, "root/var/lib/dpkg/info"));
	tree.root = pkgima_root_open(support_path(tree.folder, "root"), NULL);
	assert_true(tree.root >= 0);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	close(tree.root);
	umount2(support_path(tree.folder, "root/mnt"), MNT_DETACH);
	support_remove(tree.folder);
	return 0;
}

/* The path of a file of the root; @path is absolute there. */
static const char *in_root(const char *path)
{
	return support_path(tree.folder, "root%s", path);
}

struct file {
	const char *path;
	enum pkgima_entry_type type;
	const char *content;             /* that was signed */
	const struct support_key *key;   /* NULL: the trusted one */
	bool spoilt;                     /* the signature is of something else */
};

/* A package whose manifest, list and conffiles have @files; the files are not made. */
static void add_package(const char *instance, const struct file *files, size_t count)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes manifest = { 0 }, list = { 0 }, conffiles = { 0 };

	support_append(&list, "/.\n", 3);
	for (size_t i = 0; i < count; i++) {
		const struct support_key *key = files[i].key ? files[i].key : &site.key;
		struct pkgima_entry *entry = support_add_entry(&entries, files[i].path, files[i].type, files[i].content,
							       strlen(files[i].content), key);

		if (files[i].spoilt)
			((uint8_t *)entry->ima.bytes)[entry->ima.length - 1] ^= 1;
		if (files[i].type == PKGIMA_ENTRY_SCRIPT)
			continue;
		support_append(&list, files[i].path, strlen(files[i].path));
		support_append(&list, "\n", 1);
		if (files[i].type == PKGIMA_ENTRY_CONFFILE) {
			support_append(&conffiles, files[i].path, strlen(files[i].path));
			support_append(&conffiles, "\n", 1);
		}
	}
	if (conffiles.length)
		support_write(support_path(tree.folder, "root/var/lib/dpkg/info/%s.conffiles", instance), conffiles.data,
			      conffiles.length, 0644);
	support_manifest(&entries, &manifest);
	support_write(support_path(tree.folder, "root/var/lib/dpkg/info/%s.imasigs", instance), manifest.data,
		      manifest.length, 0644);
	support_write(support_path(tree.folder, "root/var/lib/dpkg/info/%s.list", instance), list.data, list.length, 0644);
}

static void add_file(const char *path, const char *content)
{
	struct file file = { .path = path, .type = PKGIMA_ENTRY_FILE, .content = content };

	add_package("x", &file, 1);
}

static void put(const char *path, const char *content, mode_t mode)
{
	support_write_text(in_root(path), content, mode);
}

static void note(void *context, const struct pkgima_finding *finding)
{
	(void)context;
	assert_true(tree.count < FINDINGS_MAX);
	snprintf(tree.findings[tree.count].package, sizeof(tree.findings[0].package), "%s", finding->package);
	snprintf(tree.findings[tree.count].path, sizeof(tree.findings[0].path), "%s", finding->path ? finding->path : "");
	snprintf(tree.findings[tree.count].reason, sizeof(tree.findings[0].reason), "%s", finding->reason);
	tree.findings[tree.count].verdict = finding->verdict;
	tree.findings[tree.count++].failed = finding->failed;
}

static void note_portion(void *context, size_t packages, size_t files)
{
	(void)context, (void)packages, (void)files;
	tree.portions++;
}

/* Applies all that the database has. */
static void apply_with(const struct pkgima_trust *trust)
{
	struct pkgima_dpkg_package *packages = NULL;
	struct pkgima_error error = { "" };
	struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_installed list[8];
	struct pkgima_apply apply = { .root_fd = tree.root, .manager = &pkgima_manager_dpkg, .trust = trust, .config = &tree.config, .threads = 3,
					.report = note, .progress = note_portion };
	size_t count = 0;

	tree.count = tree.portions = 0;
	if (pkgima_dpkg_open(tree.root, PKGIMA_DPKG_ADMINDIR, &dpkg, &error) < 0 ||
	    pkgima_dpkg_packages(dpkg, &packages, &count, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(count <= sizeof(tree.outcomes) / sizeof(tree.outcomes[0]));
	for (size_t i = 0; i < count && tree.size; i++)
		packages[i].stat.st_size = tree.size;
	pkgima_dpkg_as_installed(packages, count, list);
	apply.database = dpkg;
	if (pkgima_apply_packages(&apply, list, count, tree.outcomes, &tree.counts, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(tree.counts.packages, count);
	assert_int_equal(tree.count, tree.counts.refused + tree.counts.failed + tree.counts.unsupported);
	pkgima_dpkg_packages_free(packages, count);
	pkgima_dpkg_free(dpkg);
}

static void apply(void)
{
	apply_with(site.trust);
}

static void assert_no_value(const char *path)
{
	char value[PKGIMA_SIGNATURE_MAX];

	assert_int_equal(lgetxattr(path, PKGIMA_XATTR_IMA, value, sizeof(value)), -1);
}

/* Does the file carry a signature by the trusted key of its own content? */
static void assert_signed(const char *path)
{
	struct pkgima_verifier *verifier = pkgima_verifier_new(site.trust);
	uint8_t bytes[PKGIMA_SIGNATURE_MAX], digest[PKGIMA_DIGEST_MAX];
	ssize_t size = lgetxattr(path, PKGIMA_XATTR_IMA, bytes, sizeof(bytes));
	size_t length;
	uint8_t *content = support_read(path, &length);
	struct pkgima_value value = { bytes, (size_t)size };

	if (size < 0)
		fail_msg("%s carries no signature", path);
	support_digest(PKGIMA_HASH_SHA256, content, length, digest);
	assert_int_equal(pkgima_verifier_check(verifier, &value, PKGIMA_HASH_SHA256, digest, NULL), PKGIMA_VERDICT_OK);
	pkgima_verifier_free(verifier);
	free(content);
}

static void assert_only_finding(const char *path, enum pkgima_verdict verdict, const char *reason)
{
	assert_int_equal(tree.count, 1);
	assert_string_equal(tree.findings[0].package, "x");
	assert_string_equal(tree.findings[0].path, path);
	assert_int_equal(tree.findings[0].verdict, verdict);
	assert_false(tree.findings[0].failed);
	if (!strstr(tree.findings[0].reason, reason))
		fail_msg("\"%s\" instead of \"%s\"", tree.findings[0].reason, reason);
	assert_int_equal(tree.counts.refused, 1);
	assert_int_equal(tree.counts.applied, 0);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_REFUSED);
}

#define NEED_XATTRS()                                                                  \
	do {                                                                           \
		if (!site.xattrs)                                                      \
			support_missing("the right to set security.ima, and a file system that has it"); \
	} while (0)

static void test_the_manifests_value_is_what_the_file_gets(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	uint8_t value[PKGIMA_SIGNATURE_MAX];
	struct pkgima_dpkg *dpkg = NULL;

	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	put("/usr/bin/x", "content", 0755);
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.count, 0);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_GOOD);
	assert_int_equal(pkgima_dpkg_open(tree.root, PKGIMA_DPKG_ADMINDIR, &dpkg, NULL), 0);
	assert_int_equal(pkgima_dpkg_read(dpkg, "x", &entries, NULL), 0);
	assert_int_equal(getxattr(in_root("/usr/bin/x"), PKGIMA_XATTR_IMA, value, sizeof(value)),
			 entries.list[0].ima.length);
	assert_memory_equal(value, entries.list[0].ima.bytes, entries.list[0].ima.length);
	pkgima_dpkg_free(dpkg);
	/* Done once, there is nothing more to do. */
	apply();
	assert_int_equal(tree.counts.applied, 0);
	assert_int_equal(tree.counts.unchanged, 1);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_GOOD);
}

static void test_another_value_is_replaced(void **state)
{
	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	put("/usr/bin/x", "content", 0755);
	assert_int_equal(setxattr(in_root("/usr/bin/x"), PKGIMA_XATTR_IMA, "\003\002old", 5, 0), 0);
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_signed(in_root("/usr/bin/x"));
}

static void test_a_tampered_file_gets_nothing(void **state)
{
	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	put("/usr/bin/x", "Content", 0755);
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_DIGEST_MISMATCH, "not what was signed");
	assert_no_value(in_root("/usr/bin/x"));
}

static void test_a_tampered_file_keeps_what_it_had(void **state)
{
	char value[16];

	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	put("/usr/bin/x", "Content", 0755);
	assert_int_equal(setxattr(in_root("/usr/bin/x"), PKGIMA_XATTR_IMA, "\003\002old", 5, 0), 0);
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_DIGEST_MISMATCH, "");
	assert_int_equal(getxattr(in_root("/usr/bin/x"), PKGIMA_XATTR_IMA, value, sizeof(value)), 5);
	assert_memory_equal(value, "\003\002old", 5);
}

static void test_a_strangers_signature_is_not_written(void **state)
{
	struct file file = { "/usr/bin/x", PKGIMA_ENTRY_FILE, "content", &site.stranger, false };

	(void)state;
	NEED_XATTRS();
	add_package("x", &file, 1);
	put("/usr/bin/x", "content", 0755);
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_UNKNOWN_KEY, "is not in the trust store");
	assert_no_value(in_root("/usr/bin/x"));
}

static void test_a_bad_signature_is_not_written(void **state)
{
	struct file file = { "/usr/bin/x", PKGIMA_ENTRY_FILE, "content", NULL, true };

	(void)state;
	NEED_XATTRS();
	add_package("x", &file, 1);
	put("/usr/bin/x", "content", 0755);
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_BAD_SIGNATURE, "does not verify with key");
	assert_no_value(in_root("/usr/bin/x"));
}

static void test_one_bad_file_does_not_keep_the_others_from_theirs(void **state)
{
	static const struct file files[] = {
		{ "/usr/bin/a", PKGIMA_ENTRY_FILE, "a", NULL, false },
		{ "/usr/bin/b", PKGIMA_ENTRY_FILE, "b", NULL, true },
		{ "/usr/bin/c", PKGIMA_ENTRY_FILE, "c", NULL, false },
	};
	static const struct file other = { "/usr/bin/d", PKGIMA_ENTRY_FILE, "d", NULL, false };

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 3);
	add_package("y", &other, 1);
	for (size_t i = 0; i < 3; i++)
		put(files[i].path, files[i].content, 0755);
	put(other.path, other.content, 0755);
	apply();
	assert_int_equal(tree.counts.applied, 3);
	assert_int_equal(tree.counts.refused, 1);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_REFUSED);
	assert_int_equal(tree.outcomes[1], PKGIMA_OUTCOME_GOOD);
	assert_signed(in_root("/usr/bin/a"));
	assert_no_value(in_root("/usr/bin/b"));
	assert_signed(in_root("/usr/bin/c"));
	assert_signed(in_root("/usr/bin/d"));
}

static void test_a_manifest_that_cannot_be_read_is_told(void **state)
{
	static const struct file other = { "/usr/bin/d", PKGIMA_ENTRY_FILE, "d", NULL, false };

	(void)state;
	NEED_XATTRS();
	put("/var/lib/dpkg/info/x.imasigs", "pkgima-manifest 1\nnonsense\n", 0644);
	put("/var/lib/dpkg/info/x.list", "/.\n", 0644);
	add_package("y", &other, 1);
	put(other.path, other.content, 0755);
	apply();
	assert_int_equal(tree.count, 1);
	assert_true(tree.findings[0].failed);
	assert_string_equal(tree.findings[0].path, "");
	assert_non_null(strstr(tree.findings[0].reason, "line 2"));
	assert_int_equal(tree.counts.failed, 1);
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_REFUSED);
	assert_int_equal(tree.outcomes[1], PKGIMA_OUTCOME_GOOD);
}

static void test_a_symbolic_link_in_place_of_the_file(void **state)
{
	const char *outside = support_path(tree.folder, "outside");

	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	support_write_text(outside, "content", 0755);
	put("/usr/bin/y", "content", 0755);
	for (int i = 0; i < 3; i++) {
		unlink(in_root("/usr/bin/x"));
		assert_int_equal(symlink(i == 0 ? outside : i == 1 ? "../../../outside" : "y", in_root("/usr/bin/x")), 0);
		apply();
		assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file");
	}
	assert_no_value(outside);
	assert_no_value(in_root("/usr/bin/y"));
	assert_no_value(in_root("/usr/bin/x"));
}

static void test_a_folder_that_leads_out_of_the_root(void **state)
{
	const char *outside = support_path(tree.folder, "outside");

	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	support_write_text(support_path(outside, "x"), "content", 0755);
	support_make_folder(in_root("/usr"));
	for (int i = 0; i < 3; i++) {
		unlink(in_root("/usr/bin"));
		assert_int_equal(symlink(i == 0 ? outside : i == 1 ? "../../outside" : "/../outside", in_root("/usr/bin")), 0);
		apply();
		/* Inside the root there is no such folder. */
		assert_int_equal(tree.counts.absent, 1);
		assert_int_equal(tree.counts.applied, 0);
		assert_no_value(support_path(outside, "x"));
	}
	assert_int_equal(rename(in_root("/usr/bin"), in_root("/usr/gone")), 0);
	assert_int_equal(symlink("/proc/self/cwd", in_root("/usr/bin")), 0);
	apply();
	assert_int_equal(tree.counts.applied, 0);
}

static void test_no_regular_file_in_its_place(void **state)
{
	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", "content");
	support_make_folder(in_root("/usr/bin"));
	assert_int_equal(mkfifo(in_root("/usr/bin/x"), 0755), 0);
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file");
	unlink(in_root("/usr/bin/x"));
	support_make_folder(in_root("/usr/bin/x"));
	apply();
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file");
	rmdir(in_root("/usr/bin/x"));
	if (mknod(in_root("/usr/bin/x"), S_IFCHR | 0755, 1 << 8 | 5) == 0) {
		apply();
		assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file");
	}
}

static void test_absent_files_are_fine(void **state)
{
	static const struct file files[] = {
		{ "/usr/share/doc/x/copyright", PKGIMA_ENTRY_FILE, "excluded", NULL, false },
		{ "/etc/x.conf", PKGIMA_ENTRY_CONFFILE, "removed by the administrator", NULL, false },
		{ "DEBIAN/preinst", PKGIMA_ENTRY_SCRIPT, SCRIPT, NULL, false },
		{ "DEBIAN/config", PKGIMA_ENTRY_SCRIPT, SCRIPT, NULL, false },
	};

	(void)state;
	add_package("x", files, 4);
	apply();
	assert_int_equal(tree.counts.absent, 4);
	assert_int_equal(tree.count, 0);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_GOOD);
}

static void test_what_another_package_took_over(void **state)
{
	static const struct file taken = { "/usr/bin/x", PKGIMA_ENTRY_FILE, "old", NULL, false };
	static const struct file now = { "/usr/bin/x", PKGIMA_ENTRY_FILE, "new", NULL, false };

	(void)state;
	NEED_XATTRS();
	add_package("old", &taken, 1);
	add_package("new", &now, 1);
	/* Replaces: dpkg drops the path from the old list, the old manifest keeps it. */
	put("/var/lib/dpkg/info/old.list", "/.\n", 0644);
	put("/usr/bin/x", "new", 0755);
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.count, 0);
	assert_signed(in_root("/usr/bin/x"));
}

static void test_usrmerge(void **state)
{
	static const struct file files[] = {
		{ "/bin/a", PKGIMA_ENTRY_FILE, "a", NULL, false },
		{ "/lib/b", PKGIMA_ENTRY_FILE, "b", NULL, false },
	};

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 2);
	put("/usr/bin/a", "a", 0755);
	put("/usr/lib/b", "b", 0644);
	assert_int_equal(symlink("usr/bin", in_root("/bin")), 0);
	assert_int_equal(symlink("/usr/lib", in_root("/lib")), 0);
	apply();
	assert_int_equal(tree.counts.applied, 2);
	assert_signed(in_root("/usr/bin/a"));
	assert_signed(in_root("/usr/lib/b"));
}

static void test_diverted_files(void **state)
{
	static const struct file shell = { "/bin/sh", PKGIMA_ENTRY_FILE, "of bash", NULL, false };
	static const struct file own = { "/bin/sh", PKGIMA_ENTRY_FILE, "of dash", NULL, false };

	(void)state;
	NEED_XATTRS();
	add_package("bash", &shell, 1);
	add_package("dash:amd64", &own, 1);
	put("/var/lib/dpkg/diversions", "/bin/sh\n/bin/sh.distrib\ndash\n", 0644);
	put("/bin/sh", "of dash", 0755);
	put("/bin/sh.distrib", "of bash", 0755);
	apply();
	assert_int_equal(tree.counts.applied, 2);
	assert_int_equal(tree.count, 0);
	assert_signed(in_root("/bin/sh"));
	assert_signed(in_root("/bin/sh.distrib"));
}

static void test_hard_links(void **state)
{
	static const struct file files[] = {
		{ "/usr/bin/a", PKGIMA_ENTRY_FILE, "same", NULL, false },
		{ "/usr/bin/b", PKGIMA_ENTRY_FILE, "same", NULL, false },
		{ "/usr/bin/c", PKGIMA_ENTRY_FILE, "same", NULL, false },
	};
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_bytes struct support_bytes manifest = { 0 };

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 3);
	/* As pkgima_deb_sign() makes it: all names of a file have the same signature. */
	for (size_t i = 0; i < 3; i++) {
		support_add_entry(&entries, files[i].path, PKGIMA_ENTRY_FILE, "same", 4, &site.key);
		entries.list[i].ima = entries.list[0].ima;
	}
	support_manifest(&entries, &manifest);
	support_write(in_root("/var/lib/dpkg/info/x.imasigs"), manifest.data, manifest.length, 0644);
	put("/usr/bin/a", "same", 0755);
	assert_int_equal(link(in_root("/usr/bin/a"), in_root("/usr/bin/b")), 0);
	assert_int_equal(link(in_root("/usr/bin/a"), in_root("/usr/bin/c")), 0);
	apply();
	assert_int_equal(tree.counts.applied + tree.counts.unchanged, 3);
	assert_true(tree.counts.applied >= 1);
	assert_signed(in_root("/usr/bin/c"));
	apply();
	assert_int_equal(tree.counts.unchanged, 3);
}

/* As rpmsign makes it: each name of a file has a signature of its own. */
static void test_names_of_one_file_with_a_signature_each(void **state)
{
	static const struct file files[] = {
		{ "/usr/bin/a", PKGIMA_ENTRY_FILE, "same", NULL, false },
		{ "/usr/bin/b", PKGIMA_ENTRY_FILE, "same", NULL, false },
		{ "/usr/bin/c", PKGIMA_ENTRY_FILE, "same", NULL, false },
	};
	uint8_t value[PKGIMA_SIGNATURE_MAX];
	ssize_t length;

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 3);
	put("/usr/bin/a", "same", 0755);
	put("/usr/bin/c", "same", 0755);
	assert_int_equal(link(in_root("/usr/bin/a"), in_root("/usr/bin/b")), 0);
	apply();
	assert_signed(in_root("/usr/bin/a"));
	assert_signed(in_root("/usr/bin/c"));
	for (int run = 0; run < 5; run++) {
		apply();
		assert_int_equal(tree.counts.applied, 0);
		assert_int_equal(tree.counts.unchanged, 3);
	}
	/* A file of its own gets its own. */
	length = getxattr(in_root("/usr/bin/a"), PKGIMA_XATTR_IMA, value, sizeof(value));
	assert_true(length > 0);
	assert_int_equal(setxattr(in_root("/usr/bin/c"), PKGIMA_XATTR_IMA, value, (size_t)length, 0), 0);
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.counts.unchanged, 2);
}

static void test_maintainer_scripts(void **state)
{
	static const struct file files[] = {
		{ "DEBIAN/postinst", PKGIMA_ENTRY_SCRIPT, SCRIPT, NULL, false },
		{ "DEBIAN/prerm", PKGIMA_ENTRY_SCRIPT, SCRIPT "x", NULL, false },
	};

	(void)state;
	NEED_XATTRS();
	add_package("x:amd64", files, 2);
	put("/var/lib/dpkg/info/x:amd64.postinst", SCRIPT, 0755);
	put("/var/lib/dpkg/info/x:amd64.prerm", SCRIPT "tampered", 0755);
	tree.config.select = PKGIMA_SELECT_EXEC;
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_signed(in_root("/var/lib/dpkg/info/x:amd64.postinst"));
	assert_no_value(in_root("/var/lib/dpkg/info/x:amd64.prerm"));
	assert_int_equal(tree.count, 1);
	assert_string_equal(tree.findings[0].path, "/var/lib/dpkg/info/x:amd64.prerm");
	assert_int_equal(tree.findings[0].verdict, PKGIMA_VERDICT_DIGEST_MISMATCH);
}

static void test_conffiles(void **state)
{
	static const struct file files[] = {
		{ "/etc/cron.daily/edited", PKGIMA_ENTRY_CONFFILE, SCRIPT "1", NULL, false },
		{ "/etc/cron.daily/new", PKGIMA_ENTRY_CONFFILE, SCRIPT "2", NULL, false },
		{ "/etc/cron.daily/plain", PKGIMA_ENTRY_CONFFILE, SCRIPT "3", NULL, false },
		{ "/etc/plain.conf", PKGIMA_ENTRY_CONFFILE, "a=b\n", NULL, false },
	};

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 4);
	/* The administrator's own version, the package's beside it. */
	put("/etc/cron.daily/edited", SCRIPT "own", 0755);
	put("/etc/cron.daily/edited.dpkg-dist", SCRIPT "1", 0755);
	/* Unpacked, not yet configured. */
	put("/etc/cron.daily/new", SCRIPT "older", 0755);
	put("/etc/cron.daily/new.dpkg-new", SCRIPT "2", 0755);
	put("/etc/cron.daily/plain", SCRIPT "3", 0755);
	put("/etc/plain.conf", "a=b\n", 0644);
	apply();
	assert_int_equal(tree.count, 0);
	assert_int_equal(tree.counts.edited, 2);
	assert_int_equal(tree.counts.applied, 3);
	assert_int_equal(tree.counts.left_out, 1);
	assert_no_value(in_root("/etc/cron.daily/edited"));
	assert_signed(in_root("/etc/cron.daily/edited.dpkg-dist"));
	assert_no_value(in_root("/etc/cron.daily/new"));
	assert_signed(in_root("/etc/cron.daily/new.dpkg-new"));
	assert_signed(in_root("/etc/cron.daily/plain"));
	assert_no_value(in_root("/etc/plain.conf"));
	tree.config.conffiles = PKGIMA_CONFFILES_YES;
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_signed(in_root("/etc/plain.conf"));
	assert_no_value(in_root("/etc/cron.daily/edited"));
}

/* What an edited conffile carries is the administrator's. */
static void test_an_edited_conffile_keeps_its_own_signature(void **state)
{
	static const struct file file = { "/etc/init.d/x", PKGIMA_ENTRY_CONFFILE, SCRIPT, NULL, false };
	cleanup_entries struct pkgima_entries entries = { 0 };
	const struct pkgima_entry *entry;

	(void)state;
	NEED_XATTRS();
	add_package("x", &file, 1);
	put("/etc/init.d/x", SCRIPT "own", 0755);
	entry = support_add_entry(&entries, "/etc/init.d/x", PKGIMA_ENTRY_FILE, SCRIPT "own", strlen(SCRIPT "own"), &site.key);
	assert_int_equal(setxattr(in_root("/etc/init.d/x"), PKGIMA_XATTR_IMA, entry->ima.bytes, entry->ima.length, 0), 0);
	apply();
	assert_int_equal(tree.counts.edited, 1);
	assert_signed(in_root("/etc/init.d/x"));
}

static const struct {
	const char *path;
	const char *content;
	mode_t mode;
	enum pkgima_entry_type type;
	bool exec, conffiles;            /* is it selected by select=exec, and by select=exec with conffiles=yes */
} selection[] = {
	{ "/usr/bin/x", "x", 0755, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/bin/owner", "x", 0744, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/bin/others", "x", 0645, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/share/x/text", "text", 0644, PKGIMA_ENTRY_FILE, false, false },
	{ "/usr/share/x/short", "#!", 0644, PKGIMA_ENTRY_FILE, false, false },
	{ "/usr/share/x/empty", "", 0644, PKGIMA_ENTRY_FILE, false, false },
	{ "/usr/lib/libx.so.1", "\177ELF\002", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/share/x/script", "#!/bin/sh\n", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/lib/modules/6/x.ko.xz", "\375" "7zXZ", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/lib/modules/6/modules.dep", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/lib/firmware/x.bin", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/usr/lib/firmware/x.bin", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/boot/vmlinuz", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/etc/keys/ima/x.der", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/etc/keys/ima-ca/c.der", "x", 0644, PKGIMA_ENTRY_CONFFILE, true, true },
	{ "/etc/ima-init/policy", "x", 0644, PKGIMA_ENTRY_CONFFILE, true, true },
	{ "/ima/init", "x", 0644, PKGIMA_ENTRY_FILE, true, true },
	{ "/imaginary", "x", 0644, PKGIMA_ENTRY_FILE, false, false },
	{ "/etc/x.conf", "x", 0644, PKGIMA_ENTRY_CONFFILE, false, false },
	{ "/etc/x.sh", "#!/bin/sh\n", 0644, PKGIMA_ENTRY_CONFFILE, false, true },
	{ "/etc/init.d/x", "#!/bin/sh\n", 0755, PKGIMA_ENTRY_CONFFILE, true, true },
};

static void test_the_manifest_makes_no_conffiles(void **state)
{
	static const struct file file = { "/usr/bin/x", PKGIMA_ENTRY_CONFFILE, SCRIPT, NULL, false };

	(void)state;
	add_package("x", &file, 1);
	put(file.path, SCRIPT "evil", 0755);
	put("/usr/bin/x.dpkg-dist", SCRIPT, 0755);
	assert_int_equal(unlink(in_root("/var/lib/dpkg/info/x.conffiles")), 0);
	apply();
	assert_int_equal(tree.counts.edited, 0);
	assert_int_equal(tree.count, 1);
	assert_string_equal(tree.findings[0].path, file.path);
	assert_int_equal(tree.findings[0].verdict, PKGIMA_VERDICT_DIGEST_MISMATCH);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_REFUSED);
	assert_no_value(in_root("/usr/bin/x.dpkg-dist"));
}

static void test_selection(void **state)
{
	static const char *const path = "/file";

	(void)state;
	for (size_t i = 0; i < sizeof(selection) / sizeof(selection[0]); i++) {
		struct pkgima_entry entry = { .path = selection[i].path, .type = selection[i].type };
		struct pkgima_config config = { .select = PKGIMA_SELECT_EXEC };
		struct stat st;
		int fd;

		put(path, selection[i].content, selection[i].mode);
		fd = open(in_root(path), O_RDONLY | O_CLOEXEC);
		assert_int_equal(fstat(fd, &st), 0);
		if (pkgima_file_is_selected(&config, &entry, fd, &st) != selection[i].exec)
			fail_msg("%s", entry.path);
		config.conffiles = PKGIMA_CONFFILES_YES;
		if (pkgima_file_is_selected(&config, &entry, fd, &st) != selection[i].conffiles)
			fail_msg("%s, conffiles=yes", entry.path);
		config.select = PKGIMA_SELECT_ALL;
		if (!pkgima_file_is_selected(&config, &entry, fd, &st))
			fail_msg("%s, select=all conffiles=yes", entry.path);
		config.conffiles = PKGIMA_CONFFILES_NO;
		if (pkgima_file_is_selected(&config, &entry, fd, &st) !=
		    (selection[i].type == PKGIMA_ENTRY_FILE || selection[i].exec))
			fail_msg("%s, select=all", entry.path);
		/* Asking does not move what will be hashed. */
		assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
		close(fd);
	}
}

static void test_what_is_not_selected_gets_nothing(void **state)
{
	static const struct file files[] = {
		{ "/usr/bin/x", PKGIMA_ENTRY_FILE, "x", NULL, false },
		{ "/usr/share/x/text", PKGIMA_ENTRY_FILE, "text", NULL, false },
	};

	(void)state;
	NEED_XATTRS();
	add_package("x", files, 2);
	put("/usr/bin/x", "x", 0755);
	put("/usr/share/x/text", "text", 0644);
	tree.config.select = PKGIMA_SELECT_EXEC;
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.counts.left_out, 1);
	assert_no_value(in_root("/usr/share/x/text"));
	tree.config.select = PKGIMA_SELECT_ALL;
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_int_equal(tree.counts.unchanged, 1);
}

/* Each architecture's package has the shared file with an ECDSA signature of its own: neither may replace the other's. */
static void test_shared_files_of_several_architectures_are_stable(void **state)
{
	static const struct file shared = { "/usr/share/doc/x/copyright", PKGIMA_ENTRY_FILE, "shared", NULL, false };
	static const char *const instances[] = { "x:amd64", "x:arm64", "x:i386" };

	(void)state;
	NEED_XATTRS();
	for (size_t i = 0; i < 3; i++)
		add_package(instances[i], &shared, 1);
	put(shared.path, shared.content, 0644);
	apply();
	assert_int_equal(tree.count, 0);
	assert_true(tree.counts.applied >= 1);
	assert_signed(in_root(shared.path));
	for (int run = 0; run < 5; run++) {
		apply();
		assert_int_equal(tree.counts.applied, 0);
		assert_int_equal(tree.counts.unchanged, 3);
		assert_int_equal(tree.portions, 1);
	}
	/* More than a portion usually has; more than memory is there for. */
	tree.size = 20 * 1024 * 1024;
	apply();
	assert_int_equal(tree.portions, 1);
	tree.size = 60 * 1024 * 1024;
	apply();
	assert_int_equal(tree.portions, 3);
}

/* Another task of all that the database has, packages without a manifest too. */
static void audit_with(enum pkgima_task task, struct pkgima_sums sums[8])
{
	struct pkgima_apply job = { .task = task, .root_fd = tree.root, .manager = &pkgima_manager_dpkg, .trust = site.trust,
				    .config = &tree.config, .threads = 3, .report = note };
	struct pkgima_installed *list = NULL;
	struct pkgima_error error = { "" };
	struct pkgima_dpkg *dpkg = NULL;
	size_t count = 0;

	tree.count = 0;
	if (pkgima_dpkg_open(tree.root, PKGIMA_DPKG_ADMINDIR, &dpkg, &error) < 0)
		fail_msg("%s", error.text);
	job.database = dpkg;
	if (job.manager->list(dpkg, true, &list, &count, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(count <= 8);
	if (pkgima_audit_packages(&job, list, count, sums, &tree.counts, &error) < 0)
		fail_msg("%s", error.text);
	pkgima_installed_free(list, count);
	pkgima_dpkg_free(dpkg);
}

/* What one of several architectures has put on a shared file is good for all of them. */
static void test_audit_of_shared_files(void **state)
{
	static const struct file shared = { "/usr/share/doc/x/copyright", PKGIMA_ENTRY_FILE, "shared", NULL, false };
	struct pkgima_sums sums[8];

	(void)state;
	NEED_XATTRS();
	add_package("x:amd64", &shared, 1);
	add_package("x:arm64", &shared, 1);
	put(shared.path, shared.content, 0644);
	audit_with(PKGIMA_TASK_AUDIT, sums);
	assert_int_equal(tree.count, 2);
	assert_int_equal(sums[0].verdicts[PKGIMA_VERDICT_NOT_APPLIED], 1);
	assert_int_equal(sums[1].verdicts[PKGIMA_VERDICT_NOT_APPLIED], 1);
	assert_no_value(in_root(shared.path));
	apply();
	audit_with(PKGIMA_TASK_AUDIT, sums);
	assert_int_equal(tree.count, 0);
	assert_int_equal(tree.counts.good, 2);
	assert_int_equal(sums[0].verdicts[PKGIMA_VERDICT_OK], 1);
	assert_int_equal(sums[1].verdicts[PKGIMA_VERDICT_OK], 1);
	put(shared.path, "changed", 0644);
	audit_with(PKGIMA_TASK_REPAIR, sums);
	assert_int_equal(tree.count, 2);
	assert_int_equal(sums[1].verdicts[PKGIMA_VERDICT_DIGEST_MISMATCH], 1);
	assert_int_equal(sums[0].repaired + sums[1].repaired, 0);
}

/* What a manifest does not have of its package is unsigned: files, also such as are no longer there, and scripts. */
static void test_audit_of_what_a_manifest_leaves_out(void **state)
{
	struct pkgima_sums sums[8];

	(void)state;
	NEED_XATTRS();
	add_file("/usr/bin/x", SCRIPT);
	put("/usr/bin/x", SCRIPT, 0755);
	put("/usr/bin/y", SCRIPT, 0755);
	put("/var/lib/dpkg/info/x.list", "/.\n/usr\n/usr/bin\n/usr/bin/x\n/usr/bin/y\n/usr/bin/gone\n", 0644);
	put("/var/lib/dpkg/info/x.postinst", SCRIPT, 0755);
	audit_with(PKGIMA_TASK_REPAIR, sums);
	assert_int_equal(tree.count, 2);
	assert_int_equal(sums[0].verdicts[PKGIMA_VERDICT_OK], 1);
	assert_int_equal(sums[0].verdicts[PKGIMA_VERDICT_UNSIGNED], 2);
	assert_int_equal(sums[0].repaired, 1);
	assert_int_equal(sums[0].absent, 1);
	assert_signed(in_root("/usr/bin/x"));
	assert_no_value(in_root("/usr/bin/y"));
}

/* Only a package of the same name is a sibling, and only where the content is the same. */
static void test_a_value_of_no_sibling_is_replaced(void **state)
{
	static const struct file file = { "/usr/share/x", PKGIMA_ENTRY_FILE, "shared", NULL, false };
	static const struct file another = { "/usr/share/x", PKGIMA_ENTRY_FILE, "other", NULL, false };
	struct pkgima_dpkg *dpkg = NULL;
	cleanup_entries struct pkgima_entries entries = { 0 };
	const struct pkgima_value *value;

	(void)state;
	NEED_XATTRS();
	add_package("x:amd64", &file, 1);
	add_package("x:i386", &another, 1);
	put(file.path, "shared", 0644);
	assert_int_equal(pkgima_dpkg_open(tree.root, PKGIMA_DPKG_ADMINDIR, &dpkg, NULL), 0);
	assert_int_equal(pkgima_dpkg_read(dpkg, "x:i386", &entries, NULL), 0);
	value = &entries.list[0].ima;
	assert_int_equal(setxattr(in_root(file.path), PKGIMA_XATTR_IMA, value->bytes, value->length, 0), 0);
	unlink(in_root("/var/lib/dpkg/info/x:i386.list"));
	put("/var/lib/dpkg/info/x:i386.list", "/.\n", 0644);
	apply();
	assert_int_equal(tree.counts.applied, 1);
	assert_signed(in_root(file.path));
	pkgima_dpkg_free(dpkg);
}

static void test_a_file_system_without_xattrs(void **state)
{
	(void)state;
	add_file("/mnt/x", "content");
	support_make_folder(in_root("/mnt"));
	if (!site.mounts || mount("none", in_root("/mnt"), "ramfs", 0, NULL) < 0)
		support_missing("the right to mount a ramfs");
	put("/mnt/x", "content", 0755);
	apply();
	assert_int_equal(tree.counts.unsupported, 1);
	assert_int_equal(tree.counts.refused, 0);
	assert_int_equal(tree.counts.applied, 0);
	assert_int_equal(tree.findings[0].verdict, PKGIMA_VERDICT_UNSUPPORTED_FS);
	assert_false(tree.findings[0].failed);
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_REFUSED);
}

static void test_a_read_only_file_system_is_a_failure(void **state)
{
	const char *mounted = in_root("/mnt");

	(void)state;
	add_file("/mnt/x", "content");
	support_make_folder(mounted);
	if (!site.mounts || mount("none", mounted, "tmpfs", 0, NULL) < 0)
		support_missing("the right to mount a tmpfs");
	put("/mnt/x", "content", 0755);
	assert_int_equal(mount(NULL, mounted, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	apply();
	assert_int_equal(tree.counts.failed, 1);
	assert_true(tree.findings[0].failed);
	assert_non_null(strstr(tree.findings[0].reason, "Read-only file system"));
	assert_int_equal(tree.outcomes[0], PKGIMA_OUTCOME_FAILED);
}

static void test_no_packages(void **state)
{
	(void)state;
	apply();
	assert_int_equal(tree.counts.packages, 0);
}

static void test_without_trust_nothing_is_written(void **state)
{
	cleanup_trust struct pkgima_trust *none = pkgima_trust_new();

	(void)state;
	add_file("/usr/bin/x", "content");
	put("/usr/bin/x", "content", 0755);
	apply_with(none);
	assert_only_finding("/usr/bin/x", PKGIMA_VERDICT_UNKNOWN_KEY, "");
	assert_no_value(in_root("/usr/bin/x"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)
	const struct CMUnitTest tests[] = {
		TEST(test_the_manifests_value_is_what_the_file_gets),
		TEST(test_another_value_is_replaced),
		TEST(test_a_tampered_file_gets_nothing),
		TEST(test_a_tampered_file_keeps_what_it_had),
		TEST(test_a_strangers_signature_is_not_written),
		TEST(test_a_bad_signature_is_not_written),
		TEST(test_one_bad_file_does_not_keep_the_others_from_theirs),
		TEST(test_a_manifest_that_cannot_be_read_is_told),
		TEST(test_a_symbolic_link_in_place_of_the_file),
		TEST(test_a_folder_that_leads_out_of_the_root),
		TEST(test_no_regular_file_in_its_place),
		TEST(test_absent_files_are_fine),
		TEST(test_what_another_package_took_over),
		TEST(test_usrmerge),
		TEST(test_diverted_files),
		TEST(test_hard_links),
		TEST(test_names_of_one_file_with_a_signature_each),
		TEST(test_maintainer_scripts),
		TEST(test_conffiles),
		TEST(test_an_edited_conffile_keeps_its_own_signature),
		TEST(test_the_manifest_makes_no_conffiles),
		TEST(test_selection),
		TEST(test_what_is_not_selected_gets_nothing),
		TEST(test_shared_files_of_several_architectures_are_stable),
		TEST(test_audit_of_shared_files),
		TEST(test_audit_of_what_a_manifest_leaves_out),
		TEST(test_a_value_of_no_sibling_is_replaced),
		TEST(test_a_file_system_without_xattrs),
		TEST(test_a_read_only_file_system_is_a_failure),
		TEST(test_no_packages),
		TEST(test_without_trust_nothing_is_written),
	};

	return cmocka_run_group_tests_name("apply", tests, make_keys, free_keys);
}
