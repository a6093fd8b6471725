/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_APT_HOOK_H
#define PKGIMA_APT_HOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "../lib/error.h"

/* What apt tells a DPkg::Pre-Install-Pkgs hook: protocol version 3, apt.conf(5) and apt-pkg/deb/dpkgpm.cc of apt. */
struct apt_run {
	char *text;            /* all of it, owned */
	const char *path;      /* DPkg::Path, or NULL */
	char *root;            /* of --root or --instdir among dpkg's options, or NULL; owned */
	const char **archives; /* files that are to be unpacked; the list is owned */
	size_t count;
};

/*
 * Takes @length bytes (a NUL stands behind them) apart, and takes them over. -EINVAL for another version, or what is
 * malformed.
 */
int apt_run_parse(char *text, size_t length, struct apt_run *run, struct pkgima_error *error);
void apt_run_free(struct apt_run *run);

#endif
