/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_IMA_LINT_H
#define PKGIMA_IMA_LINT_H

#include "ima_policy.h"

/*
 * What is wrong with a policy, whatever files there are. HOLE: a way around it for whoever is root. DEAD: a rule that can
 * never matter. NOTE: what may be meant so, but has to be known.
 */
#define PKGIMA_LINT_KINDS(X) \
	X(HOLE, "hole")      \
	X(DEAD, "dead")      \
	X(NOTE, "note")

enum pkgima_lint_kind {
#define X(name, word) PKGIMA_LINT_##name,
	PKGIMA_LINT_KINDS(X)
#undef X
};

const char *pkgima_lint_word(enum pkgima_lint_kind kind);

/*
 * @tell gets each finding: the rule that it is about (NULL: the whole) and one sentence. Rules of the kernel's own (origin)
 * are taken into account, and not complained of.
 */
void pkgima_ima_lint(const struct pkgima_ima_policy *policy,
		     void (*tell)(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule,
				  const char *sentence),
		     void *context);

#endif
