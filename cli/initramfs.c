// SPDX-License-Identifier: LGPL-2.1-or-later
#include <glob.h>
#include <unistd.h>

#include "../lib/command.h"
#include "keys.h"

/*
 * Tools that make an initramfs, and what ima-init's packages have in place where it takes part in that. From maintainer
 * scripts update-initramfs(8) only asks for dpkg's trigger, so that several changes lead to one run.
 */
static const struct tool {
	const char *program;
	const char *part;              /* glob(3) */
	const char *argv[5];
} tools[] = {
	{ "/usr/sbin/update-initramfs", "/usr/share/initramfs-tools/hooks/ima-init",
	  { "update-initramfs", "-u", "-k", "all", NULL } },
	{ "/usr/bin/dracut", "/usr/lib/dracut/modules.d/[0-9][0-9]ima-init/module-setup.sh",
	  { "dracut", "--force", "--regenerate-all", NULL } },
};

static bool is_there(const char *pattern)
{
	glob_t found = { 0 };
	bool there = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;

	globfree(&found);
	return there;
}

static bool takes_part(const struct tool *tool)
{
	return access(tool->program, X_OK) == 0 && is_there(tool->part);
}

int cli_rebuild_initramfs(const struct cli_command *command, bool root_is_ours)
{
	bool done = false;

	for (size_t i = 0; root_is_ours && i < sizeof(tools) / sizeof(tools[0]); i++) {
		const char *argv[5];
		struct pkgima_error error;

		if (!takes_part(&tools[i]))
			continue;
		for (size_t k = 0; k < sizeof(argv) / sizeof(argv[0]); k++)
			argv[k] = tools[i].argv[k];
		printf("the initramfs is made anew: %s\n", tools[i].program);
		fflush(stdout);
		argv[0] = tools[i].program;
		if (pkgima_command_run(argv, NULL, false, &error) < 0) {
			cli_message(command, "%s: it has to be made anew, until then the old one boots", error.text);
			return CLI_FAILED;
		}
		done = true;
	}
	if (!done)
		printf("an initramfs with ima-init in it has to be made anew\n");
	return CLI_OK;
}
