// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpmdb_manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "beneath.h"
#include "manifest.h"

/* All file signatures of the header, as it has them; none where it has none. */
static int update_signatures(struct pkgima_hasher *hasher, Header header, struct pkgima_error *error)
{
	struct rpmtd_s values;
	const char *value;
	int r = 0;

	if (!headerGet(header, RPMTAG_FILESIGNATURES, &values, HEADERGET_MINMEM))
		return 0;
	while (r == 0 && (value = rpmtdNextString(&values)))
		r = pkgima_hasher_update(hasher, value, strlen(value) + 1, error);
	rpmtdFreeData(&values);
	return r;
}

/* What rpm adds when it installs a package, the time for example, is outside of the region. */
int pkgima_rpmdb_identify(Header header, char identity[PKGIMA_RPMDB_IDENTITY], struct pkgima_error *error)
{
	struct pkgima_hasher *hasher = pkgima_hasher_new();
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct rpmtd_s region;
	int r = -EBADMSG;

	if (!hasher)
		return pkgima_fail(error, -ENOMEM, "no memory to hash");
	if (!headerGet(header, RPMTAG_HEADERIMMUTABLE, &region, HEADERGET_DEFAULT)) {
		pkgima_fail(error, 0, "its header has no immutable region");
	} else {
		r = pkgima_hasher_begin(hasher, PKGIMA_HASH_SHA256, error);
		if (r == 0)
			r = pkgima_hasher_update(hasher, region.data, region.count, error);
		if (r == 0)
			r = update_signatures(hasher, header, error);
		if (r == 0)
			r = pkgima_hasher_end(hasher, digest, error);
		rpmtdFreeData(&region);
	}
	pkgima_hasher_free(hasher);
	if (r == 0)
		pkgima_hex(digest, pkgima_hash_size(PKGIMA_HASH_SHA256), identity);
	return r;
}

#define MANIFEST_PATH_SIZE (PKGIMA_RPMDB_IDENTITY + sizeof("." PKGIMA_MANIFEST_NAME))

int pkgima_rpmdb_find_manifest(const struct pkgima_rpmdb *rpmdb, Header header, bool *ret_found, struct pkgima_error *error)
{
	char identity[PKGIMA_RPMDB_IDENTITY], name[MANIFEST_PATH_SIZE];
	int r;

	if (rpmdb->manifests_fd < 0)
		return 0;
	r = pkgima_rpmdb_identify(header, identity, error);
	/* Headers of very old packages. */
	if (r == -EBADMSG)
		return 0;
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%s." PKGIMA_MANIFEST_NAME, identity);
	*ret_found = faccessat(rpmdb->manifests_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return 0;
}

/* Which files there are the header says; what it says of their signatures the manifest replaces. */
int pkgima_rpmdb_use_manifest(const struct pkgima_rpmdb *rpmdb, const char *identity, struct pkgima_entries *entries,
			      struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries manifest = { 0 };
	cleanup_free uint8_t *text = NULL;
	char name[MANIFEST_PATH_SIZE];
	size_t length;
	int r;

	snprintf(name, sizeof(name), "%s." PKGIMA_MANIFEST_NAME, identity);
	r = pkgima_beneath_read(rpmdb->manifests_fd, name, PKGIMA_MANIFEST_MAX, &text, &length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "its manifest " PKGIMA_RPMDB_MANIFESTS "/%s is gone", name);
	if (r == 0)
		r = pkgima_manifest_parse(text, length, &manifest, error);
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		struct pkgima_entry *entry = &entries->list[i];
		const struct pkgima_entry *own = pkgima_entries_find(&manifest, entry->path);

		entry->ima = (struct pkgima_value){ 0 };
		if (!own)
			continue;
		entry->hash = own->hash;
		memcpy(entry->digest, own->digest, sizeof(entry->digest));
		entry->ima.length = own->ima.length;
		entry->ima.bytes = pkgima_entries_keep(entries, own->ima.bytes, own->ima.length);
		if (!entry->ima.bytes)
			r = pkgima_fail(error, -ENOMEM, "no memory for its files");
	}
	return r;
}
