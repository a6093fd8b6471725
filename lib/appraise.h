/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_APPRAISE_H
#define PKGIMA_APPRAISE_H

#include "ima_match.h"
#include "kernel_config.h"
#include "trust.h"

/*
 * What a kernel that appraises a file finds: ima_appraise_measurement() and xattr_verify() of
 * security/integrity/ima/ima_appraise.c, with the certificates of a trust store for keys.
 */

/* What security.ima has, and whether it fits the content. */
enum pkgima_ima_label {
	PKGIMA_IMA_LABEL_NOTHING,      /* none, or the file system takes none */
	PKGIMA_IMA_LABEL_HASH,
	PKGIMA_IMA_LABEL_WRONG_HASH,
	PKGIMA_IMA_LABEL_SIGNATURE,
	PKGIMA_IMA_LABEL_BAD,          /* what no kernel takes, or a signature that does not verify */
	PKGIMA_IMA_LABEL_UNKNOWN_KEY,
	PKGIMA_IMA_LABEL_VERITY,       /* a signature of a digest by fs-verity; not verified here */
	PKGIMA_IMA_LABEL_OPEN,         /* cannot be told here */
};

struct pkgima_ima_facts {
	enum pkgima_ima_label label;
	int hash;                      /* the kernel's number of its algorithm; that of sha256 where it names none */
	bool has_evm;                  /* security.evm is there */
	bool has_appended;             /* the content ends with a signature as modules have it */
	char reason[160];              /* what is wrong, or open; printable */
};

enum pkgima_ima_decision { PKGIMA_IMA_PASSES, PKGIMA_IMA_DENIED, PKGIMA_IMA_UNDECIDED };

/* What is known of the kernel besides its policy. */
struct pkgima_ima_kernel {
	const struct pkgima_kernel_config *config;
	bool evm;                      /* EVM is in use: what is appraised needs security.evm */
};

/* One per thread. The trust store must outlive it. NULL without memory. */
struct pkgima_appraiser;
struct pkgima_appraiser *pkgima_appraiser_new(const struct pkgima_trust *trust, const struct pkgima_ima_kernel *kernel);
void pkgima_appraiser_free(struct pkgima_appraiser *appraiser);

/* Looks at the file behind @fd, opened for reading; the content is read only where that matters. -errno with a text. */
int pkgima_appraiser_look(struct pkgima_appraiser *appraiser, int fd, struct pkgima_ima_facts *ret_facts,
			  struct pkgima_error *error);

/* Would the file be denied? *@ret_reason is one sentence that lasts as long as @facts; NULL when it passes. */
enum pkgima_ima_decision pkgima_ima_decide(const struct pkgima_ima_facts *facts, const struct pkgima_ima_kernel *kernel,
					   const struct pkgima_ima_demand *demand, const char **ret_reason);

#endif
