// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "../lib/check.h"
#include "../lib/signature.h"
#include "audit_log.h"

struct session {
	const struct audit *audit;
	const struct pkgima_trust *trust;
	struct pkgima_checker *checker;
	struct audit_log_finding *findings;
	struct pkgima_file_set files;  /* of the findings; path: the number of the first */
	bool lost;
};

/* What is known of a file when it is judged. */
struct view {
	const char *package, *path;    /* package NULL: none */
	const struct pkgima_entry *entry; /* NULL, or without a signature: what the file carries counts */
	struct pkgima_value value;     /* of its security.ima */
};

static void decide(struct audit_log_finding *finding, enum pkgima_verdict verdict, const char *reason)
{
	finding->decided = true;
	finding->verdict = verdict;
	snprintf(finding->reason, sizeof(finding->reason), "%s", reason);
}

/* A mere hash is none. */
static bool is_signature(const struct pkgima_value *value)
{
	return value->bytes && value->length && value->bytes[0] != PKGIMA_XATTR_DIGEST &&
	       value->bytes[0] != PKGIMA_XATTR_DIGEST_NG;
}

static bool has_signature(const struct view *view)
{
	return view->entry && view->entry->ima.bytes;
}

static bool carries(const struct view *view)
{
	return view->value.bytes && view->value.length == view->entry->ima.length &&
	       !memcmp(view->value.bytes, view->entry->ima.bytes, view->value.length);
}

/* The digest that was recorded, against what the package says of the file, or else what the file carries. */
static void judge_used(struct session *session, struct audit_log_finding *finding, const struct view *view)
{
	const struct pkgima_audit_item *item = finding->item;
	struct pkgima_verifier *verifier = session->checker->verifier;
	struct pkgima_error reason = { "" };
	enum pkgima_verdict verdict;

	if (!item->has_digest || (has_signature(view) && view->entry->hash != item->hash)) {
		cleanup_free char *name = cli_printable(item->hash_name);

		snprintf(finding->reason, sizeof(finding->reason), "what was used is recorded by its %.40s digest, and %s", name,
			 item->has_digest ? "the package has another" : "nothing here is signed by that");
		return;
	}
	if (has_signature(view) &&
	    memcmp(item->digest, view->entry->digest, pkgima_hash_size(item->hash)) != 0) {
		decide(finding, PKGIMA_VERDICT_DIGEST_MISMATCH, "what was used is not what the package has");
		return;
	}
	verdict = is_signature(&view->value) ?
		  pkgima_verifier_check(verifier, &view->value, item->hash, item->digest, &reason) : PKGIMA_VERDICT_UNSIGNED;
	if (verdict != PKGIMA_VERDICT_OK && has_signature(view)) {
		verdict = pkgima_verifier_check(verifier, &view->entry->ima, item->hash, item->digest, &reason);
		if (verdict == PKGIMA_VERDICT_OK && !carries(view)) {
			decide(finding, PKGIMA_VERDICT_NOT_APPLIED, "what was used has a signature that the file does not carry");
			return;
		}
	}
	if (verdict == PKGIMA_VERDICT_OK)
		decide(finding, verdict, "a trusted key has signed what was used");
	else
		decide(finding, verdict, verdict == PKGIMA_VERDICT_UNSIGNED ? "nobody has signed what was used" : reason.text);
}

/* The file as it is now: what the kernel found is in the record. */
static void judge_denied(struct session *session, struct audit_log_finding *finding, const struct view *view)
{
	cleanup_close int fd = pkgima_beneath_open_followed(session->audit->root_fd, view->path, NULL);
	struct pkgima_error reason = { "" };
	enum pkgima_verdict verdict;
	int r = fd;

	if (fd >= 0)
		r = has_signature(view) ? pkgima_checker_run(session->checker, view->entry, fd, &verdict, &reason) :
					  pkgima_checker_run_alone(session->checker, fd, &verdict, &reason);
	if (r < 0) {
		snprintf(finding->reason, sizeof(finding->reason), "it cannot be read: %s", strerror(-r));
		return;
	}
	if (verdict == PKGIMA_VERDICT_OK && has_signature(view) && !carries(view)) {
		pkgima_file_tell_value(fd, &verdict, &reason);
		decide(finding, PKGIMA_VERDICT_NOT_APPLIED, reason.text);
		return;
	}
	decide(finding, verdict, verdict == PKGIMA_VERDICT_OK ? "it is as it should be now" : reason.text);
}

static void judge(struct session *session, struct audit_log_finding *finding, const struct view *view)
{
	/* Of several packages, or names, that have it, one for which all is well settles it. */
	if (finding->judged && (!finding->decided || finding->verdict == PKGIMA_VERDICT_OK))
		return;
	finding->judged = true;
	finding->decided = false;
	free(finding->package);
	finding->package = view->package ? strdup(view->package) : NULL;
	session->lost = session->lost || (view->package && !finding->package);
	if (finding->item->type == PKGIMA_AUDIT_RULE)
		judge_used(session, finding, view);
	else
		judge_denied(session, finding, view);
}

static void judge_all(struct session *session, size_t first, const struct view *view)
{
	for (size_t i = first; i != SIZE_MAX; i = session->findings[i].next)
		judge(session, &session->findings[i], view);
}

static void look_at(void *context, const struct pkgima_look *look)
{
	struct session *session = context;
	const struct pkgima_file_item *item = pkgima_file_set_find(&session->files, look->stat);
	struct view view = { .package = look->package->name, .path = look->path, .entry = look->entry, .value = look->value };

	if (item)
		judge_all(session, strtoul(item->path, NULL, 10), &view);
}

static bool is_wanted(void *context, const struct stat *st)
{
	return pkgima_file_set_find(&((struct session *)context)->files, st) != NULL;
}

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;

	if (finding->failed && !finding->path)
		cli_message(session->audit->command, "%s: %s", finding->package, finding->reason);
}

/* A file of no package: by what it carries. */
static void judge_loose(struct session *session, size_t index)
{
	struct audit_log_finding *finding = &session->findings[index];
	cleanup_close int fd = pkgima_beneath_open_followed(session->audit->root_fd, finding->item->name, NULL);
	uint8_t buffer[PKGIMA_SIGNATURE_MAX];
	struct view view = { .path = finding->item->name };
	int r = fd < 0 ? fd : pkgima_file_value(fd, buffer, &view.value);

	if (r == -EOPNOTSUPP)
		decide(finding, PKGIMA_VERDICT_UNSUPPORTED_FS, pkgima_verdict_sentence(PKGIMA_VERDICT_UNSUPPORTED_FS));
	else if (r < 0)
		snprintf(finding->reason, sizeof(finding->reason), "it cannot be read: %s", strerror(-r));
	else
		judge(session, finding, &view);
}

/* Which of the files are still there, by their identity: a package may have them under another name. */
static void find_files(struct session *session, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct audit_log_finding *finding = &session->findings[i];
		const struct pkgima_file_item *item;
		char number[24];
		struct stat st;
		int r;

		finding->next = SIZE_MAX;
		if (finding->item->name[0] != '/' ||
		    pkgima_beneath_stat(session->audit->root_fd, finding->item->name, true, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		finding->is_there = true;
		snprintf(number, sizeof(number), "%zu", i);
		r = pkgima_file_set_add(&session->files, &st, number);
		if (r == -EEXIST) {
			item = pkgima_file_set_find(&session->files, &st);
			finding->next = session->findings[strtoul(item->path, NULL, 10)].next;
			session->findings[strtoul(item->path, NULL, 10)].next = i;
		}
		session->lost = session->lost || r == -ENOMEM;
	}
}

static int ask_managers(struct session *session)
{
	struct pkgima_apply job = {
		.task = PKGIMA_TASK_LOOK,
		.root_fd = session->audit->root_fd,
		.config = &session->audit->config,
		.report = report,
		.is_wanted = is_wanted,
		.look = look_at,
		.context = session,
	};
	cleanup_managers struct cli_managers managers = { 0 };
	struct pkgima_apply_counts counts;
	struct pkgima_error error;
	int status = cli_managers_open(session->audit->command, session->audit->root_fd, true, &managers);

	for (size_t i = 0; i < CLI_SOURCES; i++) {
		job.manager = managers.sources[i].manager;
		job.database = managers.sources[i].database;
		if (!job.database)
			continue;
		if (pkgima_audit_packages(&job, managers.sources[i].packages, managers.sources[i].count, NULL, &counts,
					  &error) == 0)
			continue;
		cli_message(session->audit->command, "%s", error.text);
		status = CLI_FAILED;
	}
	return status;
}

int audit_log_judge(const struct audit *audit, const struct pkgima_trust *trust, struct audit_log_finding *findings,
		    size_t count)
{
	struct session session = { .audit = audit, .trust = trust, .findings = findings };
	int status = CLI_OK;

	session.checker = pkgima_checker_new(trust);
	if (!session.checker) {
		cli_message(audit->command, "no memory to verify signatures");
		return CLI_FAILED;
	}
	find_files(&session, count);
	if (session.files.count)
		status = ask_managers(&session);
	for (size_t i = 0; i < count; i++) {
		if (findings[i].is_there && !findings[i].judged)
			judge_loose(&session, i);
		else if (!findings[i].is_there && findings[i].item->name[0])
			decide(&findings[i], PKGIMA_VERDICT_MISSING_FILE, "it is no longer there");
	}
	if (session.lost) {
		cli_message(audit->command, "no memory for all files");
		status = CLI_FAILED;
	}
	pkgima_file_set_free(&session.files);
	pkgima_checker_free(session.checker);
	return status;
}
