/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLI_AUDIT_LOG_H
#define PKGIMA_CLI_AUDIT_LOG_H

#include "../lib/audit_log.h"
#include "audit.h"

/*
 * Reads the logs that were named ("-": standard input), or else those of the root: what auditd wrote and, of the running
 * system, the kernel log and the journal of this boot. CLI_OK, or CLI_FAILED after a message.
 */
int audit_log_read(const struct audit *audit, struct pkgima_audit_log *log);

/* What the records of one file for one reason come to. */
struct audit_log_finding {
	const struct pkgima_audit_item *item;
	size_t next;                   /* of the same file; SIZE_MAX: none */
	bool is_there, judged;
	char *package;                 /* owned; NULL: none */
	bool decided;
	enum pkgima_verdict verdict;   /* where it is decided */
	char reason[256];
};

/* Finds the files, their packages and their verdicts; an exit status after a message. @findings has one for each item. */
int audit_log_judge(const struct audit *audit, const struct pkgima_trust *trust, struct audit_log_finding *findings,
		    size_t count);

/* What to do about it, "" for nothing. */
void audit_log_remedy(const struct audit_log_finding *finding, char *output, size_t capacity);

#endif
