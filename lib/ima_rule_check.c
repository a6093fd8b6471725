// SPDX-License-Identifier: LGPL-2.1-or-later
/* What of a rule goes together, as ima_validate_rule() of the kernel's security/integrity/ima/ima_policy.c has it. */
#include <errno.h>

#include "ima_policy.h"

static int refuse(struct pkgima_error *error, const char *sentence)
{
	return pkgima_fail(error, -EINVAL, "%s", sentence);
}

/* What a rule about @hook may have besides its action. */
static uint32_t permitted_flags(enum pkgima_ima_hook hook)
{
	const uint32_t place = PKGIMA_IMA_FUNC | PKGIMA_IMA_FSMAGIC | PKGIMA_IMA_UID | PKGIMA_IMA_FOWNER | PKGIMA_IMA_FSUUID |
			       PKGIMA_IMA_EUID | PKGIMA_IMA_PCR | PKGIMA_IMA_FSNAME | PKGIMA_IMA_FS_SUBTYPE | PKGIMA_IMA_GID |
			       PKGIMA_IMA_EGID | PKGIMA_IMA_FGROUP | PKGIMA_IMA_LSM;
	const uint32_t file = place | PKGIMA_IMA_MASK | PKGIMA_IMA_INMASK | PKGIMA_IMA_SIGNATURE | PKGIMA_IMA_SIGV3 |
			      PKGIMA_IMA_DIRECTIO | PKGIMA_IMA_ALGOS;
	const uint32_t event = PKGIMA_IMA_FUNC | PKGIMA_IMA_UID | PKGIMA_IMA_GID | PKGIMA_IMA_PCR;

	switch (hook) {
	case PKGIMA_IMA_HOOK_MODULE_CHECK:
	case PKGIMA_IMA_HOOK_KEXEC_KERNEL_CHECK:
	case PKGIMA_IMA_HOOK_KEXEC_INITRAMFS_CHECK:
		return file | PKGIMA_IMA_MODSIG;
	case PKGIMA_IMA_HOOK_KEXEC_CMDLINE:
		return place;
	case PKGIMA_IMA_HOOK_KEY_CHECK:
		return event | PKGIMA_IMA_KEYRINGS;
	case PKGIMA_IMA_HOOK_CRITICAL_DATA:
		return event | PKGIMA_IMA_LABEL;
	case PKGIMA_IMA_HOOK_SETXATTR_CHECK:
		return PKGIMA_IMA_FUNC | PKGIMA_IMA_ALGOS;
	default:
		return file | PKGIMA_IMA_VERITY;
	}
}

static int check_hook(const struct pkgima_ima_rule *rule, struct pkgima_error *error)
{
	switch (rule->hook) {
	case PKGIMA_IMA_HOOK_KEXEC_CMDLINE:
	case PKGIMA_IMA_HOOK_KEY_CHECK:
	case PKGIMA_IMA_HOOK_CRITICAL_DATA:
		if (rule->action != PKGIMA_IMA_MEASURE && rule->action != PKGIMA_IMA_DONT_MEASURE)
			return refuse(error, "this func is only measured, or not");
		break;
	case PKGIMA_IMA_HOOK_SETXATTR_CHECK:
		if (rule->action != PKGIMA_IMA_APPRAISE || !(rule->flags & PKGIMA_IMA_ALGOS))
			return refuse(error, "func=SETXATTR_CHECK goes with appraise and appraise_algos=");
		break;
	default:
		break;
	}
	if (rule->flags & ~permitted_flags(rule->hook))
		return refuse(error, "a condition or demand does not go with its func");
	return 0;
}

int pkgima_ima_rule_check(struct pkgima_ima_rule *rule, bool has_blacklist_flag, struct pkgima_error *error)
{
	if (rule->action != PKGIMA_IMA_MEASURE && rule->flags & PKGIMA_IMA_PCR)
		return refuse(error, "pcr= goes with measure");
	if (rule->action != PKGIMA_IMA_APPRAISE &&
	    rule->flags & (PKGIMA_IMA_SIGNATURE | PKGIMA_IMA_MODSIG | PKGIMA_IMA_SIGV3 | PKGIMA_IMA_ALGOS))
		return refuse(error, "appraise_type= and appraise_algos= go with appraise");
	if (rule->action == PKGIMA_IMA_APPRAISE && rule->flags & PKGIMA_IMA_VERITY && !(rule->flags & PKGIMA_IMA_SIGNATURE))
		return refuse(error, "digest_type=verity goes with appraise_type=sigv3");
	if (has_blacklist_flag && (rule->action != PKGIMA_IMA_APPRAISE || !(rule->flags & PKGIMA_IMA_MODSIG)))
		rule->needs |= 1U << PKGIMA_IMA_NEED_V6_7;
	return check_hook(rule, error);
}
