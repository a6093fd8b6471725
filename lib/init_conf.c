// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init_conf.h"

#include <stddef.h>
#include <string.h>

static const char blanks[] = " \t\r\v\f";

static void end_without_blanks(const char *start, char *end)
{
	while (end > start && strchr(blanks, end[-1]))
		end--;
	*end = '\0';
}

/* @line has neither line feed nor blanks in front. */
static void read_line(const char *line, size_t length, struct pkgima_init_conf_line *ret_line)
{
	char *text = ret_line->text, *equals;
	size_t kept = length < PKGIMA_INIT_CONF_LINE_MAX ? length : PKGIMA_INIT_CONF_LINE_MAX;

	memcpy(text, line, kept);
	end_without_blanks(text, text + kept);
	ret_line->key = ret_line->value = text;
	ret_line->problem = NULL;
	equals = strchr(text, '=');
	if (*text == '[') {
		ret_line->problem = "there are no sections; nothing from here on counts";
	} else if (kept < length) {
		text[64] = '\0';
		ret_line->problem = "the line is too long";
	} else if (!equals) {
		ret_line->problem = "no key=value";
	} else {
		ret_line->value = equals + 1 + strspn(equals + 1, blanks);
		end_without_blanks(text, equals);
	}
}

bool pkgima_init_conf_next(const char **text, struct pkgima_init_conf_line *ret_line)
{
	while (**text) {
		const char *line = *text + strspn(*text, blanks);
		size_t length = strcspn(line, "\n");

		*text = line + length + (line[length] == '\n');
		if (length == 0 || *line == '#' || *line == ';')
			continue;
		read_line(line, length, ret_line);
		if (*line == '[')
			*text += strlen(*text);
		return true;
	}
	return false;
}
