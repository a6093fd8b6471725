// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deb.h"
#include "manifest.h"

/* Bytes of the paths of files without a signature: a small archive could have very many. */
#define UNSIGNED_PATHS_MAX ((size_t)64 * 1024 * 1024)

/* What a check works on: entries of the manifest first, then what is found beside them. */
struct state {
	struct pkgima_package_check *check;
	struct pkgima_hasher *hasher;
	size_t signed_count;             /* entries of the manifest; these are sorted */
	bool *seen;                      /* one for each of them: the package has such a file */
	bool *differs;                   /* and its content is not what was signed, whatever its verdict says first */
	size_t unsigned_bytes;           /* of paths behind them */
	struct pkgima_error *error;
};

static struct pkgima_entry *find_signed(const struct state *state, const char *path, size_t *ret_index)
{
	struct pkgima_entries sorted = state->check->entries;
	struct pkgima_entry *entry;

	if (!state->signed_count)
		return NULL;
	sorted.count = state->signed_count;
	entry = pkgima_entries_find(&sorted, path);
	if (entry)
		*ret_index = (size_t)(entry - sorted.list);
	return entry;
}

static int note_unsigned(struct state *state, const char *path, enum pkgima_entry_type type)
{
	struct pkgima_entries *entries = &state->check->entries;
	struct pkgima_entry *entry;

	state->unsigned_bytes += strlen(path) + 1;
	if (entries->count >= PKGIMA_ENTRIES_MAX || state->unsigned_bytes > UNSIGNED_PATHS_MAX)
		return pkgima_fail(state->error, -E2BIG, "it has more than %d files, or more than %zu bytes of names of "
				   "unsigned ones", PKGIMA_ENTRIES_MAX, UNSIGNED_PATHS_MAX);
	entry = pkgima_entries_add(entries);
	if (entry)
		entry->path = pkgima_entries_keep(entries, path, strlen(path));
	if (!entry || !entry->path)
		return pkgima_fail(state->error, -ENOMEM, "no memory for the list of unsigned files");
	entry->type = type;
	return 0;
}

static void note_content(struct state *state, size_t index, const uint8_t *digest)
{
	const struct pkgima_entry *entry = &state->check->entries.list[index];
	struct pkgima_result *result = &state->check->results[index];

	state->seen[index] = true;
	state->differs[index] = memcmp(digest, entry->digest, pkgima_hash_size(entry->hash)) != 0;
	if (result->verdict == PKGIMA_VERDICT_OK && state->differs[index]) {
		result->verdict = PKGIMA_VERDICT_DIGEST_MISMATCH;
		snprintf(result->reason, sizeof(result->reason), "the content in the package is not what was signed");
	}
}

static int check_scripts(struct state *state, const struct pkgima_control *control)
{
	int r = 0;

	for (size_t i = 0; i < control->count && r == 0; i++) {
		const struct pkgima_control_file *file = &control->files[i];
		uint8_t digest[PKGIMA_DIGEST_MAX];
		struct pkgima_entry *entry;
		char path[PKGIMA_AR_HEADER + 8];
		size_t index;

		if (!pkgima_script_is_known(file->name))
			continue;
		snprintf(path, sizeof(path), "DEBIAN/%s", file->name);
		entry = find_signed(state, path, &index);
		if (!entry) {
			r = note_unsigned(state, path, PKGIMA_ENTRY_SCRIPT);
			continue;
		}
		r = pkgima_hasher_begin(state->hasher, entry->hash, state->error);
		if (r == 0)
			r = pkgima_hasher_update(state->hasher, file->content, file->length, state->error);
		if (r == 0)
			r = pkgima_hasher_end(state->hasher, digest, state->error);
		if (r == 0)
			note_content(state, index, digest);
	}
	return r;
}

static int check_hard_link(struct state *state, const struct pkgima_tar_member *member)
{
	const struct pkgima_entry *entry;
	struct pkgima_result *result;
	size_t index, target;

	entry = find_signed(state, member->path, &index);
	if (!entry)
		return note_unsigned(state, member->path, PKGIMA_ENTRY_FILE);
	/* Known is the content of a target that is its own digest's; and only that. */
	if (find_signed(state, member->target, &target) && state->seen[target] && !state->differs[target] &&
	    entry->hash == state->check->entries.list[target].hash) {
		note_content(state, index, state->check->entries.list[target].digest);
		return 0;
	}
	result = &state->check->results[index];
	state->seen[index] = state->differs[index] = true;
	if (result->verdict == PKGIMA_VERDICT_OK) {
		result->verdict = PKGIMA_VERDICT_DIGEST_MISMATCH;
		snprintf(result->reason, sizeof(result->reason), "it is a hard link to a file that is not what was signed");
	}
	return 0;
}

static int check_member(struct state *state, struct pkgima_tar *tar, const struct pkgima_tar_member *member)
{
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_entry *entry;
	size_t index;
	int r;

	if (member->hard_link)
		return check_hard_link(state, member);
	if (!member->regular)
		return 0;
	entry = find_signed(state, member->path, &index);
	if (!entry)
		return note_unsigned(state, member->path, PKGIMA_ENTRY_FILE);
	if (state->seen[index])
		return pkgima_fail(state->error, -EINVAL, "a file is twice in the data member");
	r = pkgima_tar_hash(tar, state->hasher, entry->hash, digest, state->error);
	if (r == 0)
		note_content(state, index, digest);
	return r;
}

static int check_payload(struct state *state, const struct pkgima_deb *deb, unsigned int threads)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r;

	r = pkgima_deb_open_data(deb, threads, &tar, state->error);
	while (r == 0 && (r = pkgima_tar_next(tar, &member, state->error)) == 1)
		r = check_member(state, tar, &member);
	return r < 0 ? pkgima_fail_within(state->error, r, "data member") : 0;
}

/* Entries of the manifest for files that the package does not have. */
static void note_missing(struct state *state, bool payload)
{
	for (size_t i = 0; i < state->signed_count; i++) {
		struct pkgima_result *result = &state->check->results[i];
		bool script = state->check->entries.list[i].type == PKGIMA_ENTRY_SCRIPT;

		if (state->seen[i] || result->verdict != PKGIMA_VERDICT_OK || !(payload || script))
			continue;
		result->verdict = PKGIMA_VERDICT_MISSING_FILE;
		snprintf(result->reason, sizeof(result->reason), "the manifest names it, the package does not have it");
	}
}

/* Gives the entries behind the manifest's their results. */
static int judge_unsigned(struct state *state)
{
	struct pkgima_package_check *check = state->check;
	struct pkgima_result *results = reallocarray(check->results, check->entries.count + 1, sizeof(*results));

	if (!results)
		return pkgima_fail(state->error, -ENOMEM, "no memory for the list of unsigned files");
	check->results = results;
	for (size_t i = state->signed_count; i < check->entries.count; i++) {
		results[i].verdict = PKGIMA_VERDICT_UNSIGNED;
		snprintf(results[i].reason, sizeof(results[i].reason), "the manifest has no entry for it");
	}
	return 0;
}

/* What the manifest calls a conffile may be edited without being reported once it is installed. */
static int check_types(struct state *state, const struct pkgima_control *control)
{
	cleanup_entries struct pkgima_entries conffiles = { 0 };
	int r;

	r = pkgima_control_conffiles(control, &conffiles, state->error);
	for (size_t i = 0; i < state->signed_count && r == 0; i++) {
		const struct pkgima_entry *entry = &state->check->entries.list[i];
		struct pkgima_result *result = &state->check->results[i];
		bool conffile = entry->type == PKGIMA_ENTRY_CONFFILE;

		if (entry->type == PKGIMA_ENTRY_SCRIPT || result->verdict != PKGIMA_VERDICT_OK ||
		    conffile == !!pkgima_entries_find(&conffiles, entry->path))
			continue;
		result->verdict = PKGIMA_VERDICT_BAD_SIGNATURE;
		snprintf(result->reason, sizeof(result->reason), "%s", conffile ?
			 "the manifest calls it a conffile, the package does not" :
			 "the package calls it a conffile, the manifest does not");
	}
	return r;
}

int pkgima_deb_check(const struct pkgima_deb *deb, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, bool *ret_has_manifest, struct pkgima_error *error)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	cleanup_control struct pkgima_control control = { 0 };
	struct state state = { .check = &check, .error = error };
	const struct pkgima_control_file *manifest;
	int r;

	r = pkgima_deb_read_control(deb, &control, error);
	if (r < 0)
		return r;
	manifest = pkgima_control_find(&control, PKGIMA_MANIFEST_NAME);
	if (manifest) {
		r = pkgima_manifest_parse(manifest->content, manifest->length, &check.entries, error);
		if (r < 0)
			return r;
	}
	state.signed_count = check.entries.count;
	r = pkgima_verify_entries(trust, &check.entries, threads, &check.results, error);
	if (r < 0)
		return r;
	state.seen = calloc(state.signed_count + 1, sizeof(*state.seen));
	state.differs = calloc(state.signed_count + 1, sizeof(*state.differs));
	state.hasher = pkgima_hasher_new();
	if (!state.seen || !state.differs || !state.hasher)
		r = pkgima_fail(error, -ENOMEM, "no memory to check a package");
	if (r == 0)
		r = check_types(&state, &control);
	if (r == 0)
		r = check_scripts(&state, &control);
	if (r == 0 && payload)
		r = check_payload(&state, deb, threads);
	if (r == 0) {
		note_missing(&state, payload);
		r = judge_unsigned(&state);
	}
	free(state.seen);
	free(state.differs);
	pkgima_hasher_free(state.hasher);
	if (r < 0)
		return r;
	*ret_has_manifest = manifest != NULL;
	*ret_check = check;
	memset(&check, 0, sizeof(check));
	return 0;
}
