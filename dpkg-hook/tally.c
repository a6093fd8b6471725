// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tally.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "../lib/cleanup.h"
#include "../lib/escape.h"
#include "../lib/io.h"

void say(const char *format, ...)
{
	char line[2048] = "dpkg-ima: ";
	size_t used = 10;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line + used, sizeof(line) - used - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
	line[used++] = '\n';
	pkgima_write_all(STDERR_FILENO, line, used);
}

void say_problem(void *context, const char *sentence)
{
	(void)context;
	say("%s", sentence);
}

void tally_begin(struct tally *tally, const struct pkgima_gate *gate, const char *package, size_t lines_max)
{
	*tally = (struct tally){
		.gate = gate,
		.package = package,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.lines_max = lines_max,
	};
}

static void add(struct tally *tally, const char *path, const char *word, const char *reason, enum pkgima_answer answer,
		const char *refusal)
{
	cleanup_free char *safe = pkgima_printable(path ? path : "");

	pthread_mutex_lock(&tally->lock);
	if (answer > tally->answer) {
		tally->answer = answer;
		tally->reason = refusal;
	}
	if (tally->shown < tally->lines_max) {
		tally->shown++;
		say("%s: %s%s%s: %s", tally->package, path && safe ? safe : "", path ? ": " : "", word, reason);
	} else {
		tally->hidden++;
	}
	pthread_mutex_unlock(&tally->lock);
}

void tally_add(struct tally *tally, const char *path, enum pkgima_verdict verdict, const char *reason)
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

void tally_add_failure(struct tally *tally, const char *path, const char *reason)
{
	add(tally, path, "failed", reason, pkgima_gate_ask_failure(tally->gate), "this system enforces signatures");
}

void tally_refuse(struct tally *tally, const char *reason)
{
	tally->answer = PKGIMA_ANSWER_REFUSE;
	tally->reason = reason;
	tally->final = true;
}

bool tally_end(struct tally *tally)
{
	if (tally->hidden)
		say("%s: and %zu more", tally->package, tally->hidden);
	if (tally->unsupported)
		say("%s: warning: %zu files are where security.ima cannot be set", tally->package, tally->unsupported);
	pthread_mutex_destroy(&tally->lock);
	if (tally->answer != PKGIMA_ANSWER_REFUSE)
		return false;
	if (tally->final || !tally->gate->overridden) {
		say("%s: refused, since %s", tally->package, tally->reason);
		return true;
	}
	say("%s: would be refused, since %s; PKGIMA=warn overrides it", tally->package, tally->reason);
	syslog(LOG_AUTHPRIV | LOG_WARNING, "dpkg-ima: %s would be refused, since %s; PKGIMA=warn overrides it",
	       tally->package, tally->reason);
	return false;
}
