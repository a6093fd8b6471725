// SPDX-License-Identifier: LGPL-2.1-or-later
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "../lib/beneath.h"
#include "../lib/check.h"
#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "../lib/parallel.h"

#define NEW ".dpkg-new" /* DPKGNEWEXT */
#define TMP ".dpkg-tmp" /* DPKGTEMPEXT */
#define LINKS_MAX 25    /* symbolic links that lead from a conffile to another name; dpkg has such a limit too */

struct placing {
	struct backend *backend;
	const struct pkgima_entries *files;
	struct pkgima_tally *tally;
	bool durable;
	atomic_bool tested;     /* whether signed files can be opened for writing */
	atomic_bool locked;     /* they cannot: the policy has FILE_CHECK rules */
};

/* Where a conffile's new version stands: beside what a symbolic link of its name leads to (conffderef() in dpkg). */
static int follow_links(int root_fd, const char *path, char output[PATH_MAX])
{
	char target[PATH_MAX], joined[2 * PATH_MAX];

	if (snprintf(output, PATH_MAX, "%s", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	for (int i = 0; i < LINKS_MAX; i++) {
		const char *name;
		cleanup_close int folder = pkgima_beneath_open_parent(root_fd, output, &name);
		ssize_t length;
		int used;

		if (folder < 0)
			return folder;
		length = readlinkat(folder, name, target, sizeof(target) - 1);
		if (length < 0)
			return errno == EINVAL || errno == ENOENT ? 0 : -errno;
		target[length] = '\0';
		if (target[0] == '/')
			used = snprintf(joined, sizeof(joined), "%s", target);
		else
			used = snprintf(joined, sizeof(joined), "%.*s%s", (int)(name - output), output, target);
		if (used >= PATH_MAX)
			return -ENAMETOOLONG;
		strcpy(output, joined);
	}
	return -ELOOP;
}

/* The name under which dpkg has a file of the archive now; the final one is the same without the end. */
static int new_name(const struct backend *backend, const char *path, char output[PATH_MAX])
{
	const char *diverted = pkgima_dpkg_divert(backend->dpkg, backend->name, path);

	return snprintf(output, PATH_MAX, "%s" NEW, diverted) >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/*
 * The other name that a conffile may have: beside what a symbolic link leads to. dpkg means to put it there, and
 * versions around 1.21 do not.
 */
static int linked_name(const struct backend *backend, const char *path, char output[PATH_MAX])
{
	size_t length;
	int r;

	if (!pkgima_entries_find(&backend->conffiles, path))
		return -ENOENT;
	r = follow_links(backend->root_fd, pkgima_dpkg_divert(backend->dpkg, backend->name, path), output);
	length = strlen(output);
	if (r == 0 && length + sizeof(NEW) > PATH_MAX)
		r = -ENAMETOOLONG;
	if (r == 0)
		memcpy(output + length, NEW, sizeof(NEW));
	return r;
}

/* Opens it for reading and gives the name; -ENOENT, with the first name, when dpkg has written none. */
static int open_new(const struct backend *backend, const char *path, char name[PATH_MAX], struct stat *ret_stat)
{
	int fd, r;

	r = new_name(backend, path, name);
	if (r < 0)
		return r;
	fd = pkgima_beneath_open_file(backend->root_fd, name, ret_stat);
	if (fd != -ENOENT || linked_name(backend, path, name) < 0)
		return fd;
	fd = pkgima_beneath_open_file(backend->root_fd, name, ret_stat);
	if (fd == -ENOENT)
		new_name(backend, path, name);
	return fd;
}

/*
 * A policy with FILE_CHECK rules lets nobody open a file for reading before it has its signature, us included. So it gets
 * the one that the manifest has, if the signature itself is good; the kernel then compares it with the content, and so
 * does the caller.
 */
static int sign_unread(const struct backend *backend, struct pkgima_checker *checker, const struct pkgima_entry *entry,
		       const char *name, struct stat *ret_stat)
{
	struct pkgima_error reason;
	char link[64];
	int fd;

	if (!entry || pkgima_verifier_check(checker->verifier, &entry->ima, entry->hash, entry->digest, &reason) !=
			      PKGIMA_VERDICT_OK)
		return -EACCES;
	fd = pkgima_beneath_open_path(backend->root_fd, name, ret_stat);
	if (fd < 0)
		return fd;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (setxattr(link, PKGIMA_XATTR_IMA, entry->ima.bytes, entry->ima.length, 0) < 0) {
		close(fd);
		return -EACCES;
	}
	close(fd);
	fd = pkgima_beneath_open_file(backend->root_fd, name, ret_stat);
	if (fd < 0) {
		cleanup_close int path_fd = pkgima_beneath_open_path(backend->root_fd, name, ret_stat);

		snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
		if (path_fd >= 0)
			removexattr(link, PKGIMA_XATTR_IMA);
	}
	return fd;
}

/* One try for each archive; the file is not changed. */
static void test_for_writing(struct placing *placing, const char *name)
{
	int fd;

	if (placing->durable || atomic_exchange(&placing->tested, true))
		return;
	fd = pkgima_beneath_open_for_writing(placing->backend->root_fd, name, NULL);
	if (fd >= 0)
		close(fd);
	else if (fd == -EACCES)
		atomic_store(&placing->locked, true);
}

static void write_signature(struct placing *placing, const struct pkgima_entry *entry, const char *name, int fd)
{
	enum pkgima_verdict verdict;
	struct pkgima_error reason;

	if (pkgima_file_set_value(fd, &entry->ima, &verdict, &reason) < 0)
		pkgima_tally_add_failure(placing->tally, entry->path, reason.text);
	else if (verdict != PKGIMA_VERDICT_OK)
		pkgima_tally_add(placing->tally, entry->path, verdict, reason.text);
	else
		test_for_writing(placing, name);
}

/*
 * A file that stays under its name: another architecture's instance of the package has brought it already, or it is a
 * conffile of which dpkg throws the new version away if it does not differ. It gets the signature if it has none, and is
 * what was signed.
 */
static void sign_kept(struct placing *placing, struct pkgima_checker *checker, const struct pkgima_entry *entry,
		      const char *new)
{
	cleanup_close int fd = -1;
	enum pkgima_verdict verdict;
	struct pkgima_error reason;
	char name[PATH_MAX];
	struct stat st;

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(new) - strlen(NEW)), new);
	fd = pkgima_beneath_open_file(placing->backend->root_fd, name, &st);
	if (fd < 0 || fgetxattr(fd, PKGIMA_XATTR_IMA, NULL, 0) >= 0 || errno != ENODATA ||
	    !pkgima_file_is_selected(&placing->backend->gate.config, entry, fd, &st))
		return;
	if (pkgima_checker_run(checker, entry, fd, &verdict, &reason) == 0 && verdict == PKGIMA_VERDICT_OK)
		pkgima_file_set_value(fd, &entry->ima, &verdict, &reason);
}

/* @entry: of the manifest, or one without a signature for a file that the manifest does not have. */
static void sign_file(struct placing *placing, struct pkgima_checker *checker, const struct pkgima_entry *entry,
		      const char *name, int fd, const struct stat *st)
{
	enum pkgima_verdict verdict;
	struct pkgima_error reason;
	int r;

	if (!pkgima_file_is_selected(&placing->backend->gate.config, entry, fd, st))
		return;
	r = pkgima_checker_run(checker, entry, fd, &verdict, &reason);
	if (r < 0)
		pkgima_tally_add_failure(placing->tally, entry->path, reason.text);
	else if (verdict != PKGIMA_VERDICT_OK)
		pkgima_tally_add(placing->tally, entry->path, verdict, entry->ima.bytes ? reason.text :
										   "the manifest has no entry for it");
	else
		write_signature(placing, entry, name, fd);
}

static int work_on_file(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct placing *placing = context;
	const struct backend *backend = placing->backend;
	const char *path = placing->files->list[index].path;
	const struct pkgima_entry *found = pkgima_entries_find(&backend->manifest, path);
	struct pkgima_entry unsigned_entry = { .path = path, .type = PKGIMA_ENTRY_FILE };
	cleanup_close int fd = -1;
	char name[PATH_MAX];
	struct stat st;

	(void)error;
	if (pkgima_entries_find(&backend->conffiles, path))
		unsigned_entry.type = PKGIMA_ENTRY_CONFFILE;
	fd = open_new(backend, path, name, &st);
	if (fd == -EACCES)
		fd = sign_unread(backend, state, found, name, &st);
	if (found && (fd == -ENOENT || found->type == PKGIMA_ENTRY_CONFFILE))
		sign_kept(placing, state, found, name);
	if (fd == -ENOENT)
		return 0;
	if (fd == -EINVAL) {
		/* A hard link to what is no file. */
		pkgima_tally_add(placing->tally, path, PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file is there");
		return 0;
	}
	if (fd < 0) {
		pkgima_tally_add_failure(placing->tally, path, strerror(-fd));
		return 0;
	}
	sign_file(placing, state, found ? found : &unsigned_entry, name, fd, &st);
	if (placing->durable && fsync(fd) < 0)
		pkgima_tally_add_failure(placing->tally, path, strerror(errno));
	return 0;
}

static void *begin_thread(void *context)
{
	return pkgima_checker_new(((struct placing *)context)->backend->trust);
}

static void end_thread(void *context, void *state)
{
	(void)context;
	pkgima_checker_free(state);
}

/*
 * dpkg would open signed files for writing, and be denied. From now on (until the next boot) it is told not to; but this
 * run of dpkg has read its settings already.
 */
static void tell_dpkg(struct placing *placing)
{
	struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	static const char line[] = "force-unsafe-io\n";
	struct pkgima_error error;
	cleanup_close int folder = -1;
	int r;

	mkdir(BACKEND_UNSAFE_IO_FOLDER, 0755);
	folder = open(BACKEND_UNSAFE_IO_FOLDER, O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = folder < 0 ? pkgima_fail_errno(&error, "cannot open " BACKEND_UNSAFE_IO_FOLDER) :
			 pkgima_output_open_at(folder, BACKEND_UNSAFE_IO, 0644, &output, &error);
	if (r == 0)
		r = pkgima_write_all(output.fd, line, sizeof(line) - 1);
	if (r == 0)
		r = pkgima_output_commit(&output, 1, &error);
	pkgima_output_close(&output);
	if (r < 0)
		pkgima_tally_add_failure(placing->tally, NULL, error.text);
	pkgima_tally_refuse(placing->tally, r < 0 ?
		"the kernel's policy has FILE_CHECK rules, and dpkg cannot be told of them" :
		"the kernel's policy has FILE_CHECK rules, of which dpkg did not know; it knows now: do it again");
}

void place_signatures(struct backend *backend, const struct pkgima_entries *files, struct pkgima_tally *tally)
{
	struct placing placing = {
		.backend = backend,
		.files = files,
		.tally = tally,
		.durable = place_is_durable(),
	};
	struct pkgima_parallel parallel = {
		.count = files->count,
		.batch = 8,
		.context = &placing,
		.begin = begin_thread,
		.end = end_thread,
		.work = work_on_file,
	};
	struct pkgima_error error;

	/* Threads cost more than they save on a few files. */
	if (pkgima_parallel_run(&parallel, files->count < 32 ? 1 : 0, &error) < 0)
		pkgima_tally_add_failure(tally, NULL, error.text);
	if (placing.locked)
		tell_dpkg(&placing);
}

/*
 * dpkg keeps the old file as NAME.dpkg-tmp (a second link, but for symbolic links) until it is done, and forgets it under
 * diverted names.
 */
static void remove_backup(int folder, const char *name)
{
	struct stat old, backup;
	char tmp[NAME_MAX + 16];

	snprintf(tmp, sizeof(tmp), "%s" TMP, name);
	if (fstatat(folder, tmp, &backup, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (fstatat(folder, name, &old, AT_SYMLINK_NOFOLLOW) < 0)
		renameat(folder, tmp, folder, name);
	else if (S_ISLNK(old.st_mode) || (old.st_dev == backup.st_dev && old.st_ino == backup.st_ino))
		unlinkat(folder, tmp, 0);
}

static void remove_new(const struct backend *backend, const char *path, bool diverted)
{
	cleanup_close int folder = -1;
	char final[NAME_MAX + 1];
	const char *name;

	folder = pkgima_beneath_open_parent(backend->root_fd, path, &name);
	if (folder < 0)
		return;
	unlinkat(folder, name, 0);
	if (diverted && snprintf(final, sizeof(final), "%.*s", (int)(strlen(name) - strlen(NEW)), name) <
				(int)sizeof(final))
		remove_backup(folder, final);
}

void place_remove(struct backend *backend, const struct pkgima_entries *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const char *path = files->list[i].path;
		bool diverted = strcmp(pkgima_dpkg_divert(backend->dpkg, backend->name, path), path) != 0;
		char name[PATH_MAX];

		if (new_name(backend, path, name) == 0)
			remove_new(backend, name, diverted);
		if (linked_name(backend, path, name) == 0)
			remove_new(backend, name, diverted);
	}
}

bool place_is_durable(void)
{
	return access(BACKEND_UNSAFE_IO_FOLDER "/" BACKEND_UNSAFE_IO, F_OK) == 0;
}
