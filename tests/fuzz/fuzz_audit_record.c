// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lines of a log: what is a record has a name where it needs one, strings that end, and a digest of its algorithm only. The
 * same bytes are also a table of mounts, which is taken whole or not at all.
 */
#include <string.h>

#include "audit_log.h"
#include "cleanup.h"
#include "fuzz.h"
#include "mounts.h"

static void check_record(const char *line, size_t length)
{
	struct pkgima_audit_record record;
	int r = pkgima_audit_record_parse(line, length, &record);

	promise(r <= 1);
	if (r != 1)
		return;
	promise(memchr(record.name, '\0', sizeof(record.name)) && memchr(record.program, '\0', sizeof(record.program)));
	promise(memchr(record.op, '\0', sizeof(record.op)) && memchr(record.cause, '\0', sizeof(record.cause)));
	promise(record.type == PKGIMA_AUDIT_STATUS || record.name[0]);
	promise(record.type == PKGIMA_AUDIT_RULE ? record.hash_name[0] && record.passed : record.cause[0] && !record.has_digest);
	promise(pkgima_audit_cause_sentence(record.cause)[0]);
}

static void check_mounts(const uint8_t *data, size_t size)
{
	cleanup_mounts struct pkgima_mounts mounts = { 0 };
	struct pkgima_error error = { "" };

	if (pkgima_mounts_parse(data, size, &mounts, &error) < 0) {
		promise(error.text[0] && !mounts.count);
		return;
	}
	for (size_t i = 0; i < mounts.count; i++)
		promise(mounts.list[i].path[0] == '/' && mounts.list[i].type[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_audit_log struct pkgima_audit_log log = { 0 };
	cleanup_free char *copy = malloc(size + 1);
	struct pkgima_error error;
	size_t count = 0, length;

	promise(copy);
	memcpy(copy, data, size);
	for (const char *line = (const char *)data, *end = line + size; line < end; line += length + 1) {
		const char *found = memchr(line, '\n', (size_t)(end - line));

		length = (size_t)((found ? found : end) - line);
		check_record(line, length);
		promise(pkgima_audit_log_take(&log, line, length, 1, 1, &error) == 0);
	}
	for (size_t i = 0; i < log.count; i++)
		count += log.items[i].count;
	promise(count == log.count);
	pkgima_audit_log_group(&log);
	for (size_t i = 0; i < log.count; i++)
		promise(log.items[i].count >= 1 && log.items[i].count <= count);
	promise(pkgima_audit_unescape_kmsg(copy, size) <= size);
	check_mounts(data, size);
	return 0;
}
