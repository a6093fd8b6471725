// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ima_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *pkgima_ima_action_word(enum pkgima_ima_action action)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_IMA_ACTIONS(X)
#undef X
	};

	return words[action];
}

const char *pkgima_ima_hook_word(enum pkgima_ima_hook hook)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_IMA_HOOKS(X)
#undef X
	};

	return words[hook];
}

const char *pkgima_ima_need_sentence(enum pkgima_ima_need need)
{
	static const char *const sentences[] = {
#define X(name, sentence) sentence,
		PKGIMA_IMA_NEEDS(X)
#undef X
	};

	return sentences[need];
}

void pkgima_ima_policy_free(struct pkgima_ima_policy *policy)
{
	for (size_t i = 0; i < policy->text_count; i++)
		free(policy->texts[i]);
	free(policy->texts);
	free(policy->rules);
	memset(policy, 0, sizeof(*policy));
}

struct reading {
	struct pkgima_ima_policy *policy;
	size_t count;                  /* of rules, with those that were there */
	const char *origin;
	void (*refuse)(void *context, size_t line, const char *sentence);
	void *context;
	struct pkgima_error *error;
	bool refused;
};

static void refuse(struct reading *reading, size_t line, const char *sentence)
{
	if (!reading->refused)
		pkgima_fail(reading->error, -EINVAL, "line %zu: %s", line, sentence);
	reading->refused = true;
	if (reading->refuse)
		reading->refuse(reading->context, line, sentence);
}

/* @words: the line, to be taken apart; @text: the same, to be kept. Both end with NUL. */
static void read_line(struct reading *reading, size_t line, char *words, const char *text)
{
	struct pkgima_ima_rule *rule = &reading->policy->rules[reading->count];
	size_t blanks = strspn(words, " \t");
	struct pkgima_error reason;

	words += blanks;
	if (!*words || *words == '#')
		return;
	if (blanks + strlen(words) > PKGIMA_IMA_LINE_MAX) {
		refuse(reading, line, "the rule takes a page or more, and would be cut");
		return;
	}
	*rule = (struct pkgima_ima_rule){ .text = text + blanks, .line = line, .origin = reading->origin };
	if (pkgima_ima_rule_parse(words, rule, &reason) < 0)
		refuse(reading, line, reason.text);
	else
		reading->count++;
}

static size_t count_lines(const uint8_t *text, size_t length)
{
	size_t lines = 1;

	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	return lines;
}

/* Makes room for @rules more rules, and for two copies of @text: one is taken apart. */
static int make_room(struct pkgima_ima_policy *policy, size_t rules, const uint8_t *text, size_t length)
{
	void *list;

	list = reallocarray(policy->rules, policy->count + rules, sizeof(*policy->rules));
	if (!list)
		return -ENOMEM;
	policy->rules = list;
	list = reallocarray(policy->texts, policy->text_count + 2, sizeof(*policy->texts));
	if (!list)
		return -ENOMEM;
	policy->texts = list;
	for (int i = 0; i < 2; i++) {
		char *copy = malloc(length + 1);

		if (!copy)
			return -ENOMEM;
		memcpy(copy, text, length);
		copy[length] = '\0';
		policy->texts[policy->text_count++] = copy;
	}
	return 0;
}

int pkgima_ima_policy_parse(struct pkgima_ima_policy *policy, const uint8_t *text, size_t length, const char *origin,
			    void (*refused)(void *context, size_t line, const char *sentence), void *context,
			    struct pkgima_error *error)
{
	struct reading reading = { .policy = policy, .count = policy->count, .origin = origin, .refuse = refused,
				   .context = context, .error = error };
	const uint8_t *nul = length ? memchr(text, '\0', length) : NULL;
	char *rest, *lines;
	size_t line = 0;

	if (length > PKGIMA_IMA_POLICY_MAX)
		return pkgima_fail(error, -EINVAL, "it has more than %zu bytes", PKGIMA_IMA_POLICY_MAX);
	if (nul) {
		refuse(&reading, count_lines(text, (size_t)(nul - text)), "it has a NUL byte, where the kernel would end");
		return -EINVAL;
	}
	if (make_room(policy, count_lines(text, length), text, length) < 0)
		return pkgima_fail(error, -ENOMEM, "no memory for the policy");
	rest = policy->texts[policy->text_count - 2];
	lines = policy->texts[policy->text_count - 1];
	for (char *words; (words = strsep(&rest, "\n")); ) {
		size_t size = strlen(words);

		lines[size] = '\0';
		read_line(&reading, ++line, words, lines);
		lines += size + 1;
	}
	if (reading.refused)
		return -EINVAL;
	if (reading.count == policy->count)
		return pkgima_fail(error, -EINVAL, "it has no rule, which the kernel refuses");
	policy->count = reading.count;
	policy->unended = length && text[length - 1] != '\n';
	return 0;
}
