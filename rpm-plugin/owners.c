// SPDX-License-Identifier: LGPL-2.1-or-later
#include "owners.h"

#include <errno.h>

#include "../lib/dpkg.h"
#include "../lib/rpm_owner.h"

int owners_open(struct owners *owners, int root_fd, rpmts ts, struct pkgima_error *error)
{
	int r;

	*owners = (struct owners){ .ts = ts };
	r = pkgima_dpkg_open(root_fd, PKGIMA_DPKG_ADMINDIR, &owners->dpkg, error);
	return r == -ENOENT ? 0 : r;
}

void owners_close(struct owners *owners)
{
	pkgima_dpkg_free(owners->dpkg);
	owners->dpkg = NULL;
}

bool owners_own(void *context, const char *path)
{
	struct owners *owners = context;

	return pkgima_rpm_owns(owners->ts, path) || pkgima_dpkg_owns(owners->dpkg, path);
}

int owners_load_trust(struct pkgima_trust *trust, int root_fd, rpmts ts, struct pkgima_error *error)
{
	struct owners owners;
	int r = owners_open(&owners, root_fd, ts, error);

	if (r < 0)
		return r;
	r = pkgima_trust_load(trust, root_fd, owners_own, &owners, error);
	owners_close(&owners);
	return r;
}
