// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../lib/escape.h"
#include "../lib/io.h"
#include "../lib/signing/changes.h"
#include "../lib/signing/current.h"
#include "../lib/signing/package.h"
#include "sign.h"

/* One of the files that are listed. */
struct part {
	const struct pkgima_listed *listed;
	struct pkgima_output output;      /* what takes its place; fd -1: it stays as it is */
	struct pkgima_sums sums;          /* of what will be there */
	bool corrected;                   /* is not what is listed */
};

/* A .changes while it is worked on: all is written first, and gets its names together at the end. */
struct work {
	struct sign_settings *settings;
	const char *folder, *target_folder;
	struct pkgima_changes changes;
	struct part *parts;               /* one for each file */
	struct pkgima_output output;      /* the .changes itself */
	size_t packages, files;           /* signed */
	bool wrote;
};

static void work_release(struct work *work)
{
	for (size_t i = 0; work->parts && i < work->changes.count; i++)
		pkgima_output_close(&work->parts[i].output);
	pkgima_output_close(&work->output);
	free(work->parts);
	pkgima_changes_free(&work->changes);
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

/* Two descriptors for each file that is written. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int parse(int fd, struct pkgima_changes *changes, struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t length;
	int r = pkgima_read_file(fd, "it", PKGIMA_CHANGES_MAX, &data, &length, error);

	return r < 0 ? r : pkgima_changes_parse(data, length, changes, error);
}

static int read_text(const char *path, struct pkgima_changes *changes, mode_t *ret_mode, struct pkgima_error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return pkgima_fail_errno(error, "cannot open it");
	*ret_mode = st.st_mode & 0777;
	return parse(fd, changes, error);
}

/* Opens a listed file beside the .changes. */
static int open_part(const struct work *work, const struct part *part, char **ret_path, int *ret_fd, struct stat *st,
		     struct pkgima_error *error)
{
	cleanup_close int fd = -1;

	if (asprintf(ret_path, "%s%s", work->folder, part->listed->name) < 0) {
		*ret_path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for its name");
	}
	fd = open(*ret_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, st) < 0)
		return pkgima_fail_errno(error, "cannot open it");
	if (!S_ISREG(st->st_mode))
		return pkgima_fail(error, -EINVAL, "it is no regular file");
	*ret_fd = pkgima_steal_fd(&fd);
	return 0;
}

static char *target_of(const struct work *work, const char *name)
{
	char *target;

	return asprintf(&target, "%s%s", work->target_folder, name) < 0 ? NULL : target;
}

static int fail_changed(struct pkgima_error *error)
{
	return pkgima_fail(error, -EINVAL, "it is not the file that is listed: its size or a checksum is another");
}

/* What is listed has to be what was looked at, also where somebody else may put files there. */
static bool is_same_file(int a, int b)
{
	struct stat left, right;

	return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

/* Sums of what an earlier run has put there, if its content is what was signed: nothing else says so of all of it. */
static bool take_made(const struct sign_settings *settings, struct part *part, const char *target)
{
	cleanup_package struct pkgima_package made = { 0 };

	return pkgima_package_open(target, &made, NULL) == 0 &&
	       pkgima_package_content_is_signed(&made, pkgima_signer_certificate(settings->signer), settings->threads) &&
	       pkgima_sums_of(made.format->descriptor(made.file), &part->sums, NULL) == 0;
}

/*
 * Signs a package, if need be; what stays as it is and goes elsewhere is copied later. @fd: the file behind @path, of which
 * the part has the sums.
 */
static int sign_part(struct work *work, struct part *part, const char *path, int fd, const char *target, mode_t mode,
		     bool matches, struct pkgima_error *error)
{
	struct sign_settings *settings = work->settings;
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_free char *name = cli_printable(path);
	const char *broken;
	size_t files = 0;
	bool current;
	int r;

	r = sign_open(settings, path, target, &package, &current, error);
	if (r < 0)
		return r;
	if (!is_same_file(fd, package.format->descriptor(package.file)))
		return fail_changed(error);
	/*
	 * One that is not listed so, but signed: an earlier run was ended between the packages and the .changes. Its content
	 * was not verified, and what is listed from now on is to be what was.
	 */
	if (!matches && (!current || settings->out ||
			 !pkgima_package_content_is_signed(&package, pkgima_signer_certificate(settings->signer),
							   settings->threads)))
		return fail_changed(error);
	if (current && (!settings->out || take_made(settings, part, target)))
		return 0;
	r = pkgima_output_open(target, mode, &part->output, error);
	if (r == 0)
		r = pkgima_package_sign(&package, settings->signer, sign_hash(settings), settings->threads, &part->output,
					&files, error);
	pkgima_signer_reset(settings->signer);
	if (r == 0)
		r = pkgima_sums_of(part->output.fd, &part->sums, error);
	if (r < 0)
		return r;
	broken = pkgima_package_broken_by_signing(&package);
	if (broken) {
		cli_progress_clear(&settings->progress);
		cli_message(settings->command, "warning: %s: %s", name, broken);
	}
	work->packages++;
	work->files += files;
	return 0;
}

static int copy_part(const struct work *work, struct part *part, int fd, const struct stat *st, const char *target,
		     struct pkgima_error *error)
{
	cleanup_close int there = open(target, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct pkgima_sums sums;
	int r;

	if (!work->settings->out || (there >= 0 && pkgima_sums_of(there, &sums, NULL) == 0 &&
				     pkgima_sums_match(&part->sums, &sums)))
		return 0;
	r = pkgima_output_open(target, st->st_mode & 0777, &part->output, error);
	if (r == 0)
		r = pkgima_copy_bytes(fd, 0, (uint64_t)st->st_size, part->output.fd, error);
	if (r == 0)
		r = pkgima_sums_of(part->output.fd, &sums, error);
	if (r == 0 && !pkgima_sums_match(&part->sums, &sums))
		r = fail_changed(error);
	return r;
}

/* Packages and all else but .buildinfo files, which depend on the packages. */
static int prepare_part(struct work *work, struct part *part, struct pkgima_error *error)
{
	cleanup_free char *path = NULL, *target = target_of(work, part->listed->name);
	cleanup_close int fd = -1;
	struct stat st;
	bool matches;
	int r;

	if (!target)
		return pkgima_fail(error, -ENOMEM, "no memory for its name");
	r = open_part(work, part, &path, &fd, &st, error);
	if (r == 0)
		r = pkgima_sums_of(fd, &part->sums, error);
	if (r < 0)
		return r;
	matches = pkgima_sums_match(&part->listed->sums, &part->sums);
	if (has_suffix(part->listed->name, ".deb"))
		r = sign_part(work, part, path, fd, target, st.st_mode & 0777, matches, error);
	else if (!matches)
		r = fail_changed(error);
	else
		r = copy_part(work, part, fd, &st, target, error);
	part->corrected = r == 0 && !pkgima_sums_match(&part->listed->sums, &part->sums);
	return r;
}

static const struct pkgima_sums *find_sums(void *context, const char *name)
{
	const struct work *work = context;
	const struct pkgima_listed *listed = pkgima_changes_find(&work->changes, name);
	const struct part *part = listed ? &work->parts[listed - work->changes.files] : NULL;

	return part && part->corrected ? &part->sums : NULL;
}

/* What was listed of a file that is corrected. */
static const struct pkgima_sums *find_listed(void *context, const char *name)
{
	const struct work *work = context;
	const struct pkgima_listed *listed = pkgima_changes_find(&work->changes, name);

	return listed && work->parts[listed - work->changes.files].corrected ? &listed->sums : NULL;
}

/*
 * Is it what is listed, but for what was corrected already? Then an earlier run was ended before the .changes. That cannot be
 * told of one whose OpenPGP signature was removed.
 */
static int check_corrected(struct work *work, const struct part *part, const struct pkgima_changes *buildinfo,
			   struct pkgima_error *error)
{
	cleanup_close int fd = memfd_create("buildinfo", MFD_CLOEXEC);
	cleanup_free char *text = NULL;
	struct pkgima_sums sums;
	size_t length = 0;
	int r;

	if (fd < 0)
		return pkgima_fail_errno(error, "no memory to compare it");
	r = pkgima_changes_update(buildinfo, find_listed, work, &text, &length, error);
	if (r == 0) {
		r = pkgima_write_all(fd, text, length);
		if (r < 0)
			return pkgima_fail(error, r, "no memory to compare it: %s", strerror(-r));
		r = pkgima_sums_of(fd, &sums, error);
	}
	return r < 0 || pkgima_sums_match(&part->listed->sums, &sums) ? r : fail_changed(error);
}

/* The text with what has changed; *@ret_changed: it differs from the old one. */
static int correct(struct work *work, const struct pkgima_changes *old, char **ret_text, size_t *ret_length,
		   bool *ret_changed, struct pkgima_error *error)
{
	int r = pkgima_changes_update(old, find_sums, work, ret_text, ret_length, error);

	*ret_changed = r == 0 && (*ret_length != old->length || memcmp(*ret_text, old->text, old->length) != 0);
	return r;
}

static int write_text(const char *target, mode_t mode, const char *text, size_t length, struct pkgima_output *output,
		      struct pkgima_error *error)
{
	int r = pkgima_output_open(target, mode, output, error);

	if (r < 0)
		return r;
	r = pkgima_write_all(output->fd, text, length);
	return r < 0 ? pkgima_fail(error, r, "cannot write it: %s", strerror(-r)) : 0;
}

static void tell_openpgp(const struct work *work, const char *path)
{
	cleanup_free char *name = cli_printable(path);

	cli_progress_clear(&work->settings->progress);
	cli_message(work->settings->command,
		    "warning: %s: its OpenPGP signature was removed, since it no longer held: it has to be made anew", name);
}

/* Is it there from an earlier run, whether or not it was signed since? */
static bool has_text(const char *target, const char *text, size_t length)
{
	cleanup_changes struct pkgima_changes made = { 0 };
	mode_t mode;

	return read_text(target, &made, &mode, NULL) == 0 && made.length == length && !memcmp(made.text, text, length);
}

/* The corrected text, unless it is there; what it is listed with from now on. */
static int write_buildinfo(const struct work *work, struct part *part, const struct pkgima_changes *buildinfo,
			   const char *path, const char *target, mode_t mode, const char *text, size_t length,
			   struct pkgima_error *error)
{
	cleanup_close int there = -1;
	int r;

	if (work->settings->out && has_text(target, text, length)) {
		there = open(target, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		return pkgima_sums_of(there, &part->sums, error);
	}
	r = write_text(target, mode, text, length, &part->output, error);
	if (r == 0)
		r = pkgima_sums_of(part->output.fd, &part->sums, error);
	if (r == 0 && buildinfo->has_openpgp)
		tell_openpgp(work, path);
	return r;
}

static int prepare_buildinfo(struct work *work, struct part *part, struct pkgima_error *error)
{
	cleanup_free char *path = NULL, *target = target_of(work, part->listed->name), *text = NULL;
	cleanup_changes struct pkgima_changes buildinfo = { 0 };
	cleanup_close int fd = -1;
	bool matches, changed = false;
	size_t length = 0;
	struct stat st;
	int r;

	if (!target)
		return pkgima_fail(error, -ENOMEM, "no memory for its name");
	r = open_part(work, part, &path, &fd, &st, error);
	if (r == 0)
		r = pkgima_sums_of(fd, &part->sums, error);
	if (r == 0)
		r = parse(fd, &buildinfo, error);
	if (r == 0)
		r = correct(work, &buildinfo, &text, &length, &changed, error);
	if (r < 0)
		return r;
	matches = pkgima_sums_match(&part->listed->sums, &part->sums);
	if (!matches && (changed || work->settings->out))
		return fail_changed(error);
	if (!matches)
		r = check_corrected(work, part, &buildinfo, error);
	if (r < 0)
		return r;
	if (changed)
		r = write_buildinfo(work, part, &buildinfo, path, target, st.st_mode & 0777, text, length, error);
	else
		r = copy_part(work, part, fd, &st, target, error);
	part->corrected = r == 0 && !pkgima_sums_match(&part->listed->sums, &part->sums);
	return r;
}

static int prepare_parts(struct work *work, bool buildinfo, struct pkgima_error *error)
{
	for (size_t i = 0; i < work->changes.count; i++) {
		struct part *part = &work->parts[i];
		char safe[256];
		int r;

		if (has_suffix(part->listed->name, ".buildinfo") != buildinfo)
			continue;
		r = buildinfo ? prepare_buildinfo(work, part, error) : prepare_part(work, part, error);
		if (r < 0)
			return pkgima_fail_within(error, r, "%s",
						  pkgima_printable_into(part->listed->name, safe, sizeof(safe)));
	}
	return 0;
}

/* All files that are listed have to be there before the first package is signed. */
static int check_parts(struct work *work, struct pkgima_error *error)
{
	work->parts = calloc(work->changes.count + 1, sizeof(*work->parts));
	if (!work->parts)
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	for (size_t i = 0; i < work->changes.count; i++) {
		work->parts[i].listed = &work->changes.files[i];
		work->parts[i].output = PKGIMA_OUTPUT_NONE;
	}
	for (size_t i = 0; i < work->changes.count; i++) {
		cleanup_free char *path = NULL;
		cleanup_close int fd = -1;
		struct stat st;
		char safe[256];
		int r = open_part(work, &work->parts[i], &path, &fd, &st, error);

		if (r < 0)
			return pkgima_fail_within(error, r, "%s",
						  pkgima_printable_into(work->changes.files[i].name, safe, sizeof(safe)));
		if ((uint64_t)st.st_size != work->changes.files[i].sums.size &&
		    !has_suffix(work->changes.files[i].name, ".deb") &&
		    !has_suffix(work->changes.files[i].name, ".buildinfo"))
			return pkgima_fail_within(error, fail_changed(error), "%s",
						  pkgima_printable_into(work->changes.files[i].name, safe, sizeof(safe)));
	}
	return 0;
}

static int commit(struct pkgima_output *output, bool *wrote, struct pkgima_error *error)
{
	if (output->fd < 0)
		return 0;
	*wrote = true;
	return pkgima_output_commit(output, true, error);
}

/* In this order, so that what is listed last lists what is there. */
static int commit_all(struct work *work, struct pkgima_error *error)
{
	int r = 0;

	for (int buildinfo = 0; buildinfo < 2; buildinfo++)
		for (size_t i = 0; i < work->changes.count && r == 0; i++)
			if (has_suffix(work->parts[i].listed->name, ".buildinfo") == (buildinfo == 1))
				r = commit(&work->parts[i].output, &work->wrote, error);
	return r == 0 ? commit(&work->output, &work->wrote, error) : r;
}

/* The .changes itself: the new text, or the file as it is where that goes elsewhere. */
static int prepare_changes(struct work *work, const char *path, const char *target, mode_t mode,
			   struct pkgima_error *error)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	bool changed = false;
	size_t length = 0;
	struct stat st;
	int r = correct(work, &work->changes, &text, &length, &changed, error);

	if (r < 0 || (work->settings->out ? has_text(target, text, length) : !changed))
		return r;
	if (changed) {
		r = write_text(target, mode, text, length, &work->output, error);
		if (r == 0 && work->changes.has_openpgp)
			tell_openpgp(work, path);
		return r;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return pkgima_fail_errno(error, "cannot read it");
	r = pkgima_output_open(target, mode, &work->output, error);
	return r < 0 ? r : pkgima_copy_bytes(fd, 0, (uint64_t)st.st_size, work->output.fd, error);
}

/* The folder of a path, with its slash; "" for a name alone. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash ? (size_t)(slash - path) + 1 : 0);
}

int sign_changes(struct sign_settings *settings, const char *path, const char *target, size_t *ret_files,
		 bool *ret_current, struct pkgima_error *error)
{
	__attribute__((cleanup(work_release))) struct work work = { .settings = settings, .output = PKGIMA_OUTPUT_NONE };
	cleanup_free char *folder = folder_of(path), *target_folder = folder_of(target);
	mode_t mode;
	int r;

	if (!folder || !target_folder)
		return pkgima_fail(error, -ENOMEM, "no memory for its name");
	work.folder = folder;
	work.target_folder = target_folder;
	allow_descriptors();
	r = read_text(path, &work.changes, &mode, error);
	if (r == 0)
		r = check_parts(&work, error);
	if (r == 0)
		r = prepare_parts(&work, false, error);
	if (r == 0)
		r = prepare_parts(&work, true, error);
	if (r == 0)
		r = prepare_changes(&work, path, target, mode, error);
	if (r == 0)
		r = commit_all(&work, error);
	if (r < 0)
		return r;
	*ret_files = work.files;
	*ret_current = !work.wrote;
	return 0;
}
