/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef IMA_INIT_H
#define IMA_INIT_H

/*
 * ima-init: the first process. README.md beside this file says what it reads and in which order it works; failures.h what
 * it does when something fails. It has PID 1: it never returns, and an end of it would be the machine's.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "../lib/cleanup.h"
#include "../lib/error.h"
#include "failures.h"
#include "keys.h"
#include "policy_text.h"
#include "settings.h"

/* Where what it reads stands. Leaf certificates are always the root's: the keyring judges them. */
struct places {
	bool carried;               /* beside the program, on a tmpfs made for it; else in /etc of the root */
	char folder[128];           /* where carried; "" otherwise */
	int fd;                     /* of that folder, or of the root: the paths below are seen from there */
	const char *settings, *ca, *evm_ca, *policy, *signature;
};

/* One that was made here, so that the kernel has yet to find it. */
struct own_ring {
	bool made;
	unsigned long usage;        /* how many references to it there were then */
};

struct rings {
	key_serial_t ima;           /* ".ima" or "_ima"; 0: none */
	key_serial_t evm;           /* ".evm" or "_evm"; 0: none */
	struct own_ring own_ima, own_evm;
};

struct init {
	struct settings settings;
	struct places places;
	struct rings rings;
	struct policy_text policy;
	const char *policy_name;    /* of the one that was loaded; NULL: none */
	bool enforcing;             /* what an unsigned program meets from now on */
	bool verifies_metadata;     /* EVM is in use */
	bool no_securityfs;         /* the kernel has it, and it could not be mounted */
	bool retired_unread;        /* retired_unlink() has to be called again, when there is a policy */
};

/* Prints by the table of failures.h: on the console, and in the kernel log. Does not return where the boot stops. */
void report_failure(const struct init *init, enum failure failure, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* For the kernel log, and with @console for the console too. */
void report_say(bool console, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Makes sure that there is a console behind 0, 1 and 2, and that a fault does not end the process in silence. */
void report_start(void);
/* Undoes what execve() would hand on. */
void report_end(void);
void report_table(void);

/* The file systems that this needs, and leaves to the real init: /proc first, which tells how to go on. */
void mount_proc(struct init *init);
void mount_others(struct init *init);

/* Where the program was started from. */
void places_find(struct init *init);
/* Detaches the tmpfs that it came from. */
void places_leave(struct init *init);

/*
 * Reads /etc/keys/…: each NAME.der of @folder, as seen from the folder behind @fd, into @ring. Returns how many went in;
 * @failure is reported for each other one. A folder that is not there is an empty one.
 */
size_t certificates_load(const struct init *init, int fd, const char *folder, key_serial_t ring, enum failure failure);

/* "Rings and certificates". */
void rings_load(struct init *init);
/* A keyring of @ca_name with what the folder of CA certificates has, sealed, and one of @name for what these issued. */
bool rings_make(struct init *init, const char *ca_name, const char *ca_folder, enum failure refused, const char *name,
		struct own_ring *own, key_serial_t *ret_ring);
/* How many references to it the kernel counts; 0 where it does not tell. */
unsigned long rings_usage(key_serial_t ring);
/* The kernel's own keyring of that name, or 0. */
key_serial_t rings_find(const char *name);
size_t rings_count(key_serial_t ring);
/*
 * Tells of each key of the ring; @skid: its whole identifier in lower-case hexadecimal, at least 8 digits. -errno where
 * one, or all, cannot be looked at.
 */
int rings_each(key_serial_t ring, void (*tell)(void *context, key_serial_t key, const char *skid), void *context);
/* Key ids of the ring, each as a line "key=ID". */
void rings_ids(key_serial_t ring, char *output, size_t capacity);

/* Takes the retired keys out of the keyring for files. @init->retired_unread: the list could not be read yet. */
void retired_unlink(struct init *init);

void evm_close(struct init *init);
void switches_set(struct init *init);
void policy_load(struct init *init);
void latch_set(struct init *init);
void state_write(struct init *init);
/* What has come of it, as the state has it: "enforce", "log" or "off". */
const char *state_mode(const struct init *init);

/*
 * A regular file, @path as seen from the folder behind @fd, of at most @max bytes. What it is and has is asked before it
 * is opened: a kernel that appraises files when they are opened reads all of them, however large. -ENOENT too comes with a
 * text. The first returns a descriptor, the second what lib/io.h says of pkgima_read_file().
 */
int small_file_open(int fd, const char *path, size_t max, struct pkgima_error *error);
int small_file_read(int fd, const char *path, size_t max, uint8_t **ret_data, size_t *ret_length,
		    struct pkgima_error *error);

/* Writes @text to a file of the kernel's in one write. 0 or -errno; a short write is -EIO. */
int kernel_write(const char *path, const char *text);
/* Reads at most @capacity - 1 bytes of such a file, and puts a NUL behind them. Returns how many, or -errno. */
ssize_t kernel_read(const char *path, char *output, size_t capacity);

#endif
