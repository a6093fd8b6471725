// SPDX-License-Identifier: LGPL-2.1-or-later
/* What an initramfs carries for ima-init: made by cpio and the usual programs, whole and damaged. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

#include "cleanup.h"
#include "initramfs.h"

static char *folder;

static const char *in(const char *path)
{
	return support_path(folder, "%s", path);
}

/* Runs it in the folder. */
static void shell(const char *script)
{
	cleanup_free char *whole = NULL;

	assert_true(asprintf(&whole, "set -e; cd %s; %s", folder, script) > 0);
	assert_int_equal(support_run("bash", "-o", "pipefail", "-c", whole, NULL), 0);
}

static int make_folder(void **state)
{
	(void)state;
	folder = support_folder();
	support_write_text(in("tree/usr/lib/ima-init/init"), "program", 0755);
	support_write_text(in("tree/usr/lib/ima-init/policy"), "the policy\n", 0644);
	support_write_text(in("tree/usr/lib/ima-init/init.conf"), "mode=log\n", 0644);
	support_write_text(in("tree/usr/lib/ima-init/ca/one.der"), "x", 0644);
	support_write_text(in("tree/usr/lib/ima-init/ca/two.der"), "yy", 0644);
	support_write_text(in("tree/usr/lib/other/policy"), "another\n", 0644);
	support_write_text(in("more/usr/lib/ima-init/policy"), "the later one\n", 0644);
	support_write_text(in("plain/etc/file"), "nothing", 0644);
	shell("for part in tree more plain; do (cd $part; find . | cpio -o -H newc --quiet) >$part.cpio; done");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	support_remove(folder);
	return 0;
}

static int read_file(const char *name, struct pkgima_initramfs *ret_initramfs, struct pkgima_error *error)
{
	cleanup_close int fd = open(in(name), O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return pkgima_initramfs_read(fd, name, ret_initramfs, error);
}

static void carries(const char *name, const char *policy)
{
	cleanup_initramfs struct pkgima_initramfs initramfs = { 0 };
	struct pkgima_error error = { "" };

	if (read_file(name, &initramfs, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(initramfs.program);
	assert_int_equal(initramfs.certificates, 2);
	assert_string_equal((char *)initramfs.policy.data, policy);
	assert_int_equal(initramfs.policy.length, strlen(policy));
	assert_string_equal((char *)initramfs.settings.data, "mode=log\n");
	assert_null(initramfs.signature.data);
}

static void test_plain_and_compressed(void **state)
{
	static const char *const programs[] = { "cat", "gzip", "bzip2", "xz --check=crc32", "xz --format=lzma", "zstd -q" };
	cleanup_initramfs struct pkgima_initramfs initramfs = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		cleanup_free char *script = NULL;

		assert_true(asprintf(&script, "%s <tree.cpio >image", programs[i]) > 0);
		shell(script);
		carries("image", "the policy\n");
		/* With microcode in front, which is not compressed. */
		shell("cat plain.cpio image >both; cat more.cpio both >three");
		carries("both", "the policy\n");
		carries("three", "the policy\n");
	}
	assert_int_equal(read_file("plain.cpio", &initramfs, NULL), 0);
	assert_false(initramfs.program);
	assert_int_equal(initramfs.certificates, 0);
	assert_null(initramfs.policy.data);
}

static void test_what_comes_later_counts(void **state)
{
	(void)state;
	shell("cat tree.cpio more.cpio >image; { cat tree.cpio; head -c 700 /dev/zero; cat more.cpio; } | gzip >packed");
	carries("image", "the later one\n");
	carries("packed", "the later one\n");
}

static void refused(const char *name, int code, const char *text)
{
	cleanup_initramfs struct pkgima_initramfs initramfs = { 0 };
	struct pkgima_error error = { "" };

	assert_int_equal(read_file(name, &initramfs, &error), code);
	if (!strstr(error.text, text))
		fail_msg("%s", error.text);
	assert_null(initramfs.policy.data);
}

static void test_damaged(void **state)
{
	(void)state;
	shell(": >image");
	refused("image", -EINVAL, "it is empty");
	shell("head -c 4096 /dev/zero >image");
	refused("image", -EINVAL, "it is empty");
	shell("echo garbage of no kind >image");
	refused("image", -EINVAL, "unknown way");
	shell("head -c 600 tree.cpio >image");
	refused("image", -EINVAL, "ends in the middle");
	shell("gzip <tree.cpio | head -c 300 >image");
	refused("image", -EINVAL, "image: ");
	shell("sed s/070701/070707/ tree.cpio >image");
	refused("image", -EINVAL, "damaged");
	/* A name without an end, and a size that no file has. */
	shell("{ head -c 94 tree.cpio; printf ffffffff; tail -c +103 tree.cpio; } >image");
	refused("image", -EINVAL, "damaged");
	shell("mkdir -p large/usr/lib/ima-init; head -c 300000 /dev/zero >large/usr/lib/ima-init/policy; "
	      "(cd large; find . | cpio -o -H newc --quiet) >image");
	refused("image", -EFBIG, "too large");
}

/* Each byte of the header may be anything. */
static void test_every_byte(void **state)
{
	cleanup_free uint8_t *good = NULL;
	size_t length;

	(void)state;
	good = support_read(in("tree.cpio"), &length);
	assert_true(length > 700);
	for (size_t i = 0; i < 700; i++) {
		cleanup_initramfs struct pkgima_initramfs initramfs = { 0 };
		struct pkgima_error error;
		uint8_t kept = good[i];

		good[i] ^= 0x15;
		support_write(in("image"), good, length, 0644);
		good[i] = kept;
		if (read_file("image", &initramfs, &error) < 0)
			assert_null(initramfs.policy.data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_and_compressed),
		cmocka_unit_test(test_what_comes_later_counts),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests_name("initramfs", tests, make_folder, remove_folder);
}
