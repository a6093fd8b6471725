// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keys.h"

#include <sys/syscall.h>
#include <unistd.h>

key_serial_t key_add(const char *type, const char *description, const void *payload, size_t length, key_serial_t ring)
{
	return (key_serial_t)syscall(SYS_add_key, type, description, payload, length, ring);
}

key_serial_t key_join_session(void)
{
	return (key_serial_t)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
}

long key_link(key_serial_t key, key_serial_t ring)
{
	return syscall(SYS_keyctl, KEYCTL_LINK, key, ring);
}

long key_unlink(key_serial_t key, key_serial_t ring)
{
	return syscall(SYS_keyctl, KEYCTL_UNLINK, key, ring);
}

long key_restrict(key_serial_t ring, const char *type, const char *restriction)
{
	return syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, ring, type, restriction);
}

long key_read(key_serial_t key, void *output, size_t capacity)
{
	return syscall(SYS_keyctl, KEYCTL_READ, key, output, capacity);
}

long key_describe(key_serial_t key, char *output, size_t capacity)
{
	return syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, output, capacity);
}
