// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_payload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmtag.h>

#include "entry.h"

#define MAGIC_LENGTH 6
/* What follows the magic: fields of 8 hexadecimal digits. */
#define FIELD 8
#define FIELDS 13
#define FIELD_FILESIZE 6
#define FIELD_NAMESIZE 11
/* The file's index in the header of a stripped archive's end. */
#define STRIPPED_END 0xffffffff
#define ALIGNMENT 4

/* What an archive says of a file. */
struct record {
	bool end, stripped;
	int file;         /* index in the header of the package, -1: it has no such file */
	uint64_t size;    /* unless stripped */
};

/* As rpm opens it to unpack it (rpmtePayload() and rpmPackageFilesInstall() in its lib/). */
int pkgima_rpm_payload_open(int fd, off_t start, Header header, FD_t *ret_payload, struct pkgima_error *error)
{
	static const char *const known[] = { "gzip", "bzip2", "xz", "lzma", "zstd", NULL };
	const char *format = headerGetString(header, RPMTAG_PAYLOADFORMAT);
	const char *compressor = headerGetString(header, RPMTAG_PAYLOADCOMPRESSOR);
	FD_t copy, payload = NULL;
	char mode[16];
	size_t i = 0;

	if (!format || strcmp(format, "cpio") != 0)
		return pkgima_fail(error, -EOPNOTSUPP, "it is no cpio archive");
	if (!compressor)
		compressor = known[0];
	while (known[i] && strcmp(known[i], compressor) != 0)
		i++;
	if (!known[i])
		return pkgima_fail(error, -EOPNOTSUPP, "its compression is not handled");
	snprintf(mode, sizeof(mode), "r.%s", known[i]);
	copy = fdDup(fd);
	if (copy && lseek(Fileno(copy), start, SEEK_SET) >= 0)
		payload = Fdopen(copy, mode);
	if (!payload) {
		if (copy)
			Fclose(copy);
		return pkgima_fail(error, -EIO, "cannot read it");
	}
	*ret_payload = payload;
	return 0;
}

int pkgima_rpm_payload_begin(struct pkgima_rpm_payload *payload, struct _FD_s *fd, struct rpmfiles_s *files,
			     struct pkgima_error *error)
{
	*payload = (struct pkgima_rpm_payload){ .fd = fd, .files = files, .awaited = -1 };
	payload->found = calloc((size_t)rpmfilesFC(files) + 1, sizeof(*payload->found));
	return payload->found ? 0 : pkgima_fail(error, -ENOMEM, "no memory for its files");
}

void pkgima_rpm_payload_end(struct pkgima_rpm_payload *payload)
{
	free(payload->found);
	payload->found = NULL;
}

static int read_all(struct pkgima_rpm_payload *payload, void *buffer, size_t size, struct pkgima_error *error)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = Fread((char *)buffer + done, 1, size - done, payload->fd);

		if (n <= 0 || (size_t)n > size - done)
			return pkgima_fail(error, -EINVAL, "it is damaged, or cut off");
		done += (size_t)n;
	}
	payload->offset += size;
	return 0;
}

static int skip(struct pkgima_rpm_payload *payload, uint64_t size, struct pkgima_error *error)
{
	char buffer[4096];
	int r = 0;

	for (uint64_t left = size; left && r == 0;) {
		size_t wanted = left < sizeof(buffer) ? (size_t)left : sizeof(buffer);

		r = read_all(payload, buffer, wanted, error);
		left -= wanted;
	}
	return r;
}

static int skip_padding(struct pkgima_rpm_payload *payload, struct pkgima_error *error)
{
	return skip(payload, (ALIGNMENT - payload->offset % ALIGNMENT) % ALIGNMENT, error);
}

static int parse_field(const char *text, uint32_t *ret_value, struct pkgima_error *error)
{
	char digits[FIELD + 1] = "";

	memcpy(digits, text, FIELD);
	if (strspn(digits, "0123456789abcdefABCDEF") != FIELD)
		return pkgima_fail(error, -EINVAL, "a field of its archive is no number");
	*ret_value = (uint32_t)strtoul(digits, NULL, 16);
	return 0;
}

static int read_stripped(struct pkgima_rpm_payload *payload, struct record *record, struct pkgima_error *error)
{
	char text[FIELD];
	uint32_t index = 0;
	int r = read_all(payload, text, sizeof(text), error);

	if (r == 0)
		r = parse_field(text, &index, error);
	if (r < 0)
		return r;
	record->stripped = true;
	record->end = index == STRIPPED_END;
	record->file = index < rpmfilesFC(payload->files) ? (int)index : -1;
	return 0;
}

static int read_new(struct pkgima_rpm_payload *payload, struct record *record, struct pkgima_error *error)
{
	char fields[FIELDS * FIELD], name[PKGIMA_PATH_MAX + 1];
	uint32_t size = 0, length = 0;
	int r = read_all(payload, fields, sizeof(fields), error);

	if (r == 0)
		r = parse_field(fields + FIELD_FILESIZE * FIELD, &size, error);
	if (r == 0)
		r = parse_field(fields + FIELD_NAMESIZE * FIELD, &length, error);
	if (r < 0)
		return r;
	if (length < 1 || length > sizeof(name))
		return pkgima_fail(error, -EINVAL, "a name in its archive has %u bytes", length);
	r = read_all(payload, name, length, error);
	if (r < 0)
		return r;
	if (memchr(name, '\0', length) != name + length - 1)
		return pkgima_fail(error, -EINVAL, "a name in its archive does not end where it should");
	record->size = size;
	record->end = !strcmp(name, "TRAILER!!!");
	record->file = record->end ? -1 : rpmfilesFindOFN(payload->files, name);
	return 0;
}

static int read_record(struct pkgima_rpm_payload *payload, struct record *record, struct pkgima_error *error)
{
	char magic[MAGIC_LENGTH];
	int r;

	memset(record, 0, sizeof(*record));
	r = skip_padding(payload, error);
	if (r == 0)
		r = read_all(payload, magic, sizeof(magic), error);
	if (r < 0)
		return r;
	if (!memcmp(magic, "07070X", sizeof(magic)))
		r = read_stripped(payload, record, error);
	else if (!memcmp(magic, "070701", sizeof(magic)) || !memcmp(magic, "070702", sizeof(magic)))
		r = read_new(payload, record, error);
	else
		r = pkgima_fail(error, -EINVAL, "it is no cpio archive, or damaged");
	return r == 0 ? skip_padding(payload, error) : r;
}

/* The last of the hard links that @file is one of; @file itself where it is not. */
static int last_link(const struct pkgima_rpm_payload *payload, int file, const int **ret_links, uint32_t *ret_count)
{
	*ret_links = NULL;
	*ret_count = rpmfilesFLinks(payload->files, file, ret_links);
	if (!*ret_links)
		*ret_count = 0;
	return *ret_count > 1 ? (*ret_links)[*ret_count - 1] : file;
}

/* A regular file: rpm takes whatever content comes next for that of the hard links before it. */
static int begin_file(struct pkgima_rpm_payload *payload, const struct record *record, bool *ret_content,
		      struct pkgima_error *error)
{
	const int *links;
	uint32_t count;
	int last = last_link(payload, record->file, &links, &count);

	if (payload->awaited >= 0 && payload->awaited != last)
		return pkgima_fail(error, -EINVAL, "another file stands between hard links and their content");
	*ret_content = record->file == last;
	payload->awaited = *ret_content ? -1 : last;
	for (uint32_t i = 0; *ret_content && i < count; i++)
		if (!payload->found[links[i]])
			return pkgima_fail(error, -EINVAL, "the content of hard links comes before all of them are named");
	payload->left = *ret_content ? rpmfilesFSize(payload->files, record->file) : 0;
	if (!record->stripped && record->size != payload->left)
		return pkgima_fail(error, -EINVAL, "the size of a file is not what the header says");
	return 0;
}

static int skip_link(struct pkgima_rpm_payload *payload, const struct record *record, struct pkgima_error *error)
{
	uint64_t size = rpmfilesFSize(payload->files, record->file);

	if (size > PKGIMA_PATH_MAX || (!record->stripped && record->size != size))
		return pkgima_fail(error, -EINVAL, "the size of a symbolic link is not what the header says, or too large");
	return skip(payload, size, error);
}

int pkgima_rpm_payload_next(struct pkgima_rpm_payload *payload, int *ret_file, struct pkgima_error *error)
{
	bool content = false;

	while (!content) {
		struct record record;
		mode_t mode;
		int r = read_record(payload, &record, error);

		if (r < 0 || record.end)
			return r;
		if (record.file < 0)
			return pkgima_fail(error, -EINVAL, "it has a file that the header does not name");
		if (payload->found[record.file])
			return pkgima_fail(error, -EINVAL, "it has a file twice");
		payload->found[record.file] = true;
		mode = rpmfilesFMode(payload->files, record.file);
		/* rpm before 4.11 sometimes wrote these; they are passed over. */
		if (rpmfilesFFlags(payload->files, record.file) & RPMFILE_GHOST)
			r = record.stripped ? pkgima_fail(error, -EINVAL, "it has a %%ghost file")
					    : skip(payload, record.size, error);
		else if (S_ISREG(mode))
			r = begin_file(payload, &record, &content, error);
		else if (S_ISLNK(mode))
			r = skip_link(payload, &record, error);
		if (r < 0)
			return r;
		*ret_file = record.file;
	}
	return 1;
}

ssize_t pkgima_rpm_payload_read(struct pkgima_rpm_payload *payload, void *buffer, size_t size, struct pkgima_error *error)
{
	size_t wanted = payload->left < size ? (size_t)payload->left : size;
	int r = read_all(payload, buffer, wanted, error);

	if (r < 0)
		return r;
	payload->left -= wanted;
	return (ssize_t)wanted;
}
