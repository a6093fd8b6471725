/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CONFIG_H
#define PKGIMA_CONFIG_H

#include "error.h"

#define PKGIMA_CONFIG_PATH "/etc/pkgima.conf"

enum pkgima_select { PKGIMA_SELECT_ALL, PKGIMA_SELECT_EXEC };
enum pkgima_conffiles { PKGIMA_CONFFILES_NO, PKGIMA_CONFFILES_YES };
enum pkgima_unsupported { PKGIMA_UNSUPPORTED_WARN, PKGIMA_UNSUPPORTED_IGNORE, PKGIMA_UNSUPPORTED_REFUSE };
enum pkgima_unsigned { PKGIMA_UNSIGNED_ALLOW, PKGIMA_UNSIGNED_WARN, PKGIMA_UNSIGNED_REFUSE };
enum pkgima_untrusted { PKGIMA_UNTRUSTED_WARN, PKGIMA_UNTRUSTED_REFUSE };

/* pkgima.conf(5); zero-initialised it has the defaults. */
struct pkgima_config {
	enum pkgima_select select;
	enum pkgima_conffiles conffiles;
	enum pkgima_unsupported unsupported_fs;
	enum pkgima_unsigned unsigned_packages;
	enum pkgima_untrusted untrusted;
};

/*
 * Reads the root's /etc/pkgima.conf; none is fine. For every unknown section, key or value @problem (may be NULL) is told
 * in one sentence, and the default stays. Returns 0, the number of problems, or -errno when the file cannot be read.
 */
int pkgima_config_load(int root_fd, struct pkgima_config *ret_config,
		       void (*problem)(void *context, const char *sentence), void *context,
		       struct pkgima_error *error);

/* "all" or "exec"; 0, or -EINVAL. */
int pkgima_select_parse(const char *word, enum pkgima_select *ret_select);

#endif
