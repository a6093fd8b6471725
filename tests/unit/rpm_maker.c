// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_maker.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#define TAG_RPMFORMAT 5114

static const uint8_t header_magic[] = { 0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0 };

void rpm_maker_digest(size_t index, size_t size, char *hex)
{
	uint8_t bytes[PKGIMA_DIGEST_MAX];

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(index >> (8 * (i % 4))) ^ (uint8_t)(i * 37 + 1);
	pkgima_hex(bytes, size, hex);
}

static void put(Header header, int tag, rpmTagType type, const void *data, size_t count)
{
	struct rpmtd_s value;

	rpmtdReset(&value);
	value.tag = tag;
	value.type = type;
	value.data = (void *)data;
	value.count = (rpm_count_t)count;
	assert_int_equal(headerPut(header, &value, HEADERPUT_DEFAULT), 1);
}

static void put_number(Header header, int tag, uint32_t number)
{
	put(header, tag, RPM_INT32_TYPE, &number, 1);
}

/* Arrays of the same value for each file. */
static void put_same(Header header, int tag, rpmTagType type, const void *value, size_t size, size_t count)
{
	char *all = malloc(size * count);

	assert_non_null(all);
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * size, value, size);
	put(header, tag, type, all, count);
	free(all);
}

static void put_same_string(Header header, int tag, const char *value, size_t count)
{
	put_same(header, tag, RPM_STRING_ARRAY_TYPE, &value, sizeof(value), count);
}

static size_t digest_size(int algorithm)
{
	return algorithm == RPM_HASH_MD5 ? 16 : algorithm == RPM_HASH_SHA1 ? 20 : algorithm == RPM_HASH_SHA384 ? 48 :
	       algorithm == RPM_HASH_SHA512 ? 64 : 32;
}

static void make_digest(const struct rpm_maker *maker, size_t index, size_t size, char *hex)
{
	uint8_t digest[PKGIMA_DIGEST_MAX];

	if (!maker->list) {
		rpm_maker_digest(index, size, hex);
		return;
	}
	support_digest(PKGIMA_HASH_SHA256, maker->list[index].content, strlen(maker->list[index].content), digest);
	pkgima_hex(digest, size, hex);
}

static void put_names(Header header, const struct rpm_maker *maker, int algorithm)
{
	size_t count = maker->files, size = digest_size(algorithm);
	char (*names)[24] = calloc(count, sizeof(*names));
	char (*digests)[2 * PKGIMA_DIGEST_MAX + 1] = calloc(count, sizeof(*digests));
	const char **list = calloc(count, sizeof(*list));
	uint32_t *inodes = calloc(count, sizeof(*inodes));

	assert_true(names && digests && list && inodes);
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "%zu", i);
		list[i] = names[i];
		inodes[i] = maker->list && maker->list[i].inode ? maker->list[i].inode : (uint32_t)i + 1;
	}
	put(header, RPMTAG_BASENAMES, RPM_STRING_ARRAY_TYPE, list, count);
	put(header, RPMTAG_FILEINODES, RPM_INT32_TYPE, inodes, count);
	for (size_t i = 0; i < count; i++) {
		make_digest(maker, i, size, digests[i]);
		list[i] = maker->no_file_digest && i == count - 1 ? "" : digests[i];
	}
	put(header, RPMTAG_FILEDIGESTS, RPM_STRING_ARRAY_TYPE, list, count);
	free(names);
	free(digests);
	free(list);
	free(inodes);
}

static void put_kinds(Header header, const struct rpm_maker *maker)
{
	size_t count = maker->files;
	uint16_t *modes = calloc(count, sizeof(*modes));
	uint32_t *flags = calloc(count, sizeof(*flags));
	uint64_t *sizes = calloc(count, sizeof(*sizes));
	char *states = calloc(count, 1);

	assert_true(modes && flags && sizes && states);
	for (size_t i = 0; i < count; i++) {
		const struct rpm_maker_file *file = maker->list ? &maker->list[i] : NULL;

		modes[i] = file && file->mode ? file->mode : S_IFREG | 0644;
		flags[i] = file ? file->flags : 0;
		sizes[i] = !file ? 1 : file->size ? file->size : strlen(file->content);
		states[i] = RPMFILE_STATE_NOTINSTALLED;
	}
	put(header, RPMTAG_FILEMODES, RPM_INT16_TYPE, modes, maker->one_mode ? 1 : count);
	put(header, RPMTAG_FILEFLAGS, RPM_INT32_TYPE, flags, count);
	put(header, RPMTAG_LONGFILESIZES, RPM_INT64_TYPE, sizes, count);
	if (maker->states)
		put(header, RPMTAG_FILESTATES, RPM_CHAR_TYPE, states, count);
	free(modes);
	free(flags);
	free(sizes);
	free(states);
}

static void put_files(Header header, const struct rpm_maker *maker)
{
	int algorithm = maker->digest_algorithm ? maker->digest_algorithm : RPM_HASH_SHA256;
	const char *directory = maker->directory ? maker->directory : "/usr/lib/many/";
	const uint32_t zero = 0, one = 1, all = ~0U;
	const uint16_t rdev = 0;
	size_t count = maker->files;

	put_names(header, maker, algorithm);
	put(header, RPMTAG_DIRNAMES, RPM_STRING_ARRAY_TYPE, &directory, 1);
	put_same(header, RPMTAG_DIRINDEXES, RPM_INT32_TYPE, &zero, 4, count);
	put_kinds(header, maker);
	put_same(header, RPMTAG_FILERDEVS, RPM_INT16_TYPE, &rdev, 2, count);
	put_same(header, RPMTAG_FILEMTIMES, RPM_INT32_TYPE, &one, 4, count);
	put_same(header, RPMTAG_FILEVERIFYFLAGS, RPM_INT32_TYPE, &all, 4, count);
	put_same(header, RPMTAG_FILEDEVICES, RPM_INT32_TYPE, &one, 4, count);
	put_same_string(header, RPMTAG_FILELINKTOS, "", count);
	put_same_string(header, RPMTAG_FILELANGS, "", count);
	put_same_string(header, RPMTAG_FILEUSERNAME, "root", count);
	put_same_string(header, RPMTAG_FILEGROUPNAME, "root", count);
	put_number(header, RPMTAG_FILEDIGESTALGO, (uint32_t)algorithm);
}

/* Magic and blob, the region with @tag around it. */
static void append_header(struct support_bytes *bytes, Header header, int tag)
{
	unsigned int length = 0;
	void *blob;

	if (tag)
		header = headerReload(header, tag);
	assert_non_null(header);
	blob = headerExport(header, &length);
	assert_non_null(blob);
	support_append(bytes, header_magic, sizeof(header_magic));
	support_append(bytes, blob, length);
	free(blob);
	headerFree(header);
}

static Header make_header(const struct rpm_maker *maker)
{
	Header header = headerNew();

	headerPutString(header, RPMTAG_NAME, "many");
	headerPutString(header, RPMTAG_VERSION, "1");
	headerPutString(header, RPMTAG_RELEASE, "2");
	headerPutString(header, RPMTAG_ARCH, "noarch");
	headerPutString(header, RPMTAG_OS, "linux");
	headerPutString(header, RPMTAG_PAYLOADFORMAT, maker->payload_format ? maker->payload_format : "cpio");
	headerPutString(header, RPMTAG_PAYLOADCOMPRESSOR, maker->compressor ? maker->compressor : "gzip");
	put_number(header, RPMTAG_SIZE, (uint32_t)maker->files);
	if (maker->source)
		put_number(header, RPMTAG_SOURCEPACKAGE, 1);
	else
		headerPutString(header, RPMTAG_SOURCERPM, "many-1-2.src.rpm");
	if (maker->format)
		put_number(header, TAG_RPMFORMAT, maker->format);
	if (maker->files)
		put_files(header, maker);
	if (maker->main_signatures)
		put(header, RPMTAG_FILESIGNATURES, RPM_STRING_ARRAY_TYPE, maker->signatures, maker->signature_count);
	return header;
}

static void put_verity(Header signature, size_t count)
{
	const size_t size = 3 * 1024 * 1024;
	const char **list = calloc(count, sizeof(*list));
	char *longest = calloc(size + 1, 1);

	assert_true(list && longest);
	memset(longest, 'A', size);
	for (size_t i = 0; i < count; i++)
		list[i] = i ? "" : longest;
	put(signature, RPMSIGTAG_VERITYSIGNATURES, RPM_STRING_ARRAY_TYPE, list, count);
	free(list);
	free(longest);
}

void rpm_maker_write(const struct rpm_maker *maker, const char *path)
{
	static const uint8_t lead[96] = { 0xed, 0xab, 0xee, 0xdb, 3, 0, 0, 0, 0, 255, 'm', 'a', 'n', 'y', [77] = 1, [79] = 5 };
	static const uint8_t zeros[8];
	cleanup_bytes struct support_bytes header = { 0 }, package = { 0 };
	uint8_t digest[PKGIMA_DIGEST_MAX];
	char hex[2 * PKGIMA_DIGEST_MAX + 1];
	Header signature = headerNew();

	append_header(&header, make_header(maker), maker->no_region ? 0 : RPMTAG_HEADERIMMUTABLE);
	support_digest(PKGIMA_HASH_SHA256, header.data, header.length, digest);
	pkgima_hex(digest, 32, hex);
	if (!maker->no_digests)
		put(signature, RPMTAG_SHA256HEADER, RPM_STRING_TYPE, hex, 1);
	put_number(signature, RPMSIGTAG_SIZE, (uint32_t)header.length);
	if (maker->signature_count && !maker->main_signatures)
		put(signature, RPMSIGTAG_FILESIGNATURES, RPM_STRING_ARRAY_TYPE, maker->signatures, maker->signature_count);
	if (maker->verity)
		put_verity(signature, maker->files);
	if (maker->signature_length)
		put_number(signature, RPMSIGTAG_FILESIGNATURELENGTH, maker->signature_length);
	if (maker->reserved) {
		void *space = calloc(maker->reserved, 1);

		put(signature, RPMSIGTAG_RESERVEDSPACE, RPM_BIN_TYPE, space, maker->reserved);
		free(space);
	}
	support_append(&package, lead, sizeof(lead));
	append_header(&package, signature, RPMTAG_HEADERSIGNATURES);
	support_append(&package, zeros, (8 - package.length % 8) % 8);
	support_append(&package, header.data, header.length);
	if (maker->payload)
		support_append(&package, maker->payload->data, maker->payload->length);
	support_write(path, package.data, package.length, 0644);
}
