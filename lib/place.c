// SPDX-License-Identifier: LGPL-2.1-or-later
#include "place.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

#include <linux/magic.h>

#include "cleanup.h"

#define OVERLAY_MAGIC 0x794c7630
#define BY_UUID "/dev/disk/by-uuid"

/* include/uapi/linux/fs.h, Linux 6.9; and fs/ext4/ext4.h, 6.0. Headers may be older. */
struct fs_uuid { uint8_t length, uuid[16]; };
#define IOC_FS_UUID _IOR(0x15, 0, struct fs_uuid)
struct ext4_uuid_head { uint32_t length, flags; };
struct ext4_uuid { struct ext4_uuid_head head; uint8_t uuid[16]; };
#define IOC_EXT4_UUID _IOR('f', 44, struct ext4_uuid_head)

/* A line of mountinfo: "MOUNT … - TYPE SOURCE OPTIONS". */
static bool take_line(char *line, uint64_t mount, struct pkgima_places_item *item)
{
	char *type = strstr(line, " - "), *dot;

	if (!type || strtoull(line, NULL, 10) != mount)
		return false;
	type += 3;
	type[strcspn(type, " \n")] = '\0';
	dot = strchr(type, '.');
	if (dot) {
		*dot = '\0';
		snprintf(item->fs_subtype, sizeof(item->fs_subtype), "%s", dot + 1);
	}
	snprintf(item->fsname, sizeof(item->fsname), "%s", type);
	return true;
}

/* By the mount: on overlayfs, btrfs and others a file's device is none that mountinfo knows. */
static void find_name(struct pkgima_places_item *item, int fd)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	struct statx stx = { .stx_mask = 0 };
	char *line = NULL;
	size_t capacity = 0;
	bool found = false;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &stx) == 0 && stx.stx_mask & STATX_MNT_ID)
		while (mounts && !found && getline(&line, &capacity, mounts) > 0)
			found = take_line(line, stx.stx_mnt_id, item);
	free(line);
	if (mounts)
		fclose(mounts);
	if (!found)
		return;
	item->place.fsname = item->fsname;
	/* Without one none matches. */
	item->place.fs_subtype = item->fs_subtype;
}

static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	unsigned int byte[16];
	int length = 0;

	if (sscanf(text, "%2x%2x%2x%2x-%2x%2x-%2x%2x-%2x%2x-%2x%2x%2x%2x%2x%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &byte[6], &byte[7], &byte[8], &byte[9], &byte[10], &byte[11], &byte[12], &byte[13],
		   &byte[14], &byte[15], &length) != 16 || text[length])
		return false;
	for (int i = 0; i < 16; i++)
		uuid[i] = (uint8_t)byte[i];
	return true;
}

static bool find_uuid_of_device(dev_t device, uint8_t uuid[16])
{
	DIR *folder = opendir(BY_UUID);
	struct dirent *file;
	bool found = false;

	while (folder && !found && (file = readdir(folder))) {
		struct stat st;

		found = fstatat(dirfd(folder), file->d_name, &st, 0) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == device &&
			parse_uuid(file->d_name, uuid);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void find_uuid(struct pkgima_places_item *item, int fd)
{
	struct fs_uuid any = { 0 };
	struct ext4_uuid ext4 = { .head = { .length = sizeof(ext4.uuid) } };

	switch ((uint32_t)item->place.fsmagic) {
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAY_MAGIC:
		/* None, or a new one with each mount. */
		item->place.uuid_state = PKGIMA_IMA_UUID_NONE;
		return;
	default:
		break;
	}
	item->place.uuid_state = PKGIMA_IMA_UUID_KNOWN;
	if (ioctl(fd, IOC_FS_UUID, &any) == 0 && any.length == sizeof(any.uuid))
		memcpy(item->place.fsuuid, any.uuid, sizeof(any.uuid));
	else if (item->place.fsmagic == EXT4_SUPER_MAGIC && ioctl(fd, IOC_EXT4_UUID, &ext4) == 0)
		memcpy(item->place.fsuuid, ext4.uuid, sizeof(ext4.uuid));
	else if (!find_uuid_of_device(item->device, item->place.fsuuid))
		item->place.uuid_state = PKGIMA_IMA_UUID_UNKNOWN;
}

static struct pkgima_places_item *make_item(int fd, dev_t device)
{
	struct pkgima_places_item *item = calloc(1, sizeof(*item));
	struct statfs fs;

	if (!item)
		return NULL;
	item->device = device;
	if (fstatfs(fd, &fs) == 0)
		item->place.fsmagic = (uint32_t)fs.f_type;
	find_name(item, fd);
	find_uuid(item, fd);
	return item;
}

const struct pkgima_ima_place *pkgima_places_find(struct pkgima_places *places, int fd, const struct stat *st)
{
	struct pkgima_places_item *item;

	pthread_mutex_lock(&places->lock);
	for (item = places->items; item && item->device != st->st_dev; )
		item = item->next;
	if (!item) {
		item = make_item(fd, st->st_dev);
		if (item) {
			item->next = places->items;
			places->items = item;
		}
	}
	pthread_mutex_unlock(&places->lock);
	return item ? &item->place : NULL;
}

void pkgima_places_free(struct pkgima_places *places)
{
	while (places->items) {
		struct pkgima_places_item *item = places->items;

		places->items = item->next;
		free(item);
	}
	pthread_mutex_destroy(&places->lock);
}
