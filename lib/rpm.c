// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rpm/header.h>
#include <rpm/rpmcrypto.h>
#include <rpm/rpmio.h>
#include <rpm/rpmkeyring.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmts.h>

#include "io.h"
#include "rpm_files.h"
#include "rpm_log.h"

/* rpm/rpmtag.h of rpm 4.20 and later: RPMTAG_RPMFORMAT, missing in packages up to format 4. */
#define TAG_RPMFORMAT 5114
/* What this code knows. */
#define FORMAT_MAX 4

/* RPMFI_NOVERITYSIGNATURES of rpm 4.17 and later: for those, librpm takes memory for the longest as often as there are files. */
#define NO_VERITY_SIGNATURES (1 << 19)

/* lib/rpmlead.c: magic, major version, …, signature type 5 (a header). */
static const uint8_t lead_magic[] = { 0xed, 0xab, 0xee, 0xdb };
#define LEAD_TYPE_OFFSET 78
#define LEAD_TYPE_HEADER 5
/* lib/header.c: rpm_header_magic */
static const uint8_t header_magic[] = { 0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0 };

bool pkgima_rpm_probe(int fd)
{
	uint8_t bytes[sizeof(lead_magic)];

	return pkgima_pread_all(fd, bytes, sizeof(bytes), 0) == sizeof(bytes) &&
	       !memcmp(bytes, lead_magic, sizeof(lead_magic));
}

/*
 * Where the header at @offset ends, by its counts of entries (16 bytes each) and of bytes of data: that it is no more than
 * the file has, before librpm takes memory for it. 0: it is.
 */
static uint64_t header_end(const struct pkgima_rpm *rpm, uint64_t offset)
{
	uint8_t intro[PKGIMA_RPM_INTRO];
	uint32_t counts[2];
	uint64_t end;

	if (pkgima_pread_all(rpm->fd, intro, sizeof(intro), (off_t)offset) != sizeof(intro) ||
	    memcmp(intro, header_magic, sizeof(header_magic)) != 0)
		return 0;
	memcpy(counts, intro + sizeof(header_magic), sizeof(counts));
	end = offset + sizeof(intro) + (uint64_t)be32toh(counts[0]) * 16 + be32toh(counts[1]);
	return end <= (uint64_t)rpm->size ? end : 0;
}

/* What stands before the header, and how long that is. librpm checks the rest of it. */
static int check_start(struct pkgima_rpm *rpm, struct pkgima_error *error)
{
	uint8_t lead[PKGIMA_RPM_LEAD];
	uint64_t end;

	if (pkgima_pread_all(rpm->fd, lead, sizeof(lead), 0) != sizeof(lead))
		return pkgima_fail(error, -EINVAL, "it is too short for an .rpm");
	if (memcmp(lead, lead_magic, sizeof(lead_magic)) != 0)
		return pkgima_fail(error, -EINVAL, "it is no .rpm");
	if (lead[LEAD_TYPE_OFFSET] != 0 || lead[LEAD_TYPE_OFFSET + 1] != LEAD_TYPE_HEADER)
		return pkgima_fail(error, -EINVAL, "it has no signature header, as packages of rpm before version 3");
	end = header_end(rpm, PKGIMA_RPM_LEAD);
	if (!end)
		return pkgima_fail(error, -EINVAL, "its signature header is malformed, or cut off");
	/* Padded to a multiple of 8, counted from its own begin: the lead is one too. */
	rpm->header_start = (off_t)((end + 7) / 8 * 8);
	if (!header_end(rpm, (uint64_t)rpm->header_start))
		return pkgima_fail(error, -EINVAL, "its header is malformed, or cut off");
	return 0;
}

/* librpm's view of the package: what it would not read is refused. */
static int read_headers(struct pkgima_rpm *rpm, struct pkgima_error *error)
{
	rpmKeyring keyring = rpmKeyringNew();
	rpmts ts = rpmtsCreate();
	FD_t fd = fdDup(rpm->fd);
	struct pkgima_rpm_log log;
	rpmRC rc = RPMRC_FAIL;
	Header header = NULL;

	pkgima_rpm_log_begin(&log);
	if (keyring && ts && fd && lseek(Fileno(fd), 0, SEEK_SET) == 0) {
		/* An empty keyring: else it would be read from the rpmdb. */
		rpmtsSetKeyring(ts, keyring);
		rpmtsSetVSFlags(ts, RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NOPAYLOAD);
		rc = rpmReadPackageFile(ts, fd, "package", &header);
		rpm->payload_start = lseek(Fileno(fd), 0, SEEK_CUR);
	}
	pkgima_rpm_log_end();
	if (fd)
		Fclose(fd);
	rpmtsFree(ts);
	rpmKeyringFree(keyring);
	rpm->header = header;
	/* NOTTRUSTED and NOKEY are about OpenPGP signatures. */
	if (!header || rc == RPMRC_FAIL || rc == RPMRC_NOTFOUND)
		return pkgima_rpm_fail(&log, error, -EINVAL, "librpm cannot read its headers");
	return 0;
}

/* Without states: those are the rpmdb's, and say nothing of what rpm will install. */
static int read_files(struct pkgima_rpm *rpm, struct pkgima_error *error)
{
	struct pkgima_rpm_log log;

	pkgima_rpm_log_begin(&log);
	rpm->files = rpmfilesNew(NULL, rpm->header, RPMTAG_BASENAMES,
				 RPMFI_FLAGS_QUERY | RPMFI_NOFILESTATES | NO_VERITY_SIGNATURES);
	pkgima_rpm_log_end();
	return rpm->files ? 0 : pkgima_rpm_fail(&log, error, -EINVAL, "its list of files is malformed");
}

static int check_format(const struct pkgima_rpm *rpm, struct pkgima_error *error)
{
	uint64_t format = headerGetNumber(rpm->header, TAG_RPMFORMAT);

	if (format > FORMAT_MAX)
		return pkgima_fail(error, -EOPNOTSUPP, "rpm format %llu is not handled, only up to %d",
				   (unsigned long long)format, FORMAT_MAX);
	if (!headerIsEntry(rpm->header, RPMTAG_HEADERIMMUTABLE))
		return pkgima_fail(error, -EOPNOTSUPP, "rpm format 3 is not handled: its header has no immutable region");
	if (headerIsSource(rpm->header))
		return pkgima_fail(error, -EOPNOTSUPP, "it is a source package, of which no file is installed");
	return 0;
}

int pkgima_rpm_open(const char *path, struct pkgima_rpm **ret_rpm, struct pkgima_error *error)
{
	cleanup_rpm struct pkgima_rpm *rpm = calloc(1, sizeof(*rpm));
	struct stat st;
	int r;

	if (!rpm)
		return pkgima_fail(error, -ENOMEM, "no memory to read a package");
	rpm->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (rpm->fd < 0 || fstat(rpm->fd, &st) < 0)
		return pkgima_fail_errno(error, "cannot open it");
	if (!S_ISREG(st.st_mode))
		return pkgima_fail(error, -EINVAL, "it is no regular file");
	rpm->size = st.st_size;
	/* Else its first use, by whichever thread, would. */
	rpmInitCrypto();
	r = check_start(rpm, error);
	if (r == 0)
		r = read_headers(rpm, error);
	if (r == 0)
		r = check_format(rpm, error);
	if (r == 0)
		r = read_files(rpm, error);
	if (r == 0)
		r = pkgima_rpm_check_signatures(rpm->header, rpm->files, &rpm->is_signed, error);
	if (r < 0)
		return r;
	*ret_rpm = pkgima_steal_pointer(&rpm);
	return 0;
}

void pkgima_rpm_free(struct pkgima_rpm *rpm)
{
	if (!rpm)
		return;
	rpmfilesFree(rpm->files);
	headerFree(rpm->header);
	pkgima_close_cleanup(&rpm->fd);
	free(rpm);
}

const char *pkgima_rpm_string(const struct pkgima_rpm *rpm, int tag)
{
	const char *text = headerGetString(rpm->header, tag);

	return text ? text : "";
}

char *pkgima_rpm_version(const struct pkgima_rpm *rpm)
{
	return headerGetAsString(rpm->header, RPMTAG_EVR);
}

uint32_t pkgima_rpm_wrong_length(const struct pkgima_rpm *rpm, uint32_t *ret_longest)
{
	uint64_t claimed = headerGetNumber(rpm->header, RPMTAG_FILESIGNATURELENGTH);
	uint32_t longest = 0;

	for (int i = 0; i < (int)rpmfilesFC(rpm->files); i++) {
		size_t length = 0;

		rpmfilesFSignature(rpm->files, i, &length);
		if (length > longest)
			longest = (uint32_t)length;
	}
	*ret_longest = longest;
	if (!rpm->is_signed || !headerIsEntry(rpm->header, RPMTAG_FILESIGNATURELENGTH))
		return 0;
	return claimed == longest ? 0 : (uint32_t)claimed;
}
