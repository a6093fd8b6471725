// SPDX-License-Identifier: LGPL-2.1-or-later
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "escape.h"
#include "io.h"

extern char **environ;

static bool names_same(const char *left, const char *right)
{
	size_t length = strcspn(left, "=");

	return !strncmp(left, right, length + 1);
}

/* What no other program is to have: the PIN of a token (signing/token.h). */
static bool is_secret(const char *variable)
{
	return names_same("PKGIMA_PIN=", variable);
}

/* Ours with that in it; borrows all strings. */
static char **merge_environment(const char *const environment[])
{
	size_t count = 0, more = 0, kept = 0;
	char **merged;

	while (environ[count])
		count++;
	while (environment[more])
		more++;
	merged = calloc(count + more + 1, sizeof(*merged));
	if (!merged)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		bool replaced = is_secret(environ[i]);

		for (size_t k = 0; k < more; k++)
			replaced = replaced || names_same(environment[k], environ[i]);
		if (!replaced)
			merged[kept++] = environ[i];
	}
	for (size_t k = 0; k < more; k++)
		merged[kept++] = (char *)environment[k];
	return merged;
}

/* Of what was printed. */
static void last_line(int fd, char *line, size_t capacity)
{
	char text[1024];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t start = size > (off_t)sizeof(text) - 1 ? size - (off_t)sizeof(text) + 1 : 0;
	ssize_t length = size > 0 ? pkgima_pread_all(fd, text, sizeof(text) - 1, start) : 0;
	char *last;

	while (length > 0 && text[length - 1] == '\n')
		length--;
	text[length > 0 ? length : 0] = '\0';
	last = strrchr(text, '\n');
	pkgima_printable_into(last ? last + 1 : text, line, capacity);
}

static int wait_for(pid_t pid, int *ret_status)
{
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* @errors: -1 for our own standard error, to which all goes then. */
static int spawn(const char *const argv[], char *const environment[], int errors, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	int r;

	r = -posix_spawn_file_actions_init(&actions);
	if (r < 0)
		return r;
	r = -posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0 && errors < 0)
		r = -posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0 && errors >= 0)
		r = -posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (r == 0 && errors >= 0)
		r = -posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	if (r == 0)
		r = -posix_spawnp(ret_pid, argv[0], &actions, NULL, (char *const *)argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

int pkgima_command_run(const char *const argv[], const char *const environment[], bool quiet, struct pkgima_error *error)
{
	static const char *const nothing[] = { NULL };
	cleanup_free char **merged = merge_environment(environment ? environment : nothing);
	cleanup_close int kept = quiet ? memfd_create("output", MFD_CLOEXEC) : -1;
	char line[256] = "";
	int status = 0, r;
	pid_t pid;

	if (!merged || (quiet && kept < 0))
		return pkgima_fail(error, -ENOMEM, "no memory to run %s", argv[0]);
	r = spawn(argv, merged, kept, &pid);
	if (r == 0)
		r = wait_for(pid, &status);
	if (r < 0)
		return pkgima_fail(error, r, "cannot run %s: %s", argv[0], strerror(-r));
	if (quiet)
		last_line(kept, line, sizeof(line));
	if (WIFSIGNALED(status))
		return pkgima_fail(error, -ECHILD, "%s was ended by signal %d", argv[0], WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return pkgima_fail(error, -ECHILD, "%s failed with exit status %d%s%s", argv[0], WEXITSTATUS(status),
				   *line ? ": " : "", line);
	return 0;
}
