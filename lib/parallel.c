// SPDX-License-Identifier: LGPL-2.1-or-later
#include "parallel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "cleanup.h"

#define THREADS_MAX 256

struct run {
	const struct pkgima_parallel *parallel;
	atomic_size_t next;
	atomic_int result;           /* 0 or the first failure */
	pthread_mutex_t lock;        /* guards @error */
	struct pkgima_error *error;
};

unsigned int pkgima_parallel_cores(void)
{
	cpu_set_t set;
	int count;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	count = CPU_COUNT(&set);
	return count > 0 ? (unsigned int)count : 1;
}

static void fail(struct run *run, int code, const struct pkgima_error *error)
{
	int none = 0;

	pthread_mutex_lock(&run->lock);
	if (atomic_compare_exchange_strong(&run->result, &none, code) && run->error)
		*run->error = *error;
	pthread_mutex_unlock(&run->lock);
}

static void *work(void *argument)
{
	struct run *run = argument;
	const struct pkgima_parallel *parallel = run->parallel;
	struct pkgima_error error = { .text = "no memory for a thread" };
	void *state = NULL;

	if (parallel->begin) {
		state = parallel->begin(parallel->context);
		if (!state) {
			fail(run, -ENOMEM, &error);
			return NULL;
		}
	}
	while (!atomic_load(&run->result)) {
		size_t first = atomic_fetch_add(&run->next, parallel->batch);

		if (first >= parallel->count)
			break;
		for (size_t i = first; i < parallel->count && i < first + parallel->batch; i++) {
			int r = parallel->work(parallel->context, state, i, &error);

			if (r < 0) {
				fail(run, r, &error);
				break;
			}
		}
	}
	if (parallel->end)
		parallel->end(parallel->context, state);
	return NULL;
}

int pkgima_parallel_run(const struct pkgima_parallel *parallel, unsigned int threads, struct pkgima_error *error)
{
	struct run run = { .parallel = parallel, .lock = PTHREAD_MUTEX_INITIALIZER, .error = error };
	size_t batches = (parallel->count + parallel->batch - 1) / parallel->batch;
	cleanup_free pthread_t *others = NULL;
	unsigned int started = 0;
	sigset_t all, before;

	if (!threads)
		threads = pkgima_parallel_cores();
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	if (threads > batches)
		threads = (unsigned int)batches;
	if (threads > 1)
		others = calloc(threads - 1, sizeof(*others));
	if (others) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &before);
		/* Where no more threads can be had, those that run do the work. */
		while (started < threads - 1 && pthread_create(&others[started], NULL, work, &run) == 0)
			started++;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	work(&run);
	for (unsigned int i = 0; i < started; i++)
		pthread_join(others[i], NULL);
	pthread_mutex_destroy(&run.lock);
	return atomic_load(&run.result);
}
