// SPDX-License-Identifier: LGPL-2.1-or-later
/* A .changes: without anything to correct it stays as it is, and what is corrected reads as what it was corrected to. */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "signing/changes.h"

static const struct pkgima_sums *none(void *context, const char *name)
{
	(void)context, (void)name;
	return NULL;
}

static const struct pkgima_sums *same(void *context, const char *name)
{
	(void)name;
	return context;
}

static void correct(const struct pkgima_changes *changes)
{
	cleanup_changes struct pkgima_changes again = { 0 };
	struct pkgima_sums sums = { .size = 42 };
	struct pkgima_error error = { "" };
	size_t length;
	char *text;

	snprintf(sums.hex[PKGIMA_CHECKSUM_MD5], sizeof(sums.hex[0]), "%032d", 1);
	snprintf(sums.hex[PKGIMA_CHECKSUM_SHA1], sizeof(sums.hex[0]), "%040d", 2);
	snprintf(sums.hex[PKGIMA_CHECKSUM_SHA256], sizeof(sums.hex[0]), "%064d", 3);
	snprintf(sums.hex[PKGIMA_CHECKSUM_SHA512], sizeof(sums.hex[0]), "%0128d", 4);
	promise(pkgima_changes_update(changes, same, &sums, &text, &length, &error) == 0);
	promise(pkgima_changes_parse((const uint8_t *)text, length, &again, &error) == 0);
	promise(again.count == changes->count);
	for (size_t i = 0; i < again.count; i++) {
		promise(!strcmp(again.files[i].name, changes->files[i].name));
		promise(pkgima_sums_match(&again.files[i].sums, &sums));
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct pkgima_error error = { "" };
	size_t length;
	char *text;

	if (pkgima_changes_parse(data, size, &changes, &error) < 0) {
		promise(error.text[0]);
		return 0;
	}
	for (size_t i = 0; i < changes.count; i++)
		promise(changes.files[i].name[0] != '.' && !strchr(changes.files[i].name, '/'));
	promise(pkgima_changes_update(&changes, none, NULL, &text, &length, &error) == 0);
	promise(length == changes.length && !memcmp(text, changes.text, length));
	free(text);
	correct(&changes);
	return 0;
}
