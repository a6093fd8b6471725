// SPDX-License-Identifier: LGPL-2.1-or-later
/* A whole package: without a trusted key no entry of it can be good. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "deb.h"
#include "fuzz.h"
#include "io.h"

static void scan(int fd, size_t size)
{
	struct pkgima_ar_member members[PKGIMA_AR_MEMBERS_MAX];
	struct pkgima_error error = { "" };
	size_t count = 0;

	if (pkgima_ar_scan(fd, members, &count, &error) < 0) {
		promise(error.text[0]);
		return;
	}
	promise(count <= PKGIMA_AR_MEMBERS_MAX);
	for (size_t i = 0; i < count; i++)
		promise((uint64_t)members[i].offset + members[i].size <= size);
}

static void check(const char *path, unsigned int threads)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_deb struct pkgima_deb *deb = NULL;
	struct pkgima_error error = { "" };
	bool has_manifest = false;

	if (!trust)
		return;
	if (pkgima_deb_open(path, &deb, &error) < 0 ||
	    pkgima_deb_check(deb, trust, true, threads, &result, &has_manifest, &error) < 0) {
		promise(error.text[0]);
		/* Names are escaped before they get into a text. */
		for (const char *at = error.text; *at; at++)
			promise((uint8_t)*at >= 0x20 && *at != 0x7f);
		return;
	}
	for (size_t i = 0; i < result.entries.count; i++)
		promise(result.results[i].verdict != PKGIMA_VERDICT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("deb", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || pkgima_write_all(fd, data, size) < 0)
		return 0;
	scan(fd, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check(path, 1 + (size & 1));
	return 0;
}
