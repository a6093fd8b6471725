// SPDX-License-Identifier: LGPL-2.1-or-later
/* A value that is accepted has the header that would be written for it. */
#include <string.h>

#include "fuzz.h"
#include "signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t header[PKGIMA_SIGNATURE_HEADER];
	struct pkgima_signature signature;
	struct pkgima_error error = { "" };

	if (pkgima_signature_parse(data, size, &signature, &error) < 0) {
		promise(error.text[0]);
		return 0;
	}
	promise(signature.bytes == data + PKGIMA_SIGNATURE_HEADER);
	promise(signature.length == size - PKGIMA_SIGNATURE_HEADER);
	pkgima_signature_write_header(&signature, header);
	promise(!memcmp(header, data, sizeof(header)));
	return 0;
}
