// SPDX-License-Identifier: LGPL-2.1-or-later
/* Payloads of .rpm packages: what rpm might unpack otherwise than it is read here is refused. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <rpm/rpmfiles.h>

#include "io.h"
#include "rpm.h"
#include "rpm_maker.h"
#include "signing/rpm.h"

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

/* Files of the header: 0 and 1 are hard links, so are 2 and 3; a file, a symbolic link, a folder, a %ghost. */
static const struct rpm_maker_file files[] = {
	{ .content = "ab", .inode = 100 },
	{ .content = "ab", .inode = 100 },
	{ .content = "cd", .inode = 200 },
	{ .content = "cd", .inode = 200 },
	{ .content = "alone" },
	{ .content = "target", .mode = S_IFLNK | 0777 },
	{ .content = "", .mode = S_IFDIR | 0755 },
	{ .content = "ghost", .flags = RPMFILE_GHOST },
};
#define FILES (sizeof(files) / sizeof(files[0]))

static void pad(struct support_bytes *payload)
{
	support_append(payload, "\0\0\0", (4 - payload->length % 4) % 4);
}

static void append_record(struct support_bytes *payload, const char *name, size_t name_size, const char *content, size_t size)
{
	char text[120];
	int length = snprintf(text, sizeof(text), "070701%048d%08zx%032d%08zx%08d", 0, size, 0, name_size, 0);

	support_append(payload, text, (size_t)length);
	support_append(payload, name, name_size);
	pad(payload);
	support_append(payload, content, strlen(content));
	pad(payload);
}

/* "0- 1 4": the files in this order, with a minus without their content; "s4" in stripped form, "e" and "se" the ends. */
static void append(struct support_bytes *payload, const char *order)
{
	for (const char *at = order; *at; at += strspn(at, " -")) {
		bool stripped = *at == 's';
		char name[64], text[32];
		const char *content;
		size_t index;

		at += stripped;
		index = *at == 'e' ? 0xffffffff : (size_t)(*at - '0');
		at++;
		content = *at == '-' || index >= FILES ? "" : files[index].content;
		snprintf(name, sizeof(name), index < FILES ? "./usr/lib/many/%zu" : "TRAILER!!!", index);
		if (!stripped) {
			append_record(payload, name, strlen(name) + 1, content, strlen(content));
			continue;
		}
		snprintf(text, sizeof(text), "07070X%08zx", index);
		support_append(payload, text, strlen(text));
		pad(payload);
		support_append(payload, content, strlen(content));
		pad(payload);
	}
}

static const char *path_of(const char *name)
{
	return support_path(site.folder, "%s.rpm", name);
}

/* Signed as every package is. What the check of its payload says, with the results. */
static int check_with(const struct pkgima_trust *trust, const struct rpm_maker *maker,
		      struct pkgima_package_check *ret_check, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_rpm struct pkgima_rpm *rpm = NULL, *done = NULL;
	size_t count;

	rpm_maker_write(maker, path_of("plain"));
	if (pkgima_rpm_open(path_of("plain"), &rpm, error) < 0 ||
	    pkgima_signer_new(site.key.key, site.key.certificate, 1, &signer, error) < 0 ||
	    pkgima_output_open(path_of("done"), 0644, &output, error) < 0 ||
	    pkgima_rpm_sign(rpm, signer, &output, &count, error) < 0 ||
	    pkgima_output_commit(&output, true, error) < 0 ||
	    pkgima_rpm_open(path_of("done"), &done, error) < 0)
		fail_msg("%s", error->text);
	return pkgima_rpm_check(done, trust, true, 1, ret_check, error);
}

static int check(const struct rpm_maker *maker, struct pkgima_package_check *ret_check, struct pkgima_error *error)
{
	return check_with(site.trust, maker, ret_check, error);
}

static void accepted(const char *order)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_bytes struct support_bytes payload = { 0 };
	struct pkgima_error error = { "" };

	append(&payload, order);
	if (check(&(struct rpm_maker){ .files = FILES, .list = files, .payload = &payload }, &result, &error) < 0)
		fail_msg("%s: %s", order, error.text);
	assert_int_equal(result.entries.count, 5);
	for (size_t i = 0; i < result.entries.count; i++)
		assert_int_equal(result.results[i].verdict, PKGIMA_VERDICT_OK);
}

static void refused_bytes(const struct rpm_maker_file *list, const struct support_bytes *payload, const char *text)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	struct pkgima_error error = { "" };

	assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = list, .payload = payload }, &result, &error),
			 -EINVAL);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, error.text);
}

static void refused(const char *order, const char *text)
{
	cleanup_bytes struct support_bytes payload = { 0 };

	append(&payload, order);
	refused_bytes(files, &payload, text);
}

static void test_what_rpm_writes_is_read(void **state)
{
	(void)state;
	accepted("4 5 6 0- 1 2- 3 e");
	accepted("s4 s5 s6 s0- s1 s2- s3 se");
	accepted("s4 s5 s6 s0- s1 s2- s3 e");
	/* Folders and links between hard links change nothing; what rpm before 4.11 wrote of ghosts is passed over. */
	accepted("4 0- 5 6 1 7 2- 3 e");
}

/* As rpm unpacks them, 0 would be empty, or have the content of 4, or of 3. */
static void test_hard_links_out_of_order(void **state)
{
	(void)state;
	refused("1 0- 2- 3 4 5 6 e", "the content of hard links comes before all of them are named");
	refused("0- 4 1 2- 3 5 6 e", "another file stands between hard links and their content");
	refused("0- 2- 3 1 4 5 6 e", "another file stands between hard links and their content");
	refused("s0- s2- s3 s1 s4 s5 s6 se", "another file stands between hard links and their content");
	refused("0- 1 0- 2- 3 4 5 6 e", "it has a file twice");
	refused("4 4 0- 1 2- 3 5 6 e", "it has a file twice");
}

static void test_what_is_not_in_the_header(void **state)
{
	cleanup_bytes struct support_bytes payload = { 0 };

	(void)state;
	append_record(&payload, "./usr/lib/other", 16, "x", 1);
	refused_bytes(files, &payload, "it has a file that the header does not name");
	refused("s9", "it has a file that the header does not name");
	refused("0 1 2- 3 4 5 6 e", "the size of a file is not what the header says");
	refused("5- 0- 1 2- 3 4 6 e", "the size of a symbolic link is not what the header says, or too large");
	/* Here the reader of librpm 4.18 overwrites its stack. */
	refused("s4 s7 s5 s6", "it has a %ghost file");
	refused("0- 1 2- 3 4 5 e", "a link or folder that the header names is missing");
}

/* Here the reader of librpm 4.18 takes no memory and fills it, or ends the program when there is not so much. */
static void test_sizes_of_symbolic_links(void **state)
{
	static const uint64_t sizes[] = { UINT64_MAX, (uint64_t)1 << 50, 4096 };
	struct rpm_maker_file lying[FILES];
	cleanup_bytes struct support_bytes payload = { 0 };

	(void)state;
	memcpy(lying, files, sizeof(files));
	append(&payload, "s5 s4 s6 s0- s1 s2- s3 se");
	for (size_t i = 0; i < 3; i++) {
		lying[5].size = sizes[i];
		refused_bytes(lying, &payload, "the size of a symbolic link is not what the header says, or too large");
	}
}

static void test_a_missing_file(void **state)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_bytes struct support_bytes payload = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	append(&payload, "4 5 6 0- 2- 3 e");
	assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = files, .payload = &payload }, &result, &error),
			 -EINVAL);
	payload.length = 0;
	append(&payload, "4 5 6 2- 3 0- e");
	assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = files, .payload = &payload }, &result, &error), 0);
	assert_int_equal(result.entries.count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(result.results[i].verdict, i < 2 ? PKGIMA_VERDICT_MISSING_FILE : PKGIMA_VERDICT_OK);
}

/* Of hard links, whose content is one, the header may have other digests. */
static void test_other_content(void **state)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_bytes struct support_bytes payload = { 0 };
	cleanup_trust struct pkgima_trust *nobody = pkgima_trust_new();
	struct rpm_maker_file other[FILES];
	struct pkgima_error error = { "" };

	(void)state;
	memcpy(other, files, sizeof(files));
	other[0].content = "xy";
	other[4].content = "ALONE";
	append(&payload, "4 5 6 0- 1 2- 3 e");
	assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = other, .payload = &payload }, &result, &error), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(result.results[i].verdict,
				 i == 0 || i == 4 ? PKGIMA_VERDICT_DIGEST_MISMATCH : PKGIMA_VERDICT_OK);
	/* What the signature is not good for is said first. */
	pkgima_package_check_free(&result);
	assert_int_equal(check_with(nobody, &(struct rpm_maker){ .files = FILES, .list = other, .payload = &payload },
				    &result, &error), 0);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(result.results[i].verdict, PKGIMA_VERDICT_UNKNOWN_KEY);
}

static void test_damaged_records(void **state)
{
	static const char good[] = "./usr/lib/many/4";
	cleanup_bytes struct support_bytes payload = { 0 };

	(void)state;
	append(&payload, "4");
	payload.data[6 + 6 * 8] = ' ';
	refused_bytes(files, &payload, "a field of its archive is no number");
	payload.data[5] = '9';
	refused_bytes(files, &payload, "it is no cpio archive, or damaged");
	payload.length = 0;
	append_record(&payload, good, sizeof(good) - 1, "alone", 5);
	refused_bytes(files, &payload, "a name in its archive does not end where it should");
	payload.length = 0;
	append_record(&payload, good, 0, "alone", 5);
	refused_bytes(files, &payload, "a name in its archive has 0 bytes");
	payload.length = 0;
	append(&payload, "4 5 6 0- 1 2- 3 e");
	/* The end's name is padded: 3 bytes more. */
	for (size_t length = payload.length; length-- > 3;) {
		struct support_bytes cut = { payload.data, length };

		refused_bytes(files, &cut, "it ");
	}
}

static void test_compressors(void **state)
{
	static const char *const names[] = { "", "ufdio", "gzip.fpio", "GZIP" };
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_bytes struct support_bytes payload = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	append(&payload, "4 5 6 0- 1 2- 3 e");
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = files, .payload = &payload,
							    .compressor = names[i] }, &result, &error), -EOPNOTSUPP);
		assert_string_equal(error.text, "payload: its compression is not handled");
	}
	assert_int_equal(check(&(struct rpm_maker){ .files = FILES, .list = files, .payload = &payload,
						    .payload_format = "drpm" }, &result, &error), -EOPNOTSUPP);
	assert_string_equal(error.text, "payload: it is no cpio archive");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_rpm_writes_is_read),
		cmocka_unit_test(test_hard_links_out_of_order),
		cmocka_unit_test(test_what_is_not_in_the_header),
		cmocka_unit_test(test_sizes_of_symbolic_links),
		cmocka_unit_test(test_a_missing_file),
		cmocka_unit_test(test_other_content),
		cmocka_unit_test(test_damaged_records),
		cmocka_unit_test(test_compressors),
	};

	return cmocka_run_group_tests_name("payload of an rpm", tests, make_site, free_site);
}
