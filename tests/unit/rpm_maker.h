/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_TESTS_RPM_MAKER_H
#define PKGIMA_TESTS_RPM_MAKER_H

#include "support.h"

/* One file, where it matters what it is. */
struct rpm_maker_file {
	const char *content;
	uint16_t mode;           /* 0: a regular file */
	uint32_t flags, inode;   /* RPMFILE_…; 0: an inode of its own */
	uint64_t size;           /* 0: that of the content */
};

/* Makes .rpm files through librpm, also such as rpmbuild does not make. */
struct rpm_maker {
	size_t files;            /* /usr/lib/many/0 …; each a regular file with a digest of its own */
	int digest_algorithm;    /* RPM_HASH_…; 0: SHA-256 */
	unsigned int reserved;   /* bytes of reserved space */
	unsigned int format;     /* RPMTAG_RPMFORMAT; 0: no such tag */
	bool source;
	bool no_region;          /* a header as of format 3 */
	bool no_digests;         /* nothing protects the header */
	bool no_file_digest;     /* of the last file */
	bool states;             /* FILESTATES, which only the rpmdb has: not installed */
	bool one_mode;           /* FILEMODES for one file */
	bool verity;             /* a signature for fs-verity of 3 MiB for the first file, none for the others */
	bool main_signatures;    /* in the header, not the signature header */
	const char *directory;   /* instead of /usr/lib/many/ */
	const char *payload_format; /* instead of cpio */
	const char *compressor;  /* instead of gzip, which takes what is not compressed as it is */
	const struct rpm_maker_file *list; /* one for each file, or NULL */
	const struct support_bytes *payload; /* NULL: none */
	/* File signatures, as a signing tool would put them; count 0: none. And FILESIGNATURELENGTH; 0: none. */
	const char **signatures;
	size_t signature_count;
	uint32_t signature_length;
};

void rpm_maker_write(const struct rpm_maker *maker, const char *path);

/* The digest that file @index has, hexadecimal, of any algorithm: @size bytes, 2 * size + 1 characters. */
void rpm_maker_digest(size_t index, size_t size, char *hex);

#endif
