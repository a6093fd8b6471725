// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keys that the administrator has retired (lib/retired.h) go out of the keyring, also the one that the kernel's own hook
 * has put there. Before the policy is loaded, so that none of them vouches for it; and once more behind it where the
 * kernel's policy until then did not let the list be read, which is the administrator's and so has no signature.
 */
#include "init.h"

#include <string.h>

#include "../lib/beneath.h"
#include "../lib/retired.h"

struct unlinking {
	struct init *init;
	const struct pkgima_retired *retired;
};

static void unlink_if_retired(void *context, key_serial_t key, const char *skid)
{
	const struct unlinking *unlinking = context;

	if (!pkgima_retired_has(unlinking->retired, skid))
		return;
	if (key_unlink(key, unlinking->init->rings.ima) < 0)
		report_failure(unlinking->init, FAILURE_RETIRED, "%s: %s", skid, strerror(errno));
	else
		report_say(true, "key %s is retired", skid + strlen(skid) - 8);
}

static void complain(void *context, const char *sentence)
{
	report_failure(context, FAILURE_RETIRED, "%s", sentence);
}

void retired_unlink(struct init *init)
{
	cleanup_close int root = pkgima_root_open("/", NULL);
	cleanup_retired struct pkgima_retired retired = { 0 };
	struct unlinking unlinking = { .init = init, .retired = &retired };
	struct pkgima_error error;
	int r;

	r = pkgima_retired_load(root, complain, init, &retired, &error);
	init->retired_unread = r == -EACCES && !init->retired_unread;
	if (init->retired_unread)
		return;
	if (r < 0) {
		report_failure(init, FAILURE_RETIRED, "%s", error.text);
		return;
	}
	r = rings_each(init->rings.ima, unlink_if_retired, &unlinking);
	if (r < 0)
		report_failure(init, FAILURE_RETIRED, "a key cannot be looked at: %s", strerror(-r));
}
