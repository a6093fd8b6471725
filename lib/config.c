// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <ini.h>

#include "beneath.h"
#include "cleanup.h"
#include "escape.h"

#define CONFIG_MAX ((size_t)64 * 1024)

/* Every setting and its words; a word's number is its place, the first is the default. */
static const struct setting {
	const char *section, *key;
	size_t offset;              /* of an enum in struct pkgima_config */
	const char *words[4];
} settings[] = {
	{ "apply", "select", offsetof(struct pkgima_config, select), { "all", "exec" } },
	{ "apply", "conffiles", offsetof(struct pkgima_config, conffiles), { "no", "yes" } },
	{ "apply", "unsupported-fs", offsetof(struct pkgima_config, unsupported_fs), { "warn", "ignore", "refuse" } },
	{ "install", "unsigned", offsetof(struct pkgima_config, unsigned_packages), { "allow", "warn", "refuse" } },
	{ "install", "untrusted", offsetof(struct pkgima_config, untrusted), { "warn", "refuse" } },
};

static int find_word(const struct setting *setting, const char *word)
{
	for (int i = 0; i < 4 && setting->words[i]; i++)
		if (!strcmp(setting->words[i], word))
			return i;
	return -EINVAL;
}

int pkgima_select_parse(const char *word, enum pkgima_select *ret_select)
{
	int found = find_word(&settings[0], word);

	if (found < 0)
		return found;
	*ret_select = (enum pkgima_select)found;
	return 0;
}

struct reading {
	struct pkgima_config *config;
	void (*problem)(void *context, const char *sentence);
	void *context;
	int problems;
};

static void complain(struct reading *reading, const char *what, const char *section, const char *key, const char *value)
{
	char sentence[400], safe[3][64];

	reading->problems++;
	if (!reading->problem)
		return;
	snprintf(sentence, sizeof(sentence), PKGIMA_CONFIG_PATH ": %s: [%s] %s = %s", what,
		 pkgima_printable_into(section, safe[0], sizeof(safe[0])),
		 pkgima_printable_into(key, safe[1], sizeof(safe[1])),
		 pkgima_printable_into(value, safe[2], sizeof(safe[2])));
	reading->problem(reading->context, sentence);
}

static int take_setting(void *context, const char *section, const char *key, const char *value)
{
	struct reading *reading = context;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int word;

		if (strcmp(settings[i].section, section) != 0 || strcmp(settings[i].key, key) != 0)
			continue;
		word = find_word(&settings[i], value);
		if (word < 0)
			complain(reading, "unknown value", section, key, value);
		else
			memcpy((char *)reading->config + settings[i].offset, &word, sizeof(word));
		return 1;
	}
	complain(reading, "unknown setting", section, key, value);
	return 1;
}

_Static_assert(sizeof(enum pkgima_select) == sizeof(int), "settings are written as int");

int pkgima_config_load(int root_fd, struct pkgima_config *ret_config,
		       void (*problem)(void *context, const char *sentence), void *context,
		       struct pkgima_error *error)
{
	struct reading reading = { .config = ret_config, .problem = problem, .context = context };
	cleanup_free char *text = NULL;
	char sentence[128];
	size_t length;
	int r;

	memset(ret_config, 0, sizeof(*ret_config));
	r = pkgima_beneath_read(root_fd, PKGIMA_CONFIG_PATH, CONFIG_MAX, (uint8_t **)&text, &length, error);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = ini_parse_string(text, take_setting, &reading);
	if (r != 0) {
		reading.problems++;
		snprintf(sentence, sizeof(sentence), PKGIMA_CONFIG_PATH ": line %d cannot be read", r);
		if (problem)
			problem(context, sentence);
	}
	return reading.problems;
}
