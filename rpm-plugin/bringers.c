// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which package of a run brings a certificate that others of the run are signed with. A header has the certificate's
 * digest, not its key id: so the package itself is read. Where it is, only the program that uses librpm knows; it is asked
 * to open it, as rpm asks when it installs.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmtag.h>

#include "../lib/certificate.h"
#include "../lib/cleanup.h"
#include "../lib/rpm_payload.h"
#include "plugin.h"

#define KEYS_MAX 16   /* certificates in one package */

struct bringer {
	const struct element *element;
	uint32_t keys[KEYS_MAX];
	size_t count;
	bool unread;
};

static bool is_key(const char *path)
{
	size_t folder = strlen(PKGIMA_TRUST_FOLDER), length = strlen(path);

	return !strncmp(path, PKGIMA_TRUST_FOLDER "/", folder + 1) && length > 4 && !strcmp(path + length - 4, ".der") &&
	       !strchr(path + folder + 1, '/');
}

static bool brings_keys(const struct element *element)
{
	for (size_t i = 0; i < element->count; i++) {
		cleanup_free char *path = NULL;
		const char *folder = rpmfilesDN(element->files, rpmfilesDI(element->files, (int)i));

		if (!folder || strcmp(folder, PKGIMA_TRUST_FOLDER "/") != 0 ||
		    element->verdicts[i] == PLUGIN_NO_CONTENT)
			continue;
		path = rpmfilesFN(element->files, (int)i);
		if (path && is_key(path))
			return true;
	}
	return false;
}

/* What is no certificate is passed over: the trust store will say so. */
static void read_key(struct bringer *bringer, struct pkgima_rpm_payload *payload)
{
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	cleanup_free uint8_t *content = malloc(PKGIMA_CERTIFICATE_MAX + 1);
	size_t used = 0;
	ssize_t n = 0;

	while (content && used <= PKGIMA_CERTIFICATE_MAX &&
	       (n = pkgima_rpm_payload_read(payload, content + used, PKGIMA_CERTIFICATE_MAX + 1 - used, NULL)) > 0)
		used += (size_t)n;
	if (content && n == 0 && pkgima_certificate_parse(content, used, "", &certificate, NULL) == 0 &&
	    certificate->has_skid)
		bringer->keys[bringer->count++] = certificate->key_id;
}

/* All of a content has to be read before what is next. */
static int skip(struct pkgima_rpm_payload *payload)
{
	char buffer[16384];
	ssize_t n;

	while ((n = pkgima_rpm_payload_read(payload, buffer, sizeof(buffer), NULL)) > 0)
		;
	return (int)n;
}

/* By our own reader: librpm's writes past its memory where an archive lies, and rpm has not even said yes to it. */
static bool read_payload(struct bringer *bringer, FD_t fd, Header header)
{
	rpmfiles files = rpmfilesNew(NULL, header, RPMTAG_BASENAMES, RPMFI_FLAGS_QUERY | RPMFI_NOFILESTATES);
	struct pkgima_rpm_payload payload;
	FD_t archive = NULL;
	int file, r = -1;

	if (files && pkgima_rpm_payload_open(Fileno(fd), lseek(Fileno(fd), 0, SEEK_CUR), header, &archive, NULL) == 0)
		r = pkgima_rpm_payload_begin(&payload, archive, files, NULL);
	if (r == 0) {
		while (bringer->count < KEYS_MAX && (r = pkgima_rpm_payload_next(&payload, &file, NULL)) > 0) {
			cleanup_free char *path = rpmfilesFN(files, file);

			if (path && is_key(path))
				read_key(bringer, &payload);
			r = skip(&payload);
			if (r < 0)
				break;
		}
		pkgima_rpm_payload_end(&payload);
	}
	if (archive)
		Fclose(archive);
	rpmfilesFree(files);
	return r == 0;
}

static bool read_package(struct bringer *bringer, rpmts ts)
{
	rpmte te = bringer->element->te;
	FD_t fd = rpmtsNotify(ts, te, RPMCALLBACK_INST_OPEN_FILE, 0, 0);
	Header header = NULL;
	rpmVSFlags before;
	bool ok = false;
	rpmRC rc;

	if (!fd)
		return false;
	/* rpm has verified it when it was added, and will again. */
	before = rpmtsSetVSFlags(ts, rpmtsVSFlags(ts) | RPMVSF_MASK_NOSIGNATURES | RPMVSF_MASK_NODIGESTS);
	rc = rpmReadPackageFile(ts, fd, NULL, &header);
	rpmtsSetVSFlags(ts, before);
	if (header && rc != RPMRC_FAIL && rc != RPMRC_NOTFOUND)
		ok = read_payload(bringer, fd, header);
	headerFree(header);
	rpmtsNotify(ts, te, RPMCALLBACK_INST_CLOSE_FILE, 0, 0);
	return ok;
}

static void find_bringers(struct session *session, rpmts ts)
{
	session->has_bringers = true;
	session->bringers = calloc(session->count + 1, sizeof(*session->bringers));
	for (size_t i = 0; session->bringers && i < session->count; i++) {
		struct bringer *bringer = &session->bringers[session->bringer_count];

		if (!brings_keys(&session->elements[i]))
			continue;
		bringer->element = &session->elements[i];
		bringer->unread = !read_package(bringer, ts);
		session->bringer_count++;
	}
}

const char *bringer_find(struct session *session, rpmts ts, const struct element *user, uint32_t key_id,
			 bool *ret_unread)
{
	const struct bringer *unread = NULL;

	if (!session->has_bringers)
		find_bringers(session, ts);
	for (size_t i = 0; i < session->bringer_count; i++) {
		const struct bringer *bringer = &session->bringers[i];

		if (bringer->element == user)
			continue;
		for (size_t k = 0; k < bringer->count; k++)
			if (bringer->keys[k] == key_id)
				return bringer->element->name;
		if (bringer->unread)
			unread = bringer;
	}
	*ret_unread = unread != NULL;
	return unread ? unread->element->name : NULL;
}

void bringers_free(struct session *session)
{
	free(session->bringers);
	session->bringers = NULL;
	session->bringer_count = 0;
	session->has_bringers = false;
}
