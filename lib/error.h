/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_ERROR_H
#define PKGIMA_ERROR_H

/*
 * Text of a failure, for people: what was attempted, on what, and why not.
 * The caller owns it; functions that can fail take a pointer to it and write it only when they fail. It never holds
 * unescaped bytes from a package: whoever writes a name into it escapes it first (pkgima_escape()).
 */
struct pkgima_error {
	char text[1024];
};

/*
 * Writes the formatted text (cut at the size of the buffer) and returns @code unchanged, so that a failing function can
 * end with `return pkgima_fail(error, -EIO, "…")`. @code is a negative errno; @error may be NULL.
 */
int pkgima_fail(struct pkgima_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Like pkgima_fail() with -errno as code and ": strerror" behind the text. */
int pkgima_fail_errno(struct pkgima_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts the formatted text and ": " in front of what @error says, and returns @code. */
int pkgima_fail_within(struct pkgima_error *error, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__
/* It looks at one file at a time, and would take a failure for a possible success. */
#define pkgima_fail(error, code, ...) (pkgima_fail(error, code, __VA_ARGS__), (code))
#define pkgima_fail_errno(error, ...) (pkgima_fail_errno(error, __VA_ARGS__), -EIO)
#define pkgima_fail_within(error, code, ...) (pkgima_fail_within(error, code, __VA_ARGS__), (code))
#endif

#endif
