/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_ENFORCE_H
#define PKGIMA_ENFORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/*
 * What is set for the next boot of a root: the files that ima-init(8) reads, and an initramfs carries. They are written one
 * by one, each whole, in an order in which no policy ever has another one's signature.
 */
#define PKGIMA_ENFORCE_FOLDER "/etc/ima-init"
#define PKGIMA_ENFORCE_POLICY PKGIMA_ENFORCE_FOLDER "/policy"
#define PKGIMA_ENFORCE_SIGNATURE PKGIMA_ENFORCE_FOLDER "/policy.sig"
#define PKGIMA_ENFORCE_SETTINGS PKGIMA_ENFORCE_FOLDER "/init.conf"
/* What was the policy, and its signature, before enforcement was switched off. */
#define PKGIMA_ENFORCE_POLICY_KEPT PKGIMA_ENFORCE_FOLDER "/policy.off"
#define PKGIMA_ENFORCE_SIGNATURE_KEPT PKGIMA_ENFORCE_FOLDER "/policy.off.sig"
/* systemd would load this one itself, without keys, whatever was asked for. */
#define PKGIMA_ENFORCE_FOREIGN "/etc/ima/ima-policy"

#define PKGIMA_ENFORCE_SETTINGS_MAX ((size_t)64 * 1024)

#define PKGIMA_ENFORCE_MODES(X) \
	X(OFF, "off")           \
	X(LOG, "log")           \
	X(ENFORCE, "enforce")

enum pkgima_enforce_mode {
#define X(name, word) PKGIMA_ENFORCE_##name,
	PKGIMA_ENFORCE_MODES(X)
#undef X
	PKGIMA_ENFORCE_MODE_COUNT
};

const char *pkgima_enforce_mode_word(enum pkgima_enforce_mode mode);

struct pkgima_enforce {
	enum pkgima_enforce_mode mode; /* off without a policy, whatever init.conf says */
	uint8_t *policy;               /* NULL: there is none; owned, as the others; a NUL behind each */
	size_t policy_length;
	uint8_t *signature;            /* of policy.sig */
	size_t signature_length;
	char *settings;                /* text of init.conf */
};

/* -errno where one of the files is there and cannot be read. */
int pkgima_enforce_load(int root_fd, struct pkgima_enforce *ret_enforce, struct pkgima_error *error);
void pkgima_enforce_free(struct pkgima_enforce *enforce);
#define cleanup_enforce __attribute__((cleanup(pkgima_enforce_free)))

/* What a text of init.conf says about the mode, as ima-init takes it: enforce where it says nothing. NULL is such a text. */
enum pkgima_enforce_mode pkgima_enforce_settings_mode(const char *text);

/*
 * The text (NULL: there is none) with this mode, and nothing else changed; with @word NULL without any. *@ret_text is the
 * caller's.
 */
int pkgima_enforce_settings_edit(const char *text, const char *word, char **ret_text, struct pkgima_error *error);

/* A policy and the value of security.ima that goes with it. */
struct pkgima_enforce_policy {
	const uint8_t *text;
	size_t length;
	const uint8_t *signature;      /* NULL: none */
	size_t signature_length;
};

/*
 * Sets mode and policy (NULL: the one that is there stays). What is as it should be is not written again. *@ret_changed is
 * set to true if anything was, also when it fails.
 */
int pkgima_enforce_set(int root_fd, enum pkgima_enforce_mode mode, const struct pkgima_enforce_policy *policy,
		       bool *ret_changed, struct pkgima_error *error);

/*
 * Takes the policy away, and what init.conf says about the mode; with @stays, where ima-init is started without an initramfs,
 * or a package will bring a policy back, init.conf says off instead. Goes on after a failure, and returns the first.
 */
int pkgima_enforce_unset(int root_fd, bool stays, bool *ret_changed, struct pkgima_error *error);

#endif
