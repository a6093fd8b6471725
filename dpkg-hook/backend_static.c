// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * In place of functions of the C library with which a static program would load shared objects after all: those of the
 * system may just be replaced. libcrypto refers to them, and needs none for what the backend does. The linker is told
 * (--wrap) to let these names stand for them.
 */
#include <errno.h>
#include <netdb.h>
#include <stddef.h>

void *__wrap_dlopen(const char *file, int mode);
int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list);
struct hostent *__wrap_gethostbyname(const char *name);

void *__wrap_dlopen(const char *file, int mode)
{
	(void)file;
	(void)mode;
	return NULL;
}

int __wrap_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
	(void)node;
	(void)service;
	(void)hints;
	*ret_list = NULL;
	errno = ENOSYS;
	return EAI_SYSTEM;
}

struct hostent *__wrap_gethostbyname(const char *name)
{
	(void)name;
	return NULL;
}
