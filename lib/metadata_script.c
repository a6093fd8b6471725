// SPDX-License-Identifier: LGPL-2.1-or-later
#include "metadata_script.h"

#include <string.h>

/* What EVM's signature covers: see evm_protect_xattr() and evm_inode_setattr() in security/integrity/evm/evm_main.c. */
static const char *const commands[] = {
	"chown", "chgrp", "chmod", "setfacl", "setcap", "setfattr", "chcon", "restorecon", "fixfiles", "chacl",
	"dpkg-statoverride",
};

static bool is_word(char letter)
{
	return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
	       letter == '_' || letter == '-' || letter == '.';
}

static bool is_space(char letter)
{
	return letter == ' ' || letter == '\t';
}

/* The command that the word of @length bytes is, or NULL; a function of Lua's module posix is one of the same name. */
static const char *command_of(const char *word, size_t length)
{
	static const char lua[] = "posix.";

	if (length > sizeof(lua) && !memcmp(word, lua, sizeof(lua) - 1)) {
		word += sizeof(lua) - 1;
		length -= sizeof(lua) - 1;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strlen(commands[i]) == length && !memcmp(commands[i], word, length))
			return commands[i];
	return NULL;
}

/* "command -v setcap", "which setcap": is the word at @start only asked for? */
static bool is_asked_for(const char *line, const char *start)
{
	static const char *const asking[] = { "-v", "-V", "which", "type", "hash" };
	const char *end = start, *word;

	while (end > line && is_space(end[-1]))
		end--;
	for (word = end; word > line && is_word(word[-1]); )
		word--;
	for (size_t i = 0; i < sizeof(asking) / sizeof(asking[0]); i++)
		if ((size_t)(end - word) == strlen(asking[i]) && !memcmp(word, asking[i], strlen(asking[i])))
			return true;
	return false;
}

/* dpkg-statoverride --list changes nothing. */
static bool is_query(const char *command, const char *rest, size_t length)
{
	return !strcmp(command, "dpkg-statoverride") && !memmem(rest, length, "--add", 5) &&
	       !memmem(rest, length, "--remove", 8);
}

static const char *look_at_line(const char *line, const char *end)
{
	for (const char *at = line; at < end; ) {
		const char *start = at, *command;

		if (*at == '#' && (at == line || is_space(at[-1]) || at[-1] == ';'))
			return NULL;
		while (at < end && is_word(*at))
			at++;
		if (at == start) {
			at++;
			continue;
		}
		command = command_of(start, (size_t)(at - start));
		/* Not a variable, and not one that is set. */
		if (!command || (start > line && (start[-1] == '$' || start[-1] == '{')) || (at < end && *at == '='))
			continue;
		if (!is_asked_for(line, start) && !is_query(command, at, (size_t)(end - at)))
			return command;
	}
	return NULL;
}

bool pkgima_metadata_script(const char *text, size_t length, size_t *ret_line, const char **ret_command)
{
	const char *end = text + length;

	for (size_t line = 1; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text)), *command;

		if (!stop)
			stop = end;
		command = look_at_line(text, stop);
		if (command) {
			*ret_line = line;
			*ret_command = command;
			return true;
		}
		text = stop + 1;
	}
	return false;
}
