// SPDX-License-Identifier: LGPL-2.1-or-later
/* dpkg's database. The input is, with a NUL between them, the file of diversions, a list and a manifest. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "dpkg.h"
#include "fuzz.h"
#include "io.h"

static char folder[64];

static void remove_folder(void)
{
	static const char *const names[] = { "info/x.list", "info/x.imasigs", "info", "diversions", "" };
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		remove(path);
	}
}

static bool make_folder(void)
{
	char path[128];

	if (folder[0])
		return true;
	strcpy(folder, "/tmp/fuzz-dpkg.XXXXXX");
	if (!mkdtemp(folder))
		return false;
	atexit(remove_folder);
	snprintf(path, sizeof(path), "%s/info", folder);
	return mkdir(path, 0700) == 0;
}

/* What is before the next NUL goes into the file. */
static void write_part(int root, const char *name, const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\0', *size);
	size_t length = end ? (size_t)(end - *data) : *size;
	int fd = openat(root, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd >= 0) {
		pkgima_write_all(fd, *data, length);
		close(fd);
	}
	length += end != NULL;
	*data += length;
	*size -= length;
}

static void look_up(const struct pkgima_dpkg *dpkg)
{
	static const char *const paths[] = { "/usr/bin/x", "/bin/sh", "/", "/a" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		promise(pkgima_dpkg_divert(dpkg, "x", paths[i]));
		pkgima_dpkg_owns((void *)dpkg, paths[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_error error = { "" };
	cleanup_close int root = -1;

	if (!make_folder())
		return 0;
	root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return 0;
	write_part(root, "diversions", &data, &size);
	write_part(root, "info/x.list", &data, &size);
	write_part(root, "info/x.imasigs", &data, &size);
	if (pkgima_dpkg_open(root, "/", &dpkg, &error) < 0)
		return 0;
	look_up(dpkg);
	if (pkgima_dpkg_read(dpkg, "x", &entries, &error) < 0) {
		promise(error.text[0]);
		return 0;
	}
	for (size_t i = 1; i < entries.count; i++)
		promise(strcmp(entries.list[i - 1].path, entries.list[i].path) < 0);
	return 0;
}
