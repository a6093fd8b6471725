// SPDX-License-Identifier: LGPL-2.1-or-later
#include "predict.h"

#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "cleanup.h"
#include "elf_object.h"
#include "escape.h"
#include "parallel.h"
#include "place.h"
#include "script.h"
#include "subjects.h"
#include "walk.h"

/* Files are collected and worked on in portions, which bounds memory. */
#define PORTION 4096
#define INTERPRETERS_MAX 256

/* A file is asked for in a few ways, by users that rules tell apart. */
#define PASSED_MAX 32

/* No use of the file itself: nothing is noted. */
#define NOTHING PKGIMA_USE_COUNT

struct file {
	char *path;
	struct stat stat;
};

/* An interpreter of scripts, and whether it can be executed. */
struct interpreter {
	char path[PKGIMA_SCRIPT_LINE_MAX];
	enum pkgima_ima_decision decision;
};

struct run {
	const struct pkgima_predict *predict;
	struct pkgima_critical *critical;
	struct pkgima_places places;
	struct pkgima_subjects subjects;
	struct file portion[PORTION];
	size_t count;
	pthread_mutex_t lock;          /* guards all below */
	struct pkgima_predictions *predictions;
	struct interpreter *interpreters;
	size_t interpreter_count;
	bool lost;                     /* there was no memory for a prediction */
};

/* What is found about one file, by one thread. */
struct look {
	struct run *run;
	struct pkgima_appraiser *appraiser;
	const char *path;
	int fd;
	const struct stat *stat;
	const struct pkgima_ima_place *place;
	bool has_facts;
	struct pkgima_ima_facts facts;
	bool appraised;                /* in some way */
	/* Uses that pass, and what rules have asked of the file altogether. */
	struct passed { enum pkgima_use use; struct pkgima_ima_demand demand; } passed[PASSED_MAX];
	size_t passed_count;
	uint32_t lasting;
	const struct pkgima_ima_rule *strict; /* that wants a signature */
	struct pkgima_prediction prediction;
	char reason[512];
};

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

const char *pkgima_use_word(enum pkgima_use use)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_USES(X)
#undef X
	};

	return words[use];
}

static bool is_compressed(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && strcmp(dot, ".ko") != 0;
}

/* Facts are looked up when the first rule asks for them; false after a failure, which is noted. */
static bool need_facts(struct look *look)
{
	struct pkgima_error error;
	int r;

	if (look->has_facts)
		return true;
	r = look->prediction.failed ? -EIO : pkgima_appraiser_look(look->appraiser, look->fd, &look->facts, &error);
	if (r < 0 && !look->prediction.failed) {
		look->prediction.failed = true;
		snprintf(look->reason, sizeof(look->reason), "%.500s", error.text);
	}
	look->has_facts = r == 0;
	return look->has_facts;
}

/* The worse one goes first; what is said first stays. */
static void note(struct look *look, enum pkgima_use use, enum pkgima_ima_decision decision,
		 const struct pkgima_ima_rule *rule, const char *reason, const char *whose)
{
	struct pkgima_prediction *prediction = &look->prediction;
	bool first = decision == PKGIMA_IMA_DENIED ? !prediction->denied : !prediction->denied && !prediction->undecided;

	if (decision == PKGIMA_IMA_DENIED)
		prediction->denied |= 1U << use;
	else
		prediction->undecided |= 1U << use;
	if (!first || prediction->failed)
		return;
	prediction->rule = rule;
	snprintf(look->reason, sizeof(look->reason), "%s%s%s", whose ? whose : "", whose ? ": " : "", reason);
}

static void keep_passed(struct look *look, enum pkgima_use use, const struct pkgima_ima_demand *demand)
{
	look->lasting |= demand->flags;
	if (demand->flags & PKGIMA_IMA_SIGNATURE && !look->strict)
		look->strict = demand->rule;
	if (use != NOTHING && look->passed_count < PASSED_MAX)
		look->passed[look->passed_count++] = (struct passed){ .use = use, .demand = *demand };
}

/*
 * The kernel keeps with a file what any rule has asked of it, and asks it from then on each time that it appraises the
 * file. So what passes by itself may be denied, depending on what was done before.
 */
static void look_at_order(struct look *look)
{
	const struct pkgima_ima_kernel *kernel = &look->run->predict->kernel;
	char reason[128];

	for (size_t i = 0; i < look->passed_count; i++) {
		struct pkgima_ima_demand demand = look->passed[i].demand;
		const uint32_t use = 1U << look->passed[i].use;
		const char *ignored;

		demand.flags |= look->lasting;
		if (look->prediction.denied & use || look->prediction.undecided & use ||
		    pkgima_ima_decide(&look->facts, kernel, &demand, &ignored) == PKGIMA_IMA_PASSES)
			continue;
		snprintf(reason, sizeof(reason), "denied once the kernel has met it under %s %zu, which it remembers",
			 look->strict && look->strict->origin ? "its own rule" : "line", look->strict ? look->strict->line : 0);
		note(look, look->passed[i].use, PKGIMA_IMA_UNDECIDED, demand.rule, reason, NULL);
	}
}

/* One access by one user: the decision, with rule and reason. Several possible demands that do not agree leave it open. */
static enum pkgima_ima_decision decide(struct look *look, enum pkgima_use use, const struct pkgima_ima_access *access,
				       const struct pkgima_ima_rule **ret_rule, const char **ret_reason)
{
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	const struct pkgima_predict *predict = look->run->predict;
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
		} else {
			look->appraised = true;
			if (!need_facts(look))
				return PKGIMA_IMA_PASSES;
			one = pkgima_ima_decide(&look->facts, &predict->kernel, &demands[i], &reason);
			keep_passed(look, one == PKGIMA_IMA_PASSES ? use : NOTHING, &demands[i]);
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
	if (!sure && all == PKGIMA_IMA_PASSES && look->appraised)
		all = PKGIMA_IMA_UNDECIDED;
	if (all == PKGIMA_IMA_UNDECIDED && (!sure || count > 1))
		*ret_reason = "it depends on a label of an LSM, or on a UUID, that is not known here";
	return all;
}

/* As decide(), for all users and groups that may do it; what is found is noted, unless @use is NOTHING. */
static enum pkgima_ima_decision try_all(struct look *look, enum pkgima_use use, enum pkgima_ima_hook hook, int mask)
{
	const struct pkgima_subjects *subjects = &look->run->subjects;
	enum pkgima_ima_decision worst = PKGIMA_IMA_PASSES;

	/* Only root has the kernel load something. */
	bool only_root = use >= PKGIMA_USE_MODULE && use != NOTHING;

	for (size_t i = 0; i < (only_root ? 1 : subjects->count); i++) {
		struct pkgima_ima_access access = {
			.place = look->place,
			.owner = look->stat->st_uid,
			.group = look->stat->st_gid,
			.uid = subjects->list[i].uid,
			.gid = subjects->list[i].gid,
			.hook = hook,
			.mask = mask,
		};
		const struct pkgima_ima_rule *rule;
		enum pkgima_ima_decision one;
		const char *reason;
		char whose[64];

		one = decide(look, use, &access, &rule, &reason);
		if (one == PKGIMA_IMA_PASSES)
			continue;
		snprintf(whose, sizeof(whose), "for user %u, group %u", access.uid, access.gid);
		if (use != NOTHING)
			note(look, use, one, rule, reason, i ? whose : NULL);
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
static enum pkgima_ima_decision try_interpreter(struct look *look, bool is_loader)
{
	enum pkgima_ima_decision all;

	all = try_all(look, NOTHING, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_EXEC);
	if (!is_loader)
		all = worse(all, try_all(look, NOTHING, PKGIMA_IMA_HOOK_BPRM_CHECK, PKGIMA_IMA_EXEC));
	all = worse(all, try_all(look, NOTHING, PKGIMA_IMA_HOOK_MMAP_CHECK, PKGIMA_IMA_EXEC));
	return worse(all, try_all(look, NOTHING, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT, PKGIMA_IMA_EXEC));
}

static bool find_interpreter(struct run *run, const char *path, enum pkgima_ima_decision *ret_decision)
{
	bool found = false;

	pthread_mutex_lock(&run->lock);
	for (size_t i = 0; i < run->interpreter_count && !found; i++) {
		found = !strcmp(run->interpreters[i].path, path);
		if (found)
			*ret_decision = run->interpreters[i].decision;
	}
	pthread_mutex_unlock(&run->lock);
	return found;
}

static void keep_interpreter(struct run *run, const char *path, enum pkgima_ima_decision decision)
{
	pthread_mutex_lock(&run->lock);
	if (run->interpreter_count < INTERPRETERS_MAX) {
		struct interpreter *interpreter = &run->interpreters[run->interpreter_count++];

		snprintf(interpreter->path, sizeof(interpreter->path), "%s", path);
		interpreter->decision = decision;
	}
	pthread_mutex_unlock(&run->lock);
}

/*
 * What is executed comes with another file, which is asked for in turn. That one's own interpreter is not, and one that is
 * not there denies nothing.
 */
static void look_at_interpreter(struct look *look, const char *path, bool is_loader)
{
	enum pkgima_ima_decision decision = PKGIMA_IMA_PASSES;
	const char *what = is_loader ? "loader" : "interpreter";
	cleanup_close int fd = -1;
	char safe[300], reason[400];
	struct stat st;

	if (!find_interpreter(look->run, path, &decision)) {
		struct look other = { .run = look->run, .appraiser = look->appraiser, .path = path, .stat = &st };

		other.fd = fd = pkgima_beneath_open_followed(look->run->predict->root_fd, path, &st);
		other.place = fd < 0 ? NULL : pkgima_places_find(&look->run->places, fd, &st);
		if (other.place)
			decision = try_interpreter(&other, is_loader);
		keep_interpreter(look->run, path, decision);
	}
	if (decision == PKGIMA_IMA_PASSES)
		return;
	pkgima_printable_into(path, safe, sizeof(safe));
	if (decision == PKGIMA_IMA_DENIED)
		snprintf(reason, sizeof(reason), "its %s %s would be denied", what, safe);
	else
		snprintf(reason, sizeof(reason), "whether its %s %s would be denied is not known", what, safe);
	note(look, PKGIMA_USE_EXECUTE, decision, NULL, reason, NULL);
}

static void try_mapping(struct look *look, enum pkgima_use use)
{
	try_all(look, use, PKGIMA_IMA_HOOK_MMAP_CHECK, PKGIMA_IMA_EXEC);
	try_all(look, use, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT, PKGIMA_IMA_EXEC);
}

/* @elf: NULL where it is none that could be mapped. */
static void try_executing(struct look *look, const struct pkgima_elf *elf)
{
	char interpreter[PKGIMA_SCRIPT_LINE_MAX];
	const uint32_t execute = 1U << PKGIMA_USE_EXECUTE;

	try_all(look, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_EXEC);
	try_all(look, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_BPRM_CHECK, PKGIMA_IMA_EXEC);
	try_all(look, PKGIMA_USE_EXECUTE, PKGIMA_IMA_HOOK_CREDS_CHECK, PKGIMA_IMA_EXEC);
	if (elf)
		try_mapping(look, PKGIMA_USE_EXECUTE);
	if (look->prediction.denied & execute)
		return;
	if (elf && *elf->interpreter)
		look_at_interpreter(look, elf->interpreter, true);
	else if (!elf && pkgima_script_interpreter(look->fd, interpreter))
		look_at_interpreter(look, interpreter, false);
}

/* Would it be appraised when it is mapped? Then its mprotect(2) is denied. */
static void try_library(struct look *look, const struct pkgima_elf *elf)
{
	bool was = look->appraised;

	look->appraised = false;
	try_mapping(look, PKGIMA_USE_MAP);
	look->prediction.relocates_text = look->appraised && elf->relocates_text;
	look->appraised = look->appraised || was;
	try_all(look, PKGIMA_USE_MAP, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
}

static void try_loading(struct look *look, enum pkgima_use use, enum pkgima_ima_hook hook)
{
	struct run *run = look->run;
	bool was = look->appraised;

	if (use != PKGIMA_USE_MODULE || !is_compressed(look->path)) {
		try_all(look, use, hook, PKGIMA_IMA_READ);
		try_all(look, use, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
		return;
	}
	/* Whatever they carry: most are loaded from memory, where the kernel's own module signatures decide. */
	look->appraised = false;
	try_all(look, NOTHING, hook, PKGIMA_IMA_READ);
	if (look->appraised) {
		pthread_mutex_lock(&run->lock);
		run->predictions->compressed_modules++;
		pthread_mutex_unlock(&run->lock);
	}
	look->appraised = look->appraised || was;
}

static void try_everything(struct look *look)
{
	struct pkgima_elf elf;
	bool is_mapped = pkgima_elf_read(look->fd, &elf, NULL, NULL) == 0 && pkgima_elf_is_mapped(&elf);

	if (look->stat->st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))
		try_executing(look, is_mapped ? &elf : NULL);
	if (is_mapped)
		try_library(look, &elf);
	for (size_t i = 0; i < sizeof(loaded) / sizeof(loaded[0]); i++) {
		if (fnmatch(loaded[i].pattern, look->path, 0) != 0)
			continue;
		try_loading(look, loaded[i].use, loaded[i].hook);
		break;
	}
	try_all(look, PKGIMA_USE_READ, PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_READ);
	look_at_order(look);
}

static int add_prediction(struct pkgima_predictions *predictions, const struct look *look)
{
	struct pkgima_prediction *prediction;

	if (predictions->count == predictions->capacity) {
		size_t larger = predictions->capacity ? predictions->capacity * 2 : 256;
		void *list = reallocarray(predictions->list, larger, sizeof(*predictions->list));

		if (!list)
			return -ENOMEM;
		predictions->list = list;
		predictions->capacity = larger;
	}
	prediction = &predictions->list[predictions->count];
	*prediction = look->prediction;
	prediction->device = look->stat->st_dev;
	prediction->inode = look->stat->st_ino;
	prediction->path = strdup(look->path);
	prediction->reason = strdup(look->reason);
	predictions->count++;
	return prediction->path && prediction->reason ? 0 : -ENOMEM;
}

static void count(struct look *look)
{
	struct pkgima_predictions *predictions = look->run->predictions;
	const struct pkgima_prediction *prediction = &look->prediction;

	pthread_mutex_lock(&look->run->lock);
	predictions->files++;
	predictions->appraised += look->appraised;
	predictions->failed += prediction->failed;
	predictions->denied += prediction->denied != 0;
	predictions->undecided += prediction->undecided && !prediction->denied;
	if ((prediction->denied || prediction->undecided || prediction->relocates_text || prediction->failed) &&
	    add_prediction(predictions, look) < 0)
		look->run->lost = true;
	pthread_mutex_unlock(&look->run->lock);
}

static int look_at_file(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct run *run = context;
	const struct file *file = &run->portion[index];
	struct look look = { .run = run, .appraiser = state, .path = file->path };
	cleanup_close int fd = -1;
	struct stat st;

	look.fd = fd = pkgima_beneath_open_file(run->predict->root_fd, file->path, &st);
	/* It went, while others use the machine. */
	if (fd == -ENOENT || fd == -EINVAL)
		return 0;
	look.stat = fd < 0 ? &file->stat : &st;
	look.prediction.category = pkgima_critical_category(run->critical, file->path, look.stat);
	if (fd < 0) {
		look.prediction.failed = true;
		snprintf(look.reason, sizeof(look.reason), "cannot open it: %s", strerror(-fd));
	} else {
		look.place = pkgima_places_find(&run->places, fd, &st);
		if (!look.place)
			return pkgima_fail(error, -ENOMEM, "no memory for the file systems");
		try_everything(&look);
	}
	count(&look);
	return 0;
}

static void *begin_thread(void *context)
{
	const struct pkgima_predict *predict = ((struct run *)context)->predict;

	return pkgima_appraiser_new(predict->trust, &predict->kernel);
}

static void end_thread(void *context, void *state)
{
	(void)context;
	pkgima_appraiser_free(state);
}

static int work_on_portion(struct run *run, struct pkgima_error *error)
{
	struct pkgima_parallel parallel = {
		.count = run->count, .batch = 8, .context = run, .begin = begin_thread, .end = end_thread, .work = look_at_file,
	};
	int r;

	r = pkgima_parallel_run(&parallel, run->predict->threads, error);
	for (size_t i = 0; i < run->count; i++)
		free(run->portion[i].path);
	run->count = 0;
	if (r == 0 && run->predict->progress)
		run->predict->progress(run->predict->context, run->predictions->files);
	return r;
}

static int take_file(void *context, const char *path, const struct stat *st, struct pkgima_error *error)
{
	struct run *run = context;
	struct file *file = &run->portion[run->count];

	file->stat = *st;
	file->path = strdup(path);
	if (!file->path)
		return pkgima_fail(error, -ENOMEM, "no memory for a path");
	return ++run->count == PORTION ? work_on_portion(run, error) : 0;
}

static void say_passed(void *context, const char *sentence)
{
	const struct run *run = context;

	if (run->predict->passed)
		run->predict->passed(run->predict->context, sentence);
}

static int compare(const void *left, const void *right)
{
	const struct pkgima_prediction *l = left, *r = right;

	if (!l->denied != !r->denied)
		return l->denied ? -1 : 1;
	if (l->category != r->category)
		return l->category < r->category ? -1 : 1;
	return strcmp(l->path, r->path);
}

static int predict_all(struct run *run, const char *const paths[], size_t count_of_paths, struct pkgima_error *error)
{
	static const char *const whole[] = { "/" };
	struct pkgima_walk walk = { .root_fd = run->predict->root_fd, .file = take_file, .passed = say_passed, .context = run };
	int r;

	r = pkgima_critical_find(walk.root_fd, &run->critical, error);
	if (r == 0)
		r = pkgima_walk_run(&walk, count_of_paths ? paths : whole, count_of_paths ? count_of_paths : 1, error);
	if (r == 0)
		r = work_on_portion(run, error);
	if (r == 0 && run->lost)
		r = pkgima_fail(error, -ENOMEM, "no memory for all that was found");
	return r;
}

int pkgima_predict_run(const struct pkgima_predict *predict, const char *const paths[], size_t count_of_paths,
		       struct pkgima_predictions *ret_predictions, struct pkgima_error *error)
{
	struct run *run = calloc(1, sizeof(*run));
	int r = -ENOMEM;

	memset(ret_predictions, 0, sizeof(*ret_predictions));
	if (!run)
		return pkgima_fail(error, -ENOMEM, "no memory for a prediction");
	run->predict = predict;
	run->predictions = ret_predictions;
	run->places = PKGIMA_PLACES_NONE;
	pthread_mutex_init(&run->lock, NULL);
	pkgima_subjects_find(predict->policy, &run->subjects);
	run->interpreters = calloc(INTERPRETERS_MAX, sizeof(*run->interpreters));
	r = run->interpreters ? predict_all(run, paths, count_of_paths, error) :
				pkgima_fail(error, -ENOMEM, "no memory for a prediction");
	for (size_t i = 0; i < run->count; i++)
		free(run->portion[i].path);
	free(run->interpreters);
	pkgima_critical_free(run->critical);
	pkgima_places_free(&run->places);
	pthread_mutex_destroy(&run->lock);
	free(run);
	if (r < 0)
		pkgima_predictions_free(ret_predictions);
	else if (ret_predictions->count)
		qsort(ret_predictions->list, ret_predictions->count, sizeof(*ret_predictions->list), compare);
	return r;
}

void pkgima_predictions_free(struct pkgima_predictions *predictions)
{
	for (size_t i = 0; i < predictions->count; i++) {
		free(predictions->list[i].path);
		free(predictions->list[i].reason);
		free(predictions->list[i].package);
	}
	free(predictions->list);
	memset(predictions, 0, sizeof(*predictions));
}
