// SPDX-License-Identifier: LGPL-2.1-or-later
/* Documents of digests and of signatures: what is accepted is written again as the same bytes. */
#include <string.h>

#include "base64.h"
#include "digests.h"
#include "fuzz.h"

/* Takes @length bytes off the front of what is left, which have to be these. */
static void compare(const uint8_t **rest, const char *text, size_t length)
{
	promise(!memcmp(*rest, text, length));
	*rest += length;
}

static void compare_lines(const struct pkgima_digests *digests, const uint8_t *rest, const uint8_t *end)
{
	for (size_t i = 0; i < digests->count; i++) {
		const struct pkgima_digest *digest = &digests->list[i];
		uint8_t bytes[PKGIMA_SIGNATURE_MAX + 3];
		char line[PKGIMA_DIGESTS_LINE_MAX];
		size_t size = 0, length;

		if (digest->text)
			promise(pkgima_base64_decode(digest->text, digest->text_length, bytes, sizeof(bytes), &size));
		length = pkgima_digests_line(digest, digest->text ? bytes : NULL, size, line);
		promise(length <= (size_t)(end - rest));
		compare(&rest, line, length);
		promise(pkgima_digests_find(digests, digest->hash, digest->bytes) == digest);
	}
	promise(rest == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_signatures struct pkgima_signatures signatures = { 0 };
	cleanup_digests struct pkgima_digests digests = { 0 };
	struct pkgima_error error = { "" };
	const uint8_t *rest = data;

	if (pkgima_digests_parse(data, size, &digests, &error) == 0) {
		compare(&rest, PKGIMA_DIGESTS_FIRST_LINE, strlen(PKGIMA_DIGESTS_FIRST_LINE));
		compare_lines(&digests, rest, data + size);
		return 0;
	}
	promise(error.text[0]);
	if (pkgima_signatures_parse(data, size, "x", &signatures, &error) == 0) {
		char *line = pkgima_signatures_certificate_line(signatures.certificate);

		compare(&rest, PKGIMA_SIGNATURES_FIRST_LINE, strlen(PKGIMA_SIGNATURES_FIRST_LINE));
		if (line) {
			compare(&rest, line, strlen(line));
			compare_lines(&signatures.digests, rest, data + size);
		}
		free(line);
	}
	return 0;
}
