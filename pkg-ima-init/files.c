// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/beneath.h"
#include "../lib/escape.h"
#include "../lib/io.h"

int kernel_write(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

ssize_t kernel_read(const char *path, char *output, size_t capacity)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pkgima_read_all(fd, output, capacity - 1);
	output[n > 0 ? n : 0] = '\0';
	return n;
}

int small_file_open(int fd, const char *path, size_t max, struct pkgima_error *error)
{
	cleanup_close int file = -1;
	char safe[600];
	struct stat st;
	int r;

	pkgima_printable_into(path, safe, sizeof(safe));
	r = pkgima_beneath_stat(fd, path, false, &st);
	if (r == -ENOENT || r == -ENOTDIR)
		return pkgima_fail(error, -ENOENT, "%s: %s", safe, strerror(ENOENT));
	if (r < 0)
		return pkgima_fail(error, r, "%s: %s", safe, strerror(-r));
	if (!S_ISREG(st.st_mode))
		return pkgima_fail(error, -EINVAL, "%s: no regular file", safe);
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return pkgima_fail(error, -EFBIG, "%s: %jd bytes, at most %zu are accepted", safe, (intmax_t)st.st_size,
				   max);
	file = pkgima_beneath_open_file(fd, path, NULL);
	if (file < 0)
		return pkgima_fail(error, file, "cannot open %s: %s", safe, strerror(-file));
	return pkgima_steal_fd(&file);
}

int small_file_read(int fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length,
		    struct pkgima_error *error)
{
	cleanup_close int file = small_file_open(fd, path, max, error);
	char safe[600];

	if (file < 0)
		return file;
	return pkgima_read_file(file, pkgima_printable_into(path, safe, sizeof(safe)), max, ret_data, ret_length, error);
}
