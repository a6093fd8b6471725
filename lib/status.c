// SPDX-License-Identifier: LGPL-2.1-or-later
#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include <ini.h>

#include "beneath.h"
#include "cleanup.h"
#include "escape.h"
#include "gate.h"
#include "io.h"
#include "status_checks.h"

#define STATE_MAX ((size_t)64 * 1024)
#define COMMAND_LINE_MAX ((size_t)64 * 1024)

const struct pkgima_status_check pkgima_status_checks[] = {
	{ "kernel", pkgima_status_kernel },
	{ "trust", pkgima_status_trust },
	{ "keyring", pkgima_status_keyring },
	{ "policy", pkgima_status_policy },
	{ "appraise", pkgima_status_appraise },
	{ "evm", pkgima_status_evm },
	{ "boot", pkgima_status_boot },
	{ "bootauth", pkgima_status_bootauth },
	{ "firmware", pkgima_status_firmware },
	{ "lockdown", pkgima_status_lockdown },
	{ "kexec", pkgima_status_kexec },
	{ "modules", pkgima_status_modules },
	{ "fuse", pkgima_status_fuse },
	{ "mounts", pkgima_status_mounts },
	{ "inodes", pkgima_status_inodes },
	{ "images", pkgima_status_images },
	{ "packages", pkgima_status_packages },
	{ NULL, NULL },
};

const char *pkgima_status_state_word(enum pkgima_status_state state)
{
	static const char *const words[] = {
#define X(name, word) [PKGIMA_STATUS_##name] = word,
		PKGIMA_STATUS_STATES(X)
#undef X
	};

	return words[state];
}

void pkgima_status_tell(struct pkgima_status *status, const char *check, enum pkgima_status_state state,
			const char *remedy, const char *format, ...)
{
	struct pkgima_status_line line = { .check = check, .state = state };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line.text, sizeof(line.text), format, arguments);
	va_end(arguments);
	snprintf(line.remedy, sizeof(line.remedy), "%s", remedy ? remedy : "");
	if (state > status->worst)
		status->worst = state;
	status->tell(status->context, &line);
}

/* Files of /proc and /sys do not know their size. */
char *pkgima_status_read_all(const struct pkgima_status *status, const char *path, size_t max, size_t *ret_length)
{
	cleanup_close int fd = pkgima_beneath_open_followed(status->root_fd, path, NULL);
	uint8_t *data;

	if (fd < 0 || pkgima_read_stream(fd, path, max, &data, ret_length, NULL) < 0)
		return NULL;
	return (char *)data;
}

bool pkgima_status_read(const struct pkgima_status *status, const char *path, char *output, size_t capacity)
{
	cleanup_close int fd = pkgima_beneath_open_followed(status->root_fd, path, NULL);
	ssize_t length = fd < 0 ? -1 : pkgima_read_all(fd, output, capacity - 1);

	output[length > 0 ? length : 0] = '\0';
	if (length > 0 && output[strlen(output) - (*output != '\0')] == '\n')
		output[strlen(output) - 1] = '\0';
	return length >= 0;
}

bool pkgima_status_exists(const struct pkgima_status *status, const char *path)
{
	struct stat st;

	return pkgima_beneath_stat(status->root_fd, path, true, &st) == 0;
}

/* The next word of the command line without its quotes, as next_arg() of lib/cmdline.c does it; false at the end. */
static bool next_word(const char **position, char *word, size_t capacity)
{
	const char *at = *position;
	bool quoted = false;
	size_t used = 0;

	at += strspn(at, " \t\n\v\f\r");
	if (!*at)
		return false;
	for (; *at && (quoted || !strchr(" \t\n\v\f\r", *at)); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (used + 1 < capacity)
			word[used++] = *at;
	}
	word[used] = '\0';
	*position = at;
	return true;
}

bool pkgima_status_word(const struct pkgima_status *status, const char *name, const char **position, char *value,
			size_t capacity)
{
	size_t length = strlen(name);
	char word[1024];

	if (!*position)
		*position = status->command_line;
	while (next_word(position, word, sizeof(word))) {
		/* What follows is for init. */
		if (!strcmp(word, "--"))
			return false;
		if (!strncmp(word, name, length) && word[length] == '=') {
			snprintf(value, capacity, "%s", word + length + 1);
			return true;
		}
	}
	return false;
}

bool pkgima_status_last_word(const struct pkgima_status *status, const char *name, char *value, size_t capacity)
{
	const char *position = NULL;
	bool found = false;

	while (pkgima_status_word(status, name, &position, value, capacity))
		found = true;
	return found;
}

bool pkgima_status_knows_config(const struct pkgima_status *status)
{
	return status->config.text != NULL;
}

bool pkgima_status_has(const struct pkgima_status *status, const char *option)
{
	return pkgima_kernel_config_get(&status->config, option) == 'y';
}

static int take_state(void *context, const char *section, const char *key, const char *value)
{
	struct pkgima_status_boot *boot = context;

	if (*section)
		return 1;
	if (!strcmp(key, "mode"))
		pkgima_printable_into(value, boot->mode, sizeof(boot->mode));
	else if (!strcmp(key, "policy"))
		pkgima_printable_into(value, boot->policy, sizeof(boot->policy));
	else if (!strcmp(key, "evm"))
		pkgima_printable_into(value, boot->evm, sizeof(boot->evm));
	return 1;
}

static void read_boot(struct pkgima_status *status)
{
	struct pkgima_status_boot *boot = &status->boot;
	cleanup_free char *text = NULL;
	size_t length;

	boot->known = pkgima_status_exists(status, PKGIMA_STATE_PATH);
	if (!boot->known)
		return;
	text = pkgima_status_read_all(status, PKGIMA_STATE_PATH, STATE_MAX, &length);
	boot->malformed = !text || ini_parse_string(text, take_state, boot) != 0 ||
			  (strcmp(boot->mode, "off") != 0 && strcmp(boot->mode, "log") != 0 &&
			   strcmp(boot->mode, "enforce") != 0);
}

int pkgima_status_open(struct pkgima_status *status, struct pkgima_error *error)
{
	size_t length;
	int r = pkgima_kernel_config_load(status->root_fd, true, &status->config, error);

	if (r < 0)
		return r;
	status->command_line = pkgima_status_read_all(status, "/proc/cmdline", COMMAND_LINE_MAX, &length);
	if (!status->command_line)
		status->command_line = strdup("");
	if (!status->command_line)
		return pkgima_fail(error, -ENOMEM, "no memory for the kernel command line");
	read_boot(status);
	status->efi = pkgima_status_exists(status, "/sys/firmware/efi");
	status->secure_boot = pkgima_secure_boot(status->root_fd);
	return 0;
}

void pkgima_status_close(struct pkgima_status *status)
{
	pkgima_kernel_config_free(&status->config);
	free(status->command_line);
	status->command_line = NULL;
}
