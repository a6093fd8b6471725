/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TESTS_SUPPORT_H
#define PKGIMA_TESTS_SUPPORT_H

/* What several unit tests share. A failure in here is a failure of the test that called. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/types.h>

#include <openssl/evp.h>

#include "certificate.h"
#include "entry.h"
#include "hash.h"
#include "trust.h"

/* Skips the test, visibly; where everything has to be there (PKGIMA_MUST_WORK=1) it fails. */
#define support_missing(what)                                                  \
	do {                                                                   \
		const char *must = getenv("PKGIMA_MUST_WORK");                 \
		print_message("# missing: %s\n", what);                        \
		if (must && *must)                                             \
			fail_msg("missing: %s", what);                         \
		skip();                                                        \
	} while (0)

/* A new temporary folder; support_remove() deletes it with all it has and frees the name. */
char *support_folder(void);
void support_remove(char *folder);

/* @folder, a slash, and the formatted name. The text stays as long as the process. */
const char *support_path(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes a file; missing folders are made. */
void support_write(const char *path, const void *data, size_t length, mode_t mode);
void support_write_text(const char *path, const char *text, mode_t mode);
/* The whole file, a NUL behind it; the caller's to free. */
uint8_t *support_read(const char *path, size_t *ret_length);
bool support_exists(const char *path);
/* Makes @path and what is missing above it. */
void support_make_folder(const char *path);
/* How many names a folder has, without "." and "..". */
size_t support_count_names(const char *path);

/* Runs a program found by PATH, its arguments up to NULL, stdout and stderr thrown away; its exit status. */
int support_run(const char *program, ...) __attribute__((sentinel));

/* From now on this process has mounts of its own. False where that is not permitted. */
bool support_own_mounts(void);

struct support_bytes {
	uint8_t *data;
	size_t length;
};
void support_append(struct support_bytes *bytes, const void *data, size_t length);
void support_bytes_free(struct support_bytes *bytes);
#define cleanup_bytes __attribute__((cleanup(support_bytes_free)))

/* A self-signed IMA key pair. */
struct support_key {
	EVP_PKEY *key;
	struct pkgima_certificate *certificate;
	char der[256];           /* path of the certificate */
};
void support_key_make(struct support_key *key, const char *folder, const char *name, const char *algorithm);
void support_key_free(struct support_key *key);
struct pkgima_trust *support_trust(const struct support_key *key, const struct support_key *second);

void support_digest(enum pkgima_hash hash, const void *data, size_t length, uint8_t digest[PKGIMA_DIGEST_MAX]);
/* A value of security.ima, in the memory of @entries. */
struct pkgima_value support_sign(const struct support_key *key, enum pkgima_hash hash, const uint8_t *digest,
				 struct pkgima_entries *entries);
/* Adds an entry for @content, signed by @key. */
struct pkgima_entry *support_add_entry(struct pkgima_entries *entries, const char *path, enum pkgima_entry_type type,
				       const void *content, size_t length, const struct support_key *key);
/* The manifest of @entries, which are sorted first. */
void support_manifest(struct pkgima_entries *entries, struct support_bytes *ret_text);

/* Tar archives and packages by the byte, also such as no program writes. */
struct support_tar_member {
	const char *name;
	char type;               /* '0' file, '1' hard link, '2' symbolic link, '5' folder, 'x' PAX, 'L' long name, … */
	const char *link;
	const void *content;
	size_t length;
	mode_t mode;             /* 0: 0644 */
	bool ustar;              /* POSIX's magic instead of GNU's */
};
void support_tar_add(struct support_bytes *tar, const struct support_tar_member *member);
void support_tar_file(struct support_bytes *tar, const char *name, const char *content);
void support_tar_link(struct support_bytes *tar, const char *name, const char *target);
void support_tar_end(struct support_bytes *tar);
void support_ar_start(struct support_bytes *ar);
void support_ar_add(struct support_bytes *ar, const char *name, const void *data, size_t length);
/* Writes a .deb of an uncompressed control and data archive. Without @control a small one is made. */
void support_deb(const char *path, const struct support_bytes *control, const struct support_bytes *data);

#endif
