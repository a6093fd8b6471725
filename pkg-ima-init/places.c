// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Two ways of being started. From /ima/init of the root: then all that is read is the root's. Or from the end of an
 * initramfs, which has put the program, and what the root is not trusted with, on a tmpfs below the root's /run: then the
 * program reads what lies beside it, and detaches that file system before the real init starts, so that nothing executable
 * stays that is not the root's.
 */
#include "init.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const struct places of_root = {
	.fd = -1,
	.settings = "/etc/ima-init/init.conf",
	.ca = "/etc/keys/ima-ca",
	.evm_ca = "/etc/keys/evm-ca",
	.policy = "/etc/ima-init/policy",
	.signature = "/etc/ima-init/policy.sig",
};

static const struct places of_initramfs = {
	.carried = true,
	.fd = -1,
	.settings = "/init.conf",
	.ca = "/ca",
	.evm_ca = "/evm-ca",
	.policy = "/policy",
	.signature = "/policy.sig",
};

/* A folder that is where a tmpfs is mounted, and not the root: what the initramfs has made. */
static bool is_carrier(const char *folder)
{
	struct statfs fs;
	struct stat here, above;
	char up[160];

	snprintf(up, sizeof(up), "%s/..", folder);
	return statfs(folder, &fs) == 0 && (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC) &&
	       stat(folder, &here) == 0 && stat(up, &above) == 0 && here.st_dev != above.st_dev;
}

void places_find(struct init *init)
{
	struct places *places = &init->places;
	char self[sizeof(places->folder)];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	*places = of_root;
	if (length > 0 && (size_t)length < sizeof(self) - 1) {
		self[length] = '\0';
		slash = strrchr(self, '/');
		if (slash && slash != self) {
			*slash = '\0';
			if (is_carrier(self)) {
				*places = of_initramfs;
				strcpy(places->folder, self);
			}
		}
	}
	places->fd = open(places->carried ? places->folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void places_leave(struct init *init)
{
	struct places *places = &init->places;

	if (places->fd >= 0)
		close(pkgima_steal_fd(&places->fd));
	if (!places->carried)
		return;
	if (umount2(places->folder, MNT_DETACH) < 0)
		report_failure(init, FAILURE_DETACH, "%s: %s", places->folder, strerror(errno));
	else
		rmdir(places->folder);
}
