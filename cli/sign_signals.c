// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sign.h"

#include <stdio.h>

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

/* One that came stays pending until all was said, and then does what it always does. */
void sign_release_signals(struct sign_settings *settings)
{
	sigset_t pending;

	sigpending(&pending);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (sigismember(&pending, ending[i]) == 1 && sigismember(&settings->signals, ending[i]) == 0 &&
		    !is_ignored(ending[i]))
			settings->stop = true;
	if (settings->stop)
		return;
	/* From here on one that comes ends the program at once, and what is still in the buffer is never said. */
	fflush(stdout);
	sigprocmask(SIG_SETMASK, &settings->signals, NULL);
}
