/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_POLICY_CHECK_H
#define PKGIMA_POLICY_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* Larger policies are refused unread. */
#define PKGIMA_POLICY_MAX (256 * 1024)

/*
 * Is this text an IMA policy that keeps its promise? (Documentation/ABI/testing/ima_policy and ima_parse_rule() of the
 * kernel's security/integrity/ima/ima_policy.c have the language: rules of words, one a line, '#' begins a comment.)
 * -EINVAL, with the line's number: a byte that is no text; a line of a page or more; an action that no kernel knows; a
 * first rule that is not about POLICY_CHECK, or exempts from it; an exemption from appraisal of file systems that anyone
 * can mount or write: tmpfs, ramfs, rootfs, devtmpfs, by name or by magic number.
 * @warn (may be NULL) is told sentences about what may be meant so: no rule that appraises, or a dont_appraise that no
 * file system limits.
 */
int pkgima_policy_check(const uint8_t *text, size_t length, void (*warn)(void *context, const char *sentence),
			void *context, struct pkgima_error *error);

#endif
