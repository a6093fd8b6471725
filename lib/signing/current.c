// SPDX-License-Identifier: LGPL-2.1-or-later
#include "current.h"

#include <string.h>

#include "../deb.h"
#include "../io.h"
#include "../manifest.h"
#include "../rpm.h"

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

static bool deb_is_current(const struct pkgima_deb *source, const struct pkgima_deb *target,
			   const struct pkgima_entries *entries, enum pkgima_hash hash)
{
	__attribute__((cleanup(rest_free))) struct rest rest = { 0 };

	for (size_t i = 0; i < entries->count; i++)
		if (entries->list[i].hash != hash)
			return false;
	return read_rest(target, &rest) == 0 && lists_no_other(&rest, entries) &&
	       (source == target || same_deb(target, &rest, source));
}

static bool rpm_is_current(const struct pkgima_rpm *source, const struct pkgima_rpm *target,
			   const struct pkgima_entries *entries, const enum pkgima_hash *hash)
{
	off_t left = source->header_start, right = target->header_start;
	uint8_t a[4096], b[4096];

	if (hash && entries->count && entries->list[0].hash != *hash)
		return false;
	if (source == target)
		return true;
	if (source->payload_start - left != target->payload_start - right ||
	    source->size - left != target->size - right)
		return false;
	while (left < source->payload_start) {
		off_t all = source->payload_start - left;
		ssize_t length = all < (off_t)sizeof(a) ? (ssize_t)all : (ssize_t)sizeof(a);

		if (pkgima_pread_all(source->fd, a, (size_t)length, left) != length ||
		    pkgima_pread_all(target->fd, b, (size_t)length, right) != length || memcmp(a, b, (size_t)length) != 0)
			return false;
		left += length;
		right += length;
	}
	return true;
}

bool pkgima_package_is_current(const struct pkgima_package *source, const struct pkgima_package *target,
			       const struct pkgima_certificate *certificate, const enum pkgima_hash *hash,
			       unsigned int threads)
{
	/* A trust store of this certificate alone; borrowed, nothing of it is changed. */
	struct pkgima_trust_item item = { .certificate = (struct pkgima_certificate *)certificate,
					  .source = certificate->source };
	const struct pkgima_trust trust = { .items = &item, .count = 1 };
	cleanup_package_check struct pkgima_package_check check = { 0 };
	bool is_signed = false;

	if (source->format != target->format ||
	    target->format->check(target->file, &trust, false, threads, &check, &is_signed, NULL) < 0 || !is_signed)
		return false;
	for (size_t i = 0; i < check.entries.count; i++)
		if (check.results[i].verdict != PKGIMA_VERDICT_OK)
			return false;
	if (target->format == &pkgima_format_deb)
		return deb_is_current(source->file, target->file, &check.entries, hash ? *hash : PKGIMA_HASH_SHA256);
	return rpm_is_current(source->file, target->file, &check.entries, hash);
}
