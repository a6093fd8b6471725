/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SAY_H
#define PKGIMA_SAY_H

#include "../lib/tally.h"

/* "dpkg-ima: " and the text, in one write, to standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For pkgima_gate_load(). */
void say_problem(void *context, const char *sentence);
/* For a tally; what was overridden goes to the system's log too. */
void say_line(enum pkgima_level level, const char *line);

#endif
