// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "list.h"

/* A part of the text. */
struct piece {
	const char *start;
	size_t length;
};

void pkgima_mounts_free(struct pkgima_mounts *mounts)
{
	for (size_t i = 0; i < mounts->count; i++) {
		free(mounts->list[i].path);
		free(mounts->list[i].type);
	}
	free(mounts->list);
	memset(mounts, 0, sizeof(*mounts));
}

/* Takes what stands before the next @end off the front of @rest; false where nothing does. */
static bool take(struct piece *rest, char end, struct piece *ret_piece)
{
	const char *found = memchr(rest->start, end, rest->length);
	size_t length = found ? (size_t)(found - rest->start) : rest->length;

	*ret_piece = (struct piece){ rest->start, length };
	rest->start += length + (found != NULL);
	rest->length -= length + (found != NULL);
	return length > 0;
}

static bool is(const struct piece *piece, const char *word)
{
	return piece->length == strlen(word) && !memcmp(piece->start, word, piece->length);
}

/* Of at most nine digits. */
static bool take_number(struct piece *rest, char end, unsigned int *ret_number)
{
	unsigned int number = 0;
	struct piece digits;

	if (!take(rest, end, &digits) || digits.length > 9)
		return false;
	for (size_t i = 0; i < digits.length; i++) {
		if (digits.start[i] < '0' || digits.start[i] > '9')
			return false;
		number = number * 10 + (unsigned int)(digits.start[i] - '0');
	}
	*ret_number = number;
	return true;
}

static bool is_octal(const char *text, size_t length)
{
	return length >= 3 && text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' && text[2] >= '0' &&
	       text[2] <= '7';
}

/* The kernel writes blank, tab, line feed, backslash and '#' as \ooo (mangle() of fs/proc_namespace.c). */
static char *unmangle(const struct piece *piece)
{
	char *text = malloc(piece->length + 1);
	size_t used = 0;

	for (size_t i = 0; text && i < piece->length; i++) {
		const char *at = piece->start + i;

		text[used] = *at;
		if (*at == '\\' && is_octal(at + 1, piece->length - i - 1)) {
			text[used] = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
			i += 3;
		}
		/* No path has one. */
		if (text[used])
			used++;
	}
	if (text)
		text[used] = '\0';
	return text;
}

static bool has_word(struct piece list, const char *word)
{
	struct piece each;

	while (list.length)
		if (take(&list, ',', &each) && is(&each, word))
			return true;
	return false;
}

/* "ID PARENT MAJOR:MINOR ROOT PATH OPTIONS TAG… - TYPE SOURCE OPTIONS". */
static int parse_line(struct piece line, struct pkgima_mount *mount)
{
	struct piece skipped, path, options, type;
	unsigned int number;

	if (!take_number(&line, ' ', &number) || !take_number(&line, ' ', &number) ||
	    !take_number(&line, ':', &mount->major) || !take_number(&line, ' ', &mount->minor) ||
	    !take(&line, ' ', &skipped) || !take(&line, ' ', &path) || !take(&line, ' ', &options) || *path.start != '/')
		return -EINVAL;
	while (take(&line, ' ', &skipped) && !is(&skipped, "-"))
		;
	if (!is(&skipped, "-") || !take(&line, ' ', &type))
		return -EINVAL;
	mount->noexec = has_word(options, "noexec");
	mount->path = unmangle(&path);
	mount->type = unmangle(&type);
	if (!mount->path || !mount->type)
		return -ENOMEM;
	return *mount->path && *mount->type ? 0 : -EINVAL;
}

int pkgima_mounts_parse(const uint8_t *text, size_t length, struct pkgima_mounts *ret_mounts, struct pkgima_error *error)
{
	cleanup_mounts struct pkgima_mounts mounts = { 0 };
	struct piece rest = { (const char *)text, length }, line;
	size_t capacity = 0, number = 0;

	while (rest.length) {
		bool any = take(&rest, '\n', &line);
		void *list;
		int r;

		number++;
		if (mounts.count == PKGIMA_MOUNTS_MAX)
			return pkgima_fail(error, -E2BIG, "more than %d mounts", PKGIMA_MOUNTS_MAX);
		list = pkgima_list_room(mounts.list, mounts.count, &capacity, sizeof(*mounts.list));
		if (!list)
			return pkgima_fail(error, -ENOMEM, "no memory for the mounts");
		mounts.list = list;
		mounts.list[mounts.count] = (struct pkgima_mount){ 0 };
		r = any ? parse_line(line, &mounts.list[mounts.count]) : -EINVAL;
		mounts.count++;
		if (r < 0)
			return pkgima_fail(error, r, r == -ENOMEM ? "no memory for mount %zu" : "line %zu is no mount", number);
	}
	*ret_mounts = mounts;
	memset(&mounts, 0, sizeof(mounts));
	return 0;
}
