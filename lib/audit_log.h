/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_AUDIT_LOG_H
#define PKGIMA_AUDIT_LOG_H

#include "audit_record.h"
#include "error.h"

/* More records, and longer lines, are not taken. */
#define PKGIMA_AUDIT_RECORDS_MAX ((size_t)1 << 21)
#define PKGIMA_AUDIT_LINE_MAX ((size_t)64 * 1024)

/* What was recorded of one file for one reason, once or often. */
struct pkgima_audit_item {
	enum pkgima_audit_type type;
	char *name, *program, *op, *cause, *hash_name; /* owned */
	bool has_digest;
	enum pkgima_hash hash;
	uint8_t digest[PKGIMA_DIGEST_MAX];
	uint64_t milliseconds, serial; /* of the first */
	size_t count;
};

/* The records of one or more logs. Zero-initialised it is empty. */
struct pkgima_audit_log {
	struct pkgima_audit_item *items;
	size_t count, capacity;
	size_t malformed;              /* lines with a record that no kernel writes */
	size_t cut;                    /* lines that were too long */
};

/*
 * Reads what comes out of @fd, to its end, or as long as it gives something where it is /dev/kmsg (@is_kmsg; opened with
 * O_NONBLOCK). @what is its name for messages. Records of success (a policy that was loaded) are not kept.
 */
int pkgima_audit_log_read(struct pkgima_audit_log *log, int fd, bool is_kmsg, const char *what, struct pkgima_error *error);
/* One line. @milliseconds and @serial count where the line itself does not tell them. -E2BIG, -ENOMEM. */
int pkgima_audit_log_take(struct pkgima_audit_log *log, const char *line, size_t length, uint64_t milliseconds,
			  uint64_t serial, struct pkgima_error *error);

/*
 * Makes one item of all records of the same file for the same reason, and counts them; a record that several logs have
 * counts once. Sorted by name; denials come first.
 */
void pkgima_audit_log_group(struct pkgima_audit_log *log);
void pkgima_audit_log_free(struct pkgima_audit_log *log);
#define cleanup_audit_log __attribute__((cleanup(pkgima_audit_log_free)))

/* What a cause of a DATA record, as the kernel words it, means: a printable sentence. Never NULL. */
const char *pkgima_audit_cause_sentence(const char *cause);

#endif
