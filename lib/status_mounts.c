// SPDX-License-Identifier: LGPL-2.1-or-later
/* File systems: which carry signatures, and what that takes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"
#include "check.h"
#include "cleanup.h"
#include "escape.h"
#include "io.h"
#include "mounts.h"
#include "status_checks.h"

#define MOUNTINFO "/proc/self/mountinfo"
#define MOUNTINFO_MAX ((size_t)16 * 1024 * 1024)
/* So many mounts of one kind are named. */
#define NAMED 6

enum kind { KIND_CARRIES, KIND_LOST, KIND_OVERLAY, KIND_OTHERS, KIND_NONE, KIND_NOEXEC, KIND_UNKNOWN, KIND_PSEUDO };

static bool is_one_of(const char *type, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(type, *names))
			return true;
	return false;
}

/* Does it take security.ima? Of what is mounted at @path; nothing is written. */
static enum kind probe(const struct pkgima_status *status, const char *path)
{
	cleanup_close int fd = pkgima_beneath_open_folder(status->root_fd, path);

	if (fd < 0)
		return KIND_UNKNOWN;
	if (fgetxattr(fd, PKGIMA_XATTR_IMA, NULL, 0) >= 0)
		return KIND_CARRIES;
	switch (errno) {
	case ENODATA:
		return KIND_CARRIES;
	case EOPNOTSUPP:
		return KIND_NONE;
	default:
		return KIND_UNKNOWN;
	}
}

/* Those of which others decide what is read are not touched: that may take for ever. */
static enum kind kind_of(const struct pkgima_status *status, const struct pkgima_mount *mount)
{
	static const char *const pseudo[] = {
		"proc", "sysfs", "securityfs", "cgroup", "cgroup2", "pstore", "bpf", "tracefs", "debugfs", "configfs", "devpts",
		"mqueue", "hugetlbfs", "fusectl", "efivarfs", "autofs", "binfmt_misc", "rpc_pipefs", "nfsd", "selinuxfs", "smackfs",
		"nsfs", NULL
	};
	static const char *const none[] = { "vfat", "msdos", "exfat", "ntfs", "iso9660", "udf", "ramfs", "rootfs", "minix", "hfs",
					    "qnx4", NULL };
	static const char *const others[] = { "nfs", "nfs4", "cifs", "smb3", "9p", "virtiofs", "ceph", "afs", "fuseblk", "fuse",
					      NULL };
	enum kind kind;

	if (is_one_of(mount->type, pseudo))
		return KIND_PSEUDO;
	if (mount->noexec)
		return KIND_NOEXEC;
	if (is_one_of(mount->type, others) || !strncmp(mount->type, "fuse.", 5))
		return KIND_OTHERS;
	if (is_one_of(mount->type, none))
		return KIND_NONE;
	kind = probe(status, mount->path);
	if (kind != KIND_CARRIES)
		return kind;
	if (!strcmp(mount->type, "overlay"))
		return KIND_OVERLAY;
	return !strcmp(mount->type, "tmpfs") || !strcmp(mount->type, "devtmpfs") ? KIND_LOST : KIND_CARRIES;
}

/* "/, /home and 3 more": the mounts of one kind and type, from @first on. */
static void name_mounts(const struct pkgima_mounts *mounts, const enum kind *kinds, size_t first, char *text, size_t capacity)
{
	size_t count = 0, used = 0;

	*text = '\0';
	for (size_t i = first; i < mounts->count; i++) {
		char safe[128];

		if (kinds[i] != kinds[first] || strcmp(mounts->list[i].type, mounts->list[first].type) != 0)
			continue;
		if (count++ < NAMED)
			used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "",
						 pkgima_printable_into(mounts->list[i].path, safe, sizeof(safe)));
	}
	if (count > NAMED)
		snprintf(text + used, capacity - used, " and %zu more", count - NAMED);
}

static void tell_mounts(struct pkgima_status *status, enum kind kind, const char *type, const char *places, bool has_root)
{
	switch (kind) {
	case KIND_CARRIES:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_OK, NULL, "%s carries signatures: %s", type, places);
		break;
	case KIND_LOST:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_OK, NULL, "%s carries signatures as long as it is mounted: %s",
				   type, places);
		break;
	case KIND_OVERLAY:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_ATTENTION, "sign what is in its layers; no rule by fsuuid "
				   "reaches it", "%s carries the signatures of its layers: %s", type, places);
		break;
	case KIND_OTHERS:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_ATTENTION, "mount it with noexec, or sign what has to be run "
				   "elsewhere", "%s: others decide what is read there: %s", type, places);
		break;
	case KIND_NONE:
		pkgima_status_tell(status, "mounts", has_root ? PKGIMA_STATUS_MISSING : PKGIMA_STATUS_ATTENTION,
				   has_root ? "have the root on ext4, xfs or btrfs" : "mount it with noexec; programs there will be "
				   "denied", "%s carries no signatures: %s", type, places);
		break;
	case KIND_NOEXEC:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_OK, NULL, "%s, where nothing can be run (noexec): %s", type, places);
		break;
	default:
		pkgima_status_tell(status, "mounts", PKGIMA_STATUS_ATTENTION, "run it as root", "%s could not be looked at: %s", type,
				   places);
		break;
	}
}

static bool is_first(const struct pkgima_mounts *mounts, const enum kind *kinds, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (kinds[i] == kinds[index] && !strcmp(mounts->list[i].type, mounts->list[index].type))
			return false;
	return true;
}

static bool read_mounts(struct pkgima_status *status, const char *check, struct pkgima_mounts *mounts)
{
	cleanup_free char *text = NULL;
	struct pkgima_error error = { "it cannot be read" };
	size_t length;

	text = pkgima_status_read_all(status, MOUNTINFO, MOUNTINFO_MAX, &length);
	if (text && pkgima_mounts_parse((const uint8_t *)text, length, mounts, &error) == 0)
		return true;
	pkgima_status_tell(status, check, PKGIMA_STATUS_ATTENTION, "mount /proc", MOUNTINFO ": %.300s", error.text);
	return false;
}

void pkgima_status_mounts(struct pkgima_status *status)
{
	cleanup_mounts struct pkgima_mounts mounts = { 0 };
	cleanup_free enum kind *kinds = NULL;

	if (!read_mounts(status, "mounts", &mounts))
		return;
	kinds = calloc(mounts.count + 1, sizeof(*kinds));
	for (size_t i = 0; kinds && i < mounts.count; i++)
		kinds[i] = kind_of(status, &mounts.list[i]);
	for (size_t i = 0; kinds && i < mounts.count; i++) {
		char places[900], type[64];
		bool has_root = false;

		if (kinds[i] == KIND_PSEUDO || !is_first(&mounts, kinds, i))
			continue;
		for (size_t k = i; k < mounts.count; k++)
			has_root = has_root || (kinds[k] == kinds[i] && !strcmp(mounts.list[k].path, "/") &&
						!strcmp(mounts.list[k].type, mounts.list[i].type));
		name_mounts(&mounts, kinds, i, places, sizeof(places));
		pkgima_printable_into(mounts.list[i].type, type, sizeof(type));
		tell_mounts(status, kinds[i], type, places, has_root);
	}
}

int pkgima_ext4_inode_size(int fd, unsigned int *ret_size)
{
	uint8_t block[1024];
	unsigned int size = 128;

	if (pkgima_pread_all(fd, block, sizeof(block), 1024) != sizeof(block) || block[0x38] != 0x53 || block[0x39] != 0xef)
		return -EINVAL;
	/* s_rev_level: the first revision had inodes of 128 bytes. */
	if (block[0x4c] || block[0x4d] || block[0x4e] || block[0x4f])
		size = block[0x58] | (unsigned int)block[0x59] << 8;
	if (size < 128 || size & (size - 1))
		return -EINVAL;
	*ret_size = size;
	return 0;
}

/* The block device of a mount, for reading: by the name that the kernel gives it. */
static int open_device(const struct pkgima_status *status, const struct pkgima_mount *mount)
{
	cleanup_close int folder = -1, fd = -1;
	char path[64], text[1024], *name;
	const char *last;
	struct stat st;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/uevent", mount->major, mount->minor);
	if (!pkgima_status_read(status, path, text, sizeof(text)))
		return -ENOENT;
	name = strstr(text, "DEVNAME=");
	if (!name || (name != text && name[-1] != '\n'))
		return -ENOENT;
	name += strlen("DEVNAME=");
	name[strcspn(name, "\n")] = '\0';
	/* In place: "/dev/" is shorter than what stood there. */
	name = memcpy(name - 5, "/dev/", 5);
	folder = pkgima_beneath_open_parent(status->root_fd, name, &last);
	if (folder < 0)
		return folder;
	fd = openat(folder, last, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || st.st_rdev != makedev(mount->major, mount->minor))
		return -ENODEV;
	return pkgima_steal_fd(&fd);
}

static bool is_ext(const struct pkgima_mount *mount)
{
	return !strcmp(mount->type, "ext4") || !strcmp(mount->type, "ext3") || !strcmp(mount->type, "ext2");
}

/* What is mounted at the root last, which is what is seen. */
static const struct pkgima_mount *find_root(const struct pkgima_mounts *mounts)
{
	const struct pkgima_mount *root = NULL;

	for (size_t i = 0; i < mounts->count; i++)
		if (!strcmp(mounts->list[i].path, "/"))
			root = &mounts->list[i];
	return root;
}

/* Of the root. Inodes of 512 bytes have room for an RSA-2048 signature beside what ext4 keeps there; these have not. */
static void tell_cost(struct pkgima_status *status, const char *type, unsigned int size)
{
	static const uintmax_t block = 4096;
	size_t files = status->packages ? status->packages->files : 0;
	size_t left = status->packages ? files - status->packages->carrying - status->packages->foreign : 0;
	uintmax_t cost = (uintmax_t)left * block;
	struct statvfs fs;

	if (fstatvfs(status->root_fd, &fs) == 0 && cost > (uintmax_t)fs.f_bavail * fs.f_frsize)
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_ATTENTION, "make room, or have select=exec in /etc/pkgima.conf",
				   "/ (%s) has inodes of %u bytes: each signature takes a block of 4 KiB, %ju MiB for %zu files that "
				   "carry none yet, and %ju MiB are free", type, size, cost >> 20, left,
				   ((uintmax_t)fs.f_bavail * fs.f_frsize) >> 20);
	else
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_OK, NULL, "/ (%s) has inodes of %u bytes: each signature takes a block "
				   "of 4 KiB, %ju MiB for %zu files of packages, %zu of which carry none yet", type, size,
				   ((uintmax_t)files * block) >> 20, files, left);
}

/* A file system of the ext family; files of packages are taken to be on the root. */
static void tell_inodes(struct pkgima_status *status, const struct pkgima_mount *mount, bool is_root)
{
	cleanup_close int fd = open_device(status, mount);
	char safe[128];
	unsigned int size;

	pkgima_printable_into(mount->path, safe, sizeof(safe));
	if (fd < 0 || pkgima_ext4_inode_size(fd, &size) < 0)
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_ATTENTION, "run it as root; or see tune2fs -l", "the inode size of %s (%s) "
				   "is not known: with 256 bytes each signature takes a block of 4 KiB", safe, mount->type);
	else if (size > 256)
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_OK, NULL, "%s (%s) has inodes of %u bytes: signatures of up to %u "
				   "bytes lie in them and take no space", safe, mount->type, size, size - 192);
	else if (is_root)
		tell_cost(status, mount->type, size);
	else
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_OK, NULL, "%s (%s) has inodes of %u bytes: each signature takes a "
				   "block of 4 KiB", safe, mount->type, size);
}

/* One that is mounted twice is told once. */
static bool is_told(const struct pkgima_mounts *mounts, const struct pkgima_mount *mount, const struct pkgima_mount *root)
{
	if (mount != root && mount->major == root->major && mount->minor == root->minor)
		return true;
	for (const struct pkgima_mount *other = mounts->list; other != mount; other++)
		if (other->major == mount->major && other->minor == mount->minor)
			return true;
	return false;
}

void pkgima_status_inodes(struct pkgima_status *status)
{
	cleanup_mounts struct pkgima_mounts mounts = { 0 };
	const struct pkgima_mount *root;
	char type[64];

	if (!read_mounts(status, "inodes", &mounts))
		return;
	root = find_root(&mounts);
	if (!root || !is_ext(root))
		pkgima_status_tell(status, "inodes", PKGIMA_STATUS_OK, NULL, "what a signature takes on %s is not known; on ext4 it is up to "
				   "4 KiB", pkgima_printable_into(root ? root->type : "the root", type, sizeof(type)));
	else
		tell_inodes(status, root, true);
	for (size_t i = 0; root && i < mounts.count; i++) {
		const struct pkgima_mount *mount = &mounts.list[i];

		if (mount != root && is_ext(mount) && !mount->noexec && !is_told(&mounts, mount, root))
			tell_inodes(status, mount, false);
	}
}
