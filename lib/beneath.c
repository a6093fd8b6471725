// SPDX-License-Identifier: LGPL-2.1-or-later
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "escape.h"
#include "io.h"

static int open_resolved(int root_fd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	/* EAGAIN: a rename elsewhere raced with the walk, openat2(2) says to try again. */
	for (int attempt = 0; attempt < 32; attempt++) {
		fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

static int open_beneath(int root_fd, const char *path, uint64_t flags)
{
	return open_resolved(root_fd, path, flags, 0);
}

int pkgima_root_open(const char *path, struct pkgima_error *error)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char safe[256];

	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open the root %s",
					 pkgima_printable_into(path, safe, sizeof(safe)));
	return fd;
}

static int open_regular(int root_fd, const char *path, uint64_t flags, uint64_t resolve, struct stat *ret_stat)
{
	cleanup_close int fd = -1;
	struct stat st;

	fd = open_resolved(root_fd, path, flags, resolve);
	if (fd == -ENOTDIR)
		return -ENOENT;
	if (fd == -ELOOP || fd == -ENXIO)
		return -EINVAL;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (ret_stat)
		*ret_stat = st;
	return pkgima_steal_fd(&fd);
}

/* O_NONBLOCK and O_NOCTTY: opening a FIFO or a terminal must have no effect before fstat() tells what it is. */

int pkgima_beneath_open_file(int root_fd, const char *path, struct stat *ret_stat)
{
	return open_regular(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, ret_stat);
}

int pkgima_beneath_open_followed(int root_fd, const char *path, struct stat *ret_stat)
{
	return open_regular(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, ret_stat);
}

int pkgima_beneath_open_path(int root_fd, const char *path, struct stat *ret_stat)
{
	return open_regular(root_fd, path, O_PATH | O_NOFOLLOW, 0, ret_stat);
}

int pkgima_beneath_open_for_writing(int root_fd, const char *path, struct stat *ret_stat)
{
	return open_regular(root_fd, path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0, ret_stat);
}

int pkgima_beneath_open_real_file(int root_fd, const char *path, struct stat *ret_stat)
{
	return open_regular(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, RESOLVE_NO_SYMLINKS, ret_stat);
}

int pkgima_beneath_stat(int root_fd, const char *path, bool follow, struct stat *ret_stat)
{
	cleanup_close int fd = open_resolved(root_fd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), 0);

	if (fd < 0)
		return fd;
	return fstat(fd, ret_stat) < 0 ? -errno : 0;
}

bool pkgima_beneath_leads_to(int root_fd, const char *path, bool follow, const struct stat *st)
{
	struct stat own;

	return pkgima_beneath_stat(root_fd, path, follow, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino;
}

int pkgima_beneath_open_folder(int root_fd, const char *path)
{
	return open_beneath(root_fd, path, O_RDONLY | O_DIRECTORY);
}

int pkgima_beneath_open_real_folder(int root_fd, const char *path)
{
	return open_resolved(root_fd, path, O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

int pkgima_beneath_make_real_folder(int root_fd, const char *path)
{
	char name[PATH_MAX];

	if (strlen(path) >= sizeof(name) || path[0] != '/')
		return -EINVAL;
	memcpy(name, path, strlen(path) + 1);
	/* Each folder is opened by itself, so that mkdirat() follows no link. */
	for (char *slash = name; slash; slash = strchr(slash + 1, '/')) {
		cleanup_close int folder = -1;
		size_t length = strcspn(slash + 1, "/");
		char kept = slash[1 + length];

		*slash = '\0';
		folder = pkgima_beneath_open_real_folder(root_fd, slash == name ? "/" : name);
		*slash = '/';
		if (folder < 0)
			return folder;
		slash[1 + length] = '\0';
		if (mkdirat(folder, slash + 1, 0755) < 0 && errno != EEXIST)
			return -errno;
		slash[1 + length] = kept;
	}
	return pkgima_beneath_open_real_folder(root_fd, path);
}

int pkgima_beneath_open_parent(int root_fd, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	size_t length;

	if (!slash || !slash[1])
		return -EINVAL;
	length = (size_t)(slash - path) + 1;
	if (length >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, length);
	folder[length] = '\0';
	*ret_name = slash + 1;
	return open_beneath(root_fd, folder, O_PATH | O_DIRECTORY);
}

int pkgima_beneath_read(int root_fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length,
			struct pkgima_error *error)
{
	cleanup_close int fd = pkgima_beneath_open_file(root_fd, path, NULL);
	char safe[256];

	if (fd == -ENOENT)
		return fd;
	pkgima_printable_into(path, safe, sizeof(safe));
	if (fd < 0)
		return pkgima_fail(error, fd, "cannot open %s: %s", safe,
				   fd == -EINVAL ? "no regular file" : strerror(-fd));
	return pkgima_read_file(fd, safe, max, ret_data, ret_length, error);
}
