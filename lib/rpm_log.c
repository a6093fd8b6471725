// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rpm/rpmlog.h>

#include "escape.h"

static int keep(rpmlogRec record, rpmlogCallbackData data)
{
	struct pkgima_rpm_log *log = data;
	char text[512];
	size_t length;

	/* 0: librpm itself prints nothing. */
	if (rpmlogRecPriority(record) > RPMLOG_ERR || log->text[0])
		return 0;
	snprintf(text, sizeof(text), "%s", rpmlogRecMessage(record) ? rpmlogRecMessage(record) : "");
	length = strcspn(text, "\n");
	text[length] = '\0';
	pkgima_printable_into(text, log->text, sizeof(log->text));
	return 0;
}

void pkgima_rpm_log_begin(struct pkgima_rpm_log *log)
{
	log->text[0] = '\0';
	rpmlogSetCallback(keep, log);
}

void pkgima_rpm_log_end(void)
{
	rpmlogSetCallback(NULL, NULL);
}

int pkgima_rpm_fail(const struct pkgima_rpm_log *log, struct pkgima_error *error, int code, const char *format, ...)
{
	char text[400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return pkgima_fail(error, code, log->text[0] ? "%s: %s" : "%s", text, log->text);
}
