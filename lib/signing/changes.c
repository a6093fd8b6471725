// SPDX-License-Identifier: LGPL-2.1-or-later
#include "changes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "../cleanup.h"
#include "../escape.h"
#include "../hash.h"
#include "../io.h"

#define BEGIN_MESSAGE "-----BEGIN PGP SIGNED MESSAGE-----"
#define BEGIN_SIGNATURE "-----BEGIN PGP SIGNATURE-----"
#define END_SIGNATURE "-----END PGP SIGNATURE-----"
#define NAME_LONGEST 255

static const struct {
	const char *field, *openssl;
	size_t size;
} kinds[] = {
#define X(name, field, openssl, size) { field, openssl, size },
	PKGIMA_CHECKSUMS(X)
#undef X
};

void pkgima_changes_free(struct pkgima_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++)
		free(changes->files[i].name);
	free(changes->files);
	free(changes->text);
	memset(changes, 0, sizeof(*changes));
}

int pkgima_sums_of(int fd, struct pkgima_sums *ret_sums, struct pkgima_error *error)
{
	EVP_MD_CTX *contexts[PKGIMA_CHECKSUM_COUNT] = { NULL };
	struct pkgima_sums sums = { 0 };
	uint8_t digest[EVP_MAX_MD_SIZE];
	char bytes[64 * 1024];
	bool good = true;
	ssize_t n = 0;

	for (size_t i = 0; i < PKGIMA_CHECKSUM_COUNT; i++) {
		EVP_MD *md = EVP_MD_fetch(NULL, kinds[i].openssl, NULL);

		contexts[i] = EVP_MD_CTX_new();
		good &= md && contexts[i] && EVP_DigestInit_ex(contexts[i], md, NULL) == 1;
		EVP_MD_free(md);
	}
	while (good && (n = pkgima_pread_all(fd, bytes, sizeof(bytes), (off_t)sums.size)) > 0) {
		for (size_t i = 0; i < PKGIMA_CHECKSUM_COUNT; i++)
			good &= EVP_DigestUpdate(contexts[i], bytes, (size_t)n) == 1;
		sums.size += (uint64_t)n;
	}
	for (size_t i = 0; i < PKGIMA_CHECKSUM_COUNT; i++) {
		good = good && n == 0 && EVP_DigestFinal_ex(contexts[i], digest, NULL) == 1;
		if (good)
			pkgima_hex(digest, kinds[i].size, sums.hex[i]);
		EVP_MD_CTX_free(contexts[i]);
	}
	if (!good)
		return pkgima_fail(error, n < 0 ? (int)n : -EIO, "cannot take its checksums: %s",
				   n < 0 ? strerror((int)-n) : "OpenSSL has no MD5, SHA-1 or SHA-2");
	*ret_sums = sums;
	return 0;
}

bool pkgima_sums_match(const struct pkgima_sums *listed, const struct pkgima_sums *actual)
{
	for (size_t i = 0; i < PKGIMA_CHECKSUM_COUNT; i++)
		if (listed->hex[i][0] && strcmp(listed->hex[i], actual->hex[i]) != 0)
			return false;
	return listed->size == actual->size;
}

struct pkgima_listed *pkgima_changes_find(const struct pkgima_changes *changes, const char *name)
{
	for (size_t i = 0; i < changes->count; i++)
		if (!strcmp(changes->files[i].name, name))
			return &changes->files[i];
	return NULL;
}

/* One line at a time, without its end. */
struct reader {
	const char *at, *end;
	size_t number;
	const char *line;
	size_t length;
	int kind;                 /* enum pkgima_checksum of the field that the line is in, or -1 */
	bool in_files;            /* that field is "Files" */
};

static bool next_line(struct reader *reader)
{
	const char *newline;

	if (reader->at >= reader->end)
		return false;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	reader->line = reader->at;
	reader->length = (size_t)((newline ? newline : reader->end) - reader->at);
	reader->at = newline ? newline + 1 : reader->end;
	reader->number++;
	return true;
}

static bool line_is(const struct reader *reader, const char *text)
{
	size_t length = reader->length;

	while (length && (reader->line[length - 1] == '\r' || reader->line[length - 1] == ' '))
		length--;
	return length == strlen(text) && !memcmp(reader->line, text, length);
}

/* What was signed, without the armour (RFC 4880, 7): of lines that begin with a dash, "- " is taken off. */
static int unwrap(struct reader *reader, struct pkgima_changes *changes, struct pkgima_error *error)
{
	char *to = changes->text;
	bool closed = false;

	while (next_line(reader) && reader->length && !line_is(reader, ""))
		;
	while (!closed && next_line(reader)) {
		closed = line_is(reader, BEGIN_SIGNATURE);
		if (!closed) {
			bool escaped = reader->length > 1 && !memcmp(reader->line, "- ", 2);

			to = mempcpy(to, reader->line + (escaped ? 2 : 0), reader->length - (escaped ? 2 : 0));
			*to++ = '\n';
		}
	}
	closed = false;
	while (!closed && next_line(reader))
		closed = line_is(reader, END_SIGNATURE);
	while (closed && next_line(reader))
		closed = line_is(reader, "");
	if (!closed)
		return pkgima_fail(error, -EINVAL, "line %zu: its OpenPGP armour is broken, or something stands behind it",
				   reader->number);
	changes->length = (size_t)(to - changes->text);
	changes->has_openpgp = true;
	return 0;
}

static int find_kind(struct reader *reader, struct pkgima_error *error)
{
	size_t length = (size_t)((const char *)memchr(reader->line, ':', reader->length) - reader->line);

	reader->kind = -1;
	reader->in_files = length == 5 && !strncasecmp(reader->line, "Files", 5);
	if (reader->in_files)
		reader->kind = PKGIMA_CHECKSUM_MD5;
	for (int i = 0; i < PKGIMA_CHECKSUM_COUNT; i++)
		if (length == strlen(kinds[i].field) && !strncasecmp(reader->line, kinds[i].field, length))
			reader->kind = i;
	if (reader->kind < 0 && length > 10 && !strncasecmp(reader->line, "Checksums-", 10))
		return pkgima_fail(error, -EINVAL, "line %zu: it has checksums of a kind that is not handled",
				   reader->number);
	if (reader->kind >= 0 && strspn(reader->line + length + 1, " \t\r") < reader->length - length - 1)
		return pkgima_fail(error, -EINVAL, "line %zu: something stands beside the field's name", reader->number);
	return 0;
}

/* A line of the stanza: 1 if it is one about a file, in such a field; 0 for another; a field's name changes the kind. */
static int classify(struct reader *reader, struct pkgima_error *error)
{
	if (memchr(reader->line, '\0', reader->length))
		return pkgima_fail(error, -EINVAL, "line %zu: it has a NUL byte", reader->number);
	if (reader->length && (reader->line[0] == ' ' || reader->line[0] == '\t'))
		return reader->kind >= 0;
	if (reader->length && reader->line[0] == '#')
		return 0;
	if (!reader->length || !memchr(reader->line, ':', reader->length))
		return pkgima_fail(error, -EINVAL, "line %zu: it is no field, and there is one stanza only", reader->number);
	return find_kind(reader, error);
}

/* The words of a line about a file; where they stand in it. */
struct words {
	struct { size_t at, length; } list[5];
	size_t count;
};

static int split(const struct reader *reader, struct words *words, struct pkgima_error *error)
{
	size_t at = 0, count = 0;

	while (at < reader->length) {
		size_t start = at;

		while (at < reader->length && !strchr(" \t\r", reader->line[at]))
			at++;
		if (at > start && count++ < 5) {
			words->list[count - 1].at = start;
			words->list[count - 1].length = at - start;
		}
		at++;
	}
	words->count = count;
	if (count != (reader->in_files ? 5 : 3))
		return pkgima_fail(error, -EINVAL, "line %zu: it has not the words of its field", reader->number);
	return 0;
}

static bool name_is_plain(const char *name, size_t length)
{
	return length > 0 && length <= NAME_LONGEST && name[0] != '.' && !memchr(name, '/', length);
}

static struct pkgima_listed *add_file(struct pkgima_changes *changes, char *name)
{
	struct pkgima_listed *files;

	if (changes->count % 64 == 0) {
		files = reallocarray(changes->files, changes->count + 64, sizeof(*files));
		if (!files)
			return NULL;
		changes->files = files;
	}
	files = &changes->files[changes->count++];
	*files = (struct pkgima_listed){ .name = name };
	return files;
}

static int read_file_line(const struct reader *reader, struct pkgima_changes *changes, struct pkgima_error *error)
{
	cleanup_free char *name = NULL;
	struct pkgima_listed *file;
	uint8_t digest[PKGIMA_CHECKSUM_MAX];
	struct words words;
	const char *size;
	uint64_t bytes = 0;
	int r = split(reader, &words, error);

	if (r < 0)
		return r;
	if (words.list[0].length != 2 * kinds[reader->kind].size ||
	    !pkgima_unhex(reader->line + words.list[0].at, words.list[0].length, digest))
		return pkgima_fail(error, -EINVAL, "line %zu: the checksum is none of its field", reader->number);
	size = reader->line + words.list[1].at;
	for (size_t i = 0; i < words.list[1].length; i++) {
		if (size[i] < '0' || size[i] > '9' || i > 17)
			return pkgima_fail(error, -EINVAL, "line %zu: the size is no number", reader->number);
		bytes = bytes * 10 + (uint64_t)(size[i] - '0');
	}
	if (!name_is_plain(reader->line + words.list[words.count - 1].at, words.list[words.count - 1].length))
		return pkgima_fail(error, -EINVAL, "line %zu: the name is not that of a file beside it", reader->number);
	name = strndup(reader->line + words.list[words.count - 1].at, words.list[words.count - 1].length);
	file = name ? pkgima_changes_find(changes, name) : NULL;
	if (name && !file) {
		if (changes->count == PKGIMA_CHANGES_FILES_MAX)
			return pkgima_fail(error, -E2BIG, "it lists more than %d files", PKGIMA_CHANGES_FILES_MAX);
		file = add_file(changes, name);
		if (file) {
			name = NULL;
			file->sums.size = bytes;
		}
	}
	if (!file)
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	if (file->sums.size != bytes || file->sums.hex[reader->kind][0])
		return pkgima_fail(error, -EINVAL, "line %zu: the file has another size elsewhere, or is there twice",
				   reader->number);
	pkgima_hex(digest, kinds[reader->kind].size, file->sums.hex[reader->kind]);
	return 0;
}

static struct reader begin(const struct pkgima_changes *changes)
{
	return (struct reader){ .at = changes->text, .end = changes->text + changes->length, .kind = -1 };
}

/* Blank lines at the end belong to no stanza. */
static void trim(struct pkgima_changes *changes)
{
	while (changes->length > 1 && changes->text[changes->length - 1] == '\n' && changes->text[changes->length - 2] == '\n')
		changes->length--;
}

int pkgima_changes_parse(const uint8_t *data, size_t length, struct pkgima_changes *ret_changes,
			 struct pkgima_error *error)
{
	cleanup_changes struct pkgima_changes changes = { 0 };
	struct reader reader = { .at = (const char *)data, .end = (const char *)data + length };
	int r = 0;

	if (length > PKGIMA_CHANGES_MAX)
		return pkgima_fail(error, -EFBIG, "it has more than %zu bytes", PKGIMA_CHANGES_MAX);
	changes.text = malloc(length + 2);
	if (!changes.text)
		return pkgima_fail(error, -ENOMEM, "no memory to read it");
	if (next_line(&reader) && line_is(&reader, BEGIN_MESSAGE)) {
		r = unwrap(&reader, &changes, error);
	} else {
		memcpy(changes.text, data, length);
		changes.length = length;
	}
	if (r < 0)
		return r;
	trim(&changes);
	reader = begin(&changes);
	while (next_line(&reader)) {
		r = classify(&reader, error);
		if (r == 1)
			r = read_file_line(&reader, &changes, error);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < changes.count; i++)
		if (!changes.files[i].sums.hex[PKGIMA_CHECKSUM_SHA256][0])
			return pkgima_fail(error, -EINVAL, "it has no SHA-256 of one of its files");
	*ret_changes = changes;
	memset(&changes, 0, sizeof(changes));
	return 0;
}

static void write_file_line(FILE *to, const struct reader *reader, const struct words *words,
			    const struct pkgima_sums *sums)
{
	size_t size_end = words->list[1].at + words->list[1].length;

	fwrite(reader->line, 1, words->list[0].at, to);
	fprintf(to, "%s %ju", sums->hex[reader->kind], (uintmax_t)sums->size);
	fwrite(reader->line + size_end, 1, reader->length - size_end, to);
}

int pkgima_changes_update(const struct pkgima_changes *changes,
			  const struct pkgima_sums *(*find)(void *context, const char *name), void *context,
			  char **ret_text, size_t *ret_length, struct pkgima_error *error)
{
	cleanup_free char *text = NULL;
	struct reader reader = begin(changes);
	size_t length = 0;
	FILE *to = open_memstream(&text, &length);
	int r = 0;

	if (!to)
		return pkgima_fail(error, -ENOMEM, "no memory to write it");
	while (r >= 0 && next_line(&reader)) {
		const struct pkgima_sums *sums = NULL;
		struct words words;

		r = classify(&reader, error);
		if (r == 1)
			r = split(&reader, &words, error);
		else if (r == 0)
			words.count = 0;
		if (r == 0 && words.count) {
			cleanup_free char *name = strndup(reader.line + words.list[words.count - 1].at,
							  words.list[words.count - 1].length);

			sums = name ? find(context, name) : NULL;
		}
		if (sums)
			write_file_line(to, &reader, &words, sums);
		else
			fwrite(reader.line, 1, reader.length, to);
		if (reader.at > reader.line + reader.length)
			fputc('\n', to);
	}
	if (fclose(to) != 0 && r >= 0)
		r = pkgima_fail(error, -ENOMEM, "no memory to write it");
	if (r < 0)
		return r;
	*ret_text = pkgima_steal_pointer(&text);
	*ret_length = length;
	return 0;
}
