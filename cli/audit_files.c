// SPDX-License-Identifier: LGPL-2.1-or-later
#include <stdlib.h>
#include <string.h>

#include "../lib/apply.h"
#include "../lib/list.h"
#include "audit.h"

/* As it is kept until a document is printed: there may be as many as files. */
struct finding {
	const char *package;           /* the sources' */
	char *path, *reason;           /* owned; no path: the whole package */
	enum pkgima_verdict verdict;
	bool failed;
};

struct session {
	struct audit *audit;
	struct cli_progress progress;
	struct audit_sources sources;
	struct pkgima_sums sums;
	size_t packages, unsigned_packages;
	struct json_object *list;      /* NULL: text is printed */
	struct finding *findings;      /* for the document; owned */
	size_t finding_count, finding_capacity;
	bool lost;                     /* there was no memory for one */
	int status;                    /* the highest so far */
};

static void worsen(struct session *session, int status)
{
	session->status = status > session->status ? status : session->status;
}

static struct json_object *json_number(size_t number)
{
	return json_object_new_int64((int64_t)number);
}

/* Those of an unsigned package are told by its sum. */
static bool is_shown(const struct session *session, const struct pkgima_finding *finding)
{
	return finding->failed || finding->verdict != PKGIMA_VERDICT_UNSIGNED || finding->package_is_signed ||
	       !*finding->package || session->sources.limited;
}

static void keep(struct session *session, const struct pkgima_finding *finding)
{
	struct finding *kept, *list;

	list = pkgima_list_room(session->findings, session->finding_count, &session->finding_capacity, sizeof(*list));
	if (!list) {
		session->lost = true;
		return;
	}
	session->findings = list;
	kept = &session->findings[session->finding_count++];
	*kept = (struct finding){
		.package = finding->package,
		.path = finding->path ? strdup(finding->path) : NULL,
		.reason = strdup(finding->reason),
		.verdict = finding->verdict,
		.failed = finding->failed,
	};
	session->lost = session->lost || !kept->reason || (finding->path && !kept->path);
}

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;
	cleanup_free char *package = cli_printable(*finding->package ? finding->package : "-");
	cleanup_free char *path = finding->path ? cli_printable(finding->path) : NULL;

	if (session->list) {
		keep(session, finding);
		return;
	}
	if (!is_shown(session, finding))
		return;
	cli_progress_show(&session->progress, "%s", "");
	printf("%s: %s%s%s: %s\n", package, path ? path : "", path ? ": " : "",
	       finding->failed ? "failed" : pkgima_verdict_word(finding->verdict), finding->reason);
}

static void progress(void *context, size_t packages, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu packages, %zu files", packages, files);
}

static bool is_wanted(void *context, const struct stat *st)
{
	return audit_sources_want(&((struct session *)context)->sources, st);
}

static size_t not_ok(const struct pkgima_sums *sums)
{
	size_t count = 0;

	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		count += i == PKGIMA_VERDICT_OK ? 0 : sums->verdicts[i];
	return count;
}

static void add_sums(struct pkgima_sums *all, const struct pkgima_sums *sums)
{
	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		all->verdicts[i] += sums->verdicts[i];
	all->left_out += sums->left_out;
	all->absent += sums->absent;
	all->failed += sums->failed;
	all->repaired += sums->repaired;
}

/* ", 3 unsigned, 1 digest-mismatch" and so on. */
static void print_bad(const struct pkgima_sums *sums)
{
	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		if (i != PKGIMA_VERDICT_OK && sums->verdicts[i])
			printf(", %zu %s", sums->verdicts[i], pkgima_verdict_word((enum pkgima_verdict)i));
	if (sums->failed)
		printf(", %zu failed", sums->failed);
}

static struct json_object *json_sums(const struct pkgima_sums *sums)
{
	struct json_object *object = json_object_new_object();

	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		json_object_object_add(object, pkgima_verdict_word((enum pkgima_verdict)i), json_number(sums->verdicts[i]));
	json_object_object_add(object, "left-out", json_number(sums->left_out));
	json_object_object_add(object, "absent", json_number(sums->absent));
	json_object_object_add(object, "failed", json_number(sums->failed));
	json_object_object_add(object, "repaired", json_number(sums->repaired));
	return object;
}

static bool is_empty(const struct pkgima_sums *sums)
{
	return !not_ok(sums) && !sums->verdicts[PKGIMA_VERDICT_OK] && !sums->left_out && !sums->absent && !sums->failed;
}

static void tell_package(struct session *session, const struct pkgima_manager *manager,
			 const struct pkgima_installed *package, const struct pkgima_sums *sums)
{
	cleanup_free char *name = cli_printable(package->name);
	struct json_object *item;

	if (session->list && *package->name && !(session->sources.limited && is_empty(sums))) {
		item = json_object_new_object();
		json_object_object_add(item, "package", cli_json_name(package->name));
		json_object_object_add(item, "manager", json_object_new_string(manager->name));
		json_object_object_add(item, "signed", json_object_new_boolean(package->is_signed));
		json_object_object_add(item, "files", json_sums(sums));
		json_object_array_add(session->list, item);
	}
	if (session->list || !*package->name || !(not_ok(sums) || sums->failed))
		return;
	printf("%s: %s%zu ok", name, package->is_signed ? "" : "it is not signed: ", sums->verdicts[PKGIMA_VERDICT_OK]);
	print_bad(sums);
	printf("\n");
}

static void sum_up(struct session *session, const struct pkgima_manager *manager, const struct pkgima_installed *packages,
		   size_t count, const struct pkgima_sums *sums)
{
	for (size_t i = 0; i < count; i++) {
		add_sums(&session->sums, &sums[i]);
		tell_package(session, manager, &packages[i], &sums[i]);
		if (!*packages[i].name || (session->sources.limited && is_empty(&sums[i])))
			continue;
		session->packages++;
		session->unsigned_packages += !packages[i].is_signed;
	}
}

static void audit_source(struct session *session, const struct pkgima_apply *job, const struct pkgima_installed *packages,
			 size_t count)
{
	cleanup_free struct pkgima_sums *sums = calloc(count + 1, sizeof(*sums));
	struct pkgima_apply_counts counts;
	struct pkgima_error error;
	int r;

	if (!sums) {
		cli_message(session->audit->command, "no memory for the packages");
		worsen(session, CLI_FAILED);
		return;
	}
	cli_progress_begin(&session->progress);
	r = pkgima_audit_packages(job, packages, count, sums, &counts, &error);
	cli_progress_end(&session->progress);
	if (r < 0) {
		cli_message(session->audit->command, "%s", error.text);
		worsen(session, CLI_FAILED);
	}
	sum_up(session, job->manager, packages, count, sums);
}

static void print_sums(const struct session *session)
{
	const struct pkgima_sums *sums = &session->sums;

	printf("%zu package%s, %zu of them unsigned; %zu files ok, %zu not ok", session->packages,
	       session->packages == 1 ? "" : "s", session->unsigned_packages, sums->verdicts[PKGIMA_VERDICT_OK],
	       not_ok(sums) + sums->failed);
	print_bad(sums);
	printf("\n");
	if (sums->repaired)
		printf("%zu files repaired\n", sums->repaired);
	if (sums->left_out + sums->absent)
		printf("%zu files left out by the settings, %zu not on disk\n", sums->left_out, sums->absent);
}

static int compare_findings(const void *left, const void *right)
{
	const struct finding *l = left, *r = right;
	int order = strcmp(l->package, r->package);

	return order || !l->path || !r->path ? order : strcmp(l->path, r->path);
}

/* One member of the document, and what follows it. */
static void print_member(const char *name, struct json_object *value, const char *behind)
{
	const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	printf("\"%s\": %s%s", name, text ? text : "null", behind);
	json_object_put(value);
}

/* One after another: a document of them all would take several times the memory. */
static void print_finding(const struct finding *finding, const char *before)
{
	struct json_object *item = json_object_new_object();
	const char *text;

	json_object_object_add(item, "package", *finding->package ? cli_json_name(finding->package) : NULL);
	json_object_object_add(item, "path", finding->path ? cli_json_name(finding->path) : NULL);
	json_object_object_add(item, "verdict",
			       finding->failed ? NULL : json_object_new_string(pkgima_verdict_word(finding->verdict)));
	json_object_object_add(item, "reason", json_object_new_string(finding->reason));
	text = json_object_to_json_string_ext(item, JSON_C_TO_STRING_NOSLASHESCAPE);
	printf("%s\n%s", before, text ? text : "null");
	json_object_put(item);
}

static void print_document(struct session *session)
{
	if (session->lost) {
		cli_message(session->audit->command, "no memory for all findings: the document is not complete");
		worsen(session, CLI_FAILED);
	} else if (session->finding_count) {
		qsort(session->findings, session->finding_count, sizeof(*session->findings), compare_findings);
	}
	printf("{\n");
	print_member("packages", session->list, ",\n");
	printf("\"findings\": [");
	for (size_t i = 0; i < session->finding_count && !session->lost; i++)
		print_finding(&session->findings[i], i ? "," : "");
	printf("\n],\n");
	print_member("sums", json_sums(&session->sums), "\n}\n");
}

static void free_findings(struct session *session)
{
	for (size_t i = 0; i < session->finding_count; i++) {
		free(session->findings[i].path);
		free(session->findings[i].reason);
	}
	free(session->findings);
}

static int verdict_status(const struct session *session)
{
	size_t bad = not_ok(&session->sums);

	if (session->audit->config.unsupported_fs == PKGIMA_UNSUPPORTED_IGNORE)
		bad -= session->sums.verdicts[PKGIMA_VERDICT_UNSUPPORTED_FS];
	if (session->sums.failed)
		return CLI_FAILED;
	return bad ? CLI_VERDICT : CLI_OK;
}

/* All sources, with the certificates of @trust. */
static void audit_sources(struct session *session, const struct pkgima_trust *trust)
{
	struct pkgima_apply job = {
		.task = session->audit->repair ? PKGIMA_TASK_REPAIR : PKGIMA_TASK_AUDIT,
		.root_fd = session->audit->root_fd,
		.trust = trust,
		.config = &session->audit->config,
		.report = report,
		.progress = progress,
		.is_wanted = session->sources.limited ? is_wanted : NULL,
		.context = session,
	};

	for (size_t i = 0; i < AUDIT_SOURCES; i++) {
		job.manager = session->sources.list[i].manager;
		job.database = session->sources.list[i].database;
		if (job.database)
			audit_source(session, &job, session->sources.list[i].packages, session->sources.list[i].count);
	}
}

int audit_files(struct audit *audit)
{
	cleanup_trust struct pkgima_trust *trust = cli_load_trust(audit->command, audit->root_fd, &audit->certs);
	struct session session = { .audit = audit };
	bool any;

	if (!trust)
		return CLI_FAILED;
	session.status = audit_sources_open(audit, &session.sources, &any);
	if (any && audit->json)
		session.list = json_object_new_array();
	if (any) {
		audit_sources(&session, trust);
		worsen(&session, verdict_status(&session));
	}
	if (any && audit->json)
		print_document(&session);
	else if (any)
		print_sums(&session);
	free_findings(&session);
	audit_sources_close(&session.sources);
	return session.status;
}
