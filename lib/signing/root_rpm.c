// SPDX-License-Identifier: LGPL-2.1-or-later
#include "root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../beneath.h"
#include "../manifest.h"

struct context {
	struct pkgima_rpmdb *rpmdb;
	int manifests_fd;
	int lock_fds[PKGIMA_RPMDB_MAX];
	char (*identities)[PKGIMA_RPMDB_IDENTITY]; /* one for each package, "" where it is not known */
};

static void free_context(void *argument)
{
	struct context *context = argument;

	if (!context)
		return;
	for (size_t i = 0; i < PKGIMA_RPMDB_MAX; i++)
		pkgima_close_cleanup(&context->lock_fds[i]);
	pkgima_close_cleanup(&context->manifests_fd);
	free(context->identities);
	free(context);
}
PKGIMA_DEFINE_CLEANUP(context, struct context, free_context)

/* The digests of the header, whatever @entries say: they may have those of a manifest. */
static int record(void *argument, const struct pkgima_installed *package, const struct pkgima_entries *entries,
		  struct pkgima_record *records, struct pkgima_error *error)
{
	struct context *context = argument;
	cleanup_entries struct pkgima_entries header = { 0 };
	int r;

	r = pkgima_rpmdb_read_header(context->rpmdb, package->index, &header, context->identities[package->index], error);
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct pkgima_entry *entry = pkgima_entries_find(&header, entries->list[i].path);
		static const uint8_t none[PKGIMA_DIGEST_MAX];

		if (!entry)
			continue;
		records[i].conffile = entry->type == PKGIMA_ENTRY_CONFFILE;
		records[i].length = (unsigned int)pkgima_hash_size(entry->hash);
		/* A file without a digest has zeros. */
		if (!memcmp(entry->digest, none, records[i].length))
			continue;
		records[i].algorithm = pkgima_hash_name(entry->hash);
		memcpy(records[i].digest, entry->digest, records[i].length);
	}
	return r;
}

static int create(void *argument, const struct pkgima_installed *package, struct pkgima_output *ret_output,
		  struct pkgima_error *error)
{
	struct context *context = argument;
	char name[PKGIMA_RPMDB_IDENTITY + sizeof("." PKGIMA_MANIFEST_NAME)];

	snprintf(name, sizeof(name), "%s." PKGIMA_MANIFEST_NAME, context->identities[package->index]);
	return pkgima_output_open_at(context->manifests_fd, name, 0644, ret_output, error);
}

static bool is_installed(const struct context *context, const char *identity)
{
	for (size_t i = 0; i < context->rpmdb->count; i++)
		if (!strcmp(context->identities[i], identity))
			return true;
	return false;
}

/* Of a package that could not be read the identity is not known: then none goes. */
static int clean(void *argument, struct pkgima_error *error)
{
	struct context *context = argument;
	int fd = openat(context->manifests_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *file;

	if (!folder && fd >= 0)
		close(fd);
	if (!folder)
		return pkgima_fail_errno(error, "cannot read " PKGIMA_RPMDB_MANIFESTS);
	while (!is_installed(context, "") && (file = readdir(folder))) {
		char identity[PKGIMA_RPMDB_IDENTITY];

		if (strlen(file->d_name) != sizeof(identity) - 1 + strlen("." PKGIMA_MANIFEST_NAME) ||
		    strcmp(file->d_name + sizeof(identity) - 1, "." PKGIMA_MANIFEST_NAME) != 0)
			continue;
		memcpy(identity, file->d_name, sizeof(identity) - 1);
		identity[sizeof(identity) - 1] = '\0';
		if (!is_installed(context, identity))
			unlinkat(context->manifests_fd, file->d_name, 0);
	}
	closedir(folder);
	return 0;
}

/* rpm's own lock: lib/rpmlock.c and the macro %_rpmlock_path. */
static int lock(struct context *context, struct pkgima_error *error)
{
	for (size_t i = 0; i < context->rpmdb->database_count; i++) {
		context->lock_fds[i] = pkgima_root_lock(context->rpmdb->databases[i].folder_fd, ".rpm.lock", "rpm's database",
							error);
		if (context->lock_fds[i] < 0)
			return context->lock_fds[i];
	}
	return 0;
}

int pkgima_root_source_rpm(struct pkgima_rpmdb *rpmdb, struct pkgima_root_source *ret_source, struct pkgima_error *error)
{
	PKGIMA_CLEANUP(context_cleanup) struct context *context = calloc(1, sizeof(*context));
	int r;

	if (!context)
		return pkgima_fail(error, -ENOMEM, "no memory for rpm's database");
	context->rpmdb = rpmdb;
	context->manifests_fd = -1;
	for (size_t i = 0; i < PKGIMA_RPMDB_MAX; i++)
		context->lock_fds[i] = -1;
	context->identities = calloc(rpmdb->count + 1, sizeof(*context->identities));
	if (!context->identities)
		return pkgima_fail(error, -ENOMEM, "no memory for rpm's database");
	r = lock(context, error);
	if (r < 0)
		return r;
	context->manifests_fd = pkgima_beneath_make_real_folder(rpmdb->root_fd, PKGIMA_RPMDB_MANIFESTS);
	if (context->manifests_fd < 0)
		return pkgima_fail(error, context->manifests_fd, "cannot make " PKGIMA_RPMDB_MANIFESTS ": %s",
				   strerror(-context->manifests_fd));
	*ret_source = (struct pkgima_root_source){
		.manager = &pkgima_manager_rpm,
		.database = rpmdb,
		.context = pkgima_steal_pointer(&context),
		.record = record,
		.create = create,
		.clean = clean,
		.free = free_context,
	};
	return 0;
}
