// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the kernel can do, what it was told, and what it was closed against. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "escape.h"
#include "ima_policy.h"
#include "status_checks.h"

#define SECURITYFS "/sys/kernel/security"
#define POLICY_ACTIVE "/etc/ima-init/policy"
#define POLICY_OF_SYSTEMD "/etc/ima/ima-policy"

#define OTHER_KERNEL "boot a kernel that has CONFIG_IMA and CONFIG_IMA_APPRAISE, such as Debian's"

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* Leaf certificates of the trust store with EC keys. */
static size_t count_ec_keys(const struct pkgima_status *status)
{
	size_t count = 0;

	for (size_t i = 0; i < status->trust->count; i++) {
		const struct pkgima_trust_item *item = &status->trust->items[i];

		count += !item->ca && !item->problem && EVP_PKEY_base_id(item->certificate->key) == EVP_PKEY_EC;
	}
	return count;
}

/* What was found out without knowing how it was built. */
static void observe_kernel(struct pkgima_status *status)
{
	if (status->boot.known && !strcmp(status->boot.mode, "enforce"))
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_OK, NULL, "its configuration is not to be had, but ima-init "
				   "has seen it verify signatures");
	else if (pkgima_status_exists(status, SECURITYFS "/ima"))
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_ATTENTION, "look for CONFIG_IMA_APPRAISE where it is from",
				   "it has IMA; whether it can appraise is not known: there is neither /proc/config.gz nor "
				   "its file in /boot");
	else
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_MISSING, OTHER_KERNEL, "no IMA is seen in " SECURITYFS
				   ", and there is neither /proc/config.gz nor a file in /boot that tells how it was built");
}

void pkgima_status_kernel(struct pkgima_status *status)
{
	static const char *const needed[] = { "IMA", "IMA_APPRAISE", "INTEGRITY_SIGNATURE", "INTEGRITY_ASYMMETRIC_KEYS" };
	size_t ec_keys = count_ec_keys(status);

	if (!pkgima_status_knows_config(status)) {
		observe_kernel(status);
		return;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (pkgima_status_has(status, needed[i]))
			continue;
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_MISSING, OTHER_KERNEL, "it was built without CONFIG_%s (%s)",
				   needed[i], status->config.source);
		return;
	}
	if (!pkgima_status_exists(status, SECURITYFS "/ima"))
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_ATTENTION, "mount securityfs on " SECURITYFS,
				   "it has IMA, but there is no " SECURITYFS "/ima: its policy cannot be seen");
	else if (ec_keys && pkgima_kernel_config_get(&status->config, "CRYPTO_ECDSA") == 'n')
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_ATTENTION, "sign with an RSA key, or boot a later kernel",
				   "it cannot verify signatures of EC keys, which %zu certificate%s of the trust store have "
				   "(CONFIG_CRYPTO_ECDSA, %s)", ec_keys, plural(ec_keys), status->config.source);
	else
		pkgima_status_tell(status, "kernel", PKGIMA_STATUS_OK, NULL, "it appraises signatures, %s (%s)",
				   pkgima_status_has(status, "INTEGRITY_TRUSTED_KEYRING") ? "with a keyring of its own, .ima" :
				   "with a keyring that ima-init makes, _ima", status->config.source);
}

/* Rules of a policy's text that appraise. */
static size_t count_appraise_rules(const char *text)
{
	size_t count = 0;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		count += !strncmp(line, "appraise ", 9);
	return count;
}

/* The policy that is in force, as far as the kernel shows it: what is to be told behind the rest of a sentence. */
static void describe_policy(const struct pkgima_status *status, char *text, size_t capacity, bool *ret_appraises)
{
	cleanup_free char *rules = NULL;
	size_t length, count;

	*ret_appraises = true;
	rules = pkgima_status_read_all(status, SECURITYFS "/ima/policy", PKGIMA_IMA_POLICY_MAX, &length);
	if (rules) {
		count = count_appraise_rules(rules);
		*ret_appraises = count > 0;
		snprintf(text, capacity, "the kernel shows it: %zu rule%s that appraise%s", count, plural(count),
			 count == 1 ? "s" : "");
	} else if (pkgima_status_exists(status, SECURITYFS "/ima/policy")) {
		snprintf(text, capacity, "the kernel does not show it; more rules can be added");
	} else {
		snprintf(text, capacity, "the kernel does not show it, and takes no other");
	}
}

static void tell_loaded(struct pkgima_status *status)
{
	const struct pkgima_status_boot *boot = &status->boot;
	char shown[160];
	bool appraises;

	describe_policy(status, shown, sizeof(shown), &appraises);
	if (boot->malformed)
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "boot again: ima-init writes it",
				   "/run/pkgima/state is malformed; whoever installs takes it for enforce");
	else if (!strcmp(boot->mode, "enforce") && !appraises)
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "take the appraise rules of one in "
				   "/usr/share/ima-init/policies", "%s was loaded to enforce, and has no rule that appraises",
				   boot->policy);
	else if (!strcmp(boot->mode, "enforce"))
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_OK, NULL, "%s is enforced; %s", boot->policy, shown);
	else if (!strcmp(boot->mode, "log"))
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "see what it recorded with pkgima audit --log, "
				   "then enforce", "%s only records what is used: nothing is denied", boot->policy);
	else
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "boot without ima_init=off, once "
				   POLICY_ACTIVE " is there", "ima-init was started and loaded none: nothing is denied");
}

static void tell_not_loaded(struct pkgima_status *status)
{
	cleanup_free char *rules = NULL;
	size_t length, count;

	rules = pkgima_status_read_all(status, SECURITYFS "/ima/policy", PKGIMA_IMA_POLICY_MAX, &length);
	count = rules ? count_appraise_rules(rules) : 0;
	if (count)
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "have ima-init load it: then keys are there first",
				   "one with %zu rule%s that appraise%s is in force, which ima-init did not load", count,
				   plural(count), count == 1 ? "s" : "");
	else if (pkgima_status_exists(status, POLICY_ACTIVE))
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "see boot", POLICY_ACTIVE " is there, but this boot "
				   "has not loaded it: nothing is denied");
	else
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_MISSING, "try one with pkgima audit --policy, then copy it "
				   "from /usr/share/ima-init/policies to " POLICY_ACTIVE, "there is none: nothing is denied");
}

void pkgima_status_policy(struct pkgima_status *status)
{
	if (status->boot.known)
		tell_loaded(status);
	else
		tell_not_loaded(status);
	if (pkgima_status_exists(status, POLICY_OF_SYSTEMD))
		pkgima_status_tell(status, "policy", PKGIMA_STATUS_ATTENTION, "remove it", POLICY_OF_SYSTEMD " is there: systemd "
				   "loads it by itself, without keys, and also when recovery was asked for");
}

/*
 * Does Secure Boot keep the kernel from heeding ima_appraise=? default_appraise_setup() of ima_appraise.c, and
 * arch_ima_get_secureboot(), which says no where CONFIG_IMA_SECURE_AND_OR_TRUSTED_BOOT is not set.
 */
static bool secure_boot_decides(const struct pkgima_status *status)
{
	return status->secure_boot && (!pkgima_status_knows_config(status) ||
				       pkgima_status_has(status, "IMA_SECURE_AND_OR_TRUSTED_BOOT"));
}

void pkgima_status_appraise(struct pkgima_status *status)
{
	char value[64] = "", safe[80];
	bool known;

	if (!pkgima_status_last_word(status, "ima_appraise", value, sizeof(value)) || !strcmp(value, "enforce")) {
		pkgima_status_tell(status, "appraise", PKGIMA_STATUS_OK, NULL, "the kernel denies what its policy wants denied%s",
				   *value ? " (ima_appraise=enforce)" : "");
		return;
	}
	known = !strcmp(value, "off") || !strcmp(value, "log") || !strcmp(value, "fix");
	pkgima_printable_into(value, safe, sizeof(safe));
	if (pkgima_status_knows_config(status) && !pkgima_status_has(status, "IMA_APPRAISE_BOOTPARAM"))
		pkgima_status_tell(status, "appraise", PKGIMA_STATUS_ATTENTION, "take it off the kernel command line", "this kernel "
				   "takes no notice of ima_appraise=%s: it denies what its policy wants denied", safe);
	else if (!known)
		pkgima_status_tell(status, "appraise", PKGIMA_STATUS_ATTENTION, "take it off the kernel command line", "ima_appraise=%s "
				   "means nothing to a kernel: it denies what its policy wants denied", safe);
	else if (secure_boot_decides(status))
		pkgima_status_tell(status, "appraise", PKGIMA_STATUS_ATTENTION, "take it off the kernel command line; to try a "
				   "policy, boot with ima_init=log", "Secure Boot is on: the kernel ignores ima_appraise=%s, and "
				   "denies what its policy wants denied", safe);
	else
		pkgima_status_tell(status, "appraise", PKGIMA_STATUS_ATTENTION, "take it off the kernel command line",
				   "ima_appraise=%s: the kernel denies nothing, whatever its policy says%s", safe,
				   !strcmp(value, "fix") ? ", and overwrites hashes" : "");
}

void pkgima_status_firmware(struct pkgima_status *status)
{
	if (status->secure_boot && secure_boot_decides(status))
		pkgima_status_tell(status, "firmware", PKGIMA_STATUS_OK, NULL, "Secure Boot is on: only signed kernels start, and "
				   "ima_appraise=off, log and fix are ignored");
	else if (status->secure_boot)
		pkgima_status_tell(status, "firmware", PKGIMA_STATUS_OK, NULL, "Secure Boot is on: only signed kernels start; this "
				   "one heeds ima_appraise=off, log and fix all the same");
	else if (status->efi)
		pkgima_status_tell(status, "firmware", PKGIMA_STATUS_ATTENTION, "switch it on in the firmware's settings",
				   "Secure Boot is off: any kernel starts, and ima_appraise=off, log and fix are heeded");
	else
		pkgima_status_tell(status, "firmware", PKGIMA_STATUS_ATTENTION, "boot by EFI, with Secure Boot", "this machine was "
				   "not booted by EFI: any kernel starts, and ima_appraise=off, log and fix are heeded");
}

/* Bits of security/integrity/evm/evm.h. */
enum { EVM_HMAC = 1, EVM_X509 = 2, EVM_METADATA_WRITES = 4 };

void pkgima_status_evm(struct pkgima_status *status)
{
	char text[32];
	unsigned long bits;

	if (!pkgima_status_read(status, SECURITYFS "/evm", text, sizeof(text))) {
		if (pkgima_status_exists(status, SECURITYFS "/ima") ||
		    (pkgima_status_knows_config(status) && !pkgima_status_has(status, "EVM")))
			pkgima_status_tell(status, "evm", PKGIMA_STATUS_OK, NULL, "this kernel has no EVM that could be switched on");
		else
			pkgima_status_tell(status, "evm", PKGIMA_STATUS_ATTENTION, "mount securityfs on " SECURITYFS,
					   "it cannot be seen whether this kernel has it");
		return;
	}
	bits = strtoul(text, NULL, 0);
	if (bits == EVM_X509)
		pkgima_status_tell(status, "evm", PKGIMA_STATUS_ATTENTION, "have ima-init switch it on: it writes 0x80000002, which "
				   "lets packages be installed", "it verifies signatures of metadata, but is not closed");
	else if (bits)
		pkgima_status_tell(status, "evm", PKGIMA_STATUS_OK, NULL, "it verifies metadata (%s%s%s)",
				   bits & EVM_HMAC ? "HMAC" : "", (bits & (EVM_HMAC | EVM_X509)) == (EVM_HMAC | EVM_X509) ?
				   " and " : "", bits & EVM_X509 ? "signatures" : "");
	else if (!strcmp(status->boot.evm, "closed"))
		pkgima_status_tell(status, "evm", PKGIMA_STATUS_OK, NULL, "ima-init has closed it: nobody can switch it on with "
				   "keys of their own");
	else
		pkgima_status_tell(status, "evm", PKGIMA_STATUS_ATTENTION, "have ima-init close it, which it does in every boot",
				   "it is open: root can switch it on with a key of its own, and go around signatures with it");
}

/* The word in brackets of "none [integrity] confidentiality". */
static bool chosen_word(char *text, const char **ret_word)
{
	char *start = strchr(text, '['), *end = start ? strchr(start, ']') : NULL;

	if (!end)
		return false;
	*end = '\0';
	*ret_word = start + 1;
	return true;
}

void pkgima_status_lockdown(struct pkgima_status *status)
{
	char text[128], safe[160];
	const char *word;

	if (!pkgima_status_read(status, SECURITYFS "/lockdown", text, sizeof(text)) || !chosen_word(text, &word))
		pkgima_status_tell(status, "lockdown", PKGIMA_STATUS_MISSING, "boot a kernel with "
				   "CONFIG_SECURITY_LOCKDOWN_LSM, and lockdown in its list of security modules",
				   "this kernel has none, or does not show it: root can write to its memory");
	else if (!strcmp(word, "none"))
		pkgima_status_tell(status, "lockdown", PKGIMA_STATUS_ATTENTION, "ima-init switches it on where it enforces; or put "
				   "lockdown=integrity on the kernel command line", "it is off: root can write to the kernel's memory");
	else
		pkgima_status_tell(status, "lockdown", PKGIMA_STATUS_OK, NULL, "%s",
				   pkgima_printable_into(word, safe, sizeof(safe)));
}

void pkgima_status_kexec(struct pkgima_status *status)
{
	char text[16];

	if (!pkgima_status_exists(status, "/proc/sys/kernel"))
		pkgima_status_tell(status, "kexec", PKGIMA_STATUS_ATTENTION, "mount /proc", "there is no /proc/sys/kernel");
	else if (!pkgima_status_read(status, "/proc/sys/kernel/kexec_load_disabled", text, sizeof(text)))
		pkgima_status_tell(status, "kexec", PKGIMA_STATUS_OK, NULL, "this kernel cannot start another one");
	else if (!strcmp(text, "1"))
		pkgima_status_tell(status, "kexec", PKGIMA_STATUS_OK, NULL, "it is disabled until the next boot");
	else
		pkgima_status_tell(status, "kexec", PKGIMA_STATUS_ATTENTION, "ima-init disables it where it enforces; or "
				   "sysctl kernel.kexec_load_disabled=1", "root can start another kernel with any initramfs and "
				   "command line");
}

void pkgima_status_fuse(struct pkgima_status *status)
{
	const char *position = NULL;
	char value[256], *rest, *word;

	while (pkgima_status_word(status, "ima_policy", &position, value, sizeof(value)))
		for (rest = value; (word = strsep(&rest, " |\n")); )
			if (!strcmp(word, "fail_securely")) {
				pkgima_status_tell(status, "fuse", PKGIMA_STATUS_OK, NULL, "ima_policy=fail_securely: no file of a "
						   "FUSE file system passes for signed");
				return;
			}
	pkgima_status_tell(status, "fuse", PKGIMA_STATUS_ATTENTION, "put ima_policy=fail_securely on the kernel command line",
			   "a FUSE file system can show the kernel one content to verify and another to run");
}
