/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PARALLEL_H
#define PKGIMA_PARALLEL_H

#include <stddef.h>

#include "error.h"

/* The same work on many items, spread over threads. */
struct pkgima_parallel {
	size_t count;   /* items: indices 0 to count - 1, each worked on once, in no order */
	size_t batch;   /* indices that a thread takes at a time */
	void *context;
	/* What one thread needs for itself; NULL: without memory. @begin and @end may be NULL. */
	void *(*begin)(void *context);
	void (*end)(void *context, void *state);
	/* 0, or -errno with a text, which ends the whole. */
	int (*work)(void *context, void *state, size_t index, struct pkgima_error *error);
};

/* Cores that this process may run on, at least 1. */
unsigned int pkgima_parallel_cores(void);

/*
 * Runs it on at most @threads threads, the caller's included (0: as many as there are cores). All signals stay with the
 * caller's thread. Returns 0 when every item was worked on, else the first failure that was met.
 */
int pkgima_parallel_run(const struct pkgima_parallel *parallel, unsigned int threads, struct pkgima_error *error);

#endif
