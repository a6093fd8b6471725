// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audit_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "list.h"

static void free_item(struct pkgima_audit_item *item)
{
	free(item->name);
	free(item->program);
	free(item->op);
	free(item->cause);
	free(item->hash_name);
}

void pkgima_audit_log_free(struct pkgima_audit_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		free_item(&log->items[i]);
	free(log->items);
	memset(log, 0, sizeof(*log));
}

static int add(struct pkgima_audit_log *log, const struct pkgima_audit_record *record, struct pkgima_error *error)
{
	struct pkgima_audit_item item = {
		.type = record->type,
		.has_digest = record->has_digest,
		.hash = record->hash,
		.milliseconds = record->milliseconds,
		.serial = record->serial,
		.count = 1,
	};
	void *items;

	if (log->count == PKGIMA_AUDIT_RECORDS_MAX)
		return pkgima_fail(error, -E2BIG, "more than %zu records", PKGIMA_AUDIT_RECORDS_MAX);
	items = pkgima_list_room(log->items, log->count, &log->capacity, sizeof(*log->items));
	if (!items)
		return pkgima_fail(error, -ENOMEM, "no memory for the records");
	log->items = items;
	memcpy(item.digest, record->digest, sizeof(item.digest));
	item.name = strdup(record->name);
	item.program = strdup(record->program);
	item.op = strdup(record->op);
	item.cause = strdup(record->cause);
	item.hash_name = strdup(record->hash_name);
	log->items[log->count++] = item;
	if (!item.name || !item.program || !item.op || !item.cause || !item.hash_name)
		return pkgima_fail(error, -ENOMEM, "no memory for the records");
	return 0;
}

int pkgima_audit_log_take(struct pkgima_audit_log *log, const char *line, size_t length, uint64_t milliseconds,
			  uint64_t serial, struct pkgima_error *error)
{
	struct pkgima_audit_record record;
	int r = pkgima_audit_record_parse(line, length, &record);

	log->malformed += r < 0;
	if (r <= 0)
		return 0;
	if (record.passed && record.type != PKGIMA_AUDIT_RULE)
		return 0;
	if (!record.serial) {
		record.milliseconds = milliseconds;
		record.serial = serial;
	}
	return add(log, &record, error);
}

static int take_line(struct pkgima_audit_log *log, char *line, size_t length, bool is_kmsg, struct pkgima_error *error)
{
	if (is_kmsg)
		length = pkgima_audit_unescape_kmsg(line, length);
	if (length && line[length - 1] == '\r')
		length--;
	return pkgima_audit_log_take(log, line, length, 0, 0, error);
}

/* What stands in a buffer. */
struct lines {
	char *text;
	size_t used;
	bool is_cut;                   /* the start of this line is gone */
};

/* Takes the whole lines off; with @last also one without its end. */
static int take_lines(struct pkgima_audit_log *log, struct lines *lines, bool is_kmsg, bool last, struct pkgima_error *error)
{
	size_t start = 0;
	int r = 0;

	while (start < lines->used && r == 0) {
		char *end = memchr(lines->text + start, '\n', lines->used - start);
		size_t length = end ? (size_t)(end - lines->text) - start : lines->used - start;

		if (!end && !last)
			break;
		if (!lines->is_cut)
			r = take_line(log, lines->text + start, length, is_kmsg, error);
		lines->is_cut = false;
		start += length + (end != NULL);
	}
	lines->used -= start;
	memmove(lines->text, lines->text + start, lines->used);
	if (lines->used == PKGIMA_AUDIT_LINE_MAX) {
		log->cut += !lines->is_cut;
		lines->is_cut = true;
		lines->used = 0;
	}
	return r;
}

int pkgima_audit_log_read(struct pkgima_audit_log *log, int fd, bool is_kmsg, const char *what, struct pkgima_error *error)
{
	cleanup_free char *buffer = malloc(PKGIMA_AUDIT_LINE_MAX);
	struct lines lines = { .text = buffer };
	int r = 0;

	if (!buffer)
		return pkgima_fail(error, -ENOMEM, "no memory to read %s", what);
	while (r == 0) {
		ssize_t n = read(fd, lines.text + lines.used, PKGIMA_AUDIT_LINE_MAX - lines.used);

		if (n == 0)
			break;
		if (n < 0) {
			switch (errno) {
			case EINTR:
			case EPIPE:  /* kmsg: some were overwritten; it goes on with the oldest that is left */
				continue;
			case EAGAIN: /* kmsg: that was the last */
				n = 0;
				break;
			case EINVAL: /* kmsg: a record longer than what is left of the buffer */
				if (is_kmsg && lines.used) {
					r = take_lines(log, &lines, is_kmsg, true, error);
					continue;
				}
				/* fallthrough */
			default:
				return pkgima_fail_errno(error, "cannot read %s", what);
			}
			if (n == 0)
				break;
		}
		lines.used += (size_t)n;
		r = take_lines(log, &lines, is_kmsg, false, error);
	}
	return r < 0 ? r : take_lines(log, &lines, is_kmsg, true, error);
}

/* Denials first, of each the names in their order. */
static int compare_reason(const struct pkgima_audit_item *left, const struct pkgima_audit_item *right)
{
	int order = (int)left->type - (int)right->type;

	if (order == 0)
		order = strcmp(left->name, right->name);
	if (order == 0)
		order = strcmp(left->op, right->op);
	if (order == 0)
		order = strcmp(left->cause, right->cause);
	if (order == 0)
		order = strcmp(left->hash_name, right->hash_name);
	return order ? order : memcmp(left->digest, right->digest, sizeof(left->digest));
}

static int compare_numbers(uint64_t left, uint64_t right)
{
	return (left > right) - (left < right);
}

static int compare(const void *left, const void *right)
{
	const struct pkgima_audit_item *l = left, *r = right;
	int order = compare_reason(l, r);

	if (order == 0)
		order = compare_numbers(l->milliseconds, r->milliseconds);
	return order ? order : compare_numbers(l->serial, r->serial);
}

void pkgima_audit_log_group(struct pkgima_audit_log *log)
{
	size_t kept = 0;
	uint64_t milliseconds = 0, serial = 0;

	if (!log->count)
		return;
	qsort(log->items, log->count, sizeof(*log->items), compare);
	for (size_t i = 0; i < log->count; i++) {
		struct pkgima_audit_item *item = &log->items[i], *first = kept ? &log->items[kept - 1] : NULL;

		if (!first || compare_reason(first, item) != 0) {
			milliseconds = item->milliseconds;
			serial = item->serial;
			log->items[kept++] = *item;
			continue;
		}
		first->count += !serial || item->milliseconds != milliseconds || item->serial != serial;
		milliseconds = item->milliseconds;
		serial = item->serial;
		free_item(item);
	}
	log->count = kept;
}

const char *pkgima_audit_cause_sentence(const char *cause)
{
	/* security/integrity/ima: ima_appraise.c, ima_main.c and ima_api.c of Linux 6.1 to 6.12. */
	static const struct { const char *cause, *sentence; } known[] = {
		{ "IMA-signature-required", "the policy wants a signature, and the file had none" },
		{ "missing-hash", "the file had neither signature nor hash" },
		{ "invalid-hash", "the content was not that of the file's hash" },
		{ "invalid-signature", "no key of the kernel's verified the file's signature of this content" },
		{ "denied-hash-algorithm", "the policy does not take digests by the signature's algorithm" },
		{ "unavailable-hash-algorithm", "the kernel does not have the signature's hash algorithm" },
		{ "invalid-signature-version", "the kernel does not take signatures of this version" },
		{ "unknown-ima-data", "security.ima was neither signature nor hash" },
		{ "unverifiable-signature", "the file system can show something else than what was verified" },
		{ "verity-signature-required", "the policy wants a signature for fs-verity" },
		{ "invalid-verity-signature", "no key of the kernel's verified the file's signature for fs-verity" },
		{ "missing-HMAC", "EVM is on, and the file had no security.evm" },
		{ "invalid-HMAC", "EVM did not verify the file's metadata" },
		{ "invalid-fail-immutable", "EVM did not verify the file's metadata" },
		{ "failed-mprotect", "a mapping of the file was made executable afterwards" },
		{ "mmapped_writers", "the file was mapped for writing by another program" },
		{ "failed", "the file could not be read" },
		{ "failed(directio)", "the file was opened past the page cache" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].cause, cause))
			return known[i].sentence;
	return "the kernel did not accept it";
}
