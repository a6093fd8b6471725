// SPDX-License-Identifier: LGPL-2.1-or-later
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/escape.h"
#include "../lib/gate.h"
#include "../lib/io.h"
#include "../lib/rpm_plugin.h"
#include "status.h"

#define BACKEND "/usr/libexec/dpkg-ima/bin/dpkg-deb"
#define REAL_NAME "/usr/bin/dpkg-deb"

static bool same_file(const char *left, const char *right)
{
	struct stat one, other;

	return stat(left, &one) == 0 && stat(right, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* What a child writes to @fd, with a NUL behind it; its exit status. */
static int collect(pid_t pid, int fd, char *output, size_t capacity)
{
	ssize_t length = pid < 0 ? -1 : pkgima_read_all(fd, output, capacity - 1);
	int status = -1;

	close(fd);
	if (pid > 0)
		waitpid(pid, &status, 0);
	output[length > 0 ? length : 0] = '\0';
	output[strcspn(output, "\n")] = '\0';
	return status;
}

/* apt's DPkg::Path as apt itself has it; empty where apt is missing. */
static void read_apt_path(char *output, size_t capacity)
{
	static char *const arguments[] = { "apt-config", "--format", "%v", "dump", "DPkg::Path", NULL };
	int pipe_fds[2];
	pid_t pid;

	output[0] = '\0';
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		if (dup2(pipe_fds[1], STDOUT_FILENO) >= 0)
			execvp(arguments[0], arguments);
		_exit(127);
	}
	close(pipe_fds[1]);
	collect(pid, pipe_fds[0], output, capacity);
}

/* The dpkg-deb that a search path leads to is ours. */
static bool leads_to_backend(const char *path)
{
	char name[PATH_MAX];

	while (*path) {
		size_t length = strcspn(path, ":");

		if (snprintf(name, sizeof(name), "%.*s/dpkg-deb", (int)length, path) < (int)sizeof(name) &&
		    access(name, X_OK) == 0)
			return same_file(name, BACKEND);
		path += length + (path[length] == ':');
	}
	return false;
}

static void check_apt(struct pkgima_status *status)
{
	char path[4096], safe[512];

	read_apt_path(path, sizeof(path));
	pkgima_printable_into(path, safe, sizeof(safe));
	if (!path[0])
		pkgima_status_tell(status, "apt", PKGIMA_STATUS_MISSING, NULL, "apt-config does not tell DPkg::Path");
	else if (leads_to_backend(path))
		pkgima_status_tell(status, "apt", PKGIMA_STATUS_OK, NULL, "apt installs with the backend");
	else
		pkgima_status_tell(status, "apt", PKGIMA_STATUS_ATTENTION, "another setting wins over 20dpkg-ima in "
				   "/etc/apt/apt.conf.d", "apt's DPkg::Path is %s, which does not lead to the backend", safe);
}

static void check_dpkg(struct pkgima_status *status)
{
	if (access(BACKEND, X_OK) < 0) {
		pkgima_status_tell(status, "apt", PKGIMA_STATUS_MISSING, "install the package dpkg-ima", "there is no backend");
		pkgima_status_tell(status, "dpkg", PKGIMA_STATUS_MISSING, "install the package dpkg-ima", "there is no backend");
		return;
	}
	check_apt(status);
	if (same_file(REAL_NAME, BACKEND))
		pkgima_status_tell(status, "dpkg", PKGIMA_STATUS_OK, NULL, "plain dpkg installs with the backend");
	else if (access(REAL_NAME ".distrib", F_OK) == 0)
		pkgima_status_tell(status, "dpkg", PKGIMA_STATUS_ATTENTION, "reinstall the package dpkg-ima-divert",
				   REAL_NAME " is diverted, but is not the backend");
	else
		pkgima_status_tell(status, "dpkg", PKGIMA_STATUS_ATTENTION, "install the package dpkg-ima-divert",
				   "plain dpkg installs without the backend");
}

/*
 * Loads the plugin as librpm does (rpmpluginsAdd() of lib/rpmplugins.c), in a process of its own: "" where that works, else
 * why it does not.
 */
static void try_plugin(const char *path, char *output, size_t capacity)
{
	int pipe_fds[2];
	pid_t pid;

	snprintf(output, capacity, "it cannot be tried");
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	pid = fork();
	if (pid == 0) {
		void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		const char *problem = plugin && dlsym(plugin, "pkgima_hooks") ? NULL : dlerror();

		if (problem)
			pkgima_write_all(pipe_fds[1], problem, strlen(problem));
		_exit(problem != NULL);
	}
	close(pipe_fds[1]);
	if (collect(pid, pipe_fds[0], output, capacity) != 0 && !*output)
		snprintf(output, capacity, "it ends the process that loads it");
}

/* Nothing is said of rpm where the plugin is not installed. */
static void check_rpm(struct pkgima_status *status)
{
	cleanup_free char *path = pkgima_rpm_plugin_path(), *safe = pkgima_printable(path ? path : "");
	char problem[512], safe_problem[600];

	if (!path)
		return;
	if (access(path, R_OK) != 0) {
		pkgima_status_tell(status, "rpm", PKGIMA_STATUS_ATTENTION, "put a link there, or leave %__plugindir as it was",
				   "rpm loads plugins from where there is no %s", safe ? safe : "");
		return;
	}
	try_plugin(path, problem, sizeof(problem));
	if (*problem)
		pkgima_status_tell(status, "rpm", PKGIMA_STATUS_ATTENTION, "install the package rpm-plugin-pkgima of this system's "
				   "rpm anew", "rpm cannot load the plugin, and installs nothing: %s",
				   pkgima_printable_into(problem, safe_problem, sizeof(safe_problem)));
	else
		pkgima_status_tell(status, "rpm", PKGIMA_STATUS_OK, NULL, "rpm installs with the plugin");
}

static void tell_problem(void *context, const char *sentence)
{
	pkgima_status_tell(context, "settings", PKGIMA_STATUS_ATTENTION, NULL, "%s", sentence);
}

static void check_gate(struct pkgima_status *status)
{
	enum pkgima_status_state before = status->worst;
	struct pkgima_gate gate;

	status->worst = PKGIMA_STATUS_OK;
	pkgima_gate_load(&gate, status->root_fd, tell_problem, status);
	if (status->worst == PKGIMA_STATUS_OK)
		pkgima_status_tell(status, "settings", PKGIMA_STATUS_OK, NULL,
				   PKGIMA_CONFIG_PATH " and " PKGIMA_STATE_PATH " have no fault");
	if (before > status->worst)
		status->worst = before;
	pkgima_status_tell(status, "enforce", PKGIMA_STATUS_OK, NULL, gate.enforcing ?
			   "signatures are enforced: packages without are refused" :
			   "signatures are not enforced, or nobody has said so in " PKGIMA_STATE_PATH);
}

void status_check_hooks(struct pkgima_status *status)
{
	check_dpkg(status);
	check_rpm(status);
	check_gate(status);
}
