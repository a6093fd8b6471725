// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dpkg_sums.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../hash.h"
#include "../list.h"

#define MD5_HEX 32

void pkgima_dpkg_sums_free(struct pkgima_dpkg_sums *sums)
{
	free(sums->text);
	free(sums->list);
	memset(sums, 0, sizeof(*sums));
}

static char *take_line(char **text, const char *end)
{
	char *line = *text, *newline;

	if (line >= end)
		return NULL;
	newline = memchr(line, '\n', (size_t)(end - line));
	if (newline)
		*newline = '\0';
	*text = newline ? newline + 1 : (char *)end;
	return line;
}

static int add(struct pkgima_dpkg_sums *sums, const struct pkgima_dpkg_sum *sum, struct pkgima_error *error)
{
	struct pkgima_dpkg_sum *list = pkgima_list_room(sums->list, sums->count, &sums->capacity, sizeof(*list));

	if (!list)
		return pkgima_fail(error, -ENOMEM, "no memory for dpkg's digests");
	sums->list = list;
	sums->list[sums->count++] = *sum;
	return 0;
}

static int compare(const void *left, const void *right)
{
	return strcmp(((const struct pkgima_dpkg_sum *)left)->path, ((const struct pkgima_dpkg_sum *)right)->path);
}

static void sort(struct pkgima_dpkg_sums *sums)
{
	if (sums->count)
		qsort(sums->list, sums->count, sizeof(*sums->list), compare);
}

/* "DIGEST  PATH", the path without its slash; the place for the slash is that of the second space. */
int pkgima_dpkg_sums_parse(struct pkgima_dpkg_sums *sums, struct pkgima_error *error)
{
	char *rest = sums->text, *line;
	size_t number = 0;

	while ((line = take_line(&rest, sums->text + sums->length))) {
		struct pkgima_dpkg_sum sum = { 0 };
		char *path = line + MD5_HEX + 2;
		int r;

		number++;
		if (strnlen(line, MD5_HEX + 3) < MD5_HEX + 3 || !pkgima_unhex(line, MD5_HEX, sum.md5) ||
		    line[MD5_HEX] != ' ' || line[MD5_HEX + 1] != ' ')
			return pkgima_fail(error, -EINVAL, "line %zu of its md5sums is malformed", number);
		if (!strncmp(path, "./", 2))
			path += 2;
		path -= *path != '/';
		*path = '/';
		sum.path = path;
		r = add(sums, &sum, error);
		if (r < 0)
			return r;
	}
	sort(sums);
	return 0;
}

/* " PATH DIGEST", and perhaps flags. Paths may have spaces. */
static bool take_conffile(char *line, struct pkgima_dpkg_sum *sum)
{
	char *space = strrchr(line, ' ');

	while (space && space > line) {
		*space = '\0';
		if (strcmp(space + 1, "obsolete") != 0 && strcmp(space + 1, "remove-on-upgrade") != 0) {
			sum->path = line + 1;
			return strlen(space + 1) == MD5_HEX && pkgima_unhex(space + 1, MD5_HEX, sum->md5);
		}
		space = strrchr(line, ' ');
	}
	return false;
}

static const char *value_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	line += length + 1;
	return line + strspn(line, " \t");
}

int pkgima_dpkg_sums_parse_status(struct pkgima_dpkg_sums *sums, struct pkgima_error *error)
{
	const char *package = "", *architecture = "", *value;
	char *rest = sums->text, *line;
	size_t first = 0;
	bool within = false;

	while ((line = take_line(&rest, sums->text + sums->length))) {
		struct pkgima_dpkg_sum sum = { 0 };
		int r = 0;

		if (line[0] == ' ') {
			if (within && take_conffile(line, &sum))
				r = add(sums, &sum, error);
		} else {
			within = !strcmp(line, "Conffiles:");
			if ((value = value_of(line, "Package")))
				package = value;
			else if ((value = value_of(line, "Architecture")))
				architecture = value;
		}
		if (r < 0)
			return r;
		/* A package ends with an empty line, or the file. Fields come in any order. */
		if (line[0] && rest < sums->text + sums->length)
			continue;
		for (; first < sums->count; first++) {
			sums->list[first].package = package;
			sums->list[first].architecture = architecture;
		}
		package = architecture = "";
	}
	sort(sums);
	return 0;
}

static bool is_of(const struct pkgima_dpkg_sum *sum, const char *instance)
{
	size_t length;

	if (!instance)
		return true;
	length = strlen(sum->package);
	return !strncmp(instance, sum->package, length) &&
	       (!instance[length] || (instance[length] == ':' && !strcmp(instance + length + 1, sum->architecture)));
}

const struct pkgima_dpkg_sum *pkgima_dpkg_sums_find(const struct pkgima_dpkg_sums *sums, const char *instance,
						    const char *path)
{
	const struct pkgima_dpkg_sum *found = NULL;
	size_t first = 0, end = sums->count;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (strcmp(sums->list[middle].path, path) < 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (; first < sums->count && !strcmp(sums->list[first].path, path); first++) {
		if (!is_of(&sums->list[first], instance))
			continue;
		if (found)
			return NULL;
		found = &sums->list[first];
	}
	return found;
}
