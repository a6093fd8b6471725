/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TALLY_H
#define PKGIMA_TALLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "gate.h"

enum pkgima_level {
	PKGIMA_LEVEL_INFO,
	PKGIMA_LEVEL_WARNING,
	PKGIMA_LEVEL_REFUSED,
	PKGIMA_LEVEL_OVERRIDDEN,  /* a refusal that PKGIMA=warn in the environment turned into a warning: to be logged */
};

/* Where a front-end's lines go: one printable line without a newline, by any thread, one at a time for each package. */
typedef void (*pkgima_say)(enum pkgima_level level, const char *line);

/* What was found about one package that is to be installed, said as it comes; and what is to be done about it. */
struct pkgima_tally {
	const struct pkgima_gate *gate;
	pkgima_say say;
	const char *package;           /* printable */
	pthread_mutex_t lock;
	size_t lines_max;              /* a package may have thousands of files, and all with the same fault */
	size_t shown;                  /* lines so far */
	size_t hidden;                 /* findings after the last line that is shown */
	size_t unsupported;
	enum pkgima_answer answer;     /* the sternest so far */
	const char *reason;            /* why it was PKGIMA_ANSWER_REFUSE */
	bool final;                    /* which no environment variable overrides */
};

/* @package is borrowed. Release with pkgima_tally_end(). */
void pkgima_tally_begin(struct pkgima_tally *tally, const struct pkgima_gate *gate, pkgima_say say, const char *package,
			size_t lines_max);

/* A verdict that is not ok, on @path (raw; NULL: the whole package). May be called by several threads. */
void pkgima_tally_add(struct pkgima_tally *tally, const char *path, enum pkgima_verdict verdict, const char *reason);
/* It could not be found out, or not be done. */
void pkgima_tally_add_failure(struct pkgima_tally *tally, const char *path, const char *reason);

/* Refused whatever the settings say. @reason must last. */
void pkgima_tally_refuse(struct pkgima_tally *tally, const char *reason);

/* Says the sums. True: the package is to be refused. */
bool pkgima_tally_end(struct pkgima_tally *tally);

#endif
