/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_LOG_H
#define PKGIMA_RPM_LOG_H

#include "error.h"

/*
 * librpm prints what goes wrong, and returns little more than that something did. Between begin and end nothing is
 * printed, and the first message of a failure is kept. The logger is librpm's own, one for the process: only one thread may
 * be between the two.
 */
struct pkgima_rpm_log {
	char text[512];   /* printable; empty: nothing was said */
};

void pkgima_rpm_log_begin(struct pkgima_rpm_log *log);
void pkgima_rpm_log_end(void);

/* pkgima_fail() with what librpm said behind the formatted text, as far as it said anything. */
int pkgima_rpm_fail(const struct pkgima_rpm_log *log, struct pkgima_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
