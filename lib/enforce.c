// SPDX-License-Identifier: LGPL-2.1-or-later
#include "enforce.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"
#include "cleanup.h"
#include "ima_policy.h"
#include "init_conf.h"
#include "io.h"
#include "signature.h"

static const char *const mode_words[] = {
#define X(name, word) word,
	PKGIMA_ENFORCE_MODES(X)
#undef X
};

const char *pkgima_enforce_mode_word(enum pkgima_enforce_mode mode)
{
	return mode_words[mode];
}

void pkgima_enforce_free(struct pkgima_enforce *enforce)
{
	free(enforce->policy);
	free(enforce->signature);
	free(enforce->settings);
	*enforce = (struct pkgima_enforce){ 0 };
}

enum pkgima_enforce_mode pkgima_enforce_settings_mode(const char *text)
{
	enum pkgima_enforce_mode mode = PKGIMA_ENFORCE_ENFORCE;
	struct pkgima_init_conf_line line;

	text = text ? pkgima_init_conf_begin(text) : NULL;
	while (text && pkgima_init_conf_next(&text, &line))
		for (int i = 0; !line.problem && !strcmp(line.key, "mode") && i < PKGIMA_ENFORCE_MODE_COUNT; i++)
			if (!strcmp(line.value, mode_words[i]))
				mode = (enum pkgima_enforce_mode)i;
	return mode;
}

int pkgima_enforce_settings_edit(const char *text, const char *word, char **ret_text, struct pkgima_error *error)
{
	const char *rest = text ? pkgima_init_conf_begin(text) : "", *from = rest;
	size_t room = strlen(rest) + 64, used = 0;
	struct pkgima_init_conf_line line;
	char *edited = malloc(room);

	if (!edited)
		return pkgima_fail(error, -ENOMEM, "no memory for settings");
	/* The first line: what stands behind a section's name counts for nothing. */
	if (word)
		used = (size_t)snprintf(edited, room, "mode=%s\n", word);
	while (pkgima_init_conf_next(&rest, &line)) {
		if (line.problem || strcmp(line.key, "mode") != 0)
			continue;
		memcpy(edited + used, from, (size_t)(line.begin - from));
		used += (size_t)(line.begin - from);
		from = rest;
	}
	strcpy(edited + used, from);
	*ret_text = edited;
	return 0;
}

/* 0 also where there is none. */
static int load(int root_fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length, struct pkgima_error *error)
{
	int r = pkgima_beneath_read(root_fd, path, max, ret_data, ret_length, error);

	return r == -ENOENT ? 0 : r;
}

int pkgima_enforce_load(int root_fd, struct pkgima_enforce *ret_enforce, struct pkgima_error *error)
{
	cleanup_enforce struct pkgima_enforce enforce = { 0 };
	size_t length;
	int r;

	r = load(root_fd, PKGIMA_ENFORCE_POLICY, PKGIMA_IMA_POLICY_MAX, &enforce.policy, &enforce.policy_length, error);
	if (r == 0)
		r = load(root_fd, PKGIMA_ENFORCE_SIGNATURE, PKGIMA_SIGNATURE_MAX, &enforce.signature,
			 &enforce.signature_length, error);
	if (r == 0)
		r = load(root_fd, PKGIMA_ENFORCE_SETTINGS, PKGIMA_ENFORCE_SETTINGS_MAX, (uint8_t **)&enforce.settings, &length,
			 error);
	if (r < 0)
		return r;
	enforce.mode = enforce.policy ? pkgima_enforce_settings_mode(enforce.settings) : PKGIMA_ENFORCE_OFF;
	*ret_enforce = enforce;
	memset(&enforce, 0, sizeof(enforce));
	return 0;
}

static int open_folder(int root_fd, struct pkgima_error *error)
{
	int folder = pkgima_beneath_make_real_folder(root_fd, PKGIMA_ENFORCE_FOLDER);

	if (folder < 0)
		return pkgima_fail(error, folder, "cannot open or make the folder %s: %s", PKGIMA_ENFORCE_FOLDER,
				   folder == -ELOOP ? "it is reached through a symbolic link" : strerror(-folder));
	return folder;
}

/* Names in the folder. */
static const char *name_of(const char *path)
{
	return path + sizeof(PKGIMA_ENFORCE_FOLDER);
}

static int write_file(int folder, const char *path, const void *data, size_t length, const struct pkgima_enforce_policy *policy,
		      struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	int r = pkgima_output_open_at(folder, name_of(path), 0644, &output, error);

	if (r == 0) {
		r = pkgima_write_all(output.fd, data, length);
		if (r < 0)
			r = pkgima_fail(error, r, "%s", strerror(-r));
	}
	/* Where it has no place there, policy.sig is what an initramfs carries. */
	if (r == 0 && policy && policy->signature &&
	    fsetxattr(output.fd, "security.ima", policy->signature, policy->signature_length, 0) < 0 && errno != EOPNOTSUPP)
		r = pkgima_fail_errno(error, "cannot set security.ima");
	if (r == 0)
		r = pkgima_output_commit(&output, true, error);
	return r < 0 ? pkgima_fail_within(error, r, "%s", path) : 0;
}

/* 0 also where it is gone. */
static int remove_file(int folder, const char *path, bool *ret_changed, struct pkgima_error *error)
{
	if (unlinkat(folder, name_of(path), 0) == 0)
		*ret_changed = true;
	else if (errno != ENOENT)
		return pkgima_fail_errno(error, "cannot remove %s", path);
	return 0;
}

static bool same(const void *left, size_t left_length, const void *right, size_t right_length)
{
	return left_length == right_length && (!left == !right) && (!left || !memcmp(left, right, left_length));
}

/* The old signature goes first, the new one comes last. */
static int set_policy(int folder, const struct pkgima_enforce *now, const struct pkgima_enforce_policy *policy,
		      bool *ret_changed, struct pkgima_error *error)
{
	bool same_signature = same(now->signature, now->signature_length, policy->signature, policy->signature_length);
	bool same_policy = same(now->policy, now->policy_length, policy->text, policy->length);
	int r = 0;

	if (!same_policy || !same_signature)
		r = remove_file(folder, PKGIMA_ENFORCE_SIGNATURE, ret_changed, error);
	if (r == 0 && (!same_policy || !same_signature)) {
		r = write_file(folder, PKGIMA_ENFORCE_POLICY, policy->text, policy->length, policy, error);
		*ret_changed = *ret_changed || r == 0;
	}
	if (r == 0 && policy->signature && (!same_policy || !same_signature)) {
		r = write_file(folder, PKGIMA_ENFORCE_SIGNATURE, policy->signature, policy->signature_length, NULL, error);
		*ret_changed = *ret_changed || r == 0;
	}
	return r;
}

/* Without any line left there is no file. */
static int set_settings(int folder, const char *now, const char *word, bool *ret_changed, struct pkgima_error *error)
{
	cleanup_free char *text = NULL;
	int r;

	r = pkgima_enforce_settings_edit(now, word, &text, error);
	if (r < 0 || (now && !strcmp(text, now)))
		return r;
	if (strlen(text) > PKGIMA_ENFORCE_SETTINGS_MAX)
		return pkgima_fail(error, -EFBIG, PKGIMA_ENFORCE_SETTINGS " would have more than the %zu bytes that ima-init reads",
				   PKGIMA_ENFORCE_SETTINGS_MAX);
	if (!*text)
		return remove_file(folder, PKGIMA_ENFORCE_SETTINGS, ret_changed, error);
	r = write_file(folder, PKGIMA_ENFORCE_SETTINGS, text, strlen(text), NULL, error);
	*ret_changed = *ret_changed || r == 0;
	return r;
}

int pkgima_enforce_set(int root_fd, enum pkgima_enforce_mode mode, const struct pkgima_enforce_policy *policy,
		       bool *ret_changed, struct pkgima_error *error)
{
	cleanup_enforce struct pkgima_enforce now = { 0 };
	cleanup_close int folder = open_folder(root_fd, error);
	int r;

	if (folder < 0)
		return folder;
	r = pkgima_enforce_load(root_fd, &now, error);
	/* A mode that weakens comes before the policy, enforce behind it. */
	if (r == 0 && mode != PKGIMA_ENFORCE_ENFORCE)
		r = set_settings(folder, now.settings, pkgima_enforce_mode_word(mode), ret_changed, error);
	if (r == 0 && policy)
		r = set_policy(folder, &now, policy, ret_changed, error);
	if (r == 0 && mode == PKGIMA_ENFORCE_ENFORCE)
		r = set_settings(folder, now.settings, pkgima_enforce_mode_word(mode), ret_changed, error);
	return r;
}

static int rename_file(int folder, const char *from, const char *to, bool *ret_changed, struct pkgima_error *error)
{
	if (renameat(folder, name_of(from), folder, name_of(to)) == 0)
		*ret_changed = true;
	else if (errno != ENOENT)
		return pkgima_fail_errno(error, "cannot rename %s to %s", from, to);
	return 0;
}

int pkgima_enforce_unset(int root_fd, bool stays, bool *ret_changed, struct pkgima_error *error)
{
	cleanup_close int folder = open_folder(root_fd, error);
	cleanup_free char *settings = NULL;
	struct pkgima_error later;
	size_t length;
	int r, result;

	if (folder < 0)
		return folder;
	/* What was kept before is not to become the signature of this one. */
	if (faccessat(folder, name_of(PKGIMA_ENFORCE_POLICY), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		unlinkat(folder, name_of(PKGIMA_ENFORCE_SIGNATURE_KEPT), 0);
	/* Without a policy no initramfs has ima-init in it: this first, whatever else is broken. */
	result = rename_file(folder, PKGIMA_ENFORCE_POLICY, PKGIMA_ENFORCE_POLICY_KEPT, ret_changed, error);
	r = rename_file(folder, PKGIMA_ENFORCE_SIGNATURE, PKGIMA_ENFORCE_SIGNATURE_KEPT, ret_changed, result < 0 ? &later : error);
	result = result < 0 ? result : r;
	r = load(root_fd, PKGIMA_ENFORCE_SETTINGS, PKGIMA_ENFORCE_SETTINGS_MAX, (uint8_t **)&settings, &length,
		 result < 0 ? &later : error);
	if (r == 0 && (settings || stays))
		r = set_settings(folder, settings, stays ? "off" : NULL, ret_changed, result < 0 ? &later : error);
	return result < 0 ? result : r;
}
