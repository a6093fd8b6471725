// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audit_record.h"

#include <errno.h>
#include <string.h>

/* What is left of a line. */
struct piece {
	const char *start;
	size_t length;
};

static void skip(struct piece *piece, size_t length)
{
	piece->start += length;
	piece->length -= length;
}

static bool begins(const struct piece *piece, const char *word)
{
	size_t length = strlen(word);

	return piece->length >= length && !memcmp(piece->start, word, length);
}

/* Moves to behind the first @word that stands at the start or behind a blank; false where there is none. */
static bool find_word(struct piece *piece, const char *word)
{
	struct piece rest = *piece;

	for (;;) {
		const char *found = memmem(rest.start, rest.length, word, strlen(word));

		if (!found)
			return false;
		if (found == piece->start || found[-1] == ' ') {
			skip(&rest, (size_t)(found - rest.start) + strlen(word));
			*piece = rest;
			return true;
		}
		skip(&rest, (size_t)(found - rest.start) + 1);
	}
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Of at most @digits digits. */
static bool take_number(struct piece *piece, size_t digits, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t count = 0;

	while (count < piece->length && is_digit(piece->start[count])) {
		if (count == digits)
			return false;
		number = number * 10 + (uint64_t)(piece->start[count++] - '0');
	}
	skip(piece, count);
	*ret_number = number;
	return count > 0;
}

/* "audit(SECONDS.MILLISECONDS:SERIAL): ". */
static bool take_stamp(struct piece *piece, struct pkgima_audit_record *record)
{
	uint64_t seconds, milliseconds;

	if (!begins(piece, "audit("))
		return false;
	skip(piece, strlen("audit("));
	if (!take_number(piece, 12, &seconds) || !begins(piece, "."))
		return false;
	skip(piece, 1);
	if (!take_number(piece, 3, &milliseconds) || !begins(piece, ":"))
		return false;
	skip(piece, 1);
	if (!take_number(piece, 18, &record->serial) || !begins(piece, "): "))
		return false;
	skip(piece, strlen("): "));
	record->milliseconds = seconds * 1000 + milliseconds;
	return true;
}

static const struct { const char *name; enum pkgima_audit_type type; } types[] = {
	{ "1800 ", PKGIMA_AUDIT_DATA }, { "1802 ", PKGIMA_AUDIT_STATUS }, { "1805 ", PKGIMA_AUDIT_RULE },
	{ "INTEGRITY_DATA ", PKGIMA_AUDIT_DATA }, { "INTEGRITY_STATUS ", PKGIMA_AUDIT_STATUS },
	{ "INTEGRITY_RULE ", PKGIMA_AUDIT_RULE }, { "UNKNOWN[1800] ", PKGIMA_AUDIT_DATA },
	{ "UNKNOWN[1802] ", PKGIMA_AUDIT_STATUS }, { "UNKNOWN[1805] ", PKGIMA_AUDIT_RULE },
	{ "AUDIT1800 ", PKGIMA_AUDIT_DATA }, { "AUDIT1802 ", PKGIMA_AUDIT_STATUS }, { "AUDIT1805 ", PKGIMA_AUDIT_RULE },
};

static bool take_type(struct piece *piece, struct pkgima_audit_record *record)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!begins(piece, types[i].name))
			continue;
		record->type = types[i].type;
		skip(piece, strlen(types[i].name));
		return true;
	}
	return false;
}

/* 1: *@piece is at the first field; 0: no such record. */
static int find_record(struct piece *piece, struct pkgima_audit_record *record)
{
	struct piece rest = *piece;

	while (find_word(&rest, "type=")) {
		if (!take_type(&rest, record))
			continue;
		if (begins(&rest, "msg="))
			skip(&rest, strlen("msg="));
		if (!take_stamp(&rest, record))
			return -EINVAL;
		*piece = rest;
		return 1;
	}
	/* The journal knows the stamp elsewhere. */
	for (size_t i = 3; i < sizeof(types) / sizeof(types[0]); i++) {
		rest = *piece;
		if (find_word(&rest, types[i].name) && (begins(&rest, "pid=") || begins(&rest, "file="))) {
			record->type = types[i].type;
			*piece = rest;
			return 1;
		}
	}
	return 0;
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * A value of audit_log_untrustedstring(): "in quotes", or where it has blanks, quotes or bytes that are no ASCII,
 * hexadecimal. No NUL is in it.
 */
static bool take_untrusted(struct piece *piece, char *output, size_t capacity)
{
	size_t length = 0;

	if (begins(piece, "\"")) {
		const char *end = memchr(piece->start + 1, '"', piece->length - 1);

		length = end ? (size_t)(end - piece->start) - 1 : capacity;
		if (length >= capacity || memchr(piece->start + 1, '\0', length))
			return false;
		memcpy(output, piece->start + 1, length);
		output[length] = '\0';
		skip(piece, length + 2);
		return true;
	}
	while (piece->length >= 2 && hex_digit(piece->start[0]) >= 0 && hex_digit(piece->start[1]) >= 0) {
		output[length] = (char)(hex_digit(piece->start[0]) * 16 + hex_digit(piece->start[1]));
		if (!output[length] || ++length >= capacity)
			return false;
		skip(piece, 2);
	}
	output[length] = '\0';
	return length > 0;
}

/* Up to the next field; causes are the only values that have blanks. */
static bool take_plain(struct piece *piece, const char *end, char *output, size_t capacity)
{
	const char *found = memmem(piece->start, piece->length, end, strlen(end));
	size_t length = found ? (size_t)(found - piece->start) : piece->length;

	if (!length || length >= capacity || memchr(piece->start, '\0', length))
		return false;
	memcpy(output, piece->start, length);
	output[length] = '\0';
	skip(piece, length);
	return true;
}

/* "sha256:HEX" in quotes. What it is by an algorithm that is not handled is not looked at. */
static bool take_digest(struct piece *piece, struct pkgima_audit_record *record)
{
	const char *end, *colon;
	size_t name_length, length;

	if (!begins(piece, "\""))
		return false;
	skip(piece, 1);
	end = memchr(piece->start, '"', piece->length);
	colon = end ? memchr(piece->start, ':', (size_t)(end - piece->start)) : NULL;
	name_length = colon ? (size_t)(colon - piece->start) : 0;
	if (!name_length || name_length > PKGIMA_AUDIT_HASH_MAX)
		return false;
	for (size_t i = 0; i < name_length; i++)
		if (piece->start[i] <= ' ' || piece->start[i] > '~')
			return false;
	memcpy(record->hash_name, piece->start, name_length);
	record->hash_name[name_length] = '\0';
	length = (size_t)(end - colon) - 1;
	if (pkgima_hash_from_name(record->hash_name, name_length, &record->hash)) {
		if (length != 2 * pkgima_hash_size(record->hash) || !pkgima_unhex(colon + 1, length, record->digest))
			return false;
		record->has_digest = true;
	}
	skip(piece, name_length + 1 + length + 1);
	return true;
}

/* "pid=… op=… cause=… comm=… name=… dev=… ino=… res=0 errno=0". */
static bool take_message(struct piece piece, struct pkgima_audit_record *record)
{
	struct piece rest;

	if (!find_word(&piece, "op=") || !take_plain(&piece, " ", record->op, sizeof(record->op)) ||
	    !find_word(&piece, "cause=") || !take_plain(&piece, " comm=", record->cause, sizeof(record->cause)) ||
	    !find_word(&piece, "comm=") || !take_untrusted(&piece, record->program, sizeof(record->program)))
		return false;
	if (begins(&piece, " name=")) {
		skip(&piece, strlen(" name="));
		if (!take_untrusted(&piece, record->name, sizeof(record->name)))
			return false;
	}
	rest = piece;
	if (!find_word(&rest, "res=") || !(begins(&rest, "0") || begins(&rest, "1")))
		return false;
	record->passed = *rest.start == '1';
	return record->type == PKGIMA_AUDIT_STATUS || record->name[0];
}

/* "file=… hash=… ppid=… comm=… …". */
static bool take_rule(struct piece piece, struct pkgima_audit_record *record)
{
	if (!begins(&piece, "file="))
		return false;
	skip(&piece, strlen("file="));
	if (!take_untrusted(&piece, record->name, sizeof(record->name)) || !record->name[0] || !begins(&piece, " hash="))
		return false;
	skip(&piece, strlen(" hash="));
	if (!take_digest(&piece, record))
		return false;
	record->passed = true;
	if (find_word(&piece, "comm=") && !take_untrusted(&piece, record->program, sizeof(record->program)))
		return false;
	return true;
}

int pkgima_audit_record_parse(const char *line, size_t length, struct pkgima_audit_record *ret_record)
{
	struct piece piece = { line, length };
	const char *enriched;
	int r;

	memset(ret_record, 0, sizeof(*ret_record));
	/* Behind this auditd repeats numbers as names. */
	enriched = memchr(piece.start, 0x1d, piece.length);
	if (enriched)
		piece.length = (size_t)(enriched - piece.start);
	r = find_record(&piece, ret_record);
	if (r <= 0)
		return r;
	if (ret_record->type == PKGIMA_AUDIT_RULE ? take_rule(piece, ret_record) : take_message(piece, ret_record))
		return 1;
	return -EINVAL;
}

size_t pkgima_audit_unescape_kmsg(char *line, size_t length)
{
	const char *text = memchr(line, ';', length);
	size_t used = 0;

	if (!length || !is_digit(*line) || !text)
		return 0;
	for (size_t i = (size_t)(text - line) + 1; i < length; i++) {
		if (length - i >= 4 && line[i] == '\\' && line[i + 1] == 'x' && hex_digit(line[i + 2]) >= 0 &&
		    hex_digit(line[i + 3]) >= 0) {
			line[used++] = (char)(hex_digit(line[i + 2]) * 16 + hex_digit(line[i + 3]));
			i += 3;
		} else {
			line[used++] = line[i];
		}
	}
	return used;
}
