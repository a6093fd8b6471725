// SPDX-License-Identifier: LGPL-2.1-or-later
#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base64.h"
#include "escape.h"
#include "signature.h"

/* One line while it is read; fields are taken off its front. */
struct line {
	const char *text;
	size_t length;
	size_t number;
	struct pkgima_error *error;
};

static int refuse(const struct line *line, const char *reason)
{
	return pkgima_fail(line->error, -EINVAL, "manifest, line %zu: %s", line->number, reason);
}

/* The bytes up to the next space, which is taken off too. */
static int take_field(struct line *line, const char **ret_text, size_t *ret_length)
{
	const char *space = memchr(line->text, ' ', line->length);

	if (!space)
		return refuse(line, "there are not six fields");
	*ret_text = line->text;
	*ret_length = (size_t)(space - line->text);
	line->length -= *ret_length + 1;
	line->text = space + 1;
	return 0;
}

static int take_digest(struct line *line, struct pkgima_entry *entry)
{
	const char *text = NULL;
	size_t length = 0;
	int r;

	r = take_field(line, &text, &length);
	if (r < 0)
		return r;
	if (!pkgima_hash_from_name(text, length, &entry->hash))
		return refuse(line, "unknown hash algorithm");
	r = take_field(line, &text, &length);
	if (r < 0)
		return r;
	if (length != 2 * pkgima_hash_size(entry->hash))
		return refuse(line, "the digest has not the length of its algorithm");
	if (!pkgima_unhex(text, length, entry->digest))
		return refuse(line, "the digest is not lower-case hexadecimal");
	return 0;
}

static int take_value(struct line *line, struct pkgima_entries *entries, bool optional, struct pkgima_value *ret_value)
{
	uint8_t bytes[PKGIMA_SIGNATURE_MAX + 3];
	const char *text = NULL;
	size_t length = 0, size;
	int r;

	r = take_field(line, &text, &length);
	if (r < 0)
		return r;
	if (optional && length == 1 && text[0] == '-')
		return 0;
	if (length == 0)
		return refuse(line, "a signature is empty");
	if (length > PKGIMA_BASE64_LENGTH(PKGIMA_SIGNATURE_MAX))
		return refuse(line, "a signature is too long");
	if (!pkgima_base64_decode(text, length, bytes, sizeof(bytes), &size))
		return refuse(line, "a signature is not base64");
	if (size > PKGIMA_SIGNATURE_MAX)
		return refuse(line, "a signature is too long");
	ret_value->bytes = pkgima_entries_keep(entries, bytes, size);
	ret_value->length = size;
	return ret_value->bytes ? 0 : pkgima_fail(line->error, -ENOMEM, "no memory for a manifest");
}

static bool script_can_have(const char *path)
{
	return !strncmp(path, "DEBIAN/", 7) && pkgima_script_is_known(path + 7);
}

static int take_path(struct line *line, struct pkgima_entries *entries, struct pkgima_entry *entry)
{
	char path[PKGIMA_PATH_MAX + 1];
	ssize_t length;

	if (line->length > PKGIMA_ESCAPED_MAX(PKGIMA_PATH_MAX) - 1)
		return refuse(line, "the path is too long");
	{
		char raw[PKGIMA_ESCAPED_MAX(PKGIMA_PATH_MAX)];

		length = pkgima_unescape(line->text, line->length, raw);
		if (length < 0)
			return refuse(line, "the path is not escaped as it should be");
		if (length > PKGIMA_PATH_MAX)
			return refuse(line, "the path is too long");
		memcpy(path, raw, (size_t)length + 1);
	}
	if (entry->type == PKGIMA_ENTRY_SCRIPT) {
		if (!script_can_have(path))
			return refuse(line, "no maintainer script has this name");
	} else if (!pkgima_path_is_normal(path)) {
		return refuse(line, "the path is not absolute, or not in its simplest form");
	}
	if (entries->count > 1) {
		int order = strcmp(entries->list[entries->count - 2].path, path);

		if (order == 0)
			return refuse(line, "the path is there twice");
		if (order > 0)
			return refuse(line, "the paths are not sorted");
	}
	entry->path = pkgima_entries_keep(entries, path, (size_t)length);
	return entry->path ? 0 : pkgima_fail(line->error, -ENOMEM, "no memory for a manifest");
}

static int parse_line(struct line *line, struct pkgima_entries *entries)
{
	struct pkgima_entry *entry = pkgima_entries_add(entries);
	const char *type = NULL;
	size_t length = 0;
	int r;

	if (!entry)
		return pkgima_fail(line->error, -ENOMEM, "no memory for a manifest");
	entry->path = ""; /* until it is known: the list may be looked at by a caller that cleans up */
	r = take_digest(line, entry);
	if (r == 0)
		r = take_value(line, entries, false, &entry->ima);
	if (r == 0)
		r = take_value(line, entries, true, &entry->evm);
	if (r == 0)
		r = take_field(line, &type, &length);
	if (r < 0)
		return r;
	if (length != 1 || (type[0] != PKGIMA_ENTRY_FILE && type[0] != PKGIMA_ENTRY_CONFFILE &&
			    type[0] != PKGIMA_ENTRY_SCRIPT))
		return refuse(line, "the type is not f, c or s");
	entry->type = (enum pkgima_entry_type)type[0];
	return take_path(line, entries, entry);
}

/* Counts and measures lines before anything is allocated for them. */
static int check_limits(const char *text, size_t length, struct pkgima_error *error)
{
	const char *end = text + length;
	size_t count = 0;

	if (length > PKGIMA_MANIFEST_MAX)
		return pkgima_fail(error, -E2BIG, "manifest: more than %zu bytes", PKGIMA_MANIFEST_MAX);
	for (const char *start = text; start < end; count++) {
		size_t rest = (size_t)(end - start);
		size_t most = rest < PKGIMA_MANIFEST_LINE_MAX ? rest : PKGIMA_MANIFEST_LINE_MAX;
		const char *newline = memchr(start, '\n', most);

		if (!newline && rest > most)
			return pkgima_fail(error, -E2BIG, "manifest, line %zu: more than %zu bytes", count + 1,
					   PKGIMA_MANIFEST_LINE_MAX);
		if (!newline)
			return pkgima_fail(error, -EINVAL, "manifest, line %zu: it has no end", count + 1);
		if (count > PKGIMA_ENTRIES_MAX)
			return pkgima_fail(error, -E2BIG, "manifest: more than %d entries", PKGIMA_ENTRIES_MAX);
		start = newline + 1;
	}
	return 0;
}

int pkgima_manifest_parse(const uint8_t *text, size_t length, struct pkgima_entries *entries,
			  struct pkgima_error *error)
{
	const char *start = (const char *)text, *end = start + length;
	size_t first = strlen(PKGIMA_MANIFEST_FIRST_LINE);
	int r;

	r = check_limits(start, length, error);
	if (r < 0)
		return r;
	if (length < first || memcmp(start, PKGIMA_MANIFEST_FIRST_LINE, first) != 0)
		return pkgima_fail(error, -EINVAL, "manifest, line 1: it is not \"pkgima-manifest 1\"");
	start += first;
	for (size_t number = 2; start < end; number++) {
		const char *newline = memchr(start, '\n', (size_t)(end - start));
		struct line line = { .text = start, .length = (size_t)(newline - start), .number = number, .error = error };

		r = parse_line(&line, entries);
		if (r < 0)
			return r;
		start = newline + 1;
	}
	return 0;
}

/* Bytes of the line for @entry. Six fields, five spaces, a newline. */
static size_t line_size(const struct pkgima_entry *entry)
{
	char escaped[PKGIMA_ESCAPED_MAX(PKGIMA_PATH_MAX)];
	ssize_t path = pkgima_escape(entry->path, strlen(entry->path), escaped, sizeof(escaped));

	return strlen(pkgima_hash_name(entry->hash)) + 2 * pkgima_hash_size(entry->hash) +
	       PKGIMA_BASE64_LENGTH(entry->ima.length) + (entry->evm.bytes ? PKGIMA_BASE64_LENGTH(entry->evm.length) : 1) + 1 +
	       (path < 0 ? 0 : (size_t)path) + 6;
}

uint64_t pkgima_manifest_size(const struct pkgima_entries *entries)
{
	uint64_t size = strlen(PKGIMA_MANIFEST_FIRST_LINE);

	for (size_t i = 0; i < entries->count; i++)
		size += line_size(&entries->list[i]);
	return size;
}

static bool value_can_be_written(const struct pkgima_value *value)
{
	return value->bytes && value->length > 0 && value->length <= PKGIMA_SIGNATURE_MAX;
}

static bool path_can_be_written(const struct pkgima_entry *entry)
{
	switch (entry->type) {
	case PKGIMA_ENTRY_SCRIPT:
		return script_can_have(entry->path);
	case PKGIMA_ENTRY_FILE:
	case PKGIMA_ENTRY_CONFFILE:
		return pkgima_path_is_normal(entry->path);
	}
	return false;
}

/* @line takes PKGIMA_MANIFEST_LINE_MAX bytes; the limits on its parts make it large enough. */
static size_t format_line(const struct pkgima_entry *entry, char *line)
{
	char *to = line + sprintf(line, "%s ", pkgima_hash_name(entry->hash));

	pkgima_hex(entry->digest, pkgima_hash_size(entry->hash), to);
	to += 2 * pkgima_hash_size(entry->hash);
	*to++ = ' ';
	to += EVP_EncodeBlock((unsigned char *)to, entry->ima.bytes, (int)entry->ima.length);
	*to++ = ' ';
	if (entry->evm.bytes)
		to += EVP_EncodeBlock((unsigned char *)to, entry->evm.bytes, (int)entry->evm.length);
	else
		*to++ = '-';
	to += sprintf(to, " %c ", entry->type);
	to += pkgima_escape(entry->path, strlen(entry->path), to, PKGIMA_ESCAPED_MAX(PKGIMA_PATH_MAX));
	*to++ = '\n';
	return (size_t)(to - line);
}

_Static_assert(8 + 2 * PKGIMA_DIGEST_MAX + 2 * (PKGIMA_BASE64_LENGTH(PKGIMA_SIGNATURE_MAX) + 2) + 4 +
		       PKGIMA_ESCAPED_MAX(PKGIMA_PATH_MAX) < PKGIMA_MANIFEST_LINE_MAX,
	       "the longest line that is written can be read");

int pkgima_manifest_write(const struct pkgima_entries *entries, int (*sink)(void *context, const char *text, size_t length),
			  void *context, struct pkgima_error *error)
{
	char line[PKGIMA_MANIFEST_LINE_MAX];
	int r;

	if (pkgima_manifest_size(entries) > PKGIMA_MANIFEST_MAX)
		return pkgima_fail(error, -E2BIG, "manifest: it would have more than %zu bytes", PKGIMA_MANIFEST_MAX);
	r = sink(context, PKGIMA_MANIFEST_FIRST_LINE, strlen(PKGIMA_MANIFEST_FIRST_LINE));
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct pkgima_entry *entry = &entries->list[i];

		if (!value_can_be_written(&entry->ima) || (entry->evm.bytes && !value_can_be_written(&entry->evm)))
			return pkgima_fail(error, -EINVAL, "manifest: an entry has no signature, or too long a one");
		if (!path_can_be_written(entry))
			return pkgima_fail(error, -EINVAL, "manifest: a path, or its type, is none that it can have");
		if (i > 0 && strcmp(entries->list[i - 1].path, entry->path) >= 0)
			return pkgima_fail(error, -EINVAL, "manifest: paths are not sorted, or one is there twice");
		r = sink(context, line, format_line(entry, line));
	}
	return r < 0 ? pkgima_fail(error, r, "manifest: cannot write it: %s", strerror(-r)) : 0;
}
