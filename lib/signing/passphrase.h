/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_SIGNING_PASSPHRASE_H
#define PKGIMA_SIGNING_PASSPHRASE_H

#include <stdbool.h>

/* What a person is asked for, and what came of it. */
struct pkgima_passphrase {
	const char *what;          /* "passphrase", "PIN" */
	const char *name;          /* of what it opens, printable */
	bool asked, no_terminal;   /* set by the question */
};

/*
 * A pem_password_cb of OpenSSL, @context is the above: asks on the terminal, and on nothing else. Returns the length of what
 * was written to @buffer, or -1; without a terminal it does not ask.
 */
int pkgima_passphrase_ask(char *buffer, int size, int writing, void *context);

#endif
