// SPDX-License-Identifier: LGPL-2.1-or-later
/* A whole .rpm, headers and payload: without a trusted key no file of it can be good. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "io.h"
#include "package.h"
#include "rpm.h"

/* librpm loses a few bytes where a header is wrong. What is lost here is still found. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:librpmio.so\nleak:librpm.so\n";
}

static void check(const char *path)
{
	cleanup_package_check struct pkgima_package_check result = { 0 };
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_rpm struct pkgima_rpm *rpm = NULL;
	struct pkgima_error error = { "" };
	uint32_t longest;

	if (!trust)
		return;
	if (pkgima_rpm_open(path, &rpm, &error) < 0 ||
	    pkgima_rpm_check(rpm, trust, true, 1, &result, &error) < 0) {
		promise(error.text[0]);
		/* Names are escaped before they get into a text. */
		for (const char *at = error.text; *at; at++)
			promise((uint8_t)*at >= 0x20 && *at != 0x7f);
		return;
	}
	pkgima_rpm_wrong_length(rpm, &longest);
	for (size_t i = 0; i < result.entries.count; i++)
		promise(result.results[i].verdict != PKGIMA_VERDICT_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("rpm", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || pkgima_write_all(fd, data, size) < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	check(path);
	return 0;
}
