/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_GATE_H
#define PKGIMA_GATE_H

#include <stdbool.h>

#include "config.h"
#include "verdict.h"

/*
 * Fail open or closed: what those who stand in front of an installation (the dpkg-deb backend, the apt hook, the rpm
 * plugin) do about what they found.
 */

/* Left by ima-init: lines "key=value"; "mode" is off, log or enforce. */
#define PKGIMA_STATE_FOLDER "/run/pkgima"
#define PKGIMA_STATE_PATH PKGIMA_STATE_FOLDER "/state"

enum pkgima_answer {
	PKGIMA_ANSWER_PASS,
	PKGIMA_ANSWER_WARN,
	PKGIMA_ANSWER_REFUSE,
};

struct pkgima_gate {
	struct pkgima_config config;
	bool enforcing;      /* this root's kernel enforces: going on with an unsigned file would be the brick */
	bool overridden;     /* PKGIMA=warn in the environment: the front-end only warns, and logs, where it would refuse */
};

/*
 * Reads settings and state of the root. It never fails: @problem (may be NULL) is told of what could not be read, in one
 * sentence each. An unknown setting has its default. What is there and cannot be read at all may be a package's doing:
 * such settings refuse what is unsigned or untrusted, such a state enforces.
 */
void pkgima_gate_load(struct pkgima_gate *gate, int root_fd, void (*problem)(void *context, const char *sentence),
		      void *context);

/* About an archive with a maintainer script or a selected file of this verdict; without a manifest it is UNSIGNED. */
enum pkgima_answer pkgima_gate_ask(const struct pkgima_gate *gate, enum pkgima_verdict verdict);

/* About an archive of which nothing could be found out, or to which nothing could be written. */
enum pkgima_answer pkgima_gate_ask_failure(const struct pkgima_gate *gate);

/*
 * Is an error that reading an archive gave (-errno) the archive's own fault? Then it is as if a signature were bad: the
 * settings decide, and not only an enforcing machine refuses.
 */
bool pkgima_gate_is_fault(int code);

/* Why an answer was REFUSE: which setting, or the enforcing kernel. */
const char *pkgima_gate_reason(const struct pkgima_gate *gate, enum pkgima_verdict verdict);

#endif
