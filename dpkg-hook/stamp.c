// SPDX-License-Identifier: LGPL-2.1-or-later
#include "stamp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/beneath.h"
#include "../lib/io.h"

#define FIRST_LINE "dpkg-ima-stamp 1\n"
#define STAMP_MAX ((size_t)64 * 1024 * 1024)

/* A line is what stamp_line() makes of a package, then its finding; lines are sorted, as the packages were. */
struct stamp {
	char *text;
	char **lines;
	size_t count;
};

static int stamp_line(const struct pkgima_dpkg_package *package, char **ret_line)
{
	const struct stat *st = &package->stat;

	return asprintf(ret_line, "%s %ju %ju %jd.%09ld %jd", package->name, (uintmax_t)st->st_dev,
			(uintmax_t)st->st_ino, (intmax_t)st->st_ctim.tv_sec, st->st_ctim.tv_nsec,
			(intmax_t)st->st_size) < 0 ? -ENOMEM : 0;
}

static int split_lines(struct stamp *stamp)
{
	size_t total = 0;

	for (const char *at = stamp->text; (at = strchr(at, '\n')); at++)
		total++;
	stamp->lines = calloc(total + 1, sizeof(*stamp->lines));
	if (!stamp->lines)
		return -ENOMEM;
	for (char *line = stamp->text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		stamp->lines[stamp->count++] = line;
	}
	return 0;
}

struct stamp *stamp_read(int root_fd)
{
	struct stamp *stamp = calloc(1, sizeof(*stamp));
	size_t length;

	if (!stamp)
		return NULL;
	if (pkgima_beneath_read(root_fd, STAMP_FOLDER "/" STAMP_NAME, STAMP_MAX, (uint8_t **)&stamp->text, &length,
				NULL) < 0 ||
	    strncmp(stamp->text, FIRST_LINE, strlen(FIRST_LINE)) != 0 || split_lines(stamp) < 0)
		stamp->count = 0;
	return stamp;
}

void stamp_free(struct stamp *stamp)
{
	if (!stamp)
		return;
	free(stamp->lines);
	free(stamp->text);
	free(stamp);
}

static int compare_with_line(const void *key, const void *element)
{
	const char *wanted = key, *line = *(char *const *)element;
	/* Sorted is the list by package name, which ends at the first space. */
	size_t name = strcspn(wanted, " "), other = strcspn(line, " ");
	int order = memcmp(wanted, line, name < other ? name : other);

	return order ? order : (name > other) - (name < other);
}

bool stamp_has(const struct stamp *stamp, const struct pkgima_dpkg_package *package, enum pkgima_outcome *ret_outcome)
{
	cleanup_free char *wanted = NULL;
	char *const *found;
	size_t length;

	/* The first line is the format's. */
	if (stamp->count < 2 || stamp_line(package, &wanted) < 0)
		return false;
	found = bsearch(wanted, stamp->lines + 1, stamp->count - 1, sizeof(*stamp->lines), compare_with_line);
	length = strlen(wanted);
	if (!found || strncmp(*found, wanted, length) != 0 || (*found)[length] != ' ')
		return false;
	*ret_outcome = strcmp(*found + length + 1, "good") ? PKGIMA_OUTCOME_REFUSED : PKGIMA_OUTCOME_GOOD;
	return true;
}

static int write_lines(int fd, const struct pkgima_dpkg_package *packages, const enum pkgima_outcome *outcomes,
		       size_t count)
{
	FILE *file = fdopen(fd, "w");
	bool failed;

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	fputs(FIRST_LINE, file);
	for (size_t i = 0; i < count; i++) {
		cleanup_free char *line = NULL;

		if (outcomes[i] != PKGIMA_OUTCOME_FAILED && stamp_line(&packages[i], &line) == 0)
			fprintf(file, "%s %s\n", line, outcomes[i] == PKGIMA_OUTCOME_GOOD ? "good" : "not-good");
	}
	failed = ferror(file);
	return fclose(file) != 0 || failed ? -EIO : 0;
}

int stamp_write(int root_fd, const struct pkgima_dpkg_package *packages, const enum pkgima_outcome *outcomes,
		size_t count, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_close int parent = pkgima_beneath_open_folder(root_fd, "/var/lib");
	cleanup_close int folder = -1;
	int r;

	if (parent >= 0 && mkdirat(parent, "dpkg-ima", 0755) < 0 && errno != EEXIST)
		return pkgima_fail_errno(error, "cannot make " STAMP_FOLDER);
	folder = pkgima_beneath_open_folder(root_fd, STAMP_FOLDER);
	if (folder < 0)
		return pkgima_fail(error, folder, "cannot open " STAMP_FOLDER ": %s", strerror(-folder));
	r = pkgima_output_open_at(folder, STAMP_NAME, 0644, &output, error);
	if (r < 0)
		return r;
	r = write_lines(dup(output.fd), packages, outcomes, count);
	if (r < 0)
		return pkgima_fail(error, r, "cannot write " STAMP_FOLDER "/" STAMP_NAME);
	return pkgima_output_commit(&output, true, error);
}
