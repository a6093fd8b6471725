/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_STATUS_CHECKS_H
#define PKGIMA_STATUS_CHECKS_H

#include "status.h"

/* What the checks share, and the checks themselves. */

/* The start of a small file of the kernel's as text; false where it cannot be read. A final line feed is taken off. */
bool pkgima_status_read(const struct pkgima_status *status, const char *path, char *output, size_t capacity);
/* All of it, at most @max bytes; NULL where it cannot be read. The caller's. */
char *pkgima_status_read_all(const struct pkgima_status *status, const char *path, size_t max, size_t *ret_length);
bool pkgima_status_exists(const struct pkgima_status *status, const char *path);

/*
 * The value of the next NAME=VALUE of the kernel command line, as the kernel reads it: quotes, and no further than "--".
 * *@position is where to go on; start with NULL. False: there is no further one.
 */
bool pkgima_status_word(const struct pkgima_status *status, const char *name, const char **position, char *value,
			size_t capacity);
/* The last one's; false where there is none. */
bool pkgima_status_last_word(const struct pkgima_status *status, const char *name, char *value, size_t capacity);

/* Is the configuration known, and is this option built in? */
bool pkgima_status_knows_config(const struct pkgima_status *status);
bool pkgima_status_has(const struct pkgima_status *status, const char *option);

void pkgima_status_kernel(struct pkgima_status *status);
void pkgima_status_keyring(struct pkgima_status *status);
void pkgima_status_policy(struct pkgima_status *status);
void pkgima_status_appraise(struct pkgima_status *status);
void pkgima_status_firmware(struct pkgima_status *status);
void pkgima_status_evm(struct pkgima_status *status);
void pkgima_status_boot(struct pkgima_status *status);
void pkgima_status_bootauth(struct pkgima_status *status);
void pkgima_status_fuse(struct pkgima_status *status);
void pkgima_status_kexec(struct pkgima_status *status);
void pkgima_status_lockdown(struct pkgima_status *status);
void pkgima_status_modules(struct pkgima_status *status);
void pkgima_status_images(struct pkgima_status *status);
void pkgima_status_mounts(struct pkgima_status *status);
void pkgima_status_inodes(struct pkgima_status *status);
void pkgima_status_packages(struct pkgima_status *status);
void pkgima_status_trust(struct pkgima_status *status);

#endif
