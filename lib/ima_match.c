// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ima_match.h"

#include <string.h>

enum answer { NO, MAYBE, YES };

bool pkgima_ima_id_matches(const struct pkgima_ima_id *id, uint32_t number)
{
	switch (id->operator) {
	case '<':
		return number < id->value;
	case '>':
		return number > id->value;
	default:
		return number == id->value;
	}
}

static enum answer compare_names(const char *wanted, const char *name)
{
	if (!name)
		return MAYBE;
	return strcmp(wanted, name) ? NO : YES;
}

static enum answer compare_uuids(const struct pkgima_ima_rule *rule, const struct pkgima_ima_place *place)
{
	switch (place->uuid_state) {
	case PKGIMA_IMA_UUID_NONE:
		return NO;
	case PKGIMA_IMA_UUID_KNOWN:
		return memcmp(rule->fsuuid, place->fsuuid, sizeof(place->fsuuid)) ? NO : YES;
	default:
		return MAYBE;
	}
}

static enum answer place_matches(const struct pkgima_ima_rule *rule, const struct pkgima_ima_place *place)
{
	enum answer answer = YES, one;

	if (rule->flags & PKGIMA_IMA_FSMAGIC && rule->fsmagic != place->fsmagic)
		return NO;
	if (rule->flags & PKGIMA_IMA_FSNAME) {
		one = compare_names(rule->fsname, place->fsname);
		answer = one < answer ? one : answer;
	}
	if (rule->flags & PKGIMA_IMA_FS_SUBTYPE) {
		one = compare_names(rule->fs_subtype, place->fs_subtype);
		answer = one < answer ? one : answer;
	}
	if (rule->flags & PKGIMA_IMA_FSUUID) {
		one = compare_uuids(rule, place);
		answer = one < answer ? one : answer;
	}
	return answer;
}

static bool mask_matches(const struct pkgima_ima_rule *rule, int mask)
{
	if (rule->flags & PKGIMA_IMA_MASK && rule->mask != mask)
		return false;
	return !(rule->flags & PKGIMA_IMA_INMASK) || rule->mask & mask;
}

static enum answer matches(const struct pkgima_ima_rule *rule, const struct pkgima_ima_access *access)
{
	enum answer answer;

	/* These are about no file: SETXATTR_CHECK is looked for elsewhere, and func is never it here. */
	if (rule->flags & PKGIMA_IMA_FUNC && rule->hook != access->hook)
		return NO;
	if (!mask_matches(rule, access->mask))
		return NO;
	if (rule->flags & (PKGIMA_IMA_UID | PKGIMA_IMA_EUID) && !pkgima_ima_id_matches(&rule->uid, access->uid))
		return NO;
	if (rule->flags & (PKGIMA_IMA_GID | PKGIMA_IMA_EGID) && !pkgima_ima_id_matches(&rule->gid, access->gid))
		return NO;
	if (rule->flags & PKGIMA_IMA_FOWNER && !pkgima_ima_id_matches(&rule->fowner, access->owner))
		return NO;
	if (rule->flags & PKGIMA_IMA_FGROUP && !pkgima_ima_id_matches(&rule->fgroup, access->group))
		return NO;
	answer = place_matches(rule, access->place);
	return answer == YES && rule->flags & PKGIMA_IMA_LSM ? MAYBE : answer;
}

/* Of the four pairs of actions. */
static int pair_of(enum pkgima_ima_action action)
{
	return action / 2;
}

/* The demands that rules leave which are not about appraisal; false: it is not known which. */
static bool collect_others(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access, uint32_t *flags)
{
	bool decided[PKGIMA_IMA_ACTION_COUNT / 2] = { false };
	bool sure = true;

	for (size_t i = 0; i < policy->count; i++) {
		const struct pkgima_ima_rule *rule = &policy->rules[i];
		int pair = pair_of(rule->action);

		if (pair == pair_of(PKGIMA_IMA_APPRAISE) || decided[pair])
			continue;
		switch (matches(rule, access)) {
		case YES:
			*flags |= rule->flags & PKGIMA_IMA_LASTING;
			decided[pair] = true;
			break;
		case MAYBE:
			sure = sure && !(rule->flags & PKGIMA_IMA_LASTING);
			break;
		default:
			break;
		}
	}
	return sure;
}

/* Adds an answer that is not there yet: many rules about labels lead to the same. False: it is one too many. */
static bool add_demand(struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX], size_t *count,
		       const struct pkgima_ima_demand *demand)
{
	for (size_t i = 0; i < *count; i++)
		if (demands[i].appraised == demand->appraised && demands[i].flags == demand->flags &&
		    demands[i].algos == demand->algos)
			return true;
	if (*count == PKGIMA_IMA_DEMANDS_MAX)
		return false;
	demands[(*count)++] = *demand;
	return true;
}

size_t pkgima_ima_policy_ask(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access,
			     struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX], bool *ret_sure)
{
	struct pkgima_ima_demand demand;
	uint32_t others = 0;
	size_t count = 0;

	*ret_sure = collect_others(policy, access, &others);
	for (size_t i = 0; i < policy->count; i++) {
		const struct pkgima_ima_rule *rule = &policy->rules[i];
		bool appraised = rule->action == PKGIMA_IMA_APPRAISE;
		enum answer answer;

		if (pair_of(rule->action) != pair_of(PKGIMA_IMA_APPRAISE))
			continue;
		answer = matches(rule, access);
		if (answer == NO)
			continue;
		demand = (struct pkgima_ima_demand){
			.appraised = appraised,
			.flags = others | (rule->flags & PKGIMA_IMA_LASTING),
			.algos = appraised ? rule->algos : 0,
			.rule = rule,
		};
		if (!add_demand(demands, &count, &demand)) {
			*ret_sure = false;
			return count;
		}
		if (answer == YES)
			return count;
	}
	demand = (struct pkgima_ima_demand){ .flags = others };
	if (add_demand(demands, &count, &demand))
		return count;
	*ret_sure = false;
	return count;
}

bool pkgima_ima_policy_measures(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct pkgima_ima_rule *rule = &policy->rules[i];

		if (pair_of(rule->action) == pair_of(PKGIMA_IMA_MEASURE) && matches(rule, access) == YES)
			return rule->action == PKGIMA_IMA_MEASURE;
	}
	return false;
}
