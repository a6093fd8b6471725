// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmio.h>
#include <rpm/rpmtag.h>

#include "rpm.h"
#include "rpm_files.h"
#include "rpm_log.h"
#include "rpm_payload.h"

#define READ_SIZE ((size_t)128 * 1024)

/* What a check of the payload works on. */
struct state {
	const struct pkgima_rpm *rpm;
	struct pkgima_package_check *check;
	int *entry_of;                   /* for each file of the header: its entry, or -1 */
	bool *seen;                      /* one for each entry: the payload has its content */
	struct pkgima_hasher *hasher;
	uint8_t *buffer;
	struct pkgima_error *error;
};

static int hash_content(struct state *state, struct pkgima_rpm_payload *payload, enum pkgima_hash hash,
			uint8_t digest[PKGIMA_DIGEST_MAX])
{
	int r = pkgima_hasher_begin(state->hasher, hash, state->error);
	ssize_t n = 1;

	while (r == 0 && n > 0) {
		n = pkgima_rpm_payload_read(payload, state->buffer, READ_SIZE, state->error);
		r = n < 0 ? (int)n : pkgima_hasher_update(state->hasher, state->buffer, (size_t)n, state->error);
	}
	return r < 0 ? r : pkgima_hasher_end(state->hasher, digest, state->error);
}

static void note_content(struct state *state, int file, const uint8_t *digest)
{
	int index = state->entry_of[file];
	struct pkgima_result *result = &state->check->results[index];
	const struct pkgima_entry *entry = &state->check->entries.list[index];

	state->seen[index] = true;
	if (result->verdict != PKGIMA_VERDICT_OK || !memcmp(digest, entry->digest, pkgima_hash_size(entry->hash)))
		return;
	result->verdict = PKGIMA_VERDICT_DIGEST_MISMATCH;
	snprintf(result->reason, sizeof(result->reason), "the content in the package is not what was signed");
}

/* One content, of a file and of all that are hard links of it: each is an entry (pkgima_rpm_is_file()). */
static int check_content(struct state *state, struct pkgima_rpm_payload *payload, int file)
{
	uint8_t digest[PKGIMA_DIGEST_MAX];
	const int *links = NULL;
	uint32_t count;
	int r;

	r = hash_content(state, payload, state->check->entries.list[state->entry_of[file]].hash, digest);
	if (r < 0)
		return r;
	note_content(state, file, digest);
	count = rpmfilesFLinks(state->rpm->files, file, &links);
	for (uint32_t i = 0; links && i < count; i++)
		note_content(state, links[i], digest);
	return 0;
}

/* Files have their verdict; without the rest, too, rpm does not install the package. */
static int check_rest(const struct state *state, const struct pkgima_rpm_payload *payload)
{
	for (int i = 0; i < (int)rpmfilesFC(state->rpm->files); i++)
		if (!payload->found[i] && state->entry_of[i] < 0 &&
		    !(rpmfilesFFlags(state->rpm->files, i) & RPMFILE_GHOST))
			return pkgima_fail(state->error, -EINVAL, "a link or folder that the header names is missing");
	return 0;
}

static int walk(struct state *state, FD_t fd)
{
	struct pkgima_rpm_payload payload;
	int file, r = pkgima_rpm_payload_begin(&payload, fd, state->rpm->files, state->error);

	while (r == 0 && (r = pkgima_rpm_payload_next(&payload, &file, state->error)) > 0)
		r = check_content(state, &payload, file);
	if (r == 0)
		r = check_rest(state, &payload);
	pkgima_rpm_payload_end(&payload);
	return r;
}

static int check_payload(struct state *state)
{
	struct pkgima_rpm_log log;
	FD_t payload = NULL;
	int r;

	pkgima_rpm_log_begin(&log);
	r = pkgima_rpm_payload_open(state->rpm->fd, state->rpm->payload_start, state->rpm->header, &payload, state->error);
	if (r == 0)
		r = walk(state, payload);
	if (payload)
		Fclose(payload);
	pkgima_rpm_log_end();
	return r < 0 ? pkgima_fail_within(state->error, r, "payload") : 0;
}

/* Files of the header that the payload does not have. */
static void note_missing(struct state *state)
{
	for (size_t i = 0; i < state->check->entries.count; i++) {
		struct pkgima_result *result = &state->check->results[i];

		if (state->seen[i] || result->verdict != PKGIMA_VERDICT_OK)
			continue;
		result->verdict = PKGIMA_VERDICT_MISSING_FILE;
		snprintf(result->reason, sizeof(result->reason), "the header names it, the payload does not have it");
	}
}

static int check_contents(struct state *state, const int *file_of)
{
	size_t files = rpmfilesFC(state->rpm->files), entries = state->check->entries.count;
	int r;

	state->entry_of = calloc(files + 1, sizeof(*state->entry_of));
	state->seen = calloc(entries + 1, sizeof(*state->seen));
	state->buffer = malloc(READ_SIZE);
	state->hasher = pkgima_hasher_new();
	if (state->entry_of && state->seen && state->buffer && state->hasher) {
		for (size_t i = 0; i < files; i++)
			state->entry_of[i] = -1;
		for (size_t i = 0; i < entries; i++)
			state->entry_of[file_of[i]] = (int)i;
		r = check_payload(state);
		note_missing(state);
	} else {
		r = pkgima_fail(state->error, -ENOMEM, "no memory to check a package");
	}
	free(state->entry_of);
	free(state->seen);
	free(state->buffer);
	pkgima_hasher_free(state->hasher);
	return r;
}

int pkgima_rpm_check(const struct pkgima_rpm *rpm, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, struct pkgima_error *error)
{
	cleanup_package_check struct pkgima_package_check check = { 0 };
	struct state state = { .rpm = rpm, .check = &check, .error = error };
	cleanup_free int *file_of = NULL;
	int r;

	r = pkgima_rpm_entries(rpm->files, &check.entries, &file_of, error);
	if (r == 0)
		r = pkgima_verify_entries(trust, &check.entries, threads, &check.results, error);
	if (r == 0 && payload)
		r = check_contents(&state, file_of);
	if (r < 0)
		return r;
	*ret_check = check;
	memset(&check, 0, sizeof(check));
	return 0;
}
