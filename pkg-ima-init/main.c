// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/beneath.h"
#include "../lib/escape.h"

/* May the command line say off, log, or keep? The Makefile's INIT_RECOVERY. */
#ifndef IMA_INIT_RECOVERY
#define IMA_INIT_RECOVERY 1
#endif
static const char *const recovery_text = IMA_INIT_RECOVERY ? "" : ", takes no word that weakens it";

#define SETTINGS_MAX ((size_t)64 * 1024)
#define COMMAND_LINE_MAX ((size_t)64 * 1024)

static const char usage[] =
	"Usage: init=/ima/init on the kernel command line\n"
	"       /ima/init --failures    every failure, what happens then, and what is said\n"
	"       /ima/init --version\n"
	"See ima-init(8).\n";

static void ignored_word(void *context, const char *word, const char *reason)
{
	char safe[256];

	report_failure(context, FAILURE_WORD, "%s: %s", pkgima_printable_into(word, safe, sizeof(safe)), reason);
}

static void ignored_setting(void *context, const char *key, const char *reason)
{
	char safe[256];

	report_failure(context, FAILURE_SETTINGS, "%s: %s", pkgima_printable_into(key, safe, sizeof(safe)), reason);
}

/* The command line counts more than init.conf: it is read last. */
static void read_settings(struct init *init)
{
	cleanup_free char *line = malloc(COMMAND_LINE_MAX);
	cleanup_free char *text = NULL;
	struct pkgima_error error;
	ssize_t got;
	size_t length;
	int r;

	settings_default(&init->settings, IMA_INIT_RECOVERY);
	r = small_file_read(init->places.fd, init->places.settings, SETTINGS_MAX, (uint8_t **)&text, &length, &error);
	if (r == 0)
		settings_take_file(&init->settings, text, ignored_setting, init);
	else if (r != -ENOENT)
		report_failure(init, FAILURE_SETTINGS, "%s", error.text);
	got = line ? kernel_read("/proc/cmdline", line, COMMAND_LINE_MAX) : -ENOMEM;
	if (got >= 0)
		settings_take_command_line(&init->settings, line, (size_t)got, IMA_INIT_RECOVERY, ignored_word, init);
	else
		report_failure(init, FAILURE_WORD, "/proc/cmdline: %s", strerror((int)-got));
}

/* Without a policy, and nobody having asked for one, nothing is made stricter either. */
static bool has_policy(const struct init *init)
{
	struct stat st;

	return init->settings.asked ||
	       pkgima_beneath_stat(init->places.fd, init->places.policy, false, &st) != -ENOENT;
}

/* Keys before what needs them, all that is stricter before the policy is in force. */
static void prepare(struct init *init)
{
	struct settings *settings = &init->settings;

	mount_proc(init);
	mount_others(init);
	places_find(init);
	read_settings(init);
	if (settings->mode == MODE_OFF) {
		evm_close(init);
		init->enforcing = settings->appraise_tcb && !settings->only_logs;
	} else {
		rings_load(init);
		evm_close(init);
		if (settings->mode == MODE_ENFORCE && has_policy(init))
			switches_set(init);
		policy_load(init);
		latch_set(init);
	}
	state_write(init);
}

/* Everything that the kernel, or the initramfs, has given to this process, but for its name. */
static noreturn void start(struct init *init, char **argv, char **envp)
{
	char safe[256];

	report_say(true, "%s, policy %s, %zu keys; starting %s", state_mode(init),
		   init->policy_name ? init->policy_name : "none", rings_count(init->rings.ima),
		   pkgima_printable_into(init->settings.exec, safe, sizeof(safe)));
	places_leave(init);
	report_end();
	argv[0] = init->settings.exec;
	execve(init->settings.exec, argv, envp);
	report_failure(init, FAILURE_EXEC, "%s: %s", pkgima_printable_into(init->settings.exec, safe, sizeof(safe)),
		       strerror(errno));
	for (;;)
		pause();
}

static int not_first(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--failures")) {
		report_table();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("ima-init " PKGIMA_VERSION "%s\n", recovery_text);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv, char **envp)
{
	static char *without_arguments[2];
	static struct init init;

	if (getpid() != 1)
		return not_first(argc, argv);
	report_start();
	prepare(&init);
	start(&init, argc > 0 ? argv : without_arguments, envp);
}
