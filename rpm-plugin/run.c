// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Before the first package of a run: every signature is verified, from what the headers say, and the run refused where it
 * must be. Contents are rpm's to compare with the digests, while it unpacks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <rpm/rpmmacro.h>

#include "../lib/beneath.h"
#include "../lib/check.h"
#include "../lib/cleanup.h"
#include "../lib/escape.h"
#include "../lib/parallel.h"
#include "../lib/rpm_files.h"
#include "../lib/signature.h"
#include "owners.h"
#include "plugin.h"

/* A file whose signature is to be verified. */
struct item {
	struct element *element;
	int file;
};

struct verification {
	const struct session *session;
	struct item *items;
};

static void *begin_thread(void *context)
{
	return pkgima_verifier_new(((struct verification *)context)->session->trust);
}

static void end_thread(void *context, void *state)
{
	(void)context;
	pkgima_verifier_free(state);
}

static int verify_item(void *context, void *state, size_t index, struct pkgima_error *error)
{
	const struct item *item = &((struct verification *)context)->items[index];
	struct pkgima_entry entry;

	(void)error;
	pkgima_rpm_entry(item->element->files, item->file, &entry);
	item->element->verdicts[item->file] =
		(uint8_t)pkgima_verifier_check(state, &entry.ima, entry.hash, entry.digest, NULL);
	return 0;
}

static int fingerprint_file(struct pkgima_hasher *hasher, const struct pkgima_entry *entry, bool has_content)
{
	uint8_t start[2 + sizeof(uint32_t)] = { has_content, (uint8_t)entry->hash };
	uint32_t length = (uint32_t)entry->ima.length;
	int r;

	memcpy(start + 2, &length, sizeof(length));
	r = pkgima_hasher_update(hasher, start, sizeof(start), NULL);
	if (r == 0)
		r = pkgima_hasher_update(hasher, entry->digest, sizeof(entry->digest), NULL);
	return r == 0 && length ? pkgima_hasher_update(hasher, entry->ima.bytes, length, NULL) : r;
}

int run_fingerprint(const struct session *session, const struct element *element,
		    uint8_t ret_digest[PKGIMA_DIGEST_MAX])
{
	int count = element->files ? (int)rpmfilesFC(element->files) : 0;
	int r = pkgima_hasher_begin(session->hasher, PKGIMA_HASH_SHA256, NULL);

	for (int i = 0; r == 0 && i < count; i++) {
		struct pkgima_entry entry;

		pkgima_rpm_entry(element->files, i, &entry);
		r = fingerprint_file(session->hasher, &entry, pkgima_rpm_is_file(element->files, i));
	}
	return r == 0 ? pkgima_hasher_end(session->hasher, ret_digest, NULL) : r;
}

/* What needs no verification: what is no file with content, and files without a signature. The rest goes to @items. */
static void sort_out(struct element *element, struct item *items, size_t *count)
{
	element->signatures = 0;
	for (size_t i = 0; i < element->count; i++) {
		struct pkgima_entry entry;

		pkgima_rpm_entry(element->files, (int)i, &entry);
		if (!pkgima_rpm_is_file(element->files, (int)i)) {
			element->verdicts[i] = PLUGIN_NO_CONTENT;
		} else if (!entry.ima.bytes) {
			element->verdicts[i] = PKGIMA_VERDICT_UNSIGNED;
		} else {
			element->signatures++;
			items[(*count)++] = (struct item){ element, (int)i };
		}
	}
}

int run_verify(const struct session *session, struct element *elements, size_t count, struct pkgima_error *error)
{
	struct verification verification = { .session = session };
	struct pkgima_parallel parallel = {
		.batch = 16,
		.context = &verification,
		.begin = begin_thread,
		.end = end_thread,
		.work = verify_item,
	};
	cleanup_free struct item *items = NULL;
	size_t files = 0;
	int r = 0;

	for (size_t i = 0; i < count; i++)
		files += elements[i].count;
	items = calloc(files + 1, sizeof(*items));
	if (!items)
		return pkgima_fail(error, -ENOMEM, "no memory for a list of files");
	verification.items = items;
	for (size_t i = 0; r == 0 && i < count; i++) {
		sort_out(&elements[i], items, &parallel.count);
		r = run_fingerprint(session, &elements[i], elements[i].fingerprint);
	}
	if (r < 0)
		return pkgima_fail(error, r, "no memory to look at the files of packages");
	/* Threads cost more than they save on a few files. */
	return parallel.count ? pkgima_parallel_run(&parallel, parallel.count < 32 ? 1 : 0, error) : 0;
}

void run_reason(const struct session *session, const struct element *element, int file, struct pkgima_error *reason)
{
	struct pkgima_entry entry;

	pkgima_rpm_entry(element->files, file, &entry);
	if (entry.ima.bytes)
		pkgima_verifier_check(session->verifier, &entry.ima, entry.hash, entry.digest, reason);
	else
		pkgima_fail(reason, 0, "%s", pkgima_rpm_has_digest(element->files, file) ?
			    pkgima_verdict_sentence(PKGIMA_VERDICT_UNSIGNED) : "the header has no digest of it");
}

static bool is_shared_object(const char *path)
{
	const char *name = strrchr(path, '/'), *end = name ? strstr(name, ".so") : NULL;

	return end && (end[3] == '\0' || end[3] == '.');
}

/* rpmbuild gives ELF objects a color. Whether a file without an x bit is a script, only its content says. */
bool run_selects(const struct session *session, const struct element *element, int file,
		 const struct pkgima_entry *entry)
{
	bool is_elf = rpmfilesFColor(element->files, file) != 0 || is_shared_object(entry->path);

	return pkgima_content_is_selected(&session->gate.config, entry, entry->mode,
					  is_elf ? PKGIMA_CONTENT_ELF : PKGIMA_CONTENT_OTHER);
}

static void judge_file(struct session *session, rpmts ts, const struct element *element, int file,
		       const char *path, struct pkgima_tally *tally)
{
	enum pkgima_verdict verdict = element->verdicts[file];
	struct pkgima_signature signature;
	struct pkgima_error reason;
	struct pkgima_entry entry;
	const char *bringer;
	bool unread = false;

	run_reason(session, element, file, &reason);
	pkgima_rpm_entry(element->files, file, &entry);
	if (ts && verdict == PKGIMA_VERDICT_UNKNOWN_KEY &&
	    pkgima_signature_parse(entry.ima.bytes, entry.ima.length, &signature, NULL) == 0 &&
	    (bringer = bringer_find(session, ts, element, signature.key_id, &unread)))
		pkgima_fail(&reason, 0, unread ?
			    "no certificate has the key id %08x; %.200s of the same run brings certificates that could not "
			    "be read: install that one first" :
			    "key id %08x comes with %.200s in the same run: install that one first",
			    signature.key_id, bringer);
	pkgima_tally_add(tally, path, verdict, reason.text);
}

bool run_judge(struct session *session, rpmts ts, const struct element *element)
{
	const char *problem = element->files ? pkgima_rpm_digest_problem(element->files) : NULL;
	struct pkgima_tally tally;
	bool is_unsigned = element->signatures == 0, found = false;

	pkgima_tally_begin(&tally, &session->gate, plugin_say, element->name, PLUGIN_LINES_MAX);
	for (size_t i = 0; i < element->count && !(found && is_unsigned); i++) {
		cleanup_free char *path = NULL;
		struct pkgima_entry entry;

		if (element->verdicts[i] == PLUGIN_NO_CONTENT || element->verdicts[i] == PKGIMA_VERDICT_OK)
			continue;
		path = rpmfilesFN(element->files, (int)i);
		pkgima_rpm_entry(element->files, (int)i, &entry);
		entry.path = path;
		if (!path || !run_selects(session, element, (int)i, &entry))
			continue;
		found = true;
		if (!is_unsigned)
			judge_file(session, ts, element, (int)i, path, &tally);
	}
	/* rpm takes none where their number is not that of the files, or one has an odd number of digits: silently. */
	if (found && is_unsigned)
		pkgima_tally_add(&tally, NULL, PKGIMA_VERDICT_UNSIGNED,
				 problem ? problem : "it has no file signatures, or none that rpm takes");
	return pkgima_tally_end(&tally);
}

/* Both write the same, but rpm's own plugin also what was not found good. */
static void look_for_rpms_plugin(void)
{
	char *file = rpmExpand("%{__plugindir}/ima.so", NULL), *setting = rpmExpand("%{?__transaction_ima}", NULL);

	if (file && setting && *setting && access(file, F_OK) == 0)
		plugin_say(PKGIMA_LEVEL_WARNING, "rpm's own plugin ima is there too, and writes signatures that nobody "
			   "has verified");
	free(file);
	free(setting);
}

static bool judge_all(struct session *session, rpmts ts)
{
	size_t with_signatures = 0, good = 0, refused = 0;
	char line[256];

	for (size_t i = 0; i < session->count; i++) {
		const struct element *element = &session->elements[i];

		refused += run_judge(session, ts, element);
		with_signatures += element->signatures > 0;
		for (size_t k = 0; k < element->count; k++)
			good += element->verdicts[k] == PKGIMA_VERDICT_OK;
	}
	snprintf(line, sizeof(line), "%zu of %zu packages are signed, %zu signatures verified%s", with_signatures,
		 session->count, good, refused ? "" : ", none refused");
	plugin_say(PKGIMA_LEVEL_INFO, line);
	if (with_signatures)
		look_for_rpms_plugin();
	if (!refused)
		return true;
	snprintf(line, sizeof(line), "the run is refused because of %zu package%s; nothing was changed", refused,
		 refused == 1 ? "" : "s");
	plugin_say(PKGIMA_LEVEL_REFUSED, line);
	return false;
}

static int add_element(struct session *session, rpmte te, struct pkgima_error *error)
{
	struct element *element = &session->elements[session->count];

	element->te = te;
	element->name = pkgima_printable(rpmteNEVRA(te) ? rpmteNEVRA(te) : "?");
	element->files = rpmteFiles(te);
	element->count = element->files ? rpmfilesFC(element->files) : 0;
	element->verdicts = malloc(element->count + 1);
	session->count++;
	if (!element->name || !element->verdicts)
		return pkgima_fail(error, -ENOMEM, "no memory for a list of packages");
	return 0;
}

/* What is to be installed; source packages are not, they are unpacked for a build. */
static int collect(struct session *session, rpmts ts, struct pkgima_error *error)
{
	int capacity = rpmtsNElements(ts), r = 0;
	rpmtsi iterator;
	rpmte te;

	session->elements = calloc((size_t)capacity + 1, sizeof(*session->elements));
	if (!session->elements)
		return pkgima_fail(error, -ENOMEM, "no memory for a list of packages");
	iterator = rpmtsiInit(ts);
	while (r == 0 && (te = rpmtsiNext(iterator, TR_ADDED)) && session->count < (size_t)capacity)
		if (!rpmteIsSource(te))
			r = add_element(session, te, error);
	rpmtsiFree(iterator);
	return r;
}

static int load(struct session *session, rpmts ts, int root_fd, struct pkgima_error *error)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	int r;

	if (!trust)
		return pkgima_fail(error, -ENOMEM, "no memory for the trust store");
	r = owners_load_trust(trust, root_fd, ts, error);
	if (r < 0)
		return r;
	session->hasher = pkgima_hasher_new();
	session->verifier = pkgima_verifier_new(trust);
	if (!session->hasher || !session->verifier)
		return pkgima_fail(error, -ENOMEM, "no memory to verify signatures");
	session->trust = pkgima_steal_pointer(&trust);
	return 0;
}

static void release_files(struct session *session)
{
	for (size_t i = 0; i < session->count; i++) {
		rpmfilesFree(session->elements[i].files);
		session->elements[i].files = NULL;
	}
}

/* Our own failure: refused where going on would be the brick, else the run goes on without us. */
static bool fail_run(struct session *session, const struct pkgima_error *error)
{
	struct pkgima_tally tally;
	bool refused;

	pkgima_tally_begin(&tally, &session->gate, plugin_say, "the run", PLUGIN_LINES_MAX);
	pkgima_tally_add_failure(&tally, NULL, error->text);
	refused = pkgima_tally_end(&tally);
	run_free(session);
	return !refused;
}

bool run_begin(struct session *session, rpmts ts)
{
	const char *root = rpmtsRootDir(ts);
	cleanup_close int root_fd = -1;
	struct pkgima_error error;
	bool accepted = true;
	int r;

	/* dnf runs a test first, with the same plugin. */
	run_free(session);
	/* Nothing is installed then. */
	if (rpmtsFlags(ts) & RPMTRANS_FLAG_JUSTDB)
		return true;
	root_fd = pkgima_root_open(root && *root ? root : "/", &error);
	if (root_fd >= 0)
		pkgima_gate_load(&session->gate, root_fd, plugin_problem, NULL);
	/* For what is overridden in a chroot, where there is no /dev/log. */
	if (session->gate.overridden)
		openlog(NULL, LOG_NDELAY, LOG_AUTHPRIV);
	r = root_fd < 0 ? root_fd : collect(session, ts, &error);
	if (r == 0 && !session->count)
		return true;
	session->no_digest = rpmtsFlags(ts) & RPMTRANS_FLAG_NOFILEDIGEST;
	if (r == 0)
		r = load(session, ts, root_fd, &error);
	if (r == 0)
		r = run_verify(session, session->elements, session->count, &error);
	if (r < 0)
		return fail_run(session, &error);
	accepted = judge_all(session, ts);
	bringers_free(session);
	release_files(session);
	return accepted;
}

void run_free(struct session *session)
{
	bringers_free(session);
	release_files(session);
	for (size_t i = 0; i < session->count; i++) {
		free(session->elements[i].name);
		free(session->elements[i].verdicts);
	}
	free(session->elements);
	pkgima_verifier_free(session->verifier);
	pkgima_hasher_free(session->hasher);
	pkgima_trust_free(session->trust);
	*session = (struct session){ .root_fd = -1 };
}
