// SPDX-License-Identifier: LGPL-2.1-or-later
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../lib/dpkg.h"
#include "../lib/escape.h"
#include "../lib/rpmdb.h"
#include "../lib/signing/key.h"
#include "../lib/signing/token.h"

void cli_hide_memory(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_DUMPABLE, 0);
}

void cli_warn_about_key(const struct cli_command *command, const char *key, const char *what)
{
	if (pkgima_token_shows_pin(key))
		cli_message(command, "warning: the PIN is on the command line, where every user can read it: use pin-source");
	else if (pkgima_key_is_exposed(key))
		cli_message(command, "warning: others than its owner can read %s", what);
}

static void message(const struct cli_command *command, const char *format, va_list args)
{
	fprintf(stderr, "pkgima %s: ", command->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void cli_message(const struct cli_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(command, format, args);
	va_end(args);
}

int cli_help(const struct cli_command *command)
{
	fputs(command->help, stdout);
	return cli_finish(command, CLI_OK);
}

int cli_usage(const struct cli_command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message(command, format, args);
	va_end(args);
	return cli_bad_option(command);
}

int cli_bad_option(const struct cli_command *command)
{
	fprintf(stderr, "Try 'pkgima %s --help'.\n", command->name);
	return CLI_USAGE;
}

bool cli_number(const char *text, unsigned long least, unsigned long most, unsigned long *ret_number)
{
	unsigned long number;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number < least || number > most)
		return false;
	*ret_number = number;
	return true;
}

char *cli_printable(const char *name)
{
	char *text = pkgima_printable(name);

	return text ? text : strdup("(no memory)");
}

struct json_object *cli_json_name(const char *name)
{
	cleanup_free char *text = cli_printable(name);

	return json_object_new_string(text ? text : "");
}

int cli_print_json(const struct cli_command *command, struct json_object *document)
{
	const char *text = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PRETTY |
								    JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		puts(text);
	json_object_put(document);
	if (!text) {
		cli_message(command, "no memory for the JSON document");
		return CLI_FAILED;
	}
	return cli_finish(command, CLI_OK);
}

bool cli_certs_add(struct cli_certs *certs, const char *path)
{
	if (certs->count == CLI_CERTS_MAX)
		return false;
	certs->paths[certs->count++] = path;
	return true;
}

static bool is_owned_by_rpm(struct cli_owners *owners, const char *path)
{
	bool owned = false;
	int r = 0;

	if (owners->no_rpmdb)
		return false;
	if (!owners->rpmdb)
		r = pkgima_rpmdb_open(owners->root_fd, &owners->rpmdb, &owners->error);
	owners->no_rpmdb = r == -ENOENT;
	if (owners->no_rpmdb)
		return false;
	if (r == 0)
		r = pkgima_rpmdb_owns(owners->rpmdb, path, &owned, &owners->error);
	owners->result = r;
	return owned;
}

int cli_owners_open(struct cli_owners *owners, int root_fd, struct pkgima_error *error)
{
	int r;

	*owners = (struct cli_owners){ .root_fd = root_fd };
	r = pkgima_dpkg_open(root_fd, PKGIMA_DPKG_ADMINDIR, &owners->dpkg, error);
	return r == -ENOENT ? 0 : r;
}

int cli_owners_close(struct cli_owners *owners, int result, struct pkgima_error *error)
{
	if (result == 0 && owners->result < 0)
		result = pkgima_fail(error, owners->result, "who owns a CA certificate cannot be told: %.900s",
				     owners->error.text);
	pkgima_dpkg_free(owners->dpkg);
	pkgima_rpmdb_free(owners->rpmdb);
	return result;
}

bool cli_owners_own(void *context, const char *path)
{
	struct cli_owners *owners = context;

	return owners->result < 0 || pkgima_dpkg_owns(owners->dpkg, path) || is_owned_by_rpm(owners, path);
}

bool cli_load_store(const struct cli_command *command, int root_fd, struct pkgima_trust *trust)
{
	struct pkgima_error error = { "" };
	struct cli_owners owners;
	int r;

	r = cli_owners_open(&owners, root_fd, &error);
	if (r == 0)
		r = pkgima_trust_load(trust, root_fd, cli_owners_own, &owners, &error);
	r = cli_owners_close(&owners, r, &error);
	if (r < 0)
		cli_message(command, "%s", error.text);
	return r == 0;
}

struct pkgima_trust *cli_load_trust(const struct cli_command *command, int root_fd, const struct cli_certs *certs)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	struct pkgima_error error;
	int r = 0;

	if (!trust) {
		cli_message(command, "no memory for the trust store");
		return NULL;
	}
	if (certs->count == 0 && !cli_load_store(command, root_fd, trust))
		return NULL;
	for (size_t i = 0; i < certs->count && r == 0; i++)
		r = pkgima_trust_add(trust, certs->paths[i], &error);
	if (r < 0) {
		cli_message(command, "%s", error.text);
		return NULL;
	}
	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];

		if (item->problem)
			cli_message(command, "%s does not count: %s", item->source, item->problem);
		else if (item->warning)
			cli_message(command, "warning: %s: %s", item->source, item->warning);
	}
	return pkgima_steal_pointer(&trust);
}

void cli_progress_begin(struct cli_progress *progress)
{
	const char *terminal = getenv("TERM");

	*progress = (struct cli_progress){
		.active = isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0,
	};
	clock_gettime(CLOCK_MONOTONIC, &progress->last);
}

/* Ten times a second are enough for an eye. */
bool cli_progress_due(struct cli_progress *progress)
{
	struct timespec now;

	if (!progress->active)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if ((now.tv_sec - progress->last.tv_sec) * 1000 + (now.tv_nsec - progress->last.tv_nsec) / 1000000 < 100)
		return false;
	progress->last = now;
	return true;
}

void cli_progress_show(struct cli_progress *progress, const char *format, ...)
{
	va_list args;

	if (!progress->active)
		return;
	fputs("\r\033[K", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

void cli_progress_clear(struct cli_progress *progress)
{
	if (progress->active)
		fputs("\r\033[K", stderr);
}

void cli_progress_end(struct cli_progress *progress)
{
	cli_progress_clear(progress);
	progress->active = false;
}

int cli_finish(const struct cli_command *command, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	cli_message(command, "cannot write to standard output: %s", strerror(errno));
	return CLI_FAILED;
}
