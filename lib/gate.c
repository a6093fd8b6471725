// SPDX-License-Identifier: LGPL-2.1-or-later
#include "gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ini.h>

#include "beneath.h"
#include "cleanup.h"

#define STATE_MAX ((size_t)64 * 1024)

static int take_line(void *context, const char *section, const char *key, const char *value)
{
	const char **mode = context;

	if (!*section && !strcmp(key, "mode"))
		*mode = !strcmp(value, "off") || !strcmp(value, "log") ? "" : "enforce";
	return 1;
}

static int load_state(struct pkgima_gate *gate, int root_fd, struct pkgima_error *error)
{
	cleanup_free char *text = NULL;
	const char *mode = NULL;
	struct stat folder = { 0 };
	size_t length;
	int r;

	r = pkgima_beneath_read(root_fd, PKGIMA_STATE_PATH, STATE_MAX, (uint8_t **)&text, &length, error);
	/* A package may put something else in place of its folder, a link that leads nowhere or to an empty one too. */
	if (r == -ENOENT && (pkgima_beneath_stat(root_fd, PKGIMA_STATE_FOLDER, false, &folder) == -ENOENT ||
			     S_ISDIR(folder.st_mode)))
		return 0;
	/* One without a mode is not what init left: it enforces. */
	if (r == -ENOENT || (r == 0 && (ini_parse_string(text, take_line, &mode) != 0 || !mode)))
		r = pkgima_fail(error, -EINVAL, PKGIMA_STATE_PATH " is malformed");
	gate->enforcing = r < 0 || !mode || *mode;
	return r;
}

void pkgima_gate_load(struct pkgima_gate *gate, int root_fd, void (*problem)(void *context, const char *sentence),
		      void *context)
{
	const char *override = getenv("PKGIMA");
	struct pkgima_error error;

	memset(gate, 0, sizeof(*gate));
	gate->overridden = override && !strcmp(override, "warn");
	if (load_state(gate, root_fd, &error) < 0 && problem)
		problem(context, error.text);
	if (pkgima_config_load(root_fd, &gate->config, problem, context, &error) < 0) {
		gate->config.unsigned_packages = PKGIMA_UNSIGNED_REFUSE;
		gate->config.untrusted = PKGIMA_UNTRUSTED_REFUSE;
		if (problem)
			problem(context, error.text);
	}
}

enum pkgima_answer pkgima_gate_ask(const struct pkgima_gate *gate, enum pkgima_verdict verdict)
{
	const struct pkgima_config *config = &gate->config;

	switch (verdict) {
	case PKGIMA_VERDICT_OK:
		return PKGIMA_ANSWER_PASS;
	case PKGIMA_VERDICT_UNSUPPORTED_FS:
		/* Where there can be no signature a kernel cannot want one: only the setting counts. */
		if (config->unsupported_fs == PKGIMA_UNSUPPORTED_REFUSE)
			return PKGIMA_ANSWER_REFUSE;
		return config->unsupported_fs == PKGIMA_UNSUPPORTED_WARN ? PKGIMA_ANSWER_WARN : PKGIMA_ANSWER_PASS;
	case PKGIMA_VERDICT_UNSIGNED:
		if (gate->enforcing || config->unsigned_packages == PKGIMA_UNSIGNED_REFUSE)
			return PKGIMA_ANSWER_REFUSE;
		return config->unsigned_packages == PKGIMA_UNSIGNED_WARN ? PKGIMA_ANSWER_WARN : PKGIMA_ANSWER_PASS;
	default:
		if (gate->enforcing || config->untrusted == PKGIMA_UNTRUSTED_REFUSE)
			return PKGIMA_ANSWER_REFUSE;
		return PKGIMA_ANSWER_WARN;
	}
}

bool pkgima_gate_is_fault(int code)
{
	switch (code) {
	case -EINVAL:
	case -EFBIG:
	case -E2BIG:
	case -EBADMSG:
	case -ENODATA:
	case -ENAMETOOLONG:
	case -EOPNOTSUPP:
		return true;
	default:
		return false;
	}
}

enum pkgima_answer pkgima_gate_ask_failure(const struct pkgima_gate *gate)
{
	return gate->enforcing ? PKGIMA_ANSWER_REFUSE : PKGIMA_ANSWER_WARN;
}

const char *pkgima_gate_reason(const struct pkgima_gate *gate, enum pkgima_verdict verdict)
{
	if (verdict == PKGIMA_VERDICT_UNSUPPORTED_FS)
		return "unsupported-fs=refuse";
	if (gate->enforcing)
		return "this system enforces signatures";
	return verdict == PKGIMA_VERDICT_UNSIGNED ? "unsigned=refuse" : "untrusted=refuse";
}
