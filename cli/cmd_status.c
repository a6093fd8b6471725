// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/beneath.h"
#include "../lib/escape.h"
#include "../lib/gate.h"
#include "../lib/io.h"
#include "../lib/keyring.h"
#include "../lib/rpm_plugin.h"
#include "cli.h"

#define BACKEND "/usr/libexec/dpkg-ima/bin/dpkg-deb"
#define REAL_NAME "/usr/bin/dpkg-deb"

enum state { STATE_OK, STATE_ATTENTION, STATE_MISSING };
static const char *const state_words[] = { "ok", "attention", "missing" };

struct status {
	const struct cli_command *command;
	struct json_object *checks;   /* NULL: lines are printed */
	enum state worst;
};

static void __attribute__((format(printf, 4, 5))) tell(struct status *status, const char *name, enum state state,
						       const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (state > status->worst)
		status->worst = state;
	if (status->checks) {
		struct json_object *check = json_object_new_object();

		json_object_object_add(check, "check", json_object_new_string(name));
		json_object_object_add(check, "state", json_object_new_string(state_words[state]));
		json_object_object_add(check, "text", json_object_new_string(text));
		json_object_array_add(status->checks, check);
	} else {
		printf("%-9s  %-8s  %s\n", state_words[state], name, text);
	}
}

static bool same_file(const char *left, const char *right)
{
	struct stat one, other;

	return stat(left, &one) == 0 && stat(right, &other) == 0 && one.st_dev == other.st_dev &&
	       one.st_ino == other.st_ino;
}

/* apt's DPkg::Path as apt itself has it; empty where apt is missing. */
static void read_apt_path(char *output, size_t capacity)
{
	static char *const arguments[] = { "apt-config", "--format", "%v", "dump", "DPkg::Path", NULL };
	int pipe_fds[2];
	ssize_t length;
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
	length = pid < 0 ? -1 : pkgima_read_all(pipe_fds[0], output, capacity - 1);
	close(pipe_fds[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	output[length > 0 ? length : 0] = '\0';
	output[strcspn(output, "\n")] = '\0';
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

static void check_hooks(struct status *status)
{
	char path[4096], safe[512];
	bool diverted = same_file(REAL_NAME, BACKEND);

	if (access(BACKEND, X_OK) < 0) {
		tell(status, "apt", STATE_MISSING, "there is no backend: install the package dpkg-ima");
		tell(status, "dpkg", STATE_MISSING, "there is no backend");
		return;
	}
	read_apt_path(path, sizeof(path));
	pkgima_printable_into(path, safe, sizeof(safe));
	if (!path[0])
		tell(status, "apt", STATE_MISSING, "apt-config does not tell DPkg::Path");
	else if (leads_to_backend(path))
		tell(status, "apt", STATE_OK, "apt installs with the backend");
	else
		tell(status, "apt", STATE_ATTENTION, "apt's DPkg::Path is %s, which does not lead to the backend: another "
		     "setting wins over 20dpkg-ima in /etc/apt/apt.conf.d", safe);
	if (diverted)
		tell(status, "dpkg", STATE_OK, "plain dpkg installs with the backend");
	else if (access(REAL_NAME ".distrib", F_OK) == 0)
		tell(status, "dpkg", STATE_ATTENTION, REAL_NAME " is diverted, but is not the backend: reinstall the "
		     "package dpkg-ima-divert");
	else
		tell(status, "dpkg", STATE_ATTENTION, "plain dpkg installs without the backend: install the package "
		     "dpkg-ima-divert");
}

/* Nothing is said of rpm where the plugin is not installed. */
static void check_rpm(struct status *status)
{
	cleanup_free char *path = pkgima_rpm_plugin_path(), *safe = pkgima_printable(path ? path : "");

	if (!path)
		return;
	if (access(path, R_OK) == 0)
		tell(status, "rpm", STATE_OK, "rpm installs with the plugin");
	else
		tell(status, "rpm", STATE_ATTENTION, "rpm loads plugins from where there is no %s: put a link there, or "
		     "leave %%__plugindir as it was", safe ? safe : "");
}

static void tell_problem(void *context, const char *sentence)
{
	tell(context, "settings", STATE_ATTENTION, "%s", sentence);
}

static void check_gate(struct status *status, int root_fd)
{
	enum state before = status->worst;
	struct pkgima_gate gate;

	status->worst = STATE_OK;
	pkgima_gate_load(&gate, root_fd, tell_problem, status);
	if (status->worst == STATE_OK)
		tell(status, "settings", STATE_OK, "%s", PKGIMA_CONFIG_PATH " and " PKGIMA_STATE_PATH " have no fault");
	if (before > status->worst)
		status->worst = before;
	tell(status, "enforce", STATE_OK, gate.enforcing ?
	     "signatures are enforced: packages without are refused" :
	     "signatures are not enforced, or nobody has said so in " PKGIMA_STATE_PATH);
}

static void check_trust(struct status *status, const struct pkgima_trust *trust)
{
	size_t leaves = 0, problems = 0;

	for (size_t i = 0; i < trust->count; i++) {
		leaves += !trust->items[i].ca && !trust->items[i].problem;
		problems += trust->items[i].problem != NULL;
	}
	if (!leaves)
		tell(status, "trust", STATE_MISSING, "no certificate in " PKGIMA_TRUST_FOLDER " counts: see pkgima keys list");
	else if (problems)
		tell(status, "trust", STATE_ATTENTION, "%zu certificate%s, and %zu file%s that do%s not count: see pkgima keys "
		     "list", leaves, leaves == 1 ? "" : "s", problems, problems == 1 ? "" : "s", problems == 1 ? "es" : "");
	else if (!trust->has_ca)
		tell(status, "trust", STATE_ATTENTION, "%zu certificate%s; without a CA certificate in "
		     PKGIMA_TRUST_CA_FOLDER " every package can add one", leaves, leaves == 1 ? "" : "s");
	else
		tell(status, "trust", STATE_OK, "%zu certificate%s", leaves, leaves == 1 ? "" : "s");
}

static void check_keyring(struct status *status, const struct pkgima_trust *trust)
{
	struct pkgima_keyring keyring;
	struct pkgima_error error;
	size_t absent = 0;
	int r;

	r = pkgima_keyring_find(&keyring, &error);
	if (r < 0) {
		tell(status, "keyring", STATE_MISSING, "%s", r == -ENOENT ? "this kernel has no keyring for IMA" : error.text);
		return;
	}
	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];

		absent += !item->ca && !item->problem && pkgima_keyring_has(&keyring, item->certificate) == 0;
	}
	if (absent)
		tell(status, "keyring", STATE_ATTENTION, "%s lacks %zu key%s of the trust store: pkgima keys load",
		     keyring.name, absent, absent == 1 ? "" : "s");
	else
		tell(status, "keyring", STATE_OK, "%s has the keys of the trust store", keyring.name);
}

static int check_all(struct status *status)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_close int root_fd = -1;
	struct pkgima_error error = { "no memory for the trust store" };

	root_fd = pkgima_root_open("/", &error);
	if (root_fd < 0 || !trust) {
		cli_message(status->command, "%s", error.text);
		return CLI_FAILED;
	}
	if (!cli_load_store(status->command, root_fd, trust))
		return CLI_FAILED;
	check_hooks(status);
	check_rpm(status);
	check_gate(status, root_fd);
	check_trust(status, trust);
	check_keyring(status, trust);
	return status->worst == STATE_OK ? CLI_OK : CLI_VERDICT;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct status status = { .command = command };
	struct json_object *document;
	int option, result;
	bool json = false;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (optind != argc)
		return cli_usage(command, "it takes no arguments");
	if (json)
		status.checks = json_object_new_array();
	result = check_all(&status);
	if (!json)
		return cli_finish(command, result);
	document = json_object_new_object();
	json_object_object_add(document, "checks", status.checks);
	return cli_print_json(command, document) == CLI_OK ? result : CLI_FAILED;
}

const struct cli_command cmd_status = {
	.name = "status",
	.summary = "is this machine ready to install signed packages",
	.help = "Usage: pkgima status [--json]\n"
		"One line for each of: apt and dpkg (do they install with the backend), settings, enforce,\n"
		"trust (certificates), keyring (has the kernel their keys); each ok, attention or missing,\n"
		"with what to do about it. Exit status 1 when not all are ok.\n\n"
		"  --json      print one JSON document\n"
		"  -h, --help  show this\n",
	.run = run,
};
