/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_STATUS_H
#define PKGIMA_STATUS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "kernel_config.h"
#include "trust.h"

/*
 * Is this kernel, boot and file system ready to enforce? A table of checks, each of which tells one or more lines. They look
 * at files beneath a root only (its /proc, /sys, /boot …), and at what the caller has found out for them: what asks the
 * kernel or a package manager.
 */

/* Columns: C name, word. The worst comes last. */
#define PKGIMA_STATUS_STATES(X)      \
	X(OK, "ok")                  \
	X(ATTENTION, "attention")    \
	X(MISSING, "missing")

enum pkgima_status_state {
#define X(name, word) PKGIMA_STATUS_##name,
	PKGIMA_STATUS_STATES(X)
#undef X
};

const char *pkgima_status_state_word(enum pkgima_status_state state);

struct pkgima_status_line {
	const char *check;             /* its name */
	enum pkgima_status_state state;
	char text[1024];               /* what is so; printable, and so is */
	char remedy[512];              /* what to do about it; "": nothing */
};

/* The kernel's keyring, as the caller found it. */
struct pkgima_status_keyring {
	const char *name;              /* ".ima" or "_ima"; NULL: there is none, or */
	const char *problem;           /* why it could not be read; NULL: it could */
	const char *const *skids;      /* Subject Key Identifiers of its keys, in hexadecimal */
	size_t count;
};

/* Installed packages and the files that the settings want signed. */
struct pkgima_status_packages {
	size_t signed_, partly, none;  /* packages: all, some or none of their files carry a signature by a trusted key */
	size_t files, carrying;        /* of all packages */
	size_t foreign;                /* files that carry a signature by a key that the trust store does not have */
	bool failed;                   /* not all could be looked at */
};

/* What ima-init left in /run/pkgima/state; "" where it says nothing. */
struct pkgima_status_boot {
	bool known, malformed;
	char mode[32], policy[256], evm[32];
};

struct pkgima_status {
	int root_fd;                   /* borrowed, and so is what the caller gives: */
	const struct pkgima_trust *trust;
	const struct pkgima_status_keyring *keyring;
	const struct pkgima_status_packages *packages; /* NULL: there is no database */
	void (*tell)(void *context, const struct pkgima_status_line *line);
	void *context;
	/* Read by pkgima_status_open(). */
	struct pkgima_kernel_config config;
	char *command_line;            /* the kernel's, "" where it cannot be read; owned */
	struct pkgima_status_boot boot;
	bool efi, secure_boot;
	/* The worst that was told so far. */
	enum pkgima_status_state worst;
};

/* Reads what several checks need. -errno: the kernel's configuration is there and cannot be read, or -ENOMEM. */
int pkgima_status_open(struct pkgima_status *status, struct pkgima_error *error);
void pkgima_status_close(struct pkgima_status *status);
#define cleanup_status __attribute__((cleanup(pkgima_status_close)))

struct pkgima_status_check {
	const char *name;
	void (*run)(struct pkgima_status *status);
};
/* All of them, in the order in which they are told; a NULL name ends it. */
extern const struct pkgima_status_check pkgima_status_checks[];

/* Tells a line. @remedy: NULL for none. */
void pkgima_status_tell(struct pkgima_status *status, const char *check, enum pkgima_status_state state,
			const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * The size of an inode of the ext2, ext3 or ext4 file system that is on the block device, or in the file, behind @fd: from
 * its superblock (struct ext4_super_block, fs/ext4/ext4.h). -EINVAL: there is none.
 */
int pkgima_ext4_inode_size(int fd, unsigned int *ret_size);

#endif
