/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_DIGESTS_H
#define PKGIMA_DIGESTS_H

#include <stddef.h>
#include <stdint.h>

#include "certificate.h"
#include "error.h"
#include "hash.h"
#include "signature.h"

/*
 * What goes to a signing service and what comes back, as text: pkgima-digests(5) is the specification. Readers and writers
 * are pure: bytes in, lists out, and back.
 */
#define PKGIMA_DIGESTS_FIRST_LINE "pkgima-digests 1\n"
#define PKGIMA_SIGNATURES_FIRST_LINE "pkgima-signatures 1\n"

/* Checked before anything is allocated for the content. */
#define PKGIMA_DIGESTS_SIZE_MAX ((size_t)256 * 1024 * 1024)
#define PKGIMA_DIGESTS_COUNT_MAX ((size_t)1000000)

/* A digest and, in a document of signatures, the one that was given for it. */
struct pkgima_digest {
	enum pkgima_hash hash;
	uint8_t bytes[PKGIMA_DIGEST_MAX];  /* zeros behind those of the algorithm */
	const char *text;                  /* base64 of the signature, in the document that was parsed; or NULL */
	size_t text_length;
};

/* Zero-initialised it is empty. */
struct pkgima_digests {
	struct pkgima_digest *list;
	size_t count, capacity;
};
void pkgima_digests_free(struct pkgima_digests *digests);
#define cleanup_digests __attribute__((cleanup(pkgima_digests_free)))

/* At the end; -E2BIG at the maximum. */
int pkgima_digests_add(struct pkgima_digests *digests, enum pkgima_hash hash, const uint8_t *bytes,
		       struct pkgima_error *error);
/* In the order of a document, each once. */
void pkgima_digests_sort(struct pkgima_digests *digests);
/* In a sorted list; or NULL. */
const struct pkgima_digest *pkgima_digests_find(const struct pkgima_digests *digests, enum pkgima_hash hash,
						const uint8_t *bytes);

/* @line takes PKGIMA_DIGESTS_LINE_MAX bytes; returns the length. Without @signature it is a line of digests. */
#define PKGIMA_DIGESTS_LINE_MAX 8192
size_t pkgima_digests_line(const struct pkgima_digest *digest, const uint8_t *signature, size_t length, char *line);

/* Reads a document of digests into an empty list. -EINVAL, naming the line, for anything but its one form; -E2BIG. */
int pkgima_digests_parse(const uint8_t *text, size_t length, struct pkgima_digests *digests, struct pkgima_error *error);

/* A document of signatures, all by one key. */
struct pkgima_signatures {
	struct pkgima_certificate *certificate;
	struct pkgima_digests digests;     /* sorted, each with its signature */
};
void pkgima_signatures_free(struct pkgima_signatures *signatures);
#define cleanup_signatures __attribute__((cleanup(pkgima_signatures_free)))

/*
 * Reads one; it points into @text. No signature is verified, and whether the certificate is good for anything is not looked
 * at. @source names the document in what is said about its certificate.
 */
int pkgima_signatures_parse(const uint8_t *text, size_t length, const char *source, struct pkgima_signatures *signatures,
			    struct pkgima_error *error);

/* The line that names the certificate, to be freed; NULL without memory. */
char *pkgima_signatures_certificate_line(const struct pkgima_certificate *certificate);

#endif
