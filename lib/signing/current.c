// SPDX-License-Identifier: LGPL-2.1-or-later
#include "current.h"

#include <string.h>
#include <sys/mman.h>

#include "../deb.h"
#include "../io.h"
#include "../manifest.h"
#include "../rpm.h"
#include "deb_write.h"

/* So much of the end of a member is compared. */
#define TAIL ((size_t)16 * 1024)

/* What a control member has besides the manifest. */
struct rest {
	uint8_t digest[PKGIMA_DIGEST_MAX];  /* of all files' names and contents */
	uint8_t *md5sums;                   /* owned; a NUL behind it; NULL: there is none */
	size_t md5sums_length;
};

static void rest_free(struct rest *rest)
{
	free(rest->md5sums);
}

static int add_file(struct pkgima_tar *tar, const struct pkgima_tar_member *member, struct pkgima_hasher *hasher,
		    struct rest *rest)
{
	bool is_md5sums = !rest->md5sums && !strcmp(member->path, "/md5sums");
	cleanup_free uint8_t *content = NULL;
	size_t length = 0;
	int r;

	/* With its NUL, and its length in front of the content: no two lists of files give the same bytes. */
	r = pkgima_tar_read_whole(tar, member, PKGIMA_CONTROL_FILE_MAX, &content, &length, NULL);
	if (r == 0)
		r = pkgima_hasher_update(hasher, member->path, strlen(member->path) + 1, NULL);
	if (r == 0)
		r = pkgima_hasher_update(hasher, &length, sizeof(length), NULL);
	if (r == 0)
		r = pkgima_hasher_update(hasher, content, length, NULL);
	if (r == 0 && is_md5sums) {
		rest->md5sums = pkgima_steal_pointer(&content);
		rest->md5sums_length = length;
	}
	return r;
}

static int read_rest(const struct pkgima_deb *deb, struct rest *rest)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_hasher *hasher = pkgima_hasher_new();
	struct pkgima_tar_member member;
	int r = hasher ? pkgima_hasher_begin(hasher, PKGIMA_HASH_SHA256, NULL) : -1;

	if (r == 0)
		r = pkgima_deb_open_control(deb, &tar, NULL);
	while (r == 0 && (r = pkgima_deb_next_control(tar, &member, NULL)) == 1) {
		r = 0;
		if (member.regular && strcmp(member.path, "/" PKGIMA_MANIFEST_NAME) != 0)
			r = add_file(tar, &member, hasher, rest);
	}
	if (r == 0)
		r = pkgima_hasher_end(hasher, rest->digest, NULL);
	pkgima_hasher_free(hasher);
	return r;
}

/* Is every file that md5sums(1) printed a line for among @entries? Names that it had to escape are passed over. */
static bool lists_no_other(const struct rest *rest, const struct pkgima_entries *entries)
{
	const char *at = (const char *)rest->md5sums, *end = at + rest->md5sums_length;

	while (rest->md5sums && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);
		char path[PKGIMA_PATH_MAX + 2] = "/";

		/* 32 digits and two spaces. */
		if (length > 34 && length - 34 <= PKGIMA_PATH_MAX - 1 && *at != '\\') {
			memcpy(path + 1, at + 34, length - 34);
			if (!pkgima_entries_find(entries, path))
				return false;
		}
		at += length + 1;
	}
	return true;
}

static bool same_member(const struct pkgima_deb *a, const struct pkgima_ar_member *x, const struct pkgima_deb *b,
			const struct pkgima_ar_member *y)
{
	size_t length = x->size < TAIL ? (size_t)x->size : TAIL;
	uint8_t left[TAIL], right[TAIL];
	off_t from = (off_t)(x->size - length);

	if (memcmp(x->header, y->header, sizeof(x->header)) != 0 || x->size != y->size)
		return false;
	return pkgima_pread_all(a->fd, left, length, x->offset + from) == (ssize_t)length &&
	       pkgima_pread_all(b->fd, right, length, y->offset + from) == (ssize_t)length &&
	       !memcmp(left, right, length);
}

/* But for the manifest. */
static bool same_deb(const struct pkgima_deb *a, const struct rest *rest, const struct pkgima_deb *b)
{
	__attribute__((cleanup(rest_free))) struct rest other = { 0 };

	if (a->count != b->count || a->control != b->control)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (i != a->control && !same_member(a, &a->members[i], b, &b->members[i]))
			return false;
	return read_rest(b, &other) == 0 && !memcmp(rest->digest, other.digest, sizeof(rest->digest));
}

static bool same_bytes(int a, off_t left, int b, off_t right, off_t length)
{
	uint8_t x[4096], y[4096];

	while (length > 0) {
		ssize_t part = length < (off_t)sizeof(x) ? (ssize_t)length : (ssize_t)sizeof(x);

		if (pkgima_pread_all(a, x, (size_t)part, left) != part || pkgima_pread_all(b, y, (size_t)part, right) != part ||
		    memcmp(x, y, (size_t)part) != 0)
			return false;
		left += part;
		right += part;
		length -= part;
	}
	return true;
}

/* Is the control member what is written with these entries? Whoever builds a package anew writes another. */
static bool control_is_ours(const struct pkgima_deb *deb, const struct pkgima_entries *entries)
{
	const struct pkgima_ar_member *member = &deb->members[deb->control];
	cleanup_close int fd = memfd_create("control", MFD_CLOEXEC);
	off_t length = PKGIMA_AR_HEADER + (off_t)member->size;

	return fd >= 0 && pkgima_deb_write_control(deb, entries, fd, NULL) == 0 &&
	       lseek(fd, 0, SEEK_CUR) == length + (length & 1) &&
	       same_bytes(fd, 0, deb->fd, member->offset - PKGIMA_AR_HEADER, length);
}

static bool all_ok(const struct pkgima_package *package, const struct pkgima_certificate *certificate, bool payload,
		   unsigned int threads, struct pkgima_package_check *check)
{
	/* A trust store of this certificate alone; borrowed, nothing of it is changed. */
	struct pkgima_trust_item item = { .certificate = (struct pkgima_certificate *)certificate,
					  .source = certificate->source };
	const struct pkgima_trust trust = { .items = &item, .count = 1 };
	bool is_signed = false;

	if (package->format->check(package->file, &trust, payload, threads, check, &is_signed, NULL) < 0 || !is_signed)
		return false;
	for (size_t i = 0; i < check->entries.count; i++)
		if (check->results[i].verdict != PKGIMA_VERDICT_OK)
			return false;
	return true;
}

static bool deb_is_current(const struct pkgima_package *source, const struct pkgima_package *target,
			   const struct pkgima_certificate *certificate, enum pkgima_hash hash, unsigned int threads)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	__attribute__((cleanup(rest_free))) struct rest rest = { 0 };

	/* Without a list of its files only the data member itself tells which there are: such packages are rare. */
	if (read_rest(target->file, &rest) < 0 || !all_ok(target, certificate, !rest.md5sums, threads, &check))
		return false;
	for (size_t i = 0; i < check.entries.count; i++)
		if (check.entries.list[i].hash != hash)
			return false;
	return lists_no_other(&rest, &check.entries) && control_is_ours(target->file, &check.entries) &&
	       (source->file == target->file || same_deb(target->file, &rest, source->file));
}

static bool rpm_is_current(const struct pkgima_package *source, const struct pkgima_package *target,
			   const struct pkgima_certificate *certificate, const enum pkgima_hash *hash,
			   unsigned int threads)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	const struct pkgima_rpm *a = source->file, *b = target->file;
	off_t length = a->payload_start - a->header_start;

	if (!all_ok(target, certificate, false, threads, &check))
		return false;
	if (hash && check.entries.count && check.entries.list[0].hash != *hash)
		return false;
	return a == b || (length == b->payload_start - b->header_start &&
			  a->size - a->header_start == b->size - b->header_start &&
			  same_bytes(a->fd, a->header_start, b->fd, b->header_start, length));
}

bool pkgima_package_is_current(const struct pkgima_package *source, const struct pkgima_package *target,
			       const struct pkgima_certificate *certificate, const enum pkgima_hash *hash,
			       unsigned int threads)
{
	if (source->format != target->format)
		return false;
	if (target->format == &pkgima_format_deb)
		return deb_is_current(source, target, certificate, hash ? *hash : PKGIMA_HASH_SHA256, threads);
	return rpm_is_current(source, target, certificate, hash, threads);
}

bool pkgima_package_content_is_signed(const struct pkgima_package *package, const struct pkgima_certificate *certificate,
				      unsigned int threads)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };

	return all_ok(package, certificate, true, threads, &check);
}
