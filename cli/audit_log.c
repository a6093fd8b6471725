// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audit_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_denial(const struct audit_log_finding *finding)
{
	return finding->item->type != PKGIMA_AUDIT_RULE;
}

static bool is_well(const struct audit_log_finding *finding)
{
	return !is_denial(finding) && finding->decided && finding->verdict == PKGIMA_VERDICT_OK;
}

static void remedy_without_verdict(const struct audit_log_finding *finding, char *output, size_t capacity)
{
	if (finding->item->type == PKGIMA_AUDIT_STATUS)
		snprintf(output, capacity, "pkgima audit --policy says what is wrong with it; where a signature is wanted, sign it");
	else if (finding->item->type == PKGIMA_AUDIT_RULE && finding->is_there)
		snprintf(output, capacity, "boot with ima_hash= of the algorithm that packages are signed by");
	else
		*output = '\0';
}

void audit_log_remedy(const struct audit_log_finding *finding, char *output, size_t capacity)
{
	cleanup_free char *path = cli_printable(finding->item->name);
	cleanup_free char *package = cli_printable(finding->package ? finding->package : "");

	*output = '\0';
	if (!finding->decided) {
		remedy_without_verdict(finding, output, capacity);
		return;
	}
	switch (finding->verdict) {
	case PKGIMA_VERDICT_OK:
		if (is_denial(finding))
			snprintf(output, capacity, "see that the kernel has its key: pkgima keys list");
		break;
	case PKGIMA_VERDICT_UNSIGNED:
		if (finding->package)
			snprintf(output, capacity, "install a signed %s", package);
		else
			snprintf(output, capacity, "if it belongs there: pkgima sign --xattr --key KEY --cert CERT %s", path);
		break;
	case PKGIMA_VERDICT_UNKNOWN_KEY:
		snprintf(output, capacity, "trust its certificate (pkgima keys list), or have it signed by a trusted key");
		break;
	case PKGIMA_VERDICT_NOT_APPLIED:
		snprintf(output, capacity, "pkgima audit --repair %s", path);
		break;
	case PKGIMA_VERDICT_BAD_SIGNATURE:
	case PKGIMA_VERDICT_DIGEST_MISMATCH:
		snprintf(output, capacity, finding->package ? "find out who changed it, then reinstall %s" : "sign it anew, if it "
			 "belongs there%s", finding->package ? package : "");
		break;
	case PKGIMA_VERDICT_UNSUPPORTED_FS:
		snprintf(output, capacity, "have it on a file system that carries signatures");
		break;
	default:
		break;
	}
}

/* "denied 3 times, by sh: SENTENCE; now: " or "used once, by sh: ". */
static void print_record(const struct pkgima_audit_item *item)
{
	cleanup_free char *program = cli_printable(item->program);

	printf("%s ", item->type == PKGIMA_AUDIT_RULE ? "used" : "denied");
	if (item->count == 1)
		printf("once");
	else
		printf("%zu times", item->count);
	if (*program)
		printf(", by %s", program);
	if (item->type == PKGIMA_AUDIT_DATA)
		printf(": %s; now", pkgima_audit_cause_sentence(item->cause));
	printf(": ");
}

static void print_finding(const struct audit_log_finding *finding)
{
	cleanup_free char *package = cli_printable(finding->package ? finding->package : "-");
	cleanup_free char *path = cli_printable(finding->item->name);
	cleanup_free char *cause = cli_printable(finding->item->cause);
	char remedy[PKGIMA_PATH_MAX + 128];

	if (finding->item->type == PKGIMA_AUDIT_STATUS) {
		printf("the kernel refused a policy: %s\n", cause);
	} else {
		printf("%s: %s: %s: ", package, path, finding->decided ? pkgima_verdict_word(finding->verdict) : "undecided");
		print_record(finding->item);
		printf("%s\n", finding->reason);
	}
	audit_log_remedy(finding, remedy, sizeof(remedy));
	if (*remedy)
		printf("    -> %s\n", remedy);
}

struct sums {
	size_t records, denied, undecided, verdicts[PKGIMA_VERDICT_COUNT];
};

static void sum_up(const struct audit_log_finding *findings, size_t count, struct sums *sums)
{
	for (size_t i = 0; i < count; i++) {
		sums->records += findings[i].item->count;
		sums->denied += is_denial(&findings[i]);
		if (findings[i].decided)
			sums->verdicts[findings[i].verdict]++;
		else if (findings[i].item->type != PKGIMA_AUDIT_STATUS)
			sums->undecided++;
	}
}

static void print_sums(const struct sums *sums)
{
	printf("%zu record%s: %zu denied; %zu ok", sums->records, sums->records == 1 ? "" : "s", sums->denied,
	       sums->verdicts[PKGIMA_VERDICT_OK]);
	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		if (i != PKGIMA_VERDICT_OK && sums->verdicts[i])
			printf(", %zu %s", sums->verdicts[i], pkgima_verdict_word((enum pkgima_verdict)i));
	if (sums->undecided)
		printf(", %zu undecided", sums->undecided);
	printf("\n");
}

static struct json_object *json_number(size_t number)
{
	return json_object_new_int64((int64_t)number);
}

static struct json_object *json_name(const char *name)
{
	return name && *name ? cli_json_name(name) : NULL;
}

static struct json_object *json_digest(const struct pkgima_audit_item *item)
{
	char hex[2 * PKGIMA_DIGEST_MAX + 1];

	if (!item->has_digest)
		return NULL;
	pkgima_hex(item->digest, pkgima_hash_size(item->hash), hex);
	return json_object_new_string(hex);
}

static struct json_object *json_finding(const struct audit_log_finding *finding)
{
	const struct pkgima_audit_item *item = finding->item;
	struct json_object *object = json_object_new_object();
	char remedy[PKGIMA_PATH_MAX + 128];

	audit_log_remedy(finding, remedy, sizeof(remedy));
	json_object_object_add(object, "package", json_name(finding->package));
	json_object_object_add(object, "path", json_name(item->name));
	json_object_object_add(object, "denied", json_object_new_boolean(is_denial(finding)));
	json_object_object_add(object, "op", json_name(item->op));
	json_object_object_add(object, "cause", json_name(item->cause));
	json_object_object_add(object, "hash", json_name(item->hash_name));
	json_object_object_add(object, "digest", json_digest(item));
	json_object_object_add(object, "program", json_name(item->program));
	json_object_object_add(object, "count", json_number(item->count));
	json_object_object_add(object, "verdict", finding->decided ?
			       json_object_new_string(pkgima_verdict_word(finding->verdict)) : NULL);
	json_object_object_add(object, "reason", json_name(finding->reason));
	json_object_object_add(object, "remedy", *remedy ? json_object_new_string(remedy) : NULL);
	return object;
}

static int print_json(const struct audit *audit, const struct audit_log_finding *findings, size_t count,
		      const struct sums *sums)
{
	struct json_object *document = json_object_new_object(), *list = json_object_new_array();
	struct json_object *totals = json_object_new_object();

	for (size_t i = 0; i < count; i++)
		json_object_array_add(list, json_finding(&findings[i]));
	for (int i = 0; i < PKGIMA_VERDICT_COUNT; i++)
		json_object_object_add(totals, pkgima_verdict_word((enum pkgima_verdict)i), json_number(sums->verdicts[i]));
	json_object_object_add(totals, "undecided", json_number(sums->undecided));
	json_object_object_add(totals, "denied", json_number(sums->denied));
	json_object_object_add(totals, "records", json_number(sums->records));
	json_object_object_add(document, "files", list);
	json_object_object_add(document, "sums", totals);
	return cli_print_json(audit->command, document);
}

/* Denials first, then by package and path. */
static int compare(const void *left, const void *right)
{
	const struct audit_log_finding *l = left, *r = right;
	int order = (int)is_denial(r) - (int)is_denial(l);

	if (order == 0)
		order = strcmp(l->package ? l->package : "", r->package ? r->package : "");
	return order ? order : strcmp(l->item->name, r->item->name);
}

static int tell(const struct audit *audit, struct audit_log_finding *findings, size_t count, int status)
{
	struct sums sums = { 0 };
	bool well = true;

	if (count)
		qsort(findings, count, sizeof(*findings), compare);
	sum_up(findings, count, &sums);
	for (size_t i = 0; i < count; i++) {
		well = well && is_well(&findings[i]);
		if (!audit->json && !is_well(&findings[i]))
			print_finding(&findings[i]);
	}
	if (audit->json && print_json(audit, findings, count, &sums) != CLI_OK)
		return CLI_FAILED;
	if (!audit->json)
		print_sums(&sums);
	return status == CLI_OK && !well ? CLI_VERDICT : status;
}

static void warn(const struct audit *audit, const struct pkgima_audit_log *log)
{
	if (log->malformed)
		cli_message(audit->command, "warning: %zu line%s with a record that no kernel writes", log->malformed,
			    log->malformed == 1 ? "" : "s");
	if (log->cut)
		cli_message(audit->command, "warning: %zu line%s longer than %zu bytes passed over", log->cut,
			    log->cut == 1 ? "" : "s", PKGIMA_AUDIT_LINE_MAX);
}

int audit_log(struct audit *audit)
{
	cleanup_trust struct pkgima_trust *trust = cli_load_trust(audit->command, audit->root_fd, &audit->certs);
	cleanup_audit_log struct pkgima_audit_log log = { 0 };
	struct audit_log_finding *findings = NULL;
	int status, judged;

	if (!trust)
		return CLI_FAILED;
	status = audit_log_read(audit, &log);
	if (status != CLI_OK && !log.count)
		return status;
	pkgima_audit_log_group(&log);
	warn(audit, &log);
	findings = calloc(log.count + 1, sizeof(*findings));
	if (!findings) {
		cli_message(audit->command, "no memory for %zu files", log.count);
		return CLI_FAILED;
	}
	for (size_t i = 0; i < log.count; i++)
		findings[i].item = &log.items[i];
	judged = audit_log_judge(audit, trust, findings, log.count);
	status = tell(audit, findings, log.count, judged > status ? judged : status);
	for (size_t i = 0; i < log.count; i++)
		free(findings[i].package);
	free(findings);
	return status;
}
