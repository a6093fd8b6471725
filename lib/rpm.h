/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_H
#define PKGIMA_RPM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "entry.h"
#include "package_check.h"
#include "trust.h"

/*
 * A .rpm that is read: lead, signature header, padding to 8 bytes, header, payload (docs/manual/format_v4.md of rpm).
 * librpm reads it, with what it would not install refused: one thread at a time.
 */
struct pkgima_rpm {
	int fd;                        /* owned */
	off_t header_start;            /* of the header, behind the signature header and its padding */
	off_t payload_start;
	off_t size;                    /* of the file */
	struct headerToken_s *header;  /* librpm's Header, the signature header's tags merged into it; owned */
	struct rpmfiles_s *files;      /* librpm's rpmfiles of it; owned */
	bool is_signed;                /* it has file signatures */
};

/* Where the signature header begins: behind the lead. */
#define PKGIMA_RPM_LEAD 96
/* Magic, count of index entries, bytes of data: 8 + 4 + 4. */
#define PKGIMA_RPM_INTRO 16

/* Is what @fd holds a .rpm, by its first bytes? */
bool pkgima_rpm_probe(int fd);

/*
 * Opens @path and reads both headers; messages do not repeat the name. The digests of the header that the package has are
 * verified, OpenPGP signatures and the payload are not looked at. -EINVAL for what is malformed, and for file signatures
 * that rpm would not see (their count is not that of the files, or one is no hexadecimal).
 */
int pkgima_rpm_open(const char *path, struct pkgima_rpm **ret_rpm, struct pkgima_error *error);
void pkgima_rpm_free(struct pkgima_rpm *rpm);
PKGIMA_DEFINE_CLEANUP(pkgima_rpm, struct pkgima_rpm, pkgima_rpm_free)
#define cleanup_rpm PKGIMA_CLEANUP(pkgima_rpm_cleanup)

/* A string of the header by its tag's number (rpm/rpmtag.h), or "". It belongs to @rpm. */
const char *pkgima_rpm_string(const struct pkgima_rpm *rpm, int tag);

/* Version with release, and epoch where there is one; the caller's. NULL without memory. */
char *pkgima_rpm_version(const struct pkgima_rpm *rpm);

/*
 * Verifies the signature of every file against the digest in the header, and with @payload every file's content in the
 * payload against it, as rpm itself unpacks it. -EINVAL: the payload is not what the header says, or damaged.
 */
int pkgima_rpm_check(const struct pkgima_rpm *rpm, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, struct pkgima_error *error);

/*
 * What FILESIGNATURELENGTH says and how long the longest signature is, if it should be the same and is not: rpm up to 4.16
 * believes it. 0: all is well.
 */
uint32_t pkgima_rpm_wrong_length(const struct pkgima_rpm *rpm, uint32_t *ret_longest);

#endif
