// SPDX-License-Identifier: LGPL-2.1-or-later
#include "../lib/metadata_script.h"
#include "audit.h"

struct scripts {
	const char *package;           /* printable */
	struct json_object *list;      /* NULL: text is printed */
};

static void look(void *context, const char *name, const char *text, size_t length)
{
	const struct scripts *scripts = context;
	struct json_object *item;
	const char *command;
	size_t line;

	if (length > PKGIMA_METADATA_SCRIPT_MAX)
		length = PKGIMA_METADATA_SCRIPT_MAX;
	if (!pkgima_metadata_script(text, length, &line, &command))
		return;
	if (!scripts->list) {
		printf("changes-metadata: %s: %s: line %zu: %s: EVM is in use, and keeps owner, mode and attributes of signed files "
		       "as they are\n",
		       scripts->package, name, line, command);
		return;
	}
	item = json_object_new_object();
	json_object_object_add(item, "package", json_object_new_string(scripts->package));
	json_object_object_add(item, "script", json_object_new_string(name));
	json_object_object_add(item, "line", json_object_new_int64((int64_t)line));
	json_object_object_add(item, "command", json_object_new_string(command));
	json_object_array_add(scripts->list, item);
}

int audit_scripts(const struct cli_command *command, const struct cli_managers *managers, struct json_object *list)
{
	int status = CLI_OK;

	for (size_t i = 0; i < CLI_SOURCES; i++) {
		const struct cli_source *source = &managers->sources[i];

		for (size_t k = 0; source->database && k < source->count; k++) {
			cleanup_free char *name = cli_printable(source->packages[k].name);
			struct scripts scripts = { .package = name, .list = list };
			struct pkgima_error error;

			if (source->manager->scripts(source->database, &source->packages[k], look, &scripts, &error) == 0)
				continue;
			cli_message(command, "%s: %s", name, error.text);
			status = CLI_FAILED;
		}
	}
	return status;
}
