// SPDX-License-Identifier: LGPL-2.1-or-later
#include "apply.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "beneath.h"
#include "check.h"
#include "escape.h"
#include "parallel.h"

/* Packages are read and worked on in portions of so many, or of entries of so many bytes, which bounds memory. */
#define PORTION_PACKAGES 256
#define PORTION_BYTES ((uintmax_t)8 * 1024 * 1024)
/* And up to so many, to keep a group together. */
#define GROUP_BYTES (8 * PORTION_BYTES)

struct portion_package {
	const struct pkgima_installed *package;
	struct pkgima_entries entries;
	atomic_bool refused, failed;
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
		atomic_size_t applied, unchanged, left_out, edited, absent, unsupported, refused, failed;
	} *counts;
};

static void report(struct portion *portion, struct portion_package *package, const char *path,
		   enum pkgima_verdict verdict, bool failed, const char *reason)
{
	struct pkgima_finding finding = {
		.package = package->package->name,
		.path = path,
		.verdict = verdict,
		.failed = failed,
		.reason = reason,
	};

	/* A list that cannot be read stays so, files may become readable, and disks get room. */
	atomic_store(failed && path ? &package->failed : &package->refused, true);
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

static void write_value(struct portion *portion, const struct task *task, const char *path, int fd)
{
	enum pkgima_verdict verdict;
	struct pkgima_error reason;

	if (pkgima_file_set_value(fd, &task->entry->ima, &verdict, &reason) < 0)
		report(portion, task->package, path, PKGIMA_VERDICT_NOT_APPLIED, true, reason.text);
	else if (verdict != PKGIMA_VERDICT_OK)
		report(portion, task->package, path, verdict, false, reason.text);
	else
		portion->counts->applied++;
}

/* Returns whether the file was there. */
static bool apply_to(struct portion *portion, struct pkgima_checker *checker, const struct task *task, const char *path)
{
	const struct pkgima_entry *entry = task->entry;
	struct pkgima_error reason = { "" };
	enum pkgima_verdict verdict;
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	fd = pkgima_beneath_open_file(portion->apply->root_fd, path, &st);
	if (fd == -ENOENT)
		return false;
	if (fd < 0) {
		report(portion, task->package, path, PKGIMA_VERDICT_MISSING_FILE, fd != -EINVAL,
		       fd == -EINVAL ? "something else than a regular file is there" : strerror(-fd));
		return true;
	}
	if (entry->ima.bytes && (pkgima_file_has_value(fd, &entry->ima) || other_applied(portion, task, fd, &st))) {
		portion->counts->unchanged++;
		return true;
	}
	if (!pkgima_file_is_selected(portion->apply->config, entry, fd, &st)) {
		portion->counts->left_out++;
		return true;
	}
	r = pkgima_checker_run(checker, entry, fd, &verdict, &reason);
	if (r < 0)
		report(portion, task->package, path, verdict, true, reason.text);
	else if (verdict == PKGIMA_VERDICT_DIGEST_MISMATCH && entry->type == PKGIMA_ENTRY_CONFFILE)
		portion->counts->edited++;
	else if (verdict != PKGIMA_VERDICT_OK)
		report(portion, task->package, path, verdict, false, reason.text);
	else
		write_value(portion, task, path, fd);
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
		portion->counts->absent++;
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
	r = portion->apply->manager->read(portion->apply->database, package->package, &package->entries, &reason);
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

int pkgima_apply_packages(const struct pkgima_apply *apply, const struct pkgima_installed *packages, size_t count,
			  enum pkgima_outcome *outcomes, struct pkgima_apply_counts *counts, struct pkgima_error *error)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct atomic_counts sums = { 0 };
	size_t files = 0;
	int r = 0;

	for (size_t first = 0, n; first < count && r == 0; first += n) {
		struct portion portion = { .apply = apply, .report_lock = &lock, .counts = &sums };

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
		.applied = sums.applied,
		.unchanged = sums.unchanged,
		.left_out = sums.left_out,
		.edited = sums.edited,
		.absent = sums.absent,
		.unsupported = sums.unsupported,
		.refused = sums.refused,
		.failed = sums.failed,
	};
	return r;
}
