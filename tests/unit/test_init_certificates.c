// SPDX-License-Identifier: LGPL-2.1-or-later
/* How ima-init reads a folder of certificates that the root has, which may be on any file system, and broken. */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../pkg-ima-init/init.h"

/* The folder as readdir() gives it: names by number, then its end, or an error. */
static struct {
	void (*name_of)(size_t number, char *output);
	size_t count, at;
	int error;
} folder;

/* What was reported, and loaded. */
static char reports[4096];
static size_t loaded;

static union {
	struct dirent entry;
	char room[offsetof(struct dirent, d_name) + 1024];
} place;

/* In place of the C library's. A name may be longer than the structure has room for. */
struct dirent *readdir(DIR *unused)
{
	(void)unused;
	if (folder.at == folder.count) {
		if (folder.error)
			errno = folder.error;
		return NULL;
	}
	folder.name_of(folder.at++, place.room + offsetof(struct dirent, d_name));
	return &place.entry;
}

void report_failure(const struct init *init, enum failure failure, const char *format, ...)
{
	size_t used = strlen(reports);
	va_list arguments;

	(void)init;
	assert_int_equal(failure, FAILURE_CERTIFICATE);
	va_start(arguments, format);
	vsnprintf(reports + used, sizeof(reports) - used - 1, format, arguments);
	va_end(arguments);
	strcat(reports, "\n");
}

void report_say(bool console, const char *format, ...)
{
	(void)console;
	(void)format;
}

int small_file_read(int fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length, struct pkgima_error *error)
{
	(void)fd;
	(void)max;
	(void)error;
	assert_true(strlen(path) < sizeof("/etc/keys/ima/") + NAME_MAX);
	*ret_data = calloc(1, 1);
	assert_non_null(*ret_data);
	*ret_length = 1;
	return 0;
}

key_serial_t key_add(const char *type, const char *description, const void *payload, size_t length, key_serial_t ring)
{
	(void)description;
	(void)payload;
	assert_string_equal(type, "asymmetric");
	assert_int_equal(length, 1);
	assert_int_equal(ring, 7);
	loaded++;
	return 1;
}

/* Loads a folder of @count names, behind which reading fails with @error, if any. */
static size_t load(void (*name_of)(size_t number, char *output), size_t count, int error)
{
	static const struct init init;
	char *root = support_folder();
	size_t result;
	int fd;

	support_make_folder(support_path(root, "etc/keys/ima"));
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	folder.name_of = name_of;
	folder.count = count;
	folder.at = 0;
	folder.error = error;
	reports[0] = '\0';
	loaded = 0;
	result = certificates_load(&init, fd, "/etc/keys/ima", 7, FAILURE_CERTIFICATE);
	close(fd);
	support_remove(root);
	assert_int_equal(result, loaded);
	return result;
}

static void plain(size_t number, char *output)
{
	sprintf(output, "%zu.der", number);
}

/* As vfat and FUSE have them; the first of all is one that other file systems have, too. */
static void long_name(size_t number, char *output)
{
	size_t length = number ? 255 + number : 255;

	memset(output, 'a', length);
	strcpy(output + length - 4, ".der");
}

static void other(size_t number, char *output)
{
	sprintf(output, number ? "%zu" : "%zu.der", number);
}

static void test_plain(void **state)
{
	(void)state;
	assert_int_equal(load(plain, 1024, 0), 1024);
	assert_string_equal(reports, "");
	assert_int_equal(load(plain, 1025, 0), 1024);
	assert_non_null(strstr(reports, "/etc/keys/ima has more than 1024"));
}

static void test_long_names(void **state)
{
	(void)state;
	assert_int_equal(load(long_name, 700, 0), 1);
	assert_string_equal(reports, "/etc/keys/ima: names of more than 255 bytes\n");
}

static void test_broken(void **state)
{
	(void)state;
	assert_int_equal(load(plain, 3, EIO), 3);
	assert_string_equal(reports, "/etc/keys/ima: Input/output error\n");
}

static void test_many_others(void **state)
{
	(void)state;
	assert_int_equal(load(other, 65536, 0), 1);
	assert_string_equal(reports, "");
	assert_int_equal(load(other, 65537, 0), 1);
	assert_non_null(strstr(reports, "more than 65536 names"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_many_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
