// SPDX-License-Identifier: LGPL-2.1-or-later
#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "../lib/io.h"

#define POLICY_FILE "/sys/kernel/security/ima/policy"
/* For mode log, where the kernel wants a signed one: the package's. */
#define LOG_POLICY "/usr/share/ima-init/policies/log"
/* Some thousand rules. */
#define POLICY_MAX ((size_t)256 * 1024)
/* The kernel's limit is 64 KiB. */
#define SIGNATURE_MAX ((size_t)64 * 1024)

/* policies/log, by the Makefile. */
extern const char log_policy[];

static int open_policy(struct pkgima_error *error)
{
	int fd = open(POLICY_FILE, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return pkgima_fail(error, -ENOENT, "it has one already, or has no IMA");
	return fd < 0 ? pkgima_fail_errno(error, "cannot open " POLICY_FILE) : fd;
}

/* One rule with each write, which the kernel takes as a whole; only close() makes it the policy, if all were taken. */
static int write_rules(const char *text, size_t length, struct pkgima_error *error)
{
	cleanup_close int fd = open_policy(error);
	size_t at = 0, rule_length, number = 0;
	char line[4096];
	const char *rule;

	if (fd < 0)
		return fd;
	while (policy_text_next(text, length, &at, &rule, &rule_length)) {
		ssize_t n;

		number++;
		memcpy(line, rule, rule_length);
		line[rule_length] = '\n';
		n = write(fd, line, rule_length + 1);
		if (n < 0 && errno == EACCES && number == 1)
			return -EACCES;
		if (n < 0)
			return pkgima_fail_errno(error, "rule %zu", number);
		if ((size_t)n != rule_length + 1)
			return pkgima_fail(error, -EIO, "rule %zu was taken in part", number);
	}
	return 0;
}

static int write_path(const char *path, struct pkgima_error *error)
{
	cleanup_close int fd = open_policy(error);

	if (fd < 0)
		return fd;
	if (write(fd, path, strlen(path)) < 0)
		return errno == EACCES || errno == EPERM ? pkgima_fail(error, -EACCES, "%s has no valid signature", path) :
							   pkgima_fail_errno(error, "%s", path);
	return 0;
}

/* Text, or where the kernel wants a signature the path of the same. */
static int load(const struct init *init, const char *text, size_t length, const char *path, struct pkgima_error *error)
{
	int r = init->settings.signed_policy ? -EACCES : write_rules(text, length, error);

	return r == -EACCES ? write_path(path, error) : r;
}

/* cpio has no xattrs: a signature from an initramfs comes as a file, and gets its place on the tmpfs. */
static void set_signature(const struct init *init, int fd)
{
	const struct places *places = &init->places;
	cleanup_free uint8_t *value = NULL;
	struct pkgima_error error;
	char self[64];
	size_t length;
	int r;

	if (!places->carried)
		return;
	r = small_file_read(places->fd, places->signature, SIGNATURE_MAX, &value, &length, &error);
	if (r == -ENOENT)
		return;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (r < 0)
		report_failure(init, FAILURE_POLICY_SIGNATURE, "%s", error.text);
	else if (setxattr(self, "security.ima", value, length, 0) < 0)
		report_failure(init, FAILURE_POLICY_SIGNATURE, "%s", strerror(errno));
}

static void load_log(struct init *init)
{
	struct pkgima_error error = { "" };
	size_t length = strlen(log_policy);

	if (policy_text_examine(log_policy, length, &init->policy, &error) < 0 ||
	    load(init, log_policy, length, LOG_POLICY, &error) < 0) {
		report_failure(init, FAILURE_POLICY, "%s", error.text);
		return;
	}
	init->policy_name = "log";
	init->enforcing = false;
}

/* Does the kernel let an unsigned program be executed? It has none here: it fails all the same, but for another reason. */
static bool only_logs(void)
{
	static char *const none[] = { NULL };
	cleanup_close int fd = memfd_create("ima-init", MFD_CLOEXEC);

	if (fd < 0 || pkgima_write_all(fd, "none", 4) < 0)
		return false;
	return syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH) < 0 && errno == ENOEXEC;
}

static void load_active(struct init *init, int fd, const char *path)
{
	cleanup_free uint8_t *text = NULL;
	struct pkgima_error error = { "" };
	size_t length;

	set_signature(init, fd);
	if (pkgima_read_file(fd, path, POLICY_MAX, &text, &length, &error) < 0) {
		report_failure(init, FAILURE_POLICY_READ, "%s", error.text);
		return;
	}
	if (policy_text_examine((char *)text, length, &init->policy, &error) < 0) {
		report_failure(init, FAILURE_POLICY_READ, "%s: %s", path, error.text);
		return;
	}
	if (!init->policy.appraises && init->settings.asked)
		report_failure(init, FAILURE_POLICY_WEAK, "%s", path);
	if (load(init, (char *)text, length, path, &error) < 0) {
		report_failure(init, FAILURE_POLICY, "%s", error.text);
		return;
	}
	init->policy_name = path;
	init->enforcing = init->policy.enforces;
	if (init->settings.only_logs && init->policy.appraises && only_logs()) {
		init->enforcing = false;
		report_failure(init, FAILURE_NOT_ENFORCED, "ima_appraise= on its command line");
	}
}

void policy_load(struct init *init)
{
	static char path[512];
	const struct places *places = &init->places;
	cleanup_close int fd = -1;
	struct pkgima_error error;

	/* Until another one is loaded. */
	init->enforcing = init->settings.appraise_tcb && !init->settings.only_logs;
	if (init->settings.mode == MODE_LOG) {
		load_log(init);
		return;
	}
	snprintf(path, sizeof(path), "%s%s", places->folder, places->policy);
	fd = small_file_open(places->fd, places->policy, POLICY_MAX, &error);
	if (fd == -ENOENT)
		report_failure(init, init->settings.asked ? FAILURE_POLICY_MISSING : FAILURE_NO_POLICY, "%s", path);
	else if (fd < 0)
		report_failure(init, FAILURE_POLICY_READ, "%s", error.text);
	else
		load_active(init, fd, path);
}
