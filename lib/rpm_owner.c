// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_owner.h"

#include <fcntl.h>

#include <rpm/rpmdb.h>
#include <rpm/rpmts.h>

bool pkgima_rpm_owns(void *ts, const char *path)
{
	rpmdbMatchIterator iterator;
	bool owned;

	if (!ts)
		return false;
	/* Opens it, or finds it open. */
	if (!rpmtsGetRdb(ts) && rpmtsOpenDB(ts, O_RDONLY) != 0)
		return true;
	iterator = rpmtsInitIterator(ts, RPMDBI_INSTFILENAMES, path, 0);
	owned = rpmdbGetIteratorCount(iterator) > 0;
	rpmdbFreeIterator(iterator);
	return owned;
}
