// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/escape.h"
#include "../lib/gate.h"
#include "../lib/place.h"
#include "../lib/policy_check.h"
#include "../lib/signature.h"
#include "../lib/verify.h"
#include "enforce.h"
#include "initramfs.h"

#define LATCH "/ima/latch"
#define ADVICE(text) "; " text

/* What is collected on the way. */
struct check {
	struct enforce *enforce;
	bool refused;
};

static void __attribute__((format(printf, 2, 3))) refuse(struct check *check, const char *format, ...)
{
	char text[1200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	cli_message(check->enforce->command, "refused: %s", text);
	check->refused = true;
}

static bool is_there(const struct enforce *enforce, const char *path)
{
	struct stat st;

	return pkgima_beneath_stat(enforce->root_fd, path, false, &st) == 0;
}

static void check_package(struct check *check)
{
	static const char *const files[] = { "/ima/init", LATCH, "/ima/proof" };
	const struct enforce *enforce = check->enforce;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (is_there(enforce, files[i]))
			continue;
		refuse(check, "there is no %s" ADVICE("install the package ima-init"), files[i]);
		return;
	}
	if (!enforce->starts_it && !cli_can_make_initramfs(enforce->root))
		refuse(check, "no initramfs would carry ima-init: neither update-initramfs nor dracut is here, with ima-init's part"
		       ADVICE("install initramfs-tools or dracut, or start the machine with init=/ima/init"));
}

static void check_foreign(struct check *check)
{
	if (is_there(check->enforce, PKGIMA_ENFORCE_FOREIGN))
		refuse(check, "%s exists: systemd loads it without keys, also when recovery was asked for"
		       ADVICE("give it to pkgima enforce log --policy, and remove it"), PKGIMA_ENFORCE_FOREIGN);
}

static void check_keys(struct check *check, const struct pkgima_trust *trust, const struct pkgima_kernel_config *config)
{
	size_t authorities = 0, leaves = 0;

	for (size_t i = 0; i < trust->count; i++) {
		authorities += trust->items[i].ca && !trust->items[i].problem;
		leaves += !trust->items[i].ca && !trust->items[i].problem;
	}
	/* With a keyring of its own, and without an initramfs, the kernel has its CA built in. */
	if (!authorities && !(check->enforce->starts_it && pkgima_kernel_config_get(config, "INTEGRITY_TRUSTED_KEYRING") == 'y'))
		refuse(check, "no CA certificate is confirmed in %s" ADVICE("pkgima keys list shows those that wait, "
		       "pkgima keys trust FINGERPRINT confirms one"), PKGIMA_TRUST_CA_FOLDER);
	if (!leaves)
		refuse(check, "no certificate in %s counts" ADVICE("pkgima keys list tells why: nothing could be verified"),
		       PKGIMA_TRUST_FOLDER);
}

static void warn(void *context, const char *sentence)
{
	const struct check *check = context;

	printf("attention: %s: %s\n", check->enforce->source, sentence);
}

static void say_refused(void *context, size_t line, const char *sentence)
{
	refuse(context, "%s: line %zu: a kernel refuses it: %s", ((struct check *)context)->enforce->source, line, sentence);
}

/* What the policy says by itself. */
static void check_text(struct check *check, struct pkgima_ima_policy *policy)
{
	const struct enforce *enforce = check->enforce;
	size_t own = policy->count;
	struct pkgima_error error;
	bool appraises = false;

	if (pkgima_ima_policy_parse(policy, enforce->text, enforce->text_length, NULL, say_refused, check, &error) < 0) {
		if (!check->refused)
			refuse(check, "%s: %s", enforce->source, error.text);
		check->refused = true;
		return;
	}
	for (size_t i = own; i < policy->count; i++)
		appraises = appraises || policy->rules[i].action == PKGIMA_IMA_APPRAISE;
	if (!appraises)
		refuse(check, "%s appraises nothing" ADVICE("the mode log needs no policy of its own: name the one that is to be "
		       "enforced later"), enforce->source);
	else if (pkgima_policy_check(enforce->text, enforce->text_length, warn, check, &error) < 0)
		refuse(check, "%s: %s", enforce->source, error.text);
	if (policy->unended)
		refuse(check, "%s does not end in a line feed: a kernel that is given its path refuses it", enforce->source);
}

static bool signature_is_good(const struct enforce *enforce, const struct pkgima_trust *trust, struct pkgima_error *error)
{
	cleanup_verifier struct pkgima_verifier *verifier = pkgima_verifier_new(trust);
	const struct pkgima_value value = { enforce->signature, enforce->signature_length };
	struct pkgima_hasher *hasher = pkgima_hasher_new();
	struct pkgima_signature signature;
	uint8_t digest[PKGIMA_DIGEST_MAX];
	int r = hasher && verifier ? 0 : pkgima_fail(error, -ENOMEM, "no memory");

	if (r == 0)
		r = pkgima_signature_parse(value.bytes, value.length, &signature, error);
	if (r == 0)
		r = pkgima_hasher_begin(hasher, signature.hash, error);
	if (r == 0)
		r = pkgima_hasher_update(hasher, enforce->text, enforce->text_length, error);
	if (r == 0)
		r = pkgima_hasher_end(hasher, digest, error);
	if (r == 0 && pkgima_verifier_check(verifier, &value, signature.hash, digest, error) != PKGIMA_VERDICT_OK)
		r = -EKEYREJECTED;
	pkgima_hasher_free(hasher);
	return r == 0;
}

/* Does the kernel of the next boot want the policy to be signed? @own: of its own rules there are so many. */
static bool wants_signature(const struct enforce *enforce, const struct pkgima_ima_policy *policy, size_t own)
{
	static const char *const words[] = { "ima_policy=appraise_tcb", "ima_policy=secure_boot", "ima_appraise_tcb" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (enforce_command_line_has(enforce, words[i]))
			return true;
	for (size_t i = 0; i < own; i++)
		if (policy->rules[i].action == PKGIMA_IMA_APPRAISE && policy->rules[i].hook == PKGIMA_IMA_HOOK_POLICY_CHECK)
			return true;
	return false;
}

static void check_signature(struct check *check, const struct pkgima_trust *trust, bool wanted)
{
	struct enforce *enforce = check->enforce;
	struct pkgima_error error = { "" };

	if (!enforce->signature) {
		if (wanted)
			refuse(check, "%s has no signature, and the kernel wants one" ADVICE("pkgima sign --xattr signs it"),
			       enforce->source);
		return;
	}
	if (signature_is_good(enforce, trust, &error))
		return;
	if (wanted)
		refuse(check, "%s: the kernel wants it signed, and its signature is not good: %s", enforce->source, error.text);
	else
		printf("attention: %s: its signature is not good: %s\n", enforce->source, error.text);
}

static void check_kernel(struct check *check, const struct pkgima_kernel_config *config)
{
	if (config->text && pkgima_kernel_config_get(config, "IMA_APPRAISE") != 'y')
		refuse(check, "the kernel has no IMA appraisal (%s: CONFIG_IMA_APPRAISE)", config->source);
}

/*
 * A kernel without a keyring of its own keeps _ima from when it first verifies something, and ima-init has it verify the
 * latch: where no rule reaches that, the boot stops.
 */
static void check_latch(struct check *check, const struct pkgima_ima_policy *policy, const struct pkgima_kernel_config *config)
{
	static const enum pkgima_ima_hook hooks[] = {
		PKGIMA_IMA_HOOK_FILE_CHECK, PKGIMA_IMA_HOOK_BPRM_CHECK, PKGIMA_IMA_HOOK_CREDS_CHECK,
		PKGIMA_IMA_HOOK_MMAP_CHECK, PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT,
	};
	/* Another root may come to be on another file system, and have a kernel of which nothing is known here. */
	const bool certain = config->text && check->enforce->root_is_ours;
	cleanup_places struct pkgima_places places = PKGIMA_PLACES_NONE;
	struct pkgima_ima_demand demands[PKGIMA_IMA_DEMANDS_MAX];
	struct pkgima_ima_access access = { .mask = PKGIMA_IMA_EXEC };
	cleanup_close int fd = -1;
	struct stat st;
	bool sure;

	if (pkgima_kernel_config_get(config, "INTEGRITY_TRUSTED_KEYRING") == 'y')
		return;
	fd = pkgima_beneath_open_file(check->enforce->root_fd, LATCH, &st);
	access.place = fd >= 0 ? pkgima_places_find(&places, fd, &st) : NULL;
	if (!access.place)
		return;
	access.owner = st.st_uid;
	access.group = st.st_gid;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		access.hook = hooks[i];
		for (size_t count = pkgima_ima_policy_ask(policy, &access, demands, &sure); count > 0; count--)
			if (demands[count - 1].appraised)
				return;
	}
	if (certain)
		refuse(check, "%s: no rule has the kernel verify " LATCH ", and so keep the keyring _ima: the boot would stop"
		       ADVICE("give it the owner and the group that the rules are about, as ima-init(8) has it"),
		       check->enforce->source);
	else
		printf("attention: %s: no rule has the kernel verify " LATCH ": on a kernel without .ima the boot would stop\n",
		       check->enforce->source);
}

/* What is worth a thought before it is enforced. */
static void check_habits(const struct enforce *enforce)
{
	static const char *const words[] = { "ima_appraise=log", "ima_appraise=fix", "ima_appraise=off" };
	static const char *const recovery[] = { "ima_init=log", "ima_init=off" };
	cleanup_free uint8_t *state = NULL;
	struct pkgima_error error;
	size_t length;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (enforce_command_line_has(enforce, words[i]))
			printf("attention: %s on the kernel command line: the kernel would deny nothing\n", words[i]);
	for (size_t i = 0; i < sizeof(recovery) / sizeof(recovery[0]); i++)
		if (enforce_command_line_has(enforce, recovery[i]))
			printf("attention: %s on the kernel command line counts more than what is set here\n", recovery[i]);
	if (!enforce->root_is_ours)
		return;
	if (pkgima_beneath_read(enforce->root_fd, PKGIMA_STATE_PATH, 64 * 1024, &state, &length, &error) < 0 ||
	    (strncmp((char *)state, "mode=log\n", 9) != 0 && strncmp((char *)state, "mode=enforce\n", 13) != 0))
		printf("attention: this boot was not in mode log, and nothing was recorded of what the machine runs\n");
}

static int load_config(const struct enforce *enforce, struct pkgima_kernel_config *config, struct pkgima_ima_policy *policy)
{
	cleanup_free char *rules = NULL;
	struct pkgima_error error;
	int r;

	r = pkgima_kernel_config_load(enforce->root_fd, enforce->root_is_ours, config, &error);
	if (r < 0) {
		cli_message(enforce->command, "%s", error.text);
		return r;
	}
	rules = pkgima_kernel_config_rules(config, enforce->root_is_ours && pkgima_secure_boot(enforce->root_fd));
	if (rules && *rules)
		r = pkgima_ima_policy_parse(policy, (const uint8_t *)rules, strlen(rules), "the kernel", NULL, NULL, &error);
	return r < 0 || !rules ? -EINVAL : 0;
}

int enforce_check(struct enforce *enforce, enum pkgima_enforce_mode mode)
{
	cleanup_trust struct pkgima_trust *trust = cli_load_trust(enforce->command, enforce->root_fd, &(struct cli_certs){ 0 });
	cleanup_kernel_config struct pkgima_kernel_config config = { 0 };
	cleanup_ima_policy struct pkgima_ima_policy policy = { 0 };
	struct check check = { .enforce = enforce };
	size_t own;

	if (!trust || load_config(enforce, &config, &policy) < 0)
		return CLI_FAILED;
	own = policy.count;
	check_package(&check);
	check_foreign(&check);
	check_kernel(&check, &config);
	check_keys(&check, trust, &config);
	check_text(&check, &policy);
	if (!check.refused)
		check_latch(&check, &policy, &config);
	check_signature(&check, trust, wants_signature(enforce, &policy, own));
	if (check.refused)
		return CLI_VERDICT;
	if (mode != PKGIMA_ENFORCE_ENFORCE)
		return -1;
	check_habits(enforce);
	return enforce_predict(enforce, trust, &config, &policy);
}
