// SPDX-License-Identifier: LGPL-2.1-or-later
/* Ways around appraisal that the kernel can close while it runs, for good. Each can be left open by a setting. */
#include "init.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../lib/beneath.h"

#define KEXEC "/proc/sys/kernel/kexec_load_disabled"
#define LOCKDOWN "/sys/kernel/security/lockdown"
#define SIG_ENFORCE "/sys/module/module/parameters/sig_enforce"

/* Folders within folders of modules that are looked into, and entries in all. */
#define DEPTH_MAX 8
#define ENTRIES_MAX 16384

enum found { NOTHING, PLAIN, COMPRESSED };

static enum found kind_of(const char *name)
{
	const char *end = strstr(name, ".ko");

	if (!end)
		return NOTHING;
	return !end[3] ? PLAIN : end[3] == '.' ? COMPRESSED : NOTHING;
}

/* The first module that is found tells for all. Takes @fd over. Nothing is opened but folders. */
static enum found find_module(int fd, unsigned int depth, unsigned int *entries)
{
	DIR *folder = fdopendir(fd);
	enum found found = NOTHING;
	struct dirent *entry;

	if (!folder) {
		close(fd);
		return NOTHING;
	}
	while (!found && (*entries)++ < ENTRIES_MAX && (entry = readdir(folder))) {
		int inner;

		found = kind_of(entry->d_name);
		if (found || entry->d_name[0] == '.' || depth == DEPTH_MAX)
			continue;
		inner = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (inner >= 0)
			found = find_module(inner, depth + 1, entries);
	}
	closedir(folder);
	return found;
}

static bool modules_are_compressed(void)
{
	cleanup_close int root = pkgima_root_open("/", NULL);
	unsigned int entries = 0;
	struct utsname name;
	char path[256];
	int fd;

	if (root < 0 || uname(&name) < 0)
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/kernel", name.release);
	fd = pkgima_beneath_open_folder(root, path);
	return fd >= 0 && find_module(fd, 0, &entries) == COMPRESSED;
}

static void lock_down(struct init *init)
{
	char text[64];
	int r = (int)kernel_read(LOCKDOWN, text, sizeof(text));

	/* A kernel without it; or "[integrity]" already, or more. */
	if (r == -ENOENT || (r >= 0 && !strstr(text, "[none]")))
		return;
	if (r >= 0)
		r = kernel_write(LOCKDOWN, "integrity");
	if (r < 0)
		report_failure(init, FAILURE_LOCKDOWN, "%s", strerror(-r));
}

void switches_set(struct init *init)
{
	const struct settings *settings = &init->settings;
	int r;

	r = settings->kexec ? kernel_write(KEXEC, "1") : 0;
	if (r < 0 && r != -ENOENT)
		report_failure(init, FAILURE_KEXEC, "%s", strerror(-r));
	/* kmod decompresses, and a module without a file cannot be appraised: the kernel's own key has to judge it. */
	r = settings->modules && modules_are_compressed() ? kernel_write(SIG_ENFORCE, "1") : 0;
	if (r < 0 && r != -ENOENT)
		report_failure(init, FAILURE_MODULES, "%s", strerror(-r));
	if (settings->lockdown)
		lock_down(init);
}
