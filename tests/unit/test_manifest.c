// SPDX-License-Identifier: LGPL-2.1-or-later
/* The text of a manifest: one form only, fixed, and nothing that is hostile gets far. */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "manifest.h"
#include "signature.h"

#define FIRST "pkgima-manifest 1\n"
#define DIGEST "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define ENTRY(path) "sha256 " DIGEST " AwIE - f " path "\n"
#define SCRIPT(path) "sha256 " DIGEST " AwIE - s " path "\n"

#define LONG_DIGEST DIGEST "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

/* Format version 1 is fixed: this text is read, and written, as it is, for ever. */
static const char golden[] =
	FIRST
	"sha256 " DIGEST " AwIE - f /bin/x\n"
	"sha512 " LONG_DIGEST " AwIEAA== BQIE c /etc/a\\040b\\134\n"
	"sha256 " DIGEST " AwIEAAA= - f /usr/\303\244\n"
	"sha384 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f AwIE - s "
	"DEBIAN/postinst\n";

static int parse(const void *text, size_t length, struct pkgima_entries *entries, struct pkgima_error *error)
{
	/* A copy of just this size: a sanitizer then sees every byte that is read too far. */
	uint8_t *copy = malloc(length ? length : 1);
	int r;

	assert_non_null(copy);
	memcpy(copy, text, length);
	r = pkgima_manifest_parse(copy, length, entries, error);
	free(copy);
	return r;
}

static int append_text(void *context, const char *text, size_t length)
{
	support_append(context, text, length);
	return 0;
}

static void assert_written(const struct pkgima_entries *entries, const void *text, size_t length)
{
	cleanup_bytes struct support_bytes written = { 0 };
	struct pkgima_error error = { "" };

	if (pkgima_manifest_write(entries, append_text, &written, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(written.length, length);
	assert_memory_equal(written.data, text, length);
	assert_int_equal(pkgima_manifest_size(entries), length);
}

static void test_golden_bytes(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	const struct pkgima_entry *entry;

	(void)state;
	if (parse(golden, sizeof(golden) - 1, &entries, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(entries.count, 4);
	entry = &entries.list[1];
	assert_string_equal(entry->path, "/etc/a b\\");
	assert_int_equal(entry->type, PKGIMA_ENTRY_CONFFILE);
	assert_int_equal(entry->hash, PKGIMA_HASH_SHA512);
	assert_int_equal(entry->digest[63], 63);
	assert_int_equal(entry->ima.length, 4);
	assert_memory_equal(entry->ima.bytes, "\003\002\004\000", 4);
	assert_int_equal(entry->evm.length, 3);
	assert_memory_equal(entry->evm.bytes, "\005\002\004", 3);
	assert_null(entries.list[0].evm.bytes);
	assert_int_equal(entries.list[2].ima.length, 5);
	assert_int_equal(entries.list[3].type, PKGIMA_ENTRY_SCRIPT);
	assert_int_equal(entries.list[3].hash, PKGIMA_HASH_SHA384);
	assert_written(&entries, golden, sizeof(golden) - 1);
}

static void add(struct pkgima_entries *entries, const char *path, enum pkgima_entry_type type)
{
	static const uint8_t value[] = { 3, 2, 4 };
	struct pkgima_entry *entry = pkgima_entries_add(entries);

	assert_non_null(entry);
	entry->path = pkgima_entries_keep(entries, path, strlen(path));
	entry->type = type;
	entry->ima = (struct pkgima_value){ value, sizeof(value) };
}

static void assert_round_trip(struct pkgima_entries *entries)
{
	cleanup_entries struct pkgima_entries again = { 0 };
	cleanup_bytes struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };

	support_manifest(entries, &text);
	if (parse(text.data, text.length, &again, &error) < 0)
		fail_msg("%s", error.text);
	assert_int_equal(again.count, entries->count);
	for (size_t i = 0; i < again.count; i++) {
		assert_string_equal(again.list[i].path, entries->list[i].path);
		assert_int_equal(again.list[i].type, entries->list[i].type);
		assert_int_equal(again.list[i].hash, entries->list[i].hash);
		assert_memory_equal(again.list[i].digest, entries->list[i].digest, PKGIMA_DIGEST_MAX);
		assert_int_equal(again.list[i].ima.length, entries->list[i].ima.length);
		assert_memory_equal(again.list[i].ima.bytes, entries->list[i].ima.bytes, again.list[i].ima.length);
	}
	assert_written(&again, text.data, text.length);
}

static void test_round_trip_of_every_byte_in_names(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	char path[300] = "/all/";
	size_t length = strlen(path);

	(void)state;
	for (int byte = 1; byte < 256; byte++) {
		char one[] = { '/', 'd', '/', 'n', (char)byte, '\0' };

		if (byte == '/')
			continue;
		path[length++] = (char)byte;
		add(&entries, one, PKGIMA_ENTRY_FILE);
	}
	add(&entries, path, PKGIMA_ENTRY_CONFFILE);
	add(&entries, "DEBIAN/preinst", PKGIMA_ENTRY_SCRIPT);
	assert_int_equal(entries.count, 254 + 2);
	assert_round_trip(&entries);
}

static void test_round_trip_of_the_longest_line(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	static uint8_t value[PKGIMA_SIGNATURE_MAX];
	char path[PKGIMA_PATH_MAX + 1];
	struct pkgima_entry *entry;

	(void)state;
	memset(path, ' ', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	add(&entries, path, PKGIMA_ENTRY_FILE);
	entry = &entries.list[0];
	memset(value, 0xff, sizeof(value));
	entry->hash = PKGIMA_HASH_SHA512;
	entry->ima = entry->evm = (struct pkgima_value){ value, sizeof(value) };
	assert_round_trip(&entries);
}

static void test_no_entries(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };

	(void)state;
	assert_int_equal(parse(FIRST, strlen(FIRST), &entries, &error), 0);
	assert_int_equal(entries.count, 0);
	assert_written(&entries, FIRST, strlen(FIRST));
}

/* Whatever is accepted has exactly one form, so every change of a byte is refused, or is another manifest's own form. */
static void test_every_changed_byte_is_refused_or_canonical(void **state)
{
	static const char changes[] = "\0\n\r\t -=/.\\+0aAzgfcs\177\377";
	char text[sizeof(golden) - 1];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++) {
		for (size_t k = 0; k < sizeof(changes) - 1; k++) {
			cleanup_entries struct pkgima_entries entries = { 0 };
			struct pkgima_error error = { "" };

			memcpy(text, golden, sizeof(text));
			text[i] = changes[k];
			if (parse(text, sizeof(text), &entries, &error) == 0)
				assert_written(&entries, text, sizeof(text));
			else
				assert_non_null(strstr(error.text, "line "));
		}
	}
}

static void test_every_truncation_is_refused(void **state)
{
	(void)state;
	for (size_t length = 0; length < sizeof(golden) - 1; length++) {
		cleanup_entries struct pkgima_entries entries = { 0 };
		struct pkgima_error error = { "" };
		int r = parse(golden, length, &entries, &error);

		/* Cut between two lines it is a shorter manifest. */
		if (length >= strlen(FIRST) && golden[length - 1] == '\n')
			assert_int_equal(r, 0);
		else
			assert_int_equal(r, -EINVAL);
	}
}

struct refused {
	const char *name;
	const char *text;
	size_t length;
	const char *message;    /* the line number and what follows */
};

#define TEXT(text) text, sizeof(text) - 1

static const struct refused all_refused[] = {
	{ "nothing", TEXT(""), "line 1: it is not" },
	{ "version 2", TEXT("pkgima-manifest 2\n"), "line 1: it is not" },
	{ "version 10", TEXT("pkgima-manifest 10\n"), "line 1: it is not" },
	{ "no version", TEXT("pkgima-manifest\n"), "line 1: it is not" },
	{ "no version line", TEXT(ENTRY("/a")), "line 1: it is not" },
	{ "empty line first", TEXT("\n" FIRST), "line 1: it is not" },
	{ "byte order mark", TEXT("\357\273\277" FIRST), "line 1: it is not" },
	{ "CRLF in line 1", TEXT("pkgima-manifest 1\r\n"), "line 1: it is not" },
	{ "line 1 without end", TEXT("pkgima-manifest 1"), "line 1: it has no end" },
	{ "no final newline", TEXT(FIRST ENTRY("/a") "sha256 " DIGEST " AwIE - f /b"), "line 3: it has no end" },
	{ "CRLF", TEXT(FIRST ENTRY("/a\r")), "line 2: the path is not escaped" },
	{ "empty line", TEXT(FIRST ENTRY("/a") "\n" ENTRY("/b")), "line 3: there are not six fields" },
	{ "empty line last", TEXT(FIRST ENTRY("/a") "\n"), "line 3: there are not six fields" },
	{ "a comment", TEXT(FIRST "# x\n"), "line 2: unknown hash algorithm" },
	{ "five fields", TEXT(FIRST "sha256 " DIGEST " AwIE - f\n"), "line 2: there are not six fields" },
	{ "four fields", TEXT(FIRST "sha256 " DIGEST " AwIE -\n"), "line 2: there are not six fields" },
	{ "one field", TEXT(FIRST "sha256\n"), "line 2: there are not six fields" },
	{ "seven fields", TEXT(FIRST "sha256 " DIGEST " AwIE - f /a x\n"), "line 2: the path is not escaped" },
	{ "two spaces, 1", TEXT(FIRST "sha256  " DIGEST " AwIE - f /a\n"), "line 2: the digest has not the length" },
	{ "two spaces, 2", TEXT(FIRST "sha256 " DIGEST "  AwIE - f /a\n"), "line 2: a signature is empty" },
	{ "two spaces, 3", TEXT(FIRST "sha256 " DIGEST " AwIE  - f /a\n"), "line 2: a signature is empty" },
	{ "two spaces, 4", TEXT(FIRST "sha256 " DIGEST " AwIE -  f /a\n"), "line 2: the type is not" },
	{ "two spaces, 5", TEXT(FIRST "sha256 " DIGEST " AwIE - f  /a\n"), "line 2: the path is not escaped" },
	{ "space in front", TEXT(FIRST " " ENTRY("/a")), "line 2: unknown hash algorithm" },
	{ "space behind", TEXT(FIRST "sha256 " DIGEST " AwIE - f /a \n"), "line 2: the path is not escaped" },
	{ "tab", TEXT(FIRST "sha256\t" DIGEST " AwIE - f /a\n"), "line 2: unknown hash algorithm" },
	{ "unknown hash", TEXT(FIRST "sha1 0001020304050607080900010203040506070809 AwIE - f /a\n"),
	  "line 2: unknown hash algorithm" },
	{ "reserved hash", TEXT(FIRST "verity-sha256 " DIGEST " AwIE - f /a\n"), "line 2: unknown hash algorithm" },
	{ "hash in upper case", TEXT(FIRST "SHA256 " DIGEST " AwIE - f /a\n"), "line 2: unknown hash algorithm" },
	{ "hash with more", TEXT(FIRST "sha2566 " DIGEST " AwIE - f /a\n"), "line 2: unknown hash algorithm" },
	{ "empty digest", TEXT(FIRST "sha256  AwIE - f /a\n"), "line 2: the digest has not the length" },
	{ "short digest", TEXT(FIRST "sha256 0001 AwIE - f /a\n"), "line 2: the digest has not the length" },
	{ "digest of another hash", TEXT(FIRST "sha512 " DIGEST " AwIE - f /a\n"),
	  "line 2: the digest has not the length" },
	{ "long digest", TEXT(FIRST "sha256 " DIGEST "0 AwIE - f /a\n"), "line 2: the digest has not the length" },
	{ "digest in upper case",
	  TEXT(FIRST "sha256 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f AwIE - f /a\n"),
	  "line 2: the digest is not lower-case" },
	{ "digest of other letters",
	  TEXT(FIRST "sha256 g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f AwIE - f /a\n"),
	  "line 2: the digest is not lower-case" },
	{ "NUL in the digest",
	  TEXT(FIRST "sha256 \00000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f AwIE - f /a\n"),
	  "line 2: the digest is not lower-case" },
	{ "empty signature", TEXT(FIRST "sha256 " DIGEST "  - f /a\n"), "line 2: a signature is empty" },
	{ "- as a signature", TEXT(FIRST "sha256 " DIGEST " - - f /a\n"), "line 2: a signature is not base64" },
	{ "base64 without padding", TEXT(FIRST "sha256 " DIGEST " AwIEAA - f /a\n"), "line 2: a signature is not" },
	{ "base64 with half its padding", TEXT(FIRST "sha256 " DIGEST " AwIEAA= - f /a\n"),
	  "line 2: a signature is not" },
	{ "base64 with tab", TEXT(FIRST "sha256 " DIGEST " \tAwI - f /a\n"), "line 2: a signature is not" },
	{ "base64 with CR", TEXT(FIRST "sha256 " DIGEST " AwIEAwI\r - f /a\n"), "line 2: a signature is not" },
	{ "base64 with white space that makes a fourth", TEXT(FIRST "sha256 " DIGEST " \t\t\t\tAwIE - f /a\n"),
	  "line 2: a signature is not" },
	{ "base64 with bits beyond, 1", TEXT(FIRST "sha256 " DIGEST " AwIEAB== - f /a\n"),
	  "line 2: a signature is not" },
	{ "base64 with bits beyond, 2", TEXT(FIRST "sha256 " DIGEST " AwIEAAB= - f /a\n"),
	  "line 2: a signature is not" },
	{ "base64 with padding in the middle", TEXT(FIRST "sha256 " DIGEST " Aw==AwIE - f /a\n"),
	  "line 2: a signature is not" },
	{ "base64 of padding", TEXT(FIRST "sha256 " DIGEST " ==== - f /a\n"), "line 2: a signature is not" },
	{ "base64 for URLs", TEXT(FIRST "sha256 " DIGEST " Aw_- - f /a\n"), "line 2: a signature is not" },
	{ "NUL in base64", TEXT(FIRST "sha256 " DIGEST " AwI\000 - f /a\n"), "line 2: a signature is not" },
	{ "byte above 127 in base64", TEXT(FIRST "sha256 " DIGEST " AwI\304 - f /a\n"), "line 2: a signature is not" },
	{ "EVM is no base64", TEXT(FIRST "sha256 " DIGEST " AwIE -- f /a\n"), "line 2: a signature is not" },
	{ "EVM is empty", TEXT(FIRST "sha256 " DIGEST " AwIE  f /a\n"), "line 2: a signature is empty" },
	{ "type x", TEXT(FIRST "sha256 " DIGEST " AwIE - x /a\n"), "line 2: the type is not" },
	{ "type F", TEXT(FIRST "sha256 " DIGEST " AwIE - F /a\n"), "line 2: the type is not" },
	{ "type ff", TEXT(FIRST "sha256 " DIGEST " AwIE - ff /a\n"), "line 2: the type is not" },
	{ "empty path", TEXT(FIRST "sha256 " DIGEST " AwIE - f \n"), "line 2: the path is not absolute" },
	{ "relative", TEXT(FIRST ENTRY("usr/bin/x")), "line 2: the path is not absolute" },
	{ "./", TEXT(FIRST ENTRY("./usr")), "line 2: the path is not absolute" },
	{ "../", TEXT(FIRST ENTRY("../etc")), "line 2: the path is not absolute" },
	{ "/../", TEXT(FIRST ENTRY("/../etc")), "line 2: the path is not absolute" },
	{ "/a/../b", TEXT(FIRST ENTRY("/a/../b")), "line 2: the path is not absolute" },
	{ "/a/..", TEXT(FIRST ENTRY("/a/..")), "line 2: the path is not absolute" },
	{ "/a//b", TEXT(FIRST ENTRY("/a//b")), "line 2: the path is not absolute" },
	{ "//a", TEXT(FIRST ENTRY("//a")), "line 2: the path is not absolute" },
	{ "/a/./b", TEXT(FIRST ENTRY("/a/./b")), "line 2: the path is not absolute" },
	{ "/a/.", TEXT(FIRST ENTRY("/a/.")), "line 2: the path is not absolute" },
	{ "final slash", TEXT(FIRST ENTRY("/a/")), "line 2: the path is not absolute" },
	{ "the root", TEXT(FIRST ENTRY("/")), "line 2: the path is not absolute" },
	{ "tab in the path", TEXT(FIRST ENTRY("/a\tb")), "line 2: the path is not escaped" },
	{ "control byte in the path", TEXT(FIRST ENTRY("/a\001")), "line 2: the path is not escaped" },
	{ "escape byte in the path", TEXT(FIRST ENTRY("/a\033[2J")), "line 2: the path is not escaped" },
	{ "0x7f in the path", TEXT(FIRST ENTRY("/a\177")), "line 2: the path is not escaped" },
	{ "NUL in the path", TEXT(FIRST ENTRY("/a\000b")), "line 2: the path is not escaped" },
	{ "backslash in the path", TEXT(FIRST ENTRY("/a\\b")), "line 2: the path is not escaped" },
	{ "two backslashes", TEXT(FIRST ENTRY("/a\\\\b")), "line 2: the path is not escaped" },
	{ "escaped NUL", TEXT(FIRST ENTRY("/a\\000")), "line 2: the path is not escaped" },
	{ "escaped a", TEXT(FIRST ENTRY("/\\141")), "line 2: the path is not escaped" },
	{ "escaped slash", TEXT(FIRST ENTRY("/a\\057b")), "line 2: the path is not escaped" },
	{ "escaped 0x80", TEXT(FIRST ENTRY("/a\\200")), "line 2: the path is not escaped" },
	{ "escape beyond a byte", TEXT(FIRST ENTRY("/a\\440")), "line 2: the path is not escaped" },
	{ "escape of two digits", TEXT(FIRST ENTRY("/a\\40")), "line 2: the path is not escaped" },
	{ "escape cut off", TEXT(FIRST ENTRY("/a\\")), "line 2: the path is not escaped" },
	{ "hexadecimal escape", TEXT(FIRST ENTRY("/a\\x20")), "line 2: the path is not escaped" },
	{ "unknown script", TEXT(FIRST SCRIPT("DEBIAN/control")), "line 2: no maintainer script" },
	{ "script by its path", TEXT(FIRST SCRIPT("/usr/bin/x")), "line 2: no maintainer script" },
	{ "script without folder", TEXT(FIRST SCRIPT("postinst")), "line 2: no maintainer script" },
	{ "script of another folder", TEXT(FIRST SCRIPT("DEBIAN/../postinst")), "line 2: no maintainer script" },
	{ "script with a slash", TEXT(FIRST SCRIPT("/DEBIAN/postinst")), "line 2: no maintainer script" },
	{ "script's name for a file", TEXT(FIRST ENTRY("DEBIAN/postinst")), "line 2: the path is not absolute" },
	{ "not sorted", TEXT(FIRST ENTRY("/b") ENTRY("/a")), "line 3: the paths are not sorted" },
	{ "not sorted by bytes", TEXT(FIRST ENTRY("/\303\244") ENTRY("/z")), "line 3: the paths are not sorted" },
	{ "not sorted by what the escapes mean", TEXT(FIRST ENTRY("/a/b") ENTRY("/a\\040")),
	  "line 3: the paths are not sorted" },
	{ "scripts first", TEXT(FIRST SCRIPT("DEBIAN/config") ENTRY("/a")), "line 3: the paths are not sorted" },
	{ "twice", TEXT(FIRST ENTRY("/a") ENTRY("/a")), "line 3: the path is there twice" },
	{ "something behind", TEXT(FIRST ENTRY("/a") "\000"), "line 3: it has no end" },
};

static void assert_refused(const char *name, const void *text, size_t length, int code, const char *message)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	int r = parse(text, length, &entries, &error);

	if (r != code || !strstr(error.text, message))
		fail_msg("%s: %d and \"%s\" instead of %d and \"%s\"", name, r, error.text, code, message);
}

static void test_what_should_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all_refused) / sizeof(all_refused[0]); i++)
		assert_refused(all_refused[i].name, all_refused[i].text, all_refused[i].length, -EINVAL,
			       all_refused[i].message);
}

static void test_too_long_a_path_or_signature(void **state)
{
	static const size_t lengths[] = { PKGIMA_PATH_MAX + 1, 4 * PKGIMA_PATH_MAX, 4 * PKGIMA_PATH_MAX + 1 };
	char filler[4 * PKGIMA_PATH_MAX + 1];

	(void)state;
	memset(filler, 'A', sizeof(filler));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		cleanup_bytes struct support_bytes text = { 0 };

		support_append(&text, TEXT(FIRST "sha256 " DIGEST " AwIE - f /"));
		support_append(&text, filler, lengths[i] - 1);
		support_append(&text, "\n", 1);
		assert_refused("path", text.data, text.length, -EINVAL, "line 2: the path is too long");
	}
	/* 4098, 4097 bytes and far more. */
	for (size_t length = 5464; length <= 8000; length += 4) {
		cleanup_bytes struct support_bytes text = { 0 };

		support_append(&text, TEXT(FIRST "sha256 " DIGEST " "));
		support_append(&text, filler, length);
		if (length == 5468)
			memcpy(text.data + text.length - 8, "AAA=", 4);
		support_append(&text, TEXT(" - f /a\n"));
		assert_refused("signature", text.data, text.length, -EINVAL, "line 2: a signature is too long");
	}
}

static long peak_kib(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* @text is refused as too big, fast, and without growing by more than a few MiB. */
static void assert_too_big(const uint8_t *text, size_t length, const char *message)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	long before = peak_kib();
	double start = now();

	assert_int_equal(pkgima_manifest_parse(text, length, &entries, &error), -E2BIG);
	assert_true(now() - start < 5);
	assert_true(peak_kib() - before < 8 * 1024);
	if (!strstr(error.text, message))
		fail_msg("\"%s\" instead of \"%s\"", error.text, message);
	assert_int_equal(entries.count, 0);
}

static uint8_t *map(size_t length)
{
	uint8_t *text = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_true(text != MAP_FAILED);
	return text;
}

static void test_ten_million_lines(void **state)
{
	size_t length = strlen(FIRST) + 2 * 10000000;
	uint8_t *text = map(length);

	(void)state;
	memcpy(text, FIRST, strlen(FIRST));
	for (size_t i = strlen(FIRST); i < length; i += 2)
		memcpy(text + i, "x\n", 2);
	assert_too_big(text, length, "more than 1000000 entries");
	munmap(text, length);
}

static void test_one_line_above_the_count(void **state)
{
	size_t length = strlen(FIRST) + 2 * ((size_t)PKGIMA_ENTRIES_MAX + 1);
	uint8_t *text = map(length);

	(void)state;
	memcpy(text, FIRST, strlen(FIRST));
	for (size_t i = strlen(FIRST); i < length; i += 2)
		memcpy(text + i, "x\n", 2);
	assert_too_big(text, length, "more than 1000000 entries");
	/* One less, and the lines themselves are looked at. */
	assert_refused("count", text, length - 2, -EINVAL, "line 2: ");
	munmap(text, length);
}

static void test_a_line_of_a_gibibyte(void **state)
{
	size_t length = (size_t)1 << 30;
	uint8_t *text = map(length);

	(void)state;
	assert_too_big(text, length, "more than 268435456 bytes");
	assert_too_big(text, PKGIMA_MANIFEST_MAX + 1, "more than 268435456 bytes");
	assert_too_big(text, PKGIMA_MANIFEST_MAX, "line 1: more than 32768 bytes");
	memcpy(text, FIRST, strlen(FIRST));
	assert_too_big(text, PKGIMA_MANIFEST_MAX, "line 2: more than 32768 bytes");
	munmap(text, length);
}

static int fail_to_write(void *context, const char *text, size_t length)
{
	(void)text;
	(void)length;
	return *(int *)context;
}

static void assert_not_written(const struct pkgima_entries *entries, const char *message)
{
	cleanup_bytes struct support_bytes text = { 0 };
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_manifest_write(entries, append_text, &text, &error), -EINVAL);
	if (!strstr(error.text, message))
		fail_msg("\"%s\" instead of \"%s\"", error.text, message);
}

/* What could not be read again is not written. */
static void test_writer_refuses(void **state)
{
	static const struct { const char *path; enum pkgima_entry_type type; } bad[] = {
		{ "usr/bin/x", PKGIMA_ENTRY_FILE }, { "/a/../b", PKGIMA_ENTRY_FILE }, { "/a/", PKGIMA_ENTRY_CONFFILE },
		{ "", PKGIMA_ENTRY_FILE }, { "/a", PKGIMA_ENTRY_SCRIPT }, { "DEBIAN/x", PKGIMA_ENTRY_SCRIPT },
		{ "DEBIAN/postinst", PKGIMA_ENTRY_FILE }, { "/a", (enum pkgima_entry_type)'x' },
	};
	char path[4 * PKGIMA_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_entries struct pkgima_entries entries = { 0 };

		add(&entries, bad[i].path, bad[i].type);
		assert_not_written(&entries, "path");
	}
	{
		cleanup_entries struct pkgima_entries entries = { 0 };

		memset(path, ' ', sizeof(path) - 1);
		path[0] = '/';
		path[sizeof(path) - 1] = '\0';
		add(&entries, path, PKGIMA_ENTRY_FILE);
		assert_not_written(&entries, "path");
	}
	{
		cleanup_entries struct pkgima_entries entries = { 0 };
		static uint8_t value[PKGIMA_SIGNATURE_MAX + 1];

		add(&entries, "/b", PKGIMA_ENTRY_FILE);
		add(&entries, "/a", PKGIMA_ENTRY_FILE);
		assert_not_written(&entries, "not sorted");
		entries.list[1].path = "/b";
		assert_not_written(&entries, "twice");
		entries.list[1].path = "/c";
		entries.list[1].ima = (struct pkgima_value){ 0 };
		assert_not_written(&entries, "no signature");
		entries.list[1].ima = (struct pkgima_value){ value, 0 };
		assert_not_written(&entries, "no signature");
		entries.list[1].ima = (struct pkgima_value){ value, sizeof(value) };
		assert_not_written(&entries, "too long");
		entries.list[1].ima = entries.list[0].ima;
		entries.list[1].evm = (struct pkgima_value){ value, sizeof(value) };
		assert_not_written(&entries, "too long");
	}
}

static void test_writer_passes_the_failure_of_its_sink_on(void **state)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	int code = -ENOSPC;

	(void)state;
	add(&entries, "/a", PKGIMA_ENTRY_FILE);
	assert_int_equal(pkgima_manifest_write(&entries, fail_to_write, &code, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "No space left"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_round_trip_of_every_byte_in_names),
		cmocka_unit_test(test_round_trip_of_the_longest_line),
		cmocka_unit_test(test_no_entries),
		cmocka_unit_test(test_every_changed_byte_is_refused_or_canonical),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_what_should_fail),
		cmocka_unit_test(test_too_long_a_path_or_signature),
		cmocka_unit_test(test_ten_million_lines),
		cmocka_unit_test(test_one_line_above_the_count),
		cmocka_unit_test(test_a_line_of_a_gibibyte),
		cmocka_unit_test(test_writer_refuses),
		cmocka_unit_test(test_writer_passes_the_failure_of_its_sink_on),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
