// SPDX-License-Identifier: LGPL-2.1-or-later
#include "digests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "list.h"

#define CERTIFICATE "certificate "

_Static_assert(8 + 2 * PKGIMA_DIGEST_MAX + 2 + PKGIMA_BASE64_LENGTH(PKGIMA_SIGNATURE_MAX) + 2 < PKGIMA_DIGESTS_LINE_MAX,
	       "the longest line can be written");

void pkgima_digests_free(struct pkgima_digests *digests)
{
	free(digests->list);
	memset(digests, 0, sizeof(*digests));
}

void pkgima_signatures_free(struct pkgima_signatures *signatures)
{
	pkgima_certificate_free(signatures->certificate);
	signatures->certificate = NULL;
	pkgima_digests_free(&signatures->digests);
}

static struct pkgima_digest *add(struct pkgima_digests *digests, struct pkgima_error *error)
{
	struct pkgima_digest *digest, *list;

	if (digests->count == PKGIMA_DIGESTS_COUNT_MAX) {
		pkgima_fail(error, -E2BIG, "more than %zu digests in one document", PKGIMA_DIGESTS_COUNT_MAX);
		return NULL;
	}
	list = pkgima_list_room(digests->list, digests->count, &digests->capacity, sizeof(*list));
	if (!list) {
		pkgima_fail(error, -ENOMEM, "no memory for a list of digests");
		return NULL;
	}
	digests->list = list;
	digest = &digests->list[digests->count++];
	memset(digest, 0, sizeof(*digest));
	return digest;
}

int pkgima_digests_add(struct pkgima_digests *digests, enum pkgima_hash hash, const uint8_t *bytes,
		       struct pkgima_error *error)
{
	struct pkgima_digest *digest = add(digests, error);

	if (!digest)
		return digests->count == PKGIMA_DIGESTS_COUNT_MAX ? -E2BIG : -ENOMEM;
	digest->hash = hash;
	memcpy(digest->bytes, bytes, pkgima_hash_size(hash));
	return 0;
}

/* The order of the lines' bytes: names of algorithms are in that of the enum, and hexadecimal in that of what it says. */
static int compare(const void *left, const void *right)
{
	const struct pkgima_digest *a = left, *b = right;

	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

void pkgima_digests_sort(struct pkgima_digests *digests)
{
	size_t kept = 0;

	if (digests->count)
		qsort(digests->list, digests->count, sizeof(*digests->list), compare);
	for (size_t i = 0; i < digests->count; i++)
		if (!kept || compare(&digests->list[kept - 1], &digests->list[i]) != 0)
			digests->list[kept++] = digests->list[i];
	digests->count = kept;
}

const struct pkgima_digest *pkgima_digests_find(const struct pkgima_digests *digests, enum pkgima_hash hash,
						const uint8_t *bytes)
{
	struct pkgima_digest wanted = { .hash = hash };

	memcpy(wanted.bytes, bytes, pkgima_hash_size(hash));
	return digests->count ? bsearch(&wanted, digests->list, digests->count, sizeof(wanted), compare) : NULL;
}

size_t pkgima_digests_line(const struct pkgima_digest *digest, const uint8_t *signature, size_t length, char *line)
{
	size_t size = pkgima_hash_size(digest->hash);
	char *to = line + sprintf(line, "%s ", pkgima_hash_name(digest->hash));

	pkgima_hex(digest->bytes, size, to);
	to += 2 * size;
	if (signature) {
		*to++ = ' ';
		to += EVP_EncodeBlock((unsigned char *)to, signature, (int)length);
	}
	*to++ = '\n';
	return (size_t)(to - line);
}

/* A document while it is read. */
struct reader {
	const char *at, *end;
	size_t number;            /* of the line that was read last */
	const char *line;
	size_t length;
	const char *what;         /* "digests", "signatures" */
	struct pkgima_error *error;
};

static int refuse(const struct reader *reader, const char *reason)
{
	return pkgima_fail(reader->error, -EINVAL, "%s, line %zu: %s", reader->what, reader->number, reason);
}

/* 1, or 0 at the end. */
static int next_line(struct reader *reader)
{
	const char *newline;

	if (reader->at == reader->end)
		return 0;
	reader->number++;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	if (!newline)
		return refuse(reader, "it has no end");
	reader->line = reader->at;
	reader->length = (size_t)(newline - reader->at);
	reader->at = newline + 1;
	return 1;
}

static int begin(struct reader *reader, const char *first)
{
	size_t length = strlen(first) - 1;
	int r;

	if ((size_t)(reader->end - reader->at) > PKGIMA_DIGESTS_SIZE_MAX)
		return pkgima_fail(reader->error, -E2BIG, "%s: more than %zu bytes", reader->what, PKGIMA_DIGESTS_SIZE_MAX);
	r = next_line(reader);
	if (r < 0)
		return r;
	if (r == 0 || reader->length != length || memcmp(reader->line, first, length) != 0) {
		reader->number = 1;
		return pkgima_fail(reader->error, -EINVAL, "%s, line 1: it is not \"%.*s\"", reader->what, (int)length,
				   first);
	}
	return 0;
}

/* "ALG HEX"; *@ret_rest is what stands behind it. */
static int take_digest(struct reader *reader, struct pkgima_digest *digest, const char **ret_rest)
{
	const char *space = memchr(reader->line, ' ', reader->length);
	size_t name = space ? (size_t)(space - reader->line) : 0, size;

	if (!space || !pkgima_hash_from_name(reader->line, name, &digest->hash))
		return refuse(reader, "unknown hash algorithm");
	size = 2 * pkgima_hash_size(digest->hash);
	if (reader->length < name + 1 + size || !pkgima_unhex(space + 1, size, digest->bytes))
		return refuse(reader, "the digest has not the length of its algorithm, or is not lower-case hexadecimal");
	*ret_rest = space + 1 + size;
	return 0;
}

static int check_order(const struct reader *reader, const struct pkgima_digests *digests)
{
	int order = digests->count > 1 ? compare(&digests->list[digests->count - 2], &digests->list[digests->count - 1]) : -1;

	if (order == 0)
		return refuse(reader, "the digest is there twice");
	return order > 0 ? refuse(reader, "the digests are not sorted") : 0;
}

/* " BASE64" */
static int take_signature(const struct reader *reader, const char *text, struct pkgima_digest *digest)
{
	size_t length = (size_t)(reader->line + reader->length - text), size;
	uint8_t bytes[PKGIMA_SIGNATURE_MAX + 3];

	if (length == 0 || *text != ' ')
		return refuse(reader, "there is no signature");
	if (length - 1 > PKGIMA_BASE64_LENGTH(PKGIMA_SIGNATURE_MAX - PKGIMA_SIGNATURE_HEADER))
		return refuse(reader, "the signature is too long");
	if (!pkgima_base64_decode(text + 1, length - 1, bytes, sizeof(bytes), &size))
		return refuse(reader, "the signature is not base64");
	digest->text = text + 1;
	digest->text_length = length - 1;
	return 0;
}

static int parse_lines(struct reader *reader, struct pkgima_digests *digests, bool with_signatures)
{
	int r;

	while ((r = next_line(reader)) == 1) {
		struct pkgima_digest *digest = add(digests, reader->error);
		const char *rest = NULL;

		if (!digest)
			return digests->count == PKGIMA_DIGESTS_COUNT_MAX ? -E2BIG : -ENOMEM;
		r = take_digest(reader, digest, &rest);
		if (r == 0 && with_signatures)
			r = take_signature(reader, rest, digest);
		else if (r == 0 && rest != reader->line + reader->length)
			r = refuse(reader, "something stands behind the digest");
		if (r == 0)
			r = check_order(reader, digests);
		if (r < 0)
			return r;
	}
	return r;
}

int pkgima_digests_parse(const uint8_t *text, size_t length, struct pkgima_digests *digests, struct pkgima_error *error)
{
	struct reader reader = {
		.at = (const char *)text, .end = (const char *)text + length, .what = "digests", .error = error,
	};
	int r = begin(&reader, PKGIMA_DIGESTS_FIRST_LINE);

	return r < 0 ? r : parse_lines(&reader, digests, false);
}

static int take_certificate(struct reader *reader, const char *source, struct pkgima_certificate **ret_certificate)
{
	size_t prefix = strlen(CERTIFICATE), length, size;
	cleanup_free uint8_t *der = NULL;
	int r = next_line(reader);

	if (r < 0)
		return r;
	if (r == 0 || reader->length <= prefix || memcmp(reader->line, CERTIFICATE, prefix) != 0) {
		reader->number = 2;
		return refuse(reader, "it does not name the certificate");
	}
	length = reader->length - prefix;
	if (length > PKGIMA_BASE64_LENGTH(PKGIMA_CERTIFICATE_MAX))
		return refuse(reader, "the certificate is too long");
	der = malloc(length);
	if (!der)
		return pkgima_fail(reader->error, -ENOMEM, "no memory for a certificate");
	if (!pkgima_base64_decode(reader->line + prefix, length, der, length, &size))
		return refuse(reader, "the certificate is not base64");
	/* The parser takes PEM as well, which is not the one form. */
	if (der[0] != 0x30)
		return refuse(reader, "the certificate is not DER");
	return pkgima_certificate_parse(der, size, source, ret_certificate, reader->error);
}

int pkgima_signatures_parse(const uint8_t *text, size_t length, const char *source, struct pkgima_signatures *signatures,
			    struct pkgima_error *error)
{
	struct reader reader = {
		.at = (const char *)text, .end = (const char *)text + length, .what = "signatures", .error = error,
	};
	int r = begin(&reader, PKGIMA_SIGNATURES_FIRST_LINE);

	if (r == 0)
		r = take_certificate(&reader, source, &signatures->certificate);
	return r < 0 ? r : parse_lines(&reader, &signatures->digests, true);
}

char *pkgima_signatures_certificate_line(const struct pkgima_certificate *certificate)
{
	size_t prefix = strlen(CERTIFICATE);
	char *line = malloc(prefix + PKGIMA_BASE64_LENGTH(certificate->der_length) + 2), *to;

	if (!line)
		return NULL;
	to = stpcpy(line, CERTIFICATE);
	to += EVP_EncodeBlock((unsigned char *)to, certificate->der, (int)certificate->der_length);
	strcpy(to, "\n");
	return line;
}
