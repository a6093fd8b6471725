// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pkgima.so, a transaction plugin of rpm: verifies the signatures of all packages before the first is touched, refuses the
 * run where it must, and puts them on the files before these get their names. Here is what rpm calls.
 */
#include "abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include <openssl/crypto.h>
#include <rpm/rpmlog.h>

#include "../lib/beneath.h"
#include "plugin.h"

void plugin_say(enum pkgima_level level, const char *line)
{
	static const int priorities[] = {
		[PKGIMA_LEVEL_INFO] = RPMLOG_NOTICE,
		[PKGIMA_LEVEL_WARNING] = RPMLOG_WARNING,
		[PKGIMA_LEVEL_REFUSED] = RPMLOG_ERR,
		[PKGIMA_LEVEL_OVERRIDDEN] = RPMLOG_WARNING,
	};

	rpmlog(priorities[level], "pkgima: %s\n", line);
	if (level == PKGIMA_LEVEL_OVERRIDDEN)
		syslog(LOG_AUTHPRIV | LOG_WARNING, "pkgima: rpm: %s", line);
}

void plugin_problem(void *context, const char *sentence)
{
	(void)context;
	plugin_say(PKGIMA_LEVEL_WARNING, sentence);
}

/*
 * rpm 4.14 to 4.17 call fsm_file_prepare in two ways, and 4.16 to 4.19 have one soname: with another librpm than the one
 * whose headers we were built with, an argument may be taken for what it is not.
 */
static bool fits_librpm(void)
{
	int major = 0, minor = 0, running;

	if (sscanf(RPMVERSION, "%d.%d", &major, &minor) != 2)
		return false;
	running = 100 * major + minor;
	return running == PKGIMA_RPM_VERSION || (running >= 418 && PKGIMA_RPM_VERSION >= 418);
}

static bool is_enforcing(rpmts ts)
{
	struct pkgima_gate gate = { .enforcing = true };
	int root_fd = pkgima_root_open(rpmtsRootDir(ts) ? rpmtsRootDir(ts) : "/", NULL);

	if (root_fd < 0)
		return false;
	pkgima_gate_load(&gate, root_fd, NULL, NULL);
	close(root_fd);
	return gate.enforcing && !gate.overridden;
}

static rpmRC on_init(rpmPlugin plugin, rpmts ts)
{
	struct session *session = NULL;

	/* Before any chroot: there, OpenSSL would read that root's configuration, and load what it names. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (fits_librpm())
		session = calloc(1, sizeof(*session));
	else
		plugin_say(PKGIMA_LEVEL_WARNING, "it was built for another version of rpm, and does nothing");
	/* NOTFOUND: rpm goes on as if there were no such plugin. */
	if (!session)
		return is_enforcing(ts) ? RPMRC_FAIL : RPMRC_NOTFOUND;
	session->root_fd = -1;
	rpmPluginSetData(plugin, session);
	return RPMRC_OK;
}

static void on_cleanup(rpmPlugin plugin)
{
	struct session *session = rpmPluginGetData(plugin);

	if (!session)
		return;
	place_end(session);
	run_free(session);
	free(session);
	rpmPluginSetData(plugin, NULL);
}

static rpmRC on_tsm_pre(rpmPlugin plugin, rpmts ts)
{
	return run_begin(rpmPluginGetData(plugin), ts) ? RPMRC_OK : RPMRC_FAIL;
}

static rpmRC on_tsm_post(rpmPlugin plugin, rpmts ts, int res)
{
	(void)res;
	run_end(rpmPluginGetData(plugin), ts);
	return RPMRC_OK;
}

static rpmRC on_psm_pre(rpmPlugin plugin, rpmte te)
{
	return place_begin(rpmPluginGetData(plugin), te) ? RPMRC_OK : RPMRC_FAIL;
}

static rpmRC on_psm_post(rpmPlugin plugin, rpmte te, int res)
{
	(void)te;
	(void)res;
	place_end(rpmPluginGetData(plugin));
	return RPMRC_OK;
}

/* A new name in the trust store. @path is NULL for a folder that rpm could not make. */
static rpmRC on_file_post(rpmPlugin plugin, rpmfi fi, const char *path, mode_t mode, rpmFlags op, int res)
{
	struct session *session = rpmPluginGetData(plugin);

	(void)fi;
	if (res == 0 && session->current && path && S_ISREG(mode) && XFA_CREATING(XFO_ACTION(op)) &&
	    !strncmp(path, PKGIMA_TRUST_FOLDER "/", sizeof(PKGIMA_TRUST_FOLDER)))
		session->keys_came = true;
	return RPMRC_OK;
}

#if PLUGIN_HAS_FD
static rpmRC on_file_prepare(rpmPlugin plugin, rpmfi fi, int fd, const char *path, const char *dest, mode_t mode,
			     rpmFlags op)
#else
static rpmRC on_file_prepare(rpmPlugin plugin, rpmfi fi, const char *path, const char *dest, mode_t mode, rpmFlags op)
#endif
{
#if !PLUGIN_HAS_FD
	const int fd = -1;
#endif

	(void)dest;
	return place_file(rpmPluginGetData(plugin), fi, fd, path, mode, (int)XFO_ACTION(op)) ? RPMRC_OK : RPMRC_FAIL;
}

const struct rpmPluginHooks_s pkgima_hooks = {
	.init = on_init,
	.cleanup = on_cleanup,
	.tsm_pre = on_tsm_pre,
	.tsm_post = on_tsm_post,
	.psm_pre = on_psm_pre,
	.psm_post = on_psm_post,
	.fsm_file_post = on_file_post,
	.fsm_file_prepare = on_file_prepare,
};
