/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_ENFORCE_H
#define PKGIMA_CLI_ENFORCE_H

#include "../lib/boot_entries.h"
#include "../lib/enforce.h"
#include "../lib/ima_policy.h"
#include "../lib/kernel_config.h"
#include "cli.h"

/* What the command line says, what is there, and what is to be. */
struct enforce {
	const struct cli_command *command;
	const char *root;
	int root_fd;
	bool root_is_ours;             /* the running system's */
	const char *policy;            /* of --policy; NULL: not given */
	bool force, json;

	struct pkgima_enforce now;     /* what is set */
	bool starts_it;                /* the kernel command line has init=/ima/init: no initramfs is needed */

	/* The policy that is to be set. */
	char *source;                  /* printable */
	uint8_t *text;
	size_t text_length;
	uint8_t *signature;            /* NULL: none */
	size_t signature_length;
	bool is_new;                   /* not the one that is there */
};

/* Does the kernel command line of the next boot, as far as that is known, have a word? False after a message, too. */
bool enforce_command_line_has(const struct enforce *enforce, const char *word);

/* Finds the policy that is to be set, and its signature. -1: go on; else the exit status, after a message. */
int enforce_take_policy(struct enforce *enforce);

/*
 * Would the next boot, with this policy in this mode, come to an end as it should? Says each reason why not, and what is
 * worth a thought. -1: go on; else the exit status.
 */
int enforce_check(struct enforce *enforce, enum pkgima_enforce_mode mode);

/* What the policy would deny on this root. -1: nothing, or it was forced; else the exit status. */
int enforce_predict(const struct enforce *enforce, const struct pkgima_trust *trust,
		    const struct pkgima_kernel_config *config, const struct pkgima_ima_policy *policy);

/* What a kernel's next boot does about signatures. */
enum enforce_outcome {
	OUTCOME_AS_SET,                /* what is set */
	OUTCOME_STALE,                 /* something else: its initramfs has to be made anew */
	OUTCOME_WITHOUT,               /* no ima-init in its initramfs, or no initramfs */
	OUTCOME_UNKNOWN,               /* it cannot be read */
};
/* Of the kernel; a sentence that says why. */
enum enforce_outcome enforce_look_at(const struct enforce *enforce, const struct pkgima_kernel *kernel, char *sentence,
				     size_t capacity);

/* Does all kernels' next boot do what is set? Prints each that does not. */
bool enforce_is_carried(const struct enforce *enforce, bool say);

/* Exit statuses. */
int enforce_log(struct enforce *enforce);
int enforce_on(struct enforce *enforce);
int enforce_off(struct enforce *enforce);
int enforce_status(struct enforce *enforce);

#endif
