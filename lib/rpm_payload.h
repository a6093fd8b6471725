/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_PAYLOAD_H
#define PKGIMA_RPM_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

struct headerToken_s;
struct _FD_s;
struct rpmfiles_s;

/*
 * The archive in an .rpm: cpio's "new" form, with a checksum that nobody looks at or without, and rpm's stripped form of
 * it (rpm's lib/cpio.c, and iterReadArchiveNext() in lib/rpmfi.c). librpm's own reader writes past its memory where an
 * archive lies, and how rpm unpacks hard links depends on what stands between them (fsmMkfile() in lib/fsm.c). Here only
 * archives are read that can be understood in one way: each file once, hard links one behind the other, the content with
 * the last of them.
 */
struct pkgima_rpm_payload {
	struct _FD_s *fd;          /* librpm's FD_t, which decompresses; the caller's */
	struct rpmfiles_s *files;  /* the header's; the caller's */
	bool *found;               /* one for each file of the header; owned */
	uint64_t offset;           /* in the archive */
	uint64_t left;             /* of the content, to be read */
	int awaited;               /* the last of the hard links that are being read, with the content; -1: none are */
};

/*
 * Opens the archive that begins at @start of @fd (borrowed, its offset is moved), decompressed as the package's header
 * says, which is librpm's Header. *@ret_payload is librpm's FD_t and the caller's, for Fclose(). librpm may print.
 */
int pkgima_rpm_payload_open(int fd, off_t start, struct headerToken_s *header, struct _FD_s **ret_payload,
			    struct pkgima_error *error);

int pkgima_rpm_payload_begin(struct pkgima_rpm_payload *payload, struct _FD_s *fd, struct rpmfiles_s *files,
			     struct pkgima_error *error);
void pkgima_rpm_payload_end(struct pkgima_rpm_payload *payload);

/* 1: the next content; *@ret_file is the file, or the last of the hard links, that has it. 0: the archive has ended. */
int pkgima_rpm_payload_next(struct pkgima_rpm_payload *payload, int *ret_file, struct pkgima_error *error);

/* Bytes of this content, 0 at its end. All have to be read before what is next. */
ssize_t pkgima_rpm_payload_read(struct pkgima_rpm_payload *payload, void *buffer, size_t size, struct pkgima_error *error);

#endif
