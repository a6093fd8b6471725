// SPDX-License-Identifier: LGPL-2.1-or-later
#include "key_use.h"

#include <errno.h>
#include <string.h>

#include "beneath.h"
#include "check.h"
#include "escape.h"
#include "signature.h"
#include "verify.h"

static bool is_by_key(const struct pkgima_key_use *use, const struct pkgima_entry *entry)
{
	struct pkgima_signature signature;

	if (!entry->ima.bytes ||
	    pkgima_signature_parse(entry->ima.bytes, entry->ima.length, &signature, NULL) < 0 ||
	    signature.key_id != use->key_id)
		return false;
	return !use->certificate || (signature.hash == entry->hash &&
				     pkgima_certificate_verify(use->certificate, signature.hash, entry->digest,
							       signature.bytes, signature.length) == 1);
}

/* 1 when the file at @path carries the entry's signature, 0, or -errno. What is no regular file carries none. */
static int carries(const struct pkgima_key_use *use, const struct pkgima_entry *entry, const char *path)
{
	cleanup_close int fd = pkgima_beneath_open_file(use->root_fd, path, NULL);

	if (fd == -ENOENT || fd == -EINVAL)
		return 0;
	return fd < 0 ? fd : pkgima_file_has_value(fd, &entry->ima);
}

static int look_at_package(const struct pkgima_key_use *use, const struct pkgima_installed *package, size_t *ret_files,
			   struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	char buffer[PKGIMA_PATH_MAX + 1], safe[256];
	size_t files = 0;
	int r;

	r = use->manager->read(use->database, package, false, &entries, error);
	for (size_t i = 0; i < entries.count && r == 0; i++) {
		const struct pkgima_entry *entry = &entries.list[i];
		const char *path = entry->path;

		if (!is_by_key(use, entry))
			continue;
		if (use->manager->locate)
			path = use->manager->locate(use->database, package, entry, buffer);
		r = carries(use, entry, path);
		if (r < 0)
			return pkgima_fail(error, r, "cannot look at %s: %s",
					   pkgima_printable_into(path, safe, sizeof(safe)), strerror(-r));
		if (r == 1) {
			files++;
			if (use->report)
				use->report(use->context, package->name, path);
			r = 0;
		}
	}
	*ret_files = files;
	return r;
}

int pkgima_key_use_find(const struct pkgima_key_use *use, struct pkgima_key_use_counts *ret_counts,
			struct pkgima_error *error)
{
	struct pkgima_key_use_counts counts = { 0 };
	struct pkgima_installed *packages;
	size_t count, files;
	char safe[256];
	int r;

	r = use->manager->list(use->database, false, &packages, &count, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		r = look_at_package(use, &packages[i], &files, error);
		if (r < 0) {
			pkgima_fail_within(error, r, "%s", pkgima_printable_into(packages[i].name, safe, sizeof(safe)));
		} else if (files) {
			counts.files += files;
			counts.packages++;
		}
	}
	pkgima_installed_free(packages, count);
	if (r == 0)
		*ret_counts = counts;
	return r;
}
