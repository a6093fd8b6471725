/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SUBJECTS_H
#define PKGIMA_SUBJECTS_H

#include "ima_policy.h"

#define PKGIMA_SUBJECTS_MAX 256

/* Users and groups that stand for all: root first, then those on either side of each number that a rule compares with. */
struct pkgima_subjects {
	struct { uint32_t uid, gid; } list[PKGIMA_SUBJECTS_MAX];
	size_t count;
	bool cut;                      /* there are more */
};

void pkgima_subjects_find(const struct pkgima_ima_policy *policy, struct pkgima_subjects *ret_subjects);

#endif
