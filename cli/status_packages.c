// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/apply.h"
#include "../lib/signature.h"
#include "status.h"

void status_find_keyring(struct status_keyring *keyring)
{
	size_t count = 0;
	int r;

	*keyring = (struct status_keyring){ .error = { "" } };
	r = pkgima_keyring_find(&keyring->ring, &keyring->error);
	if (r < 0) {
		keyring->view.problem = r == -ENOENT ? NULL : keyring->error.text;
		return;
	}
	keyring->view.name = keyring->ring.name;
	r = pkgima_keyring_keys(&keyring->ring, &keyring->keys, &count, &keyring->error);
	if (r == 0)
		keyring->skids = calloc(count + 1, sizeof(*keyring->skids));
	if (!keyring->skids) {
		keyring->view.problem = r < 0 ? keyring->error.text : "no memory for the keys of the keyring";
		count = r < 0 ? 0 : count;
	}
	keyring->view.count = count;
	for (size_t i = 0; keyring->skids && i < count; i++)
		keyring->skids[i] = keyring->keys[i].skid;
	keyring->view.skids = keyring->skids;
}

void status_release_keyring(struct status_keyring *keyring)
{
	pkgima_keyring_keys_free(keyring->keys, keyring->view.count);
	free(keyring->skids);
}

/* The files of one package that the settings want signed. */
struct seen {
	size_t files, carrying;
};

struct session {
	const struct cli_command *command;
	const struct pkgima_trust *trust;
	struct pkgima_status_packages *packages;
	const struct pkgima_installed *first;
	struct seen *seen;
	struct cli_progress progress;
};

static void look_at(void *context, const struct pkgima_look *look)
{
	struct session *session = context;
	struct seen *seen = &session->seen[look->package - session->first];
	struct pkgima_signature signature;
	size_t position = 0;

	if (!look->selected)
		return;
	seen->files++;
	if (!look->value.bytes || pkgima_signature_parse(look->value.bytes, look->value.length, &signature, NULL) < 0)
		return;
	if (pkgima_trust_find(session->trust, signature.key_id, &position))
		seen->carrying++;
	else
		session->packages->foreign++;
}

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;

	/* Where something else than a file stands, there is nothing that could carry anything. */
	session->packages->failed = session->packages->failed || finding->failed;
}

static void progress(void *context, size_t packages, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu packages, %zu files", packages, files);
}

static void sum_up(struct pkgima_status_packages *packages, const struct cli_source *source, const struct seen *seen)
{
	for (size_t i = 0; i < source->count; i++) {
		packages->files += seen[i].files;
		packages->carrying += seen[i].carrying;
		/* One without files of its own has nothing to sign but by its manifest. */
		if (seen[i].carrying == seen[i].files && (seen[i].files || source->packages[i].is_signed))
			packages->signed_++;
		else if (seen[i].carrying || source->packages[i].is_signed)
			packages->partly++;
		else if (seen[i].files)
			packages->none++;
	}
}

static void count_source(struct session *session, int root_fd, const struct pkgima_config *config,
			 const struct cli_source *source)
{
	cleanup_free struct seen *seen = calloc(source->count + 1, sizeof(*seen));
	struct pkgima_apply job = {
		.task = PKGIMA_TASK_LOOK,
		.root_fd = root_fd,
		.manager = source->manager,
		.database = source->database,
		.config = config,
		.report = report,
		.progress = progress,
		.look = look_at,
		.context = session,
	};
	struct pkgima_apply_counts counts;
	struct pkgima_error error = { "no memory for the packages" };

	session->first = source->packages;
	session->seen = seen;
	cli_progress_begin(&session->progress);
	if (!seen || pkgima_audit_packages(&job, source->packages, source->count, NULL, &counts, &error) < 0) {
		cli_message(session->command, "%s", error.text);
		session->packages->failed = true;
	}
	cli_progress_end(&session->progress);
	if (seen)
		sum_up(session->packages, source, seen);
}

bool status_count_packages(const struct cli_command *command, int root_fd, const struct pkgima_trust *trust,
			   struct pkgima_status_packages *packages)
{
	cleanup_managers struct cli_managers managers = { 0 };
	struct session session = { .command = command, .trust = trust, .packages = packages };
	struct pkgima_config config = { 0 };
	bool any;

	*packages = (struct pkgima_status_packages){ 0 };
	/* What is wrong with the settings is told by the check of that name. */
	pkgima_config_load(root_fd, &config, NULL, NULL, NULL);
	packages->failed = cli_managers_open(command, root_fd, true, &managers) != CLI_OK;
	any = cli_managers_any(&managers);
	for (size_t i = 0; i < CLI_SOURCES; i++)
		if (managers.sources[i].database)
			count_source(&session, root_fd, &config, &managers.sources[i]);
	return any || packages->failed;
}
