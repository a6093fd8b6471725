// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/io.h"
#include "../lib/signing/package.h"
#include "sign.h"

static void failed(struct sign_settings *settings, const char *path, const char *reason)
{
	cleanup_free char *name = cli_printable(path);

	cli_progress_end(&settings->progress);
	cli_message(settings->command, "%s: %s", name, reason);
	settings->status = CLI_FAILED;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), size = strlen(suffix);

	return length > size && !strcmp(name + length - size, suffix);
}

/* Source packages lie in the same folders, and have nothing to sign. */
static bool is_source(const char *name)
{
	return has_suffix(name, ".src.rpm") || has_suffix(name, ".nosrc.rpm");
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

static int sign_file(struct sign_settings *settings, const char *path, const char *target, size_t *ret_files,
		    struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_package struct pkgima_package package = { 0 };
	const char *broken;
	struct stat st;
	int r;

	r = pkgima_package_open(path, &package, error);
	if (r < 0)
		return r;
	if (fstat(package.format->descriptor(package.file), &st) < 0)
		return pkgima_fail_errno(error, "cannot read it");
	r = pkgima_output_open(target, st.st_mode & 0777, &output, error);
	if (r == 0)
		r = pkgima_package_sign(&package, settings->signer, settings->hash_given ? &settings->hash : NULL,
					settings->threads, &output, ret_files, error);
	if (r == 0)
		r = pkgima_output_commit(&output, true, error);
	broken = r == 0 ? pkgima_package_broken_by_signing(&package) : NULL;
	if (broken) {
		cleanup_free char *name = cli_printable(path);

		cli_message(settings->command, "warning: %s: %s", name, broken);
	}
	return r;
}

/* @relative: where it goes below --out. */
static void sign_package(struct sign_settings *settings, const char *path, const char *relative)
{
	cleanup_free char *target = NULL;
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;
	size_t files = 0;
	int r;

	if (!pkgima_package_by_name(path)) {
		failed(settings, path, "only .deb and .rpm packages can be signed");
		return;
	}
	if (settings->out ? asprintf(&target, "%s/%s", settings->out, relative) < 0 : !(target = strdup(path))) {
		failed(settings, path, "no memory for its name");
		return;
	}
	if (settings->out && (r = make_folders(target)) < 0) {
		failed(settings, path, strerror(-r));
		return;
	}
	if (cli_progress_due(&settings->progress))
		cli_progress_show(&settings->progress, "%zu packages, %zu files signed; now %s", settings->packages,
				  settings->files, name);
	r = sign_file(settings, path, target, &files, &error);
	pkgima_signer_reset(settings->signer);
	if (r < 0) {
		failed(settings, path, error.text);
		return;
	}
	settings->packages++;
	settings->files += files;
	if (!settings->progress.active)
		printf("%s: signed, %zu files\n", name, files);
}

static int by_name(const FTSENT **left, const FTSENT **right)
{
	return strcmp((*left)->fts_name, (*right)->fts_name);
}

/* A tree that would grow while it is walked. */
static bool contains_output(const char *folder, const char *out)
{
	cleanup_free char *outer = realpath(folder, NULL);
	cleanup_free char *inner = out ? realpath(out, NULL) : NULL;
	size_t length = outer ? strlen(outer) : 0;

	return outer && inner && !strncmp(outer, inner, length) && (inner[length] == '/' || inner[length] == '\0');
}

static void sign_tree(struct sign_settings *settings, const char *path)
{
	char *roots[] = { (char *)path, NULL };
	FTSENT *file;
	FTS *tree;

	if (contains_output(path, settings->out)) {
		failed(settings, path, "--out must not be inside the folder that is signed");
		return;
	}
	tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	if (!tree) {
		failed(settings, path, strerror(errno));
		return;
	}
	while ((file = fts_read(tree))) {
		const char *relative = file->fts_path + strlen(path);

		relative += strspn(relative, "/");
		if (file->fts_info == FTS_F && pkgima_package_by_name(file->fts_name) && !is_source(file->fts_name))
			sign_package(settings, file->fts_path, relative);
		else if (file->fts_info == FTS_DNR || file->fts_info == FTS_ERR || file->fts_info == FTS_NS)
			failed(settings, file->fts_path, strerror(file->fts_errno));
	}
	fts_close(tree);
}

void sign_path(struct sign_settings *settings, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) < 0)
		failed(settings, path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		sign_tree(settings, path);
	else
		sign_package(settings, path, slash ? slash + 1 : path);
}
