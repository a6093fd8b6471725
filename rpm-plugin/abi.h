/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PLUGIN_ABI_H
#define PKGIMA_PLUGIN_ABI_H

#include <sys/types.h>

#include <rpm/rpmfi.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmte.h>
#include <rpm/rpmts.h>
#include <rpm/rpmtypes.h>

/*
 * rpm's plugin interface, which has had one layout since 4.14, but for a descriptor that fsm_file_prepare is given:
 *
 *   ABI_nofd    4.14 to 4.17: no descriptor, and no public header
 *   ABI_fd      4.18 and 4.19: a descriptor, and no public header. RHEL 8 (4.14.3-28 and later) and 9 (4.16.1.3-27 and
 *               later) have it too; neither headers nor version tell, so there `make RPM_PLUGIN_ABI=fd` has to
 *   ABI_header  4.20 and later: what rpm/rpmplugin.h says
 *
 * The compiler is told PKGIMA_RPM_VERSION, 100 * major + minor of the rpm that the headers are of, and RPM_PLUGIN_ABI if
 * the variable of that name was set for make. What cannot be right does not compile.
 */
#define ABI_nofd 1
#define ABI_fd 2
#define ABI_header 3

#ifndef PKGIMA_RPM_VERSION
#error "PKGIMA_RPM_VERSION is not set: compile with make"
#elif PKGIMA_RPM_VERSION < 414
#error "rpm before 4.14 is not handled"
#endif

#if __has_include(<rpm/rpmplugin.h>)
#if defined(RPM_PLUGIN_ABI) && RPM_PLUGIN_ABI != ABI_header
#error "RPM_PLUGIN_ABI is wrong: this rpm has rpm/rpmplugin.h"
#endif
#define PLUGIN_ABI ABI_header
#elif PKGIMA_RPM_VERSION >= 420
#error "rpm/rpmplugin.h is missing, which rpm has since 4.20"
#elif !defined(RPM_PLUGIN_ABI)
#define PLUGIN_ABI (PKGIMA_RPM_VERSION >= 418 ? ABI_fd : ABI_nofd)
#elif RPM_PLUGIN_ABI == ABI_nofd && PKGIMA_RPM_VERSION >= 418
#error "RPM_PLUGIN_ABI=nofd is wrong: rpm gives a descriptor since 4.18"
#elif RPM_PLUGIN_ABI == ABI_nofd || RPM_PLUGIN_ABI == ABI_fd
#define PLUGIN_ABI RPM_PLUGIN_ABI
#else
#error "RPM_PLUGIN_ABI has to be nofd, fd or, where there is rpm/rpmplugin.h, header"
#endif

#define PLUGIN_HAS_FD (PLUGIN_ABI != ABI_nofd)

#if PLUGIN_ABI == ABI_header
#include <rpm/rpmplugin.h>
#else

/* Of an operation on a file: its lower half is an rpmFileAction, the rest are flags. */
#define XFO_ACTION(op) ((op) & 0xffff)

/* What rpm looks for as NAME_hooks; a hook that is NULL is not called. Source: lib/rpmplugin.h of rpm. */
struct rpmPluginHooks_s {
	rpmRC (*init)(rpmPlugin plugin, rpmts ts);
	void (*cleanup)(rpmPlugin plugin);
	rpmRC (*tsm_pre)(rpmPlugin plugin, rpmts ts);
	rpmRC (*tsm_post)(rpmPlugin plugin, rpmts ts, int res);
	rpmRC (*psm_pre)(rpmPlugin plugin, rpmte te);
	rpmRC (*psm_post)(rpmPlugin plugin, rpmte te, int res);
	rpmRC (*scriptlet_pre)(rpmPlugin plugin, const char *name, int type);
	rpmRC (*scriptlet_fork_post)(rpmPlugin plugin, const char *path, int type);
	rpmRC (*scriptlet_post)(rpmPlugin plugin, const char *name, int type, int res);
	rpmRC (*fsm_file_pre)(rpmPlugin plugin, rpmfi fi, const char *path, mode_t mode, rpmFlags op);
	rpmRC (*fsm_file_post)(rpmPlugin plugin, rpmfi fi, const char *path, mode_t mode, rpmFlags op, int res);
#if PLUGIN_HAS_FD
	rpmRC (*fsm_file_prepare)(rpmPlugin plugin, rpmfi fi, int fd, const char *path, const char *dest, mode_t mode,
				  rpmFlags op);
#else
	rpmRC (*fsm_file_prepare)(rpmPlugin plugin, rpmfi fi, const char *path, const char *dest, mode_t mode,
				  rpmFlags op);
#endif
};

/* librpm exports them. */
void rpmPluginSetData(rpmPlugin plugin, void *data);
void *rpmPluginGetData(rpmPlugin plugin);

#endif

/* What rpm finds in pkgima.so. */
extern const struct rpmPluginHooks_s pkgima_hooks __attribute__((visibility("default")));

#endif
