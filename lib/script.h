/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SCRIPT_H
#define PKGIMA_SCRIPT_H

#include <stdbool.h>

/* The kernel looks at so many bytes (BINPRM_BUF_SIZE). */
#define PKGIMA_SCRIPT_LINE_MAX 256

/*
 * Does the file behind @fd begin with "#!"? Then @interpreter (PKGIMA_SCRIPT_LINE_MAX bytes) gets the path that the kernel
 * executes: fs/binfmt_script.c. False also where that is cut off or not absolute.
 */
bool pkgima_script_interpreter(int fd, char *interpreter);

#endif
