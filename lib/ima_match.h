/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_IMA_MATCH_H
#define PKGIMA_IMA_MATCH_H

#include "ima_policy.h"

/*
 * What a kernel with a policy does about one access: ima_match_rules() and ima_match_policy() of
 * security/integrity/ima/ima_policy.c. For each action the first rule that matches decides; but the demands of every rule
 * that has matched for some action count together.
 */

/* What rules can ask of the file system that a file is on. NULL and UNKNOWN: not known here. */
enum pkgima_ima_uuid { PKGIMA_IMA_UUID_UNKNOWN, PKGIMA_IMA_UUID_NONE, PKGIMA_IMA_UUID_KNOWN };
struct pkgima_ima_place {
	uint64_t fsmagic;
	const char *fsname, *fs_subtype;
	enum pkgima_ima_uuid uuid_state; /* NONE: none that a policy could name */
	uint8_t fsuuid[16];
};

/* One access: to what, by whom. User and group stand for the real, effective and saved ones. */
struct pkgima_ima_access {
	const struct pkgima_ima_place *place;
	uint32_t owner, group;
	uint32_t uid, gid;
	enum pkgima_ima_hook hook;
	int mask;
};

/* What is asked of the file then. */
struct pkgima_ima_demand {
	bool appraised;                /* if not: nothing, and it is not denied */
	uint32_t flags;                /* PKGIMA_IMA_LASTING ones */
	uint32_t algos;                /* permitted; 0: all */
	const struct pkgima_ima_rule *rule; /* that appraises or exempts; NULL: none matched */
};

/* More than so many different answers are cut off, with *@ret_sure false: so many and not sure, nothing is known. */
#define PKGIMA_IMA_DEMANDS_MAX 8

/*
 * Writes what may be asked: one demand, or several where it depends on what is not known here (labels of an LSM, a UUID
 * that could not be found out). *@ret_sure: false when rules that are not about appraisal leave open what is asked.
 * Returns their number, at least 1.
 */
size_t pkgima_ima_policy_ask(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access,
			     struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX], bool *ret_sure);

/* Is it measured? By a rule that surely matches. */
bool pkgima_ima_policy_measures(const struct pkgima_ima_policy *policy, const struct pkgima_ima_access *access);

/* Does the number satisfy the condition? */
bool pkgima_ima_id_matches(const struct pkgima_ima_id *id, uint32_t number);

#endif
