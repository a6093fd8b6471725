/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_CHANGES_H
#define PKGIMA_SIGNING_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../error.h"

/*
 * What dpkg writes beside the packages that it builds: .changes (deb-changes(5)) and .buildinfo (deb-buildinfo(5)), which
 * have the sizes and checksums of files. Reader and writer are pure: bytes in, list out, and text out.
 */

/* Larger files are refused unread, longer lists when they are met. */
#define PKGIMA_CHANGES_MAX ((size_t)16 * 1024 * 1024)
#define PKGIMA_CHANGES_FILES_MAX 4096

/* Columns: C name, name of the field (of .changes; .buildinfo), OpenSSL's name, bytes. "Files" has md5 in a .changes. */
#define PKGIMA_CHECKSUMS(X)                             \
	X(MD5, "Checksums-Md5", "MD5", 16)              \
	X(SHA1, "Checksums-Sha1", "SHA1", 20)           \
	X(SHA256, "Checksums-Sha256", "SHA256", 32)     \
	X(SHA512, "Checksums-Sha512", "SHA512", 64)

enum pkgima_checksum {
#define X(name, field, openssl, size) PKGIMA_CHECKSUM_##name,
	PKGIMA_CHECKSUMS(X)
#undef X
	PKGIMA_CHECKSUM_COUNT
};
#define PKGIMA_CHECKSUM_MAX 64

/* Size and checksums of one file. Those that are not known are empty. */
struct pkgima_sums {
	uint64_t size;
	char hex[PKGIMA_CHECKSUM_COUNT][2 * PKGIMA_CHECKSUM_MAX + 1];
};

/* All of them for what @fd holds, from its start. */
int pkgima_sums_of(int fd, struct pkgima_sums *ret_sums, struct pkgima_error *error);
/* Has the file that @actual is of the size and each checksum that @listed has? */
bool pkgima_sums_match(const struct pkgima_sums *listed, const struct pkgima_sums *actual);

struct pkgima_listed {
	char *name;               /* of a file in the same folder: no slash, not hidden; owned */
	struct pkgima_sums sums;  /* as they are listed */
};

struct pkgima_changes {
	char *text;               /* without OpenPGP armour; owned */
	size_t length;
	bool has_openpgp;         /* it was clearsigned */
	struct pkgima_listed *files;
	size_t count;
};
void pkgima_changes_free(struct pkgima_changes *changes);
#define cleanup_changes __attribute__((cleanup(pkgima_changes_free)))

/*
 * Reads one, clearsigned or not; that signature is not verified. -EINVAL, with the line, for what is malformed, a name that
 * could lead elsewhere, sizes that contradict each other, a file without a SHA-256, or checksums of a kind that
 * pkgima_changes_update() could not correct.
 */
int pkgima_changes_parse(const uint8_t *data, size_t length, struct pkgima_changes *ret_changes,
			 struct pkgima_error *error);

/* The file of that name, or NULL. */
struct pkgima_listed *pkgima_changes_find(const struct pkgima_changes *changes, const char *name);

/*
 * The text again with sizes and checksums of the files in @changes->files as @find gives them; NULL from @find leaves a
 * file as it is listed. *@ret_text is the caller's; it equals the old one if nothing had to be corrected.
 */
int pkgima_changes_update(const struct pkgima_changes *changes,
			  const struct pkgima_sums *(*find)(void *context, const char *name), void *context,
			  char **ret_text, size_t *ret_length, struct pkgima_error *error);

#endif
