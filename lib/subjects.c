// SPDX-License-Identifier: LGPL-2.1-or-later
#include "subjects.h"

#include <string.h>

#define NUMBERS_MAX 64

struct numbers {
	uint32_t list[NUMBERS_MAX];
	size_t count;
	bool cut;
};

static void add_number(struct numbers *numbers, uint64_t number)
{
	if (number >= UINT32_MAX)
		return;
	for (size_t i = 0; i < numbers->count; i++)
		if (numbers->list[i] == number)
			return;
	if (numbers->count == NUMBERS_MAX)
		numbers->cut = true;
	else
		numbers->list[numbers->count++] = (uint32_t)number;
}

/* Root, and what is below, at and above each number. Without any condition root stands for all. */
static void add_condition(struct numbers *numbers, const struct pkgima_ima_id *id)
{
	if (!id->operator)
		return;
	if (id->value)
		add_number(numbers, id->value - 1);
	add_number(numbers, id->value);
	add_number(numbers, (uint64_t)id->value + 1);
}

void pkgima_subjects_find(const struct pkgima_ima_policy *policy, struct pkgima_subjects *ret_subjects)
{
	struct numbers users = { .count = 1 }, groups = { .count = 1 };

	memset(ret_subjects, 0, sizeof(*ret_subjects));
	for (size_t i = 0; i < policy->count; i++) {
		add_condition(&users, &policy->rules[i].uid);
		add_condition(&groups, &policy->rules[i].gid);
	}
	for (size_t i = 0; i < users.count; i++) {
		for (size_t k = 0; k < groups.count; k++) {
			if (ret_subjects->count == PKGIMA_SUBJECTS_MAX) {
				ret_subjects->cut = true;
				return;
			}
			ret_subjects->list[ret_subjects->count].uid = users.list[i];
			ret_subjects->list[ret_subjects->count++].gid = groups.list[k];
		}
	}
	ret_subjects->cut = users.cut || groups.cut;
}
