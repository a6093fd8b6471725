/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_DEB_WRITE_H
#define PKGIMA_SIGNING_DEB_WRITE_H

#include "../deb.h"

/*
 * Writes @deb to @fd with a control member, always control.tar.gz, that has @entries (sorted; NULL: none) as its manifest
 * instead of the one it may have had. All other members keep their bytes, headers included.
 */
int pkgima_deb_write(const struct pkgima_deb *deb, const struct pkgima_entries *entries, int fd,
		     struct pkgima_error *error);

/* The part of it that is new: the control member, with its header in front and padding behind it, where @fd stands. */
int pkgima_deb_write_control(const struct pkgima_deb *deb, const struct pkgima_entries *entries, int fd,
			     struct pkgima_error *error);

#endif
