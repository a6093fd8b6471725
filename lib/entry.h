/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_ENTRY_H
#define PKGIMA_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "hash.h"

/* Longest path in a package, without the final NUL; PATH_MAX of the kernel. */
#define PKGIMA_PATH_MAX 4095
/* More entries in one package are refused. */
#define PKGIMA_ENTRIES_MAX 1000000

enum pkgima_entry_type {
	PKGIMA_ENTRY_FILE = 'f',
	PKGIMA_ENTRY_CONFFILE = 'c',
	PKGIMA_ENTRY_SCRIPT = 's',  /* maintainer script: path is DEBIAN/NAME */
};

struct pkgima_value {
	const uint8_t *bytes;  /* NULL: there is none */
	size_t length;
};

/* One file of a package: what every stage takes and gives. All pointers belong to the list that the entry is in. */
struct pkgima_entry {
	const char *path;      /* absolute, normalised, raw bytes; DEBIAN/NAME for a maintainer script */
	enum pkgima_entry_type type;
	mode_t mode;           /* st_mode as the package has it, 0: not known (a manifest does not say) */
	uid_t uid;
	gid_t gid;
	uint64_t size;         /* in bytes; 0 where mode is 0 */
	enum pkgima_hash hash;
	uint8_t digest[PKGIMA_DIGEST_MAX]; /* pkgima_hash_size(hash) bytes of it */
	struct pkgima_value ima; /* value of security.ima */
	struct pkgima_value evm; /* value of security.evm */
};

/* A list of entries, and the memory that they point to. Zero-initialised it is empty. */
struct pkgima_entries {
	struct pkgima_entry *list;
	size_t count;
	size_t capacity;
	struct pkgima_chunk *chunks;
};

void pkgima_entries_free(struct pkgima_entries *entries);
#define cleanup_entries __attribute__((cleanup(pkgima_entries_free)))

/* A new, zeroed entry at the end (its address holds until the next call), or NULL without memory or at the maximum. */
struct pkgima_entry *pkgima_entries_add(struct pkgima_entries *entries);

/* A copy of @length bytes that lives as long as the list, with a NUL behind it; NULL without memory. */
void *pkgima_entries_keep(struct pkgima_entries *entries, const void *bytes, size_t length);

/* Sorts by the raw bytes of the path. */
void pkgima_entries_sort(struct pkgima_entries *entries);
/* In a sorted list: the entry with this path, or NULL. */
struct pkgima_entry *pkgima_entries_find(const struct pkgima_entries *entries, const char *path);

/* Absolute, no empty, "." or ".." component, no final slash, 2 to PKGIMA_PATH_MAX bytes. */
bool pkgima_path_is_normal(const char *path);
/* preinst postinst prerm postrm config: what dpkg and debconf exec. */
bool pkgima_script_is_known(const char *name);

/*
 * Brings a name from a tar archive ("./usr/bin/x", "usr/bin/x", a folder's with a final slash) into the form of an
 * entry's path. @output takes PKGIMA_PATH_MAX + 1 bytes. -EINVAL for ".." and the like, -ENAMETOOLONG; 0 with an empty
 * @output for the root itself.
 */
int pkgima_path_from_tar(const char *name, char *output);

#endif
