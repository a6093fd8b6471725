/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CLEANUP_H
#define PKGIMA_CLEANUP_H

/*
 * The one idiom for releasing things: a variable declared with one of these attributes is released when it goes out of
 * scope, errno is kept, and pkgima_steal_pointer()/pkgima_steal_fd() hand ownership on.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PKGIMA_CLEANUP(function) __attribute__((cleanup(function)))

/* Defines NAME_cleanup(T **), for use with PKGIMA_CLEANUP, from a function that takes T * and accepts NULL. */
#define PKGIMA_DEFINE_CLEANUP(name, type, function)             \
	static inline void name##_cleanup(type **pointer)       \
	{                                                       \
		int kept = errno;                               \
		if (*pointer)                                   \
			function(*pointer);                     \
		*pointer = NULL;                                \
		errno = kept;                                   \
	}

static inline void pkgima_free_cleanup(void *pointer)
{
	int kept = errno;

	free(*(void **)pointer);
	errno = kept;
}

static inline void pkgima_close_cleanup(int *fd)
{
	int kept = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = kept;
}

#define cleanup_free PKGIMA_CLEANUP(pkgima_free_cleanup)
#define cleanup_close PKGIMA_CLEANUP(pkgima_close_cleanup)

static inline void *pkgima_steal_pointer_(void *pointer)
{
	void *value = *(void **)pointer;

	*(void **)pointer = NULL;
	return value;
}
#define pkgima_steal_pointer(pointer) ((__typeof__(*(pointer)))pkgima_steal_pointer_(pointer))

static inline int pkgima_steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

#endif
