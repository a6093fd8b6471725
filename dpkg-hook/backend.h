/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_BACKEND_H
#define PKGIMA_BACKEND_H

#include <stdbool.h>
#include <sys/types.h>

#include "../lib/control.h"
#include "../lib/dpkg.h"
#include "../lib/gate.h"
#include "../lib/trust.h"

/*
 * The dpkg-deb that stands before the real one. dpkg calls it twice for an archive, and waits each time: to unpack the
 * control member into ADMINDIR/tmp.ci, and to write the data member to a pipe. All else goes to the real one.
 */

/* dpkg's own exit status for a failure. */
#define BACKEND_FAILED 2

/* Findings of an archive that are named; more are counted. */
#define BACKEND_LINES_MAX 20

/* Folder of the control member's files, in dpkg's database. */
#define BACKEND_CONTROL_FOLDER "/tmp.ci"

/*
 * While this file exists, dpkg is told by a link in /etc/dpkg/dpkg.cfg.d not to fsync() (it would open signed files for
 * writing, which a policy with FILE_CHECK rules denies), and the backend does it in its place.
 */
#define BACKEND_UNSAFE_IO_FOLDER "/run/pkgima"
#define BACKEND_UNSAFE_IO "dpkg.cfg"

/* What one call works with. */
struct backend {
	int root_fd;                     /* DPKG_ROOT */
	int admin_fd;                    /* DPKG_ADMINDIR; it need not be inside the root */
	struct pkgima_gate gate;
	struct pkgima_dpkg *dpkg;        /* its database; files of packages are not opened through it */
	struct pkgima_trust *trust;
	struct pkgima_control control;   /* of the archive */
	char *name;                      /* of the package, raw, for diversions */
	char *package;                   /* printable, for messages */
	bool has_manifest;
	struct pkgima_entries manifest;
	struct pkgima_entries conffiles;
};

/* Opens root and database, reads settings. The message says what could not be done. */
int backend_open(struct backend *backend, const char *archive, struct pkgima_error *error);
/* Reads what lies in tmp.ci. */
int backend_read_control(struct backend *backend, struct pkgima_error *error);
/* Loads diversions and the trust store. */
int backend_load_trust(struct backend *backend, struct pkgima_error *error);
void backend_close(struct backend *backend);

/* Becomes the real dpkg-deb. Returns the exit status only when that fails. */
int backend_exec_real(char **argv);
/* The real dpkg-deb as a child, with @stdout_fd as standard output (-1: ours). Its process id, or -errno. */
pid_t backend_spawn_real(char **argv, int stdout_fd);
/* Exit status as a shell would give it. */
int backend_wait(pid_t pid);

/* The two calls. They return the exit status. */
int backend_control(char **argv);
int backend_data(char **argv);

#endif
