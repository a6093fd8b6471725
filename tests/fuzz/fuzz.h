/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TESTS_FUZZ_H
#define PKGIMA_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* What a fuzzer, or replay.c, calls with each input; always 0. Where a promise is broken it aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define promise(condition)               \
	do {                             \
		if (!(condition))        \
			abort();         \
	} while (0)

#endif
