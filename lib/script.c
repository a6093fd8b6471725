// SPDX-License-Identifier: LGPL-2.1-or-later
#include "script.h"

#include <string.h>

#include "io.h"

bool pkgima_script_interpreter(int fd, char *interpreter)
{
	char line[PKGIMA_SCRIPT_LINE_MAX + 1];
	ssize_t length = pkgima_pread_all(fd, line, PKGIMA_SCRIPT_LINE_MAX, 0);
	size_t start, end;

	if (length < 3 || memcmp(line, "#!", 2) != 0)
		return false;
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	start = 2 + strspn(line + 2, " \t");
	end = start + strcspn(line + start, " \t");
	/* A name that may go on beyond what the kernel has read is refused. */
	if (line[start] != '/' || end == PKGIMA_SCRIPT_LINE_MAX)
		return false;
	memcpy(interpreter, line + start, end - start);
	interpreter[end - start] = '\0';
	return true;
}
