// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static bool is_of(const char *folder, long magic)
{
	struct statfs fs;

	return statfs(folder, &fs) == 0 && (long)fs.f_type == magic;
}

/* A folder that is missing is made; where the root cannot be written the mount tells. */
static int mount_on(const char *type, const char *folder, unsigned long flags, const char *data)
{
	mkdir(folder, 0755);
	if (mount(type, folder, type, flags, data) < 0 && errno != EBUSY)
		return -errno;
	return 0;
}

void mount_proc(struct init *init)
{
	int r;

	if (is_of("/proc", PROC_SUPER_MAGIC))
		return;
	r = mount_on("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (r < 0)
		report_failure(init, FAILURE_PROC, "%s", strerror(-r));
}

/* Is a file system of its own mounted there? */
static bool is_mounted(const char *folder)
{
	struct stat here, above;

	return stat(folder, &here) == 0 && stat("/", &above) == 0 && here.st_dev != above.st_dev;
}

void mount_others(struct init *init)
{
	static const struct {
		const char *type, *folder, *data;
		unsigned long flags;
		long magic;   /* 0: any file system will do */
	} all[] = {
		{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, 0 },
		{ "sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, SYSFS_MAGIC },
		{ "securityfs", "/sys/kernel/security", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, SECURITYFS_MAGIC },
		{ "tmpfs", "/run", "mode=0755,size=20%", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		int r;

		if (all[i].magic ? is_of(all[i].folder, all[i].magic) : is_mounted(all[i].folder))
			continue;
		r = mount_on(all[i].type, all[i].folder, all[i].flags, all[i].data);
		/* A kernel without it has no folder for it. */
		if (all[i].magic == SECURITYFS_MAGIC)
			init->no_securityfs = r < 0 && r != -ENODEV && !(r == -ENOENT && is_of("/sys", SYSFS_MAGIC));
		if (r < 0)
			report_failure(init, FAILURE_MOUNT, "%s on %s: %s", all[i].type, all[i].folder, strerror(-r));
	}
}
