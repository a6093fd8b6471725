/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_MKINIT_TREE_H
#define PKGIMA_SIGNING_MKINIT_TREE_H

#include "mkinit.h"

/* The name of the package that the site's is made from, and of that one, too. */
#define PKGIMA_MKINIT_TEMPLATE "ima-init"

/* Makes a file of the tree, and the folders above it. What is below /DEBIAN is none of the package's files. */
int pkgima_mkinit_put(struct pkgima_mkinit_tree *tree, const char *path, const void *content, size_t length, mode_t mode,
		      struct pkgima_error *error);

/*
 * Takes over what the template has at @path of the root: a file or a symbolic link. Passed over are folders, with
 * @is_folder whatever is there; paths that are not normal; and what the site brings itself.
 */
int pkgima_mkinit_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, const char *path,
		       bool is_folder, struct pkgima_error *error);

/* One that the template owns, as rpm has it. What is no normal path is passed over. */
int pkgima_mkinit_note_folder(struct pkgima_mkinit_tree *tree, const char *path, struct pkgima_error *error);

/* Does the site bring it itself? */
bool pkgima_mkinit_is_replaced(const char *path);

/*
 * "1:" and the version of ima-init without an epoch, and without what an earlier site's package has put behind it. The
 * caller's; NULL without memory.
 */
char *pkgima_mkinit_version(const char *version, unsigned long revision);

/*
 * Where the template is installed by dpkg, or by rpm. First its files; then, when all are there, what the package says of
 * itself. -ENOENT where none is installed.
 */
int pkgima_mkinit_dpkg_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error);
int pkgima_mkinit_dpkg_describe(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
				struct pkgima_error *error);
int pkgima_mkinit_rpm_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error);
int pkgima_mkinit_rpm_describe(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
			       struct pkgima_error *error);

#endif
