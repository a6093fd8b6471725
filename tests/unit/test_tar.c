// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What readers of tar archives and decompressors take for different things is refused: each of these made a package look
 * well signed, and dpkg unpack something else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "io.h"
#include "support.h"
#include "tar.h"

static int make_file(const void *data, size_t length)
{
	int fd = memfd_create("test_tar", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pkgima_write_all(fd, data, length), 0);
	return fd;
}

/* Reads all of it. The number of members, or -errno and a text. */
static int read_archive(const void *data, size_t length, enum pkgima_compression compression,
			struct pkgima_error *error)
{
	cleanup_close int fd = make_file(data, length);
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r, count = 0;

	error->text[0] = '\0';
	r = pkgima_tar_open(fd, 0, length, compression, 2, &tar, error);
	while (r == 0 && (r = pkgima_tar_next(tar, &member, error)) == 1) {
		r = 0;
		count++;
	}
	assert_true(r >= 0 || error->text[0]);
	return r < 0 ? r : count;
}

static void fix_checksum(uint8_t *header)
{
	unsigned int sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < PKGIMA_TAR_BLOCK; i++)
		sum += header[i];
	snprintf((char *)header + 148, 8, "%06o", sum);
}

/* A file "./a", changed at one place of its header, and the end. */
static void test_header_fields(void **state)
{
	static const struct { const char *what; size_t at; const char *bytes; size_t length; const char *reason; } all[] = {
		{ "nothing", 0, "", 0, NULL },
		{ "numbers without NUL", 100, "00000644", 8, NULL },
		{ "base 256", 124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12, NULL },
		{ "spaces around", 100, " 644   ", 8, NULL },
		{ "no magic", 257, "\0\0\0\0\0\0\0\0", 8, "neither of GNU tar nor ustar" },
		{ "magic of others", 257, "ustar 00", 8, "neither of GNU tar nor ustar" },
		{ "magic, half", 257, "ustar\0\0\0", 8, "neither of GNU tar nor ustar" },
		{ "GNU's prefix", 345, "x", 1, "extensions of GNU tar" },
		{ "sparse map of GNU", 386, "00000000000", 11, "extensions of GNU tar" },
		{ "real size of GNU", 483, "00000000001", 11, "extensions of GNU tar" },
		{ "last byte", 511, "x", 1, "extensions of GNU tar" },
		{ "size, not octal", 124, "00000000009", 11, "malformed header" },
		{ "size, negative", 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "malformed header" },
		{ "size, huge", 124, "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", 12, "malformed header" },
		{ "size, only spaces", 124, "            ", 12, "malformed header" },
		{ "size, more behind", 124, "00001 00001", 11, "malformed header" },
		{ "uid, not octal", 108, "x", 1, "malformed header" },
		{ "mtime, negative", 136, "-1", 2, "malformed header" },
		{ "folder with content", 156, "5", 1, "has content, but is no file" },
		{ "hard link with content", 156, "1", 1, "has content, but is no file" },
		{ "symbolic link with content", 156, "2", 1, "has content, but is no file" },
		{ "FIFO with content", 156, "6", 1, "has content, but is no file" },
		{ "old type of a file", 156, "\0", 1, "has a type that dpkg does not unpack" },
		{ "contiguous", 156, "7", 1, "has a type that dpkg does not unpack" },
		{ "sparse", 156, "S", 1, "has a type that dpkg does not unpack" },
		{ "volume", 156, "V", 1, "has a type that dpkg does not unpack" },
		{ "PAX", 156, "x", 1, "one of PAX" },
		{ "PAX, global", 156, "g", 1, "one of PAX" },
		{ "no name", 0, "\0\0\0", 3, "malformed name" },
		{ "file with a slash", 3, "/", 1, "a regular file with the name ./a/" },
	};
	struct pkgima_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cleanup_bytes struct support_bytes tar = { 0 };
		int r;

		support_tar_file(&tar, "./a", "x");
		memcpy(tar.data + all[i].at, all[i].bytes, all[i].length);
		fix_checksum(tar.data);
		support_tar_end(&tar);
		r = read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error);
		if (all[i].reason ? r >= 0 || !strstr(error.text, all[i].reason) : r != 1)
			fail_msg("%s: %d, \"%s\"", all[i].what, r, error.text);
		/* And a byte that no field knows of. */
		tar.data[200] ^= 1;
		assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), -EINVAL);
	}
}

static void test_ustar_prefix(void **state)
{
	static const struct { const char *prefix, *name, *path; } all[] = {
		{ "", "./a", "/a" }, { "./usr", "a", "/usr/a" }, { "./usr/", "a", NULL }, { "/", "a", NULL },
		{ "./usr", "/a", NULL }, { "..", "a", NULL },
	};
	struct pkgima_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cleanup_bytes struct support_bytes data = { 0 };
		cleanup_tar struct pkgima_tar *tar = NULL;
		struct pkgima_tar_member member;
		cleanup_close int fd = -1;
		int r;

		support_tar_add(&data, &(struct support_tar_member){ .name = all[i].name, .type = '0', .ustar = true });
		strcpy((char *)data.data + 345, all[i].prefix);
		fix_checksum(data.data);
		support_tar_end(&data);
		fd = make_file(data.data, data.length);
		assert_int_equal(pkgima_tar_open(fd, 0, data.length, PKGIMA_COMPRESSION_NONE, 1, &tar, &error), 0);
		r = pkgima_tar_next(tar, &member, &error);
		assert_int_equal(r, all[i].path ? 1 : -EINVAL);
		if (all[i].path)
			assert_string_equal(member.path, all[i].path);
	}
}

#define LONG(kind, text, size) { .name = "././@LongLink", .type = kind, .content = text, .length = size }
#define FILE_A { .name = "./a", .type = '0', .content = "x", .length = 1 }

static void test_long_names(void **state)
{
	static const struct { const char *what; struct support_tar_member members[4]; int count; } all[] = {
		{ "a long name", { LONG('L', "./long", 7), FILE_A }, 1 },
		{ "a long link", { FILE_A, LONG('K', "./a", 4), { .name = "./b", .type = '1', .link = "./x" } }, 2 },
		{ "both", { FILE_A, LONG('K', "./a", 4), LONG('L', "./b", 4), { .name = "./c", .type = '1', .link = "./x" } }, 2 },
		{ "a link for a file", { LONG('K', "./b", 4), FILE_A }, -EINVAL },
		{ "twice", { LONG('L', "./b", 4), LONG('L', "./c", 4), FILE_A }, -EINVAL },
		{ "without NUL", { LONG('L', "./b", 3), FILE_A }, -EINVAL },
		{ "NUL inside", { LONG('L', "./b\0c", 6), FILE_A }, -EINVAL },
		{ "two NULs", { LONG('L', "./b\0", 5), FILE_A }, -EINVAL },
		{ "empty", { LONG('L', "", 1), FILE_A }, -EINVAL },
		{ "none", { LONG('L', "", 0), FILE_A }, -EINVAL },
		{ "at the end", { FILE_A, LONG('L', "./b", 4) }, -EINVAL },
		{ "a file with a slash", { LONG('L', "./b/", 5), FILE_A }, -EINVAL },
		{ "in ustar", { { .name = "x", .type = 'L', .content = "./b", .length = 4, .ustar = true }, FILE_A }, -EINVAL },
	};
	struct pkgima_error error;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		cleanup_bytes struct support_bytes tar = { 0 };
		int r;

		for (size_t k = 0; k < 4 && all[i].members[k].name; k++)
			support_tar_add(&tar, &all[i].members[k]);
		support_tar_end(&tar);
		r = read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error);
		if (r != all[i].count)
			fail_msg("%s: %d, \"%s\"", all[i].what, r, error.text);
	}
}

static void test_end(void **state)
{
	cleanup_bytes struct support_bytes tar = { 0 };
	static const uint8_t zeros[PKGIMA_TAR_BLOCK * 3];
	struct pkgima_error error;
	size_t content;

	(void)state;
	support_tar_file(&tar, "./a", "x");
	content = tar.length;
	assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), -EINVAL);
	support_append(&tar, zeros, PKGIMA_TAR_BLOCK);
	assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), 1);
	support_append(&tar, zeros, sizeof(zeros) - 1);
	assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), 1);
	support_append(&tar, "x", 1);
	assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), -EINVAL);
	assert_non_null(strstr(error.text, "something behind the archive's end"));
	/* A second archive behind the first. */
	tar.length = content;
	support_tar_end(&tar);
	support_tar_file(&tar, "./b", "x");
	support_tar_end(&tar);
	assert_int_equal(read_archive(tar.data, tar.length, PKGIMA_COMPRESSION_NONE, &error), -EINVAL);
	for (size_t length = 1; length < content + PKGIMA_TAR_BLOCK; length++)
		assert_int_equal(read_archive(tar.data, length, PKGIMA_COMPRESSION_NONE, &error), -EINVAL);
}

static void compress_gzip(const struct support_bytes *plain, struct support_bytes *output)
{
	z_stream stream = { 0 };
	uint8_t *buffer;
	size_t bound;

	assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bound = deflateBound(&stream, plain->length);
	buffer = malloc(bound);
	stream.next_in = plain->data;
	stream.avail_in = (uInt)plain->length;
	stream.next_out = buffer;
	stream.avail_out = (uInt)bound;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	support_append(output, buffer, stream.total_out);
	deflateEnd(&stream);
	free(buffer);
}

static void compress_zstd(const struct support_bytes *plain, struct support_bytes *output)
{
	size_t bound = ZSTD_compressBound(plain->length), length;
	uint8_t *buffer = malloc(bound);
	ZSTD_CCtx *context = ZSTD_createCCtx();

	ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
	length = ZSTD_compress2(context, buffer, bound, plain->data, plain->length);
	assert_false(ZSTD_isError(length));
	support_append(output, buffer, length);
	ZSTD_freeCCtx(context);
	free(buffer);
}

static void compress_xz(const struct support_bytes *plain, struct support_bytes *output)
{
	size_t bound = lzma_stream_buffer_bound(plain->length), length = 0;
	uint8_t *buffer = malloc(bound);

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, plain->data, plain->length, buffer, &length,
						 bound), LZMA_OK);
	support_append(output, buffer, length);
	free(buffer);
}

static const struct {
	const char *name;
	enum pkgima_compression compression;
	void (*compress)(const struct support_bytes *plain, struct support_bytes *output);
} compressions[] = {
	{ "gzip", PKGIMA_COMPRESSION_GZIP, compress_gzip },
	{ "zstd", PKGIMA_COMPRESSION_ZSTD, compress_zstd },
	{ "xz", PKGIMA_COMPRESSION_XZ, compress_xz },
};

static void test_compressed_streams(void **state)
{
	cleanup_bytes struct support_bytes tar = { 0 };
	uint8_t *content = malloc(300000);
	struct pkgima_error error;

	(void)state;
	for (size_t i = 0; i < 300000; i++)
		content[i] = (uint8_t)(i * i >> 7);
	support_tar_add(&tar, &(struct support_tar_member){ .name = "./a", .type = '0', .content = content, .length = 300000 });
	free(content);
	support_tar_end(&tar);
	for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		enum pkgima_compression compression = compressions[i].compression;
		cleanup_bytes struct support_bytes one = { 0 };
		size_t length;

		compressions[i].compress(&tar, &one);
		length = one.length;
		assert_int_equal(read_archive(one.data, length, compression, &error), 1);
		/* Not compressed at all: zlib's gzread() would give it as it is. */
		assert_true(read_archive(tar.data, tar.length, compression, &error) < 0);
		for (size_t cut = 0; cut < length; cut += cut < 64 || cut + 64 > length ? 1 : 997)
			assert_true(read_archive(one.data, cut, compression, &error) < 0);
		for (size_t at = 0; at < length; at += at < 64 || at + 64 > length ? 1 : 997) {
			int r;

			one.data[at] ^= 0x55;
			r = read_archive(one.data, length, compression, &error);
			one.data[at] ^= 0x55;
			/* gzip's header has bytes that mean nothing: time, flags of the compressor, system. */
			if (r >= 0 && !(compression == PKGIMA_COMPRESSION_GZIP && at >= 4 && at <= 9))
				fail_msg("%s: byte %zu changed, and taken", compressions[i].name, at);
		}
		support_append(&one, "\0\0\0\0", 4);
		assert_true(read_archive(one.data, one.length, compression, &error) < 0);
		one.length = length;
		compressions[i].compress(&tar, &one);
		assert_true(read_archive(one.data, one.length, compression, &error) < 0);
		/* An empty stream in front. */
		one.length = 0;
		compressions[i].compress(&(struct support_bytes){ .data = (uint8_t *)"" }, &one);
		assert_true(read_archive(one.data, one.length, compression, &error) < 0);
		compressions[i].compress(&tar, &one);
		assert_true(read_archive(one.data, one.length, compression, &error) < 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_fields),
		cmocka_unit_test(test_ustar_prefix),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_compressed_streams),
	};

	return cmocka_run_group_tests_name("tar", tests, NULL, NULL);
}
