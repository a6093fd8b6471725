// SPDX-License-Identifier: LGPL-2.1-or-later
/* An archive on its way to dpkg is followed alike, in whatever pieces it comes. */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../dpkg-hook/tar_stream.h"

#define BLOCK 512

struct archive {
	struct support_bytes bytes;
	size_t end;                  /* where dpkg stops, or where it can be followed no further */
	char *paths[64];
	size_t count;
};

static void add(struct archive *archive, char type, const char *name, const void *content, size_t length)
{
	support_tar_add(&archive->bytes, &(struct support_tar_member){
		.name = name, .type = type, .content = content, .length = length,
		.link = type == '1' || type == '2' ? "./target" : NULL, .mode = 0755 });
}

/* A member with a name of @length bytes (the "." in front not counted), which takes a header of its own. */
static void add_long(struct archive *archive, char type, size_t length, const void *content, size_t size)
{
	char *name = calloc(1, length + 2);

	assert_non_null(name);
	name[0] = '.';
	/* Parts are no longer than names can be. */
	for (size_t i = 1; i <= length; i++)
		name[i] = i % 200 == 1 && i < length ? '/' : (char)('a' + length % 26);
	add(archive, 'L', "././@LongLink", name, length + 2);
	add(archive, type, name, content, size);
	if (type == '0' || type == '1') {
		archive->paths[archive->count] = strdup(name + 1);
		assert_non_null(archive->paths[archive->count++]);
	}
	free(name);
}

static void add_short(struct archive *archive, char type, const char *name, const void *content, size_t size)
{
	add(archive, type, name, content, size);
	if (type == '0' || type == '1') {
		archive->paths[archive->count] = strdup(name + 1);
		assert_non_null(archive->paths[archive->count++]);
	}
}

static void make(struct archive *archive)
{
	static const size_t lengths[] = { 100, 101, 255, 510, 511, 512, 1022, 1023, 2000, 4094, 4095 };
	static const size_t sizes[] = { 0, 1, 511, 512, 513, 1024, 5000 };
	static char content[5000];

	memset(archive, 0, sizeof(*archive));
	/* Content that looks like an end, and like a header. */
	memset(content + 1024, 'x', sizeof(content) - 1024);
	add_short(archive, '5', "./", NULL, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char name[] = "./file0";

		name[6] = (char)('0' + i);
		add_short(archive, '0', name, content, sizes[i]);
	}
	add_short(archive, '2', "./symbolic", NULL, 0);
	add_short(archive, '1', "./hard", NULL, 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		add_long(archive, i % 3 == 2 ? '1' : '0', lengths[i], content, i % 3 == 2 ? 0 : i * 450);
	add_long(archive, '5', 300, NULL, 0);
	/* The same once more. */
	add_short(archive, '0', "./file0", content, BLOCK);
	archive->end = archive->bytes.length;
}

static void finish(struct archive *archive)
{
	support_tar_end(&archive->bytes);
	/* As much as GNU tar fills it up with; none of it counts. */
	support_tar_end(&archive->bytes);
	add(archive, '0', "./behind", NULL, 0);
}

static void archive_free(struct archive *archive)
{
	support_bytes_free(&archive->bytes);
	for (size_t i = 0; i < archive->count; i++)
		free(archive->paths[i]);
}

static void assert_files(const struct pkgima_tar_stream *stream, const struct archive *archive)
{
	const struct pkgima_entries *files = pkgima_tar_stream_files(stream);

	assert_int_equal(files->count, archive->count);
	for (size_t i = 0; i < files->count; i++) {
		assert_string_equal(files->list[i].path, archive->paths[i]);
		assert_int_equal(files->list[i].mode, S_IFREG | 0755);
	}
}

/*
 * Feeds it in pieces, of @piece blocks, or of which each has another length (@piece 0, by @seed). What the last call
 * gave; up to there 0 is given, and all is before the end.
 */
static int feed(struct pkgima_tar_stream *stream, const struct archive *archive, size_t piece, unsigned int seed,
		size_t *ret_end)
{
	struct pkgima_error error = { "" };
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < archive->bytes.length) {
		size_t length = (piece ? piece : (size_t)(rand_r(&seed) % 9 + 1)) * BLOCK, before = SIZE_MAX;

		if (length > archive->bytes.length - at)
			length = archive->bytes.length - at;
		/* In memory of its own, so that nothing beyond the piece is looked at unnoticed. */
		char *copy = malloc(length);

		assert_non_null(copy);
		memcpy(copy, archive->bytes.data + at, length);
		r = pkgima_tar_stream_feed(stream, copy, length, &before, &error);
		free(copy);
		assert_true(r != 0 || before == length);
		assert_true(r >= 0 || error.text[0]);
		at += before;
	}
	*ret_end = at;
	return r;
}

static void follow(const struct archive *archive, int expected)
{
	size_t whole = archive->bytes.length / BLOCK, end;

	for (size_t i = 1; i <= 100; i++) {
		struct pkgima_tar_stream *stream = pkgima_tar_stream_new();
		struct pkgima_error error;
		size_t piece = i <= 40 ? i : i == 41 ? whole - 1 : i == 42 ? whole : 0, before;

		assert_non_null(stream);
		assert_int_equal(feed(stream, archive, piece, (unsigned int)i, &end), expected);
		assert_int_equal(end, archive->end);
		assert_files(stream, archive);
		/* Once it is at its end nothing more is taken. */
		if (expected != 0)
			assert_int_equal(pkgima_tar_stream_feed(stream, archive->bytes.data, BLOCK, &before, &error),
					 -EINVAL);
		pkgima_tar_stream_free(stream);
	}
}

static void test_pieces(void **state)
{
	struct archive archive;

	(void)state;
	make(&archive);
	/* Without an end, all lies before it. */
	follow(&archive, 0);
	finish(&archive);
	follow(&archive, 1);
	archive_free(&archive);
}

/* Where it cannot be followed: at the header that is odd, or at the last block of a long name. */
static void test_broken(void **state)
{
	static const struct { char type; const char *name, *content; size_t length, behind; } all[] = {
		{ 'x', "./PaxHeaders/a", "20 path=./somewhere\n", 20, 0 },
		{ 'g', "./PaxHeaders/g", "20 path=./somewhere\n", 20, 0 },
		{ 'S', "./sparse", NULL, 0, 0 },
		{ '7', "./contiguous", NULL, 0, 0 },
		{ '0', "./usr//odd", NULL, 0, 0 },
		{ '0', "./usr/../odd", NULL, 0, 0 },
		{ '5', "./folder", "content", 7, 0 },
		{ 'L', "././@LongLink", "without NUL", 11, BLOCK },
		{ 'L', "././@LongLink", "two\0NULs", 9, BLOCK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct archive archive;

		make(&archive);
		add(&archive, all[i].type, all[i].name, all[i].content, all[i].length);
		archive.end += all[i].behind;
		add(&archive, '0', "./behind", NULL, 0);
		finish(&archive);
		follow(&archive, -EINVAL);
		archive_free(&archive);
	}
}

static void test_odd_lengths(void **state)
{
	static const size_t lengths[] = { 1, BLOCK - 1, BLOCK + 1 };
	struct pkgima_error error;
	struct archive archive;
	size_t before;

	(void)state;
	make(&archive);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct pkgima_tar_stream *stream = pkgima_tar_stream_new();

		assert_non_null(stream);
		assert_int_equal(pkgima_tar_stream_feed(stream, archive.bytes.data, lengths[i], &before, &error),
				 -EINVAL);
		pkgima_tar_stream_free(stream);
	}
	archive_free(&archive);
	pkgima_tar_stream_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_odd_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
