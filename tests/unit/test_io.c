// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reading whole, and writing whole or not at all. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io.h"

/* Stands before the C library's, to be a file system that has no O_TMPFILE. */
static bool no_nameless_files;

int openat(int at, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	if (no_nameless_files && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

static char *folder;

static int make_folder(void **state)
{
	(void)state;
	folder = support_folder();
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	umount2(support_path(folder, "mount"), MNT_DETACH);
	support_remove(folder);
	folder = NULL;
	return 0;
}

static void assert_content(const char *path, const char *content)
{
	size_t length;
	uint8_t *data = support_read(path, &length);

	assert_string_equal((char *)data, content);
	free(data);
}

static void write_and_close(const char *path, const char *content)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_output_open(path, 0644, &output, &error), 0);
	assert_int_equal(pkgima_write_all(output.fd, content, strlen(content)), 0);
}

static int write_and_commit(const char *path, const char *content, mode_t mode, bool replace)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_output_open(path, mode, &output, &error), 0);
	assert_int_equal(pkgima_write_all(output.fd, content, strlen(content)), 0);
	return pkgima_output_commit(&output, replace, &error);
}

static void test_what_is_not_committed_leaves_nothing(void **state)
{
	const char *path = support_path(folder, "x");

	(void)state;
	write_and_close(path, "content");
	assert_int_equal(support_count_names(folder), 0);
	support_write_text(path, "old", 0644);
	write_and_close(path, "content");
	assert_content(path, "old");
	assert_int_equal(support_count_names(folder), 1);
}

static void test_nothing_is_seen_before_the_commit(void **state)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	const char *path = support_path(folder, "x");
	struct pkgima_error error = { "" };

	(void)state;
	support_write_text(path, "old", 0644);
	assert_int_equal(pkgima_output_open(path, 0644, &output, &error), 0);
	assert_int_equal(pkgima_write_all(output.fd, "new", 3), 0);
	assert_content(path, "old");
	assert_int_equal(pkgima_output_commit(&output, true, &error), 0);
	assert_content(path, "new");
	assert_int_equal(support_count_names(folder), 1);
}

static void test_commit_replaces_the_name_not_the_file(void **state)
{
	const char *path = support_path(folder, "x");
	int old;
	char content[4] = "";
	struct stat before, after;

	(void)state;
	support_write_text(path, "old", 0644);
	old = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(old, &before), 0);
	assert_int_equal(write_and_commit(path, "new", 0600, true), 0);
	assert_int_equal(pkgima_read_all(old, content, 3), 3);
	assert_string_equal(content, "old");
	close(old);
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(after.st_mode & 07777, 0600);
	assert_content(path, "new");
}

static void test_a_symbolic_link_is_replaced_not_followed(void **state)
{
	const char *path = support_path(folder, "link"), *target = support_path(folder, "target");
	struct stat st;

	(void)state;
	support_write_text(target, "old", 0644);
	assert_int_equal(symlink("target", path), 0);
	assert_int_equal(write_and_commit(path, "new", 0644, false), -EEXIST);
	assert_int_equal(write_and_commit(path, "new", 0644, true), 0);
	assert_content(target, "old");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void test_without_replace_a_taken_name_is_left_alone(void **state)
{
	const char *path = support_path(folder, "x");

	(void)state;
	assert_int_equal(write_and_commit(path, "first", 0644, false), 0);
	assert_int_equal(write_and_commit(path, "second", 0644, false), -EEXIST);
	assert_content(path, "first");
	assert_int_equal(support_count_names(folder), 1);
}

static void test_mode_is_what_was_asked_for(void **state)
{
	static const mode_t modes[] = { 0600, 0644, 0755, 0666 };
	mode_t mask = umask(077);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		const char *path = support_path(folder, "%o", modes[i]);
		struct stat st;

		assert_int_equal(write_and_commit(path, "", modes[i], true), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
	}
	umask(mask);
}

static void test_names_that_cannot_be(void **state)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	struct pkgima_error error = { "" };
	char name[300] = "";

	(void)state;
	assert_int_equal(pkgima_output_open(support_path(folder, "none/x"), 0644, &output, &error), -ENOENT);
	assert_int_equal(output.fd, -1);
	support_make_folder(support_path(folder, "taken"));
	assert_int_equal(write_and_commit(support_path(folder, "taken"), "x", 0644, true), -EISDIR);
	memset(name, 'x', 255);
	assert_int_equal(write_and_commit(support_path(folder, "%s", name), "x", 0644, true), 0);
	name[255] = 'x';
	assert_int_equal(write_and_commit(support_path(folder, "%s", name), "x", 0644, true), -ENAMETOOLONG);
	assert_int_equal(support_count_names(folder), 2);
	/* Nor do messages have more lines than they should. */
	support_make_folder(support_path(folder, "a\nb\033"));
	assert_int_equal(pkgima_output_open(support_path(folder, "a\nb\033"), 0644, &output, &error), 0);
	assert_int_equal(pkgima_output_commit(&output, true, &error), -EISDIR);
	assert_non_null(strstr(error.text, "a\\012b\\033: "));
	pkgima_output_close(&output);
	assert_int_equal(pkgima_output_open(support_path(folder, "no\nne/x"), 0644, &output, &error), -ENOENT);
	assert_non_null(strstr(error.text, "no\\012ne/x: "));
}

static void test_a_relative_name(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(write_and_commit("name", "content", 0644, false), 0);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_content(support_path(folder, "name"), "content");
}

/* A file system of its own of @options on a folder, for as long as the process lives; NULL where that cannot be had. */
static const char *own_mount(const char *type, const char *options)
{
	const char *path = support_path(folder, "mount");

	support_make_folder(path);
	if (!support_own_mounts() || mount("none", path, type, 0, options) < 0)
		return NULL;
	return path;
}

static void test_a_full_disk_leaves_the_old_file(void **state)
{
	const char *mounted = own_mount("tmpfs", "size=64k");
	static char content[128 * 1024];
	const char *path;

	(void)state;
	if (!mounted)
		support_missing("the right to mount a tmpfs");
	path = support_path(mounted, "x");
	support_write_text(path, "old", 0644);
	{
		cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
		struct pkgima_error error = { "" };

		assert_int_equal(pkgima_output_open(path, 0644, &output, &error), 0);
		assert_int_equal(pkgima_write_all(output.fd, content, sizeof(content)), -ENOSPC);
	}
	assert_content(path, "old");
	assert_int_equal(support_count_names(mounted), 1);
}

/* Where there is no O_TMPFILE, a temporary name takes its place, and is gone in any case. */
static void test_a_file_system_without_nameless_files(void **state)
{
	const char *path = support_path(folder, "x");
	struct pkgima_error error = { "" };

	(void)state;
	no_nameless_files = true;
	write_and_close(path, "content");
	assert_int_equal(support_count_names(folder), 0);
	assert_int_equal(write_and_commit(path, "first", 0644, false), 0);
	assert_int_equal(write_and_commit(path, "second", 0644, false), -EEXIST);
	assert_content(path, "first");
	assert_int_equal(write_and_commit(path, "third", 0600, true), 0);
	assert_content(path, "third");
	assert_int_equal(support_count_names(folder), 1);
	{
		cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;

		assert_int_equal(pkgima_output_open(path, 0644, &output, &error), 0);
		assert_non_null(output.temporary);
		assert_int_equal(support_count_names(folder), 2);
	}
	assert_int_equal(support_count_names(folder), 1);
	no_nameless_files = false;
}

static void test_reading_a_file(void **state)
{
	const char *path = support_path(folder, "x");
	struct pkgima_error error = { "" };
	uint8_t *data = NULL;
	size_t length = 1;
	int fd, ends[2];

	(void)state;
	support_write_text(path, "content", 0644);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pkgima_read_file(fd, "x", 7, &data, &length, &error), 0);
	assert_int_equal(length, 7);
	assert_memory_equal(data, "content", 8);
	free(data);
	data = NULL;
	assert_int_equal(pkgima_read_file(fd, "x", 6, &data, &length, &error), -EFBIG);
	assert_null(data);
	assert_non_null(strstr(error.text, "x: 7 bytes"));
	close(fd);
	support_write_text(path, "", 0644);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pkgima_read_file(fd, "x", 0, &data, &length, &error), 0);
	assert_int_equal(length, 0);
	assert_int_equal(data[0], 0);
	free(data);
	close(fd);
	assert_int_equal(pipe(ends), 0);
	data = NULL;
	assert_int_equal(pkgima_read_file(ends[0], "a pipe", 10, &data, &length, &error), -EINVAL);
	close(ends[0]);
	close(ends[1]);
}

/* A pipe gives and takes less than it is asked for. */
static void test_short_reads_and_writes_go_on(void **state)
{
	static uint8_t sent[1024 * 1024], got[sizeof(sent) + 1];
	int ends[2], status;
	pid_t child;

	(void)state;
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (uint8_t)(i * 31 >> 3);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		_exit(pkgima_write_all(ends[1], sent, sizeof(sent)) == 0 ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(pkgima_read_all(ends[0], got, sizeof(got)), sizeof(sent));
	close(ends[0]);
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_failures_are_negative_errnos(void **state)
{
	char byte = 0;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(pkgima_read_all(-1, &byte, 1), -EBADF);
	assert_int_equal(pkgima_pread_all(-1, &byte, 1, 0), -EBADF);
	assert_int_equal(pkgima_write_all(-1, &byte, 1), -EBADF);
	assert_int_equal(pkgima_write_all(-1, &byte, 0), 0);
	if (fd >= 0) {
		assert_int_equal(pkgima_write_all(fd, &byte, 1), -ENOSPC);
		close(fd);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
	const struct CMUnitTest tests[] = {
		TEST(test_what_is_not_committed_leaves_nothing),
		TEST(test_nothing_is_seen_before_the_commit),
		TEST(test_commit_replaces_the_name_not_the_file),
		TEST(test_a_symbolic_link_is_replaced_not_followed),
		TEST(test_without_replace_a_taken_name_is_left_alone),
		TEST(test_mode_is_what_was_asked_for),
		TEST(test_names_that_cannot_be),
		TEST(test_a_relative_name),
		TEST(test_a_full_disk_leaves_the_old_file),
		TEST(test_a_file_system_without_nameless_files),
		TEST(test_reading_a_file),
		TEST(test_short_reads_and_writes_go_on),
		TEST(test_failures_are_negative_errnos),
	};

	return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
