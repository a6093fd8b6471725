// SPDX-License-Identifier: LGPL-2.1-or-later
/* How far packages have come, by what the caller has counted. */
#include "status_checks.h"

void pkgima_status_packages(struct pkgima_status *status)
{
	const struct pkgima_status_packages *packages = status->packages;

	if (!packages) {
		pkgima_status_tell(status, "packages", PKGIMA_STATUS_MISSING, NULL, "there is no database of dpkg or rpm");
		return;
	}
	if (packages->failed)
		pkgima_status_tell(status, "packages", PKGIMA_STATUS_ATTENTION, "see pkgima audit", "not all could be looked at");
	if (!packages->partly && !packages->none)
		pkgima_status_tell(status, "packages", PKGIMA_STATUS_OK, NULL, "%zu, all signed; %zu files carry a signature",
				   packages->signed_, packages->carrying);
	else
		pkgima_status_tell(status, "packages", packages->signed_ || packages->partly ? PKGIMA_STATUS_ATTENTION :
				   PKGIMA_STATUS_MISSING, packages->partly ? "pkgima audit names the files, pkgima audit --repair puts "
				   "signatures there" : "pkgima audit --key-id none --packages names them; install signed ones",
				   "%zu signed, %zu in part, %zu not at all; %zu of %zu files carry a signature", packages->signed_,
				   packages->partly, packages->none, packages->carrying, packages->files);
	if (packages->foreign)
		pkgima_status_tell(status, "packages", PKGIMA_STATUS_ATTENTION, "see pkgima keys list, and pkgima audit", "%zu files carry a "
				   "signature by a key that the trust store does not have", packages->foreign);
}
