// SPDX-License-Identifier: LGPL-2.1-or-later
/* A command line, a NUL, and an init.conf: nothing weakens a build that lets nothing weaken it, and no path gets too long. */
#include <string.h>

#include "../../pkg-ima-init/settings.h"
#include "fuzz.h"

static void count(void *context, const char *word, const char *reason)
{
	promise(word && reason);
	++*(size_t *)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	const char *end = size ? memchr(text, '\0', size) : NULL;
	size_t length = end ? (size_t)(end - text) : size;
	struct settings settings;
	size_t problems = 0;
	char *file;

	settings_default(&settings, false);
	settings_take_command_line(&settings, text, size, false, count, &problems);
	promise(settings.mode == MODE_ENFORCE && settings.asked);
	promise(settings.kexec && settings.lockdown && settings.modules);
	promise(settings.exec[0] == '/' && memchr(settings.exec, '\0', sizeof(settings.exec)));
	settings_default(&settings, true);
	settings_take_command_line(&settings, text, length, true, count, &problems);
	promise(settings.exec[0] == '/');
	file = calloc(1, size - length + 1);
	if (!file)
		return 0;
	if (end)
		memcpy(file, end + 1, size - length - 1);
	settings_take_file(&settings, file, count, &problems);
	promise(settings.exec[0] == '/' && memchr(settings.exec, '\0', sizeof(settings.exec)));
	promise(settings.mode <= MODE_OFF);
	free(file);
	return 0;
}
