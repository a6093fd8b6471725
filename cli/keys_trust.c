// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "keys.h"

static const struct pkgima_trust_item *find(const struct pkgima_trust *trust, const char *fingerprint)
{
	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];

		if (item->ca && item->certificate && !strcmp(item->certificate->fingerprint, fingerprint))
			return item;
	}
	return NULL;
}

static int confirm(struct keys *keys, const struct pkgima_trust_item *item)
{
	cleanup_free char *path = NULL;
	struct pkgima_error error;
	struct cli_owners owners;
	int r;

	if (item->warning)
		cli_message(keys->command, "warning: %s: %s", item->source, item->warning);
	r = cli_owners_open(&owners, keys->root_fd, &error);
	if (r == 0)
		r = pkgima_trust_confirm(item->certificate, keys->root_fd, cli_owners_own, &owners, &path, &error);
	r = cli_owners_close(&owners, r, &error);
	if (r < 0) {
		cli_message(keys->command, "%s", error.text);
		return r == -EINVAL || r == -EPERM ? CLI_VERDICT : CLI_FAILED;
	}
	printf("%s: trusted, %s\n", path, item->certificate->subject);
	return cli_finish(keys->command, cli_rebuild_initramfs(keys->command, keys_root_is_ours(keys)));
}

int keys_trust(struct keys *keys)
{
	cleanup_trust struct pkgima_trust *waiting = pkgima_trust_new();
	const struct pkgima_trust_item *item;
	struct pkgima_error error = { "" };
	char fingerprint[65];

	if (!pkgima_fingerprint_parse(keys->argument, fingerprint))
		return cli_usage(keys->command, "a fingerprint has 64 hexadecimal digits: SHA-256 of the certificate in DER");
	if (!waiting || pkgima_trust_load_waiting(waiting, keys->root_fd, &error) < 0) {
		cli_message(keys->command, "%s", waiting ? error.text : "no memory for certificates");
		return CLI_FAILED;
	}
	item = find(keys->trust, fingerprint);
	if (item && !item->problem) {
		printf("%s: trusted already\n", item->source);
		return cli_finish(keys->command, CLI_OK);
	}
	item = find(waiting, fingerprint);
	if (item)
		return confirm(keys, item);
	cli_message(keys->command, "no certificate in %s has this fingerprint", PKGIMA_TRUST_WAITING_FOLDER);
	return CLI_VERDICT;
}
