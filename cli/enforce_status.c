// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdarg.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/escape.h"
#include "../lib/gate.h"
#include "enforce.h"

struct status {
	const struct enforce *enforce;
	struct json_object *checks;    /* NULL: lines are printed */
	bool amiss;
};

static void __attribute__((format(printf, 4, 5))) tell(struct status *status, const char *name, bool fine,
						       const char *format, ...)
{
	const char *state = fine ? "ok" : "attention";
	char text[1400];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	status->amiss = status->amiss || !fine;
	if (status->checks) {
		struct json_object *check = json_object_new_object();

		json_object_object_add(check, "check", json_object_new_string(name));
		json_object_object_add(check, "state", json_object_new_string(state));
		json_object_object_add(check, "text", json_object_new_string(text));
		json_object_array_add(status->checks, check);
	} else {
		printf("%-9s  %-9s  %s\n", state, name, text);
	}
}

/* The value of a line "KEY=VALUE" of what ima-init has left, made printable; "" where there is none. */
static void value_of(const char *text, const char *key, char *value, size_t capacity)
{
	size_t length = strlen(key);
	char raw[256];

	*value = '\0';
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, key, length) != 0 || line[length] != '=')
			continue;
		snprintf(raw, sizeof(raw), "%.*s", (int)strcspn(line + length + 1, "\n"), line + length + 1);
		pkgima_printable_into(raw, value, capacity);
		return;
	}
}

static void tell_now(struct status *status)
{
	const struct enforce *enforce = status->enforce;
	cleanup_free uint8_t *text = NULL;
	char mode[64], policy[256], keyring[64];
	struct pkgima_error error;
	size_t length;
	int r;

	if (!enforce->root_is_ours) {
		tell(status, "now", true, "this root is not the running system's");
		return;
	}
	r = pkgima_beneath_read(enforce->root_fd, PKGIMA_STATE_PATH, 64 * 1024, &text, &length, &error);
	if (r < 0) {
		tell(status, "now", r == -ENOENT, "%s", r == -ENOENT ? "nothing is enforced: ima-init has not started this "
		     "system" : error.text);
		return;
	}
	value_of((char *)text, "mode", mode, sizeof(mode));
	value_of((char *)text, "policy", policy, sizeof(policy));
	value_of((char *)text, "keyring", keyring, sizeof(keyring));
	if (!strcmp(mode, "enforce"))
		tell(status, "now", true, "enforced, policy %s, keyring %s", policy, keyring);
	else if (!strcmp(mode, "log"))
		tell(status, "now", true, "only logged, policy %s", policy);
	else
		tell(status, "now", !strcmp(mode, "off"), "nothing is enforced, mode %s", mode);
}

static void tell_set(struct status *status)
{
	const struct pkgima_enforce *now = &status->enforce->now;
	struct stat st;

	switch (now->mode) {
	case PKGIMA_ENFORCE_OFF:
		tell(status, "set", true, "off%s", now->policy ? ", by " PKGIMA_ENFORCE_SETTINGS : ": there is no policy");
		break;
	case PKGIMA_ENFORCE_LOG:
		tell(status, "set", true, "log: nothing is denied; " PKGIMA_ENFORCE_POLICY " is for later");
		break;
	default:
		tell(status, "set", true, "enforce " PKGIMA_ENFORCE_POLICY);
	}
	if (pkgima_beneath_stat(status->enforce->root_fd, PKGIMA_ENFORCE_FOREIGN, false, &st) == 0)
		tell(status, "systemd", false, PKGIMA_ENFORCE_FOREIGN " exists: systemd would load it without keys, in recovery "
		     "too");
}

static void tell_kernels(struct status *status)
{
	cleanup_kernels struct pkgima_kernels kernels = { 0 };
	struct pkgima_error error;

	if (pkgima_kernels_list(status->enforce->root_fd, &kernels, &error) < 0)
		tell(status, "next boot", false, "%s", error.text);
	for (size_t i = 0; i < kernels.count; i++) {
		cleanup_free char *version = cli_printable(kernels.list[i].version);
		char sentence[1200];
		enum enforce_outcome outcome = enforce_look_at(status->enforce, &kernels.list[i], sentence, sizeof(sentence));

		tell(status, "next boot", outcome == OUTCOME_AS_SET, "%s: %s", version, sentence);
	}
	if (!kernels.count && status->enforce->now.mode != PKGIMA_ENFORCE_OFF)
		tell(status, "next boot", false, "there is no kernel in /boot: what it does cannot be told");
}

static void tell_recovery(struct status *status)
{
	static const char *const names[] = { "grub", "kernel-install" };
	bool wanted = status->enforce->now.mode != PKGIMA_ENFORCE_OFF, any = false;
	struct pkgima_error error;

	for (int i = 0; i < PKGIMA_LOADER_COUNT; i++) {
		struct pkgima_loader_state state;

		if (pkgima_loader_look(status->enforce->root_fd, (enum pkgima_loader)i, &state, &error) < 0) {
			tell(status, "recovery", false, "%s", error.text);
			continue;
		}
		any = any || state.menu;
		if (state.has_log && state.has_off)
			tell(status, "recovery", wanted, "%s: entries with ima_init=log and ima_init=off in %s%s", names[i], state.menu,
			     wanted ? "" : ", which are no longer needed");
		else if (state.menu && wanted)
			tell(status, "recovery", false, "%s: %s has no entries for recovery", names[i], state.menu);
		else if (state.linked)
			tell(status, "recovery", false, "%s: %s is left over", names[i], pkgima_loader_link((enum pkgima_loader)i));
	}
	if (!any && wanted)
		tell(status, "recovery", true, "no boot loader that is known here: ima_init=log or ima_init=off on the kernel command "
		     "line");
}

int enforce_status(struct enforce *enforce)
{
	struct status status = { .enforce = enforce, .checks = enforce->json ? json_object_new_array() : NULL };
	struct json_object *document;
	struct pkgima_error error;

	if (pkgima_enforce_load(enforce->root_fd, &enforce->now, &error) < 0) {
		cli_message(enforce->command, "%s", error.text);
		json_object_put(status.checks);
		return CLI_FAILED;
	}
	tell_now(&status);
	tell_set(&status);
	tell_kernels(&status);
	tell_recovery(&status);
	if (enforce->json) {
		document = json_object_new_object();
		json_object_object_add(document, "set",
				       json_object_new_string(pkgima_enforce_mode_word(enforce->now.mode)));
		json_object_object_add(document, "checks", status.checks);
		if (cli_print_json(enforce->command, document) != CLI_OK)
			return CLI_FAILED;
	}
	return cli_finish(enforce->command, status.amiss ? CLI_VERDICT : CLI_OK);
}
