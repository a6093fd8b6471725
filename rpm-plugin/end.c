// SPDX-License-Identifier: LGPL-2.1-or-later
/* After a run: what was done, and certificates that came with it go into the kernel's keyring. */
#include <stdio.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/system_keys.h"
#include "owners.h"
#include "plugin.h"

static void report_key(void *context, const struct pkgima_keyring *keyring,
		       const struct pkgima_certificate *certificate, int result, const struct pkgima_error *error)
{
	char line[2048];

	(void)context;
	if (result < 0)
		snprintf(line, sizeof(line), "%s: not loaded into %s: %s", certificate->source, keyring->name, error->text);
	else
		snprintf(line, sizeof(line), "%s: key %08x loaded into %s", certificate->source, certificate->key_id,
			 keyring->name);
	plugin_say(result < 0 ? PKGIMA_LEVEL_WARNING : PKGIMA_LEVEL_INFO, line);
}

static void load_keys(rpmts ts)
{
	const char *root = rpmtsRootDir(ts);
	struct owners owners = { .ts = ts };
	cleanup_close int root_fd = -1;
	struct pkgima_error error;
	int r;

	root_fd = pkgima_root_open(root && *root ? root : "/", &error);
	r = root_fd < 0 ? root_fd : owners_open(&owners, root_fd, ts, &error);
	if (r == 0)
		r = pkgima_system_load_keys(root_fd, owners_own, &owners, report_key, NULL, &error);
	owners_close(&owners);
	if (r < 0)
		plugin_say(PKGIMA_LEVEL_WARNING, error.text);
}

static void report(const struct session *session)
{
	const struct counts *counts = &session->counts;
	char line[256];
	int used = 0;

	if (counts->applied || counts->left_out || counts->bad) {
		used = snprintf(line, sizeof(line), "%zu file%s signed", counts->applied, counts->applied == 1 ? "" : "s");
		if (counts->unchanged)
			used += snprintf(line + used, sizeof(line) - (size_t)used, ", %zu unchanged", counts->unchanged);
		if (counts->left_out)
			used += snprintf(line + used, sizeof(line) - (size_t)used, ", %zu left out (%s)",
					 counts->left_out, PKGIMA_CONFIG_PATH);
		if (counts->bad)
			snprintf(line + used, sizeof(line) - (size_t)used, ", %zu without a good signature",
				 counts->bad);
		plugin_say(PKGIMA_LEVEL_INFO, line);
	}
	if (!counts->unsupported || session->gate.config.unsupported_fs == PKGIMA_UNSUPPORTED_IGNORE)
		return;
	snprintf(line, sizeof(line), "%zu file%s where security.ima cannot be set", counts->unsupported,
		 counts->unsupported == 1 ? " is" : "s are");
	plugin_say(PKGIMA_LEVEL_WARNING, line);
}

void run_end(struct session *session, rpmts ts)
{
	bool keys_came = session->keys_came;

	report(session);
	run_free(session);
	if (keys_came)
		load_keys(ts);
}
