/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_CURRENT_H
#define PKGIMA_SIGNING_CURRENT_H

#include "../certificate.h"
#include "../package.h"

/*
 * Is @target what pkgima_package_sign() once made of @source with the key of @certificate, so that it need not be made
 * anew? @target may be @source itself. Told without unpacking: from the control member and the end of the data member of a
 * .deb, from the headers of an .rpm. (The data member of a .deb without DEBIAN/md5sums is unpacked.) It is when
 * - it has signatures, all of them verify with @certificate, and their digests are of the algorithm @hash (NULL: the
 *   format's usual one);
 * - every maintainer script has one of its content, and every file that DEBIAN/md5sums lists has one, or without that
 *   list every file has one of its content; every file of an .rpm's header;
 * - the control member of a .deb is, byte for byte, what is written with them;
 * - and nothing else is different in @source: members but the control member have the same headers, sizes and last bytes,
 *   where the checksums of compressed data are, files of the control member the same content; an .rpm the same header,
 *   which has the payload's digest, and size.
 * A @target that cannot be read is not.
 */
bool pkgima_package_is_current(const struct pkgima_package *source, const struct pkgima_package *target,
			       const struct pkgima_certificate *certificate, const enum pkgima_hash *hash,
			       unsigned int threads);

/* Do all signatures of a package verify with @certificate, and fit what it would install? It is unpacked for that. */
bool pkgima_package_content_is_signed(const struct pkgima_package *package, const struct pkgima_certificate *certificate,
				      unsigned int threads);

#endif
