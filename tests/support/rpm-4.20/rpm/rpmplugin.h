/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the public header of rpm 4.20 and later declares, for compiling against it where an older rpm is installed. */
#ifndef TESTS_RPMPLUGIN_H
#define TESTS_RPMPLUGIN_H

#include <rpm/rpmfi.h>
#include <rpm/rpmtypes.h>

enum rpmFileActionFlags_e { FAF_UNOWNED = (1 << 31) };
typedef rpmFlags rpmFsmOp;

#define XFA_MASK 0x0000ffff
#define XFAF_MASK ~(XFA_MASK)
#define XFO_ACTION(_a) ((_a) & XFA_MASK)
#define XFO_FLAGS(_a) ((_a) & XFAF_MASK)

/* Tests leave the descriptor out, or two hooks in the wrong order, to see that it is noticed. */
#ifdef TESTS_WITHOUT_FD
#define TESTS_FD
#else
#define TESTS_FD int fd,
#endif

typedef rpmRC (*plugin_init_func)(rpmPlugin plugin, rpmts ts);
typedef void (*plugin_cleanup_func)(rpmPlugin plugin);
typedef rpmRC (*plugin_tsm_pre_func)(rpmPlugin plugin, rpmts ts);
typedef rpmRC (*plugin_tsm_post_func)(rpmPlugin plugin, rpmts ts, int res);
typedef rpmRC (*plugin_psm_pre_func)(rpmPlugin plugin, rpmte te);
typedef rpmRC (*plugin_psm_post_func)(rpmPlugin plugin, rpmte te, int res);
typedef rpmRC (*plugin_scriptlet_pre_func)(rpmPlugin plugin, const char *s_name, int type);
typedef rpmRC (*plugin_scriptlet_fork_post_func)(rpmPlugin plugin, const char *path, int type);
typedef rpmRC (*plugin_scriptlet_post_func)(rpmPlugin plugin, const char *s_name, int type, int res);
typedef rpmRC (*plugin_fsm_file_pre_func)(rpmPlugin plugin, rpmfi fi, const char *path, mode_t file_mode, rpmFsmOp op);
typedef rpmRC (*plugin_fsm_file_post_func)(rpmPlugin plugin, rpmfi fi, const char *path, mode_t file_mode, rpmFsmOp op,
					   int res);
typedef rpmRC (*plugin_fsm_file_prepare_func)(rpmPlugin plugin, rpmfi fi, TESTS_FD const char *path, const char *dest,
					      mode_t file_mode, rpmFsmOp op);

typedef struct rpmPluginHooks_s *rpmPluginHooks;
struct rpmPluginHooks_s {
	plugin_init_func init;
	plugin_cleanup_func cleanup;
#ifdef TESTS_WRONG_ORDER
	plugin_psm_pre_func psm_pre;
	plugin_psm_post_func psm_post;
	plugin_tsm_pre_func tsm_pre;
	plugin_tsm_post_func tsm_post;
#else
	plugin_tsm_pre_func tsm_pre;
	plugin_tsm_post_func tsm_post;
	plugin_psm_pre_func psm_pre;
	plugin_psm_post_func psm_post;
#endif
	plugin_scriptlet_pre_func scriptlet_pre;
	plugin_scriptlet_fork_post_func scriptlet_fork_post;
	plugin_scriptlet_post_func scriptlet_post;
	plugin_fsm_file_pre_func fsm_file_pre;
	plugin_fsm_file_post_func fsm_file_post;
	plugin_fsm_file_prepare_func fsm_file_prepare;
};

const char *rpmPluginName(rpmPlugin plugin);
const char *rpmPluginOpts(rpmPlugin plugin);
void rpmPluginSetData(rpmPlugin plugin, void *data);
void *rpmPluginGetData(rpmPlugin plugin);

#endif
