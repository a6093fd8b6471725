// SPDX-License-Identifier: LGPL-2.1-or-later
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What they are for the analyzer. */
#undef pkgima_fail
#undef pkgima_fail_errno
#undef pkgima_fail_within

int pkgima_fail(struct pkgima_error *error, int code, const char *format, ...)
{
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return code;
}

int pkgima_fail_errno(struct pkgima_error *error, const char *format, ...)
{
	int code = errno ? -errno : -EIO;
	size_t used;
	va_list args;

	if (!error)
		return code;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	used = strlen(error->text);
	snprintf(error->text + used, sizeof(error->text) - used, ": %s", strerror(-code));
	return code;
}

int pkgima_fail_within(struct pkgima_error *error, int code, const char *format, ...)
{
	char inner[sizeof(error->text)];
	size_t used;
	va_list args;

	if (!error)
		return code;
	memcpy(inner, error->text, sizeof(inner));
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	used = strlen(error->text);
	snprintf(error->text + used, sizeof(error->text) - used, ": %s", inner);
	return code;
}
