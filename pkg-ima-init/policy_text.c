// SPDX-License-Identifier: LGPL-2.1-or-later
#include "policy_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ima_write_policy() cuts what is written at PAGE_SIZE - 1, and pages are nowhere smaller than this. */
#define LINE_LIMIT 4096

static size_t line_length(const char *text, size_t length, size_t at)
{
	const char *end = memchr(text + at, '\n', length - at);

	return end ? (size_t)(end - text) - at : length - at;
}

static size_t leading_blanks(const char *line, size_t length)
{
	size_t count = 0;

	while (count < length && (line[count] == ' ' || line[count] == '\t'))
		count++;
	return count;
}

bool policy_text_next(const char *text, size_t length, size_t *at, const char **ret_rule, size_t *ret_length)
{
	while (*at < length) {
		const char *line = text + *at;
		size_t all = line_length(text, length, *at);
		size_t blanks = leading_blanks(line, all);

		*at += all < length - *at ? all + 1 : all;
		if (blanks == all || line[blanks] == '#')
			continue;
		*ret_rule = line;
		*ret_length = all;
		return true;
	}
	return false;
}

/* Does the word say "KEY=N", or "<" or ">" in its place, so that it says nothing of root's own? */
static bool is_not_roots(const char *word, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(word, key, length) != 0)
		return false;
	if (word[length] == '>')
		return true;
	return word[length] == '=' && strtoul(word + length + 1, NULL, 10) != 0;
}

static void examine_rule(struct policy_text *policy, char *rule)
{
	static const char *const owners[] = { "fowner", "fgroup", "uid", "euid", "gid", "egid" };
	bool narrow = false, file_check = true, enforces = true;
	char *rest = NULL;
	char *word = strtok_r(rule, " \t", &rest);

	if (!word || strcmp(word, "appraise") != 0)
		return;
	policy->appraises = true;
	while ((word = strtok_r(NULL, " \t", &rest))) {
		if (!strncmp(word, "func=", 5)) {
			file_check = !strcmp(word + 5, "FILE_CHECK") || !strcmp(word + 5, "PATH_CHECK");
			enforces = file_check || !strcmp(word + 5, "BPRM_CHECK") || !strcmp(word + 5, "MMAP_CHECK");
		}
		for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
			narrow |= is_not_roots(word, owners[i]);
	}
	policy->file_check |= file_check;
	policy->enforces |= enforces && !narrow;
}

static size_t count_lines(const char *text, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += text[i] == '\n';
	return count;
}

int policy_text_examine(const char *text, size_t length, struct policy_text *ret_policy, struct pkgima_error *error)
{
	struct policy_text policy = { 0 };
	char copy[LINE_LIMIT];
	size_t at = 0, rule_length;
	const char *rule, *nul;

	nul = memchr(text, '\0', length);
	if (nul)
		return pkgima_fail(error, -EINVAL, "line %zu has a NUL byte", count_lines(text, (size_t)(nul - text)) + 1);
	while (policy_text_next(text, length, &at, &rule, &rule_length)) {
		if (rule_length >= LINE_LIMIT - 2)
			return pkgima_fail(error, -EINVAL, "line %zu is too long",
					   count_lines(text, (size_t)(rule - text)) + 1);
		if (rule[0] == '/')
			return pkgima_fail(error, -EINVAL, "line %zu is a path, not a rule",
					   count_lines(text, (size_t)(rule - text)) + 1);
		memcpy(copy, rule, rule_length);
		copy[rule_length] = '\0';
		examine_rule(&policy, copy);
		policy.rules++;
	}
	if (!policy.rules)
		return pkgima_fail(error, -EINVAL, "it has no rule");
	if (text[length - 1] != '\n')
		return pkgima_fail(error, -EINVAL, "no line feed at its end");
	*ret_policy = policy;
	return 0;
}
