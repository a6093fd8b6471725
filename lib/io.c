// SPDX-License-Identifier: LGPL-2.1-or-later
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "escape.h"

/* What one call copies: so that a signal is answered. */
#define COPY_SIZE ((size_t)256 * 1024)

int pkgima_write_all(int fd, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	while (length > 0) {
		ssize_t n = write(fd, bytes, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

ssize_t pkgima_read_all(int fd, void *data, size_t length)
{
	size_t got = 0;

	while (got < length) {
		ssize_t n = read(fd, (uint8_t *)data + got, length - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

ssize_t pkgima_pread_all(int fd, void *data, size_t length, off_t offset)
{
	size_t got = 0;

	while (got < length) {
		ssize_t n = pread(fd, (uint8_t *)data + got, length - got, offset + (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int pkgima_copy_bytes(int from, off_t offset, uint64_t length, int to, struct pkgima_error *error)
{
	while (length > 0) {
		ssize_t n = sendfile(to, from, &offset, length < COPY_SIZE ? (size_t)length : COPY_SIZE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pkgima_fail_errno(error, "cannot write");
		if (n == 0)
			return pkgima_fail(error, -EIO, "it became shorter while it was read");
		length -= (uint64_t)n;
	}
	return 0;
}

int pkgima_read_file(int fd, const char *name, size_t max, uint8_t **ret_data, size_t *ret_length,
		     struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0)
		return pkgima_fail_errno(error, "%s", name);
	if (!S_ISREG(st.st_mode))
		return pkgima_fail(error, -EINVAL, "%s: no regular file", name);
	if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		return pkgima_fail(error, -EFBIG, "%s: %jd bytes, at most %zu are accepted", name,
				   (intmax_t)st.st_size, max);
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return pkgima_fail(error, -ENOMEM, "%s: no memory for %jd bytes", name, (intmax_t)st.st_size);
	n = pkgima_pread_all(fd, data, (size_t)st.st_size, 0);
	if (n != st.st_size)
		explicit_bzero(data, (size_t)st.st_size); /* it may be a key */
	if (n < 0)
		return pkgima_fail(error, (int)n, "cannot read %s: %s", name, strerror((int)-n));
	if (n != st.st_size)
		return pkgima_fail(error, -EIO, "%s: it became shorter while it was read", name);
	data[n] = '\0';
	*ret_length = (size_t)n;
	*ret_data = pkgima_steal_pointer(&data);
	return 0;
}

int pkgima_read_stream(int fd, const char *name, size_t max, uint8_t **ret_data, size_t *ret_length,
		       struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t length = 0, capacity = 0;

	for (;;) {
		ssize_t n;

		if (length == capacity) {
			uint8_t *more;

			capacity = capacity ? capacity * 2 : (size_t)64 * 1024;
			more = realloc(data, capacity + 1);
			if (!more)
				return pkgima_fail(error, -ENOMEM, "%s: no memory for %zu bytes", name, capacity);
			data = more;
		}
		n = pkgima_read_all(fd, data + length, capacity - length);
		if (n < 0)
			return pkgima_fail(error, (int)n, "cannot read %s: %s", name, strerror((int)-n));
		length += (size_t)n;
		if (length > max)
			return pkgima_fail(error, -EFBIG, "%s: more than %zu bytes", name, max);
		if (length < capacity)
			break;
	}
	data[length] = '\0';
	*ret_length = length;
	*ret_data = pkgima_steal_pointer(&data);
	return 0;
}

/*
 * A name for a file that will be renamed: hidden, and different for each run and file. It needs no secret, and early in a
 * boot getrandom() would wait for one: then time and process have to do, and O_EXCL or linkat() finds what is taken.
 */
static int temporary_name(const char *name, char **ret_temporary)
{
	struct timespec now;
	char *temporary;
	uint64_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
		clock_gettime(CLOCK_REALTIME, &now);
		random = (uint64_t)getpid() << 32 ^ (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 20;
	}
	if (asprintf(&temporary, ".%.200s.%016jx.tmp", name, (uintmax_t)random) < 0)
		return -ENOMEM;
	*ret_temporary = temporary;
	return 0;
}

static int open_temporary(struct pkgima_output *output)
{
	int r;

	output->fd = openat(output->folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return 0;
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return -errno;
	r = temporary_name(output->name, &output->temporary);
	if (r < 0)
		return r;
	output->fd = openat(output->folder, output->temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (output->fd < 0) {
		r = -errno;
		free(pkgima_steal_pointer(&output->temporary));
		return r;
	}
	return 0;
}

int pkgima_output_open_at(int folder, const char *name, mode_t mode, struct pkgima_output *ret_output,
			  struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	char safe[256];
	int r;

	pkgima_printable_into(name, safe, sizeof(safe));
	output.name = strdup(name);
	if (!output.name)
		return pkgima_fail(error, -ENOMEM, "%s: no memory", safe);
	output.folder = fcntl(folder, F_DUPFD_CLOEXEC, 3);
	if (output.folder < 0)
		return pkgima_fail_errno(error, "cannot open the folder of %s", safe);
	r = open_temporary(&output);
	if (r < 0)
		return pkgima_fail(error, r, "cannot write %s: %s", safe, strerror(-r));
	if (fchmod(output.fd, mode) < 0)
		return pkgima_fail_errno(error, "cannot set the mode of %s", safe);
	*ret_output = output;
	output = PKGIMA_OUTPUT_NONE;
	return 0;
}

int pkgima_output_open(const char *path, mode_t mode, struct pkgima_output *ret_output, struct pkgima_error *error)
{
	cleanup_free char *folder = strdup(path);
	cleanup_close int fd = -1;
	char safe[256], *slash;

	pkgima_printable_into(path, safe, sizeof(safe));
	if (!folder)
		return pkgima_fail(error, -ENOMEM, "%s: no memory", safe);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder ? 1 : 0] = '\0';
	fd = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open the folder of %s", safe);
	return pkgima_output_open_at(fd, slash ? path + (slash - folder) + 1 : path, mode, ret_output, error);
}

/* Gives a file without a name the name @name. Through /proc, since AT_EMPTY_PATH wants CAP_DAC_READ_SEARCH. */
static int link_output(const struct pkgima_output *output, const char *name)
{
	char self[32];

	if (linkat(output->fd, "", output->folder, name, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOENT && errno != EPERM)
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", output->fd);
	if (linkat(AT_FDCWD, self, output->folder, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

int pkgima_output_commit(struct pkgima_output *output, int replace, struct pkgima_error *error)
{
	cleanup_close int folder = -1;
	char safe[256];
	int r;

	pkgima_printable_into(output->name, safe, sizeof(safe));
	if (fsync(output->fd) < 0)
		return pkgima_fail_errno(error, "cannot write %s to disk", safe);
	if (!output->temporary && !replace) {
		r = link_output(output, output->name);
		if (r < 0)
			return pkgima_fail(error, r, "cannot create %s: %s", safe, strerror(-r));
		goto sync_folder;
	}
	if (!output->temporary) {
		r = temporary_name(output->name, &output->temporary);
		if (r == 0)
			r = link_output(output, output->temporary);
		if (r < 0) {
			free(pkgima_steal_pointer(&output->temporary));
			return pkgima_fail(error, r, "cannot create %s: %s", safe, strerror(-r));
		}
	}
	/* musl, which ima-init is linked with, has no function for it. */
	if (syscall(SYS_renameat2, output->folder, output->temporary, output->folder, output->name,
		    replace ? 0 : RENAME_NOREPLACE) < 0)
		return pkgima_fail_errno(error, "cannot create %s", safe);
	free(pkgima_steal_pointer(&output->temporary));
sync_folder:
	folder = openat(output->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder >= 0)
		fsync(folder);
	return 0;
}

void pkgima_output_close(struct pkgima_output *output)
{
	if (output->temporary)
		unlinkat(output->folder, output->temporary, 0);
	free(pkgima_steal_pointer(&output->temporary));
	free(pkgima_steal_pointer(&output->name));
	pkgima_close_cleanup(&output->fd);
	pkgima_close_cleanup(&output->folder);
}
