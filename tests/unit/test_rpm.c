// SPDX-License-Identifier: LGPL-2.1-or-later
/* .rpm packages: what is read, written and refused. tests/package/rpm-sign.bats has packages of rpmbuild's. */
#include "support.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmtag.h>

#include "io.h"
#include "rpm.h"
#include "rpm_files.h"
#include "rpm_maker.h"
#include "signature.h"
#include "signing/package.h"
#include "signing/rpm.h"

/* librpm loses the list of which it complains. What is lost here is still found. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:librpmio.so\n";
}

static struct {
	char *folder;
	struct support_key rsa, ec;
	struct pkgima_trust *trust;
} site;

static int make_site(void **state)
{
	(void)state;
	site.folder = support_folder();
	support_key_make(&site.rsa, site.folder, "rsa", "rsa2048");
	support_key_make(&site.ec, site.folder, "ec", "p256");
	site.trust = support_trust(&site.rsa, &site.ec);
	return 0;
}

static int free_site(void **state)
{
	(void)state;
	pkgima_trust_free(site.trust);
	support_key_free(&site.rsa);
	support_key_free(&site.ec);
	support_remove(site.folder);
	return 0;
}

static const char *path_of(const char *name)
{
	return support_path(site.folder, "%s.rpm", name);
}

static struct pkgima_rpm *open_rpm(const char *path)
{
	struct pkgima_rpm *rpm = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_rpm_open(path, &rpm, &error) < 0)
		fail_msg("%s: %s", path, error.text);
	return rpm;
}

/* Signs @path as @target; the number of files. */
static size_t sign(const char *path, const char *target, const struct support_key *key)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_rpm struct pkgima_rpm *rpm = open_rpm(path);
	struct pkgima_error error = { "" };
	size_t count = 0;

	if (pkgima_signer_new(key->key, key->certificate, 2, &signer, &error) < 0 ||
	    pkgima_output_open(target, 0644, &output, &error) < 0 ||
	    pkgima_rpm_sign(rpm, signer, &output, &count, &error) < 0 ||
	    pkgima_output_commit(&output, true, &error) < 0)
		fail_msg("%s", error.text);
	return count;
}

/* The verdict on all files, which must be the same; their number. */
static size_t verify(const char *path, enum pkgima_verdict verdict, const char *reason)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_rpm struct pkgima_rpm *rpm = open_rpm(path);
	struct pkgima_error error = { "" };

	if (pkgima_rpm_check(rpm, site.trust, false, 2, &check, &error) < 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < check.entries.count; i++) {
		if (check.results[i].verdict != verdict)
			fail_msg("%s: %s: %s", check.entries.list[i].path,
				 pkgima_verdict_word(check.results[i].verdict), check.results[i].reason);
		assert_non_null(strstr(check.results[i].reason, reason ? reason : ""));
	}
	return check.entries.count;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void test_header_and_payload_keep_their_bytes(void **state)
{
	struct rpm_maker maker = { .files = 300, .reserved = 4128 };
	const char *plain = path_of("plain"), *done = path_of("done"), *again = path_of("again");
	size_t before, after, rest;
	uint8_t *old, *new;

	(void)state;
	rpm_maker_write(&maker, plain);
	assert_int_equal(sign(plain, done, &site.rsa), 300);
	assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 300);
	assert_int_equal(verify(plain, PKGIMA_VERDICT_UNSIGNED, "there is no signature"), 300);
	{
		cleanup_rpm struct pkgima_rpm *rpm = open_rpm(plain);
		cleanup_rpm struct pkgima_rpm *signed_rpm = open_rpm(done);

		old = support_read(plain, &before);
		new = support_read(done, &after);
		rest = before - (size_t)rpm->header_start;
		assert_int_equal(rest, after - (size_t)signed_rpm->header_start);
		assert_memory_equal(old, new, PKGIMA_RPM_LEAD);
		assert_memory_equal(old + rpm->header_start, new + signed_rpm->header_start, rest);
		assert_false(rpm->is_signed);
		assert_true(signed_rpm->is_signed);
		free(old);
	}
	/* Signatures of 256 bytes and more than 64 KiB of them. */
	assert_true(after - before > 300 * 2 * 256);
	/* The same input, key and algorithm give the same bytes; earlier signatures are replaced. */
	assert_int_equal(sign(done, again, &site.rsa), 300);
	old = support_read(again, &before);
	assert_int_equal(before, after);
	assert_memory_equal(old, new, after);
	free(old);
	free(new);
	assert_int_equal(sign(done, again, &site.ec), 300);
	assert_int_equal(verify(again, PKGIMA_VERDICT_OK, NULL), 300);
	/* Of signatures that are not all of one length, the longest. */
	{
		cleanup_rpm struct pkgima_rpm *rpm = open_rpm(again);
		uint32_t longest;

		assert_int_equal(pkgima_rpm_wrong_length(rpm, &longest), 0);
		assert_true(headerIsEntry(rpm->header, RPMTAG_FILESIGNATURELENGTH));
	}
}

static void strip(const char *path, const char *target)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_rpm struct pkgima_rpm *rpm = open_rpm(path);
	struct pkgima_error error = { "" };
	bool was_signed = false;

	if (pkgima_output_open(target, 0644, &output, &error) < 0 ||
	    pkgima_rpm_strip(rpm, &output, &was_signed, &error) < 0 ||
	    pkgima_output_commit(&output, true, &error) < 0)
		fail_msg("%s", error.text);
	assert_true(was_signed);
}

static void test_reserved_space_is_used_and_given_back(void **state)
{
	const char *plain = path_of("small"), *done = path_of("small-signed"), *bare = path_of("small-bare");
	struct rpm_maker maker = { .files = 5, .reserved = 4128 };
	uint8_t *old, *new;
	size_t length;

	(void)state;
	/* Five of some 540 characters fit. */
	rpm_maker_write(&maker, plain);
	sign(plain, done, &site.rsa);
	assert_int_equal(size_of(plain), size_of(done));
	strip(done, bare);
	old = support_read(plain, &length);
	new = support_read(bare, &length);
	assert_int_equal(size_of(plain), length);
	assert_memory_equal(old, new, length);
	free(old);
	free(new);
	/* More do not: then the space is left to those who sign the package as a whole. */
	maker.files = 10;
	rpm_maker_write(&maker, plain);
	sign(plain, done, &site.rsa);
	assert_true(size_of(done) > size_of(plain) + 10 * 530);
	strip(done, bare);
	assert_int_equal(verify(bare, PKGIMA_VERDICT_UNSIGNED, NULL), 10);
	/* No space at all. */
	maker.reserved = 0;
	rpm_maker_write(&maker, plain);
	sign(plain, done, &site.ec);
	assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 10);
	strip(done, bare);
	assert_int_equal(size_of(plain), size_of(bare));
}

static void test_other_digests(void **state)
{
	static const int algorithms[] = { RPM_HASH_SHA384, RPM_HASH_SHA512 };
	const char *plain = path_of("digests"), *done = path_of("digests-signed");

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		rpm_maker_write(&(struct rpm_maker){ .files = 3, .digest_algorithm = algorithms[i] }, plain);
		sign(plain, done, &site.ec);
		assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 3);
	}
}

static void test_hash_cannot_be_changed(void **state)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_package struct pkgima_package package = { 0 };
	const enum pkgima_hash other = PKGIMA_HASH_SHA512, same = PKGIMA_HASH_SHA256;
	cleanup_signer struct pkgima_signer *signer = NULL;
	const char *path = path_of("hash");
	struct pkgima_error error = { "" };
	size_t count;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 1 }, path);
	assert_int_equal(pkgima_package_open(path, &package, &error), 0);
	assert_int_equal(pkgima_signer_new(site.ec.key, site.ec.certificate, 1, &signer, &error), 0);
	assert_int_equal(pkgima_output_open(path_of("hash-signed"), 0644, &output, &error), 0);
	assert_int_equal(pkgima_package_sign(&package, signer, &other, 1, &output, &count, &error), -EINVAL);
	assert_string_equal(error.text, "its file digests are sha256, as rpmbuild made them: --hash cannot change that");
	assert_int_equal(pkgima_package_sign(&package, signer, &same, 1, &output, &count, &error), 0);
}

static void refused(const struct rpm_maker *maker, int code, const char *text)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	struct pkgima_error error = { "" };
	const char *path = path_of("refused");
	int r;

	rpm_maker_write(maker, path);
	r = pkgima_rpm_open(path, &rpm, &error);
	if (r == 0)
		r = pkgima_rpm_entries(rpm->files, &entries, NULL, &error);
	assert_int_equal(r, code);
	if (!strstr(error.text, text))
		fail_msg("\"%s\" is not in \"%s\"", text, error.text);
}

static void test_formats_that_are_refused(void **state)
{
	const char *two[] = { "03", "03" }, *odd[] = { "030" }, *letters[] = { "03zz" };

	(void)state;
	refused(&(struct rpm_maker){ .files = 1, .format = 6 }, -EOPNOTSUPP, "rpm format 6 is not handled");
	refused(&(struct rpm_maker){ .files = 1, .no_region = true }, -EOPNOTSUPP, "rpm format 3 is not handled");
	refused(&(struct rpm_maker){ .files = 1, .source = true }, -EOPNOTSUPP, "it is a source package");
	refused(&(struct rpm_maker){ .files = 1, .digest_algorithm = RPM_HASH_MD5 }, -EINVAL, "its file digests are MD5");
	refused(&(struct rpm_maker){ .files = 1, .digest_algorithm = RPM_HASH_SHA1 }, -EINVAL, "its file digests are SHA-1");
	refused(&(struct rpm_maker){ .files = 1, .directory = "/usr/../etc/" }, -EINVAL, "a file's path is not plain");
	refused(&(struct rpm_maker){ .files = 1, .directory = "usr/" }, -EINVAL, "a file's path is not plain");
	refused(&(struct rpm_maker){ .files = 1, .signatures = two, .signature_count = 2 }, -EINVAL,
		"it has 2 file signatures for 1 files: rpm takes none of them");
	refused(&(struct rpm_maker){ .files = 1, .signatures = odd, .signature_count = 1 }, -EINVAL, "is no hexadecimal");
	refused(&(struct rpm_maker){ .files = 1, .signatures = letters, .signature_count = 1 }, -EINVAL, "is no hexadecimal");
}

/* Value of security.ima for the digest of file 0, as hexadecimal; its size in the header with the bytes swapped, if wanted. */
static char *make_signature(bool swapped, size_t *ret_length)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_value value;
	uint16_t size;
	char hex[65], *text;

	rpm_maker_digest(0, 32, hex);
	for (size_t i = 0; i < 32; i++)
		sscanf(hex + 2 * i, "%2hhx", &digest[i]);
	value = support_sign(&site.rsa, PKGIMA_HASH_SHA256, digest, &entries);
	if (swapped) {
		memcpy(&size, value.bytes + 7, 2);
		size = __builtin_bswap16(size);
		memcpy((uint8_t *)value.bytes + 7, &size, 2);
	}
	text = malloc(2 * value.length + 1);
	pkgima_hex(value.bytes, value.length, text);
	*ret_length = value.length;
	return text;
}

static void assert_verdicts(const char *path, enum pkgima_verdict first, enum pkgima_verdict second)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_rpm struct pkgima_rpm *rpm = open_rpm(path);
	struct pkgima_error error;

	assert_true(rpm->is_signed);
	assert_int_equal(pkgima_rpm_check(rpm, site.trust, false, 1, &check, &error), 0);
	assert_int_equal(check.entries.count, 2);
	assert_int_equal(check.results[0].verdict, first);
	assert_int_equal(check.results[1].verdict, second);
}

static void test_what_others_wrote_is_read(void **state)
{
	struct rpm_maker maker = { .files = 1, .signature_count = 1 };
	const char *path = path_of("others");
	char text[256];
	size_t length;
	char *good = make_signature(false, &length), *swapped = make_signature(true, &length);

	(void)state;
	for (int correct = 1; correct >= 0; correct--) {
		cleanup_package struct pkgima_package package = { 0 };
		struct pkgima_error error;

		maker.signatures = (const char **)&good;
		maker.signature_length = correct ? (uint32_t)length : __builtin_bswap32((uint32_t)length);
		rpm_maker_write(&maker, path);
		assert_int_equal(verify(path, PKGIMA_VERDICT_OK, NULL), 1);
		assert_int_equal(pkgima_package_open(path, &package, &error), 0);
		if (correct)
			assert_null(package.format->remark(package.file, text, sizeof(text)));
		else
			assert_non_null(strstr(package.format->remark(package.file, text, sizeof(text)),
					       "the longest signature has 265 bytes: its bytes are in the wrong order"));
	}
	/* One that the kernel refuses too. */
	maker.signatures = (const char **)&swapped;
	rpm_maker_write(&maker, path);
	assert_int_equal(verify(path, PKGIMA_VERDICT_BAD_SIGNATURE, "the length's bytes are in the wrong order"), 1);
	/* A set that is not whole. */
	{
		const char *one[] = { good, "" };

		rpm_maker_write(&(struct rpm_maker){ .files = 2, .signatures = one, .signature_count = 2 }, path);
		assert_verdicts(path, PKGIMA_VERDICT_OK, PKGIMA_VERDICT_UNSIGNED);
	}
	/* Nine zeros stand for none, and so does an empty string. */
	strcpy(good, "000000000000000000");
	maker.signatures = (const char **)&good;
	rpm_maker_write(&maker, path);
	assert_int_equal(verify(path, PKGIMA_VERDICT_UNSIGNED, NULL), 1);
	good[0] = '\0';
	rpm_maker_write(&maker, path);
	assert_int_equal(verify(path, PKGIMA_VERDICT_UNSIGNED, NULL), 1);
	{
		cleanup_rpm struct pkgima_rpm *rpm = open_rpm(path);
		uint32_t longest;

		/* So no length is wrong. */
		assert_false(rpm->is_signed);
		assert_int_equal(pkgima_rpm_wrong_length(rpm, &longest), 0);
	}
	strcpy(good, "00000000000000000000");
	rpm_maker_write(&maker, path);
	assert_int_equal(verify(path, PKGIMA_VERDICT_BAD_SIGNATURE, "type 0"), 1);
	free(good);
	free(swapped);
}

/* Such a file rpm installs without a look at its content. */
static void test_a_file_without_a_digest_is_unsigned(void **state)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	const char *path = path_of("digestless");
	struct pkgima_error error;
	size_t length, count;
	char *good = make_signature(false, &length);
	const char *both[] = { good, good };

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 2, .no_file_digest = true, .signatures = both, .signature_count = 2 },
			path);
	assert_verdicts(path, PKGIMA_VERDICT_OK, PKGIMA_VERDICT_UNSIGNED);
	free(good);
	rpm = open_rpm(path);
	assert_int_equal(pkgima_signer_new(site.ec.key, site.ec.certificate, 1, &signer, &error), 0);
	assert_int_equal(pkgima_output_open(path_of("digestless-signed"), 0644, &output, &error), 0);
	assert_int_equal(pkgima_rpm_sign(rpm, signer, &output, &count, &error), -EINVAL);
	assert_string_equal(error.text, "/usr/lib/many/1 has no digest in the header");
}

/* Of all signatures for fs-verity librpm makes the longest: here 200 GiB, without which it ends the program. */
static void test_a_hundred_thousand_files(void **state)
{
	const char *plain = path_of("huge"), *done = path_of("huge-signed");
	struct rpm_maker maker = { .files = 100000, .reserved = 4128, .verity = true };

	(void)state;
	rpm_maker_write(&maker, plain);
	assert_int_equal(sign(plain, done, &site.ec), 100000);
	assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 100000);
}

/* States are the rpmdb's: rpm installs what they call not installed. */
static void test_states_hide_no_file(void **state)
{
	const char *plain = path_of("states"), *done = path_of("states-signed");

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 3, .states = true }, plain);
	assert_int_equal(verify(plain, PKGIMA_VERDICT_UNSIGNED, NULL), 3);
	/* As the rpmdb has it. */
	{
		cleanup_entries struct pkgima_entries entries = { 0 };
		cleanup_rpm struct pkgima_rpm *rpm = open_rpm(plain);
		rpmfiles files = rpmfilesNew(NULL, rpm->header, RPMTAG_BASENAMES, RPMFI_FLAGS_QUERY);
		struct pkgima_error error;

		assert_int_equal(pkgima_rpm_entries(files, &entries, NULL, &error), 0);
		assert_int_equal(entries.count, 0);
		rpmfilesFree(files);
	}
	assert_int_equal(sign(plain, done, &site.ec), 3);
	assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 3);
}

static void test_signatures_in_the_header_cannot_be_changed(void **state)
{
	static const char text[] = "its file signatures are in the header, as of rpm 4.14, where they cannot be changed";
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	const char *path = path_of("main");
	struct pkgima_error error;
	bool was_signed = false;
	size_t length, count;
	char *good = make_signature(false, &length);

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 1, .signatures = (const char **)&good, .signature_count = 1,
					     .main_signatures = true }, path);
	free(good);
	assert_int_equal(verify(path, PKGIMA_VERDICT_OK, NULL), 1);
	rpm = open_rpm(path);
	assert_int_equal(pkgima_signer_new(site.ec.key, site.ec.certificate, 1, &signer, &error), 0);
	assert_int_equal(pkgima_output_open(path_of("main-signed"), 0644, &output, &error), 0);
	assert_int_equal(pkgima_rpm_sign(rpm, signer, &output, &count, &error), -EOPNOTSUPP);
	assert_string_equal(error.text, text);
	assert_int_equal(pkgima_rpm_strip(rpm, &output, &was_signed, &error), -EOPNOTSUPP);
	assert_string_equal(error.text, text);
}

/* librpm itself would print what it finds wrong; here it is in the message. */
static void test_librpm_prints_nothing(void **state)
{
	const char *log = support_path(site.folder, "log"), *path = path_of("quiet");
	int before = dup(STDERR_FILENO), fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct pkgima_error error = { "" };
	struct pkgima_rpm *rpm = NULL;
	off_t printed;
	int r;

	(void)state;
	assert_true(before >= 0 && fd >= 0);
	rpm_maker_write(&(struct rpm_maker){ .files = 2, .one_mode = true }, path);
	dup2(fd, STDERR_FILENO);
	r = pkgima_rpm_open(path, &rpm, &error);
	printed = size_of(log);
	/* Afterwards it has its own voice again. */
	rpmlog(RPMLOG_ERR, "again\n");
	dup2(before, STDERR_FILENO);
	close(before);
	close(fd);
	assert_int_equal(r, -EINVAL);
	assert_non_null(strstr(error.text, "its list of files is malformed: Wrong number of entries for tag Filemodes"));
	assert_int_equal(printed, 0);
	assert_true(size_of(log) > 0);
}

static void test_no_files(void **state)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_package struct pkgima_package package = { 0 };
	const char *plain = path_of("none"), *done = path_of("none-signed");
	struct pkgima_error error;
	bool is_signed = false;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 0, .reserved = 64 }, plain);
	assert_int_equal(sign(plain, done, &site.ec), 0);
	assert_int_equal(verify(done, PKGIMA_VERDICT_OK, NULL), 0);
	assert_int_equal(pkgima_package_open(done, &package, &error), 0);
	assert_int_equal(package.format->check(package.file, site.trust, false, 1, &check, &is_signed, &error), 0);
	assert_true(is_signed);
}

/* Reads what is at @path in all ways: whatever comes of it, no signature is good that was not before. */
static void survive(const char *path)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_rpm_open(path, &rpm, &error) < 0 ||
	    pkgima_rpm_check(rpm, site.trust, true, 1, &check, &error) < 0)
		assert_true(error.text[0]);
}

static void test_cut_off(void **state)
{
	const char *plain = path_of("cut"), *done = path_of("cut-signed"), *cut = path_of("cut-off");
	uint8_t *bytes;
	size_t length;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 3, .reserved = 64 }, plain);
	sign(plain, done, &site.ec);
	bytes = support_read(done, &length);
	for (size_t i = 0; i < length; i += i < 1024 ? 1 : 7) {
		cleanup_rpm struct pkgima_rpm *rpm = NULL;
		struct pkgima_error error = { "" };

		support_write(cut, bytes, i, 0644);
		assert_true(pkgima_rpm_open(cut, &rpm, &error) < 0);
		/* Found before librpm takes memory for it. */
		if (!strstr(error.text, "cut off") && !strstr(error.text, "too short"))
			fail_msg("%zu bytes: %s", i, error.text);
	}
	free(bytes);
}

/* What protects the header is looked at, and what librpm says of it is escaped: it has the path in it. */
static void test_a_changed_header(void **state)
{
	const char *path = path_of("changed\033[31m");
	struct pkgima_error error = { "" };
	struct pkgima_rpm *rpm = NULL;
	uint8_t *bytes, *name;
	size_t length;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 1 }, path);
	bytes = support_read(path, &length);
	name = memmem(bytes, length, "/usr/lib/many/", 14);
	assert_non_null(name);
	name[1] = 'o';
	support_write(path, bytes, length, 0644);
	assert_int_equal(pkgima_rpm_open(path, &rpm, &error), -EINVAL);
	assert_non_null(strstr(error.text, "librpm cannot read its headers: package: Header SHA256 digest: BAD"));
	name[1] = 'u';
	/* The last region: its tag. */
	bytes[PKGIMA_RPM_LEAD + PKGIMA_RPM_INTRO] ^= 0x40;
	support_write(path, bytes, length, 0644);
	assert_int_equal(pkgima_rpm_open(path, &rpm, &error), -EINVAL);
	if (!strstr(error.text, "changed\\033[31m"))
		fail_msg("%s", error.text);
	free(bytes);
}

static void put_number(uint8_t *bytes, uint32_t number)
{
	number = htobe32(number);
	memcpy(bytes, &number, 4);
}

/* Every field of every index entry of the signature header, and its counts, with values that lie. */
static void test_lying_index(void **state)
{
	static const uint32_t lies[] = { 0, 1, 2, 6, 8, 9, 0x100, 0xffff, 0x10000, 0xfffff, 0x100000, 0x7fffffff, 0x80000000,
					 0xfffffff0, 0xffffffff };
	const char *plain = path_of("index"), *done = path_of("index-signed"), *lying = path_of("index-lying");
	uint8_t *bytes, *intro;
	uint32_t entries;
	size_t length;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 4, .reserved = 64, .no_digests = true }, plain);
	sign(plain, done, &site.ec);
	bytes = support_read(done, &length);
	intro = bytes + PKGIMA_RPM_LEAD;
	memcpy(&entries, intro + 8, 4);
	entries = be32toh(entries);
	assert_in_range(entries, 3, 10);
	/* The counts are the two fields before the first entry; tag, type, offset and count those of each. */
	for (uint32_t field = 0; field < 2 + 4 * entries; field++) {
		uint8_t kept[4];

		memcpy(kept, intro + 8 + 4 * field, 4);
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			put_number(intro + 8 + 4 * field, lies[i]);
			support_write(lying, bytes, length, 0644);
			survive(lying);
		}
		memcpy(intro + 8 + 4 * field, kept, 4);
	}
	free(bytes);
}

/* All bytes of a package with nothing that protects its header, one after the other. */
static void test_changed_bytes(void **state)
{
	const char *plain = path_of("bytes"), *done = path_of("bytes-signed"), *changed = path_of("bytes-changed");
	uint8_t *bytes;
	size_t length;

	(void)state;
	rpm_maker_write(&(struct rpm_maker){ .files = 2, .no_digests = true }, plain);
	sign(plain, done, &site.ec);
	bytes = support_read(done, &length);
	for (size_t i = 0; i < length; i++) {
		uint8_t kept = bytes[i];

		bytes[i] ^= (uint8_t)(1U << (i % 8));
		support_write(changed, bytes, length, 0644);
		survive(changed);
		bytes[i] = kept;
	}
	free(bytes);
}

static void test_no_rpm(void **state)
{
	static const uint8_t magic[200] = { 0xed, 0xab, 0xee, 0xdb };
	const char *path = path_of("none-at-all");
	struct pkgima_rpm *rpm = NULL;
	struct pkgima_error error;

	(void)state;
	assert_int_equal(pkgima_rpm_open(site.folder, &rpm, &error), -EINVAL);
	assert_string_equal(error.text, "it is no regular file");
	assert_int_equal(pkgima_rpm_open(support_path(site.folder, "absent"), &rpm, &error), -ENOENT);
	support_write_text(path, "text", 0644);
	assert_int_equal(pkgima_rpm_open(path, &rpm, &error), -EINVAL);
	assert_string_equal(error.text, "it is too short for an .rpm");
	support_write(path, magic, sizeof(magic), 0644);
	assert_int_equal(pkgima_rpm_open(path, &rpm, &error), -EINVAL);
	assert_string_equal(error.text, "it has no signature header, as packages of rpm before version 3");
	assert_null(rpm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_and_payload_keep_their_bytes),
		cmocka_unit_test(test_reserved_space_is_used_and_given_back),
		cmocka_unit_test(test_other_digests),
		cmocka_unit_test(test_hash_cannot_be_changed),
		cmocka_unit_test(test_formats_that_are_refused),
		cmocka_unit_test(test_what_others_wrote_is_read),
		cmocka_unit_test(test_a_file_without_a_digest_is_unsigned),
		cmocka_unit_test(test_a_hundred_thousand_files),
		cmocka_unit_test(test_states_hide_no_file),
		cmocka_unit_test(test_signatures_in_the_header_cannot_be_changed),
		cmocka_unit_test(test_librpm_prints_nothing),
		cmocka_unit_test(test_no_files),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_a_changed_header),
		cmocka_unit_test(test_lying_index),
		cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_no_rpm),
	};

	return cmocka_run_group_tests_name("rpm", tests, make_site, free_site);
}
