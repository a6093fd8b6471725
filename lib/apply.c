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

/* Packages are read and worked on in portions of so many, or of so many bytes of manifests, which bounds memory. */
#define PORTION_PACKAGES 256
#define PORTION_BYTES ((uintmax_t)8 * 1024 * 1024)
/* And up to so many, to keep a package's instances together. */
#define INSTANCES_BYTES (8 * PORTION_BYTES)

/* Names under which dpkg keeps a conffile while, or after, the administrator's own version stays. */
static const char *const conffile_suffixes[] = { "", ".dpkg-new", ".dpkg-dist" };

struct portion_package {
	const struct pkgima_dpkg_package *package;
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

	/* A manifest that cannot be read stays so, files may become readable, and disks get room. */
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

/*
 * The same package of another architecture has the same file with a signature of its own, and both are good: what either
 * of them put there is left alone, else they would replace each other's for ever.
 */
static bool sibling_applied(const struct portion *portion, const struct task *task, int fd)
{
	const char *name = task->package->package->name;
	size_t length = strcspn(name, ":");

	if (name[length] != ':')
		return false;
	for (size_t i = 0; i < portion->count; i++) {
		const struct portion_package *other = &portion->packages[i];
		const struct pkgima_entry *entry;

		if (other == task->package || strncmp(other->package->name, name, length + 1) != 0)
			continue;
		entry = pkgima_entries_find(&other->entries, task->entry->path);
		if (entry && entry->hash == task->entry->hash &&
		    !memcmp(entry->digest, task->entry->digest, pkgima_hash_size(entry->hash)) &&
		    pkgima_file_has_value(fd, &entry->ima))
			return true;
	}
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

/* Opens what stands at @path; a maintainer script is found beside the manifest. */
static int open_target(const struct portion *portion, const struct task *task, const char *path, struct stat *ret_stat)
{
	const struct pkgima_dpkg *dpkg = portion->apply->dpkg;

	if (task->entry->type == PKGIMA_ENTRY_SCRIPT)
		return pkgima_beneath_open_file(dpkg->info_fd, strrchr(path, '/') + 1, ret_stat);
	return pkgima_beneath_open_file(dpkg->root_fd, path, ret_stat);
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

	fd = open_target(portion, task, path, &st);
	if (fd == -ENOENT)
		return false;
	if (fd < 0) {
		report(portion, task->package, path, PKGIMA_VERDICT_MISSING_FILE, fd != -EINVAL,
		       fd == -EINVAL ? "something else than a regular file is there" : strerror(-fd));
		return true;
	}
	if (pkgima_file_has_value(fd, &entry->ima) || sibling_applied(portion, task, fd)) {
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

static void apply_to_conffile(struct portion *portion, struct pkgima_checker *checker, const struct task *task,
			      const char *path)
{
	char name[PKGIMA_PATH_MAX + 16];
	bool found = false;

	for (size_t i = 0; i < sizeof(conffile_suffixes) / sizeof(conffile_suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, conffile_suffixes[i]);
		if (apply_to(portion, checker, task, name))
			found = true;
	}
	if (!found)
		portion->counts->absent++;
}

static int work_on_task(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct portion *portion = context;
	const struct task *task = &portion->tasks[index];
	const struct pkgima_dpkg *dpkg = portion->apply->dpkg;
	const char *name = task->package->package->name;
	const char *path = task->entry->path;
	char script[PKGIMA_PATH_MAX + 1];

	(void)error;
	if (task->entry->type == PKGIMA_ENTRY_SCRIPT) {
		snprintf(script, sizeof(script), "%s/%s.%s", dpkg->info_path, name, path + strlen("DEBIAN/"));
		path = script;
	} else {
		path = pkgima_dpkg_divert(dpkg, name, path);
	}
	if (task->entry->type == PKGIMA_ENTRY_CONFFILE)
		apply_to_conffile(portion, state, task, path);
	else if (!apply_to(portion, state, task, path))
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
	r = pkgima_dpkg_read(portion->apply->dpkg, package->package->name, &package->entries, &reason);
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
	int r;

	r = pkgima_parallel_run(&reading, portion->apply->threads, error);
	if (r == 0)
		r = make_tasks(portion, error);
	if (r == 0) {
		working.count = portion->task_count;
		r = pkgima_parallel_run(&working, portion->apply->threads, error);
	}
	return r;
}

static bool is_instance_of_same(const char *left, const char *right)
{
	size_t length = strcspn(left, ":");

	return left[length] == ':' && !strncmp(left, right, length + 1);
}

/*
 * How many packages from @first make a portion: by the size of their manifests, an entry taking at least some 100 bytes.
 * Instances of one package for several architectures are not torn apart, unless they are unreasonably large.
 */
static size_t portion_size(const struct pkgima_dpkg_package *packages, size_t first, size_t count)
{
	uintmax_t bytes = (uintmax_t)packages[first].stat.st_size;
	size_t n = 1;

	for (; first + n < count; n++) {
		const struct pkgima_dpkg_package *next = &packages[first + n];

		bytes += (uintmax_t)next->stat.st_size;
		if (bytes > INSTANCES_BYTES)
			break;
		if ((bytes > PORTION_BYTES || n >= PORTION_PACKAGES) && !is_instance_of_same(next[-1].name, next->name))
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

int pkgima_apply_packages(const struct pkgima_apply *apply, const struct pkgima_dpkg_package *packages, size_t count,
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
