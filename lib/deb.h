/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_DEB_H
#define PKGIMA_DEB_H

#include <stdbool.h>

#include "ar.h"
#include "cleanup.h"
#include "control.h"
#include "entry.h"
#include "package_check.h"
#include "tar.h"
#include "trust.h"

/* A .deb that is read: deb(5). */
struct pkgima_deb {
	int fd;                  /* owned */
	char *name;              /* path, escaped, for messages; owned */
	struct pkgima_ar_member members[PKGIMA_AR_MEMBERS_MAX];
	size_t count;
	size_t control, data;    /* indices in members */
	enum pkgima_compression control_compression, data_compression;
};

/* Is what @fd holds a .deb, by its first bytes? */
bool pkgima_deb_probe(int fd);

/* Opens @path and checks what stands where in it; messages do not repeat the name. */
int pkgima_deb_open(const char *path, struct pkgima_deb **ret_deb, struct pkgima_error *error);
void pkgima_deb_free(struct pkgima_deb *deb);
PKGIMA_DEFINE_CLEANUP(pkgima_deb, struct pkgima_deb, pkgima_deb_free)
#define cleanup_deb PKGIMA_CLEANUP(pkgima_deb_cleanup)

/* The control or data archive, to be read once; the .deb must outlive it. @threads: 0 for all cores. */
int pkgima_deb_open_control(const struct pkgima_deb *deb, struct pkgima_tar **ret_tar, struct pkgima_error *error);
int pkgima_deb_open_data(const struct pkgima_deb *deb, unsigned int threads, struct pkgima_tar **ret_tar,
			 struct pkgima_error *error);

/*
 * pkgima_tar_next() for a control archive: that is a folder of files, since anything else could put another file into the
 * place of one that was looked at.
 */
int pkgima_deb_next_control(struct pkgima_tar *tar, struct pkgima_tar_member *member, struct pkgima_error *error);

/* Reads what is wanted of the control member; a file that is there twice or is no regular one is -EINVAL. */
int pkgima_deb_read_control(const struct pkgima_deb *deb, struct pkgima_control *control, struct pkgima_error *error);

/*
 * Verifies the manifest of a package: every signature, every maintainer script's content, and with @payload every
 * regular file's content; what has no entry is UNSIGNED (maintainer scripts always, files with @payload). A package
 * without a manifest has all its maintainer scripts UNSIGNED, and with @payload all its files.
 * *@ret_has_manifest tells whether there is one. A manifest that cannot be read is -EINVAL.
 */
int pkgima_deb_check(const struct pkgima_deb *deb, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, bool *ret_has_manifest, struct pkgima_error *error);

#endif
