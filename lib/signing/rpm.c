// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm.h"

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#include "../escape.h"
#include "../rpm_files.h"

/* lib/header.c: rpm_header_magic */
static const uint8_t header_magic[] = { 0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0 };

/* Those of the signature header are merged into librpm's view of the header. */
static bool is_in_main_header(const struct pkgima_rpm *rpm, Header signature, rpmTagVal tag)
{
	rpmTagVal merged = tag == RPMSIGTAG_FILESIGNATURES ? RPMTAG_FILESIGNATURES : RPMTAG_FILESIGNATURELENGTH;

	return headerIsEntry(rpm->header, merged) && !headerIsEntry(signature, tag);
}

/*
 * The signature header, loose: without the region that makes it one blob (headerCopy() leaves it out), so that tags can be
 * added and removed.
 * *@ret_size: its size as such (headerSizeof()).
 */
static int load_signature_header(const struct pkgima_rpm *rpm, Header *ret_header, unsigned int *ret_size,
				 struct pkgima_error *error)
{
	off_t at = PKGIMA_RPM_LEAD + (off_t)sizeof(header_magic);
	size_t length = (size_t)(rpm->header_start - at);
	cleanup_free uint8_t *blob = malloc(length);
	Header header, loose = NULL;
	struct rpmtd_s region;
	uint32_t counts[2];
	uint64_t size;

	if (!blob)
		return pkgima_fail(error, -ENOMEM, "no memory for its signature header");
	if (pkgima_pread_all(rpm->fd, blob, length, at) != (ssize_t)length)
		return pkgima_fail(error, -EIO, "cannot read its signature header");
	/* Its counts, of entries of 16 bytes and of bytes of data, say where its padding begins. */
	memcpy(counts, blob, sizeof(counts));
	size = sizeof(counts) + (uint64_t)be32toh(counts[0]) * 16 + be32toh(counts[1]);
	header = size <= length ? headerImport(blob, (unsigned int)size, HEADERIMPORT_COPY) : NULL;
	if (header && headerGet(header, RPMTAG_HEADERSIGNATURES, &region, HEADERGET_DEFAULT)) {
		Header whole = headerImport(region.data, region.count, HEADERIMPORT_COPY);

		/* A copy without what buggy tools have left. */
		if (whole)
			loose = headerCopy(whole);
		headerFree(whole);
		rpmtdFreeData(&region);
	} else if (header) {
		loose = headerCopy(header);
	}
	headerFree(header);
	if (!loose)
		return pkgima_fail(error, -EINVAL, "its signature header is malformed");
	if (is_in_main_header(rpm, loose, RPMSIGTAG_FILESIGNATURES) ||
	    is_in_main_header(rpm, loose, RPMSIGTAG_FILESIGNATURELENGTH)) {
		headerFree(loose);
		return pkgima_fail(error, -EOPNOTSUPP,
				   "its file signatures are in the header, as of rpm 4.14, where they cannot be changed");
	}
	*ret_size = headerSizeof(loose, HEADER_MAGIC_YES);
	*ret_header = loose;
	return 0;
}

/*
 * What was added is taken from the space that rpmbuild reserved, and what was removed is given to it, so that the file
 * keeps its size. Where the space is too small it is left as it is.
 */
static void adjust_reserved(Header header, unsigned int original)
{
	int64_t difference = (int64_t)headerSizeof(header, HEADER_MAGIC_YES) - original;
	struct rpmtd_s reserved;
	int64_t wanted;

	if (!difference || !headerGet(header, RPMSIGTAG_RESERVEDSPACE, &reserved, HEADERGET_MINMEM))
		return;
	wanted = (int64_t)reserved.count - difference;
	if (reserved.type == RPM_BIN_TYPE && wanted > 0 && wanted < original) {
		cleanup_free void *zeros = calloc((size_t)wanted, 1);

		if (zeros) {
			reserved.count = (rpm_count_t)wanted;
			reserved.data = zeros;
			headerMod(header, &reserved);
		}
	} else {
		rpmtdFreeData(&reserved);
	}
}

/* Takes @header over. */
static int write_package(const struct pkgima_rpm *rpm, Header header, int fd, struct pkgima_error *error)
{
	static const uint8_t zeros[8];
	cleanup_free void *blob = NULL;
	unsigned int length = 0;
	int r;

	/* One blob, with a region around all of it. */
	header = headerReload(header, RPMTAG_HEADERSIGNATURES);
	blob = header ? headerExport(header, &length) : NULL;
	headerFree(header);
	if (!blob)
		return pkgima_fail(error, -E2BIG, "no memory for a signature header, or more than rpm takes in one");
	r = pkgima_copy_bytes(rpm->fd, 0, PKGIMA_RPM_LEAD, fd, error);
	if (r < 0)
		return r;
	r = pkgima_write_all(fd, header_magic, sizeof(header_magic));
	if (r == 0)
		r = pkgima_write_all(fd, blob, length);
	if (r == 0)
		r = pkgima_write_all(fd, zeros, (8 - (sizeof(header_magic) + length) % 8) % 8);
	if (r < 0)
		return pkgima_fail(error, r, "cannot write: %s", strerror(-r));
	return pkgima_copy_bytes(rpm->fd, rpm->header_start, (uint64_t)(rpm->size - rpm->header_start), fd, error);
}

/* What was written has to be what rpm reads, the signatures too. */
static int read_back(const struct pkgima_output *output, const struct pkgima_entries *entries,
		     struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries written = { 0 };
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", output->fd);
	r = pkgima_rpm_open(path, &rpm, error);
	if (r == 0)
		r = pkgima_rpm_entries(rpm->files, &written, NULL, error);
	for (size_t i = 0; r == 0 && i < entries->count; i++) {
		const struct pkgima_value *ours = &entries->list[i].ima;

		if (written.count != entries->count || written.list[i].ima.length != ours->length ||
		    (ours->length && memcmp(written.list[i].ima.bytes, ours->bytes, ours->length) != 0))
			r = pkgima_fail(error, -EIO, "librpm reads other signatures than were written");
	}
	return r < 0 ? pkgima_fail_within(error, r, "the signed package cannot be used") : 0;
}

/* What is to be signed. *@ret_file_of (may be NULL): the file's index for each entry, the caller's. */
static int read_entries(const struct pkgima_rpm *rpm, struct pkgima_entries *entries, int **ret_file_of,
			struct pkgima_error *error)
{
	cleanup_free int *file_of = NULL;
	char safe[256];
	int r = pkgima_rpm_entries(rpm->files, entries, &file_of, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < entries->count; i++)
		if (!pkgima_rpm_has_digest(rpm->files, file_of[i]))
			return pkgima_fail(error, -EINVAL, "%s has no digest in the header",
					   pkgima_printable_into(entries->list[i].path, safe, sizeof(safe)));
	if (ret_file_of)
		*ret_file_of = pkgima_steal_pointer(&file_of);
	return 0;
}

int pkgima_rpm_digests(const struct pkgima_rpm *rpm, struct pkgima_entries *entries, struct pkgima_error *error)
{
	return read_entries(rpm, entries, NULL, error);
}

/* Entries that share a digest share the value. */
static int sign_entries(struct pkgima_entries *entries, struct pkgima_signer *signer, struct pkgima_error *error)
{
	cleanup_free const struct pkgima_value **values = calloc(entries->count + 1, sizeof(const struct pkgima_value *));
	char safe[256];
	int r = 0;

	if (!values)
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct pkgima_entry *entry = &entries->list[i];

		r = pkgima_signer_submit(signer, entry->hash, entry->digest, &values[i], error);
		if (r < 0)
			pkgima_fail_within(error, r, "%s", pkgima_printable_into(entry->path, safe, sizeof(safe)));
	}
	if (r == 0)
		r = pkgima_signer_wait(signer, error);
	for (size_t i = 0; i < entries->count && r == 0; i++)
		entries->list[i].ima = *values[i];
	return r;
}

/* These tags have no type in librpm's table, so that headerPutStringArray() and the like refuse them. */
static bool put_tag(Header header, rpmTagVal tag, rpmTagType type, void *data, size_t count)
{
	struct rpmtd_s value;

	rpmtdReset(&value);
	value.tag = tag;
	value.type = type;
	value.data = data;
	value.count = (rpm_count_t)count;
	return headerPut(header, &value, HEADERPUT_DEFAULT) == 1;
}

/* One string for each file of the header, an empty one where there is no signature. */
static int put_signatures(Header header, const struct pkgima_rpm *rpm, const struct pkgima_entries *entries,
			  const int *file_of, struct pkgima_error *error)
{
	size_t files = rpmfilesFC(rpm->files), size = 0;
	cleanup_free const char **strings = calloc(files + 1, sizeof(*strings));
	cleanup_free char *text = NULL;
	uint32_t longest = 0;
	char *at;

	for (size_t i = 0; i < entries->count; i++)
		size += 2 * entries->list[i].ima.length + 1;
	at = text = malloc(size + 1);
	if (!strings || !text)
		return pkgima_fail(error, -ENOMEM, "no memory for its signatures");
	for (size_t i = 0; i < files; i++)
		strings[i] = "";
	for (size_t i = 0; i < entries->count; i++) {
		const struct pkgima_value *value = &entries->list[i].ima;

		pkgima_hex(value->bytes, value->length, at);
		strings[file_of[i]] = at;
		at += 2 * value->length + 1;
		longest = value->length > longest ? (uint32_t)value->length : longest;
	}
	if (!put_tag(header, RPMSIGTAG_FILESIGNATURES, RPM_STRING_ARRAY_TYPE, strings, files) ||
	    !put_tag(header, RPMSIGTAG_FILESIGNATURELENGTH, RPM_INT32_TYPE, &longest, 1))
		return pkgima_fail(error, -E2BIG, "librpm does not take so many signatures");
	return 0;
}

int pkgima_rpm_sign(const struct pkgima_rpm *rpm, struct pkgima_signer *signer, struct pkgima_output *output,
		    size_t *ret_entries, struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_free int *file_of = NULL;
	unsigned int original = 0;
	Header header = NULL;
	int r;

	r = read_entries(rpm, &entries, &file_of, error);
	if (r == 0)
		r = sign_entries(&entries, signer, error);
	if (r == 0)
		r = load_signature_header(rpm, &header, &original, error);
	if (r < 0)
		return r;
	headerDel(header, RPMSIGTAG_FILESIGNATURES);
	headerDel(header, RPMSIGTAG_FILESIGNATURELENGTH);
	if (entries.count)
		r = put_signatures(header, rpm, &entries, file_of, error);
	if (r < 0) {
		headerFree(header);
		return r;
	}
	adjust_reserved(header, original);
	r = write_package(rpm, header, output->fd, error);
	if (r == 0)
		r = read_back(output, &entries, error);
	if (r == 0)
		*ret_entries = entries.count;
	return r;
}

int pkgima_rpm_strip(const struct pkgima_rpm *rpm, struct pkgima_output *output, bool *ret_was_signed,
		     struct pkgima_error *error)
{
	const struct pkgima_entries none = { 0 };
	unsigned int original = 0;
	Header header = NULL;
	int r;

	r = load_signature_header(rpm, &header, &original, error);
	if (r < 0)
		return r;
	*ret_was_signed = headerIsEntry(header, RPMSIGTAG_FILESIGNATURES);
	if (!*ret_was_signed) {
		headerFree(header);
		return 0;
	}
	headerDel(header, RPMSIGTAG_FILESIGNATURES);
	headerDel(header, RPMSIGTAG_FILESIGNATURELENGTH);
	adjust_reserved(header, original);
	r = write_package(rpm, header, output->fd, error);
	return r == 0 ? read_back(output, &none, error) : r;
}
