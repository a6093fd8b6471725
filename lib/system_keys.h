/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SYSTEM_KEYS_H
#define PKGIMA_SYSTEM_KEYS_H

#include <stdbool.h>

#include "certificate.h"
#include "error.h"
#include "keyring.h"

/*
 * For those who installed a certificate: loads what the trust store of a root has into the kernel's IMA keyring, if that
 * root is the one of the system that runs, and there is such a keyring; else it does nothing. @owned_by_package as for
 * pkgima_trust_load(), with @owners. @report is told of each certificate that was tried: 0, or the -errno of
 * pkgima_keyring_add() with its text. What the kernel refuses is no failure.
 * 0, or -errno when the trust store or the keyring could not be looked at.
 */
int pkgima_system_load_keys(int root_fd, bool (*owned_by_package)(void *owners, const char *path), void *owners,
			    void (*report)(void *context, const struct pkgima_keyring *keyring,
					   const struct pkgima_certificate *certificate, int result,
					   const struct pkgima_error *error),
			    void *context, struct pkgima_error *error);

#endif
