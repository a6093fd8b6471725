// SPDX-License-Identifier: LGPL-2.1-or-later
#include <glob.h>
#include <string.h>

#include "../lib/command.h"
#include "initramfs.h"
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

/* Is it there, in the root? */
static bool is_there(const char *root, const char *pattern)
{
	cleanup_free char *path = NULL;
	glob_t found = { 0 };
	bool there;

	if (asprintf(&path, "%s%s", root, pattern) < 0) {
		path = NULL;
		return false;
	}
	there = glob(path, GLOB_NOSORT, NULL, &found) == 0;
	globfree(&found);
	return there;
}

static bool takes_part(const char *root, const struct tool *tool)
{
	return is_there(root, tool->program) && is_there(root, tool->part);
}

bool cli_can_make_initramfs(const char *root)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (takes_part(root, &tools[i]))
			return true;
	return false;
}

int cli_run_in_root(const char *root, const char *const words[], struct pkgima_error *error)
{
	/* Our folder for temporary files may not be there in another root. */
	const char *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", strcmp(root, "/") != 0 ? "TMPDIR=/tmp" : NULL, NULL };
	const char *argv[16] = { "chroot", root };
	size_t used = strcmp(root, "/") != 0 ? 2 : 0;
	int r;

	for (size_t i = 0; words[i] && used < sizeof(argv) / sizeof(argv[0]) - 1; i++)
		argv[used++] = words[i];
	argv[used] = NULL;
	fflush(stdout);
	r = pkgima_command_run(argv, environment, false, error);
	return r < 0 && argv[0] != words[0] ? pkgima_fail_within(error, r, "%s", words[0]) : r;
}

int cli_make_initramfs(const char *root, bool with_part, bool *ret_done, struct pkgima_error *error)
{
	int r = 0;

	*ret_done = false;
	for (size_t i = 0; r == 0 && i < sizeof(tools) / sizeof(tools[0]); i++) {
		const char *argv[5];

		if (with_part ? !takes_part(root, &tools[i]) : !is_there(root, tools[i].program))
			continue;
		memcpy(argv, tools[i].argv, sizeof(argv));
		argv[0] = tools[i].program;
		printf("the initramfs is made anew: %s%s\n", tools[i].program, strcmp(root, "/") != 0 ? ", by chroot" : "");
		r = cli_run_in_root(root, argv, error);
		*ret_done = r == 0;
	}
	return r;
}

int cli_rebuild_initramfs(const struct cli_command *command, bool root_is_ours)
{
	struct pkgima_error error;
	bool done = false;

	if (root_is_ours && cli_make_initramfs("/", true, &done, &error) < 0) {
		cli_message(command, "%s: it has to be made anew, until then the old one boots", error.text);
		return CLI_FAILED;
	}
	if (!done)
		printf("an initramfs with ima-init in it has to be made anew\n");
	return CLI_OK;
}
