/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TALLY_H
#define PKGIMA_TALLY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "../lib/gate.h"

/* What was found about one archive that is to be installed, said as it comes; and what is to be done about it. */
struct tally {
	const struct pkgima_gate *gate;
	const char *package;           /* printable */
	pthread_mutex_t lock;
	size_t lines_max;              /* an archive may have thousands of files, and all with the same fault */
	size_t shown;                  /* lines so far */
	size_t hidden;                 /* findings after the last line that is shown */
	size_t unsupported;
	enum pkgima_answer answer;     /* the sternest so far */
	const char *reason;            /* why it was PKGIMA_ANSWER_REFUSE */
	bool final;                    /* which no environment variable overrides */
};

/* @package is borrowed. Release with tally_end(). */
void tally_begin(struct tally *tally, const struct pkgima_gate *gate, const char *package, size_t lines_max);

/* A verdict that is not ok, on @path (raw; NULL: the whole archive). May be called by several threads. */
void tally_add(struct tally *tally, const char *path, enum pkgima_verdict verdict, const char *reason);
/* It could not be found out, or not be done. */
void tally_add_failure(struct tally *tally, const char *path, const char *reason);

/* Refused whatever the settings say. @reason must last. */
void tally_refuse(struct tally *tally, const char *reason);

/* Says the sums. True: the archive is to be refused. */
bool tally_end(struct tally *tally);

/* "dpkg-ima: " and the text, in one write, to standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* For pkgima_gate_load(). */
void say_problem(void *context, const char *sentence);

#endif
