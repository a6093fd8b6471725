/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_ROOT_H
#define PKGIMA_SIGNING_ROOT_H

#include <stdbool.h>

#include "../dpkg.h"
#include "../io.h"
#include "../manager.h"
#include "../rpmdb.h"
#include "../verdict.h"
#include "signer.h"

/*
 * Signatures for what is installed in a root and came without any: each file is held against what the package manager
 * recorded when it installed it, and what equals that gets a signature, in a manifest that stands where
 * pkgima_apply_packages() finds it. No file but manifests is written.
 */

/* What a manager recorded of a file. */
struct pkgima_record {
	const char *algorithm;         /* a name of it that OpenSSL knows; NULL: there is no digest */
	uint8_t digest[PKGIMA_DIGEST_MAX];
	unsigned int length;
	bool conffile;                 /* it may be edited */
};

/* What is asked of a manager beyond struct pkgima_manager. @context: what opened it. */
struct pkgima_root_source {
	const struct pkgima_manager *manager;
	void *database;                /* the manager's, borrowed */
	void *context;

	/* One record for each of @entries, which are as manager->read() gave them. */
	int (*record)(void *context, const struct pkgima_installed *package, const struct pkgima_entries *entries,
		      struct pkgima_record *records, struct pkgima_error *error);
	/* Where the package's manifest is to be written. */
	int (*create)(void *context, const struct pkgima_installed *package, struct pkgima_output *ret_output,
		      struct pkgima_error *error);
	/* Removes manifests of packages that are no longer installed; NULL where the manager does so itself. */
	int (*clean)(void *context, struct pkgima_error *error);
	void (*free)(void *context);
};

/*
 * They take the lock that the manager itself takes before it changes anything, and hold it until pkgima_root_source_free():
 * -EBUSY when it is taken.
 */
int pkgima_root_source_dpkg(struct pkgima_dpkg *dpkg, struct pkgima_root_source *ret_source, struct pkgima_error *error);
int pkgima_root_source_rpm(struct pkgima_rpmdb *rpmdb, struct pkgima_root_source *ret_source, struct pkgima_error *error);
void pkgima_root_source_free(struct pkgima_root_source *source);

/*
 * Locks the file @name in a folder as dpkg and rpm do (fcntl(2)), making it if need be. Returns a descriptor, which is the
 * lock, or -EBUSY, or another -errno. @what: for the message.
 */
int pkgima_root_lock(int folder_fd, const char *name, const char *what, struct pkgima_error *error);

/* A file that gets no signature, and why. */
struct pkgima_root_finding {
	const char *package;
	const char *path;              /* raw, where the file really is */
	enum pkgima_verdict verdict;   /* OK: it gets one, and was diverted from @diverted */
	bool failed;                   /* it could not be found out */
	const char *reason;            /* one sentence, printable */
	const char *diverted;          /* raw: the path that the package has, where it is another one; or NULL */
};

struct pkgima_root_sign {
	int root_fd;
	const struct pkgima_root_source *source;
	struct pkgima_signer *signer;
	const enum pkgima_hash *hash;  /* NULL: what the manager recorded if that can be signed, else SHA-256 */
	unsigned int threads;          /* 0: all cores */
	bool resign;                   /* also what has signatures by another key */
	void (*report)(void *context, const struct pkgima_root_finding *finding);
	void *context;
};

enum pkgima_root_outcome {
	PKGIMA_ROOT_FAILED,            /* with a reason */
	PKGIMA_ROOT_OTHER_KEY,         /* it has signatures, not all by this key: left as it is */
	PKGIMA_ROOT_NOTHING,           /* it has none, and there is no file that gets one */
	PKGIMA_ROOT_CURRENT,           /* this key has signed all that can be signed of it */
	PKGIMA_ROOT_SIGNED,
};

struct pkgima_root_result {
	enum pkgima_root_outcome outcome;
	size_t files;                  /* that were signed anew */
	size_t findings;               /* files that get no signature because of a verdict */
	size_t failures;               /* files that could not be read */
	struct pkgima_error error;     /* of PKGIMA_ROOT_FAILED */
};

/*
 * Works on these packages, a part of what the manager lists with all=true: as many as memory is to be had for at a time.
 * A signature by the signer's key that a package has stays, and its file is not read. @results has one element for each.
 * 0 when all were worked on, whatever was found; -errno otherwise.
 */
int pkgima_root_sign(const struct pkgima_root_sign *job, const struct pkgima_installed *packages, size_t count,
		     struct pkgima_root_result *results, struct pkgima_error *error);

#endif
