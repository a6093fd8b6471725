// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/signing/root.h"
#include "managers.h"
#include "sign.h"

/* Packages are worked on in portions of so many, or of databases' entries of so many bytes: then signals are looked at. */
#define PORTION_PACKAGES 64
#define PORTION_BYTES ((uintmax_t)256 * 1024)

struct root {
	struct sign_settings *settings;
	int root_fd;
	struct cli_progress progress;
	struct timespec start;
	size_t total, done;
	size_t signed_packages, current, others, not_signed, failed;
};

static void worsen(struct root *root, int status)
{
	root->settings->status = status > root->settings->status ? status : root->settings->status;
}

static void report(void *context, const struct pkgima_root_finding *finding)
{
	struct root *root = context;
	cleanup_free char *package = cli_printable(finding->package);
	cleanup_free char *path = cli_printable(finding->path);
	cleanup_free char *diverted = cli_printable(finding->diverted ? finding->diverted : "");

	cli_progress_clear(&root->progress);
	if (finding->verdict == PKGIMA_VERDICT_OK && !finding->failed) {
		printf("%s: %s: signed where it stands, diverted from %s\n", package, path, diverted);
		return;
	}
	cli_message(root->settings->command, "%s: %s: %s: %s%s%s", package, path,
		    finding->failed ? "failed" : pkgima_verdict_word(finding->verdict), finding->reason,
		    finding->diverted ? "; diverted from " : "", diverted);
	if (!finding->failed)
		root->not_signed++;
	worsen(root, finding->failed ? CLI_FAILED : CLI_VERDICT);
}

static void report_package(struct root *root, const char *package, const struct pkgima_root_result *result)
{
	cleanup_free char *name = cli_printable(package);
	bool silent = root->progress.active;

	root->done++;
	switch (result->outcome) {
	case PKGIMA_ROOT_FAILED:
		cli_progress_clear(&root->progress);
		cli_message(root->settings->command, "%s: %s", name, result->error.text);
		root->failed++;
		worsen(root, CLI_FAILED);
		break;
	case PKGIMA_ROOT_OTHER_KEY:
		root->others++;
		if (!silent)
			printf("%s: signed by another key, left as it is\n", name);
		break;
	case PKGIMA_ROOT_NOTHING:
		break;
	case PKGIMA_ROOT_CURRENT:
		root->current++;
		if (!silent)
			printf("%s: signed already\n", name);
		break;
	case PKGIMA_ROOT_SIGNED:
		root->signed_packages++;
		root->settings->files += result->files;
		if (!silent)
			printf("%s: signed, %zu files\n", name, result->files);
		break;
	}
}

static void show_progress(struct root *root)
{
	struct timespec now;
	double seconds;

	if (!cli_progress_due(&root->progress))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = (double)(now.tv_sec - root->start.tv_sec) + (double)(now.tv_nsec - root->start.tv_nsec) / 1e9;
	cli_progress_show(&root->progress, "%zu of %zu packages, %zu files signed, %.0f files/s", root->done, root->total,
			  root->settings->files, seconds > 0 ? (double)root->settings->files / seconds : 0);
}

/* How many of @list make a portion. */
static size_t take(const struct pkgima_installed *list, size_t count)
{
	uintmax_t bytes = 0;
	size_t taken = 0;

	while (taken < count && taken < PORTION_PACKAGES && (!taken || bytes + list[taken].size <= PORTION_BYTES))
		bytes += list[taken++].size;
	return taken;
}

static void sign_portions(struct root *root, const struct pkgima_root_sign *job, const struct cli_source *list)
{
	struct sign_settings *settings = root->settings;
	struct pkgima_root_result *results = calloc(PORTION_PACKAGES, sizeof(*results));
	struct pkgima_error error = { "no memory for packages" };
	int r = results ? 0 : -ENOMEM;
	size_t count;

	for (size_t i = 0; i < list->count && r == 0 && !settings->stop; i += count) {
		count = take(list->packages + i, list->count - i);
		sign_hold_signals(settings);
		r = pkgima_root_sign(job, list->packages + i, count, results, &error);
		for (size_t k = 0; k < count && r == 0; k++)
			report_package(root, list->packages[i + k].name, &results[k]);
		show_progress(root);
		sign_release_signals(settings);
	}
	free(results);
	if (r < 0) {
		cli_progress_clear(&root->progress);
		cli_message(settings->command, "%s", error.text);
		worsen(root, CLI_FAILED);
		settings->stop = true;
	}
}

/* Of one manager: @r is of the attempt to get its database for this alone. */
static void sign_source(struct root *root, const struct cli_source *list, struct pkgima_root_source *source, int r,
			struct pkgima_error *error)
{
	struct sign_settings *settings = root->settings;
	struct pkgima_root_sign job = {
		.root_fd = root->root_fd,
		.source = source,
		.signer = settings->signer,
		.hash = sign_hash(settings),
		.threads = settings->threads,
		.resign = settings->resign,
		.report = report,
		.context = root,
	};

	if (r == 0)
		sign_portions(root, &job, list);
	if (r == 0 && source->clean && !settings->stop)
		r = source->clean(source->context, error);
	if (r < 0) {
		cli_progress_clear(&root->progress);
		cli_message(settings->command, "%s", error->text);
		worsen(root, CLI_FAILED);
	}
	pkgima_root_source_free(source);
}

static void summarise(struct root *root, bool dpkg)
{
	struct sign_settings *settings = root->settings;

	printf("%zu packages signed, %zu files; %zu were signed already, %zu by another key\n", root->signed_packages,
	       settings->files, root->current, root->others);
	if (dpkg && root->signed_packages)
		cli_message(settings->command, "note: dpkg records MD5 only, and nothing of maintainer scripts: that shows accidents, "
			    "not who knows how to make two files of one MD5. Sign what you installed yourself");
	if (root->not_signed)
		cli_message(settings->command, "%zu files are not as they were installed, and are not signed", root->not_signed);
	if (root->failed)
		cli_message(settings->command, "%zu packages could not be signed", root->failed);
	if (settings->stop)
		cli_message(settings->command, "stopped; what is signed is passed over the next time");
}

static void sign_managers(struct root *root, struct cli_managers *managers)
{
	struct pkgima_root_source source = { 0 };
	struct pkgima_error error;
	int r;

	for (size_t i = 0; i < CLI_SOURCES; i++)
		root->total += managers->sources[i].count;
	cli_progress_begin(&root->progress);
	clock_gettime(CLOCK_MONOTONIC, &root->start);
	if (managers->sources[0].database) {
		r = pkgima_root_source_dpkg(managers->dpkg, &source, &error);
		sign_source(root, &managers->sources[0], &source, r, &error);
	}
	if (managers->sources[1].database && !root->settings->stop) {
		r = pkgima_root_source_rpm(managers->rpmdb, &source, &error);
		sign_source(root, &managers->sources[1], &source, r, &error);
	}
	cli_progress_end(&root->progress);
	summarise(root, managers->sources[0].count > 0);
}

void sign_root(struct sign_settings *settings, const char *path)
{
	cleanup_managers struct cli_managers managers = { 0 };
	struct root root = { .settings = settings };
	cleanup_close int root_fd = -1;
	struct pkgima_error error;

	root_fd = root.root_fd = pkgima_root_open(path, &error);
	if (root_fd < 0) {
		cli_message(settings->command, "%s", error.text);
		settings->status = CLI_FAILED;
		return;
	}
	worsen(&root, cli_managers_open(settings->command, root_fd, true, &managers));
	if (cli_managers_any(&managers)) {
		sign_managers(&root, &managers);
	} else if (settings->status == CLI_OK) {
		cli_message(settings->command, "there is no database of dpkg or rpm");
		settings->status = CLI_FAILED;
	}
}
