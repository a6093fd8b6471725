// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Puts signatures on the files of a package while rpm unpacks it, before they get their names. All this may happen in a
 * chroot, without /proc.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <rpm/rpmfi.h>

#include "../lib/beneath.h"
#include "../lib/check.h"
#include "../lib/cleanup.h"
#include "../lib/rpm_files.h"
#include "plugin.h"

/* A file that rpm is about to give its name. */
struct file {
	const char *path;            /* where it is now */
	int index;
	int fd;                      /* as rpm has opened it, or -1; borrowed */
	mode_t mode;
	int action;
	struct pkgima_entry entry;
	int reading;                 /* to read it through, or -1; owned */
};

static struct element *find_element(struct session *session, rpmte te)
{
	for (size_t i = 0; i < session->count; i++)
		if (session->elements[i].te == te)
			return &session->elements[i];
	return NULL;
}

/* @element->files are what rpm has read again. True when the verdicts are about the same. */
static bool is_as_verified(const struct session *session, const struct element *element)
{
	uint8_t now[PKGIMA_DIGEST_MAX];

	return element->count == rpmfilesFC(element->files) && run_fingerprint(session, element, now) == 0 &&
	       !memcmp(now, element->fingerprint, pkgima_hash_size(PKGIMA_HASH_SHA256));
}

static bool verify_again(struct session *session, struct element *element)
{
	struct pkgima_error error;
	struct pkgima_tally tally;
	uint8_t *verdicts;
	int r;

	element->count = rpmfilesFC(element->files);
	verdicts = realloc(element->verdicts, element->count + 1);
	if (verdicts) {
		element->verdicts = verdicts;
		r = run_verify(session, element, 1, &error);
	} else {
		element->count = 0;
		r = pkgima_fail(&error, -ENOMEM, "no memory for a list of files");
	}
	if (r == 0)
		return !run_judge(session, NULL, element);
	pkgima_tally_begin(&tally, &session->gate, plugin_say, element->name, PLUGIN_LINES_MAX);
	pkgima_tally_add_failure(&tally, NULL, error.text);
	memset(element->verdicts, PLUGIN_NO_CONTENT, element->count);
	return !pkgima_tally_end(&tally);
}

bool place_begin(struct session *session, rpmte te)
{
	struct element *element = session->trust ? find_element(session, te) : NULL;

	place_end(session);
	if (!element || rpmteType(te) != TR_ADDED)
		return true;
	element->files = rpmteFiles(te);
	/* rpm has let them go: a script that runs after all packages. */
	if (!rpmfilesFC(element->files)) {
		element->files = rpmfilesFree(element->files);
		return true;
	}
	session->current = element;
	pkgima_tally_begin(&session->tally, &session->gate, plugin_say, element->name, PLUGIN_LINES_MAX);
	session->root_fd = pkgima_root_open("/", NULL);
	return is_as_verified(session, element) || verify_again(session, element);
}

void place_end(struct session *session)
{
	if (!session->current)
		return;
	pkgima_tally_end(&session->tally);
	rpmfilesFree(session->current->files);
	session->current->files = NULL;
	session->current = NULL;
	pkgima_close_cleanup(&session->root_fd);
}

/* Returns whether the package may go on. */
static bool may_go_on(const struct session *session)
{
	return session->tally.answer != PKGIMA_ANSWER_REFUSE || session->gate.overridden;
}

static bool fail(struct session *session, const struct file *file, const char *reason)
{
	session->counts.bad++;
	pkgima_tally_add_failure(&session->tally, file->entry.path, reason);
	return may_go_on(session);
}

static bool complain(struct session *session, const struct file *file, enum pkgima_verdict verdict, const char *reason)
{
	session->counts.bad++;
	pkgima_tally_add(&session->tally, file->entry.path, verdict, reason);
	return may_go_on(session);
}

/* A descriptor to read the file through, which is the one that rpm means. */
static int open_reading(const struct session *session, struct file *file)
{
	struct stat st, rpms;
	int fd;

	if (file->reading >= 0)
		return 0;
	fd = pkgima_beneath_open_file(session->root_fd, file->path, &st);
	if (fd < 0)
		return fd;
	if (file->fd >= 0 && (fstat(file->fd, &rpms) < 0 || st.st_dev != rpms.st_dev || st.st_ino != rpms.st_ino)) {
		close(fd);
		return -ESTALE;
	}
	file->reading = fd;
	return 0;
}

static bool is_selected(const struct session *session, struct file *file)
{
	const struct pkgima_config *config = &session->gate.config;

	if (pkgima_content_is_selected(config, &file->entry, file->mode, PKGIMA_CONTENT_OTHER))
		return true;
	/* A kernel may let nobody read it yet. */
	if (open_reading(session, file) < 0)
		return run_selects(session, session->current, file->index, &file->entry);
	return pkgima_content_is_selected(config, &file->entry, file->mode, pkgima_content_of(file->reading));
}

/*
 * A policy with FILE_CHECK rules lets nobody open a file for reading before it has its signature, us included. So it gets
 * the one that was verified; the kernel then compares it with the content, and so does the caller.
 */
static int sign_unread(const struct session *session, struct file *file)
{
	cleanup_close int opened = -1;
	enum pkgima_verdict verdict;
	int fd = file->fd, r;

	if (fd < 0) {
		opened = pkgima_beneath_open_for_writing(session->root_fd, file->path, NULL);
		fd = opened;
	}
	if (fd < 0 || pkgima_file_set_value(fd, &file->entry.ima, &verdict, NULL) < 0 || verdict != PKGIMA_VERDICT_OK)
		return -EACCES;
	r = open_reading(session, file);
	if (r < 0)
		fremovexattr(fd, PKGIMA_XATTR_IMA);
	return r;
}

/* Is the content what was signed? -errno with @reason when it cannot be read. */
static int compare_content(struct session *session, struct file *file, bool *ret_same, struct pkgima_error *reason)
{
	uint8_t digest[PKGIMA_DIGEST_MAX];
	bool was_signed = false;
	int r = open_reading(session, file);

	if (r == -EACCES) {
		r = sign_unread(session, file);
		was_signed = r == 0;
	}
	if (r < 0)
		return pkgima_fail(reason, r, "cannot read it: %s", strerror(-r));
	r = pkgima_hasher_file(session->hasher, file->entry.hash, file->reading, digest, reason);
	*ret_same = r == 0 && !memcmp(digest, file->entry.digest, pkgima_hash_size(file->entry.hash));
	if (was_signed && !*ret_same)
		fremovexattr(file->reading, PKGIMA_XATTR_IMA);
	return r;
}

static bool write_signature(struct session *session, struct file *file)
{
	enum pkgima_verdict verdict;
	struct pkgima_error reason;

	if (pkgima_file_set_value(file->fd >= 0 ? file->fd : file->reading, &file->entry.ima, &verdict, &reason) < 0)
		return fail(session, file, reason.text);
	if (verdict == PKGIMA_VERDICT_OK) {
		session->counts.applied++;
		return true;
	}
	if (pkgima_gate_ask(&session->gate, verdict) == PKGIMA_ANSWER_REFUSE)
		return complain(session, file, verdict, reason.text);
	/* Said once, with a number, at the end: it concerns all files of a file system. */
	session->counts.unsupported++;
	return true;
}

static bool place_good(struct session *session, struct file *file)
{
	/* rpm has just written it, and compared what it wrote with the digest. */
	bool compared = file->fd >= 0 && XFA_CREATING(file->action) && !session->no_digest;
	struct pkgima_error reason;
	bool same = false;

	if (!is_selected(session, file)) {
		session->counts.left_out++;
		return true;
	}
	if (compared)
		return write_signature(session, file);
	if (file->action == FA_TOUCH && open_reading(session, file) == 0 &&
	    pkgima_file_has_value(file->reading, &file->entry.ima)) {
		session->counts.unchanged++;
		return true;
	}
	if (compare_content(session, file, &same, &reason) < 0)
		return fail(session, file, reason.text);
	if (!same)
		return complain(session, file, PKGIMA_VERDICT_DIGEST_MISMATCH, "the content is not what was signed");
	return write_signature(session, file);
}

/* What the header told was said before the run; what only the content tells is said now. */
static bool place_bad(struct session *session, struct file *file, enum pkgima_verdict verdict)
{
	struct pkgima_error reason;

	if (pkgima_gate_ask(&session->gate, verdict) == PKGIMA_ANSWER_PASS)
		return true;
	if (run_selects(session, session->current, file->index, &file->entry)) {
		session->counts.bad++;
		return true;
	}
	if (!is_selected(session, file))
		return true;
	run_reason(session, session->current, file->index, &reason);
	return complain(session, file, verdict, reason.text);
}

/* Does rpm speak of the file that the verdict is about? */
static bool is_same(const struct pkgima_entry *entry, rpmfi fi)
{
	const unsigned char *signature, *digest;
	size_t length = 0, digest_length = 0;

	signature = rpmfiFSignature(fi, &length);
	digest = rpmfiFDigest(fi, NULL, &digest_length);
	return signature && digest && length == entry->ima.length && !memcmp(signature, entry->ima.bytes, length) &&
	       digest_length == pkgima_hash_size(entry->hash) && !memcmp(digest, entry->digest, digest_length);
}

bool place_file(struct session *session, rpmfi fi, int fd, const char *path, mode_t mode, int action)
{
	struct file file = { .path = path, .fd = fd, .mode = mode, .action = action, .reading = -1 };
	const struct element *element = session->current;
	uint8_t verdict;
	bool accepted;

	if (!element || !S_ISREG(mode) || (!XFA_CREATING(action) && action != FA_TOUCH))
		return true;
	file.index = rpmfiFX(fi);
	if (file.index < 0 || (size_t)file.index >= element->count)
		return true;
	verdict = element->verdicts[file.index];
	if (verdict == PLUGIN_NO_CONTENT)
		return true;
	pkgima_rpm_entry(element->files, file.index, &file.entry);
	file.entry.path = rpmfiFN(fi);
	if (verdict != PKGIMA_VERDICT_OK)
		accepted = place_bad(session, &file, verdict);
	else if (!is_same(&file.entry, fi))
		accepted = fail(session, &file, "rpm names another file than it did before");
	else
		accepted = place_good(session, &file);
	pkgima_close_cleanup(&file.reading);
	return accepted;
}
