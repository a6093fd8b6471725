// SPDX-License-Identifier: LGPL-2.1-or-later
#include "apply.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"
#include "check.h"
#include "escape.h"
#include "parallel.h"
#include "signature.h"

/* Packages are read and worked on in portions of so many, or of entries of so many bytes, which bounds memory. */
#define PORTION_PACKAGES 256
#define PORTION_BYTES ((uintmax_t)8 * 1024 * 1024)
/* And up to so many, to keep a group together. */
#define GROUP_BYTES (8 * PORTION_BYTES)

struct portion_package {
	const struct pkgima_installed *package;
	struct pkgima_entries entries;
	atomic_bool refused, failed;
	/* What becomes struct pkgima_sums. */
	atomic_size_t verdicts[PKGIMA_VERDICT_COUNT], left_out, absent, failures, repaired;
};

/* An entry to work on. */
struct task {
	struct portion_package *package;
	const struct pkgima_entry *entry;
};

struct portion {
	const struct pkgima_apply *apply;
	struct portion_package *packages;
	size_t count;
	struct task *tasks;
	size_t task_count;
	pthread_mutex_t *report_lock;
	struct atomic_counts {
		atomic_size_t applied, unchanged, left_out, edited, absent, unsupported, refused, failed, good;
	} *counts;
};

static void report(struct portion *portion, struct portion_package *package, const char *path,
		   enum pkgima_verdict verdict, bool failed, const char *reason)
{
	struct pkgima_finding finding = {
		.package = package->package->name,
		.package_is_signed = package->package->is_signed,
		.path = path,
		.verdict = verdict,
		.failed = failed,
		.reason = reason,
	};

	/* A list that cannot be read stays so, files may become readable, and disks get room. */
	atomic_store(failed && path ? &package->failed : &package->refused, true);
	if (failed)
		package->failures++;
	else
		package->verdicts[verdict]++;
	if (failed)
		portion->counts->failed++;
	else if (verdict == PKGIMA_VERDICT_UNSUPPORTED_FS)
		portion->counts->unsupported++;
	else
		portion->counts->refused++;
	pthread_mutex_lock(portion->report_lock);
	portion->apply->report(portion->apply->context, &finding);
	pthread_mutex_unlock(portion->report_lock);
}

/* Is @entry another one of the same content, whose signature the file carries? */
static bool is_carried(const struct pkgima_entry *entry, const struct task *task, int fd)
{
	return entry && entry != task->entry && entry->ima.bytes && entry->hash == task->entry->hash &&
	       !memcmp(entry->digest, task->entry->digest, pkgima_hash_size(entry->hash)) &&
	       pkgima_file_has_value(fd, &entry->ima);
}

/*
 * Another package of the group has the same file with a signature of its own, and so has another name of the file, and all
 * are good: what any of them put there is left alone, else they would replace each other's for ever.
 */
static bool other_applied(const struct portion *portion, const struct task *task, int fd, const struct stat *st)
{
	const struct portion_package *own = task->package;

	if (fgetxattr(fd, PKGIMA_XATTR_IMA, NULL, 0) <= 0)
		return false;
	for (size_t i = 0; i < portion->count; i++) {
		const struct portion_package *other = &portion->packages[i];

		if (other != own && other->package->group == own->package->group &&
		    is_carried(pkgima_entries_find(&other->entries, task->entry->path), task, fd))
			return true;
	}
	for (size_t i = 0; st->st_nlink > 1 && i < own->entries.count; i++)
		if (is_carried(&own->entries.list[i], task, fd))
			return true;
	return false;
}

static void take_as_good(struct portion *portion, struct portion_package *package)
{
	portion->counts->good++;
	package->verdicts[PKGIMA_VERDICT_OK]++;
}

static void write_value(struct portion *portion, const struct task *task, const char *path, int fd)
{
	enum pkgima_verdict verdict;
	struct pkgima_error reason;

	if (pkgima_file_set_value(fd, &task->entry->ima, &verdict, &reason) < 0) {
		report(portion, task->package, path, PKGIMA_VERDICT_NOT_APPLIED, true, reason.text);
	} else if (verdict != PKGIMA_VERDICT_OK) {
		report(portion, task->package, path, verdict, false, reason.text);
	} else {
		portion->counts->applied++;
		task->package->repaired++;
		if (portion->apply->task != PKGIMA_TASK_APPLY)
			take_as_good(portion, task->package);
	}
}

static void look_at(struct portion *portion, const struct task *task, const char *path, int fd, const struct stat *st)
{
	struct pkgima_look look = { .package = task->package->package, .path = path, .entry = task->entry, .stat = st };
	uint8_t buffer[PKGIMA_SIGNATURE_MAX];
	int r;

	r = pkgima_file_value(fd, buffer, &look.value);
	/* What is too long is no signature. */
	if (r < 0 && r != -EOPNOTSUPP && r != -ERANGE) {
		report(portion, task->package, path, PKGIMA_VERDICT_UNSIGNED, true, strerror(-r));
		return;
	}
	look.selected = pkgima_file_is_selected(portion->apply->config, task->entry, fd, st);
	pthread_mutex_lock(portion->report_lock);
	portion->apply->look(portion->apply->context, &look);
	pthread_mutex_unlock(portion->report_lock);
}

/* What is to be said of the file, whatever it carries; -errno as pkgima_checker_run(). *@ret_alone: by what it carries. */
static int check(const struct portion *portion, struct pkgima_checker *checker, const struct pkgima_entry *entry, int fd,
		 enum pkgima_verdict *ret_verdict, bool *ret_alone, struct pkgima_error *reason)
{
	struct pkgima_error ignored;
	int r;

	*ret_alone = portion->apply->task != PKGIMA_TASK_APPLY && !entry->ima.bytes;
	if (*ret_alone)
		return pkgima_checker_run_alone(checker, fd, ret_verdict, reason);
	r = pkgima_checker_run(checker, entry, fd, ret_verdict, reason);
	if (r < 0 || portion->apply->task == PKGIMA_TASK_APPLY || entry->type != PKGIMA_ENTRY_CONFFILE ||
	    *ret_verdict != PKGIMA_VERDICT_DIGEST_MISMATCH || lseek(fd, 0, SEEK_SET) < 0)
		return r;
	/* Edited: then it may have been signed by whoever edited it. */
	r = pkgima_checker_run_alone(checker, fd, ret_verdict, &ignored);
	*ret_alone = r == 0 && *ret_verdict == PKGIMA_VERDICT_OK;
	if (r == 0 && !*ret_alone)
		*ret_verdict = PKGIMA_VERDICT_DIGEST_MISMATCH;
	return r;
}

/* @carried: the file has the entry's signature, or another that is as good. */
static void work_on_file(struct portion *portion, struct pkgima_checker *checker, const struct task *task, const char *path,
			 int fd, bool carried)
{
	const enum pkgima_task kind = portion->apply->task;
	struct pkgima_error reason = { "" };
	enum pkgima_verdict verdict;
	bool alone;
	int r;

	r = check(portion, checker, task->entry, fd, &verdict, &alone, &reason);
	if (r < 0) {
		report(portion, task->package, path, verdict, true, reason.text);
	} else if (verdict == PKGIMA_VERDICT_DIGEST_MISMATCH && task->entry->type == PKGIMA_ENTRY_CONFFILE &&
		   kind == PKGIMA_TASK_APPLY) {
		portion->counts->edited++;
	} else if (verdict != PKGIMA_VERDICT_OK) {
		report(portion, task->package, path, verdict, false, reason.text);
	} else if (carried || alone) {
		take_as_good(portion, task->package);
	} else if (kind == PKGIMA_TASK_AUDIT) {
		pkgima_file_tell_value(fd, &verdict, &reason);
		report(portion, task->package, path, verdict, false, reason.text);
	} else {
		write_value(portion, task, path, fd);
	}
}

/* A path of a package's list, of which nothing is known: there may be a folder or a link. */
static bool is_only_listed(const struct pkgima_entry *entry)
{
	return !entry->ima.bytes && !entry->mode && entry->type != PKGIMA_ENTRY_SCRIPT;
}

/* Returns whether the file was there. */
static bool apply_to(struct portion *portion, struct pkgima_checker *checker, const struct task *task, const char *path)
{
	const struct pkgima_apply *apply = portion->apply;
	const struct pkgima_entry *entry = task->entry;
	cleanup_close int fd = -1;
	struct stat st;
	bool carried;

	fd = pkgima_beneath_open_file(apply->root_fd, path, &st);
	if (fd == -ENOENT)
		return false;
	if (fd == -EINVAL && is_only_listed(entry))
		return true;
	if (fd < 0) {
		report(portion, task->package, path, PKGIMA_VERDICT_MISSING_FILE, fd != -EINVAL,
		       fd == -EINVAL ? "something else than a regular file is there" : strerror(-fd));
		return true;
	}
	if (apply->is_wanted && !apply->is_wanted(apply->context, &st))
		return true;
	if (apply->task == PKGIMA_TASK_LOOK) {
		look_at(portion, task, path, fd, &st);
		return true;
	}
	carried = entry->ima.bytes && (pkgima_file_has_value(fd, &entry->ima) || other_applied(portion, task, fd, &st));
	if (carried && apply->task == PKGIMA_TASK_APPLY) {
		portion->counts->unchanged++;
	} else if (!carried && !pkgima_file_is_selected(apply->config, entry, fd, &st)) {
		portion->counts->left_out++;
		task->package->left_out++;
	} else {
		work_on_file(portion, checker, task, path, fd, carried);
	}
	return true;
}

/* The new version of an edited conffile stands beside it. */
static bool apply_beside(struct portion *portion, struct pkgima_checker *checker, const struct task *task, const char *path)
{
	char name[PKGIMA_PATH_MAX + 16];
	bool found = false;

	for (const char *const *suffix = portion->apply->manager->conffile_suffixes; *suffix; suffix++) {
		snprintf(name, sizeof(name), "%s%s", path, *suffix);
		if (apply_to(portion, checker, task, name))
			found = true;
	}
	return found;
}

/* Conffiles and scripts may go. A folder that is missing is not told from a file. */
static void note_absent(struct portion *portion, const struct task *task, const char *path)
{
	const struct pkgima_apply *apply = portion->apply;
	bool expected = apply->task == PKGIMA_TASK_AUDIT || apply->task == PKGIMA_TASK_REPAIR;

	/* None of those that are wanted: they were seen. */
	if (apply->is_wanted)
		return;
	if (expected && task->entry->type == PKGIMA_ENTRY_FILE && !is_only_listed(task->entry) &&
	    !(apply->manager->is_excluded && apply->manager->is_excluded(apply->database, task->entry->path))) {
		report(portion, task->package, path, PKGIMA_VERDICT_MISSING_FILE, false, "the file is not there");
		return;
	}
	portion->counts->absent++;
	task->package->absent++;
}

static int work_on_task(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct portion *portion = context;
	const struct pkgima_apply *apply = portion->apply;
	const struct task *task = &portion->tasks[index];
	const char *path = task->entry->path;
	char buffer[PKGIMA_PATH_MAX + 1];
	bool found;

	(void)error;
	if (apply->manager->locate)
		path = apply->manager->locate(apply->database, task->package->package, task->entry, buffer);
	found = apply_to(portion, state, task, path);
	if (task->entry->type == PKGIMA_ENTRY_CONFFILE && apply_beside(portion, state, task, path))
		found = true;
	if (!found)
		note_absent(portion, task, path);
	return 0;
}

static void *begin_thread(void *context)
{
	return pkgima_checker_new(((struct portion *)context)->apply->trust);
}

static void end_thread(void *context, void *state)
{
	(void)context;
	pkgima_checker_free(state);
}

static int read_package(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct portion *portion = context;
	struct portion_package *package = &portion->packages[index];
	struct pkgima_error reason;
	int r;

	(void)state;
	(void)error;
	r = portion->apply->manager->read(portion->apply->database, package->package,
					  portion->apply->task != PKGIMA_TASK_APPLY, &package->entries, &reason);
	if (r < 0) {
		package->entries.count = 0;
		report(portion, package, NULL, PKGIMA_VERDICT_BAD_SIGNATURE, true, reason.text);
	}
	return 0;
}

static int make_tasks(struct portion *portion, struct pkgima_error *error)
{
	for (size_t i = 0; i < portion->count; i++)
		portion->task_count += portion->packages[i].entries.count;
	portion->tasks = calloc(portion->task_count + 1, sizeof(*portion->tasks));
	if (!portion->tasks)
		return pkgima_fail(error, -ENOMEM, "no memory for %zu files", portion->task_count);
	portion->task_count = 0;
	for (size_t i = 0; i < portion->count; i++)
		for (size_t k = 0; k < portion->packages[i].entries.count; k++)
			portion->tasks[portion->task_count++] = (struct task){
				.package = &portion->packages[i],
				.entry = &portion->packages[i].entries.list[k],
			};
	return 0;
}

static int work_on_portion(struct portion *portion, struct pkgima_error *error)
{
	struct pkgima_parallel reading = {
		.count = portion->count,
		.batch = 1,
		.context = portion,
		.work = read_package,
	};
	struct pkgima_parallel working = {
		.batch = 8,
		.context = portion,
		.begin = begin_thread,
		.end = end_thread,
		.work = work_on_task,
	};
	const struct pkgima_apply *apply = portion->apply;
	int r;

	r = pkgima_parallel_run(&reading, apply->manager->read_in_parallel ? apply->threads : 1, error);
	if (r == 0)
		r = make_tasks(portion, error);
	if (r == 0) {
		working.count = portion->task_count;
		r = pkgima_parallel_run(&working, apply->threads, error);
	}
	return r;
}

/*
 * How many packages from @first make a portion: by the size of their entries, one taking at least some 100 bytes. Groups
 * are not torn apart, unless they are unreasonably large.
 */
static size_t portion_size(const struct pkgima_installed *packages, size_t first, size_t count)
{
	uintmax_t bytes = packages[first].size;
	size_t n = 1;

	for (; first + n < count; n++) {
		const struct pkgima_installed *next = &packages[first + n];

		bytes += next->size;
		if (bytes > GROUP_BYTES)
			break;
		if ((bytes > PORTION_BYTES || n >= PORTION_PACKAGES) && next[-1].group != next->group)
			break;
	}
	return n;
}

/* @r: of the portion. */
static enum pkgima_outcome outcome(const struct portion_package *package, int r)
{
	if (r < 0 || package->failed)
		return PKGIMA_OUTCOME_FAILED;
	return package->refused ? PKGIMA_OUTCOME_REFUSED : PKGIMA_OUTCOME_GOOD;
}

static void take_sums(const struct portion_package *package, struct pkgima_sums *ret_sums)
{
	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		ret_sums->verdicts[i] = package->verdicts[i];
	ret_sums->left_out = package->left_out;
	ret_sums->absent = package->absent;
	ret_sums->failed = package->failures;
	ret_sums->repaired = package->repaired;
}

/* @outcomes and @sums may be NULL. */
static int work_on_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			    enum pkgima_outcome *outcomes, struct pkgima_sums *sums, struct pkgima_apply_counts *counts,
			    struct pkgima_error *error)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct atomic_counts all = { 0 };
	size_t files = 0;
	int r = 0;

	for (size_t first = 0, n; first < count && r == 0; first += n) {
		struct portion portion = { .apply = apply, .report_lock = &lock, .counts = &all };

		n = portion_size(packages, first, count);
		portion.count = n;
		portion.packages = calloc(n, sizeof(*portion.packages));
		if (!portion.packages) {
			r = pkgima_fail(error, -ENOMEM, "no memory for %zu packages", n);
			break;
		}
		for (size_t i = 0; i < n; i++)
			portion.packages[i].package = &packages[first + i];
		r = work_on_portion(&portion, error);
		files += portion.task_count;
		for (size_t i = 0; i < n; i++) {
			if (outcomes)
				outcomes[first + i] = outcome(&portion.packages[i], r);
			if (sums)
				take_sums(&portion.packages[i], &sums[first + i]);
			pkgima_entries_free(&portion.packages[i].entries);
		}
		free(portion.tasks);
		free(portion.packages);
		if (apply->progress)
			apply->progress(apply->context, first + n, files);
	}
	pthread_mutex_destroy(&lock);
	*counts = (struct pkgima_apply_counts){
		.packages = count,
		.applied = all.applied,
		.unchanged = all.unchanged,
		.left_out = all.left_out,
		.edited = all.edited,
		.absent = all.absent,
		.unsupported = all.unsupported,
		.refused = all.refused,
		.failed = all.failed,
		.good = all.good,
	};
	return r;
}

int pkgima_apply_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			  enum pkgima_outcome *outcomes, struct pkgima_apply_counts *counts, struct pkgima_error *error)
{
	return work_on_packages(apply, packages, count, outcomes, NULL, counts, error);
}

int pkgima_audit_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			  struct pkgima_sums *sums, struct pkgima_apply_counts *counts, struct pkgima_error *error)
{
	return work_on_packages(apply, packages, count, NULL, sums, counts, error);
}
