// SPDX-License-Identifier: LGPL-2.1-or-later
/* Compiles where rpm-plugin/abi.h gives the interface that the tests expect: EXPECT_FD is 0 or 1, EXPECT_ABI its word. */
#include "../../rpm-plugin/abi.h"

#include <stddef.h>

#define WORD(word) ABI_##word
#define ABI(word) WORD(word)
_Static_assert(PLUGIN_ABI == ABI(EXPECT_ABI), "another interface than expected");
_Static_assert(PLUGIN_HAS_FD == EXPECT_FD, "descriptor");

/* The layout that rpm has had since 4.14: these, in this order. */
#define HOOKS(X)                                                                                              \
	X(0, init) X(1, cleanup) X(2, tsm_pre) X(3, tsm_post) X(4, psm_pre) X(5, psm_post) X(6, scriptlet_pre) \
	X(7, scriptlet_fork_post) X(8, scriptlet_post) X(9, fsm_file_pre) X(10, fsm_file_post)                 \
	X(11, fsm_file_prepare)
#define X(place, hook) \
	_Static_assert(offsetof(struct rpmPluginHooks_s, hook) == place * sizeof(void (*)(void)), #hook);
HOOKS(X)
#undef X
_Static_assert(sizeof(struct rpmPluginHooks_s) == 12 * sizeof(void (*)(void)), "there are twelve");

#define HAS_TYPE(hook, ...)                                                                                        \
	_Static_assert(__builtin_types_compatible_p(__typeof__(((struct rpmPluginHooks_s *)0)->hook), __VA_ARGS__), \
		       #hook)
HAS_TYPE(init, rpmRC (*)(rpmPlugin, rpmts));
HAS_TYPE(cleanup, void (*)(rpmPlugin));
HAS_TYPE(tsm_pre, rpmRC (*)(rpmPlugin, rpmts));
HAS_TYPE(tsm_post, rpmRC (*)(rpmPlugin, rpmts, int));
HAS_TYPE(psm_pre, rpmRC (*)(rpmPlugin, rpmte));
HAS_TYPE(psm_post, rpmRC (*)(rpmPlugin, rpmte, int));
HAS_TYPE(scriptlet_pre, rpmRC (*)(rpmPlugin, const char *, int));
HAS_TYPE(scriptlet_fork_post, rpmRC (*)(rpmPlugin, const char *, int));
HAS_TYPE(scriptlet_post, rpmRC (*)(rpmPlugin, const char *, int, int));
HAS_TYPE(fsm_file_pre, rpmRC (*)(rpmPlugin, rpmfi, const char *, mode_t, rpmFlags));
HAS_TYPE(fsm_file_post, rpmRC (*)(rpmPlugin, rpmfi, const char *, mode_t, rpmFlags, int));
#if EXPECT_FD
HAS_TYPE(fsm_file_prepare, rpmRC (*)(rpmPlugin, rpmfi, int, const char *, const char *, mode_t, rpmFlags));
#else
HAS_TYPE(fsm_file_prepare, rpmRC (*)(rpmPlugin, rpmfi, const char *, const char *, mode_t, rpmFlags));
#endif
