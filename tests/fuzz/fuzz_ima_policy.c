// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A policy that is accepted is accepted again line by line, as a kernel gets it; asking it and what is wrong with it has an
 * end. One that is refused names a line, and leaves nothing.
 */
#include <string.h>

#include "fuzz.h"
#include "ima_lint.h"
#include "ima_match.h"

static void ignore(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule, const char *sentence)
{
	(void)context;
	(void)rule;
	promise(kind <= PKGIMA_LINT_NOTE && sentence[0]);
}

static void ask(const struct pkgima_ima_policy *policy)
{
	const struct pkgima_ima_place place = { .fsmagic = 0xef53, .fsname = "ext4" };
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	bool sure;

	for (int hook = 0; hook < PKGIMA_IMA_HOOK_COUNT; hook++) {
		struct pkgima_ima_access access = { .place = &place, .hook = (enum pkgima_ima_hook)hook, .mask = PKGIMA_IMA_READ };
		size_t count = pkgima_ima_policy_ask(policy, &access, demands, &sure);

		promise(count >= 1 && count <= PKGIMA_IMA_DEMANDS_MAX);
		for (size_t i = 0; i < count; i++)
			promise(!demands[i].appraised || demands[i].rule);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct pkgima_error error = { "" };

	if (pkgima_ima_policy_parse(&policy, data, size, NULL, NULL, NULL, &error) < 0) {
		promise(error.text[0] && !policy.count);
		return 0;
	}
	for (size_t i = 0; i < policy.count; i++) {
		cleanup_ima_policy struct pkgima_ima_policy one = { 0 };
		const struct pkgima_ima_rule *rule = &policy.rules[i];

		promise(pkgima_ima_policy_parse(&one, (const uint8_t *)rule->text, strlen(rule->text), NULL, NULL, NULL, &error) == 0);
		promise(one.count == 1 && one.rules[0].flags == rule->flags && one.rules[0].action == rule->action);
	}
	ask(&policy);
	/* Each rule is held against each. */
	if (policy.count <= 256)
		pkgima_ima_lint(&policy, ignore, NULL);
	return 0;
}
