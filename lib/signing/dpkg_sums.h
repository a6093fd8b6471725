/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_DPKG_SUMS_H
#define PKGIMA_SIGNING_DPKG_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "../error.h"

/*
 * The digests that dpkg keeps, all MD5: info/….md5sums for a package's files, the field Conffiles of the status file for
 * conffiles, as they came with the package. Formats: dpkg's lib/dpkg/db-fsys-digest.c, deb-md5sums(5), and
 * lib/dpkg/fields.c. Parsers are pure: text in, list out.
 */
struct pkgima_dpkg_sum {
	const char *package, *architecture; /* of the status file; else NULL */
	const char *path;              /* absolute */
	uint8_t md5[16];
};

struct pkgima_dpkg_sums {
	char *text;                    /* ends with NUL; taken apart by the parser; owned */
	size_t length;
	struct pkgima_dpkg_sum *list;  /* sorted by path, owned */
	size_t count, capacity;
};
void pkgima_dpkg_sums_free(struct pkgima_dpkg_sums *sums);

/* -EINVAL, naming the line, for what dpkg would not read; -ENOMEM. */
int pkgima_dpkg_sums_parse(struct pkgima_dpkg_sums *sums, struct pkgima_error *error);
/* The conffiles of all packages; one whose digest is not known yet, as dpkg has it while it configures, has none. */
int pkgima_dpkg_sums_parse_status(struct pkgima_dpkg_sums *sums, struct pkgima_error *error);

/*
 * What is recorded of @path, or NULL; @instance: of this package, PKG or PKG:ARCH. Two records of one path, as a hostile
 * list may have them, are none.
 */
const struct pkgima_dpkg_sum *pkgima_dpkg_sums_find(const struct pkgima_dpkg_sums *sums, const char *instance,
						    const char *path);

#endif
