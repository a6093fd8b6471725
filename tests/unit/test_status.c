// SPDX-License-Identifier: LGPL-2.1-or-later
/* Each check of pkgima status, in each outcome, on made-up /proc, /sys, /boot and /etc. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "beneath.h"
#include "status.h"

#define GOOD_CONFIG \
	"CONFIG_IMA=y\nCONFIG_IMA_APPRAISE=y\nCONFIG_INTEGRITY_SIGNATURE=y\nCONFIG_INTEGRITY_ASYMMETRIC_KEYS=y\n" \
	"CONFIG_IMA_APPRAISE_BOOTPARAM=y\n"
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define STUB_INFO "/sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define LINES_MAX 16

static struct fixture {
	char *folder;
	struct pkgima_trust *trust;
	struct pkgima_status_keyring keyring;
	const struct pkgima_status_packages *packages;
	size_t count;
	struct pkgima_status_line lines[LINES_MAX];
	enum pkgima_status_state worst;
} fixture;

static int make_root(void **state)
{
	(void)state;
	fixture = (struct fixture){ .folder = support_folder(), .trust = pkgima_trust_new() };
	return 0;
}

static int remove_root(void **state)
{
	(void)state;
	pkgima_trust_free(fixture.trust);
	support_remove(fixture.folder);
	return 0;
}

static void put(const char *path, const char *text)
{
	support_write_text(support_path(fixture.folder, "%s", path), text, 0644);
}

static void put_bytes(const char *path, const void *data, size_t length)
{
	support_write(support_path(fixture.folder, "%s", path), data, length, 0644);
}

static void take_away(const char *path)
{
	assert_int_equal(unlink(support_path(fixture.folder, "%s", path)), 0);
}

/* The running kernel's, as its file in /boot. */
static void put_config(const char *text)
{
	struct utsname kernel;
	char path[512];

	uname(&kernel);
	snprintf(path, sizeof(path), "/boot/config-%s", kernel.release);
	put(path, text);
}

static void put_modules(const char *text)
{
	struct utsname kernel;
	char path[512];

	uname(&kernel);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	put(path, text);
}

static void take_line(void *context, const struct pkgima_status_line *line)
{
	(void)context;
	assert_true(fixture.count < LINES_MAX);
	assert_true(line->text[0]);
	/* What is not well has a remedy, but for what is just not there. */
	fixture.lines[fixture.count++] = *line;
}

static void run(const char *name)
{
	cleanup_status struct pkgima_status status = { .trust = fixture.trust, .keyring = &fixture.keyring,
						       .packages = fixture.packages, .tell = take_line };
	struct pkgima_error error = { "" };
	cleanup_close int root = -1;
	bool found = false;

	root = status.root_fd = pkgima_root_open(fixture.folder, NULL);
	fixture.count = 0;
	if (pkgima_status_open(&status, &error) < 0)
		fail_msg("%s", error.text);
	for (const struct pkgima_status_check *check = pkgima_status_checks; check->name; check++)
		if (!strcmp(check->name, name)) {
			check->run(&status);
			found = true;
		}
	assert_true(found);
	fixture.worst = status.worst;
	for (size_t i = 0; i < fixture.count; i++)
		assert_string_equal(fixture.lines[i].check, name);
}

/* One line of the last run. */
static void expect_line(size_t index, enum pkgima_status_state state, const char *text, const char *remedy)
{
	const struct pkgima_status_line *line = &fixture.lines[index];

	assert_true(index < fixture.count);
	if (line->state != state || !strstr(line->text, text) || !!remedy != !!*line->remedy ||
	    (remedy && !strstr(line->remedy, remedy)))
		fail_msg("%s: %s %s -> %s", line->check, pkgima_status_state_word(line->state), line->text, line->remedy);
}

/* The check gives one line. */
static void expect(const char *check, enum pkgima_status_state state, const char *text, const char *remedy)
{
	run(check);
	if (fixture.count != 1)
		fail_msg("%s: %zu lines", check, fixture.count);
	expect_line(0, state, text, remedy);
	assert_int_equal(fixture.worst, state);
}

static void test_kernel(void **state)
{
	static const char *const needed[] = { "IMA", "IMA_APPRAISE", "INTEGRITY_SIGNATURE", "INTEGRITY_ASYMMETRIC_KEYS" };
	struct support_key ec;
	char name[64];

	(void)state;
	expect("kernel", PKGIMA_STATUS_MISSING, "no IMA is seen", "boot a kernel that has");
	put("/sys/kernel/security/ima/policy", "");
	expect("kernel", PKGIMA_STATUS_ATTENTION, "whether it can appraise is not known", "CONFIG_IMA_APPRAISE");
	put("/run/pkgima/state", "mode=enforce\n");
	expect("kernel", PKGIMA_STATUS_OK, "ima-init has seen it", NULL);
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		char text[512] = GOOD_CONFIG;

		snprintf(name, sizeof(name), "CONFIG_%s=", needed[i]);
		strstr(text, name)[strlen(name)] = 'n';
		put_config(text);
		snprintf(name, sizeof(name), "built without CONFIG_%s (/boot/config-", needed[i]);
		expect("kernel", PKGIMA_STATUS_MISSING, name, "boot a kernel");
	}
	put_config(GOOD_CONFIG);
	expect("kernel", PKGIMA_STATUS_OK, "with a keyring that ima-init makes, _ima (/boot/config-", NULL);
	put_config(GOOD_CONFIG "CONFIG_INTEGRITY_TRUSTED_KEYRING=y\n");
	expect("kernel", PKGIMA_STATUS_OK, "with a keyring of its own, .ima", NULL);
	support_key_make(&ec, fixture.folder, "ec", "p256");
	pkgima_trust_free(fixture.trust);
	fixture.trust = support_trust(&ec, NULL);
	expect("kernel", PKGIMA_STATUS_ATTENTION, "EC keys, which 1 certificate of", "RSA");
	put_config(GOOD_CONFIG "CONFIG_CRYPTO_ECDSA=m\n");
	expect("kernel", PKGIMA_STATUS_OK, "it appraises signatures", NULL);
	support_key_free(&ec);
	take_away("/sys/kernel/security/ima/policy");
	assert_int_equal(rmdir(support_path(fixture.folder, "/sys/kernel/security/ima")), 0);
	expect("kernel", PKGIMA_STATUS_ATTENTION, "its policy cannot be seen", "mount securityfs");
}

/* The same from /proc/config.gz, where there is no file in /boot. */
static void test_kernel_by_proc(void **state)
{
	const char *path = support_path(fixture.folder, "/proc/config");

	(void)state;
	support_write_text(path, GOOD_CONFIG, 0644);
	assert_int_equal(support_run("gzip", path, NULL), 0);
	put("/sys/kernel/security/ima/policy", "");
	expect("kernel", PKGIMA_STATUS_OK, "(/proc/config.gz)", NULL);
}

static void test_trust(void **state)
{
	struct support_key one, two;

	(void)state;
	expect("trust", PKGIMA_STATUS_MISSING, "no certificate in /etc/keys/ima counts", "pkgima keys list");
	support_key_make(&one, fixture.folder, "one", "rsa2048");
	support_key_make(&two, fixture.folder, "two", "rsa2048");
	pkgima_trust_free(fixture.trust);
	fixture.trust = support_trust(&one, NULL);
	expect("trust", PKGIMA_STATUS_ATTENTION, "1 certificate; without a CA certificate", "CA certificate");
	fixture.trust->has_ca = true;
	expect("trust", PKGIMA_STATUS_OK, "1 certificate", NULL);
	pkgima_trust_free(fixture.trust);
	fixture.trust = support_trust(&one, &two);
	fixture.trust->has_ca = true;
	expect("trust", PKGIMA_STATUS_OK, "2 certificates", NULL);
	fixture.trust->items[1].problem = strdup("it is bad");
	expect("trust", PKGIMA_STATUS_ATTENTION, "1 certificate, and 1 file that does not count", "keys list");
	support_key_free(&one);
	support_key_free(&two);
}

static void test_keyring(void **state)
{
	struct support_key one, two;
	char first[PKGIMA_SKID_TEXT], second[PKGIMA_SKID_TEXT];
	const char *skids[2] = { first, second };

	(void)state;
	support_key_make(&one, fixture.folder, "one", "rsa2048");
	support_key_make(&two, fixture.folder, "two", "rsa2048");
	assert_true(pkgima_certificate_skid(one.certificate, first) && pkgima_certificate_skid(two.certificate, second));
	pkgima_trust_free(fixture.trust);
	fixture.trust = support_trust(&one, NULL);
	expect("keyring", PKGIMA_STATUS_MISSING, "this kernel has no keyring for IMA", "ima-init");
	fixture.keyring = (struct pkgima_status_keyring){ .problem = "it is locked" };
	expect("keyring", PKGIMA_STATUS_MISSING, "it is locked", "ima-init");
	fixture.keyring = (struct pkgima_status_keyring){ .name = "_ima", .problem = "it may not be read" };
	expect("keyring", PKGIMA_STATUS_ATTENTION, "it may not be read", "root");
	fixture.keyring = (struct pkgima_status_keyring){ .name = "_ima", .skids = skids };
	expect("keyring", PKGIMA_STATUS_ATTENTION, "_ima lacks 1 key of the trust store", "pkgima keys load");
	fixture.keyring.count = 1;
	expect("keyring", PKGIMA_STATUS_OK, "_ima has the keys of the trust store, and no other", NULL);
	fixture.keyring.count = 2;
	fixture.keyring.name = ".ima";
	expect("keyring", PKGIMA_STATUS_ATTENTION, ".ima has 1 key that the trust store does not have", "keys list");
	fixture.keyring.skids = &skids[1];
	fixture.keyring.count = 1;
	run("keyring");
	assert_int_equal(fixture.count, 2);
	expect_line(0, PKGIMA_STATUS_ATTENTION, "lacks 1 key", "load");
	expect_line(1, PKGIMA_STATUS_ATTENTION, "has 1 key that", "list");
	support_key_free(&one);
	support_key_free(&two);
}

static void test_policy(void **state)
{
	(void)state;
	expect("policy", PKGIMA_STATUS_MISSING, "there is none", "/usr/share/ima-init/policies");
	put("/etc/ima-init/policy", "appraise func=BPRM_CHECK\n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "this boot has not loaded it", "see boot");
	put("/sys/kernel/security/ima/policy", "measure func=BPRM_CHECK \nappraise func=BPRM_CHECK \n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "1 rule that appraises is in force, which ima-init did not load", "ima-init");
	put("/run/pkgima/state", "mode=enforce\npolicy=/etc/ima-init/policy\n");
	expect("policy", PKGIMA_STATUS_OK, "/etc/ima-init/policy is enforced; the kernel shows it: 1 rule that appraises", NULL);
	put("/sys/kernel/security/ima/policy", "measure func=BPRM_CHECK \n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "no rule that appraises", "appraise rules");
	take_away("/sys/kernel/security/ima/policy");
	expect("policy", PKGIMA_STATUS_OK, "the kernel does not show it, and takes no other", NULL);
	/* There, and not to be read. */
	support_make_folder(support_path(fixture.folder, "/sys/kernel/security/ima/policy"));
	expect("policy", PKGIMA_STATUS_OK, "does not show it; more rules can be added", NULL);
	put("/run/pkgima/state", "mode=log\npolicy=log\n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "log only records", "pkgima audit --log");
	put("/run/pkgima/state", "mode=off\npolicy=\n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "loaded none: nothing is denied", "ima_init=off");
	put("/run/pkgima/state", "mode=maybe\n");
	expect("policy", PKGIMA_STATUS_ATTENTION, "/run/pkgima/state is malformed", "boot again");
	put("/run/pkgima/state", "mode=enforce\npolicy=x\n");
	put("/etc/ima/ima-policy", "");
	run("policy");
	assert_int_equal(fixture.count, 2);
	expect_line(1, PKGIMA_STATUS_ATTENTION, "/etc/ima/ima-policy is there: systemd", "remove it");
}

static const uint8_t secure[] = { 6, 0, 0, 0, 1 }, insecure[] = { 6, 0, 0, 0, 0 };

static void test_appraise(void **state)
{
	static const struct { const char *line; const char *text; } plain[] = {
		{ "quiet ima_appraise=log", "ima_appraise=log: the kernel denies nothing" },
		{ "ima_appraise=enforce ima_appraise=off\n", "ima_appraise=off: the kernel denies nothing" },
		{ "\"ima_appraise=fix\" x", "and overwrites hashes" },
		{ "ima_appraise=sometimes", "ima_appraise=sometimes means nothing" },
		{ "ima_appraise=\"a b\" x", "ima_appraise=a b means nothing" },
	};
	static const char *const fine[] = {
		"quiet", "", "xima_appraise=log", "ima_appraise=log ima_appraise=enforce", "quiet -- ima_appraise=log",
		"x=\"ima_appraise=log y\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		put("/proc/cmdline", fine[i]);
		expect("appraise", PKGIMA_STATUS_OK, "the kernel denies what its policy wants denied", NULL);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		put("/proc/cmdline", plain[i].line);
		expect("appraise", PKGIMA_STATUS_ATTENTION, plain[i].text, "take it off");
	}
	put("/proc/cmdline", "ima_appraise=log");
	put_bytes(SECURE_BOOT, insecure, sizeof(insecure));
	expect("appraise", PKGIMA_STATUS_ATTENTION, "denies nothing", "take it off");
	put_bytes(SECURE_BOOT, secure, sizeof(secure));
	expect("appraise", PKGIMA_STATUS_ATTENTION, "Secure Boot is on: the kernel ignores ima_appraise=log", "ima_init=log");
	/* A kernel that does not ask the firmware. */
	put_config(GOOD_CONFIG);
	expect("appraise", PKGIMA_STATUS_ATTENTION, "denies nothing", "take it off");
	put_config(GOOD_CONFIG "CONFIG_IMA_SECURE_AND_OR_TRUSTED_BOOT=y\n");
	expect("appraise", PKGIMA_STATUS_ATTENTION, "Secure Boot is on: the kernel ignores", "ima_init=log");
	put_config("CONFIG_IMA=y\n");
	expect("appraise", PKGIMA_STATUS_ATTENTION, "takes no notice of ima_appraise=log", "take it off");
}

static void test_firmware(void **state)
{
	(void)state;
	expect("firmware", PKGIMA_STATUS_ATTENTION, "not booted by EFI", "Secure Boot");
	put_bytes(SECURE_BOOT, insecure, sizeof(insecure));
	expect("firmware", PKGIMA_STATUS_ATTENTION, "Secure Boot is off", "switch it on");
	put_bytes(SECURE_BOOT, secure, sizeof(secure));
	expect("firmware", PKGIMA_STATUS_OK, "ima_appraise=off, log and fix are ignored", NULL);
	put_config(GOOD_CONFIG);
	expect("firmware", PKGIMA_STATUS_OK, "heeds ima_appraise=off", NULL);
}

static void test_evm(void **state)
{
	(void)state;
	expect("evm", PKGIMA_STATUS_ATTENTION, "it cannot be seen", "mount securityfs");
	put_config(GOOD_CONFIG "CONFIG_EVM=y\n");
	expect("evm", PKGIMA_STATUS_ATTENTION, "it cannot be seen", "mount securityfs");
	put_config(GOOD_CONFIG);
	expect("evm", PKGIMA_STATUS_OK, "no EVM that could be switched on", NULL);
	put("/sys/kernel/security/evm", "0");
	expect("evm", PKGIMA_STATUS_ATTENTION, "it is open", "ima-init");
	put("/run/pkgima/state", "mode=enforce\nevm=closed\n");
	expect("evm", PKGIMA_STATUS_OK, "ima-init has closed it", NULL);
	put("/sys/kernel/security/evm", "2");
	expect("evm", PKGIMA_STATUS_ATTENTION, "not closed", "0x80000002");
	put("/sys/kernel/security/evm", "6\n");
	expect("evm", PKGIMA_STATUS_OK, "it verifies metadata (signatures)", NULL);
	put("/sys/kernel/security/evm", "1");
	expect("evm", PKGIMA_STATUS_OK, "it verifies metadata (HMAC)", NULL);
	put("/sys/kernel/security/evm", "3");
	expect("evm", PKGIMA_STATUS_OK, "it verifies metadata (HMAC and signatures)", NULL);
}

/* struct boot_params with an initramfs, or none. */
static void put_boot_params(uint8_t size)
{
	uint8_t params[4096] = { 0 };

	params[0x21e] = size;
	put_bytes("/sys/kernel/boot_params/data", params, sizeof(params));
}

static void test_boot(void **state)
{
	(void)state;
	expect("boot", PKGIMA_STATUS_MISSING, "there is no /ima/init", "install the package ima-init");
	put("/ima/init", "");
	expect("boot", PKGIMA_STATUS_ATTENTION, "takes no part in the boot without /etc/ima-init/policy", "see policy");
	put("/etc/ima-init/policy", "");
	expect("boot", PKGIMA_STATUS_ATTENTION, "had no part in this boot", "dpkg-reconfigure ima-init");
	put("/proc/cmdline", "quiet ima_init=off");
	expect("boot", PKGIMA_STATUS_ATTENTION, "ima_init=off: ima-init did nothing", "without it");
	put("/run/pkgima/state", "mode=enforce\n");
	put("/proc/cmdline", "init=/ima/init");
	expect("boot", PKGIMA_STATUS_OK, "started by init=/ima/init, without an initramfs", NULL);
	put_boot_params(3);
	expect("boot", PKGIMA_STATUS_OK, "started by the initramfs", NULL);
	put_boot_params(0);
	support_make_folder(support_path(fixture.folder, "/run/initramfs"));
	put("/proc/cmdline", "init=/sbin/init");
	expect("boot", PKGIMA_STATUS_OK, "started by the kernel", NULL);
	take_away("/sys/kernel/boot_params/data");
	expect("boot", PKGIMA_STATUS_OK, "started by the initramfs", NULL);
}

static void test_bootauth(void **state)
{
	(void)state;
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "there is no initramfs, and nothing authenticates the command line: who was root",
	       "UKI");
	put_boot_params(1);
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "nothing authenticates the initramfs, and nothing authenticates the command line",
	       "UKI");
	put_bytes(SECURE_BOOT, secure, sizeof(secure));
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "who was root once has the next boot", "UKI");
	put_bytes(STUB_INFO, secure, sizeof(secure));
	expect("bootauth", PKGIMA_STATUS_OK, "one signed image (UKI), which Secure Boot has verified", NULL);
	put_bytes(SECURE_BOOT, insecure, sizeof(insecure));
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "nothing verifies it", "switch Secure Boot on");
	take_away(STUB_INFO);
	put_boot_params(0);
	put_config("CONFIG_INITRAMFS_SOURCE=\"\"\nCONFIG_CMDLINE_OVERRIDE=y\n");
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "there is no initramfs, the command line is built into the kernel, but nothing "
	       "verifies the kernel", "Secure Boot");
	put_config("CONFIG_X=y\nCONFIG_INITRAMFS_SOURCE=\"/x/list\"\nCONFIG_CMDLINE_FORCE=y\n");
	put_bytes(SECURE_BOOT, secure, sizeof(secure));
	expect("bootauth", PKGIMA_STATUS_OK, "the initramfs is inside the kernel image, the command line is built into the kernel, and "
	       "Secure Boot has verified that", NULL);
	put_config("CONFIG_INITRAMFS_SOURCE=\"/x/list\"\n");
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "inside the kernel image, and nothing authenticates the command line", "UKI");
	/* Another one from the boot loader is unpacked over it. */
	put_config("CONFIG_INITRAMFS_SOURCE=\"/x/list\"\nCONFIG_CMDLINE_FORCE=y\n");
	put_boot_params(1);
	expect("bootauth", PKGIMA_STATUS_ATTENTION, "nothing authenticates the initramfs, and the command line is built in", "UKI");
}

static void test_lockdown(void **state)
{
	(void)state;
	expect("lockdown", PKGIMA_STATUS_MISSING, "this kernel has none", "CONFIG_SECURITY_LOCKDOWN_LSM");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	expect("lockdown", PKGIMA_STATUS_ATTENTION, "it is off", "lockdown=integrity");
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	expect("lockdown", PKGIMA_STATUS_OK, "integrity", NULL);
	put("/sys/kernel/security/lockdown", "none integrity\n");
	expect("lockdown", PKGIMA_STATUS_MISSING, "does not show it", "CONFIG");
}

static void test_kexec(void **state)
{
	(void)state;
	expect("kexec", PKGIMA_STATUS_ATTENTION, "there is no /proc/sys/kernel", "mount /proc");
	support_make_folder(support_path(fixture.folder, "/proc/sys/kernel"));
	expect("kexec", PKGIMA_STATUS_OK, "cannot start another one", NULL);
	put("/proc/sys/kernel/kexec_load_disabled", "0\n");
	expect("kexec", PKGIMA_STATUS_ATTENTION, "root can start another kernel", "sysctl kernel.kexec_load_disabled=1");
	put("/proc/sys/kernel/kexec_load_disabled", "1\n");
	expect("kexec", PKGIMA_STATUS_OK, "disabled until the next boot", NULL);
}

static void test_modules(void **state)
{
	(void)state;
	expect("modules", PKGIMA_STATUS_ATTENTION, "there is no /proc/sys/kernel", "mount /proc");
	support_make_folder(support_path(fixture.folder, "/proc/sys/kernel"));
	expect("modules", PKGIMA_STATUS_OK, "this kernel loads none", NULL);
	put("/proc/modules", "");
	expect("modules", PKGIMA_STATUS_ATTENTION, "depends on the policy only", "MODULE_CHECK");
	put_modules("kernel/fs/ext4.ko:\nkernel/net/x.ko: kernel/y.ko\n");
	put("/sys/module/module/parameters/sig_enforce", "N\n");
	expect("modules", PKGIMA_STATUS_ATTENTION, "depends on the policy only", "MODULE_CHECK");
	for (size_t i = 0; i < 3; i++) {
		static const char *const lists[] = { "a.ko.xz:\n", "a.ko.zst: b.ko.zst\n", "a.ko.gz:\n" };

		put_modules(lists[i]);
		expect("modules", PKGIMA_STATUS_ATTENTION, "they come compressed", "module.sig_enforce=1");
	}
	put("/sys/module/module/parameters/sig_enforce", "Y\n");
	expect("modules", PKGIMA_STATUS_OK, "which compressed ones need", NULL);
	put_modules("a.ko:\n");
	expect("modules", PKGIMA_STATUS_OK, "besides what the policy wants", NULL);
	put("/sys/module/module/parameters/sig_enforce", "N\n");
	put("/proc/sys/kernel/modules_disabled", "1\n");
	expect("modules", PKGIMA_STATUS_OK, "no more are loaded", NULL);
}

static void test_fuse(void **state)
{
	(void)state;
	expect("fuse", PKGIMA_STATUS_ATTENTION, "a FUSE file system can", "ima_policy=fail_securely");
	put("/proc/cmdline", "ima_policy=tcb fail_securely -- ima_policy=fail_securely\n");
	expect("fuse", PKGIMA_STATUS_ATTENTION, "a FUSE file system can", "ima_policy=fail_securely");
	put("/proc/cmdline", "ima_policy=fail_securely quiet\n");
	expect("fuse", PKGIMA_STATUS_OK, "fail_securely", NULL);
	put("/proc/cmdline", "ima_policy=\"tcb|fail_securely\"\n");
	expect("fuse", PKGIMA_STATUS_OK, "fail_securely", NULL);
	put("/proc/cmdline", "ima_policy=fail_securely ima_policy=tcb\n");
	expect("fuse", PKGIMA_STATUS_OK, "fail_securely", NULL);
}

static void test_images(void **state)
{
	(void)state;
	put("/usr/bin/docker-proxy", "");
	expect("images", PKGIMA_STATUS_OK, "nothing that starts programs of images", NULL);
	put("/usr/sbin/dockerd", "");
	put("/usr/bin/dockerd", "");
	put("/usr/bin/systemd-nspawn", "");
	put("/usr/local/bin/podman", "");
	expect("images", PKGIMA_STATUS_ATTENTION, "dockerd, podman, systemd-nspawn: programs in images", "pkgima sign --root");
}

static const struct pkgima_status_packages healthy = { .signed_ = 3, .files = 5, .carrying = 5 };

static void test_packages(void **state)
{
	struct pkgima_status_packages packages = healthy;

	(void)state;
	expect("packages", PKGIMA_STATUS_MISSING, "there is no database of dpkg or rpm", NULL);
	fixture.packages = &packages;
	expect("packages", PKGIMA_STATUS_OK, "3, all signed; 5 files carry a signature", NULL);
	packages.partly = 1;
	packages.files = 7;
	expect("packages", PKGIMA_STATUS_ATTENTION, "3 signed, 1 in part, 0 not at all; 5 of 7 files", "pkgima audit --repair");
	packages.partly = 0;
	packages.none = 2;
	expect("packages", PKGIMA_STATUS_ATTENTION, "3 signed, 0 in part, 2 not at all", "--key-id none --packages");
	packages.signed_ = 0;
	expect("packages", PKGIMA_STATUS_MISSING, "0 signed, 0 in part, 2 not at all", "--key-id none --packages");
	packages = healthy;
	packages.foreign = 2;
	packages.failed = true;
	run("packages");
	assert_int_equal(fixture.count, 3);
	expect_line(0, PKGIMA_STATUS_ATTENTION, "not all could be looked at", "pkgima audit");
	expect_line(1, PKGIMA_STATUS_OK, "all signed", NULL);
	expect_line(2, PKGIMA_STATUS_ATTENTION, "2 files carry a signature by a key", "keys list");
}

static void test_mounts(void **state)
{
	(void)state;
	expect("mounts", PKGIMA_STATUS_ATTENTION, "/proc/self/mountinfo: it cannot be read", "mount /proc");
	put("/proc/self/mountinfo", "1 2 3:4 / / rw\n");
	expect("mounts", PKGIMA_STATUS_ATTENTION, "line 1 is no mount", "mount /proc");
	support_make_folder(support_path(fixture.folder, "/home dir"));
	support_make_folder(support_path(fixture.folder, "/tmp"));
	put("/proc/self/mountinfo",
	    "22 27 0:21 / /proc rw - proc proc rw\n"
	    "27 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	    "28 27 8:2 / /home\\040dir rw - ext4 /dev/sda2 rw\n"
	    "29 27 8:3 / /boot/efi rw - vfat /dev/sda3 rw\n"
	    "30 27 0:30 / /tmp rw,nosuid master:3 shared:4 - tmpfs none rw\n"
	    "31 27 0:31 / /run rw,noexec - tmpfs none rw\n"
	    "32 27 0:32 / /mnt/nfs rw - nfs4 server:/x rw\n"
	    "33 27 0:33 / /mnt/ssh rw - fuse.sshfs host:/x rw\n"
	    "34 27 0:34 / /tmp rw - overlay overlay rw\n"
	    "35 27 0:35 / /gone rw - xfs /dev/x rw\n"
	    "36 27 0:36 / /mnt/quiet rw,noexec - vfat /dev/x rw\n");
	run("mounts");
	assert_int_equal(fixture.count, 9);
	expect_line(0, PKGIMA_STATUS_OK, "ext4 carries signatures: /, /home dir", NULL);
	expect_line(1, PKGIMA_STATUS_ATTENTION, "vfat carries no signatures: /boot/efi", "noexec");
	expect_line(2, PKGIMA_STATUS_OK, "tmpfs carries signatures as long as it is mounted: /tmp", NULL);
	expect_line(3, PKGIMA_STATUS_OK, "tmpfs, where nothing can be run (noexec): /run", NULL);
	expect_line(4, PKGIMA_STATUS_ATTENTION, "nfs4: others decide what is read there: /mnt/nfs", "noexec");
	expect_line(5, PKGIMA_STATUS_ATTENTION, "fuse.sshfs: others decide what is read there: /mnt/ssh", "noexec");
	expect_line(6, PKGIMA_STATUS_ATTENTION, "overlay carries the signatures of its layers: /tmp", "layers");
	expect_line(7, PKGIMA_STATUS_ATTENTION, "xfs could not be looked at: /gone", "root");
	expect_line(8, PKGIMA_STATUS_OK, "vfat, where nothing can be run (noexec): /mnt/quiet", NULL);
	put("/proc/self/mountinfo", "29 27 8:3 / / rw - vfat /dev/sda3 rw\n");
	expect("mounts", PKGIMA_STATUS_MISSING, "vfat carries no signatures: /", "ext4, xfs or btrfs");
}

static void test_many_mounts(void **state)
{
	char text[2048] = "";

	(void)state;
	for (int i = 0; i < 9; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d 1 8:%d / /m%d rw - vfat x rw\n", i, i, i);
	put("/proc/self/mountinfo", text);
	expect("mounts", PKGIMA_STATUS_ATTENTION, ": /m0, /m1, /m2, /m3, /m4, /m5 and 3 more", "noexec");
}

/* Real file systems are asked, not guessed: one of ramfs's kind under a name that is not known. */
static void test_mounts_are_probed(void **state)
{
	const char *path = support_path(fixture.folder, "/mnt");

	(void)state;
	support_make_folder(path);
	if (!support_own_mounts() || support_run("mount", "-t", "ramfs", "none", path, NULL) != 0) {
		support_missing("mounts of one's own");
		return;
	}
	put("/proc/self/mountinfo", "29 27 8:3 / /mnt rw - newfs none rw\n");
	expect("mounts", PKGIMA_STATUS_ATTENTION, "newfs carries no signatures: /mnt", "noexec");
	assert_int_equal(support_run("mount", "-t", "tmpfs", "none", path, NULL), 0);
	expect("mounts", PKGIMA_STATUS_OK, "newfs carries signatures: /mnt", NULL);
	support_run("umount", path, NULL);
	support_run("umount", path, NULL);
}

static void test_inodes(void **state)
{
	(void)state;
	expect("inodes", PKGIMA_STATUS_ATTENTION, "it cannot be read", "mount /proc");
	put("/proc/self/mountinfo", "1 1 0:1 / / rw - btrfs x rw\n");
	expect("inodes", PKGIMA_STATUS_OK, "what a signature takes on btrfs is not known", NULL);
	put("/proc/self/mountinfo", "1 1 0:1 / / rw - btrfs x rw\n2 1 7:250 / / rw - ext4 x rw\n");
	expect("inodes", PKGIMA_STATUS_ATTENTION, "the inode size of / (ext4) is not known", "tune2fs");
	/* Not a block device: nothing that is in /dev by that name. */
	put("/sys/dev/block/7:250/uevent", "MAJOR=7\nDEVNAME=loop250\n");
	put("/dev/loop250", "");
	expect("inodes", PKGIMA_STATUS_ATTENTION, "the inode size of / (ext4) is not known", "tune2fs");
}

/* Attaches an image with inodes of this size as /dev/NAME of the root, and gives its numbers. */
static bool attach(const char *name, const char *inode_size, char *loop, size_t capacity, unsigned int *ret_major,
		   unsigned int *ret_minor)
{
	const char *image = support_path(fixture.folder, "/%s.image", name);
	const char *out = support_path(fixture.folder, "/%s.loop", name);
	const char *command = support_path("", "losetup --find --show --read-only %s >%s", image, out);
	struct stat st;
	size_t length;
	char *text, uevent[256];

	if (support_run("mke2fs", "-q", "-t", "ext4", "-I", inode_size, image, "4m", NULL) != 0 ||
	    support_run("sh", "-c", command + 1, NULL) != 0)
		return false;
	text = (char *)support_read(out, &length);
	snprintf(loop, capacity, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
	if (stat(loop, &st) < 0)
		return false;
	*ret_major = major(st.st_rdev);
	*ret_minor = minor(st.st_rdev);
	support_make_folder(support_path(fixture.folder, "/dev"));
	snprintf(uevent, sizeof(uevent), "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", *ret_major, *ret_minor, name);
	put(support_path("/sys/dev/block", "/%u:%u/uevent", *ret_major, *ret_minor), uevent);
	return mknod(support_path(fixture.folder, "/dev/%s", name), S_IFBLK | 0600, st.st_rdev) == 0;
}

/* Real devices: what signatures cost on the root, with and without room for them, and on another one. */
static void test_cost(void **state)
{
	struct pkgima_status_packages packages = { .partly = 1, .files = 5120, .carrying = 4096, .foreign = 512 };
	unsigned int first, second, third, fourth;
	struct pkgima_status_line full = { .text = "" };
	char root[64] = "", home[64] = "", text[512];
	bool is_there = attach("sda1", "256", root, sizeof(root), &first, &second) &&
			attach("sda2", "512", home, sizeof(home), &third, &fourth);

	(void)state;
	if (is_there) {
		snprintf(text, sizeof(text), "1 1 %u:%u / / rw - ext4 x rw\n2 1 %u:%u / /home rw - ext4 x rw\n"
			 "3 1 %u:%u /x /bind rw - ext4 x rw\n4 1 %u:%u / /quiet rw,noexec - ext3 x rw\n",
			 first, second, third, fourth, first, second, third, fourth);
		put("/proc/self/mountinfo", text);
		fixture.packages = &packages;
		packages.files = (size_t)1 << 40;
		run("inodes");
		full = fixture.lines[0];
		packages.files = 5120;
		run("inodes");
		support_run("losetup", "-d", root, NULL);
		support_run("losetup", "-d", home, NULL);
	}
	if (!is_there) {
		support_run("losetup", "-d", root, NULL);
		support_missing("block devices on files");
		return;
	}
	assert_int_equal(fixture.count, 2);
	expect_line(0, PKGIMA_STATUS_OK, "/ (ext4) has inodes of 256 bytes: each signature takes a block of 4 KiB, 20 MiB for 5120 files of "
		    "packages, 512 of which carry none yet", NULL);
	assert_int_equal(full.state, PKGIMA_STATUS_ATTENTION);
	assert_non_null(strstr(full.text, "files that carry none yet, and "));
	assert_non_null(strstr(full.text, " MiB are free"));
	assert_non_null(strstr(full.remedy, "make room"));
	expect_line(1, PKGIMA_STATUS_OK, "/home (ext4) has inodes of 512 bytes: signatures of up to 320 bytes lie in them", NULL);
}

/* Against mke2fs. */
static void test_inode_size(void **state)
{
	static const char *const sizes[] = { "128", "256", "512", "1024" };
	const char *image = support_path(fixture.folder, "/image");
	unsigned int size;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_close int fd = -1;

		unlink(image);
		if (support_run("mke2fs", "-q", "-t", "ext4", "-I", sizes[i], image, "4m", NULL) != 0) {
			support_missing("mke2fs");
			return;
		}
		fd = open(image, O_RDONLY);
		assert_int_equal(pkgima_ext4_inode_size(fd, &size), 0);
		assert_int_equal(size, atoi(sizes[i]));
	}
	support_write_text(image, "short", 0644);
	for (int i = 0; i < 2; i++) {
		cleanup_close int fd = open(image, O_RDONLY);

		assert_int_equal(pkgima_ext4_inode_size(fd, &size), -EINVAL);
		assert_int_equal(truncate(image, 8192), 0);
	}
}

static void test_names_and_order(void **state)
{
	(void)state;
	/* Each has a name of its own, that fits its column. */
	for (const struct pkgima_status_check *check = pkgima_status_checks; check->name; check++) {
		assert_in_range(strlen(check->name), 1, 8);
		for (const struct pkgima_status_check *other = pkgima_status_checks; other != check; other++)
			assert_string_not_equal(other->name, check->name);
	}
	assert_string_equal(pkgima_status_state_word(PKGIMA_STATUS_OK), "ok");
	assert_true(PKGIMA_STATUS_OK < PKGIMA_STATUS_ATTENTION && PKGIMA_STATUS_ATTENTION < PKGIMA_STATUS_MISSING);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_kernel), CASE(test_kernel_by_proc), CASE(test_trust), CASE(test_keyring), CASE(test_policy),
		CASE(test_appraise), CASE(test_firmware), CASE(test_evm), CASE(test_boot), CASE(test_bootauth),
		CASE(test_lockdown), CASE(test_kexec), CASE(test_modules), CASE(test_fuse), CASE(test_images),
		CASE(test_packages), CASE(test_mounts), CASE(test_many_mounts), CASE(test_mounts_are_probed),
		CASE(test_inodes), CASE(test_cost), CASE(test_inode_size), CASE(test_names_and_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
