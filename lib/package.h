/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PACKAGE_H
#define PKGIMA_PACKAGE_H

#include <stdbool.h>

#include "cleanup.h"
#include "entry.h"
#include "error.h"
#include "package_check.h"
#include "trust.h"

/* What a package says of itself. All strings are the caller's. */
struct pkgima_package_info {
	char *name, *version, *architecture;
};
void pkgima_package_info_free(struct pkgima_package_info *info);
#define cleanup_package_info __attribute__((cleanup(pkgima_package_info_free)))

/* A package format: what the rest need not know. @file is what open() gave. */
struct pkgima_package_format {
	const char *suffix;       /* of files: ".deb" */
	bool (*probe)(int fd);
	int (*open)(const char *path, void **ret_file, struct pkgima_error *error);
	void (*close)(void *file);
	int (*descriptor)(const void *file);
	/* Its entries; *@ret_signed: it has a manifest, that is a list of signatures. */
	int (*read)(const void *file, struct pkgima_package_info *info, struct pkgima_entries *entries, bool *ret_signed,
		    struct pkgima_error *error);
	int (*check)(const void *file, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, bool *ret_signed, struct pkgima_error *error);
	/* Something that is no verdict but ought to be known, in one sentence; or NULL. @text takes @capacity bytes. */
	const char *(*remark)(const void *file, char *text, size_t capacity);
};

/* An open package of any format. */
struct pkgima_package {
	const struct pkgima_package_format *format;
	void *file;               /* struct pkgima_deb or struct pkgima_rpm, by the format */
};

extern const struct pkgima_package_format pkgima_format_deb, pkgima_format_rpm;

/* The format of what @fd holds, by its first bytes; NULL: none that is known. */
const struct pkgima_package_format *pkgima_package_probe(int fd);

/* The format that files with the name @path have; NULL: none that is known. */
const struct pkgima_package_format *pkgima_package_by_name(const char *path);

/*
 * Opens @path, whose first bytes tell the format; what none has is taken for what its name says it is, so that the message
 * fits. Messages do not repeat the name.
 */
int pkgima_package_open(const char *path, struct pkgima_package *ret_package, struct pkgima_error *error);
void pkgima_package_close(struct pkgima_package *package);
#define cleanup_package __attribute__((cleanup(pkgima_package_close)))

#endif
