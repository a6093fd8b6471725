/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMA_INIT_KEYS_H
#define IMA_INIT_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include <linux/keyctl.h>

/*
 * The kernel's system calls for keys, add_key(2) and keyctl(2), as far as ima-init needs them. libkeyutils has the same;
 * but a static library of it is not in every distribution, and in none for a C library that is not the system's.
 *
 * A serial number of a key or keyring, one of KEY_SPEC_… included. All return -1 and set errno where they fail.
 */
typedef int32_t key_serial_t;

/* A key, or with "keyring" a keyring, in @ring. Returns it. @description may be NULL where the type makes one. */
key_serial_t key_add(const char *type, const char *description, const void *payload, size_t length, key_serial_t ring);
/* A new session keyring without a name, for this process and its children. */
key_serial_t key_join_session(void);
long key_link(key_serial_t key, key_serial_t ring);
long key_unlink(key_serial_t key, key_serial_t ring);
/* What may be linked into @ring from now on; @type and @restriction NULL: nothing. */
long key_restrict(key_serial_t ring, const char *type, const char *restriction);
/* Of a keyring: the serial numbers in it. Returns how many bytes there are, of which at most @capacity were written. */
long key_read(key_serial_t key, void *output, size_t capacity);
/* "type;uid;gid;permissions;description" and a NUL. Returns how many bytes that is; @output has it if it fits. */
long key_describe(key_serial_t key, char *output, size_t capacity);

#endif
