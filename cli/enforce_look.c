// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/initramfs.h"
#include "enforce.h"

static bool same(const void *left, size_t left_length, const void *right, size_t right_length)
{
	return !left == !right && left_length == right_length && (!left || !memcmp(left, right, left_length));
}

static bool is_as_set(const struct enforce *enforce, const struct pkgima_initramfs *carried)
{
	const struct pkgima_enforce *now = &enforce->now;
	const char *settings = (const char *)carried->settings.data;

	return same(carried->policy.data, carried->policy.length, now->policy, now->policy_length) &&
	       (!now->signature || same(carried->signature.data, carried->signature.length, now->signature,
					now->signature_length)) &&
	       !strcmp(settings ? settings : "", now->settings ? now->settings : "");
}

static enum enforce_outcome judge(const struct enforce *enforce, const struct pkgima_initramfs *carried, char *sentence,
				  size_t capacity)
{
	enum pkgima_enforce_mode mode = pkgima_enforce_settings_mode((const char *)carried->settings.data);
	const char *does = mode == PKGIMA_ENFORCE_ENFORCE ? "enforces" : mode == PKGIMA_ENFORCE_LOG ? "only logs" :
									 "enforces nothing";

	if (!carried->program && enforce->starts_it) {
		snprintf(sentence, capacity, "starts /ima/init by the kernel command line");
		return OUTCOME_AS_SET;
	}
	if (!carried->program || !carried->policy.data) {
		snprintf(sentence, capacity, "enforces nothing: ima-init is not in its initramfs");
		return enforce->now.mode == PKGIMA_ENFORCE_OFF ? OUTCOME_AS_SET : OUTCOME_WITHOUT;
	}
	if (!is_as_set(enforce, carried)) {
		snprintf(sentence, capacity, "%s, by what is no longer set: its initramfs has to be made anew", does);
		return OUTCOME_STALE;
	}
	if (!carried->certificates) {
		snprintf(sentence, capacity, "its initramfs carries no CA certificate: a kernel without a keyring of its own "
			 "%s", mode == PKGIMA_ENFORCE_ENFORCE ? "stops" : "verifies nothing");
		return OUTCOME_WITHOUT;
	}
	snprintf(sentence, capacity, "%s, by its initramfs", does);
	return OUTCOME_AS_SET;
}

enum enforce_outcome enforce_look_at(const struct enforce *enforce, const struct pkgima_kernel *kernel, char *sentence,
				     size_t capacity)
{
	cleanup_initramfs struct pkgima_initramfs carried = { 0 };
	cleanup_close int fd = -1;
	cleanup_free char *name = NULL;
	struct pkgima_error error;

	if (!kernel->initramfs && enforce->starts_it)
		return judge(enforce, &carried, sentence, capacity);
	if (!kernel->initramfs) {
		snprintf(sentence, capacity, "enforces nothing: it has no initramfs, and does not start /ima/init");
		return enforce->now.mode == PKGIMA_ENFORCE_OFF ? OUTCOME_AS_SET : OUTCOME_WITHOUT;
	}
	name = cli_printable(kernel->initramfs);
	fd = pkgima_beneath_open_followed(enforce->root_fd, kernel->initramfs, NULL);
	if (fd < 0) {
		snprintf(sentence, capacity, "cannot open %s: %s", name, strerror(-fd));
		return OUTCOME_UNKNOWN;
	}
	if (pkgima_initramfs_read(fd, name, &carried, &error) < 0) {
		snprintf(sentence, capacity, "%s", error.text);
		return OUTCOME_UNKNOWN;
	}
	return judge(enforce, &carried, sentence, capacity);
}

bool enforce_is_carried(const struct enforce *enforce, bool say)
{
	cleanup_kernels struct pkgima_kernels kernels = { 0 };
	struct pkgima_error error;
	bool all = true;

	if (pkgima_kernels_list(enforce->root_fd, &kernels, &error) < 0) {
		cli_message(enforce->command, "%s", error.text);
		return false;
	}
	for (size_t i = 0; i < kernels.count; i++) {
		cleanup_free char *version = cli_printable(kernels.list[i].version);
		char sentence[1200];

		if (enforce_look_at(enforce, &kernels.list[i], sentence, sizeof(sentence)) == OUTCOME_AS_SET)
			continue;
		all = false;
		if (say)
			cli_message(enforce->command, "kernel %s: %s", version, sentence);
	}
	return all;
}
