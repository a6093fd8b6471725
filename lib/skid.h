/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SKID_H
#define PKGIMA_SKID_H

/* Bytes of a Subject Key Identifier that the kernel reads: its length has to fit into one byte of DER. */
#define PKGIMA_SKID_MAX 127
/* As text: lower-case hexadecimal, and a NUL. */
#define PKGIMA_SKID_TEXT (2 * PKGIMA_SKID_MAX + 1)

#endif
