// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is taken for a policy: every rule fits into what is written to the kernel, and is there once. */
#include <string.h>

#include "../../pkg-ima-init/policy_text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct pkgima_error error = { "" };
	size_t at = 0, length, rules = 0;
	struct policy_text policy;
	const char *rule;

	if (policy_text_examine(text, size, &policy, &error) < 0) {
		promise(error.text[0]);
		return 0;
	}
	while (policy_text_next(text, size, &at, &rule, &length)) {
		promise(rule >= text && rule + length < text + size && rule[length] == '\n');
		promise(length > 0 && length < 4095 && rule[0] != '/');
		promise(!memchr(rule, '\0', length) && !memchr(rule, '\n', length));
		rules++;
	}
	promise(rules == policy.rules && rules > 0);
	promise(policy.appraises || (!policy.enforces && !policy.file_check));
	return 0;
}
