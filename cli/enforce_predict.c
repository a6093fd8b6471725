// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/predict.h"
#include "enforce.h"

/* What no boot and no program needs: kexec, and another policy than the one that is loaded. */
#define NO_HARM (1U << PKGIMA_USE_KEXEC | 1U << PKGIMA_USE_INITRAMFS | 1U << PKGIMA_USE_POLICY)

/* So many are listed: the first are those that hurt first. */
#define LISTED 10

struct session {
	const struct enforce *enforce;
	struct cli_progress progress;
};

static void progress(void *context, size_t files)
{
	struct session *session = context;

	if (cli_progress_due(&session->progress))
		cli_progress_show(&session->progress, "%zu files", files);
}

static void say_passed(void *context, const char *sentence)
{
	struct session *session = context;

	cli_progress_clear(&session->progress);
	cli_message(session->enforce->command, "%s", sentence);
}

static void print_one(const struct pkgima_prediction *prediction)
{
	cleanup_free char *path = cli_printable(prediction->path);
	const char *use = "";

	for (int i = PKGIMA_USE_COUNT - 1; i >= 0; i--)
		if (prediction->denied & ~NO_HARM & 1U << i)
			use = pkgima_use_word((enum pkgima_use)i);
	printf("%s: %s: %s: %s: %s\n", prediction->failed ? "failed" : "denied",
	       pkgima_category_word(prediction->category), path, use, prediction->reason);
}

/* The command that shows all: a policy's path is one of this system, its name one of the root's. */
static void print_command(const struct enforce *enforce)
{
	const char *root = enforce->root_is_ours ? "" : enforce->root;
	bool of_root = !enforce->policy || !strchr(enforce->policy, '/');
	const char *slash = strrchr(enforce->source, '/');

	if (of_root && enforce->is_new && strcmp(enforce->source, PKGIMA_ENFORCE_POLICY_KEPT) != 0)
		printf("all of them: pkgima audit --policy %s", slash ? slash + 1 : enforce->source);
	else
		printf("all of them: pkgima audit --policy %s%s", of_root ? root : "", enforce->source);
	printf("%s%s\n", *root ? " --root " : "", root);
}

static int judge(const struct enforce *enforce, const struct pkgima_predictions *predictions)
{
	size_t listed = 0, relocating = 0, harmless = 0;

	for (size_t i = 0; i < predictions->count; i++) {
		const struct pkgima_prediction *prediction = &predictions->list[i];

		relocating += prediction->relocates_text && !prediction->denied;
		harmless += prediction->denied && !(prediction->denied & ~NO_HARM);
		if ((prediction->denied & ~NO_HARM || prediction->failed) && listed++ < LISTED)
			print_one(prediction);
	}
	printf("%s: %zu files, %zu of them appraised: %zu denied\n", enforce->source, predictions->files, predictions->appraised,
	       predictions->denied - harmless);
	if (listed > LISTED)
		printf("… and %zu more\n", listed - LISTED);
	if (listed || predictions->undecided)
		print_command(enforce);
	if (predictions->undecided)
		printf("attention: of %zu files it cannot be told\n", predictions->undecided);
	if (harmless)
		printf("attention: kexec of %zu files, or their loading as a policy, would be denied\n", harmless);
	if (relocating)
		printf("attention: %zu files have text relocations, which are denied for what is appraised\n", relocating);
	if (!listed)
		return -1;
	cli_message(enforce->command, "%s: %zu files would be denied, %zu could not be looked at%s",
		    enforce->force ? "forced" : "refused", predictions->denied - harmless, predictions->failed,
		    enforce->force ? "" : "; sign them, or say --force");
	if (enforce->force)
		return -1;
	return predictions->failed ? CLI_FAILED : CLI_VERDICT;
}

/* EVM is used in the next boot where ima-init or the kernel will have a key for it. */
static bool uses_evm(const struct enforce *enforce)
{
	struct stat st;

	return pkgima_beneath_stat(enforce->root_fd, "/etc/keys/evm-ca", true, &st) == 0 ||
	       pkgima_beneath_stat(enforce->root_fd, "/etc/keys/x509_evm.der", true, &st) == 0;
}

int enforce_predict(const struct enforce *enforce, const struct pkgima_trust *trust,
		    const struct pkgima_kernel_config *config, const struct pkgima_ima_policy *policy)
{
	struct session session = { .enforce = enforce };
	const struct pkgima_predict job = {
		.root_fd = enforce->root_fd,
		.policy = policy,
		.trust = trust,
		.kernel = { .config = config, .evm = uses_evm(enforce) },
		.progress = progress,
		.passed = say_passed,
		.context = &session,
	};
	cleanup_predictions struct pkgima_predictions predictions = { 0 };
	struct pkgima_error error;
	int r;

	cli_progress_begin(&session.progress);
	r = pkgima_predict_run(&job, NULL, 0, &predictions, &error);
	cli_progress_end(&session.progress);
	if (r < 0) {
		cli_message(enforce->command, "%s", error.text);
		return CLI_FAILED;
	}
	return judge(enforce, &predictions);
}
