/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_APPLY_H
#define PKGIMA_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "config.h"
#include "manager.h"
#include "trust.h"
#include "verdict.h"

/* What is said about one file, or about a whole package (path NULL), that is not as it should be. */
struct pkgima_finding {
	const char *package;           /* as its manager names it */
	bool package_is_signed;        /* it has signatures, be they of this file or not */
	const char *path;              /* raw; where the file really is */
	enum pkgima_verdict verdict;
	bool failed;                   /* it could not be found out, or not be written; the verdict says nothing */
	const char *reason;            /* one sentence, printable */
};

/* What became of a package. */
enum pkgima_outcome {
	PKGIMA_OUTCOME_FAILED,         /* a file could not be read or written, or none was looked at: worth another try */
	PKGIMA_OUTCOME_REFUSED,        /* something was found against it that trying again does not change */
	PKGIMA_OUTCOME_GOOD,
};

/* What is done with each file. */
enum pkgima_task {
	PKGIMA_TASK_APPLY,             /* its signature is put on it; a file that carries it already is not even read */
	PKGIMA_TASK_AUDIT,             /* it is checked: signature, content, and what it carries; nothing is written */
	PKGIMA_TASK_REPAIR,            /* the same, and its signature is put on it where that mends it */
	PKGIMA_TASK_LOOK,              /* only what it carries is looked at */
};

/* A file that was looked at. */
struct pkgima_look {
	const struct pkgima_installed *package; /* of the list that was given */
	const char *path;              /* raw; where the file really is */
	const struct pkgima_entry *entry;
	const struct stat *stat;
	struct pkgima_value value;     /* of its security.ima; no bytes: it has none */
	bool selected;                 /* the settings want a signature on it */
};

/* What an audit found in one package, or in several. */
struct pkgima_sums {
	size_t verdicts[PKGIMA_VERDICT_COUNT];
	size_t left_out, absent, failed, repaired;
};

struct pkgima_apply {
	enum pkgima_task task;
	int root_fd;
	const struct pkgima_manager *manager;
	void *database;                /* the manager's */
	const struct pkgima_trust *trust;
	const struct pkgima_config *config;
	unsigned int threads;          /* 0: all cores */
	/* Told of each finding, one at a time; and how far it is (may be NULL). */
	void (*report)(void *context, const struct pkgima_finding *finding);
	void (*progress)(void *context, size_t packages, size_t files);
	/* Is this file to be worked on? NULL: each is. By any thread. */
	bool (*is_wanted)(void *context, const struct stat *st);
	/* PKGIMA_TASK_LOOK: told of each file, one at a time. */
	void (*look)(void *context, const struct pkgima_look *look);
	void *context;
};

struct pkgima_apply_counts {
	size_t packages;       /* signed ones that were looked at */
	size_t applied;        /* files whose security.ima was written */
	size_t unchanged;      /* files that carried it already */
	size_t left_out;       /* not under `select` or `conffiles` */
	size_t edited;         /* conffiles whose content is no longer the package's */
	size_t absent;         /* not on disk (path-exclude, excluded documentation, or removed since) */
	size_t unsupported;    /* the file system takes no security.ima */
	size_t refused;        /* findings with a verdict: nothing was written */
	size_t failed;         /* findings without */
	size_t good;           /* PKGIMA_TASK_AUDIT, PKGIMA_TASK_REPAIR: files on which all is as it should be */
};

/*
 * Puts the signatures of these packages, a part of what the manager lists, on their files: verified first, on the
 * descriptor that was checked. A file that carries its signature already is left alone without reading it: nothing would
 * be written, and whether content and signature still fit is the kernel's question (and that of an audit).
 * @outcomes (may be NULL) gets one element per package.
 * Returns 0 when all were worked on, whatever was found; -errno when that was not possible.
 */
int pkgima_apply_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			  enum pkgima_outcome *outcomes, struct pkgima_apply_counts *counts, struct pkgima_error *error);

/*
 * The other tasks, which share all of it. They look at each file of each package, also at what its signatures leave out,
 * and at packages that have none. What has no entry with a signature is judged by what it carries itself, and so is an
 * edited conffile, which the administrator may have signed. NOT_APPLIED is a file that is as it was signed but for its
 * security.ima, MISSING_FILE one that should be there. @sums (may be NULL) gets one element per package.
 */
int pkgima_audit_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			  struct pkgima_sums *sums, struct pkgima_apply_counts *counts, struct pkgima_error *error);

#endif
