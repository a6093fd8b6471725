/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_ELF_OBJECT_H
#define PKGIMA_ELF_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * As much of an ELF object as tells what is mapped with it: elf(5). 32 and 64 bits, in this machine's byte order. Nothing
 * is believed: every offset and count is bounded, and what does not fit is as if it were not there.
 */

enum { PKGIMA_ELF_NAME_MAX = 255 };

struct pkgima_elf {
	uint16_t type;                 /* ET_… */
	bool relocates_text;           /* DT_TEXTREL: the loader has to make its text writable, then executable again */
	char interpreter[PKGIMA_ELF_NAME_MAX + 1]; /* PT_INTERP, or "" */
};

/*
 * Reads the object behind @fd by pread. @name (may be NULL) is told the names of DT_NEEDED and, as folders, those of
 * DT_RUNPATH or DT_RPATH. -ENOEXEC when it is none, or in another byte order; -errno when it cannot be read.
 */
int pkgima_elf_read(int fd, struct pkgima_elf *ret_elf, void (*name)(void *context, bool is_folders, const char *name),
		    void *context);

/* May it be mapped to be executed: is it an executable or a shared object? */
bool pkgima_elf_is_mapped(const struct pkgima_elf *elf);

#endif
