// SPDX-License-Identifier: LGPL-2.1-or-later
#include "deb_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

#include "../io.h"
#include "../manifest.h"
#include "deb.h"

/* Of zlib. Higher ones gain nothing on signatures, which do not compress. */
#define GZIP_LEVEL "6"

struct sink {
	struct archive *archive;
	int fd;
	uint64_t written;        /* bytes of the new control member so far */
	int result;              /* -errno of a failed write, since libarchive keeps but a text */
};

static la_ssize_t write_member(struct archive *archive, void *context, const void *data, size_t length)
{
	struct sink *sink = context;

	sink->result = pkgima_write_all(sink->fd, data, length);
	if (sink->result < 0) {
		archive_set_error(archive, -sink->result, "%s", strerror(-sink->result));
		return ARCHIVE_FATAL;
	}
	sink->written += length;
	return (la_ssize_t)length;
}

static int fail_sink(struct sink *sink, struct pkgima_error *error)
{
	const char *text = archive_error_string(sink->archive);

	return pkgima_fail(error, sink->result < 0 ? sink->result : -EIO, "cannot write the control member: %s",
			   text ? text : "libarchive failed");
}

static int put_manifest(void *context, const char *text, size_t length)
{
	struct sink *sink = context;

	if (archive_write_data(sink->archive, text, length) != (la_ssize_t)length)
		return sink->result < 0 ? sink->result : -EIO;
	return 0;
}

static int add_manifest(struct sink *sink, const struct pkgima_entries *entries, time_t mtime,
			struct pkgima_error *error)
{
	struct archive_entry *entry = archive_entry_new();
	int r = 0;

	if (!entry)
		return pkgima_fail(error, -ENOMEM, "no memory to write the control member");
	archive_entry_set_pathname(entry, "./" PKGIMA_MANIFEST_NAME);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_uname(entry, "root");
	archive_entry_set_gname(entry, "root");
	archive_entry_set_mtime(entry, mtime, 0);
	archive_entry_set_size(entry, (la_int64_t)pkgima_manifest_size(entries));
	if (archive_write_header(sink->archive, entry) != ARCHIVE_OK)
		r = fail_sink(sink, error);
	archive_entry_free(entry);
	return r < 0 ? r : pkgima_manifest_write(entries, put_manifest, sink, error);
}

static int copy_header(const struct pkgima_tar_member *member, struct sink *sink, struct pkgima_error *error)
{
	const struct pkgima_tar_header *header = &member->header;
	struct archive_entry *entry = archive_entry_new();
	char name[PKGIMA_PATH_MAX + 3];
	int r = 0;

	if (!entry)
		return pkgima_fail(error, -ENOMEM, "no memory to write the control member");
	snprintf(name, sizeof(name), ".%s", member->path[0] ? member->path : "/");
	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, header->type == '5' ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(entry, header->mode);
	archive_entry_set_uid(entry, header->uid);
	archive_entry_set_gid(entry, header->gid);
	archive_entry_set_uname(entry, header->user);
	archive_entry_set_gname(entry, header->group);
	archive_entry_set_mtime(entry, (time_t)header->mtime, 0);
	archive_entry_set_size(entry, (la_int64_t)header->size);
	if (archive_write_header(sink->archive, entry) != ARCHIVE_OK)
		r = fail_sink(sink, error);
	archive_entry_free(entry);
	return r;
}

static int copy_content(struct pkgima_tar *tar, struct sink *sink, struct pkgima_error *error)
{
	const void *data;
	ssize_t n;

	while ((n = pkgima_tar_read(tar, &data, error)) > 0)
		if (archive_write_data(sink->archive, data, (size_t)n) != n)
			return fail_sink(sink, error);
	return (int)n;
}

/* Copies the control archive but for a manifest, and appends @entries as the new one where it is not NULL. */
static int copy_control(const struct pkgima_deb *deb, const struct pkgima_entries *entries, struct sink *sink,
			struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	time_t mtime = 0;
	int r;

	r = pkgima_deb_open_control(deb, &tar, error);
	while (r == 0 && (r = pkgima_deb_next_control(tar, &member, error)) == 1) {
		r = 0;
		if (!strcmp(member.path, "/" PKGIMA_MANIFEST_NAME))
			continue;
		if (!strcmp(member.path, "/control"))
			mtime = (time_t)member.header.mtime;
		r = copy_header(&member, sink, error);
		if (r == 0)
			r = copy_content(tar, sink, error);
	}
	if (r == 0 && entries)
		r = add_manifest(sink, entries, mtime, error);
	return r;
}

/*
 * Format GNU: dpkg refuses PAX headers, and ustar has no long names. Without a time stamp in the gzip header the same
 * input gives the same bytes.
 */
static int write_control(const struct pkgima_deb *deb, const struct pkgima_entries *entries, int fd,
			 uint64_t *ret_size, struct pkgima_error *error)
{
	struct sink sink = { .archive = archive_write_new(), .fd = fd };
	int r;

	if (!sink.archive)
		return pkgima_fail(error, -ENOMEM, "no memory to write the control member");
	if (archive_write_set_format_gnutar(sink.archive) != ARCHIVE_OK ||
	    archive_write_add_filter_gzip(sink.archive) != ARCHIVE_OK ||
	    archive_write_set_options(sink.archive, "gzip:compression-level=" GZIP_LEVEL ",gzip:!timestamp") !=
		    ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(sink.archive, 1) != ARCHIVE_OK ||
	    archive_write_open(sink.archive, &sink, NULL, write_member, NULL) != ARCHIVE_OK)
		r = fail_sink(&sink, error);
	else
		r = copy_control(deb, entries, &sink, error);
	if (r == 0 && archive_write_close(sink.archive) != ARCHIVE_OK)
		r = fail_sink(&sink, error);
	if (r < 0)
		archive_write_fail(sink.archive);
	archive_write_free(sink.archive);
	*ret_size = sink.written;
	return r;
}

static int write_bytes(int fd, const void *bytes, size_t length, struct pkgima_error *error)
{
	int r = pkgima_write_all(fd, bytes, length);

	return r < 0 ? pkgima_fail(error, r, "cannot write: %s", strerror(-r)) : 0;
}

static int write_padding(int fd, uint64_t size, struct pkgima_error *error)
{
	return size & 1 ? write_bytes(fd, "\n", 1, error) : 0;
}

/* The control member is of unknown size until it is written: its header is filled in afterwards. */
int pkgima_deb_write_control(const struct pkgima_deb *deb, const struct pkgima_entries *entries, int fd,
			     struct pkgima_error *error)
{
	char header[PKGIMA_AR_HEADER] = { 0 };
	off_t at = lseek(fd, 0, SEEK_CUR);
	uint64_t size = 0;
	int r;

	if (at < 0)
		return pkgima_fail_errno(error, "cannot write");
	r = write_bytes(fd, header, sizeof(header), error);
	if (r == 0)
		r = write_control(deb, entries, fd, &size, error);
	if (r < 0)
		return r;
	if (pkgima_ar_header(&deb->members[deb->control], "control.tar.gz", size, header) < 0)
		return pkgima_fail(error, -E2BIG, "the control member became too large");
	if (pwrite(fd, header, sizeof(header), at) != sizeof(header))
		return pkgima_fail_errno(error, "cannot write");
	return write_padding(fd, size, error);
}

int pkgima_deb_write(const struct pkgima_deb *deb, const struct pkgima_entries *entries, int fd,
			 struct pkgima_error *error)
{
	int r = write_bytes(fd, PKGIMA_AR_MAGIC, strlen(PKGIMA_AR_MAGIC), error);

	for (size_t i = 0; i < deb->count && r == 0; i++) {
		const struct pkgima_ar_member *member = &deb->members[i];

		if (i == deb->control) {
			r = pkgima_deb_write_control(deb, entries, fd, error);
			continue;
		}
		r = write_bytes(fd, member->header, sizeof(member->header), error);
		if (r == 0)
			r = pkgima_copy_bytes(deb->fd, member->offset, member->size, fd, error);
		if (r == 0)
			r = write_padding(fd, member->size, error);
	}
	return r;
}

int pkgima_deb_strip(const struct pkgima_deb *deb, struct pkgima_output *output, bool *ret_had_manifest,
		     struct pkgima_error *error)
{
	cleanup_control struct pkgima_control control = { 0 };
	int r;

	r = pkgima_deb_read_control(deb, &control, error);
	if (r < 0)
		return r;
	*ret_had_manifest = pkgima_control_find(&control, PKGIMA_MANIFEST_NAME) != NULL;
	return *ret_had_manifest ? pkgima_deb_write(deb, NULL, output->fd, error) : 0;
}
