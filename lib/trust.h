/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TRUST_H
#define PKGIMA_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "retired.h"

#define PKGIMA_TRUST_FOLDER "/etc/keys/ima"
#define PKGIMA_TRUST_CA_FOLDER "/etc/keys/ima-ca"
/* CA certificates that packages bring: they wait there for the administrator. */
#define PKGIMA_TRUST_WAITING_FOLDER "/usr/share/ima-init/ca"

/* A certificate of the trust store's folders and whether it counts. */
struct pkgima_trust_item {
	struct pkgima_certificate *certificate; /* owned; NULL when the file is no certificate */
	char *source;      /* path, escaped, owned */
	char *problem;     /* why it does not count, owned; NULL: it counts */
	char *warning;     /* e.g. that it has expired, or shares its key id, owned; NULL: none */
	bool ca;           /* from the folder of CA certificates */
	bool owned;        /* a package brought this CA certificate: it issues nothing */
	bool retired;      /* its key is in the list of retired ones, which is its problem then */
};

/* The certificates that user space accepts. Immutable after loading; may be shared by threads. */
struct pkgima_trust {
	struct pkgima_trust_item *items;
	size_t count;
	bool has_ca;       /* there is one, whoever's: leaf certificates were held against those that count */
	struct pkgima_retired retired; /* keys that do not count, see lib/retired.h */
};

/* More files than this in a folder are an error (-E2BIG). */
#define PKGIMA_TRUST_MAX 1024

struct pkgima_trust *pkgima_trust_new(void);
void pkgima_trust_free(struct pkgima_trust *trust);
PKGIMA_DEFINE_CLEANUP(pkgima_trust, struct pkgima_trust, pkgima_trust_free)
#define cleanup_trust PKGIMA_CLEANUP(pkgima_trust_cleanup)

/*
 * Loads the trust store of a root: PKGIMA_TRUST_CA_FOLDER, then PKGIMA_TRUST_FOLDER, every *.der beneath @root_fd in
 * the order of their names. A missing folder is an empty one. What does not count stays in the list with its reason:
 * no regular file, not parsed, a leaf or CA problem, a retired key, not issued by one of the CA certificates that count
 * while there are any at all, and a CA certificate for which @owned_by_package (may be NULL) says true: those have to be the
 * administrator's. One that does not count closes the store, it does not open it: so does a symbolic link on the way to
 * their folder. Certificates with the key id of another one that counts have a warning.
 * An invalid file is never an error; -errno only when a folder or the list of retired keys cannot be read.
 */
int pkgima_trust_load(struct pkgima_trust *trust, int root_fd,
		      bool (*owned_by_package)(void *context, const char *path), void *context,
		      struct pkgima_error *error);

/* Into an empty store: the CA certificates of PKGIMA_TRUST_WAITING_FOLDER, with what is wrong with them. */
int pkgima_trust_load_waiting(struct pkgima_trust *waiting, int root_fd, struct pkgima_error *error);

/*
 * Makes @ca one of the administrator's CA certificates: a file in PKGIMA_TRUST_CA_FOLDER, named after its fingerprint,
 * whole or not at all. *@ret_path is its path, the caller's. -EINVAL: it is no usable CA certificate; -EPERM: by that
 * name it would be a package's, see pkgima_trust_load(); -ELOOP: the folder is reached through a symbolic link.
 */
int pkgima_trust_confirm(const struct pkgima_certificate *ca, int root_fd,
			 bool (*owned_by_package)(void *context, const char *path), void *context, char **ret_path,
			 struct pkgima_error *error);

/*
 * Adds the certificate in @path, or every *.der, *.pem and *.crt of the folder @path. Named by the user, so: no CA check;
 * nor are retired keys looked for; but one that cannot be read, is no certificate or has a leaf problem is an error.
 */
int pkgima_trust_add(struct pkgima_trust *trust, const char *path, struct pkgima_error *error);

/*
 * The next certificate that counts, is no CA and has @key_id, after the index *@position (start with 0), which is moved
 * behind it. NULL: no further one. (Four bytes can collide, so a caller tries all.)
 */
const struct pkgima_certificate *pkgima_trust_find(const struct pkgima_trust *trust, uint32_t key_id, size_t *position);

#endif
