// SPDX-License-Identifier: LGPL-2.1-or-later
#include "apt_hook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 9 /* name, version, architecture and Multi-Arch of old, "<", and of new, what is to be done */

static char *next_line(char **text)
{
	char *line = *text;
	size_t length;

	if (!line || !*line)
		return NULL;
	length = strcspn(line, "\n");
	*text = line + length + (line[length] == '\n');
	line[length] = '\0';
	return line;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* apt writes settings with %XX for what is not plain. */
static void unquote(char *text)
{
	char *to = text;

	for (char *at = text; *at; at++) {
		int high = at[0] == '%' ? hex_digit(at[1]) : -1, low = high >= 0 ? hex_digit(at[2]) : -1;

		if (low >= 0 && (high || low)) {
			*to++ = (char)(high << 4 | low);
			at += 2;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
}

static int take_setting(struct apt_run *run, char *line)
{
	static const char *const roots[] = { "--root=", "--instdir=" };
	char *value = strchr(line, '=');

	if (!value)
		return 0;
	*value++ = '\0';
	unquote(value);
	if (!strcmp(line, "DPkg::Path")) {
		run->path = value;
		return 0;
	}
	if (strncasecmp(line, "DPkg::Options::", 15) != 0)
		return 0;
	for (size_t i = 0; i < 2; i++) {
		if (strncmp(value, roots[i], strlen(roots[i])) != 0)
			continue;
		free(run->root);
		run->root = strdup(value + strlen(roots[i]));
		if (!run->root)
			return -ENOMEM;
	}
	return 0;
}

/* The last field, which may hold spaces; NULL when there are not as many. */
static char *last_field(char *line)
{
	for (int i = 1; i < FIELDS; i++) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	return line;
}

int apt_run_parse(char *text, size_t length, struct apt_run *run, struct pkgima_error *error)
{
	char *line, *field;
	size_t lines = 0;

	*run = (struct apt_run){ .text = text };
	if (memchr(text, '\0', length))
		return pkgima_fail(error, -EINVAL, "what apt says has a NUL in it");
	line = next_line(&text);
	if (!line || strcmp(line, "VERSION 3") != 0)
		return pkgima_fail(error, -EINVAL, "apt does not speak version 3 of its protocol");
	while ((line = next_line(&text)) && *line)
		if (take_setting(run, line) < 0)
			return pkgima_fail(error, -ENOMEM, "no memory for what apt says");
	for (const char *at = text; at && (at = strchr(at, '\n')); at++)
		lines++;
	run->archives = calloc(lines + 2, sizeof(*run->archives));
	if (!run->archives)
		return pkgima_fail(error, -ENOMEM, "no memory for what apt says");
	while ((line = next_line(&text))) {
		field = last_field(line);
		if (!field)
			return pkgima_fail(error, -EINVAL, "apt tells of a package in fewer than %d words", FIELDS);
		if (strncmp(field, "**", 2) != 0)
			run->archives[run->count++] = field;
	}
	return 0;
}

void apt_run_free(struct apt_run *run)
{
	free(run->text);
	free(run->root);
	free(run->archives);
}
