/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_IMA_POLICY_H
#define PKGIMA_IMA_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * IMA policies as text, in the language of the kernels from 6.1 on: ima_parse_rule() and ima_validate_rule() of
 * security/integrity/ima/ima_policy.c, Documentation/ABI/testing/ima_policy. What all of these kernels refuse is refused;
 * what only some take is marked (needs).
 */

/* Larger policies are refused unread. */
#define PKGIMA_IMA_POLICY_MAX ((size_t)256 * 1024)
/* A write to securityfs takes less than a page, and what is beyond is lost silently. */
#define PKGIMA_IMA_LINE_MAX ((size_t)4094)

/* The first half of each pair takes part, the second exempts. */
#define PKGIMA_IMA_ACTIONS(X)             \
	X(MEASURE, "measure")             \
	X(DONT_MEASURE, "dont_measure")   \
	X(APPRAISE, "appraise")           \
	X(DONT_APPRAISE, "dont_appraise") \
	X(AUDIT, "audit")                 \
	X(DONT_AUDIT, "dont_audit")       \
	X(HASH, "hash")                   \
	X(DONT_HASH, "dont_hash")

enum pkgima_ima_action {
#define X(name, word) PKGIMA_IMA_##name,
	PKGIMA_IMA_ACTIONS(X)
#undef X
	PKGIMA_IMA_ACTION_COUNT
};

/* What a rule's func= names; NONE: it has none, and is about each. */
#define PKGIMA_IMA_HOOKS(X)                                  \
	X(NONE, "")                                          \
	X(FILE_CHECK, "FILE_CHECK")                          \
	X(MMAP_CHECK, "MMAP_CHECK")                          \
	X(MMAP_CHECK_REQPROT, "MMAP_CHECK_REQPROT")          \
	X(BPRM_CHECK, "BPRM_CHECK")                          \
	X(CREDS_CHECK, "CREDS_CHECK")                        \
	X(MODULE_CHECK, "MODULE_CHECK")                      \
	X(FIRMWARE_CHECK, "FIRMWARE_CHECK")                  \
	X(KEXEC_KERNEL_CHECK, "KEXEC_KERNEL_CHECK")          \
	X(KEXEC_INITRAMFS_CHECK, "KEXEC_INITRAMFS_CHECK")    \
	X(POLICY_CHECK, "POLICY_CHECK")                      \
	X(KEXEC_CMDLINE, "KEXEC_CMDLINE")                    \
	X(KEY_CHECK, "KEY_CHECK")                            \
	X(CRITICAL_DATA, "CRITICAL_DATA")                    \
	X(SETXATTR_CHECK, "SETXATTR_CHECK")

enum pkgima_ima_hook {
#define X(name, word) PKGIMA_IMA_HOOK_##name,
	PKGIMA_IMA_HOOKS(X)
#undef X
	PKGIMA_IMA_HOOK_COUNT
};

/* What a rule has: a condition of the file or process, or a demand on what it matches. */
enum pkgima_ima_flag {
	PKGIMA_IMA_FUNC = 1 << 0,
	PKGIMA_IMA_MASK = 1 << 1,        /* the access is just this one */
	PKGIMA_IMA_INMASK = 1 << 2,      /* this one is among the accesses (mask=^…) */
	PKGIMA_IMA_FSMAGIC = 1 << 3,
	PKGIMA_IMA_FSNAME = 1 << 4,
	PKGIMA_IMA_FS_SUBTYPE = 1 << 5,
	PKGIMA_IMA_FSUUID = 1 << 6,
	PKGIMA_IMA_UID = 1 << 7,
	PKGIMA_IMA_EUID = 1 << 8,
	PKGIMA_IMA_GID = 1 << 9,
	PKGIMA_IMA_EGID = 1 << 10,
	PKGIMA_IMA_FOWNER = 1 << 11,
	PKGIMA_IMA_FGROUP = 1 << 12,
	PKGIMA_IMA_LSM = 1 << 13,        /* obj_… or subj_…: what an LSM says of file or process */
	PKGIMA_IMA_PCR = 1 << 14,
	PKGIMA_IMA_KEYRINGS = 1 << 15,
	PKGIMA_IMA_LABEL = 1 << 16,
	PKGIMA_IMA_ALGOS = 1 << 17,
	PKGIMA_IMA_SIGNATURE = 1 << 18,  /* appraise_type: not only a hash */
	PKGIMA_IMA_MODSIG = 1 << 19,     /* … or a signature appended to the content */
	PKGIMA_IMA_SIGV3 = 1 << 20,      /* appraise_type=sigv3 */
	PKGIMA_IMA_VERITY = 1 << 21,     /* digest_type=verity */
	PKGIMA_IMA_DIRECTIO = 1 << 22,
};
/* Those that last when a rule has matched, whatever its action: IMA_NONACTION_FLAGS. */
#define PKGIMA_IMA_LASTING (PKGIMA_IMA_SIGNATURE | PKGIMA_IMA_MODSIG | PKGIMA_IMA_SIGV3 | PKGIMA_IMA_VERITY | \
			    PKGIMA_IMA_DIRECTIO)

/* Which kernels from 6.1 on refuse a rule that others take. */
#define PKGIMA_IMA_NEEDS(X)                                                                                       \
	X(V6_3, "kernels before 6.3 refuse func=MMAP_CHECK_REQPROT")                                              \
	X(V6_7, "kernels before 6.7 refuse this appraise_flag without appraise_type=imasig|modsig")               \
	X(V6_14, "kernels before 6.14 refuse a comment behind a rule")                                            \
	X(V6_18, "kernels 6.1 and 6.12 refuse dont_audit and fs_subtype")                                         \
	X(SIGV3, "kernels 6.1 and 6.12 take appraise_type=sigv3 only behind digest_type=verity")                  \
	X(KEYS, "kernels without CONFIG_IMA_MEASURE_ASYMMETRIC_KEYS refuse func=KEY_CHECK")                       \
	X(APPENDED, "kernels without CONFIG_IMA_APPRAISE_MODSIG refuse appraise_type=imasig|modsig")              \
	X(LSM, "a kernel refuses it whose LSM does not know the label yet when the policy is loaded")

enum pkgima_ima_need {
#define X(name, sentence) PKGIMA_IMA_NEED_##name,
	PKGIMA_IMA_NEEDS(X)
#undef X
	PKGIMA_IMA_NEED_COUNT
};

/* Accesses, as the kernel numbers them: MAY_… of include/linux/fs.h. */
enum { PKGIMA_IMA_EXEC = 1, PKGIMA_IMA_WRITE = 2, PKGIMA_IMA_READ = 4, PKGIMA_IMA_APPEND = 8 };

/* A number, and how a file's or process's is compared with it: '=', '<' or '>'. */
struct pkgima_ima_id {
	char operator;
	uint32_t value;
};

/* All strings belong to the policy. */
struct pkgima_ima_rule {
	const char *text;              /* the line as it was read, raw */
	const char *origin;            /* NULL: of the policy itself; else where the kernel has it from */
	size_t line;                   /* from 1 */
	enum pkgima_ima_action action;
	enum pkgima_ima_hook hook;
	uint32_t flags;                /* of enum pkgima_ima_flag */
	uint32_t needs;                /* bits by enum pkgima_ima_need */
	int mask;
	uint64_t fsmagic;
	const char *fsname, *fs_subtype, *template;
	uint8_t fsuuid[16];
	struct pkgima_ima_id uid, gid, fowner, fgroup;  /* uid: of uid= or euid=, gid: of gid= or egid= */
	uint32_t algos;                /* appraise_algos: bits by the kernel's numbers of them */
};

/* Zero-initialised it is empty. */
struct pkgima_ima_policy {
	struct pkgima_ima_rule *rules; /* owned, as all below */
	size_t count;
	char **texts;                  /* what strings of rules point into */
	size_t text_count;
	bool unended;                  /* the last line has no line feed: a kernel that is given the path refuses it */
};

void pkgima_ima_policy_free(struct pkgima_ima_policy *policy);
#define cleanup_ima_policy __attribute__((cleanup(pkgima_ima_policy_free)))

/*
 * Reads a policy, and adds its rules behind those that are there (a kernel's own, say). Each line that every kernel would
 * refuse is told to @refuse (may be NULL), with why. -EINVAL with the first of them in @error when there is one, for more
 * than PKGIMA_IMA_POLICY_MAX bytes, and where there is no rule at all; then nothing is added.
 * @origin (may be NULL; lasts) is noted in each rule.
 */
int pkgima_ima_policy_parse(struct pkgima_ima_policy *policy, const uint8_t *text, size_t length, const char *origin,
			    void (*refuse)(void *context, size_t line, const char *sentence), void *context,
			    struct pkgima_error *error);

/*
 * One rule, from words that are taken apart in place; @ret_rule is zeroed but for text, origin and line. -EINVAL with a
 * sentence. For pkgima_ima_policy_parse().
 */
int pkgima_ima_rule_parse(char *words, struct pkgima_ima_rule *ret_rule, struct pkgima_error *error);
/*
 * Its last step: do action, hook, conditions and demands go together? -EINVAL with a sentence; notes what kernels from some
 * version on refuse. For pkgima_ima_rule_parse().
 */
int pkgima_ima_rule_check(struct pkgima_ima_rule *rule, bool has_blacklist_flag, struct pkgima_error *error);

const char *pkgima_ima_action_word(enum pkgima_ima_action action);
const char *pkgima_ima_hook_word(enum pkgima_ima_hook hook);
const char *pkgima_ima_need_sentence(enum pkgima_ima_need need);
/* "dont_…"? */
static inline bool pkgima_ima_action_exempts(enum pkgima_ima_action action)
{
	return action & 1;
}

/* Name and number of a hash algorithm as the kernel has them (crypto/hash_info.c); -1: none that a kernel from 6.1 on has. */
int pkgima_ima_hash_number(const char *name);
const char *pkgima_ima_hash_name(unsigned int number);

#endif
