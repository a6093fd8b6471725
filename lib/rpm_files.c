// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmcrypto.h>

#include "cleanup.h"
#include "escape.h"
#include "signature.h"

static bool digest_algorithm(int algorithm, enum pkgima_hash *ret_hash)
{
	switch (algorithm) {
	case RPM_HASH_SHA256:
		*ret_hash = PKGIMA_HASH_SHA256;
		return true;
	case RPM_HASH_SHA384:
		*ret_hash = PKGIMA_HASH_SHA384;
		return true;
	case RPM_HASH_SHA512:
		*ret_hash = PKGIMA_HASH_SHA512;
		return true;
	default:
		return false;
	}
}

const char *pkgima_rpm_digest_problem(rpmfiles files)
{
	enum pkgima_hash hash;
	int algorithm = rpmfilesDigestAlgo(files);

	if (digest_algorithm(algorithm, &hash))
		return NULL;
	switch (algorithm) {
	case RPM_HASH_MD5:
		return "its file digests are MD5";
	case RPM_HASH_SHA1:
		return "its file digests are SHA-1";
	default:
		return "its file digests are of an algorithm that is not handled";
	}
}

bool pkgima_rpm_is_file(rpmfiles files, int index)
{
	return S_ISREG(rpmfilesFMode(files, index)) && !(rpmfilesFFlags(files, index) & RPMFILE_GHOST);
}

/* The digest of @index, or NULL: librpm gives zeros where the header has none (lib/rpmfi.c, hex2bin()). */
static const unsigned char *find_digest(rpmfiles files, int index, enum pkgima_hash *ret_hash)
{
	static const unsigned char zeros[PKGIMA_DIGEST_MAX];
	const unsigned char *digest;
	int algorithm = 0;
	size_t length = 0;

	digest = rpmfilesFDigest(files, index, &algorithm, &length);
	if (!digest || !digest_algorithm(algorithm, ret_hash) || length != pkgima_hash_size(*ret_hash) ||
	    !memcmp(digest, zeros, length))
		return NULL;
	return digest;
}

bool pkgima_rpm_has_digest(rpmfiles files, int index)
{
	enum pkgima_hash hash;

	return find_digest(files, index, &hash) != NULL;
}

void pkgima_rpm_entry(rpmfiles files, int index, struct pkgima_entry *ret_entry)
{
	static const unsigned char none[PKGIMA_SIGNATURE_HEADER];
	const unsigned char *digest, *signature;
	size_t length = 0;

	memset(ret_entry, 0, sizeof(*ret_entry));
	ret_entry->type = rpmfilesFFlags(files, index) & RPMFILE_CONFIG ? PKGIMA_ENTRY_CONFFILE : PKGIMA_ENTRY_FILE;
	ret_entry->mode = rpmfilesFMode(files, index);
	ret_entry->size = rpmfilesFSize(files, index);
	digest = find_digest(files, index, &ret_entry->hash);
	if (!digest)
		return;
	memcpy(ret_entry->digest, digest, pkgima_hash_size(ret_entry->hash));
	signature = rpmfilesFSignature(files, index, &length);
	/* What rpm's own plugin takes for none: lib/rpmfi.c gives an empty value, old writers nine zeros. */
	if (!signature || length == 0 || (length == sizeof(none) && !memcmp(signature, none, sizeof(none))))
		return;
	ret_entry->ima.bytes = signature;
	ret_entry->ima.length = length;
}

static bool is_hexadecimal(const char *text)
{
	size_t length = strspn(text, "0123456789abcdefABCDEF");

	return !text[length] && length % 2 == 0;
}

int pkgima_rpm_check_signatures(Header header, rpmfiles files, bool *ret_signed, struct pkgima_error *error)
{
	struct rpmtd_s values;
	bool is_signed = false;
	const char *value;
	int r = 0;

	if (!headerGet(header, RPMTAG_FILESIGNATURES, &values, HEADERGET_MINMEM)) {
		*ret_signed = false;
		return 0;
	}
	if (rpmtdType(&values) != RPM_STRING_ARRAY_TYPE)
		r = pkgima_fail(error, -EINVAL, "its file signatures are no list of strings");
	else if (rpmtdCount(&values) != rpmfilesFC(files))
		r = pkgima_fail(error, -EINVAL, "it has %u file signatures for %u files: rpm takes none of them",
				rpmtdCount(&values), rpmfilesFC(files));
	while (r == 0 && (value = rpmtdNextString(&values))) {
		is_signed |= *value != '\0';
		if (!is_hexadecimal(value))
			r = pkgima_fail(error, -EINVAL, "a file signature is no hexadecimal: rpm takes none of them");
	}
	rpmtdFreeData(&values);
	if (r == 0)
		*ret_signed = is_signed;
	return r;
}

static int add_entry(rpmfiles files, int index, struct pkgima_entries *entries, struct pkgima_error *error)
{
	struct pkgima_entry *entry = pkgima_entries_add(entries);
	cleanup_free char *path = rpmfilesFN(files, index);
	char safe[256];

	if (!entry)
		return pkgima_fail(error, -E2BIG, "more than %d files, or no memory for them", PKGIMA_ENTRIES_MAX);
	pkgima_rpm_entry(files, index, entry);
	if (!path || !pkgima_path_is_normal(path))
		return pkgima_fail(error, -EINVAL, "a file's path is not plain: %s",
				   pkgima_printable_into(path ? path : "", safe, sizeof(safe)));
	entry->path = pkgima_entries_keep(entries, path, strlen(path));
	if (entry->ima.bytes)
		entry->ima.bytes = pkgima_entries_keep(entries, entry->ima.bytes, entry->ima.length);
	if (!entry->path || (entry->ima.length && !entry->ima.bytes))
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	return 0;
}

static bool is_installed(rpmfiles files, int index)
{
	rpmfileState state = rpmfilesFState(files, index);

	return state == RPMFILE_STATE_MISSING || RPMFILE_IS_INSTALLED(state);
}

int pkgima_rpm_entries(rpmfiles files, struct pkgima_entries *entries, int **ret_indices, struct pkgima_error *error)
{
	int count = (int)rpmfilesFC(files), r = 0;
	cleanup_free int *indices = calloc((size_t)count + 1, sizeof(*indices));
	const char *problem = count ? pkgima_rpm_digest_problem(files) : NULL;
	size_t start = entries->count;

	if (!indices)
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	for (int i = 0; i < count && r == 0; i++) {
		if (!pkgima_rpm_is_file(files, i) || !is_installed(files, i))
			continue;
		if (problem)
			return pkgima_fail(error, -EINVAL, "%s", problem);
		indices[entries->count - start] = i;
		r = add_entry(files, i, entries, error);
	}
	if (r < 0)
		return r;
	if (ret_indices)
		*ret_indices = pkgima_steal_pointer(&indices);
	return 0;
}
