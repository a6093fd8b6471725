/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMA_INIT_SETTINGS_H
#define IMA_INIT_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What ima-init was told, by init.conf and by words of the kernel command line; ima-init(8) describes both. No I/O here.
 */

enum mode { MODE_ENFORCE, MODE_LOG, MODE_OFF };

struct settings {
	enum mode mode;
	bool asked;            /* enforce was asked for by name: then there has to be a policy that does */
	bool kexec;            /* turn kexec_load off */
	bool lockdown;         /* lockdown=integrity */
	bool modules;          /* enforce module signatures where modules are compressed */
	bool appraise_tcb;     /* the kernel has a policy of its own that appraises everything of root's */
	bool signed_policy;    /* that wants the next one to be signed, by path */
	bool only_logs;        /* ima_appraise= says that nothing is to be denied */
	char exec[PATH_MAX];   /* the real init */
};

/* What holds without any word. @recovery: may the command line weaken anything? Where it may not, enforce is asked for. */
void settings_default(struct settings *settings, bool recovery);

/* Told of each word that does not count, with the reason. The word is not escaped. */
typedef void settings_problem(void *context, const char *word, const char *reason);

/*
 * Takes the words of /proc/cmdline, which need not end in a NUL: divided, quoted and ended by "--" as the kernel does it
 * (lib/cmdline.c, next_arg()). Of two words for one thing the last counts.
 */
void settings_take_command_line(struct settings *settings, const char *text, size_t length, bool recovery,
				settings_problem *problem, void *context);

/* Takes init.conf, as lib/init_conf.h has it. @text ends in a NUL. */
void settings_take_file(struct settings *settings, const char *text, settings_problem *problem, void *context);

#endif
