// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whatever an object says of itself, reading it has an end, and names have their length. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_object.h"
#include "fuzz.h"

static void take(void *context, bool is_folders, const char *name)
{
	(void)is_folders;
	promise(name[0] && strlen(name) <= PKGIMA_ELF_NAME_MAX);
	promise(++*(size_t *)context <= 512);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	struct pkgima_elf elf;
	size_t names = 0;

	promise(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (pkgima_elf_read(fd, &elf, take, &names) == 0)
		promise(strlen(elf.interpreter) <= PKGIMA_ELF_NAME_MAX);
	close(fd);
	return 0;
}
