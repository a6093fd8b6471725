// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package.h"

#include <errno.h>

#include "deb.h"
#include "rpm.h"
#include "../rpm_files.h"

static int check_hash(const struct pkgima_rpm *rpm, enum pkgima_hash hash, struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	int r = pkgima_rpm_entries(rpm->files, &entries, NULL, error);

	if (r < 0 || !entries.count || entries.list[0].hash == hash)
		return r;
	return pkgima_fail(error, -EINVAL, "its file digests are %s, as rpmbuild made them: --hash cannot change that",
			   pkgima_hash_name(entries.list[0].hash));
}

int pkgima_package_sign(const struct pkgima_package *package, struct pkgima_signer *signer, const enum pkgima_hash *hash,
			unsigned int threads, struct pkgima_output *output, size_t *ret_entries,
			struct pkgima_error *error)
{
	int r;

	if (package->format == &pkgima_format_deb)
		return pkgima_deb_sign(package->file, signer, hash ? *hash : PKGIMA_HASH_SHA256, threads, output,
				       ret_entries, error);
	r = hash ? check_hash(package->file, *hash, error) : 0;
	return r < 0 ? r : pkgima_rpm_sign(package->file, signer, output, ret_entries, error);
}

int pkgima_package_digests(const struct pkgima_package *package, const enum pkgima_hash *hash, unsigned int threads,
			   struct pkgima_entries *entries, struct pkgima_error *error)
{
	int r;

	if (package->format == &pkgima_format_deb)
		return pkgima_deb_digests(package->file, hash ? *hash : PKGIMA_HASH_SHA256, threads, entries, error);
	r = hash ? check_hash(package->file, *hash, error) : 0;
	return r < 0 ? r : pkgima_rpm_digests(package->file, entries, error);
}

int pkgima_package_strip(const struct pkgima_package *package, struct pkgima_output *output, bool *ret_was_signed,
			 struct pkgima_error *error)
{
	if (package->format == &pkgima_format_deb)
		return pkgima_deb_strip(package->file, output, ret_was_signed, error);
	return pkgima_rpm_strip(package->file, output, ret_was_signed, error);
}

const char *pkgima_package_broken_by_signing(const struct pkgima_package *package)
{
	if (package->format == &pkgima_format_deb && pkgima_deb_has_openpgp(package->file))
		return "its debsigs signature has to be made anew";
	return NULL;
}
