// SPDX-License-Identifier: LGPL-2.1-or-later
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "xz.h"

#define KIB 1024u
#define MIB (1024 * KIB)

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/*
 * Memory that ends: allocations are counted from memory_start() on, and the @nth fails, or it and all after it. A
 * sanitizer has an allocator of its own.
 */
static atomic_int allocations_left;
static atomic_bool allocations_counted, allocations_end;

static void memory_start(int nth, bool for_good)
{
	atomic_store(&allocations_left, nth);
	atomic_store(&allocations_end, for_good);
	atomic_store(&allocations_counted, true);
}

/* Tells whether one has failed. */
static bool memory_stop(void)
{
	atomic_store(&allocations_counted, false);
	return atomic_load(&allocations_left) <= 0;
}

#if !SANITIZED
static bool memory_ends(void)
{
	int left;

	if (!atomic_load(&allocations_counted))
		return false;
	left = atomic_fetch_sub(&allocations_left, 1);
	return left == 1 || (left < 1 && atomic_load(&allocations_end));
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);

void *malloc(size_t size)
{
	return memory_ends() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return memory_ends() ? NULL : __libc_calloc(count, size);
}
#endif

/* Bytes that grow; .xz data as well as what is in it. */
struct bytes {
	uint8_t *data;
	size_t length, room;
};

static void bytes_release(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){ 0 };
}
#define cleanup_bytes __attribute__((cleanup(bytes_release)))

static uint8_t *bytes_extend(struct bytes *bytes, size_t count)
{
	if (!bytes->data || bytes->room - bytes->length < count) {
		bytes->room = (bytes->length + count) * 2 + 64;
		bytes->data = realloc(bytes->data, bytes->room);
		assert_non_null(bytes->data);
	}
	bytes->length += count;
	return bytes->data + bytes->length - count;
}

static void bytes_append(struct bytes *bytes, const void *data, size_t count)
{
	uint8_t *at = bytes_extend(bytes, count);

	if (count)
		memcpy(at, data, count);
}

/* Bytes that can be compressed to about a tenth. */
static struct bytes make_plain(size_t length)
{
	struct bytes plain = { 0 };
	uint32_t state = 12345;
	uint8_t *at = bytes_extend(&plain, length);

	for (size_t i = 0; i < length; i++) {
		state = state * 1664525 + 1013904223;
		at[i] = i > 5000 && (i >> 7) % 12 ? at[i - 1 - (i >> 7) % 4999] : (uint8_t)(state >> 24);
	}
	return plain;
}

static void run_encoder(lzma_stream *stream, const struct bytes *plain, struct bytes *xz)
{
	uint8_t buffer[16 * KIB];
	lzma_ret code;

	stream->next_in = plain->data;
	stream->avail_in = plain->length;
	do {
		stream->next_out = buffer;
		stream->avail_out = sizeof(buffer);
		code = lzma_code(stream, LZMA_FINISH);
		assert_true(code == LZMA_OK || code == LZMA_STREAM_END);
		bytes_append(xz, buffer, sizeof(buffer) - stream->avail_out);
	} while (code == LZMA_OK);
	lzma_end(stream);
}

/* One block, without sizes in its header; none at all when there is nothing in it. */
static void append_single(struct bytes *xz, const struct bytes *plain)
{
	lzma_stream stream = LZMA_STREAM_INIT;

	assert_int_equal(lzma_easy_encoder(&stream, 1, LZMA_CHECK_CRC64), LZMA_OK);
	run_encoder(&stream, plain, xz);
}

/* Blocks as xz -T makes them, with sizes in their headers. */
static void append_multi(struct bytes *xz, const struct bytes *plain, size_t block_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	lzma_mt options = { .threads = 2, .block_size = block_size, .preset = 0, .check = LZMA_CHECK_CRC64 };

	assert_int_equal(lzma_stream_encoder_mt(&stream, &options), LZMA_OK);
	run_encoder(&stream, plain, xz);
}

/* Several blocks without sizes in their headers. */
static void append_flushed(struct bytes *xz, const struct bytes *plain, size_t block_size)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t buffer[16 * KIB];
	size_t left = plain->length;
	lzma_ret code;

	assert_int_equal(lzma_easy_encoder(&stream, 0, LZMA_CHECK_CRC64), LZMA_OK);
	stream.next_in = plain->data;
	do {
		stream.avail_in = left < block_size ? left : block_size;
		left -= stream.avail_in;
		do {
			stream.next_out = buffer;
			stream.avail_out = sizeof(buffer);
			code = lzma_code(&stream, left ? LZMA_FULL_FLUSH : LZMA_FINISH);
			bytes_append(xz, buffer, sizeof(buffer) - stream.avail_out);
		} while (code == LZMA_OK);
		assert_int_equal(code, LZMA_STREAM_END);
	} while (left);
	lzma_end(&stream);
}

/* A stream made by hand, for what no encoder makes. */
struct composer {
	struct bytes *xz;
	lzma_index *index;
	lzma_stream_flags flags;
	bool x86;
	bool lie_unpadded;        /* the index tells another length before the padding, and the same behind it */
};

static void compose_start(struct composer *composer, struct bytes *xz, lzma_check check)
{
	*composer = (struct composer){ .xz = xz, .index = lzma_index_init(NULL), .flags = { .check = check } };
	assert_non_null(composer->index);
	assert_int_equal(lzma_stream_header_encode(&composer->flags,
						   bytes_extend(xz, LZMA_STREAM_HEADER_SIZE)), LZMA_OK);
}

/* @lie is added to the size that the index tells. */
static void compose_block(struct composer *composer, const uint8_t *data, size_t length, int lie)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_X86 },
		{ .id = LZMA_FILTER_LZMA2, .options = &options },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	lzma_block block = {
		.version = 1, .check = composer->flags.check, .filters = composer->x86 ? filters : filters + 1,
	};
	size_t bound = lzma_block_buffer_bound(length), used = 0;
	uint8_t *at = bytes_extend(composer->xz, bound);
	lzma_vli unpadded;

	assert_false(lzma_lzma_preset(&options, 0));
	assert_int_equal(lzma_block_buffer_encode(&block, NULL, data, length, at, &used, bound), LZMA_OK);
	composer->xz->length -= bound - used;
	unpadded = lzma_block_unpadded_size(&block);
	if (composer->lie_unpadded)
		unpadded = unpadded % 4 == 1 ? unpadded + 1 : unpadded - 1;
	assert_int_equal(lzma_index_append(composer->index, NULL, unpadded, length + (size_t)lie), LZMA_OK);
}

static void compose_end(struct composer *composer)
{
	size_t size = lzma_index_size(composer->index), used = 0;
	uint8_t *at = bytes_extend(composer->xz, size);

	assert_int_equal(lzma_index_buffer_encode(composer->index, at, &used, size), LZMA_OK);
	assert_int_equal(used, size);
	composer->flags.backward_size = size;
	assert_int_equal(lzma_stream_footer_encode(&composer->flags,
						   bytes_extend(composer->xz, LZMA_STREAM_HEADER_SIZE)), LZMA_OK);
	lzma_index_end(composer->index, NULL);
}

static void compose(struct bytes *xz, const struct bytes *plain, size_t block_size, lzma_check check, bool x86)
{
	struct composer composer;

	compose_start(&composer, xz, check);
	composer.x86 = x86;
	for (size_t i = 0; i < plain->length; i += block_size)
		compose_block(&composer, plain->data + i,
			      plain->length - i < block_size ? plain->length - i : block_size, 0);
	compose_end(&composer);
}

/* Rewrites the block header at @offset with another size of dictionary; returns the offset of the next block. */
static size_t set_dictionary(struct bytes *xz, size_t offset, uint32_t size)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block block = { .version = 1, .check = LZMA_CHECK_CRC64, .filters = filters };

	block.header_size = lzma_block_header_size_decode(xz->data[offset]);
	assert_int_equal(lzma_block_header_decode(&block, NULL, xz->data + offset), LZMA_OK);
	assert_int_equal(filters[0].id, LZMA_FILTER_LZMA2);
	((lzma_options_lzma *)filters[0].options)->dict_size = size;
	assert_int_equal(lzma_block_header_encode(&block, xz->data + offset), LZMA_OK);
	lzma_filters_free(filters, NULL);
	return offset + lzma_block_total_size(&block);
}

/* What liblzma's own decoder makes of it. */
static lzma_ret decode_reference(const struct bytes *xz, struct bytes *plain)
{
	lzma_stream stream = LZMA_STREAM_INIT;
	uint8_t buffer[16 * KIB];
	lzma_ret code;

	assert_int_equal(lzma_stream_decoder(&stream, UINT64_MAX, LZMA_CONCATENATED), LZMA_OK);
	stream.next_in = xz->data;
	stream.avail_in = xz->length;
	do {
		stream.next_out = buffer;
		stream.avail_out = sizeof(buffer);
		code = lzma_code(&stream, LZMA_FINISH);
		bytes_append(plain, buffer, sizeof(buffer) - stream.avail_out);
	} while (code == LZMA_OK);
	lzma_end(&stream);
	return code;
}

/* A file with @xz at @offset and other bytes around it. */
static int make_file(const struct bytes *xz, off_t offset)
{
	int fd = memfd_create("test_xz", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "!<arch>\n", 8, 0), 8);
	assert_int_equal(pwrite(fd, xz->data, xz->length, offset), xz->length);
	assert_int_equal(pwrite(fd, "tail", 4, offset + (off_t)xz->length), 4);
	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	return fd;
}

/* Decodes and compares with @plain as it comes. Returns 0 or the error, which must stay and have a text. */
static int decode(int fd, off_t offset, size_t length, unsigned int threads, const struct bytes *plain,
		  struct pkgima_error *error)
{
	cleanup_xz struct pkgima_xz *xz = NULL;
	const void *data = NULL;
	size_t total = 0;
	ssize_t count;
	int r;

	memset(error, 0, sizeof(*error));
	r = pkgima_xz_open(fd, offset, length, threads, &xz, error);
	if (r < 0) {
		assert_null(xz);
		assert_true(error->text[0]);
		return r;
	}
	while ((count = pkgima_xz_read(xz, &data, error)) > 0) {
		size_t start = total;

		total += (size_t)count;
		if (plain && total <= plain->length && !memcmp(plain->data + start, data, (size_t)count))
			continue;
		/* Other bytes may come before an error, but not before the end. */
		while ((count = pkgima_xz_read(xz, &data, error)) > 0)
			;
		assert_true(count < 0 || !plain);
		break;
	}
	assert_int_equal(pkgima_xz_read(xz, &data, NULL), count);
	assert_true(count == 0 || error->text[0]);
	if (count == 0 && plain)
		assert_int_equal(total, plain->length);
	return (int)count;
}

/* Both ways must give @expected and, if not NULL, have @text in the message. */
static void expect(const struct bytes *xz, const struct bytes *plain, int expected, const char *text)
{
	cleanup_close int fd = make_file(xz, 100);
	struct pkgima_error error;

	for (unsigned int threads = 0; threads <= 3; threads++) {
		assert_int_equal(decode(fd, 100, xz->length, threads, plain, &error), expected);
		if (text && !strstr(error.text, text))
			fail_msg("'%s' lacks '%s'", error.text, text);
	}
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
}

/* Whatever the error: with an index, what is behind the stream is met first. */
static void expect_failure(const struct bytes *xz, const struct bytes *plain)
{
	cleanup_close int fd = make_file(xz, 100);
	struct pkgima_error error;

	for (unsigned int threads = 0; threads <= 3; threads++)
		assert_true(decode(fd, 100, xz->length, threads, plain, &error) < 0);
}

static void expect_like_reference(const struct bytes *xz, const struct bytes *plain)
{
	cleanup_bytes struct bytes reference = { 0 };

	assert_int_equal(decode_reference(xz, &reference), LZMA_STREAM_END);
	assert_int_equal(reference.length, plain->length);
	if (plain->length)
		assert_memory_equal(reference.data, plain->data, plain->length);
	expect(xz, &reference, 0, NULL);
}

static unsigned int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	unsigned int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void test_single_block(void **state)
{
	static const size_t lengths[] = { 1, 100, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 3 * MIB };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		cleanup_bytes struct bytes plain = make_plain(lengths[i]), xz = { 0 };

		append_single(&xz, &plain);
		expect_like_reference(&xz, &plain);
	}
}

static void test_many_blocks(void **state)
{
	static const struct { size_t length, block; } cases[] = {
		{ 20 * KIB, 4 * KIB },   { 20 * KIB + 1, 4 * KIB }, { 1 * MIB, 512 * KIB },
		{ 1 * MIB, 300 * KIB },  { 4 * MIB, 256 * KIB },    { 4 * MIB, 300 * KIB },
		{ 7 * MIB, 2 * MIB },    { 7 * MIB, 3 * MIB - 1 },  { 2 * MIB + 7, 2 * MIB },
		{ 300 * KIB, 1 * KIB },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_bytes struct bytes plain = make_plain(cases[i].length), xz = { 0 };

		append_multi(&xz, &plain, cases[i].block);
		expect_like_reference(&xz, &plain);
		xz.length = 0;
		append_flushed(&xz, &plain, cases[i].block);
		expect_like_reference(&xz, &plain);
	}
}

static void test_checks_and_filters(void **state)
{
	static const lzma_check checks[] = { LZMA_CHECK_NONE, LZMA_CHECK_CRC32, LZMA_CHECK_CRC64, LZMA_CHECK_SHA256 };
	cleanup_bytes struct bytes plain = make_plain(3 * MIB);

	(void)state;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		for (int x86 = 0; x86 < 2; x86++) {
			cleanup_bytes struct bytes xz = { 0 };

			compose(&xz, &plain, 200 * KIB, checks[i], x86);
			expect_like_reference(&xz, &plain);
		}
	}
}

static void test_blocks_too_large_to_share(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(34 * MIB), xz = { 0 };

	(void)state;
	append_multi(&xz, &plain, 33 * MIB);
	expect_like_reference(&xz, &plain);
}

static void test_uneven_and_empty_blocks(void **state)
{
	static const size_t lengths[] = { 0, 5, 0, 0, 700000, 1, 1, 2500000, 0, 3, 1300000, 90000, 0 };
	cleanup_bytes struct bytes plain = make_plain(4590010), xz = { 0 };
	struct composer composer;
	size_t at = 0;

	(void)state;
	compose_start(&composer, &xz, LZMA_CHECK_CRC64);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		compose_block(&composer, plain.data + at, lengths[i], 0);
		at += lengths[i];
	}
	compose_end(&composer);
	assert_int_equal(at, plain.length);
	expect_like_reference(&xz, &plain);
}

/* Some programs would go on with another stream, or pass over zeros. */
static void test_something_behind_the_stream(void **state)
{
	static const struct { const char *bytes; size_t length; } behind[] = {
		{ "\0\0\0\0", 4 }, { "\0", 1 }, { "neither zeros nor a stream", 24 }, { "\xfd" "7zXZ", 6 },
	};
	cleanup_bytes struct bytes plain = make_plain(500 * KIB), xz = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		cleanup_bytes struct bytes one = { 0 }, many = { 0 };

		append_single(&one, &plain);
		bytes_append(&one, behind[i].bytes, behind[i].length);
		expect_failure(&one, &plain);
		append_multi(&many, &plain, 64 * KIB);
		bytes_append(&many, behind[i].bytes, behind[i].length);
		expect_failure(&many, &plain);
	}
	append_multi(&xz, &plain, 64 * KIB);
	append_single(&xz, &plain);
	expect(&xz, &plain, -EINVAL, "something behind");
}

static void test_no_data(void **state)
{
	cleanup_bytes struct bytes plain = { 0 }, xz = { 0 }, none = { 0 };
	struct composer composer;

	(void)state;
	append_single(&xz, &plain);
	expect_like_reference(&xz, &plain);
	xz.length = 0;
	compose_start(&composer, &xz, LZMA_CHECK_CRC64);
	for (int i = 0; i < 3; i++)
		compose_block(&composer, (const uint8_t *)"", 0, 0);
	compose_end(&composer);
	expect_like_reference(&xz, &plain);
	bytes_extend(&none, 0);
	expect(&none, &plain, -ENODATA, "truncated");
}

static void test_not_xz(void **state)
{
	cleanup_bytes struct bytes xz = make_plain(100 * KIB);

	(void)state;
	expect(&xz, NULL, -EBADMSG, "does not begin");
}

/* Thousands of streams, each of which liblzma's index reader has to visit. */
static void test_many_streams(void **state)
{
	cleanup_bytes struct bytes plain = { 0 }, one = { 0 }, xz = { 0 };

	(void)state;
	append_single(&one, &plain);
	for (int i = 0; i < 50000; i++)
		bytes_append(&xz, one.data, one.length);
	expect(&xz, &plain, -EINVAL, "something behind");
}

/* Small data of each shape, to be damaged. Returns false behind the last. */
static bool make_shape(unsigned int shape, const struct bytes *plain, struct bytes *xz)
{
	xz->length = 0;
	switch (shape) {
	case 0:
		append_single(xz, plain);
		return true;
	case 1:
		append_multi(xz, plain, 4 * KIB);
		return true;
	case 2:
		append_flushed(xz, plain, 7 * KIB);
		return true;
	case 3:
		compose(xz, plain, 5 * KIB, LZMA_CHECK_SHA256, true);
		return true;
	default:
		return false;
	}
}

/* Every byte at both ends, every so many between. */
static size_t next_place(size_t at, size_t length)
{
	return at > 200 && at + 200 < length ? 37 : 1;
}

static void test_truncated(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(40 * KIB), xz = { 0 };

	(void)state;
	for (unsigned int shape = 0; make_shape(shape, &plain, &xz); shape++) {
		cleanup_close int fd = make_file(&xz, 12);
		struct pkgima_error error;

		for (size_t length = 0; length < xz.length; length += next_place(length, xz.length)) {
			cleanup_bytes struct bytes reference = { 0 };
			const struct bytes part = { .data = xz.data, .length = length };
			lzma_ret code = decode_reference(&part, &reference);
			int expected = code == LZMA_BUF_ERROR ? -ENODATA : -EBADMSG;

			assert_int_not_equal(code, LZMA_STREAM_END);
			for (unsigned int threads = 1; threads <= 2; threads++) {
				assert_int_equal(decode(fd, 12, length, threads, &plain, &error), expected);
				if (expected == -ENODATA)
					assert_non_null(strstr(error.text, "truncated"));
			}
		}
	}
}

/* The range is longer than the file: at open with the index, at the end without. */
static void test_truncated_file(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(40 * KIB), xz = { 0 };

	(void)state;
	for (unsigned int shape = 0; make_shape(shape, &plain, &xz); shape++) {
		cleanup_close int fd = make_file(&xz, 12);
		struct pkgima_error error;

		assert_int_equal(ftruncate(fd, 12 + (off_t)xz.length - 1), 0);
		for (unsigned int threads = 1; threads <= 2; threads++) {
			assert_int_equal(decode(fd, 12, xz.length, threads, &plain, &error), -ENODATA);
			assert_non_null(strstr(error.text, "truncated"));
		}
	}
}

static void test_file_truncated_while_read(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(9 * MIB), xz = { 0 };
	cleanup_xz struct pkgima_xz *reader = NULL;
	cleanup_close int fd = -1;
	struct pkgima_error error;
	const void *data;
	ssize_t count;

	(void)state;
	append_multi(&xz, &plain, 1 * MIB);
	fd = make_file(&xz, 0);
	assert_int_equal(pkgima_xz_open(fd, 0, xz.length, 2, &reader, &error), 0);
	assert_true(pkgima_xz_read(reader, &data, &error) > 0);
	assert_int_equal(ftruncate(fd, (off_t)xz.length / 2), 0);
	while ((count = pkgima_xz_read(reader, &data, &error)) > 0)
		;
	assert_int_equal(count, -ENODATA);
	assert_non_null(strstr(error.text, "truncated"));
}

static void test_flipped(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(40 * KIB), xz = { 0 };
	unsigned int refused = 0;

	(void)state;
	for (unsigned int shape = 0; make_shape(shape, &plain, &xz); shape++) {
		cleanup_close int fd = make_file(&xz, 12);
		struct pkgima_error error;

		for (size_t at = 0; at < xz.length; at += next_place(at, xz.length)) {
			uint8_t flipped = xz.data[at] ^ (uint8_t)(at % 3 ? 1u << at % 8 : 0xff);
			int result[2];

			assert_int_equal(pwrite(fd, &flipped, 1, 12 + (off_t)at), 1);
			/* decode() fails the test when other bytes are followed by success. */
			result[0] = decode(fd, 12, xz.length, 1, &plain, &error);
			result[1] = decode(fd, 12, xz.length, 2, &plain, &error);
			assert_int_equal(result[0] == 0, result[1] == 0);
			refused += result[0] != 0;
			assert_int_equal(pwrite(fd, xz.data + at, 1, 12 + (off_t)at), 1);
		}
		assert_int_equal(decode(fd, 12, xz.length, 2, &plain, &error), 0);
	}
	assert_true(refused > 1000);
}

/*
 * The check of the helper's last block is damaged. With some of these lengths the check is in another read of 64 KiB
 * than the last byte of data, which is then given out before the damage is known.
 */
static void test_check_behind_the_last_byte(void **state)
{
	cleanup_bytes struct bytes plain = { 0 };
	uint32_t number = 1;

	(void)state;
	bytes_extend(&plain, 64 * KIB);
	for (size_t i = 0; i < plain.length; i++) {
		number = number * 1664525 + 1013904223;
		plain.data[i] = (uint8_t)(number >> 24);
	}
	for (plain.length -= 100; plain.length < 64 * KIB; plain.length++) {
		cleanup_bytes struct bytes xz = { 0 };
		struct composer composer;

		compose_start(&composer, &xz, LZMA_CHECK_CRC64);
		compose_block(&composer, plain.data, 5, 0);
		compose_block(&composer, plain.data + 5, plain.length - 5, 0);
		xz.data[xz.length - 1] ^= 1;
		compose_end(&composer);
		expect(&xz, &plain, -EBADMSG, "corrupt");
	}
}

static void test_index_that_lies(void **state)
{
	static const int lies[][4] = {
		{ 1, -1, 0, 0 }, { 0, 0, -4096, 4096 }, { -1, 0, 0, 0 }, { 0, 0, 0, 1 }, { 0, 9, 0, 0 },
	};
	cleanup_bytes struct bytes plain = make_plain(256 * KIB);

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		cleanup_bytes struct bytes xz = { 0 };
		struct composer composer;

		compose_start(&composer, &xz, LZMA_CHECK_CRC64);
		for (size_t j = 0; j < 4; j++)
			compose_block(&composer, plain.data + j * 64 * KIB, 64 * KIB, lies[i][j]);
		compose_end(&composer);
		expect(&xz, &plain, -EBADMSG, "corrupt");
	}
	for (size_t i = 0; i < 4; i++) {
		cleanup_bytes struct bytes xz = { 0 };
		struct composer composer;

		compose_start(&composer, &xz, LZMA_CHECK_CRC64);
		for (size_t j = 0; j < 4; j++) {
			composer.lie_unpadded = i == j;
			compose_block(&composer, plain.data + j * 64 * KIB, 64 * KIB, 0);
		}
		compose_end(&composer);
		expect(&xz, &plain, -EBADMSG, "corrupt");
	}
}

static void test_unknown_check(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(100 * KIB), xz = { 0 };
	lzma_stream_flags flags;

	(void)state;
	compose(&xz, &plain, 30 * KIB, LZMA_CHECK_CRC32, false);
	assert_int_equal(lzma_stream_footer_decode(&flags, xz.data + xz.length - LZMA_STREAM_HEADER_SIZE), LZMA_OK);
	/* A reserved one, of the same size. */
	flags.check = 2;
	assert_int_equal(lzma_stream_header_encode(&flags, xz.data), LZMA_OK);
	assert_int_equal(lzma_stream_footer_encode(&flags, xz.data + xz.length - LZMA_STREAM_HEADER_SIZE), LZMA_OK);
	expect(&xz, &plain, -EOPNOTSUPP, "check");
}

static void test_memory_limit(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(200 * KIB), single = { 0 }, multi = { 0 };
	size_t second;

	(void)state;
	append_single(&single, &plain);
	set_dictionary(&single, LZMA_STREAM_HEADER_SIZE, 2048 * MIB);
	expect(&single, &plain, -EFBIG, "memory limit");
	append_multi(&multi, &plain, 50 * KIB);
	second = set_dictionary(&multi, LZMA_STREAM_HEADER_SIZE, 256 * MIB);
	if (!SANITIZED)
		expect(&multi, &plain, 0, NULL);
	set_dictionary(&multi, second, 2048 * MIB);
	if (!SANITIZED)
		expect(&multi, &plain, -EFBIG, "memory limit");
	set_dictionary(&multi, LZMA_STREAM_HEADER_SIZE, 64 * KIB);
	expect(&multi, &plain, -EFBIG, "memory limit");
}

/* The size of the dictionary is the header's word; two decoders that believe it would take twice as much as one. */
static void test_dictionary_is_not_believed(void **state)
{
	cleanup_bytes struct bytes plain = { 0 }, xz = { 0 };
	struct pkgima_error error;
	cleanup_close int fd = -1;
	struct rlimit limit;
	int status;
	pid_t child;

	(void)state;
	if (SANITIZED)
		skip();
	plain = make_plain(200 * KIB);
	append_multi(&xz, &plain, 50 * KIB);
	for (size_t at = LZMA_STREAM_HEADER_SIZE, i = 0; i < 4; i++)
		at = set_dictionary(&xz, at, 768 * MIB);
	fd = make_file(&xz, 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		getrlimit(RLIMIT_AS, &limit);
		limit.rlim_cur = 512 * MIB;
		setrlimit(RLIMIT_AS, &limit);
		if (decode(fd, 0, xz.length, 1, &plain, &error) != -ENOMEM)
			_exit(1);
		_exit(decode(fd, 0, xz.length, 2, &plain, &error) == 0 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Wherever memory ends, once or for good: the right bytes or -ENOMEM. */
static void test_tiny_memory(void **state)
{
	cleanup_bytes struct bytes plain = { 0 }, single = { 0 }, multi = { 0 };
	unsigned int failed = 0, survived = 0;

	(void)state;
	if (SANITIZED)
		skip();
	plain = make_plain(3 * MIB);
	append_single(&single, &plain);
	append_multi(&multi, &plain, 300 * KIB);
	for (unsigned int way = 0; way < 4; way++) {
		const struct bytes *xz = way & 1 ? &single : &multi;
		cleanup_close int fd = make_file(xz, 0);
		bool reached = true;

		for (int nth = 1; reached; nth++) {
			struct pkgima_error error;
			int r;

			memory_start(nth, way & 2);
			r = decode(fd, 0, xz->length, 2, &plain, &error);
			reached = memory_stop();
			assert_true(r == 0 || (r == -ENOMEM && strstr(error.text, "out of memory")));
			failed += r != 0;
			survived += r == 0 && reached;
		}
	}
	assert_true(failed > 10);
	assert_true(survived > 0);
}

/* A thread that was joined is still listed for a moment. */
static void wait_for_threads(unsigned int expected)
{
	for (int i = 0; i < 1000 && count_threads() != expected; i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	assert_int_equal(count_threads(), expected);
}

static void test_helper_starts_and_ends(void **state)
{
	/* More than fits into the ring: the helper cannot end before it is told to. */
	cleanup_bytes struct bytes plain = make_plain(9 * MIB), xz = { 0 };
	cleanup_close int fd = -1;
	unsigned int before;

	(void)state;
	append_multi(&xz, &plain, 1 * MIB);
	fd = make_file(&xz, 0);
	before = count_threads();
	for (unsigned int threads = 1; threads <= 2; threads++) {
		cleanup_xz struct pkgima_xz *reader = NULL;

		assert_int_equal(pkgima_xz_open(fd, 0, xz.length, threads, &reader, NULL), 0);
		assert_int_equal(count_threads(), before + threads - 1);
	}
	wait_for_threads(before);
}

static void test_free_early(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(9 * MIB), xz = { 0 };
	cleanup_close int fd = -1;
	unsigned int before;

	(void)state;
	pkgima_xz_free(NULL);
	append_multi(&xz, &plain, 1 * MIB);
	fd = make_file(&xz, 0);
	before = count_threads();
	for (unsigned int threads = 1; threads <= 2; threads++) {
		for (int reads = 0; reads < 40; reads++) {
			struct pkgima_xz *reader = NULL;
			struct pkgima_error error;
			const void *data;

			assert_int_equal(pkgima_xz_open(fd, 0, xz.length, threads, &reader, &error), 0);
			for (int i = 0; i < reads; i++)
				assert_true(pkgima_xz_read(reader, &data, &error) >= 0);
			/* Let the helper come to where it waits, sometimes. */
			if (reads % 4 == 1)
				nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
			pkgima_xz_free(reader);
		}
	}
	wait_for_threads(before);
}

static void test_free_after_error(void **state)
{
	cleanup_bytes struct bytes plain = make_plain(9 * MIB), xz = { 0 };

	(void)state;
	append_multi(&xz, &plain, 512 * KIB);
	for (size_t at = 1; at < 18; at += 4) {
		size_t where = xz.length / 18 * at;

		xz.data[where] ^= 0xff;
		expect(&xz, &plain, -EBADMSG, "corrupt");
		xz.data[where] ^= 0xff;
	}
}

static void test_arguments(void **state)
{
	struct pkgima_xz *reader = NULL;
	struct pkgima_error error;

	(void)state;
	assert_int_equal(pkgima_xz_open(-1, -1, 10, 2, &reader, &error), -EINVAL);
	assert_int_equal(pkgima_xz_open(-1, 1, INT64_MAX, 2, &reader, &error), -EINVAL);
	assert_int_equal(pkgima_xz_open(-1, 0, UINT64_MAX, 2, &reader, NULL), -EINVAL);
	assert_null(reader);
	assert_int_equal(decode(-1, 0, 100, 1, NULL, &error), -EBADF);
	assert_int_equal(decode(-1, 0, 100, 2, NULL, &error), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_block),
		cmocka_unit_test(test_many_blocks),
		cmocka_unit_test(test_checks_and_filters),
		cmocka_unit_test(test_blocks_too_large_to_share),
		cmocka_unit_test(test_uneven_and_empty_blocks),
		cmocka_unit_test(test_something_behind_the_stream),
		cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_not_xz),
		cmocka_unit_test(test_many_streams),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_truncated_file),
		cmocka_unit_test(test_file_truncated_while_read),
		cmocka_unit_test(test_flipped),
		cmocka_unit_test(test_check_behind_the_last_byte),
		cmocka_unit_test(test_index_that_lies),
		cmocka_unit_test(test_unknown_check),
		cmocka_unit_test(test_memory_limit),
		cmocka_unit_test(test_dictionary_is_not_believed),
		cmocka_unit_test(test_tiny_memory),
		cmocka_unit_test(test_helper_starts_and_ends),
		cmocka_unit_test(test_free_early),
		cmocka_unit_test(test_free_after_error),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests_name("xz", tests, NULL, NULL);
}
