// SPDX-License-Identifier: LGPL-2.1-or-later
#include "say.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "../lib/io.h"

void say(const char *format, ...)
{
	char line[2048] = "dpkg-ima: ";
	size_t used = 10;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
	line[used++] = '\n';
	pkgima_write_all(STDERR_FILENO, line, used);
}

void say_problem(void *context, const char *sentence)
{
	(void)context;
	say("%s", sentence);
}

void say_line(enum pkgima_level level, const char *line)
{
	say("%s", line);
	if (level == PKGIMA_LEVEL_OVERRIDDEN)
		syslog(LOG_AUTHPRIV | LOG_WARNING, "dpkg-ima: %s", line);
}
