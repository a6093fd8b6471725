/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_MKINIT_H
#define PKGIMA_SIGNING_MKINIT_H

#include <time.h>

#include "../certificate.h"
#include "../dpkg.h"
#include "../entry.h"
#include "../rpmdb.h"

/*
 * A site's own ima-init: what the installed package ima-init has, with the site's CA certificate, certificates and policy
 * in it. The packages are made from one folder, by dpkg-deb and rpmbuild, and not signed yet. The same input gives the
 * same bytes. From an ima-init that rpm has installed there is no .deb: it would have no maintainer scripts.
 */
struct pkgima_mkinit {
	int root_fd;                     /* where ima-init is installed */
	const struct pkgima_dpkg *dpkg;  /* of that root, where dpkg has installed it; else NULL */
	struct pkgima_rpmdb *rpmdb;      /* the same of rpm */
	const char *init;                /* a file instead of that package's /ima/init, or NULL */
	const char *name;                /* of the site: begins the names of its certificates' files */
	unsigned long revision;          /* of the site's package, from 1 */
	time_t when;                     /* of all files: not later than now */
	const struct pkgima_certificate *ca;
	struct pkgima_certificate *const *certificates;  /* the first is the one whose key signs */
	size_t certificate_count;
	struct pkgima_value policy, policy_signature;    /* its text, and the value of security.ima for it */
};

/* Paths in the package. */
#define PKGIMA_MKINIT_INIT "/ima/init"
#define PKGIMA_MKINIT_POLICY "/etc/ima-init/policy"
#define PKGIMA_MKINIT_POLICY_SIGNATURE "/etc/ima-init/policy.sig"
#define PKGIMA_MKINIT_KERNEL_CERTIFICATE "/etc/keys/x509_ima.der"

/* 1 to 64 bytes of what a package's name may have: a-z, 0-9, '+', '-', '.', the first a letter or digit. */
bool pkgima_mkinit_name_is_good(const char *name);

/* -EINVAL where the CA certificate is none, or did not issue all certificates. Keys are pkgima_key_check()'s. */
int pkgima_mkinit_check(const struct pkgima_mkinit *mkinit, struct pkgima_error *error);

/* What is to be packed. */
struct pkgima_mkinit_tree {
	char *folder;          /* with the package's files, and its control files in DEBIAN; owned */
	int fd;                /* that folder; owned */
	char *version;         /* EPOCH:VERSION or EPOCH:VERSION-REVISION, owned */
	char *architecture;    /* as dpkg or rpm name it, owned */
	char *summary;         /* one line, owned */
	/* Of a template of rpm's: licence and dependencies, and its scriptlets, as lines of a spec file. Owned; else NULL. */
	char *preamble, *scriptlets;
	struct pkgima_entries files; /* path and mode of each file and symbolic link, DEBIAN not among them, sorted */
	struct pkgima_entries folders; /* paths of those that an .rpm is to own */
	size_t bytes;          /* of all that was copied into it */
};
void pkgima_mkinit_tree_free(struct pkgima_mkinit_tree *tree);
#define cleanup_mkinit_tree __attribute__((cleanup(pkgima_mkinit_tree_free)))

/*
 * Makes the tree as @work/tree; the caller removes @work with all it has. -ENOENT where no ima-init is installed.
 */
int pkgima_mkinit_make_tree(const struct pkgima_mkinit *mkinit, const char *work, struct pkgima_mkinit_tree *ret_tree,
			    struct pkgima_error *error);

/* Makes the package as *@ret_path, in @work. -ENOENT where dpkg-deb or rpmbuild is not installed. */
int pkgima_mkinit_build_deb(const struct pkgima_mkinit *mkinit, const struct pkgima_mkinit_tree *tree, const char *work,
			    char **ret_path, struct pkgima_error *error);
int pkgima_mkinit_build_rpm(const struct pkgima_mkinit *mkinit, const struct pkgima_mkinit_tree *tree, const char *work,
			    char **ret_path, struct pkgima_error *error);

#endif
