// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init_conf.h"

#include <stddef.h>
#include <string.h>

static const char blanks[] = " \t\r\v\f";

/* How much of @length bytes is left without blanks at the end. */
static size_t without_blanks(const char *text, size_t length)
{
	while (length > 0 && strchr(blanks, text[length - 1]))
		length--;
	return length;
}

/* Where a comment begins, or the line ends. */
static size_t without_comment(const char *line, size_t length)
{
	for (size_t i = 1; i < length; i++)
		if (line[i] == ';' && strchr(blanks, line[i - 1]))
			return i;
	return length;
}

/* @line has neither line feed nor blanks in front. */
static void read_line(const char *line, size_t length, struct pkgima_init_conf_line *ret_line)
{
	char *text = ret_line->text, *separator;
	size_t kept;

	length = without_blanks(line, without_comment(line, length));
	kept = length < PKGIMA_INIT_CONF_LINE_MAX ? length : PKGIMA_INIT_CONF_LINE_MAX;
	memcpy(text, line, kept);
	text[kept] = '\0';
	ret_line->key = ret_line->value = text;
	ret_line->problem = NULL;
	separator = strpbrk(text, "=:");
	if (*text == '[') {
		ret_line->problem = "there are no sections; nothing from here on counts";
	} else if (kept < length) {
		text[64] = '\0';
		ret_line->problem = "the line is too long";
	} else if (!separator) {
		ret_line->problem = "no key=value";
	} else {
		ret_line->value = separator + 1 + strspn(separator + 1, blanks);
		text[without_blanks(text, (size_t)(separator - text))] = '\0';
	}
}

const char *pkgima_init_conf_begin(const char *text)
{
	return !strncmp(text, "\xef\xbb\xbf", 3) ? text + 3 : text;
}

bool pkgima_init_conf_next(const char **text, struct pkgima_init_conf_line *ret_line)
{
	while (**text) {
		const char *begin = *text, *line = begin + strspn(begin, blanks);
		size_t length = strcspn(line, "\n");

		*text = line + length + (line[length] == '\n');
		if (length == 0 || *line == '#' || *line == ';')
			continue;
		read_line(line, length, ret_line);
		ret_line->begin = begin;
		if (*line == '[')
			*text += strlen(*text);
		return true;
	}
	return false;
}
