// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sign.h"

#include <stdio.h>
#include <time.h>

/* Seconds that what was begun has, to be made whole, when a signal wants the end. */
#define GRACE 5

static const int ending[] = { SIGHUP, SIGINT, SIGTERM };

void sign_hold_signals(struct sign_settings *settings)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&set, ending[i]);
	sigprocmask(SIG_BLOCK, &set, &settings->signals);
}

/* Under nohup, for example; one that is held is pending all the same. */
static bool is_ignored(int signal)
{
	struct sigaction action;

	return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool is_wanted(const struct sign_settings *settings)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigismember(&pending, ending[i]) == 1 && sigismember(&settings->signals, ending[i]) == 0 &&
		    !is_ignored(ending[i]))
			return true;
	return false;
}

bool sign_is_over(void *context)
{
	struct sign_settings *settings = context;
	struct timespec now;

	if (!is_wanted(settings))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!settings->wanted)
		settings->wanted = now.tv_sec;
	return now.tv_sec - settings->wanted >= GRACE;
}

/* One that came stays pending until all was said, and then does what it always does. */
void sign_release_signals(struct sign_settings *settings)
{
	settings->stop |= is_wanted(settings);
	if (settings->stop)
		return;
	/* From here on one that comes ends the program at once, and what is still in the buffer is never said. */
	fflush(stdout);
	sigprocmask(SIG_SETMASK, &settings->signals, NULL);
}
