/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_OWNER_H
#define PKGIMA_RPM_OWNER_H

#include <stdbool.h>

/*
 * Does any installed rpm package own the file with this path? For pkgima_trust_load(): @ts is an rpmts whose database can
 * be reached (not chrooted away from it), NULL where there is none. The rpmdb compares folders by what they are, so a way
 * through links is the same (lib/fprint.c of rpm); but it looks at folders of the running system, also where the database
 * is another root's: there only paths without links are known to be the same. A database that is there and cannot be read counts as owning it: the
 * answer decides about trust.
 */
bool pkgima_rpm_owns(void *ts, const char *path);

#endif
