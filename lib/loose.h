/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_LOOSE_H
#define PKGIMA_LOOSE_H

#include "manager.h"
#include "walk.h"

/*
 * Files of no package, in the form of packages of a manager of their own, so that what is done with those is done with
 * them: nameless, without signatures. @database is the struct pkgima_file_set; files of it that were met are left out.
 */
extern const struct pkgima_manager pkgima_manager_loose;

#endif
