/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_CHECK_H
#define PKGIMA_CHECK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "config.h"
#include "entry.h"
#include "verify.h"

#define PKGIMA_XATTR_IMA "security.ima"

/* One file on disk against its entry. One object per thread. */
struct pkgima_checker {
	const struct pkgima_trust *trust;
	struct pkgima_hasher *hasher;
	struct pkgima_verifier *verifier;
};

/* NULL without memory. */
struct pkgima_checker *pkgima_checker_new(const struct pkgima_trust *trust);
void pkgima_checker_free(struct pkgima_checker *checker);

/*
 * May @entry's signature stand on the file behind @fd (opened for reading, at its start): a trusted key's signature of the
 * digest, and the digest that of the content? OK, or UNSIGNED, UNKNOWN_KEY, BAD_SIGNATURE, DIGEST_MISMATCH with the
 * reason. What security.ima the file carries is not looked at. -errno when the file cannot be read.
 */
int pkgima_checker_run(struct pkgima_checker *checker, const struct pkgima_entry *entry, int fd,
		       enum pkgima_verdict *ret_verdict, struct pkgima_error *reason);

/*
 * The same without an entry, by what the file carries: is it a trusted key's signature of the content? UNSUPPORTED_FS where
 * it could carry none; UNSIGNED also for a mere hash; BAD_SIGNATURE also where the content was changed, which cannot be
 * told apart.
 */
int pkgima_checker_run_alone(struct pkgima_checker *checker, int fd, enum pkgima_verdict *ret_verdict,
			     struct pkgima_error *reason);

/* Why the file behind @fd does not carry @entry's signature: what it carries. Into @reason. */
void pkgima_file_tell_value(int fd, enum pkgima_verdict *ret_verdict, struct pkgima_error *reason);

/*
 * Value of security.ima of the file behind @fd (not O_PATH) into @buffer of PKGIMA_SIGNATURE_MAX bytes; *@ret_value has
 * no bytes where there is none. -EOPNOTSUPP: the file system takes none; -ERANGE: it is longer; another -errno.
 */
int pkgima_file_value(int fd, uint8_t *buffer, struct pkgima_value *ret_value);

/* Does the file behind @fd carry just this value of security.ima? */
bool pkgima_file_has_value(int fd, const struct pkgima_value *value);

/*
 * Sets security.ima of the file behind @fd. 0 with *@ret_verdict OK, or UNSUPPORTED_FS and @reason where the file system
 * or this user namespace takes none; -errno with @reason for any other failure.
 */
int pkgima_file_set_value(int fd, const struct pkgima_value *value, enum pkgima_verdict *ret_verdict,
			  struct pkgima_error *reason);

/* What the first bytes of a file say that a kernel, or a shell, may want to run. */
enum pkgima_content { PKGIMA_CONTENT_OTHER, PKGIMA_CONTENT_SCRIPT, PKGIMA_CONTENT_ELF };

/* Of the file behind @fd, read by pread. What cannot be read is OTHER. */
enum pkgima_content pkgima_content_of(int fd);

/*
 * Do the settings want a signature on this file? Always what booting needs (/etc/keys, /etc/ima-init, /ima). Conffiles only
 * with an x bit, as ELF objects, or with conffiles=yes. With select=exec only files with an x bit, ELF objects, kernel
 * modules, firmware and scripts. @mode: the file's.
 */
bool pkgima_content_is_selected(const struct pkgima_config *config, const struct pkgima_entry *entry, mode_t mode,
				enum pkgima_content content);

/* The same for the file behind @fd, which is opened for reading, and its @st. */
bool pkgima_file_is_selected(const struct pkgima_config *config, const struct pkgima_entry *entry, int fd,
			     const struct stat *st);

#endif
