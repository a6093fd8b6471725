// SPDX-License-Identifier: LGPL-2.1-or-later
/* A certificate that is parsed can be judged, and its DER is one again. */
#include <string.h>

#include "certificate.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_certificate struct pkgima_certificate *certificate = NULL, *again = NULL;
	struct pkgima_error error = { "" };

	if (pkgima_certificate_parse(data, size, "input\n", &certificate, &error) < 0) {
		promise(error.text[0] && !strchr(error.text, '\n'));
		return 0;
	}
	for (const char *at = certificate->subject; *at; at++)
		promise((uint8_t)*at >= 0x20 && (uint8_t)*at < 0x7f);
	pkgima_certificate_leaf_problem(certificate);
	pkgima_certificate_ca_problem(certificate);
	pkgima_certificate_validity_problem(certificate, 1700000000);
	pkgima_certificate_issued_by(certificate, certificate);
	promise(pkgima_certificate_parse(certificate->der, certificate->der_length, "again", &again, &error) == 0);
	promise(!strcmp(certificate->fingerprint, again->fingerprint));
	promise(certificate->key_id == again->key_id);
	return 0;
}
