// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "../lib/signature.h"
#include "enforce.h"

#define POLICIES "/usr/share/ima-init/policies"
#define DEFAULT_POLICY "exec"
#define COMMAND_LINE_MAX ((size_t)64 * 1024)

/* Comments do not count. */
static bool text_has(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *end;

	for (const char *line = text; *line; line = end + (*end == '\n')) {
		end = line + strcspn(line, "\n");
		if (line[strspn(line, " \t")] == '#')
			continue;
		for (const char *at = line; (at = strstr(at, word)) && at < end; at += length)
			if ((at == line || strchr(" \t\"'=", at[-1])) && (!at[length] || strchr(" \t\n\"'", at[length])))
				return true;
	}
	return false;
}

/* Words are looked for where distributions keep them. */
bool enforce_command_line_has(const struct enforce *enforce, const char *word)
{
	static const char *const files[] = { "/etc/default/grub", "/etc/kernel/cmdline" };
	struct pkgima_error error;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		cleanup_free uint8_t *text = NULL;
		size_t length;

		if (pkgima_beneath_read(enforce->root_fd, files[i], COMMAND_LINE_MAX, &text, &length, &error) == 0 &&
		    text_has((const char *)text, word))
			return true;
	}
	if (enforce->root_is_ours) {
		cleanup_close int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
		char line[4096];
		ssize_t length = fd < 0 ? 0 : pkgima_read_all(fd, line, sizeof(line) - 1);

		line[length > 0 ? length : 0] = '\0';
		return text_has(line, word);
	}
	return false;
}

/* Without one that is read as such there is none. */
static void take_attribute(struct enforce *enforce, int fd)
{
	struct pkgima_signature signature;
	uint8_t value[PKGIMA_SIGNATURE_MAX];
	ssize_t length = fgetxattr(fd, "security.ima", value, sizeof(value));

	if (length <= 0 || pkgima_signature_parse(value, (size_t)length, &signature, NULL) < 0)
		return;
	enforce->signature = malloc((size_t)length);
	if (enforce->signature) {
		memcpy(enforce->signature, value, (size_t)length);
		enforce->signature_length = (size_t)length;
	}
}

/* Takes the policy behind @fd; @beside (-errno where there is none) is of the file with its signature. */
static int take(struct enforce *enforce, const char *path, int fd, int beside)
{
	cleanup_free char *name = cli_printable(path);
	struct pkgima_error error;
	int r;

	r = pkgima_read_file(fd, name, PKGIMA_IMA_POLICY_MAX, &enforce->text, &enforce->text_length, &error);
	if (r == 0 && beside >= 0)
		r = pkgima_read_file(beside, "the policy's signature", PKGIMA_SIGNATURE_MAX, &enforce->signature,
				     &enforce->signature_length, &error);
	if (r < 0) {
		cli_message(enforce->command, "%s", error.text);
		return CLI_FAILED;
	}
	if (!enforce->signature)
		take_attribute(enforce, fd);
	enforce->source = cli_printable(path);
	return -1;
}

/* Of the root. */
static int take_beneath(struct enforce *enforce, const char *path)
{
	cleanup_close int fd = pkgima_beneath_open_file(enforce->root_fd, path, NULL), beside = -1;
	cleanup_free char *signature = NULL;

	if (fd < 0) {
		cleanup_free char *name = cli_printable(path);

		cli_message(enforce->command, "cannot open the policy %s: %s", name, strerror(-fd));
		return CLI_FAILED;
	}
	if (asprintf(&signature, "%s.sig", path) < 0)
		signature = NULL;
	if (signature)
		beside = pkgima_beneath_open_file(enforce->root_fd, signature, NULL);
	return take(enforce, path, fd, beside);
}

/* Of this system, wherever the root is. */
static int take_file(struct enforce *enforce, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), beside = -1;
	cleanup_free char *signature = NULL;

	if (fd < 0) {
		cleanup_free char *name = cli_printable(path);

		cli_message(enforce->command, "cannot open the policy %s: %s", name, strerror(errno));
		return CLI_FAILED;
	}
	if (asprintf(&signature, "%s.sig", path) < 0)
		signature = NULL;
	if (signature)
		beside = open(signature, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return take(enforce, path, fd, beside);
}

int enforce_take_policy(struct enforce *enforce)
{
	const char *name = enforce->policy ? enforce->policy : DEFAULT_POLICY;
	cleanup_free char *path = NULL;
	struct stat st;

	if (!enforce->policy && enforce->now.policy)
		return take_beneath(enforce, PKGIMA_ENFORCE_POLICY);
	enforce->is_new = true;
	/* What was in force before it was switched off, if anything was. */
	if (!enforce->policy && pkgima_beneath_stat(enforce->root_fd, PKGIMA_ENFORCE_POLICY_KEPT, false, &st) == 0)
		return take_beneath(enforce, PKGIMA_ENFORCE_POLICY_KEPT);
	if (strchr(name, '/'))
		return take_file(enforce, name);
	if (asprintf(&path, "%s/%s", POLICIES, name) < 0) {
		path = NULL;
		cli_message(enforce->command, "no memory for the policy");
		return CLI_FAILED;
	}
	return take_beneath(enforce, path);
}
