/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PLUGIN_H
#define PKGIMA_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rpm/rpmfiles.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>

#include "../lib/entry.h"
#include "../lib/gate.h"
#include "../lib/hash.h"
#include "../lib/tally.h"
#include "../lib/trust.h"
#include "../lib/verify.h"

/* Lines about one package. */
#define PLUGIN_LINES_MAX 10

/* In place of a verdict: the file has no content that could be signed. */
#define PLUGIN_NO_CONTENT 0xff

/* A package that the run installs. */
struct element {
	rpmte te;                      /* which one; borrowed */
	char *name;                    /* NEVRA, printable; owned */
	rpmfiles files;                /* owned; only while it is looked at or installed */
	size_t count;                  /* files */
	size_t signatures;             /* files that have a signature */
	uint8_t *verdicts;             /* one for each file: enum pkgima_verdict or PLUGIN_NO_CONTENT; owned */
	uint8_t fingerprint[PKGIMA_DIGEST_MAX]; /* SHA-256 of all that the verdicts are about */
};

/* Certificates that a package of the run brings into the trust store. */
struct bringer;

struct counts {
	size_t applied;
	size_t unchanged;              /* carried it already */
	size_t left_out;               /* not under `select` or `conffiles` */
	size_t unsupported;
	size_t bad;                    /* wanted, and without a good signature */
};

/* What the plugin keeps for rpm: rpmPluginSetData(). */
struct session {
	struct pkgima_gate gate;
	struct pkgima_trust *trust;    /* NULL: there is no run, or nothing to do in it */
	struct pkgima_verifier *verifier;
	struct pkgima_hasher *hasher;
	struct element *elements;
	size_t count;
	struct bringer *bringers;      /* found when first asked for */
	size_t bringer_count;
	bool has_bringers;
	bool no_digest;                /* rpm was told not to compare contents with digests */

	/* While a package is installed, maybe in a chroot: */
	struct element *current;
	struct pkgima_tally tally;
	int root_fd;                   /* of what is "/" then */

	struct counts counts;
	bool keys_came;                /* a file was put into the trust store */
};

/* rpmlog(), with "pkgima: " in front; what was overridden goes to syslog too. */
void plugin_say(enum pkgima_level level, const char *line);
void plugin_problem(void *context, const char *sentence);

/* run.c: before the run's first package, outside any chroot. False: the run is refused. */
bool run_begin(struct session *session, rpmts ts);
void run_free(struct session *session);
/* The verdicts on the files of @elements, whose .files are set, on all cores; and what they are about. */
int run_verify(const struct session *session, struct element *elements, size_t count, struct pkgima_error *error);
int run_fingerprint(const struct session *session, const struct element *element,
		    uint8_t ret_digest[PKGIMA_DIGEST_MAX]);
/* Says what was found about it. True: it is to be refused. @ts may be NULL: other packages of the run are not looked at. */
bool run_judge(struct session *session, rpmts ts, const struct element *element);
/* Why the verdict on one file is not ok. */
void run_reason(const struct session *session, const struct element *element, int file, struct pkgima_error *reason);
/* Is it known from the header that the settings want a signature on it? @entry has its path. */
bool run_selects(const struct session *session, const struct element *element, int file,
		 const struct pkgima_entry *entry);

/* bringers.c: the package of the run, other than @user, that brings the key with this id into the trust store; or NULL. */
const char *bringer_find(struct session *session, rpmts ts, const struct element *user, uint32_t key_id,
			 bool *ret_unread);
void bringers_free(struct session *session);

/* place.c: one package, while it is installed. False: it is refused. */
bool place_begin(struct session *session, rpmte te);
void place_end(struct session *session);
/* One file before it gets its name. @fd may be -1. */
bool place_file(struct session *session, rpmfi fi, int fd, const char *path, mode_t mode, int action);

/* end.c: after the run, outside any chroot. */
void run_end(struct session *session, rpmts ts);

#endif
