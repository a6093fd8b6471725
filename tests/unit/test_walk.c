// SPDX-License-Identifier: LGPL-2.1-or-later
/* All files below some paths, each once, on all file systems but those that have none of their own. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "walk.h"

#define FILES_MAX 64

static bool own_mounts;

static struct {
	char *folder;
	int root;
	size_t count;
	char paths[FILES_MAX][256];
	size_t passed;
} tree;

static const char *in_root(const char *path)
{
	return support_path(tree.folder, "root%s", path);
}

static int make_tree(void **state)
{
	(void)state;
	memset(&tree, 0, sizeof(tree));
	tree.folder = support_folder();
	support_write_text(in_root("/usr/bin/a"), "a", 0755);
	support_write_text(in_root("/usr/bin/b"), "b", 0755);
	support_write_text(in_root("/etc/c"), "c", 0644);
	support_make_folder(in_root("/mnt"));
	support_make_folder(in_root("/bound"));
	support_make_folder(in_root("/proc"));
	assert_int_equal(symlink("usr/bin", in_root("/bin")), 0);
	assert_int_equal(symlink("/etc/c", in_root("/usr/link")), 0);
	assert_int_equal(mkfifo(in_root("/etc/fifo"), 0600), 0);
	tree.root = pkgima_root_open(support_path(tree.folder, "root"), NULL);
	assert_true(tree.root >= 0);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	close(tree.root);
	umount2(in_root("/mnt"), MNT_DETACH);
	umount2(in_root("/bound"), MNT_DETACH);
	umount2(in_root("/proc"), MNT_DETACH);
	support_remove(tree.folder);
	return 0;
}

static int take(void *context, const char *path, const struct stat *st, struct pkgima_error *error)
{
	(void)error;
	assert_true(S_ISREG(st->st_mode));
	assert_true(tree.count < FILES_MAX);
	snprintf(tree.paths[tree.count++], sizeof(tree.paths[0]), "%s", path);
	return context ? *(int *)context : 0;
}

static void count_passed(void *context, const char *sentence)
{
	(void)context;
	assert_true(sentence[0]);
	tree.passed++;
}

static int compare(const void *left, const void *right)
{
	return strcmp(left, right);
}

static int walk(const char *const paths[], size_t count, struct pkgima_error *error)
{
	const struct pkgima_walk job = { .root_fd = tree.root, .file = take, .passed = count_passed };
	int r;

	tree.count = tree.passed = 0;
	r = pkgima_walk_run(&job, paths, count, error);
	qsort(tree.paths, tree.count, sizeof(tree.paths[0]), compare);
	return r;
}

/* @expected: paths with a space behind each. */
static void assert_found(const char *path, const char *expected)
{
	struct pkgima_error error = { "" };
	char found[FILES_MAX * 256] = "";

	if (walk(&path, 1, &error) < 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < tree.count; i++) {
		strcat(found, tree.paths[i]);
		strcat(found, " ");
	}
	assert_string_equal(found, expected);
}

static void test_files_and_nothing_else(void **state)
{
	(void)state;
	assert_found("/", "/etc/c /usr/bin/a /usr/bin/b ");
	assert_found("/etc", "/etc/c ");
	assert_found("/usr/bin/a", "/usr/bin/a ");
	assert_found("/usr/link", "/usr/link ");
	assert_found("/etc/fifo", "");
	/* Where it begins a link is followed, inside the root. */
	assert_found("/bin", "/bin/a /bin/b ");
	assert_int_equal(tree.passed, 0);
}

static void test_what_is_not_there_is_an_error(void **state)
{
	static const char *const paths[] = { "/etc", "/nowhere" };
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(walk(paths, 2, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nowhere"));
}

static void test_the_callback_ends_it(void **state)
{
	int code = -ENOSPC;
	const struct pkgima_walk job = { .root_fd = tree.root, .file = take, .context = &code };
	const char *const path = "/";
	struct pkgima_error error = { "" };

	(void)state;
	tree.count = 0;
	assert_int_equal(pkgima_walk_run(&job, &path, 1, &error), -ENOSPC);
	assert_int_equal(tree.count, 1);
}

static void test_mounted_file_systems(void **state)
{
	(void)state;
	if (!own_mounts || mount("none", in_root("/mnt"), "tmpfs", 0, NULL) < 0)
		support_missing("mounts");
	support_write_text(in_root("/mnt/d"), "d", 0644);
	assert_int_equal(mount(in_root("/usr"), in_root("/bound"), NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount("proc", in_root("/proc"), "proc", 0, NULL), 0);
	assert_found("/", "/etc/c /mnt/d /usr/bin/a /usr/bin/b ");
	assert_found("/mnt", "/mnt/d ");
	/* Asked for, what is mounted is looked at under that name. */
	assert_found("/bound", "/bound/bin/a /bound/bin/b ");
	assert_found("/proc", "");
}

/* While one of two folders is read, the other, which was found, is replaced by a link to another file system. */
static int swap(void *context, const char *path, const struct stat *st, struct pkgima_error *error)
{
	const char *other = !strcmp(path, "/usr/lib/l") ? "/usr/bin" : "/usr/lib";

	if (tree.count == 0) {
		assert_int_equal(rename(in_root(other), in_root("/moved")), 0);
		assert_int_equal(symlink("/mnt", in_root(other)), 0);
	}
	return take(context, path, st, error);
}

static void test_a_folder_that_becomes_a_link(void **state)
{
	const struct pkgima_walk job = { .root_fd = tree.root, .file = swap, .passed = count_passed };
	static const char *const path = "/usr";

	(void)state;
	if (!own_mounts || mount("none", in_root("/mnt"), "tmpfs", 0, NULL) < 0)
		support_missing("mounts");
	support_write_text(in_root("/mnt/d"), "d", 0644);
	support_write_text(in_root("/usr/lib/l"), "l", 0644);
	assert_int_equal(unlink(in_root("/usr/bin/b")), 0);
	tree.count = tree.passed = 0;
	assert_int_equal(pkgima_walk_run(&job, &path, 1, NULL), 0);
	assert_int_equal(tree.count, 1);
	assert_int_equal(tree.passed, 1);
}

static void test_a_set_of_files(void **state)
{
	cleanup_file_set struct pkgima_file_set set = { 0 };
	struct stat st = { 0 };
	char path[32];

	(void)state;
	assert_null(pkgima_file_set_find(&set, &st));
	for (st.st_ino = 1; st.st_ino <= 5000; st.st_ino++) {
		st.st_dev = st.st_ino % 3;
		snprintf(path, sizeof(path), "/%lu", (unsigned long)st.st_ino);
		assert_int_equal(pkgima_file_set_add(&set, &st, path), 0);
		assert_int_equal(pkgima_file_set_add(&set, &st, "/again"), -EEXIST);
	}
	assert_int_equal(set.count, 5000);
	for (st.st_ino = 1; st.st_ino <= 5000; st.st_ino++) {
		const struct pkgima_file_item *item;

		st.st_dev = st.st_ino % 3;
		item = pkgima_file_set_find(&set, &st);
		assert_non_null(item);
		assert_int_equal(strtoul(item->path + 1, NULL, 10), st.st_ino);
		st.st_dev += 3;
		assert_null(pkgima_file_set_find(&set, &st));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_and_nothing_else, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_what_is_not_there_is_an_error, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_the_callback_ends_it, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_mounted_file_systems, make_tree, remove_tree),
		cmocka_unit_test_setup_teardown(test_a_folder_that_becomes_a_link, make_tree, remove_tree),
		cmocka_unit_test(test_a_set_of_files),
	};

	/* First: descriptors made before would not see what is mounted. */
	own_mounts = support_own_mounts();
	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
