// SPDX-License-Identifier: LGPL-2.1-or-later
/* What dpkg records of files, as md5sums and as its status: sorted, with all that a search needs. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "signing/dpkg_sums.h"

static void take(const uint8_t *data, size_t size,
		 int (*parser)(struct pkgima_dpkg_sums *sums, struct pkgima_error *error), bool with_package)
{
	struct pkgima_dpkg_sums sums = { .text = malloc(size + 1), .length = size };
	struct pkgima_error error = { "" };

	if (!sums.text)
		return;
	if (size)
		memcpy(sums.text, data, size);
	sums.text[size] = '\0';
	if (parser(&sums, &error) < 0)
		promise(error.text[0]);
	else
		for (size_t i = 0; i < sums.count; i++) {
			const struct pkgima_dpkg_sum *sum = &sums.list[i], *found;

			promise(i == 0 || strcmp(sums.list[i - 1].path, sum->path) <= 0);
			promise(with_package ? sum->package && sum->architecture : sum->path[0] == '/');
			found = pkgima_dpkg_sums_find(&sums, sum->package, sum->path);
			promise(!found || !strcmp(found->path, sum->path));
		}
	pkgima_dpkg_sums_free(&sums);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	take(data, size, pkgima_dpkg_sums_parse, false);
	take(data, size, pkgima_dpkg_sums_parse_status, true);
	return 0;
}
