/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_KERNEL_CONFIG_H
#define PKGIMA_KERNEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* What of a kernel's build configuration matters to IMA: one letter each, 'y', 'm', or 'n' where it is not set. */
struct pkgima_kernel_config {
	char *text;            /* owned; NULL: not known, then all is 'n' */
	char *source;          /* where it is from, printable, owned */
};

/*
 * That of the running kernel (/boot/config-RELEASE beneath the root, else /proc/config.gz) with @running, else of the
 * newest /boot/config-* of the root by the order of versions. None is no error.
 */
int pkgima_kernel_config_load(int root_fd, bool running, struct pkgima_kernel_config *ret_config, struct pkgima_error *error);
void pkgima_kernel_config_free(struct pkgima_kernel_config *config);
#define cleanup_kernel_config __attribute__((cleanup(pkgima_kernel_config_free)))

/* @name without CONFIG_. */
char pkgima_kernel_config_get(const struct pkgima_kernel_config *config, const char *name);

/*
 * The rules that such a kernel puts in front of those of a policy that is loaded: those that were built in
 * (CONFIG_IMA_APPRAISE_REQUIRE_…) and, with @secure_boot, those of the architecture (arch/x86 as an example:
 * security/integrity/ima/ima_efi.c). The caller's to be freed; "" where there are none, NULL without memory.
 */
char *pkgima_kernel_config_rules(const struct pkgima_kernel_config *config, bool secure_boot);

/*
 * One of the kernel's own policies, as ima_policy= on its command line names them, also several with '|' between: the rules
 * of tcb, appraise_tcb, secure_boot, critical_data (ima_init_policy() of security/integrity/ima/ima_policy.c). The
 * caller's to be freed; NULL where there is no such name. "fail_securely" has no rules.
 */
char *pkgima_kernel_policy(const struct pkgima_kernel_config *config, const char *names);

/* Is Secure Boot on, by the EFI variable beneath this root? */
bool pkgima_secure_boot(int root_fd);

#endif
