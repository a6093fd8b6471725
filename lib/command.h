/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_COMMAND_H
#define PKGIMA_COMMAND_H

#include <stdbool.h>

#include "error.h"

/*
 * Runs another program and waits for it. @argv: its path, or a name to be found by PATH, and its arguments. @environment
 * (may be NULL): "NAME=value" strings that replace or add to ours, of which PKGIMA_PIN is not passed on. Both end with
 * NULL. Its standard input is empty.
 * @quiet: what it prints is thrown away, but for the last line of its standard error, which is in the text of a failure;
 * else all goes to our standard error, since standard output is for results.
 * 0 when it ended with status 0; -ENOENT when there is no such program; -ECHILD when it failed; another -errno.
 */
int pkgima_command_run(const char *const argv[], const char *const environment[], bool quiet, struct pkgima_error *error);

#endif
