// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "../lib/ima_lint.h"
#include "../lib/io.h"
#include "../lib/predict.h"
#include "audit.h"

#define POLICIES "/usr/share/ima-init/policies"
#define EVM_STATE "/sys/kernel/security/evm"
#define KERNEL "the kernel"

struct session {
	struct audit *audit;
	struct cli_progress progress;
	struct pkgima_kernel_config config;
	struct pkgima_ima_policy policy;
	size_t own_rules;              /* the kernel's, which come first */
	char *source;                  /* of the policy, printable */
	struct json_object *lint;      /* NULL: text is printed */
};

static void say_refused(void *context, size_t line, const char *sentence)
{
	const struct session *session = context;

	cli_message(session->audit->command, "%s: line %zu: %s", session->source, line, sentence);
}

/* False after a message. */
static bool take_text(struct session *session, const void *text, size_t length)
{
	struct pkgima_error error;
	int r;

	r = pkgima_ima_policy_parse(&session->policy, text, length, NULL, say_refused, session, &error);
	if (r < 0)
		cli_message(session->audit->command, "%s: a kernel refuses it: %s", session->source, error.text);
	return r == 0;
}

/* A file on this system, wherever the root is. */
static bool take_file(struct session *session, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cleanup_free uint8_t *text = NULL;
	struct pkgima_error error;
	size_t length;

	session->source = cli_printable(path);
	if (fd < 0) {
		cli_message(session->audit->command, "cannot open the policy %s: %s", session->source, strerror(errno));
		return false;
	}
	if (pkgima_read_file(fd, session->source, PKGIMA_IMA_POLICY_MAX, &text, &length, &error) < 0) {
		cli_message(session->audit->command, "%s", error.text);
		return false;
	}
	return take_text(session, text, length);
}

/* One of ima-init's, of the root or else of this system. 1, 0 where there is none, or -1 after a message. */
static int take_named(struct session *session, const char *name)
{
	cleanup_free uint8_t *text = NULL;
	cleanup_free char *path = NULL;
	struct pkgima_error error;
	size_t length;
	int r;

	if (asprintf(&path, "%s/%s", POLICIES, name) < 0) {
		path = NULL;
		return 0;
	}
	r = pkgima_beneath_read(session->audit->root_fd, path, PKGIMA_IMA_POLICY_MAX, &text, &length, &error);
	if (r == -ENOENT && access(path, F_OK) == 0)
		return take_file(session, path) ? 1 : -1;
	if (r == -ENOENT)
		return 0;
	session->source = cli_printable(path);
	if (r < 0)
		cli_message(session->audit->command, "%s", error.text);
	return r == 0 && take_text(session, text, length) ? 1 : -1;
}

/* The kernel's own, which takes no rules before it: they are among it. */
static bool take_kernel_policy(struct session *session, const char *names)
{
	cleanup_free char *text = pkgima_kernel_policy(&session->config, names);

	if (!text)
		return false;
	session->source = cli_printable(names);
	return take_text(session, text, strlen(text));
}

static bool take_policy(struct session *session)
{
	const char *policy = session->audit->policy;
	int r = strchr(policy, '/') ? 0 : take_named(session, policy);

	if (r != 0)
		return r > 0;
	if (take_kernel_policy(session, policy))
		return true;
	return !session->source && take_file(session, policy);
}

/* The rules that stay whatever is loaded. */
static bool take_own_rules(struct session *session)
{
	const struct audit *audit = session->audit;
	bool running = !strcmp(audit->root, "/");
	cleanup_free char *rules = NULL;
	struct pkgima_error error;

	if (pkgima_kernel_config_load(audit->root_fd, running, &session->config, &error) < 0) {
		cli_message(audit->command, "%s", error.text);
		return false;
	}
	rules = pkgima_kernel_config_rules(&session->config, running && pkgima_secure_boot(audit->root_fd));
	if (rules && *rules &&
	    pkgima_ima_policy_parse(&session->policy, (const uint8_t *)rules, strlen(rules), KERNEL, NULL, NULL, &error) < 0)
		cli_message(audit->command, "%s", error.text);
	session->own_rules = session->policy.count;
	return rules;
}

/* Of the running kernel, or what ima-init and CONFIG_EVM_LOAD_X509 would make of the root. */
static bool uses_evm(const struct audit *audit)
{
	cleanup_close int folder = pkgima_beneath_open_folder(audit->root_fd, "/etc/keys/evm-ca");
	struct stat st;
	FILE *file = !strcmp(audit->root, "/") ? fopen(EVM_STATE, "re") : NULL;
	unsigned int state = 0;
	bool active = false;

	if (file) {
		active = fscanf(file, "%u", &state) == 1 && state & 3;
		fclose(file);
	}
	return active || folder >= 0 || pkgima_beneath_stat(audit->root_fd, "/etc/keys/x509_evm.der", true, &st) == 0;
}

static void progress(void *context, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu files", files);
}

static void say_passed(void *context, const char *sentence)
{
	struct session *session = context;

	cli_progress_show(&session->progress, "%s", "");
	cli_message(session->audit->command, "%s", sentence);
}

static void tell_lint(void *context, enum pkgima_lint_kind kind, const struct pkgima_ima_rule *rule, const char *sentence)
{
	struct session *session = context;
	struct json_object *item;

	if (session->lint) {
		item = json_object_new_object();
		json_object_object_add(item, "kind", json_object_new_string(pkgima_lint_word(kind)));
		json_object_object_add(item, "line", rule && !rule->origin ? json_object_new_int64((int64_t)rule->line) : NULL);
		json_object_object_add(item, "sentence", json_object_new_string(sentence));
		json_object_array_add(session->lint, item);
	} else if (rule && !rule->origin) {
		printf("policy: %s: line %zu: %s\n", pkgima_lint_word(kind), rule->line, sentence);
	} else {
		printf("policy: %s: %s\n", pkgima_lint_word(kind), sentence);
	}
}

/* Whose are the files that are told of? */
struct owners {
	struct pkgima_predictions *predictions;
	struct pkgima_file_set files;  /* by index in the predictions */
};

static bool is_told(void *context, const struct stat *st)
{
	return pkgima_file_set_find(&((struct owners *)context)->files, st) != NULL;
}

static void take_owner(void *context, const struct pkgima_look *look)
{
	const struct owners *owners = context;
	const struct pkgima_file_item *item = pkgima_file_set_find(&owners->files, look->stat);
	struct pkgima_prediction *prediction;

	if (!item)
		return;
	prediction = &owners->predictions->list[strtoul(item->path, NULL, 10)];
	if (!prediction->package)
		prediction->package = strdup(look->package->name);
}

static void ignore_finding(void *context, const struct pkgima_finding *finding)
{
	(void)context;
	(void)finding;
}

static void ask_managers(struct session *session, struct owners *owners)
{
	cleanup_managers struct cli_managers managers;
	struct pkgima_apply job = {
		.task = PKGIMA_TASK_LOOK,
		.root_fd = session->audit->root_fd,
		.config = &session->audit->config,
		.report = ignore_finding,
		.is_wanted = is_told,
		.look = take_owner,
		.context = owners,
	};

	/* What cannot be read is said. */
	cli_managers_open(session->audit->command, job.root_fd, true, &managers);
	for (size_t i = 0; i < CLI_SOURCES; i++) {
		const struct cli_source *source = &managers.sources[i];
		struct pkgima_apply_counts counts;
		struct pkgima_error error;

		job.manager = source->manager;
		job.database = source->database;
		if (job.database && pkgima_audit_packages(&job, source->packages, source->count, NULL, &counts, &error) < 0)
			cli_message(session->audit->command, "%s", error.text);
	}
}

static void find_owners(struct session *session, struct pkgima_predictions *predictions)
{
	struct owners owners = { .predictions = predictions };
	char number[24];

	for (size_t i = 0; i < predictions->count; i++) {
		struct stat st = { .st_dev = predictions->list[i].device, .st_ino = predictions->list[i].inode };

		snprintf(number, sizeof(number), "%zu", i);
		pkgima_file_set_add(&owners.files, &st, number);
	}
	if (predictions->count)
		ask_managers(session, &owners);
	pkgima_file_set_free(&owners.files);
}

static const char *decision_word(const struct pkgima_prediction *prediction)
{
	if (prediction->failed)
		return "failed";
	if (prediction->denied)
		return "denied";
	return prediction->undecided ? "undecided" : "relocates-text";
}

#define RELOCATES "its text relocations need mprotect(2), which is denied for what is appraised"

/* "execute, map" */
static void uses_text(uint32_t uses, char *text, size_t capacity)
{
	*text = '\0';
	for (int i = 0; i < PKGIMA_USE_COUNT; i++)
		if (uses & 1U << i)
			snprintf(text + strlen(text), capacity - strlen(text), "%s%s", *text ? ", " : "",
				 pkgima_use_word((enum pkgima_use)i));
}

static void print_prediction(const struct pkgima_prediction *prediction)
{
	cleanup_free char *path = cli_printable(prediction->path);
	cleanup_free char *package = prediction->package ? cli_printable(prediction->package) : NULL;
	char uses[256], line[32] = "";

	uses_text(prediction->denied ? prediction->denied : prediction->undecided, uses, sizeof(uses));
	if (prediction->rule && !prediction->rule->origin)
		snprintf(line, sizeof(line), "line %zu: ", prediction->rule->line);
	else if (prediction->rule)
		snprintf(line, sizeof(line), "the kernel's own rule: ");
	printf("%s: %s: %s: %s%s%s%s (%s)\n", decision_word(prediction), pkgima_category_word(prediction->category), path, uses,
	       *uses ? ": " : "", line, *prediction->reason ? prediction->reason : RELOCATES,
	       package ? package : "no package");
	if (prediction->relocates_text && *prediction->reason)
		printf("relocates-text: %s: %s: %s\n", pkgima_category_word(prediction->category), path, RELOCATES);
}

static struct json_object *json_uses(uint32_t uses)
{
	struct json_object *list = json_object_new_array();

	for (int i = 0; i < PKGIMA_USE_COUNT; i++)
		if (uses & 1U << i)
			json_object_array_add(list, json_object_new_string(pkgima_use_word((enum pkgima_use)i)));
	return list;
}

static struct json_object *json_prediction(const struct pkgima_prediction *prediction)
{
	struct json_object *item = json_object_new_object();
	const struct pkgima_ima_rule *rule = prediction->rule;

	json_object_object_add(item, "path", cli_json_name(prediction->path));
	json_object_object_add(item, "package", prediction->package ? cli_json_name(prediction->package) : NULL);
	json_object_object_add(item, "category", json_object_new_string(pkgima_category_word(prediction->category)));
	json_object_object_add(item, "verdict", json_object_new_string(decision_word(prediction)));
	json_object_object_add(item, "denied", json_uses(prediction->denied));
	json_object_object_add(item, "undecided", json_uses(prediction->undecided));
	json_object_object_add(item, "line", rule && !rule->origin ? json_object_new_int64((int64_t)rule->line) : NULL);
	json_object_object_add(item, "relocates_text", json_object_new_boolean(prediction->relocates_text));
	json_object_object_add(item, "reason", *prediction->reason ? json_object_new_string(prediction->reason) : NULL);
	return item;
}

static int print_json(struct session *session, const struct pkgima_predictions *predictions)
{
	struct json_object *document = json_object_new_object(), *list = json_object_new_array();
	const struct { const char *name; size_t number; } numbers[] = {
		{ "files", predictions->files }, { "appraised", predictions->appraised }, { "denied", predictions->denied },
		{ "undecided", predictions->undecided }, { "failed", predictions->failed },
		{ "compressed_modules", predictions->compressed_modules },
	};

	json_object_object_add(document, "policy", json_object_new_string(session->source));
	json_object_object_add(document, "rules",
			       json_object_new_int64((int64_t)(session->policy.count - session->own_rules)));
	json_object_object_add(document, "kernel_rules", json_object_new_int64((int64_t)session->own_rules));
	json_object_object_add(document, "lint", session->lint);
	for (size_t i = 0; i < predictions->count; i++)
		json_object_array_add(list, json_prediction(&predictions->list[i]));
	json_object_object_add(document, "predictions", list);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_object_add(document, numbers[i].name, json_object_new_int64((int64_t)numbers[i].number));
	return cli_print_json(session->audit->command, document);
}

static void print_text(const struct session *session, const struct pkgima_predictions *predictions)
{
	for (size_t i = 0; i < predictions->count; i++)
		print_prediction(&predictions->list[i]);
	if (predictions->compressed_modules)
		printf("undecided: kernel: %zu compressed modules: most are loaded from memory, which MODULE_CHECK denies unless "
		       "the kernel enforces module signatures (module.sig_enforce=1, ima-init sets it)\n",
		       predictions->compressed_modules);
	printf("%s: %zu rules", session->source, session->policy.count - session->own_rules);
	if (session->own_rules)
		printf(", %zu of the kernel's own before them (%s)", session->own_rules, session->config.source);
	printf("; %zu files, %zu of them appraised: %zu denied, %zu undecided", predictions->files, predictions->appraised,
	       predictions->denied, predictions->undecided);
	if (predictions->failed)
		printf(", %zu failed", predictions->failed);
	printf("\n");
}

/* What is listed is denied something, or may be, or could not be looked at. */
static int status_of(const struct pkgima_predictions *predictions)
{
	if (predictions->failed)
		return CLI_FAILED;
	return predictions->count ? CLI_VERDICT : CLI_OK;
}

static int predict(struct session *session, const struct pkgima_trust *trust)
{
	struct pkgima_predict job = {
		.root_fd = session->audit->root_fd,
		.policy = &session->policy,
		.trust = trust,
		.kernel = { .config = &session->config, .evm = uses_evm(session->audit) },
		.progress = progress,
		.passed = say_passed,
		.context = session,
	};
	cleanup_predictions struct pkgima_predictions predictions = { 0 };
	struct pkgima_error error;
	int r, status;

	cli_progress_begin(&session->progress);
	r = pkgima_predict_run(&job, session->audit->paths, session->audit->path_count, &predictions, &error);
	cli_progress_end(&session->progress);
	if (r < 0) {
		cli_message(session->audit->command, "%s", error.text);
		json_object_put(session->lint);
		return CLI_FAILED;
	}
	find_owners(session, &predictions);
	status = status_of(&predictions);
	if (!session->audit->json)
		print_text(session, &predictions);
	else if (print_json(session, &predictions) != CLI_OK)
		status = CLI_FAILED;
	return status;
}

int audit_policy(struct audit *audit)
{
	cleanup_trust struct pkgima_trust *trust = cli_load_trust(audit->command, audit->root_fd, &audit->certs);
	struct session session = { .audit = audit };
	int status = CLI_FAILED;

	if (trust && take_own_rules(&session) && take_policy(&session)) {
		session.lint = audit->json ? json_object_new_array() : NULL;
		pkgima_ima_lint(&session.policy, tell_lint, &session);
		status = predict(&session, trust);
	}
	pkgima_ima_policy_free(&session.policy);
	pkgima_kernel_config_free(&session.config);
	free(session.source);
	return status;
}
