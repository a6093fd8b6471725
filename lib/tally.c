// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tally.h"

#include <stdarg.h>
#include <stdio.h>

#include "cleanup.h"
#include "escape.h"

__attribute__((format(printf, 3, 4)))
static void say(const struct pkgima_tally *tally, enum pkgima_level level, const char *format, ...)
{
	char line[2048];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	tally->say(level, line);
}

void pkgima_tally_begin(struct pkgima_tally *tally, const struct pkgima_gate *gate, pkgima_say say_line,
			const char *package, size_t lines_max)
{
	*tally = (struct pkgima_tally){
		.gate = gate,
		.say = say_line,
		.package = package,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.lines_max = lines_max,
	};
}

static void add(struct pkgima_tally *tally, const char *path, const char *word, const char *reason,
		enum pkgima_answer answer, const char *refusal)
{
	cleanup_free char *safe = pkgima_printable(path ? path : "");

	pthread_mutex_lock(&tally->lock);
	if (answer > tally->answer) {
		tally->answer = answer;
		tally->reason = refusal;
	}
	if (tally->shown < tally->lines_max) {
		tally->shown++;
		say(tally, PKGIMA_LEVEL_WARNING, "%s: %s%s%s: %s", tally->package, path && safe ? safe : "",
		    path ? ": " : "", word, reason);
	} else {
		tally->hidden++;
	}
	pthread_mutex_unlock(&tally->lock);
}

void pkgima_tally_add(struct pkgima_tally *tally, const char *path, enum pkgima_verdict verdict, const char *reason)
{
	enum pkgima_answer answer = pkgima_gate_ask(tally->gate, verdict);

	if (answer == PKGIMA_ANSWER_PASS)
		return;
	/* One sum is said at the end: it concerns all files of a file system. */
	if (verdict == PKGIMA_VERDICT_UNSUPPORTED_FS && answer == PKGIMA_ANSWER_WARN) {
		pthread_mutex_lock(&tally->lock);
		tally->unsupported++;
		pthread_mutex_unlock(&tally->lock);
		return;
	}
	add(tally, path, pkgima_verdict_word(verdict), reason, answer, pkgima_gate_reason(tally->gate, verdict));
}

void pkgima_tally_add_failure(struct pkgima_tally *tally, const char *path, const char *reason)
{
	add(tally, path, "failed", reason, pkgima_gate_ask_failure(tally->gate), "this system enforces signatures");
}

void pkgima_tally_refuse(struct pkgima_tally *tally, const char *reason)
{
	tally->answer = PKGIMA_ANSWER_REFUSE;
	tally->reason = reason;
	tally->final = true;
}

bool pkgima_tally_end(struct pkgima_tally *tally)
{
	if (tally->hidden)
		say(tally, PKGIMA_LEVEL_WARNING, "%s: and %zu more", tally->package, tally->hidden);
	if (tally->unsupported)
		say(tally, PKGIMA_LEVEL_WARNING, "%s: warning: %zu files are where security.ima cannot be set",
		    tally->package, tally->unsupported);
	pthread_mutex_destroy(&tally->lock);
	if (tally->answer != PKGIMA_ANSWER_REFUSE)
		return false;
	if (tally->final || !tally->gate->overridden) {
		say(tally, PKGIMA_LEVEL_REFUSED, "%s: refused, since %s", tally->package, tally->reason);
		return true;
	}
	say(tally, PKGIMA_LEVEL_OVERRIDDEN, "%s: would be refused, since %s; PKGIMA=warn overrides it", tally->package,
	    tally->reason);
	return false;
}
