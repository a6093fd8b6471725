// SPDX-License-Identifier: LGPL-2.1-or-later
#include "kernel_config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <zlib.h>

#include "beneath.h"
#include "cleanup.h"
#include "escape.h"

#define CONFIG_MAX ((size_t)4 * 1024 * 1024)
#define SECURE_BOOT "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"

void pkgima_kernel_config_free(struct pkgima_kernel_config *config)
{
	free(config->text);
	free(config->source);
	memset(config, 0, sizeof(*config));
}

char pkgima_kernel_config_get(const struct pkgima_kernel_config *config, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = config->text; line && *line; line++) {
		if (!strncmp(line, "CONFIG_", 7) && !strncmp(line + 7, name, length) && line[7 + length] == '=')
			return line[8 + length] == 'y' || line[8 + length] == 'm' ? line[8 + length] : 'n';
		line = strchr(line, '\n');
		if (!line)
			break;
	}
	return 'n';
}

static int take_file(int root_fd, const char *path, struct pkgima_kernel_config *config, struct pkgima_error *error)
{
	size_t length;
	int r;

	r = pkgima_beneath_read(root_fd, path, CONFIG_MAX, (uint8_t **)&config->text, &length, error);
	if (r < 0)
		return r;
	config->source = pkgima_printable(path);
	return config->source ? 0 : pkgima_fail(error, -ENOMEM, "no memory for a kernel's configuration");
}

/* /proc/config.gz of the running kernel, where the root has its /proc. */
static int take_running(int root_fd, struct pkgima_kernel_config *config, struct pkgima_error *error)
{
	cleanup_close int fd = pkgima_beneath_open_file(root_fd, "/proc/config.gz", NULL);
	gzFile file = fd < 0 ? NULL : gzdopen(fd, "rb");
	int length;

	if (!file)
		return -ENOENT;
	pkgima_steal_fd(&fd);
	config->text = malloc(CONFIG_MAX + 1);
	config->source = strdup("/proc/config.gz");
	if (!config->text || !config->source) {
		gzclose(file);
		return pkgima_fail(error, -ENOMEM, "no memory for a kernel's configuration");
	}
	length = gzread(file, config->text, CONFIG_MAX);
	gzclose(file);
	config->text[length > 0 ? length : 0] = '\0';
	return 0;
}

/* The newest of the files config-* in /boot; "" where there is none. */
static void find_newest(int root_fd, char *path, size_t capacity)
{
	int fd = pkgima_beneath_open_folder(root_fd, "/boot");
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *file;

	*path = '\0';
	while (folder && (file = readdir(folder))) {
		char candidate[512];

		if (strncmp(file->d_name, "config-", 7) != 0)
			continue;
		snprintf(candidate, sizeof(candidate), "/boot/%s", file->d_name);
		if (!*path || strverscmp(candidate, path) > 0)
			snprintf(path, capacity, "%s", candidate);
	}
	if (folder)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}

int pkgima_kernel_config_load(int root_fd, bool running, struct pkgima_kernel_config *ret_config, struct pkgima_error *error)
{
	cleanup_kernel_config struct pkgima_kernel_config config = { 0 };
	char path[512];
	struct utsname kernel;
	int r;

	if (running && uname(&kernel) == 0)
		snprintf(path, sizeof(path), "/boot/config-%s", kernel.release);
	else
		find_newest(root_fd, path, sizeof(path));
	r = *path ? take_file(root_fd, path, &config, error) : -ENOENT;
	if (r == -ENOENT && running)
		r = take_running(root_fd, &config, error);
	if (r < 0 && r != -ENOENT)
		return r;
	*ret_config = config;
	memset(&config, 0, sizeof(config));
	return 0;
}

/* Adds a rule; false without memory, and ever after. */
static void add(char **text, const char *rules)
{
	char *longer;

	if (!*text)
		return;
	if (asprintf(&longer, "%s%s", *text, rules) < 0)
		longer = NULL;
	free(*text);
	*text = longer;
}

static bool has(const struct pkgima_kernel_config *config, const char *name)
{
	return pkgima_kernel_config_get(config, name) == 'y';
}

char *pkgima_kernel_config_rules(const struct pkgima_kernel_config *config, bool secure_boot)
{
	static const struct { const char *option, *rule; } built[] = {
		{ "IMA_APPRAISE_REQUIRE_MODULE_SIGS", "appraise func=MODULE_CHECK appraise_type=imasig\n" },
		{ "IMA_APPRAISE_REQUIRE_FIRMWARE_SIGS", "appraise func=FIRMWARE_CHECK appraise_type=imasig\n" },
		{ "IMA_APPRAISE_REQUIRE_KEXEC_SIGS", "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n" },
		{ "IMA_APPRAISE_REQUIRE_POLICY_SIGS", "appraise func=POLICY_CHECK appraise_type=imasig\n" },
	};
	char *text = strdup("");

	/* Where the kernel itself checks these signatures under Secure Boot, IMA does not. */
	if (secure_boot && has(config, "IMA_ARCH_POLICY")) {
		if (!has(config, "KEXEC_SIG"))
			add(&text, "appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n");
		add(&text, "measure func=KEXEC_KERNEL_CHECK\n");
		if (!has(config, "MODULE_SIG"))
			add(&text, "appraise func=MODULE_CHECK appraise_type=imasig\n");
		add(&text, "measure func=MODULE_CHECK\n");
		if (has(config, "INTEGRITY_MACHINE_KEYRING") &&
		    has(config, "IMA_KEYRINGS_PERMIT_SIGNED_BY_BUILTIN_OR_SECONDARY"))
			add(&text, "appraise func=POLICY_CHECK appraise_type=imasig\n");
	}
	for (size_t i = 0; i < sizeof(built) / sizeof(built[0]); i++)
		if (has(config, built[i].option))
			add(&text, built[i].rule);
	return text;
}

/* proc, sysfs, debugfs, tmpfs, devpts, binfmt_misc, securityfs, selinuxfs, smackfs, cgroup, cgroup2, nsfs, efivarfs */
#define EXEMPT(action) \
	action " fsmagic=0x9fa0\n" action " fsmagic=0x62656572\n" action " fsmagic=0x64626720\n" \
	action " fsmagic=0x01021994\n" action " fsmagic=0x1cd1\n" action " fsmagic=0x42494e4d\n" \
	action " fsmagic=0x73636673\n" action " fsmagic=0xf97cff8c\n" action " fsmagic=0x43415d53\n" \
	action " fsmagic=0x27e0eb\n" action " fsmagic=0x63677270\n" action " fsmagic=0x6e736673\n" \
	action " fsmagic=0xde5e81e4\n"

static const char tcb[] =
	EXEMPT("dont_measure")
	"measure func=MMAP_CHECK mask=MAY_EXEC\n"
	"measure func=BPRM_CHECK mask=MAY_EXEC\n"
	"measure func=FILE_CHECK mask=^MAY_READ euid=0\n"
	"measure func=FILE_CHECK mask=^MAY_READ uid=0\n"
	"measure func=MODULE_CHECK\n"
	"measure func=FIRMWARE_CHECK\n"
	"measure func=POLICY_CHECK\n";

static const char secure_boot_rules[] =
	"appraise func=MODULE_CHECK appraise_type=imasig\n"
	"appraise func=FIRMWARE_CHECK appraise_type=imasig\n"
	"appraise func=KEXEC_KERNEL_CHECK appraise_type=imasig\n"
	"appraise func=POLICY_CHECK appraise_type=imasig\n";

static void add_appraise_tcb(char **text, const struct pkgima_kernel_config *config)
{
	/* ramfs is exempt too. */
	add(text, EXEMPT("dont_appraise") "dont_appraise fsmagic=0x858458f6\n");
	if (has(config, "IMA_WRITE_POLICY"))
		add(text, "appraise func=POLICY_CHECK appraise_type=imasig\n");
	add(text, has(config, "IMA_APPRAISE_SIGNED_INIT") ? "appraise fowner=0 appraise_type=imasig\n" : "appraise fowner=0\n");
}

enum { TCB = 1, SECURE_BOOT_RULES = 2, APPRAISE_TCB = 4, CRITICAL_DATA = 8, FAIL_SECURELY = 16 };

static int parse_names(const char *names)
{
	static const struct { const char *name; int bit; } known[] = {
		{ "tcb", TCB }, { "secure_boot", SECURE_BOOT_RULES }, { "appraise_tcb", APPRAISE_TCB },
		{ "critical_data", CRITICAL_DATA }, { "fail_securely", FAIL_SECURELY },
	};
	cleanup_free char *copy = strdup(names);
	char *rest = copy;
	int all = 0;

	for (char *name; copy && (name = strsep(&rest, "|")); ) {
		int bit = 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (!strcmp(known[i].name, name))
				bit = known[i].bit;
		if (!bit)
			return 0;
		all |= bit;
	}
	return all;
}

char *pkgima_kernel_policy(const struct pkgima_kernel_config *config, const char *names)
{
	int wanted = parse_names(names);
	char *text;

	if (!(wanted & ~FAIL_SECURELY))
		return NULL;
	text = strdup("");
	/* The kernel's order, whatever that of the names. */
	if (wanted & TCB)
		add(&text, tcb);
	if (wanted & SECURE_BOOT_RULES)
		add(&text, secure_boot_rules);
	if (wanted & APPRAISE_TCB)
		add_appraise_tcb(&text, config);
	if (wanted & CRITICAL_DATA)
		add(&text, "measure func=CRITICAL_DATA\n");
	return text;
}

bool pkgima_secure_boot(int root_fd)
{
	cleanup_free uint8_t *data = NULL;
	size_t length;

	/* Four bytes of attributes, then the value. */
	return pkgima_beneath_read(root_fd, SECURE_BOOT, 64, &data, &length, NULL) == 0 && length == 5 && data[4] == 1;
}
