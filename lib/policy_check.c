// SPDX-License-Identifier: LGPL-2.1-or-later
#include "policy_check.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/magic.h>

#include "cleanup.h"

/* A write to securityfs takes less than a page; on some machines that is more, but policies are to load everywhere. */
#define LINE_MAX_BYTES 4095

struct check {
	void (*warn)(void *context, const char *sentence);
	void *context;
	struct pkgima_error *error;
	size_t number;          /* of the line, from 1 */
	bool has_rule, appraises;
};

static const char *const actions[] = { "measure", "dont_measure", "appraise", "dont_appraise", "audit", "dont_audit",
				       "hash", "dont_hash" };

static bool is_action(const char *word)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(word, actions[i]))
			return true;
	return false;
}

/* The value of a word "NAME=value", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(word, name, length) && word[length] == '=' ? word + length + 1 : NULL;
}

/* Whoever is root can mount one of these, or write the one that is there, and puts into it what he likes. */
static const char *open_file_system(const char *word)
{
	static const char *const names[] = { "tmpfs", "ramfs", "rootfs", "devtmpfs" };
	const char *value = value_of(word, "fsname");

	for (size_t i = 0; value && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(value, names[i]))
			return names[i];
	value = value_of(word, "fsmagic");
	switch (value ? strtoul(value, NULL, 16) : 0) {
	case TMPFS_MAGIC:
		return "tmpfs";
	case RAMFS_MAGIC:
		return "ramfs";
	default:
		return NULL;
	}
}

static int check_exemption(struct check *check, char *const words[], size_t count)
{
	char sentence[160];
	bool limited = false;

	for (size_t i = 1; i < count; i++) {
		const char *name = open_file_system(words[i]);

		if (name)
			return pkgima_fail(check->error, -EINVAL, "line %zu: it exempts %s, where root can put any program",
					   check->number, name);
		limited = limited || value_of(words[i], "fsmagic") || value_of(words[i], "fsname") ||
			  value_of(words[i], "fsuuid");
	}
	if (!limited && check->warn) {
		snprintf(sentence, sizeof(sentence), "line %zu: it exempts files on all file systems", check->number);
		check->warn(check->context, sentence);
	}
	return 0;
}

static int check_rule(struct check *check, char *const words[], size_t count)
{
	bool first = !check->has_rule, is_policy = false;

	check->has_rule = true;
	if (!is_action(words[0]))
		return pkgima_fail(check->error, -EINVAL, "line %zu: no kernel knows the action it begins with",
				   check->number);
	for (size_t i = 1; i < count; i++)
		is_policy = is_policy || !strcmp(words[i], "func=POLICY_CHECK");
	if (first && (!is_policy || !strncmp(words[0], "dont_", 5)))
		return pkgima_fail(check->error, -EINVAL, "line %zu: the first rule has to be one about POLICY_CHECK",
				   check->number);
	check->appraises = check->appraises || !strcmp(words[0], "appraise");
	return strcmp(words[0], "dont_appraise") ? 0 : check_exemption(check, words, count);
}

static int check_line(struct check *check, char *line)
{
	char *words[128], *rest = line;
	size_t count = 0;

	if (strlen(line) >= LINE_MAX_BYTES)
		return pkgima_fail(check->error, -EINVAL, "line %zu: it has more than %d bytes", check->number,
				   LINE_MAX_BYTES - 1);
	for (char *word; (word = strsep(&rest, " \t")); ) {
		if (!*word)
			continue;
		if (!count && *word == '#')
			return 0;
		if (count == sizeof(words) / sizeof(words[0]))
			return pkgima_fail(check->error, -EINVAL, "line %zu: it has too many words", check->number);
		words[count++] = word;
	}
	return count ? check_rule(check, words, count) : 0;
}

int pkgima_policy_check(const uint8_t *text, size_t length, void (*warn)(void *context, const char *sentence),
			void *context, struct pkgima_error *error)
{
	struct check check = { .warn = warn, .context = context, .error = error };
	cleanup_free char *copy = NULL;
	char *rest;
	int r = 0;

	if (length > PKGIMA_POLICY_MAX)
		return pkgima_fail(error, -EINVAL, "more than %d bytes", PKGIMA_POLICY_MAX);
	for (size_t i = 0; i < length; i++)
		if ((text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return pkgima_fail(error, -EINVAL, "byte %zu is no text", i);
	copy = strndup((const char *)text, length);
	if (!copy)
		return pkgima_fail(error, -ENOMEM, "no memory for the policy");
	rest = copy;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")); ) {
		check.number++;
		r = check_line(&check, line);
	}
	if (r < 0)
		return r;
	if (!check.has_rule)
		return pkgima_fail(error, -EINVAL, "it has no rules");
	if (!check.appraises && warn)
		warn(context, "no rule appraises: nothing is denied");
	return 0;
}
