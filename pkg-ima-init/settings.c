// SPDX-License-Identifier: LGPL-2.1-or-later
#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../lib/init_conf.h"

/* A longer word of the command line is none of ours. */
#define WORD_MAX (PATH_MAX + 64)

static const char *const mode_words[] = { "enforce", "log", "off" };

void settings_default(struct settings *settings, bool recovery)
{
	*settings = (struct settings){
		.mode = MODE_ENFORCE,
		.asked = !recovery,
		.kexec = true,
		.lockdown = true,
		.modules = true,
		.exec = "/sbin/init",
	};
}

/* Those that are on or off, with the words for it. */
static const struct toggle {
	const char *key, *on;
	size_t offset;
} toggles[] = {
	{ "kexec", "disable", offsetof(struct settings, kexec) },
	{ "lockdown", "integrity", offsetof(struct settings, lockdown) },
	{ "modules", "enforce", offsetof(struct settings, modules) },
};

static const char unknown_value[] = "unknown value";
static const char not_honoured[] = "this build of ima-init lets nothing weaken it";

static const char *take_mode(struct settings *settings, const char *value, bool weaken)
{
	for (enum mode mode = MODE_ENFORCE; mode <= MODE_OFF; mode++) {
		if (strcmp(value, mode_words[mode]) != 0)
			continue;
		if (mode != MODE_ENFORCE && !weaken)
			return not_honoured;
		settings->mode = mode;
		settings->asked = mode == MODE_ENFORCE;
		return NULL;
	}
	return unknown_value;
}

/* Returns why it does not count, or NULL. @weaken: may it make anything weaker? */
static const char *take(struct settings *settings, const char *key, const char *value, bool weaken)
{
	if (!strcmp(key, "mode"))
		return take_mode(settings, value, weaken);
	if (!strcmp(key, "exec")) {
		if (value[0] != '/')
			return "no absolute path";
		if (strlen(value) >= sizeof(settings->exec))
			return "too long";
		strcpy(settings->exec, value);
		return NULL;
	}
	for (size_t i = 0; i < sizeof(toggles) / sizeof(toggles[0]); i++) {
		const struct toggle *toggle = &toggles[i];
		bool on = !strcmp(value, toggle->on);

		if (strcmp(key, toggle->key) != 0)
			continue;
		if (!on && strcmp(value, "keep") != 0)
			return unknown_value;
		if (!on && !weaken)
			return not_honoured;
		*(bool *)((char *)settings + toggle->offset) = on;
		return NULL;
	}
	return "unknown setting";
}

/* Words for the kernel that tell how it will behave. */
static void note_kernel_word(struct settings *settings, const char *word)
{
	if (!strncmp(word, "ima_policy=", 11)) {
		settings->appraise_tcb |= strstr(word, "appraise_tcb") != NULL;
		settings->signed_policy |= strstr(word, "appraise_tcb") || strstr(word, "secure_boot");
	} else if (!strncmp(word, "ima_appraise=", 13)) {
		settings->only_logs = strcmp(word + 13, "enforce") != 0;
	} else if (!strcmp(word, "ima_appraise_tcb")) {
		settings->appraise_tcb = settings->signed_policy = true;
	}
}

struct problems {
	settings_problem *tell;
	void *context;
};

static void take_word(struct settings *settings, char *word, bool recovery, const struct problems *problems)
{
	const char *reason;
	char *value;

	if (!strncmp(word, "ima_init=", 9)) {
		reason = take(settings, "mode", word + 9, recovery);
	} else if (strncmp(word, "ima_init.", 9) != 0) {
		note_kernel_word(settings, word);
		return;
	} else if ((value = strchr(word, '=')) && strncmp(word, "ima_init.mode=", 14) != 0) {
		*value = '\0';
		reason = take(settings, word + 9, value + 1, recovery);
		*value = '=';
	} else {
		reason = "unknown setting";
	}
	if (reason && problems->tell)
		problems->tell(problems->context, word, reason);
}

static bool is_blank(char byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

void settings_take_command_line(struct settings *settings, const char *text, size_t length, bool recovery,
				settings_problem *problem, void *context)
{
	const struct problems problems = { .tell = problem, .context = context };
	char word[WORD_MAX + 1];
	size_t at = 0;

	while (at < length && text[at]) {
		bool quoted = false, cut = false;
		size_t used = 0;

		if (is_blank(text[at])) {
			at++;
			continue;
		}
		for (; at < length && text[at] && (quoted || !is_blank(text[at])); at++) {
			if (text[at] == '"')
				quoted = !quoted;
			else if (used < WORD_MAX)
				word[used++] = text[at];
			else
				cut = true;
		}
		word[used] = '\0';
		if (!strcmp(word, "--"))
			return;
		if (!cut)
			take_word(settings, word, recovery, &problems);
		else if (!strncmp(word, "ima_init", 8) && problem)
			problem(context, "ima_init", "too long");
	}
}

void settings_take_file(struct settings *settings, const char *text, settings_problem *problem, void *context)
{
	struct pkgima_init_conf_line line;

	text = pkgima_init_conf_begin(text);
	while (pkgima_init_conf_next(&text, &line)) {
		const char *reason = line.problem ? line.problem : take(settings, line.key, line.value, true);

		if (reason && problem)
			problem(context, line.key, reason);
	}
}
