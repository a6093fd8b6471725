// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ima_lint.h"

#include <stdio.h>
#include <string.h>

#include <linux/magic.h>

#include "ima_match.h"
#include "subjects.h"

#define OVERLAY_MAGIC 0x794c7630
#define FUSE_MAGIC 0x65735546
#define NOBODY 65534U

struct lint {
	const struct pkgima_ima_policy *policy;
	void (*tell)(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule, const char *sentence);
	void *context;
};

const char *pkgima_lint_word(enum pkgima_lint_kind kind)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_LINT_KINDS(X)
#undef X
	};

	return words[kind];
}

static void tell(const struct lint *lint, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule, const char *sentence)
{
	lint->tell(lint->context, kind, rule, sentence);
}

/* Where root can put a file of his own. Each is asked for as any rule would see it. */
static const struct {
	const char *name, *how;
	struct pkgima_ima_place place;
} grounds[] = {
	{ "ext4", "", { EXT4_SUPER_MAGIC, "ext4", "", PKGIMA_IMA_UUID_KNOWN,
			{ 0x70, 0x6b, 0x67, 0x69, 0x6d, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } } },
	{ "tmpfs", "root mounts one, or needs no more than memfd_create(2)",
	  { TMPFS_MAGIC, "tmpfs", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "ramfs", "root mounts one", { RAMFS_MAGIC, "ramfs", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "rootfs", "root reaches it by unmounting all above it in a mount namespace of its own",
	  { TMPFS_MAGIC, "rootfs", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "devtmpfs", "root writes to /dev", { TMPFS_MAGIC, "devtmpfs", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "overlayfs", "root mounts one over anything", { OVERLAY_MAGIC, "overlay", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "FUSE", "root mounts one, and gives other content each time it is read",
	  { FUSE_MAGIC, "fuse", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "squashfs", "root mounts an image", { SQUASHFS_MAGIC, "squashfs", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
	{ "vfat", "root mounts an image", { MSDOS_SUPER_MAGIC, "vfat", "", PKGIMA_IMA_UUID_NONE, { 0 } } },
};

enum asked { NOT_APPRAISED, BY_HASH, BY_SIGNATURE };

/* The least that is asked of a file. */
static enum asked ask(const struct pkgima_ima_policy *policy, const struct pkgima_ima_place *place, enum pkgima_ima_hook hook,
		      uint32_t owner, uint32_t user, const struct pkgima_ima_rule **ret_rule)
{
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	struct pkgima_ima_access access = {
		.place = place, .owner = owner, .group = owner, .uid = user, .gid = user, .hook = hook,
		.mask = hook == PKGIMA_IMA_HOOK_BPRM_CHECK || hook == PKGIMA_IMA_HOOK_MMAP_CHECK ||
			hook == PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT ? PKGIMA_IMA_EXEC : PKGIMA_IMA_READ,
	};
	enum asked least = BY_SIGNATURE;
	bool sure;
	size_t count;

	count = pkgima_ima_policy_ask(policy, &access, demands, &sure);
	for (size_t i = 0; i < count; i++) {
		enum asked one = NOT_APPRAISED;

		if (demands[i].appraised)
			one = demands[i].flags & PKGIMA_IMA_SIGNATURE ? BY_SIGNATURE : BY_HASH;
		if (one < least || i == 0) {
			least = one;
			*ret_rule = demands[i].rule;
		}
	}
	return least;
}

/* A mapping is appraised by either of two hooks. */
static enum asked ask_hook(const struct pkgima_ima_policy *policy, const struct pkgima_ima_place *place,
			   enum pkgima_ima_hook hook, uint32_t owner, uint32_t user, const struct pkgima_ima_rule **ret_rule)
{
	const struct pkgima_ima_rule *rule;
	enum asked least = ask(policy, place, hook, owner, user, ret_rule), other;

	if (hook != PKGIMA_IMA_HOOK_MMAP_CHECK || least == BY_SIGNATURE)
		return least;
	other = ask(policy, place, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT, owner, user, &rule);
	return other > least ? other : least;
}

/* What is appraised on ext4 should be on every other file system. */
static void check_grounds(const struct lint *lint, enum pkgima_ima_hook hook, const char *what)
{
	const struct pkgima_ima_rule *rule, *first = NULL;
	char names[128] = "", sentence[512];
	const char *how = NULL;

	for (size_t i = 1; i < sizeof(grounds) / sizeof(grounds[0]); i++) {
		if (ask_hook(lint->policy, &grounds[i].place, hook, 0, 0, &rule) == BY_SIGNATURE)
			continue;
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", *names ? ", " : "", grounds[i].name);
		if (how)
			continue;
		how = grounds[i].how;
		first = rule;
	}
	if (!how)
		return;
	snprintf(sentence, sizeof(sentence), "no signature is asked of %s on %s: %s", what, names, how);
	tell(lint, PKGIMA_LINT_HOLE, first, sentence);
}

static void check_owners(const struct lint *lint, enum pkgima_ima_hook hook, const char *what)
{
	const struct pkgima_ima_rule *rule;
	struct pkgima_subjects subjects;
	char sentence[256];

	if (ask_hook(lint->policy, &grounds[0].place, hook, NOBODY, 0, &rule) != BY_SIGNATURE) {
		snprintf(sentence, sizeof(sentence), "no signature is asked of %s that others than root own: root makes them so",
			 what);
		tell(lint, PKGIMA_LINT_HOLE, rule, sentence);
	}
	pkgima_subjects_find(lint->policy, &subjects);
	for (size_t i = 0; i < subjects.count; i++) {
		if (ask_hook(lint->policy, &grounds[0].place, hook, 0, subjects.list[i].uid, &rule) == BY_SIGNATURE)
			continue;
		snprintf(sentence, sizeof(sentence), "no signature is asked of %s when user %u uses them: root becomes any user",
			 what, subjects.list[i].uid);
		tell(lint, PKGIMA_LINT_HOLE, rule, sentence);
		break;
	}
}

/* Is it appraised at all, anywhere, for root or his files? */
static enum asked most_asked(const struct lint *lint, enum pkgima_ima_hook hook, const struct pkgima_ima_rule **ret_rule)
{
	enum asked most = NOT_APPRAISED;

	for (size_t i = 0; i < sizeof(grounds) / sizeof(grounds[0]); i++) {
		const struct pkgima_ima_rule *rule = NULL;
		enum asked one = ask_hook(lint->policy, &grounds[i].place, hook, 0, 0, &rule);

		if (one > most || i == 0) {
			most = one;
			*ret_rule = rule;
		}
	}
	return most;
}

/* Rules that name a UUID are about one file system, which none of the grounds is. */
static bool is_limited_to_uuid(const struct lint *lint, enum pkgima_ima_hook hook, const struct pkgima_ima_rule **ret_rule)
{
	for (size_t i = 0; i < lint->policy->count; i++) {
		const struct pkgima_ima_rule *rule = &lint->policy->rules[i];

		if (rule->action != PKGIMA_IMA_APPRAISE || !(rule->flags & PKGIMA_IMA_FSUUID) ||
		    (rule->hook && rule->hook != hook))
			continue;
		*ret_rule = rule;
		return true;
	}
	return false;
}

static void check_hook(const struct lint *lint, enum pkgima_ima_hook hook, const char *what, const char *missing)
{
	const struct pkgima_ima_rule *rule = NULL;
	char sentence[256];

	switch (most_asked(lint, hook, &rule)) {
	case BY_SIGNATURE:
		check_grounds(lint, hook, what);
		check_owners(lint, hook, what);
		return;
	case BY_HASH:
		snprintf(sentence, sizeof(sentence), "a hash is enough for %s: root sets one on any content", what);
		tell(lint, PKGIMA_LINT_HOLE, rule, sentence);
		return;
	default:
		break;
	}
	if (is_limited_to_uuid(lint, hook, &rule)) {
		snprintf(sentence, sizeof(sentence), "only one file system's %s are appraised: overlayfs over it has no such UUID, "
			 "and root mounts others", what);
		tell(lint, PKGIMA_LINT_HOLE, rule, sentence);
	} else {
		tell(lint, PKGIMA_LINT_HOLE, rule, missing);
	}
}

static bool appraises(const struct pkgima_ima_policy *policy)
{
	for (size_t i = 0; i < policy->count; i++)
		if (policy->rules[i].action == PKGIMA_IMA_APPRAISE && policy->rules[i].hook != PKGIMA_IMA_HOOK_SETXATTR_CHECK)
			return true;
	return false;
}

static void check_hooks(const struct lint *lint)
{
	check_hook(lint, PKGIMA_IMA_HOOK_POLICY_CHECK, "policies",
		   "no rule about POLICY_CHECK: root replaces the policy by an unsigned one");
	check_hook(lint, PKGIMA_IMA_HOOK_BPRM_CHECK, "programs", "no rule about BPRM_CHECK: any program runs");
	check_hook(lint, PKGIMA_IMA_HOOK_MMAP_CHECK, "shared objects",
		   "no rule about MMAP_CHECK: a signed program runs unsigned libraries");
	check_hook(lint, PKGIMA_IMA_HOOK_MODULE_CHECK, "modules", "no rule about MODULE_CHECK: root loads any module, "
		   "unless the kernel enforces its own module signatures");
	check_hook(lint, PKGIMA_IMA_HOOK_FIRMWARE_CHECK, "firmware", "no rule about FIRMWARE_CHECK: devices get any firmware");
	check_hook(lint, PKGIMA_IMA_HOOK_KEXEC_KERNEL_CHECK, "kernels",
		   "no rule about KEXEC_KERNEL_CHECK: root starts any kernel, unless kexec is disabled");
	check_hook(lint, PKGIMA_IMA_HOOK_KEXEC_INITRAMFS_CHECK, "initramfs images", "no rule about KEXEC_INITRAMFS_CHECK: a "
		   "signed kernel is started with any initramfs, unless kexec is disabled");
}

/* With which access a hook always comes; 0: with any. */
static int mask_of(enum pkgima_ima_hook hook)
{
	switch (hook) {
	case PKGIMA_IMA_HOOK_NONE:
	case PKGIMA_IMA_HOOK_FILE_CHECK:
		return 0;
	case PKGIMA_IMA_HOOK_BPRM_CHECK:
	case PKGIMA_IMA_HOOK_CREDS_CHECK:
	case PKGIMA_IMA_HOOK_MMAP_CHECK:
	case PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT:
		return PKGIMA_IMA_EXEC;
	default:
		return PKGIMA_IMA_READ;
	}
}

/* Does @first compare with so much that nothing is left that @second would still match? */
static bool id_covers(const struct pkgima_ima_id *first, const struct pkgima_ima_id *second)
{
	if (!second->operator)
		return false;
	switch (first->operator) {
	case '<':
		return (second->operator == '=' && second->value < first->value) ||
		       (second->operator == '<' && second->value <= first->value);
	case '>':
		return (second->operator == '=' && second->value > first->value) ||
		       (second->operator == '>' && second->value >= first->value);
	default:
		return second->operator == '=' && second->value == first->value;
	}
}

static bool place_covers(const struct pkgima_ima_rule *first, const struct pkgima_ima_rule *second)
{
	uint32_t flags = PKGIMA_IMA_FSMAGIC | PKGIMA_IMA_FSNAME | PKGIMA_IMA_FS_SUBTYPE | PKGIMA_IMA_FSUUID;

	if ((first->flags & flags) & ~second->flags)
		return false;
	if (first->flags & PKGIMA_IMA_FSMAGIC && first->fsmagic != second->fsmagic)
		return false;
	if (first->flags & PKGIMA_IMA_FSNAME && strcmp(first->fsname, second->fsname) != 0)
		return false;
	if (first->flags & PKGIMA_IMA_FS_SUBTYPE && strcmp(first->fs_subtype, second->fs_subtype) != 0)
		return false;
	return !(first->flags & PKGIMA_IMA_FSUUID) || !memcmp(first->fsuuid, second->fsuuid, sizeof(first->fsuuid));
}

static bool mask_covers(const struct pkgima_ima_rule *first, const struct pkgima_ima_rule *second)
{
	int accesses = mask_of(second->hook);

	if (!(first->flags & (PKGIMA_IMA_MASK | PKGIMA_IMA_INMASK)))
		return true;
	/* It comes with no access at all. */
	if (second->hook == PKGIMA_IMA_HOOK_KEXEC_CMDLINE)
		return false;
	/* Where a hook has only one access, that decides. */
	if (accesses)
		return first->mask == accesses;
	if (!(second->flags & (PKGIMA_IMA_MASK | PKGIMA_IMA_INMASK)) || first->mask != second->mask)
		return false;
	return first->flags & PKGIMA_IMA_INMASK || second->flags & PKGIMA_IMA_MASK;
}

/* uid= and euid= are told apart: they can differ. */
static bool ids_cover(const struct pkgima_ima_rule *first, const struct pkgima_ima_rule *second)
{
	const uint32_t users = PKGIMA_IMA_UID | PKGIMA_IMA_EUID, groups = PKGIMA_IMA_GID | PKGIMA_IMA_EGID;

	if (first->flags & users &&
	    ((first->flags & users) != (second->flags & users) || !id_covers(&first->uid, &second->uid)))
		return false;
	if (first->flags & groups &&
	    ((first->flags & groups) != (second->flags & groups) || !id_covers(&first->gid, &second->gid)))
		return false;
	if (first->flags & PKGIMA_IMA_FOWNER && !id_covers(&first->fowner, &second->fowner))
		return false;
	return !(first->flags & PKGIMA_IMA_FGROUP) || id_covers(&first->fgroup, &second->fgroup);
}

/* Does everything that @second is about match @first, which stands before it? */
static bool covers(const struct pkgima_ima_rule *first, const struct pkgima_ima_rule *second)
{
	if (first->action / 2 != second->action / 2 || first->flags & (PKGIMA_IMA_LSM | PKGIMA_IMA_KEYRINGS | PKGIMA_IMA_LABEL))
		return false;
	/* Looked for apart from all others; and these come with no file. */
	if (first->hook == PKGIMA_IMA_HOOK_SETXATTR_CHECK || second->hook == PKGIMA_IMA_HOOK_SETXATTR_CHECK)
		return first->hook == second->hook;
	if (second->hook == PKGIMA_IMA_HOOK_KEY_CHECK || second->hook == PKGIMA_IMA_HOOK_CRITICAL_DATA)
		return first->hook == second->hook && ids_cover(first, second);
	if (first->hook && first->hook != second->hook)
		return false;
	return mask_covers(first, second) && ids_cover(first, second) && place_covers(first, second);
}

static void check_rule(const struct lint *lint, size_t index)
{
	const struct pkgima_ima_rule *rule = &lint->policy->rules[index];
	int accesses = mask_of(rule->hook);
	char sentence[256];

	if (rule->flags & (PKGIMA_IMA_MASK | PKGIMA_IMA_INMASK) && accesses && rule->mask != accesses) {
		snprintf(sentence, sizeof(sentence), "it can never match: %s comes with %s only",
			 pkgima_ima_hook_word(rule->hook), accesses == PKGIMA_IMA_EXEC ? "MAY_EXEC" : "MAY_READ");
		tell(lint, PKGIMA_LINT_DEAD, rule, sentence);
		return;
	}
	for (size_t i = 0; i < index; i++) {
		const struct pkgima_ima_rule *first = &lint->policy->rules[i];

		if (!covers(first, rule))
			continue;
		if (first->origin)
			snprintf(sentence, sizeof(sentence), "it never matters: a rule of the kernel's own comes before it");
		else
			snprintf(sentence, sizeof(sentence), "it never matters: line %zu matches all that it would", first->line);
		tell(lint, PKGIMA_LINT_DEAD, rule, sentence);
		return;
	}
}

static void check_needs(const struct lint *lint, const struct pkgima_ima_rule *rule)
{
	for (int i = 0; i < PKGIMA_IMA_NEED_COUNT; i++)
		if (rule->needs & 1U << i)
			tell(lint, PKGIMA_LINT_NOTE, rule, pkgima_ima_need_sentence((enum pkgima_ima_need)i));
	if (rule->action == PKGIMA_IMA_APPRAISE && rule->flags & PKGIMA_IMA_DIRECTIO)
		tell(lint, PKGIMA_LINT_HOLE, rule, "what is opened with O_DIRECT is not appraised");
}

static void check_whole(const struct lint *lint)
{
	const struct pkgima_ima_policy *policy = lint->policy;
	const struct pkgima_ima_rule *first = NULL, *files = NULL;
	bool measures = false;

	for (size_t i = 0; i < policy->count; i++) {
		const struct pkgima_ima_rule *rule = &policy->rules[i];

		if (!first && !rule->origin)
			first = rule;
		measures = measures || (rule->action == PKGIMA_IMA_MEASURE && !rule->origin);
		if (!files && rule->action == PKGIMA_IMA_APPRAISE && (!rule->hook || rule->hook == PKGIMA_IMA_HOOK_FILE_CHECK))
			files = rule;
	}
	if (first && first->hook != PKGIMA_IMA_HOOK_POLICY_CHECK)
		tell(lint, PKGIMA_LINT_NOTE, first, "the first rule is not about POLICY_CHECK, where no other can shadow it");
	if (!measures)
		tell(lint, PKGIMA_LINT_NOTE, NULL, "nothing is measured: loading it ends what ima_policy=tcb asked for");
	if (files)
		tell(lint, PKGIMA_LINT_NOTE, files, "files that are opened are appraised: one that has a signature cannot be opened "
		     "for writing, and one that is newly written cannot be read where a signature is wanted");
	if (policy->unended)
		tell(lint, PKGIMA_LINT_NOTE, NULL, "its last line has no line feed: a kernel that is given its path refuses it");
}

void pkgima_ima_lint(const struct pkgima_ima_policy *policy,
		     void (*say)(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule,
				 const char *sentence),
		     void *context)
{
	struct lint lint = { .policy = policy, .tell = say, .context = context };

	for (size_t i = 0; i < policy->count; i++) {
		if (policy->rules[i].origin)
			continue;
		check_rule(&lint, i);
		check_needs(&lint, &policy->rules[i]);
	}
	check_whole(&lint);
	if (appraises(policy))
		check_hooks(&lint);
	else
		tell(&lint, PKGIMA_LINT_NOTE, NULL, "no rule appraises: nothing is ever denied");
}
