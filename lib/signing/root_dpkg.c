// SPDX-License-Identifier: LGPL-2.1-or-later
#include "root.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../beneath.h"
#include "../manifest.h"
#include "dpkg_sums.h"

#define SUMS_MAX ((size_t)64 * 1024 * 1024)
#define STATUS_MAX ((size_t)256 * 1024 * 1024)

struct context {
	struct pkgima_dpkg *dpkg;
	int frontend_fd, lock_fd;      /* the locks of apt and the like, and of dpkg */
	struct pkgima_dpkg_sums conffiles; /* of all packages */
};

static void free_context(void *argument)
{
	struct context *context = argument;

	if (!context)
		return;
	pkgima_close_cleanup(&context->lock_fd);
	pkgima_close_cleanup(&context->frontend_fd);
	pkgima_dpkg_sums_free(&context->conffiles);
	free(context);
}
PKGIMA_DEFINE_CLEANUP(context, struct context, free_context)

static int record(void *argument, const struct pkgima_installed *package, const struct pkgima_entries *entries,
		  struct pkgima_record *records, struct pkgima_error *error)
{
	struct context *context = argument;
	struct pkgima_dpkg_sums sums = { 0 };
	cleanup_free char *name = NULL;
	int r;

	if (asprintf(&name, "%s.md5sums", package->name) < 0) {
		name = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a file name");
	}
	r = pkgima_beneath_read(context->dpkg->info_fd, name, SUMS_MAX, (uint8_t **)&sums.text, &sums.length, error);
	/* There is none for a package without files. */
	if (r == 0)
		r = pkgima_dpkg_sums_parse(&sums, error);
	else if (r == -ENOENT)
		r = 0;
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct pkgima_entry *entry = &entries->list[i];
		const struct pkgima_dpkg_sum *conffile = NULL, *sum = NULL;

		if (entry->type != PKGIMA_ENTRY_SCRIPT) {
			conffile = pkgima_dpkg_sums_find(&context->conffiles, package->name, entry->path);
			sum = conffile ? conffile : pkgima_dpkg_sums_find(&sums, NULL, entry->path);
		}
		if (!sum)
			continue;
		records[i].algorithm = "MD5";
		records[i].conffile = conffile != NULL;
		records[i].length = sizeof(sum->md5);
		memcpy(records[i].digest, sum->md5, sizeof(sum->md5));
	}
	pkgima_dpkg_sums_free(&sums);
	return r;
}

/* dpkg takes it for a file of the package's, and so removes it with the version that it belongs to. */
static int create(void *argument, const struct pkgima_installed *package, struct pkgima_output *ret_output,
		  struct pkgima_error *error)
{
	struct context *context = argument;
	cleanup_free char *name = NULL;

	if (asprintf(&name, "%s." PKGIMA_MANIFEST_NAME, package->name) < 0) {
		name = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a file name");
	}
	return pkgima_output_open_at(context->dpkg->info_fd, name, 0644, ret_output, error);
}

/* As apt does it: first what keeps other front-ends away, then what keeps dpkg away. */
static int lock(struct context *context, struct pkgima_error *error)
{
	cleanup_close int folder_fd = pkgima_beneath_open_folder(context->dpkg->root_fd, PKGIMA_DPKG_ADMINDIR);

	if (folder_fd < 0)
		return pkgima_fail(error, folder_fd, "cannot open dpkg's database: %s", strerror(-folder_fd));
	context->frontend_fd = pkgima_root_lock(folder_fd, "lock-frontend", "dpkg's database", error);
	if (context->frontend_fd < 0)
		return context->frontend_fd;
	context->lock_fd = pkgima_root_lock(folder_fd, "lock", "dpkg's database", error);
	return context->lock_fd < 0 ? context->lock_fd : 0;
}

int pkgima_root_source_dpkg(struct pkgima_dpkg *dpkg, struct pkgima_root_source *ret_source, struct pkgima_error *error)
{
	PKGIMA_CLEANUP(context_cleanup) struct context *context = calloc(1, sizeof(*context));
	struct pkgima_dpkg_sums *conffiles;
	int r;

	if (!context)
		return pkgima_fail(error, -ENOMEM, "no memory for dpkg's database");
	context->dpkg = dpkg;
	context->frontend_fd = context->lock_fd = -1;
	conffiles = &context->conffiles;
	r = lock(context, error);
	if (r == 0)
		r = pkgima_beneath_read(dpkg->root_fd, dpkg->status_path, STATUS_MAX, (uint8_t **)&conffiles->text,
					&conffiles->length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "dpkg's database has no status");
	if (r == 0)
		r = pkgima_dpkg_sums_parse_status(conffiles, error);
	if (r < 0)
		return r;
	*ret_source = (struct pkgima_root_source){
		.manager = &pkgima_manager_dpkg,
		.database = dpkg,
		.context = pkgima_steal_pointer(&context),
		.record = record,
		.create = create,
		.free = free_context,
	};
	return 0;
}
