// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../lib/beneath.h"
#include "audit_log.h"

#define AUDIT_LOG "/var/log/audit/audit.log"
/* auditd keeps at most so many older ones. */
#define ROTATED_MAX 999
#define KMSG "/dev/kmsg"
/* A line of the journal has more than the record. */
#define JOURNAL_LINE_MAX (4 * PKGIMA_AUDIT_LINE_MAX)

static int read_named(const struct audit *audit, const char *path, struct pkgima_audit_log *log)
{
	cleanup_close int fd = strcmp(path, "-") != 0 ? open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC) :
							fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	cleanup_free char *safe = cli_printable(path);
	struct pkgima_error error;

	if (fd < 0) {
		cli_message(audit->command, "cannot open the log %s: %s", safe, strerror(errno));
		return CLI_FAILED;
	}
	if (pkgima_audit_log_read(log, fd, false, safe, &error) < 0) {
		cli_message(audit->command, "%s", error.text);
		return CLI_FAILED;
	}
	return CLI_OK;
}

/* audit.log, then audit.log.1 and so on, as long as there are any. */
static int read_auditd(const struct audit *audit, struct pkgima_audit_log *log, bool *ret_any)
{
	struct pkgima_error error;
	char path[64];
	int status = CLI_OK;

	for (int i = 0; i <= ROTATED_MAX; i++) {
		cleanup_close int fd = -1;

		snprintf(path, sizeof(path), i ? AUDIT_LOG ".%d" : AUDIT_LOG, i);
		fd = pkgima_beneath_open_file(audit->root_fd, path, NULL);
		if (fd == -ENOENT)
			break;
		*ret_any = true;
		if (fd >= 0 && pkgima_audit_log_read(log, fd, false, path, &error) == 0)
			continue;
		cli_message(audit->command, "%s", fd < 0 ? strerror(-fd) : error.text);
		status = CLI_FAILED;
	}
	return status;
}

static int read_kmsg(const struct audit *audit, struct pkgima_audit_log *log, bool *ret_any)
{
	cleanup_close int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct pkgima_error error;

	if (fd < 0)
		return CLI_OK;
	*ret_any = true;
	if (pkgima_audit_log_read(log, fd, true, KMSG, &error) == 0)
		return CLI_OK;
	cli_message(audit->command, "%s", error.text);
	return CLI_FAILED;
}

static uint64_t number_of(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	return value ? strtoull(json_object_get_string(value), NULL, 10) : 0;
}

/* One line of `journalctl -o json`. A message that is no text is an array there, and no record. */
static int take_journal_line(struct pkgima_audit_log *log, const char *line, struct pkgima_error *error)
{
	struct json_object *object = json_tokener_parse(line);
	struct json_object *message = json_object_is_type(object, json_type_object) ?
				      json_object_object_get(object, "MESSAGE") : NULL;
	int r = 0;

	if (json_object_is_type(message, json_type_string))
		r = pkgima_audit_log_take(log, json_object_get_string(message), (size_t)json_object_get_string_len(message),
					  number_of(object, "_SOURCE_REALTIME_TIMESTAMP") / 1000, number_of(object, "_AUDIT_ID"),
					  error);
	json_object_put(object);
	return r;
}

/* What only the kernel can have put there: whoever writes to syslog can write anything. */
static pid_t start_journalctl(int *ret_fd)
{
	static char *const arguments[] = { "journalctl", "--boot", "--quiet", "--no-pager", "--output=json",
					   "_TRANSPORT=kernel", "+", "_TRANSPORT=audit", NULL };
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 &&
		    dup2(pipe_fds[1], STDOUT_FILENO) >= 0)
			execvp(arguments[0], arguments);
		_exit(127);
	}
	close(pipe_fds[1]);
	if (pid < 0)
		close(pipe_fds[0]);
	*ret_fd = pipe_fds[0];
	return pid;
}

/* Where there is no journal, or none of this boot, nothing is said: it is one source of several. */
static int read_journal(const struct audit *audit, struct pkgima_audit_log *log, bool *ret_any)
{
	cleanup_free char *line = malloc(JOURNAL_LINE_MAX);
	struct pkgima_error error = { "no memory for the journal" };
	FILE *stream;
	int fd, status = 0, r = line ? 0 : -ENOMEM;
	pid_t pid = start_journalctl(&fd);

	if (pid < 0)
		return CLI_OK;
	stream = fdopen(fd, "r");
	while (stream && r == 0 && fgets(line, JOURNAL_LINE_MAX, stream)) {
		*ret_any = true;
		r = take_journal_line(log, line, &error);
	}
	if (stream)
		fclose(stream);
	else
		close(fd);
	waitpid(pid, &status, 0);
	if (r == 0)
		return CLI_OK;
	cli_message(audit->command, "%s", error.text);
	return CLI_FAILED;
}

static void worsen(int *status, int other)
{
	*status = other > *status ? other : *status;
}

int audit_log_read(const struct audit *audit, struct pkgima_audit_log *log)
{
	int status = CLI_OK;
	bool any = false;

	for (size_t i = 0; i < audit->log_count; i++)
		worsen(&status, read_named(audit, audit->logs[i], log));
	if (audit->log_count)
		return status;
	worsen(&status, read_auditd(audit, log, &any));
	if (!strcmp(audit->root, "/")) {
		worsen(&status, read_kmsg(audit, log, &any));
		worsen(&status, read_journal(audit, log, &any));
	}
	if (any)
		return status;
	cli_message(audit->command, "there is no log: neither " AUDIT_LOG " nor, of the running system, " KMSG " or the journal");
	return CLI_FAILED;
}
