// SPDX-License-Identifier: LGPL-2.1-or-later
#include "walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include <linux/magic.h>

#include "beneath.h"
#include "cleanup.h"
#include "entry.h"
#include "escape.h"
#include "list.h"

#ifndef FUSE_SUPER_MAGIC
#define FUSE_SUPER_MAGIC 0x65735546
#endif
#define SMB2_SUPER_MAGIC_NUMBER 0xfe534d42
#define CIFS_MAGIC_NUMBER 0xff534d42
#define CONFIGFS_MAGIC_NUMBER 0x62656570
#define RPC_PIPEFS_MAGIC_NUMBER 0x67596969
#define MQUEUE_MAGIC_NUMBER 0x19800202

/* Folders that are still to be read. */
struct state {
	const struct pkgima_walk *walk;
	char **folders;
	size_t count, capacity;
	dev_t *devices;        /* file systems that were entered */
	size_t device_count;
	struct pkgima_error *error;
};

static int out_of_memory(const struct state *state)
{
	return pkgima_fail(state->error, -ENOMEM, "no memory for the folders to be read");
}

static int push(struct state *state, const char *path)
{
	void *list = pkgima_list_room(state->folders, state->count, &state->capacity, sizeof(*state->folders));

	if (!list)
		return out_of_memory(state);
	state->folders = list;
	state->folders[state->count] = strdup(path);
	if (!state->folders[state->count])
		return out_of_memory(state);
	state->count++;
	return 0;
}

static void pass(const struct state *state, const char *path, const char *why)
{
	char safe[512], sentence[768];

	if (!state->walk->passed)
		return;
	snprintf(sentence, sizeof(sentence), "%s was not looked at: %s", pkgima_printable_into(path, safe, sizeof(safe)), why);
	state->walk->passed(state->walk->context, sentence);
}

enum character { WALKED, WITHOUT_FILES, FOREIGN };

static enum character character_of(const struct statfs *fs)
{
	switch ((uint32_t)fs->f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case SMACK_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case NSFS_MAGIC:
	case EFIVARFS_MAGIC:
	case BPF_FS_MAGIC:
	case PSTOREFS_MAGIC:
	case BINFMTFS_MAGIC:
	case AUTOFS_SUPER_MAGIC:
	case CONFIGFS_MAGIC_NUMBER:
	case RPC_PIPEFS_MAGIC_NUMBER:
	case MQUEUE_MAGIC_NUMBER:
		return WITHOUT_FILES;
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC_NUMBER:
	case CIFS_MAGIC_NUMBER:
	case CEPH_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case AFS_FS_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
		return FOREIGN;
	default:
		return WALKED;
	}
}

/* Is the folder behind @fd, of another device than its parent or where the walk begins, to be read? 1, 0 or -errno. */
static int enter(struct state *state, const char *path, int fd, dev_t device)
{
	struct statfs fs;
	void *list;

	for (size_t i = 0; i < state->device_count; i++)
		if (state->devices[i] == device)
			return 0;
	if (fstatfs(fd, &fs) < 0) {
		pass(state, path, strerror(errno));
		return 0;
	}
	switch (character_of(&fs)) {
	case WITHOUT_FILES:
		return 0;
	case FOREIGN:
		pass(state, path, "it is on a network or FUSE file system");
		return 0;
	default:
		break;
	}
	list = reallocarray(state->devices, state->device_count + 1, sizeof(*state->devices));
	if (!list)
		return out_of_memory(state);
	state->devices = list;
	state->devices[state->device_count++] = device;
	return 1;
}

/* Is it where something is mounted, also the same file system again? */
static bool is_mounted(int folder_fd, const char *name)
{
	struct statx stx;

	return statx(folder_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &stx) == 0 &&
	       stx.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static int take_folder(struct state *state, int parent, const char *name, const char *path, dev_t parent_device,
		       const struct stat *st)
{
	cleanup_close int fd = -1;
	struct stat there;
	int r;

	if (st->st_dev == parent_device && !is_mounted(parent, name))
		return push(state, path);
	fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* Again: opening may have mounted it. */
	if (fd < 0 || fstat(fd, &there) < 0)
		return 0;
	r = enter(state, path, fd, there.st_dev);
	return r > 0 ? push(state, path) : r;
}

static int take_name(struct state *state, int folder_fd, dev_t device, const char *folder, const char *name)
{
	char path[PKGIMA_PATH_MAX + 1];
	struct stat st;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", strcmp(folder, "/") ? folder : "", name) >= (int)sizeof(path)) {
		pass(state, folder, "what is in it has too long a path");
		return 0;
	}
	if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return 0;
	if (S_ISREG(st.st_mode))
		return state->walk->file(state->walk->context, path, &st, state->error);
	return S_ISDIR(st.st_mode) ? take_folder(state, folder_fd, name, path, device, &st) : 0;
}

/* Is it on a file system that is walked? Who replaces a folder by a link to elsewhere must not lead the walk there. */
static bool is_entered(const struct state *state, int fd, struct stat *ret_stat)
{
	if (fstat(fd, ret_stat) < 0)
		return false;
	for (size_t i = 0; i < state->device_count; i++)
		if (state->devices[i] == ret_stat->st_dev)
			return true;
	return false;
}

/* What goes away, or may not be read, while others use the machine is passed over. */
static int read_folder(struct state *state, const char *path)
{
	int fd = pkgima_beneath_open_folder(state->walk->root_fd, path), r = 0;
	struct dirent *file;
	struct stat st;
	DIR *folder;

	if (fd < 0) {
		if (fd != -ENOENT)
			pass(state, path, strerror(-fd));
		return 0;
	}
	if (!is_entered(state, fd, &st)) {
		pass(state, path, "something else was put there");
		close(fd);
		return 0;
	}
	folder = fdopendir(fd);
	if (!folder) {
		close(fd);
		return out_of_memory(state);
	}
	while (errno = 0, r == 0 && (file = readdir(folder)))
		r = take_name(state, fd, st.st_dev, path, file->d_name);
	if (r == 0 && errno)
		pass(state, path, strerror(errno));
	closedir(folder);
	return r;
}

/* Where a walk begins: a file, or a folder, also one that a link leads to. */
static int begin(struct state *state, const char *path)
{
	cleanup_close int fd = -1;
	struct stat st;
	char safe[256];
	int r;

	r = pkgima_beneath_stat(state->walk->root_fd, path, true, &st);
	if (r < 0)
		return pkgima_fail(state->error, r, "cannot look at %s: %s", pkgima_printable_into(path, safe, sizeof(safe)),
				   strerror(-r));
	if (S_ISREG(st.st_mode))
		return state->walk->file(state->walk->context, path, &st, state->error);
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = pkgima_beneath_open_folder(state->walk->root_fd, path);
	r = fd < 0 ? fd : fstat(fd, &st) < 0 ? -errno : 0;
	if (r < 0)
		return pkgima_fail(state->error, r, "cannot open %s: %s", pkgima_printable_into(path, safe, sizeof(safe)),
				   strerror(-r));
	/* Two of the paths may be on one file system. */
	state->device_count = 0;
	r = enter(state, path, fd, st.st_dev);
	return r > 0 ? push(state, path) : r;
}

int pkgima_walk_run(const struct pkgima_walk *walk, const char *const paths[], size_t count, struct pkgima_error *error)
{
	struct state state = { .walk = walk, .error = error };
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		r = begin(&state, paths[i]);
		while (r == 0 && state.count) {
			cleanup_free char *folder = state.folders[--state.count];

			r = read_folder(&state, folder);
		}
	}
	while (state.count)
		free(state.folders[--state.count]);
	free(state.folders);
	free(state.devices);
	return r;
}

static size_t place_of(const struct pkgima_file_set *set, dev_t device, ino_t inode)
{
	uint64_t mixed = ((uint64_t)inode ^ (uint64_t)device << 40) * 0x9e3779b97f4a7c15U;
	size_t place = (size_t)(mixed >> 20) & (set->capacity - 1);

	while (set->items[place].path && (set->items[place].device != device || set->items[place].inode != inode))
		place = (place + 1) & (set->capacity - 1);
	return place;
}

/* Not more than half of the places are taken. */
static int grow(struct pkgima_file_set *set)
{
	struct pkgima_file_set larger = { .capacity = set->capacity ? set->capacity * 2 : 1024, .count = set->count };

	larger.items = calloc(larger.capacity, sizeof(*larger.items));
	if (!larger.items)
		return -ENOMEM;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->items[i].path)
			larger.items[place_of(&larger, set->items[i].device, set->items[i].inode)] = set->items[i];
	free(set->items);
	*set = larger;
	return 0;
}

int pkgima_file_set_add(struct pkgima_file_set *set, const struct stat *st, const char *path)
{
	struct pkgima_file_item *item;

	if (set->count * 2 >= set->capacity && grow(set) < 0)
		return -ENOMEM;
	item = &set->items[place_of(set, st->st_dev, st->st_ino)];
	if (item->path)
		return -EEXIST;
	*item = (struct pkgima_file_item){ .device = st->st_dev, .inode = st->st_ino, .path = strdup(path) };
	if (!item->path)
		return -ENOMEM;
	set->count++;
	return 0;
}

struct pkgima_file_item *pkgima_file_set_find(const struct pkgima_file_set *set, const struct stat *st)
{
	struct pkgima_file_item *item;

	if (!set->count)
		return NULL;
	item = &set->items[place_of(set, st->st_dev, st->st_ino)];
	return item->path ? item : NULL;
}

void pkgima_file_set_free(struct pkgima_file_set *set)
{
	for (size_t i = 0; i < set->capacity; i++)
		free(set->items[i].path);
	free(set->items);
	memset(set, 0, sizeof(*set));
}
