// SPDX-License-Identifier: LGPL-2.1-or-later
#include "predict_file.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "cleanup.h"
#include "elf_object.h"
#include "escape.h"

#define INTERPRETERS_MAX 256

/* No use of the file itself: nothing is noted. */
#define NOTHING PKGIMA_USE_COUNT

/* What the kernel reads by itself, by the place where it is. */
static const struct { const char *pattern; enum pkgima_ima_hook hook; enum pkgima_use use; } loaded[] = {
	{ "/lib/modules/*.ko", PKGIMA_IMA_HOOK_MODULE_CHECK, PKGIMA_USE_MODULE },
	{ "/usr/lib/modules/*.ko", PKGIMA_IMA_HOOK_MODULE_CHECK, PKGIMA_USE_MODULE },
	{ "/lib/modules/*.ko.[gxz]*", PKGIMA_IMA_HOOK_MODULE_CHECK, PKGIMA_USE_MODULE },
	{ "/usr/lib/modules/*.ko.[gxz]*", PKGIMA_IMA_HOOK_MODULE_CHECK, PKGIMA_USE_MODULE },
	{ "/lib/firmware/*", PKGIMA_IMA_HOOK_FIRMWARE_CHECK, PKGIMA_USE_FIRMWARE },
	{ "/usr/lib/firmware/*", PKGIMA_IMA_HOOK_FIRMWARE_CHECK, PKGIMA_USE_FIRMWARE },
	{ "/boot/vmlinu[xz]*", PKGIMA_IMA_HOOK_KEXEC_KERNEL_CHECK, PKGIMA_USE_KEXEC },
	{ "/boot/initr*", PKGIMA_IMA_HOOK_KEXEC_INITRAMFS_CHECK, PKGIMA_USE_INITRAMFS },
	{ "/etc/ima-init/policy", PKGIMA_IMA_HOOK_POLICY_CHECK, PKGIMA_USE_POLICY },
	{ "/etc/ima/ima-policy", PKGIMA_IMA_HOOK_POLICY_CHECK, PKGIMA_USE_POLICY },
	{ "/usr/share/ima-init/policies/*", PKGIMA_IMA_HOOK_POLICY_CHECK, PKGIMA_USE_POLICY },
};

int pkgima_predict_shared_init(struct pkgima_predict_shared *shared, const struct pkgima_predict *predict,
			       struct pkgima_error *error)
{
	*shared = (struct pkgima_predict_shared){ .predict = predict, .places = PKGIMA_PLACES_NONE };
	pthread_mutex_init(&shared->lock, NULL);
	pkgima_subjects_find(predict->policy, &shared->subjects);
	shared->interpreters = calloc(INTERPRETERS_MAX, sizeof(*shared->interpreters));
	if (!shared->interpreters)
		return pkgima_fail(error, -ENOMEM, "no memory for a prediction");
	/* Else those that are not asked for would seem to be denied nothing. */
	if (shared->subjects.cut)
		return pkgima_fail(error, -E2BIG, "the policy compares with more users and groups than can be asked for");
	return 0;
}

void pkgima_predict_shared_free(struct pkgima_predict_shared *shared)
{
	free(shared->interpreters);
	pkgima_places_free(&shared->places);
	pthread_mutex_destroy(&shared->lock);
}

static bool is_compressed(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && strcmp(dot, ".ko") != 0;
}

/* Facts are looked up when the first rule asks for them; false after a failure, which is noted. */
static bool need_facts(struct pkgima_predict_file *file)
{
	struct pkgima_error error;
	int r;

	if (file->has_facts)
		return true;
	r = file->prediction.failed ? -EIO : pkgima_appraiser_look(file->appraiser, file->fd, &file->facts, &error);
	if (r < 0 && !file->prediction.failed) {
		file->prediction.failed = true;
		snprintf(file->reason, sizeof(file->reason), "%.500s", error.text);
	}
	file->has_facts = r == 0;
	return file->has_facts;
}

/* The worse one goes first; what is said first stays. */
static void note(struct pkgima_predict_file *file, enum pkgima_use use, enum pkgima_ima_decision decision,
		 const struct pkgima_ima_rule *rule, const char *reason, const char *whose)
{
	struct pkgima_prediction *prediction = &file->prediction;
	bool first = decision == PKGIMA_IMA_DENIED ? !prediction->denied : !prediction->denied && !prediction->undecided;

	if (decision == PKGIMA_IMA_DENIED)
		prediction->denied |= 1U << use;
	else
		prediction->undecided |= 1U << use;
	if (!first || prediction->failed)
		return;
	prediction->rule = rule;
	snprintf(file->reason, sizeof(file->reason), "%s%s%s", whose ? whose : "", whose ? ": " : "", reason);
}

static void keep_passed(struct pkgima_predict_file *file, enum pkgima_use use, const struct pkgima_ima_demand *demand)
{
	file->lasting |= demand->flags;
	if (demand->flags & PKGIMA_IMA_SIGNATURE && !file->strict)
		file->strict = demand->rule;
	if (use != NOTHING && file->passed_count < PKGIMA_PREDICT_PASSED_MAX)
		file->passed[file->passed_count++] = (struct passed){ .use = use, .demand = *demand };
}

/*
 * The kernel keeps with a file what any rule has asked of it, and asks it from then on each time that it appraises the
 * file. So what passes by itself may be denied, depending on what was done before.
 */
static void look_at_order(struct pkgima_predict_file *file)
{
	const struct pkgima_ima_kernel *kernel = &file->shared->predict->kernel;
	char reason[128];

	for (size_t i = 0; i < file->passed_count; i++) {
		struct pkgima_ima_demand demand = file->passed[i].demand;
		const uint32_t use = 1U << file->passed[i].use;
		const char *ignored;

		demand.flags |= file->lasting;
		if (file->prediction.denied & use || file->prediction.undecided & use ||
		    pkgima_ima_decide(&file->facts, kernel, &demand, &ignored) == PKGIMA_IMA_PASSES)
			continue;
		if (file->lasting & ~file->passed[i].demand.flags & (PKGIMA_IMA_VERITY | PKGIMA_IMA_SIGV3))
			snprintf(reason, sizeof(reason), "denied once the kernel has met it under a rule about fs-verity, which it remembers");
		else
			snprintf(reason, sizeof(reason), "denied once the kernel has met it under %s %zu, which it remembers",
				 file->strict && file->strict->origin ? "its own rule" : "line", file->strict ? file->strict->line : 0);
		note(file, file->passed[i].use, PKGIMA_IMA_UNDECIDED, demand.rule, reason, NULL);
	}
}

/* One access by one user: the decision, with rule and reason. Several possible demands that do not agree leave it open. */
static enum pkgima_ima_decision decide(struct pkgima_predict_file *file, enum pkgima_use use,
				       const struct pkgima_ima_access *access, const struct pkgima_ima_rule **ret_rule, const char **ret_reason)
{
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	const struct pkgima_predict *predict = file->shared->predict;
	enum pkgima_ima_decision all = PKGIMA_IMA_PASSES;
	bool sure;
	size_t count;

	count = pkgima_ima_policy_ask(predict->policy, access, demands, &sure);
	*ret_rule = NULL;
	*ret_reason = NULL;
	for (size_t i = 0; i < count; i++) {
		enum pkgima_ima_decision one;
		const char *reason;

		if (!demands[i].appraised) {
			one = PKGIMA_IMA_PASSES;
			file->lasting |= demands[i].flags;
		} else {
			file->appraised = true;
			if (!need_facts(file))
				return PKGIMA_IMA_PASSES;
			one = pkgima_ima_decide(&file->facts, &predict->kernel, &demands[i], &reason);
			keep_passed(file, one == PKGIMA_IMA_PASSES ? use : NOTHING, &demands[i]);
		}
		if (one != PKGIMA_IMA_PASSES && !*ret_reason) {
			*ret_rule = demands[i].rule;
			*ret_reason = reason;
		}
		if (i == 0)
			all = one;
		else if (one != all)
			all = PKGIMA_IMA_UNDECIDED;
	}
	if (!sure && all == PKGIMA_IMA_PASSES && (file->appraised || count == PKGIMA_IMA_DEMANDS_MAX))
		all = PKGIMA_IMA_UNDECIDED;
	if (all == PKGIMA_IMA_UNDECIDED && (!sure || count > 1))
		*ret_reason = "it depends on a label of an LSM, or on a UUID, that is not known here";
	return all;
}

/* As decide(), for all users and groups that may do it; what is found is noted, unless @use is NOTHING. */
static enum pkgima_ima_decision try_all(struct pkgima_predict_file *file, enum pkgima_use use, enum pkgima_ima_hook hook,
					int mask)
{
	const struct pkgima_subjects *subjects = &file->shared->subjects;
	enum pkgima_ima_decision worst = PKGIMA_IMA_PASSES;

	/* Only root has the kernel load something. */
	bool only_root = use >= PKGIMA_USE_MODULE && use != NOTHING;

	for (size_t i = 0; i < (only_root ? 1 : subjects->count); i++) {
		struct pkgima_ima_access access = {
			.place = file->place,
			.owner = file->stat->st_uid,
			.group = file->stat->st_gid,
			.uid = subjects->list[i].uid,
			.gid = subjects->list[i].gid,
			.hook = hook,
			.mask = mask,
		};
		const struct pkgima_ima_rule *rule;
		enum pkgima_ima_decision one;
		const char *reason;
		char whose[64];

		one = decide(file, use, &access, &rule, &reason);
		if (one == PKGIMA_IMA_PASSES)
			continue;
		snprintf(whose, sizeof(whose), "for user %u, group %u", access.uid, access.gid);
		if (use != NOTHING)
			note(file, use, one, rule, reason, i ? whose : NULL);
		if (worst != PKGIMA_IMA_DENIED)
			worst = one;
	}
	return worst;
}

static enum pkgima_ima_decision worse(enum pkgima_ima_decision left, enum pkgima_ima_decision right)
{
	return left == PKGIMA_IMA_DENIED || right == PKGIMA_IMA_PASSES ? left : right;
}

/* Can this file be executed as an interpreter, or mapped as a loader, which is opened in the same way? */
static enum pkgima_ima_decision try_interpreter(struct pkgima_predict_file *file, bool is_loader)
{
	enum pkgima_ima_decision all;

	all = try_all(file, NOTHING, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_EXEC);
	if (!is_loader)
		all = worse(all, try_all(file, NOTHING, PKGIMA_IMA_HOOK_BPRM_CHECK, PKGIMA_IMA_EXEC));
	all = worse(all, try_all(file, NOTHING, PKGIMA_IMA_HOOK_MMAP_CHECK, PKGIMA_IMA_EXEC));
	return worse(all, try_all(file, NOTHING, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT, PKGIMA_IMA_EXEC));
}

static bool find_interpreter(struct pkgima_predict_shared *shared, const char *path, bool is_loader,
			     enum pkgima_ima_decision *ret_decision)
{
	bool found = false;

	pthread_mutex_lock(&shared->lock);
	for (size_t i = 0; i < shared->interpreter_count && !found; i++) {
		found = shared->interpreters[i].is_loader == is_loader && !strcmp(shared->interpreters[i].path, path);
		if (found)
			*ret_decision = shared->interpreters[i].decision;
	}
	pthread_mutex_unlock(&shared->lock);
	return found;
}

static void keep_interpreter(struct pkgima_predict_shared *shared, const char *path, bool is_loader,
			     enum pkgima_ima_decision decision)
{
	pthread_mutex_lock(&shared->lock);
	if (shared->interpreter_count < INTERPRETERS_MAX) {
		struct pkgima_predict_interpreter *interpreter = &shared->interpreters[shared->interpreter_count++];

		snprintf(interpreter->path, sizeof(interpreter->path), "%s", path);
		interpreter->is_loader = is_loader;
		interpreter->decision = decision;
	}
	pthread_mutex_unlock(&shared->lock);
}

/*
 * What is executed comes with another file, which is asked for in turn. That one's own interpreter is not, and one that is
 * not there denies nothing.
 */
static void look_at_interpreter(struct pkgima_predict_file *file, const char *path, bool is_loader)
{
	enum pkgima_ima_decision decision = PKGIMA_IMA_PASSES;
	const char *what = is_loader ? "loader" : "interpreter";
	cleanup_close int fd = -1;
	char safe[300], reason[400];
	struct stat st;

	if (!find_interpreter(file->shared, path, is_loader, &decision)) {
		struct pkgima_predict_file other = { .shared = file->shared, .appraiser = file->appraiser, .path = path, .stat = &st };

		other.fd = fd = pkgima_beneath_open_followed(file->shared->predict->root_fd, path, &st);
		other.place = fd < 0 ? NULL : pkgima_places_find(&file->shared->places, fd, &st);
		if (other.place)
			decision = try_interpreter(&other, is_loader);
		keep_interpreter(file->shared, path, is_loader, decision);
	}
	if (decision == PKGIMA_IMA_PASSES)
		return;
	pkgima_printable_into(path, safe, sizeof(safe));
	if (decision == PKGIMA_IMA_DENIED)
		snprintf(reason, sizeof(reason), "its %s %s would be denied", what, safe);
	else
		snprintf(reason, sizeof(reason), "whether its %s %s would be denied is not known", what, safe);
	note(file, PKGIMA_USE_EXECUTE, decision, NULL, reason, NULL);
}

static void try_mapping(struct pkgima_predict_file *file, enum pkgima_use use)
{
	try_all(file, use, PKGIMA_IMA_HOOK_MMAP_CHECK, PKGIMA_IMA_EXEC);
	try_all(file, use, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT, PKGIMA_IMA_EXEC);
}

/* @elf: NULL where it is none that could be mapped. */
static void try_executing(struct pkgima_predict_file *file, const struct pkgima_elf *elf)
{
	char interpreter[PKGIMA_SCRIPT_LINE_MAX];
	const uint32_t execute = 1U << PKGIMA_USE_EXECUTE;

	try_all(file, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_EXEC);
	try_all(file, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_BPRM_CHECK, PKGIMA_IMA_EXEC);
	try_all(file, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_CREDS_CHECK, PKGIMA_IMA_EXEC);
	if (elf)
		try_mapping(file, PKGIMA_USE_EXECUTE);
	if (file->prediction.denied & execute)
		return;
	if (elf && *elf->interpreter)
		look_at_interpreter(file, elf->interpreter, true);
	else if (!elf && pkgima_script_interpreter(file->fd, interpreter))
		look_at_interpreter(file, interpreter, false);
}

/* Would it be appraised when it is mapped? Then its mprotect(2) is denied. */
static void try_library(struct pkgima_predict_file *file, const struct pkgima_elf *elf)
{
	bool was = file->appraised;

	file->appraised = false;
	try_mapping(file, PKGIMA_USE_MAP);
	file->prediction.relocates_text = file->appraised && elf->relocates_text;
	file->appraised = file->appraised || was;
	try_all(file, PKGIMA_USE_MAP, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
}

static void try_loading(struct pkgima_predict_file *file, enum pkgima_use use, enum pkgima_ima_hook hook)
{
	struct pkgima_predict_shared *shared = file->shared;
	bool was = file->appraised;

	if (use != PKGIMA_USE_MODULE || !is_compressed(file->path)) {
		try_all(file, use, hook, PKGIMA_IMA_READ);
		try_all(file, use, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
		return;
	}
	/* Whatever they carry: most are loaded from memory, where the kernel's own module signatures decide. */
	file->appraised = false;
	try_all(file, NOTHING, hook, PKGIMA_IMA_READ);
	if (file->appraised) {
		pthread_mutex_lock(&shared->lock);
		shared->compressed_modules++;
		pthread_mutex_unlock(&shared->lock);
	}
	file->appraised = file->appraised || was;
}

void pkgima_predict_file_look(struct pkgima_predict_file *file)
{
	struct pkgima_elf elf;
	bool is_mapped = pkgima_elf_read(file->fd, &elf, NULL, NULL) == 0 && pkgima_elf_is_mapped(&elf);

	if (file->stat->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))
		try_executing(file, is_mapped ? &elf : NULL);
	if (is_mapped)
		try_library(file, &elf);
	for (size_t i = 0; i < sizeof(loaded) / sizeof(loaded[0]); i++) {
		if (fnmatch(loaded[i].pattern, file->path, 0) != 0)
			continue;
		try_loading(file, loaded[i].use, loaded[i].hook);
		break;
	}
	try_all(file, PKGIMA_USE_READ, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
	look_at_order(file);
}
