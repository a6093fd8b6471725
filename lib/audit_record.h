/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_AUDIT_RECORD_H
#define PKGIMA_AUDIT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry.h"

/* Audit records that IMA writes, by their numbers: include/uapi/linux/audit.h. */
enum pkgima_audit_type {
	PKGIMA_AUDIT_DATA = 1800,      /* what a policy denies, or would deny: integrity_audit_message() */
	PKGIMA_AUDIT_STATUS = 1802,    /* a policy was loaded, or refused */
	PKGIMA_AUDIT_RULE = 1805,      /* what an audit rule records: ima_audit_measurement() */
};

/* Longest name of a digest algorithm in a record. */
#define PKGIMA_AUDIT_HASH_MAX 31

struct pkgima_audit_record {
	enum pkgima_audit_type type;
	uint64_t milliseconds, serial; /* which of all records; 0: not known */
	char name[PKGIMA_PATH_MAX + 1]; /* of the file, raw; "": it has none */
	char program[64];              /* comm of who used it, raw */
	char op[64], cause[64];        /* DATA, STATUS: raw */
	bool passed;                   /* res=1 */
	/* RULE: */
	char hash_name[PKGIMA_AUDIT_HASH_MAX + 1];
	bool has_digest;               /* by an algorithm that is handled: */
	enum pkgima_hash hash;
	uint8_t digest[PKGIMA_DIGEST_MAX];
};

/*
 * Looks for such a record in a line of text without its line feed: of the kernel log ("audit: type=1800 audit(…): …", behind
 * whatever dmesg or a syslog puts before it), of an audit log ("type=INTEGRITY_DATA msg=audit(…): …") or of the journal
 * ("INTEGRITY_DATA …"). 1 with @ret_record; 0: the line has none; -EINVAL: it has one that no kernel writes.
 */
int pkgima_audit_record_parse(const char *line, size_t length, struct pkgima_audit_record *ret_record);

/*
 * Undoes what /dev/kmsg does to a line in place: takes "LEVEL,SEQUENCE,TIME,FLAGS;" off, and brings "\xHH" back. Returns the
 * length that is left; 0 for a line that does not begin so.
 */
size_t pkgima_audit_unescape_kmsg(char *line, size_t length);

#endif
