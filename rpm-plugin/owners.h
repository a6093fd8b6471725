/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PLUGIN_OWNERS_H
#define PKGIMA_PLUGIN_OWNERS_H

#include <rpm/rpmts.h>

#include "../lib/error.h"
#include "../lib/trust.h"

/*
 * For trust stores of a root whose packages are rpm's, and maybe dpkg's too: a certificate that either of them installed
 * is a package's.
 */
struct pkgima_dpkg;
struct owners {
	rpmts ts;
	struct pkgima_dpkg *dpkg;   /* owned; NULL: there is no such database */
};

int owners_open(struct owners *owners, int root_fd, rpmts ts, struct pkgima_error *error);
void owners_close(struct owners *owners);
/* For pkgima_trust_load(). */
bool owners_own(void *owners, const char *path);

int owners_load_trust(struct pkgima_trust *trust, int root_fd, rpmts ts, struct pkgima_error *error);

#endif
