// SPDX-License-Identifier: LGPL-2.1-or-later
/* A manifest that is accepted is written again as the same bytes. */
#include <string.h>

#include "fuzz.h"
#include "manifest.h"

struct rest {
	const uint8_t *bytes;
	size_t length;
};

static int compare(void *context, const char *text, size_t length)
{
	struct rest *rest = context;

	promise(length <= rest->length && !memcmp(rest->bytes, text, length));
	rest->bytes += length;
	rest->length -= length;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	struct pkgima_error error = { "" };
	struct rest rest = { data, size };

	if (pkgima_manifest_parse(data, size, &entries, &error) < 0) {
		promise(error.text[0]);
		return 0;
	}
	promise(pkgima_manifest_size(&entries) == size);
	promise(pkgima_manifest_write(&entries, compare, &rest, &error) == 0);
	promise(rest.length == 0);
	return 0;
}
