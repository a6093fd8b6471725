/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PREDICT_H
#define PKGIMA_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "appraise.h"
#include "critical.h"

/*
 * Which files of a root would a kernel with this policy deny? Each file is asked for what can be done with it: what has an x
 * bit is executed, and with it its interpreter or loader; ELF objects are mapped, modules, firmware, kernels, initramfs and
 * policies are loaded by their places, and every file is opened to be read. Asked by root, and by users and groups that
 * rules tell apart. Libraries are judged each for itself: what a program needs is not followed.
 *
 * Not decidable, and said so: labels of an LSM, a file system whose UUID is not known, signatures by EVM, for fs-verity and
 * appended ones, compressed modules (which are loaded from memory), hash algorithms that are not handled here.
 */
struct pkgima_predict {
	int root_fd;
	const struct pkgima_ima_policy *policy;
	const struct pkgima_trust *trust;
	struct pkgima_ima_kernel kernel;
	unsigned int threads;          /* 0: all cores */
	void (*progress)(void *context, size_t files);           /* may be NULL */
	void (*passed)(void *context, const char *sentence);     /* what was not looked at; may be NULL */
	void *context;
};

/* What is done with a file. */
#define PKGIMA_USES(X)                        \
	X(EXECUTE, "execute")                 \
	X(MAP, "map")                         \
	X(READ, "read")                       \
	X(MODULE, "load-module")              \
	X(FIRMWARE, "load-firmware")          \
	X(KEXEC, "kexec")                     \
	X(INITRAMFS, "kexec-initramfs")       \
	X(POLICY, "load-policy")

enum pkgima_use {
#define X(name, word) PKGIMA_USE_##name,
	PKGIMA_USES(X)
#undef X
	PKGIMA_USE_COUNT
};

const char *pkgima_use_word(enum pkgima_use use);

/* One file that would be denied, or may be, or deserves a word. */
struct pkgima_prediction {
	char *path;                    /* raw, owned */
	dev_t device;
	ino_t inode;
	char *package;                 /* for the caller, who finds it out; owned */
	enum pkgima_category category;
	uint32_t denied, undecided;    /* bits by enum pkgima_use */
	const struct pkgima_ima_rule *rule; /* that appraises it there; NULL: none does */
	bool relocates_text;           /* denied mprotect(2): the loader cannot relocate it, signed or not */
	bool failed;                   /* it could not be looked at */
	char *reason;                  /* printable, owned */
};

struct pkgima_predictions {
	struct pkgima_prediction *list; /* in the order of what hurts first, then by path */
	size_t count, capacity;
	size_t files;                  /* that were looked at */
	size_t appraised;              /* that the policy appraises in some way */
	size_t denied, undecided, failed;
	size_t compressed_modules;     /* that MODULE_CHECK is about */
};

/* Below @paths, or with @count 0 the whole root. -E2BIG: the policy tells more users and groups apart than can be asked for. */
int pkgima_predict_run(const struct pkgima_predict *predict, const char *const paths[], size_t count,
		       struct pkgima_predictions *ret_predictions, struct pkgima_error *error);
void pkgima_predictions_free(struct pkgima_predictions *predictions);
#define cleanup_predictions __attribute__((cleanup(pkgima_predictions_free)))

#endif
