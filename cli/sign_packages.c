// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/io.h"
#include "../lib/signing/current.h"
#include "../lib/signing/package.h"
#include "sign.h"
#include "walk.h"

const enum pkgima_hash *sign_hash(const struct sign_settings *settings)
{
	return settings->hash_given ? &settings->hash : NULL;
}

static void failed(void *context, const char *path, const char *reason)
{
	struct sign_settings *settings = context;
	char *name = cli_printable(path);

	cli_progress_clear(&settings->progress);
	cli_message(settings->command, "%s: %s", name ? name : "", reason);
	settings->status = CLI_FAILED;
	if (settings->failed++ < SIGN_FAILURES_MAX)
		settings->failures[settings->failed - 1] = name;
	else
		free(name);
}

static bool stopped(void *context)
{
	return ((const struct sign_settings *)context)->stop;
}

/* Makes the folders that lead to @path, the file itself not. */
static int make_folders(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		int r;

		*slash = '\0';
		r = mkdir(path, 0777);
		*slash = '/';
		if (r < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

int sign_open(struct sign_settings *settings, const char *path, const char *target, struct pkgima_package *ret_package,
	      bool *ret_current, struct pkgima_error *error)
{
	const struct pkgima_certificate *certificate = pkgima_signer_certificate(settings->signer);
	cleanup_package struct pkgima_package made = { 0 };
	int r = pkgima_package_open(path, ret_package, error);

	*ret_current = false;
	if (r < 0 || settings->again)
		return r;
	if (!settings->out)
		*ret_current = pkgima_package_is_current(ret_package, ret_package, certificate, sign_hash(settings),
							 settings->threads);
	else if (pkgima_package_open(target, &made, NULL) == 0)
		*ret_current = pkgima_package_is_current(ret_package, &made, certificate, sign_hash(settings),
							 settings->threads);
	return 0;
}

static int sign_package(struct sign_settings *settings, const char *path, const char *target, size_t *ret_files,
			bool *ret_current, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_free char *name = cli_printable(path);
	const char *broken;
	struct stat st;
	int r;

	r = sign_open(settings, path, target, &package, ret_current, error);
	if (r < 0 || *ret_current)
		return r;
	if (fstat(package.format->descriptor(package.file), &st) < 0)
		return pkgima_fail_errno(error, "cannot read it");
	r = pkgima_output_open(target, st.st_mode & 0777, &output, error);
	if (r == 0)
		r = pkgima_package_sign(&package, settings->signer, sign_hash(settings), settings->threads, &output,
					ret_files, error);
	if (r == 0)
		r = pkgima_output_commit(&output, true, error);
	broken = r == 0 ? pkgima_package_broken_by_signing(&package) : NULL;
	if (broken) {
		cli_progress_clear(&settings->progress);
		cli_message(settings->command, "warning: %s: %s", name, broken);
	}
	return r;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* What is done, how fast, and how long it will take; the last only where it is known how much there is. */
static void show_progress(struct sign_settings *settings, const char *name)
{
	size_t done = settings->packages + settings->skipped + settings->failed;
	double rate = settings->seconds > 0 ? (double)settings->files / settings->seconds : 0;
	char left[64] = "", of[32] = "";

	if (!cli_progress_due(&settings->progress))
		return;
	if (settings->total >= done && settings->total)
		snprintf(of, sizeof(of), " of %zu", settings->total);
	if (settings->total && settings->signed_bytes && settings->total_bytes > settings->seen_bytes) {
		unsigned long seconds = (unsigned long)((double)(settings->total_bytes - settings->seen_bytes) *
							settings->seconds / (double)settings->signed_bytes);

		snprintf(left, sizeof(left), ", %lu:%02lu:%02lu left", seconds / 3600, seconds / 60 % 60, seconds % 60);
	}
	cli_progress_show(&settings->progress, "%zu%s packages, %zu files signed, %.0f files/s%s; now %s", done, of,
			  settings->files, rate, left, name);
}

static void report(struct sign_settings *settings, const char *path, const char *name, off_t size, double seconds,
		   int r, bool current, size_t files, const char *reason)
{
	settings->seen_bytes += (uint64_t)size;
	if (r < 0) {
		int before = settings->status;

		failed(settings, path, reason);
		/* Refused, and not an error: what was given does not belong to this package. */
		if (r == -EKEYREJECTED && before != CLI_FAILED)
			settings->status = CLI_VERDICT;
		return;
	}
	if (current) {
		settings->skipped++;
	} else {
		settings->packages++;
		settings->files += files;
		settings->signed_bytes += (uint64_t)size;
		settings->seconds += seconds;
	}
	if (!settings->progress.active && current)
		printf("%s: signed already\n", name);
	else if (!settings->progress.active)
		printf("%s: signed, %zu files\n", name, files);
}

/* @relative: where it goes below --out. */
static void work_on(void *context, const char *path, const char *relative, off_t size)
{
	struct sign_settings *settings = context;
	cleanup_free char *target = NULL;
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;
	bool current = false;
	size_t files = 0;
	double start = now();
	int r;

	if (settings->out ? asprintf(&target, "%s/%s", settings->out, relative) < 0 : !(target = strdup(path))) {
		target = NULL;
		failed(settings, path, "no memory for its name");
		return;
	}
	if (settings->out && (r = make_folders(target)) < 0) {
		failed(settings, path, strerror(-r));
		return;
	}
	show_progress(settings, name);
	sign_hold_signals(settings);
	if (walk_is_changes(path))
		r = sign_changes(settings, path, target, &files, &current, &error);
	else
		r = sign_package(settings, path, target, &files, &current, &error);
	pkgima_signer_reset(settings->signer);
	settings->stop |= pkgima_signer_is_broken(settings->signer);
	report(settings, path, name, size, now() - start, r, current, files, error.text);
	sign_release_signals(settings);
}

static void count(void *context, const char *path, const char *relative, off_t size)
{
	struct sign_settings *settings = context;

	(void)path, (void)relative;
	settings->total++;
	settings->total_bytes += (uint64_t)size;
}

static void pass_over(void *context, const char *path, const char *reason)
{
	(void)context, (void)path, (void)reason;
}

/* How much there will be to do, if somebody looks on and it can be known: a list has to be read twice. */
static void count_all(struct sign_settings *settings, char **paths, FILE *list)
{
	const struct walk walk = {
		.package = count, .failed = pass_over, .stopped = stopped, .out = settings->out, .context = settings,
	};

	if (!settings->progress.active || (list && fseeko(list, 0, SEEK_CUR) < 0))
		return;
	if (list) {
		off_t start = ftello(list);

		walk_list(&walk, list);
		clearerr(list);
		if (start < 0 || fseeko(list, start, SEEK_SET) < 0)
			return;
	}
	for (; *paths; paths++)
		walk_path(&walk, *paths);
}

/* The names once more, where they are not the only thing that was printed. */
static void list_failures(struct sign_settings *settings)
{
	size_t named = settings->failed < SIGN_FAILURES_MAX ? settings->failed : SIGN_FAILURES_MAX;

	if (settings->failed && settings->failed + settings->packages + settings->skipped > 1) {
		cli_message(settings->command, "%zu of %zu could not be signed:", settings->failed,
			    settings->failed + settings->packages + settings->skipped);
		for (size_t i = 0; i < named; i++)
			fprintf(stderr, "  %s\n", settings->failures[i] ? settings->failures[i] : "");
		if (named < settings->failed)
			fprintf(stderr, "  and %zu more\n", settings->failed - named);
	}
	for (size_t i = 0; i < named; i++)
		free(settings->failures[i]);
}

void sign_packages(struct sign_settings *settings, char **paths, FILE *list)
{
	const struct walk walk = {
		.package = work_on, .failed = failed, .stopped = stopped, .out = settings->out, .context = settings,
	};
	bool terminal;
	int r = 0;

	cli_progress_begin(&settings->progress);
	terminal = settings->progress.active;
	count_all(settings, paths, list);
	if (list)
		r = walk_list(&walk, list);
	if (r < 0) {
		cli_message(settings->command, "cannot read the list: %s", strerror(-r));
		settings->status = CLI_FAILED;
	}
	for (; *paths && !settings->stop; paths++)
		walk_path(&walk, *paths);
	cli_progress_end(&settings->progress);
	if (terminal)
		printf("%zu packages signed, %zu files; %zu were signed already\n", settings->packages, settings->files,
		       settings->skipped);
	list_failures(settings);
	if (settings->stop && pkgima_signer_is_broken(settings->signer))
		cli_message(settings->command, "the key does not sign: stopped; what is signed is passed over the next time");
}
