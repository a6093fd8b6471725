// SPDX-License-Identifier: LGPL-2.1-or-later
/* Names: what is one, how it is written and shown, and that opening one never leaves the root. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "entry.h"
#include "escape.h"

static void test_normal_paths(void **state)
{
	static const char *const good[] = { "/a", "/a/b", "/...", "/.a", "/a./..b", "/ ", "/\377", "/a\nb", "/DEBIAN/x" };
	static const char *const bad[] = { "", "/", "a", "./a", "../a", "//", "//a", "/a/", "/a//b", "/.", "/..", "/./a",
					   "/../a", "/a/.", "/a/..", "/a/./b", "/a/../b", "DEBIAN/postinst" };
	char longest[PKGIMA_PATH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!pkgima_path_is_normal(good[i]))
			fail_msg("\"%s\" is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pkgima_path_is_normal(bad[i]))
			fail_msg("\"%s\" is accepted", bad[i]);
	memset(longest, 'x', sizeof(longest));
	longest[0] = '/';
	longest[PKGIMA_PATH_MAX + 1] = '\0';
	assert_false(pkgima_path_is_normal(longest));
	longest[PKGIMA_PATH_MAX] = '\0';
	assert_true(pkgima_path_is_normal(longest));
}

static void test_scripts(void **state)
{
	static const char *const good[] = { "preinst", "postinst", "prerm", "postrm", "config" };
	static const char *const bad[] = { "", "control", "conffiles", "triggers", "templates", "postinst ", "Postinst",
					   "DEBIAN/postinst", "postins", "imasigs" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(pkgima_script_is_known(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pkgima_script_is_known(bad[i]));
}

static void test_names_from_archives(void **state)
{
	static const struct { const char *name, *path; int result; } all[] = {
		{ "./usr/bin/x", "/usr/bin/x", 0 },
		{ "usr/bin/x", "/usr/bin/x", 0 },
		{ "/usr/bin/x", "/usr/bin/x", 0 }, /* dpkg takes it so, too */
		{ "././x", "/x", 0 },
		{ ".//x", "/x", 0 },
		{ "./usr/", "/usr", 0 },
		{ "./usr//", "/usr", 0 },
		{ "./.x", "/.x", 0 },
		{ "./...", "/...", 0 },
		{ ".x", "/.x", 0 },
		{ "..x", "/..x", 0 },
		{ "./", "", 0 },
		{ ".", "", 0 },
		{ "/", "", 0 },
		{ "", "", 0 },
		{ "././", "", 0 },
		{ "..", NULL, -EINVAL },
		{ "../x", NULL, -EINVAL },
		{ "./../x", NULL, -EINVAL },
		{ "/../x", NULL, -EINVAL },
		{ "./..", NULL, -EINVAL },
		{ "a/../b", NULL, -EINVAL },
		{ "a/..", NULL, -EINVAL },
		{ "a/./b", NULL, -EINVAL },
		{ "a//b", NULL, -EINVAL },
		{ "a/.", NULL, -EINVAL },
		{ "../", NULL, -EINVAL },
	};
	char name[PKGIMA_PATH_MAX + 8], path[PKGIMA_PATH_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int r = pkgima_path_from_tar(all[i].name, path);

		if (r != all[i].result || (r == 0 && strcmp(path, all[i].path) != 0))
			fail_msg("\"%s\": %d, \"%s\"", all[i].name, r, r ? "" : path);
		assert_true(r < 0 || !path[0] || pkgima_path_is_normal(path));
	}
	memset(name, 'x', sizeof(name));
	name[PKGIMA_PATH_MAX] = '\0';
	assert_int_equal(pkgima_path_from_tar(name, path), -ENAMETOOLONG);
	name[PKGIMA_PATH_MAX - 1] = '\0';
	assert_int_equal(pkgima_path_from_tar(name, path), 0);
	assert_int_equal(strlen(path), PKGIMA_PATH_MAX);
}

static void test_every_byte_has_one_escaped_form(void **state)
{
	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char name = (char)byte, escaped[8], again[8], octal[8];
		bool wanted = byte <= 0x20 || byte == 0x7f || byte == '\\';
		ssize_t length = pkgima_escape(&name, 1, escaped, sizeof(escaped));

		assert_int_equal(length, wanted ? 4 : 1);
		snprintf(octal, sizeof(octal), "\\%03o", byte);
		if (wanted)
			assert_string_equal(escaped, octal);
		else
			assert_int_equal(escaped[0], name);
		assert_int_equal(pkgima_unescape(escaped, (size_t)length, again), 1);
		assert_int_equal(again[0], name);
		/* The other form is refused. */
		assert_int_equal(pkgima_unescape(octal, 4, again), wanted ? 1 : -EINVAL);
		assert_int_equal(pkgima_unescape(&name, 1, again), wanted ? -EINVAL : 1);
	}
}

static void test_broken_escapes_are_refused(void **state)
{
	static const char *const bad[] = { "\\", "\\0", "\\04", "\\000", "\\400", "\\777", "\\08", "\\048", "\\4 0", "\\\\",
					   "\\n", "\\x20", "x\\", "\\-40" };
	char output[16];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		/* Without anything behind it that could be read by mistake. */
		char *text = malloc(strlen(bad[i]));

		memcpy(text, bad[i], strlen(bad[i]));
		if (pkgima_unescape(text, strlen(bad[i]), output) != -EINVAL)
			fail_msg("\"%s\" is accepted", bad[i]);
		free(text);
	}
}

static void test_escaping_stays_within_the_buffer(void **state)
{
	(void)state;
	for (size_t capacity = 0; capacity < 32; capacity++) {
		char *output = malloc(capacity ? capacity : 1);
		ssize_t length = pkgima_escape("a b\\c", 5, output, capacity);

		assert_true(length == -ENOSPC || (length == 11 && capacity >= 12 && !strcmp(output, "a\\040b\\134c")));
		/* What the macro promises is enough. */
		assert_true(capacity < PKGIMA_ESCAPED_MAX(5) || length == 11);
		free(output);
	}
}

static void test_what_is_shown_is_harmless(void **state)
{
	static const struct { const char *name, *shown; } all[] = {
		{ "", "" },
		{ "/usr/bin/a b", "/usr/bin/a b" },
		{ "a\nb", "a\\012b" },
		{ "\033[2Jx\007", "\\033[2Jx\\007" },
		{ "a\\b", "a\\134b" },
		{ "\177", "\\177" },
		{ "\303\244\342\202\254\360\237\230\200", "\303\244\342\202\254\360\237\230\200" },
		{ "\302\233", "\\302\\233" },                 /* CSI of C1 */
		{ "\302\240", "\302\240" },
		{ "\300\257", "\\300\\257" },                 /* overlong slash */
		{ "\340\200\257", "\\340\\200\\257" },
		{ "\360\200\200\257", "\\360\\200\\200\\257" },
		{ "\355\240\200", "\\355\\240\\200" },        /* surrogate */
		{ "\364\220\200\200", "\\364\\220\\200\\200" }, /* beyond Unicode */
		{ "\342\200\256txt.exe", "\\342\\200\\256txt.exe" }, /* right to left */
		{ "\342\201\246", "\\342\\201\\246" },
		{ "\342\200\250", "\\342\\200\\250" },        /* line separator */
		{ "\330\234", "\\330\\234" },                 /* Arabic letter mark */
		{ "\330\233", "\330\233" },                   /* the character before it */
		{ "\342\200\213a", "\\342\\200\\213a" },     /* zero width space */
		{ "\342\200\217", "\\342\\200\\217" },
		{ "\342\200\220", "\342\200\220" },           /* a hyphen */
		{ "\342\201\240", "\\342\\201\\240" },       /* word joiner */
		{ "\342\201\252", "\342\201\252" },
		{ "\357\273\277", "\\357\\273\\277" },       /* zero width no-break space */
		{ "\363\240\201\201", "\\363\\240\\201\\201" }, /* tag */
		{ "\363\241\200\200", "\363\241\200\200" }, /* behind the tags */
		{ "\377\376", "\\377\\376" },
		{ "\303", "\\303" },
		{ "\342\202", "\\342\\202" },
		{ "\360\237\230", "\\360\\237\\230" },
		{ "\200", "\\200" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		char *shown = pkgima_printable(all[i].name);

		assert_string_equal(shown, all[i].shown);
		free(shown);
	}
}

static void test_long_names_are_cut(void **state)
{
	static const char name[] = "abc\n\303\244def\001\002\003\004ghijklmnopqrstuvwxyz";

	(void)state;
	for (size_t capacity = 1; capacity < 64; capacity++) {
		char *output = malloc(capacity);

		assert_ptr_equal(pkgima_printable_into(name, output, capacity), output);
		assert_true(strlen(output) < capacity);
		for (const char *at = output; *at; at++)
			assert_true((uint8_t)*at > 0x20 && *at != 0x7f);
		if (strlen(output) && !strstr(output, "xyz"))
			assert_string_equal(output + strlen(output) - 3, "...");
		free(output);
	}
}

/* A root with a world outside, and names in it that lead there. */
static struct {
	char *folder;
	int root;
} tree;

static int make_tree(void **state)
{
	struct pkgima_error error = { "" };

	(void)state;
	tree.folder = support_folder();
	support_write_text(support_path(tree.folder, "outside/secret"), "outside", 0644);
	support_write_text(support_path(tree.folder, "root/usr/bin/x"), "inside", 0755);
	support_write_text(support_path(tree.folder, "root/outside/secret"), "of the root", 0644);
	assert_int_equal(symlink("usr/bin", support_path(tree.folder, "root/bin")), 0);
	assert_int_equal(symlink("/usr", support_path(tree.folder, "root/absolute")), 0);
	assert_int_equal(symlink("../../../outside", support_path(tree.folder, "root/up")), 0);
	assert_int_equal(symlink("/outside", support_path(tree.folder, "root/out")), 0);
	assert_int_equal(symlink("loop", support_path(tree.folder, "root/loop")), 0);
	assert_int_equal(symlink("/proc/self/root", support_path(tree.folder, "root/magic")), 0);
	assert_int_equal(symlink("x", support_path(tree.folder, "root/usr/bin/link")), 0);
	assert_int_equal(mkfifo(support_path(tree.folder, "root/fifo"), 0600), 0);
	tree.root = pkgima_root_open(support_path(tree.folder, "root"), &error);
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

static void assert_opens(const char *path, const char *content)
{
	uint8_t *data = NULL;
	size_t length;
	struct pkgima_error error = { "" };

	if (pkgima_beneath_read(tree.root, path, 100, &data, &length, &error) < 0)
		fail_msg("%s: %s", path, error.text);
	assert_string_equal((char *)data, content);
	free(data);
}

static void test_files_beneath_a_root(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	assert_opens("/usr/bin/x", "inside");
	assert_opens("usr/bin/x", "inside");
	assert_opens("/bin/x", "inside");
	assert_opens("/absolute/bin/x", "inside");
	assert_opens("/../../usr/bin/x", "inside");
	fd = pkgima_beneath_open_file(tree.root, "/usr/bin/x", &st);
	assert_true(fd >= 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void test_no_name_leads_out_of_the_root(void **state)
{
	(void)state;
	assert_opens("/up/secret", "of the root");
	assert_opens("/out/secret", "of the root");
	assert_opens("/../outside/secret", "of the root");
	unlink(support_path(tree.folder, "root/outside/secret"));
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/up/secret", NULL), -ENOENT);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/out/secret", NULL), -ENOENT);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/../outside/secret", NULL), -ENOENT);
	assert_true(pkgima_beneath_open_file(tree.root, "/magic/etc/passwd", NULL) < 0);
}

static void test_what_is_no_regular_file_is_not_opened(void **state)
{
	(void)state;
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/fifo", NULL), -EINVAL);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/usr/bin/link", NULL), -EINVAL);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/usr", NULL), -EINVAL);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/", NULL), -EINVAL);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/loop", NULL), -EINVAL);
	assert_true(pkgima_beneath_open_file(tree.root, "/loop/x", NULL) < 0);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/none", NULL), -ENOENT);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/none/x", NULL), -ENOENT);
	assert_int_equal(pkgima_beneath_open_file(tree.root, "/usr/bin/x/y", NULL), -ENOENT);
	if (geteuid() == 0 && mknod(support_path(tree.folder, "root/null"), S_IFCHR | 0600, 1 << 8 | 3) == 0)
		assert_int_equal(pkgima_beneath_open_file(tree.root, "/null", NULL), -EINVAL);
}

static void test_folders_beneath_a_root(void **state)
{
	int fd = pkgima_beneath_open_folder(tree.root, "/absolute/bin");

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pkgima_beneath_open_folder(tree.root, "/usr/bin/x"), -ENOTDIR);
	assert_int_equal(pkgima_beneath_open_folder(tree.root, "/none"), -ENOENT);
}

int main(void)
{
#define TREE(name) cmocka_unit_test_setup_teardown(name, make_tree, remove_tree)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normal_paths),
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_names_from_archives),
		cmocka_unit_test(test_every_byte_has_one_escaped_form),
		cmocka_unit_test(test_broken_escapes_are_refused),
		cmocka_unit_test(test_escaping_stays_within_the_buffer),
		cmocka_unit_test(test_what_is_shown_is_harmless),
		cmocka_unit_test(test_long_names_are_cut),
		TREE(test_files_beneath_a_root),
		TREE(test_no_name_leads_out_of_the_root),
		TREE(test_what_is_no_regular_file_is_not_opened),
		TREE(test_folders_beneath_a_root),
	};

	return cmocka_run_group_tests_name("paths", tests, NULL, NULL);
}
