/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMA_INIT_POLICY_TEXT_H
#define IMA_INIT_POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"

/*
 * What can be told from the text of an IMA policy (Documentation/ABI/testing/ima_policy of the kernel). The kernel alone
 * judges whether a rule is one; this is for what it does not tell.
 */
struct policy_text {
	size_t rules;
	bool appraises;    /* there is a rule that appraises anything */
	bool enforces;     /* one that appraises what is executed, mapped or read, and not only of some owner that is not root */
	bool file_check;   /* one that appraises files that are read */
};

/*
 * -EINVAL, with the number of the line, where the kernel would cut a rule or take another one than stands there: lines of
 * a page or more, a path, NUL bytes, no line feed at the end; and where there is no rule at all.
 */
int policy_text_examine(const char *text, size_t length, struct policy_text *ret_policy, struct pkgima_error *error);

/*
 * The next rule at *@at, which goes behind it: *@ret_rule is its line without the line feed. Comments and empty lines are
 * passed over. False at the end.
 */
bool policy_text_next(const char *text, size_t length, size_t *at, const char **ret_rule, size_t *ret_length);

#endif
