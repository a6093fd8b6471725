// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * apt's Pre-Install-Pkgs hook: verifies the manifests of all archives of a run before dpkg touches the first, and refuses
 * the run where it must. Contents of files are the backend's.
 */
#include "apt_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/deb.h"
#include "../lib/dpkg.h"
#include "../lib/escape.h"
#include "../lib/io.h"
#include "../lib/parallel.h"
#include "../lib/signature.h"
#include "say.h"

#define INPUT_MAX ((size_t)64 * 1024 * 1024)
#define KEYS_MAX 16   /* certificates in one archive */
#define LINES_MAX 3   /* for an archive: the backend will name each file */

/* One archive of the run. */
struct archive {
	const char *path;
	char *package;                       /* printable */
	struct pkgima_error error;
	int result;                          /* -errno: it could not be checked; @error says why */
	bool has_manifest, has_script;
	struct pkgima_package_check check;
	bool has_files;                      /* found out where it matters: without a manifest */
	uint32_t keys[KEYS_MAX];             /* key ids of certificates that it brings into the trust store */
	size_t key_count;
};

struct hook {
	const struct pkgima_trust *trust;
	struct pkgima_gate gate;
	struct archive *archives;
	size_t count;
};

static char *package_name(const struct pkgima_deb *deb, struct archive *archive, struct pkgima_error *error)
{
	cleanup_control struct pkgima_control control = { 0 };
	cleanup_free char *name = NULL;

	if (pkgima_deb_read_control(deb, &control, error) < 0)
		return NULL;
	for (size_t i = 0; i < control.count; i++)
		archive->has_script |= pkgima_script_is_known(control.files[i].name);
	name = pkgima_control_field(&control, "Package");
	return name ? pkgima_printable(name) : NULL;
}

static bool is_key(const char *path)
{
	size_t folder = strlen(PKGIMA_TRUST_FOLDER), length = strlen(path);

	return !strncmp(path, PKGIMA_TRUST_FOLDER "/", folder + 1) && length > 4 && !strcmp(path + length - 4, ".der") &&
	       !strchr(path + folder + 1, '/');
}

/* The key ids of the certificates that a package brings. What is none is passed over: the trust store will say so. */
static int read_keys(const struct pkgima_deb *deb, struct archive *archive, struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r;

	r = pkgima_deb_open_data(deb, 1, &tar, error);
	while (r == 0 && (r = pkgima_tar_next(tar, &member, error)) == 1) {
		cleanup_certificate struct pkgima_certificate *certificate = NULL;
		cleanup_free uint8_t *content = NULL;
		size_t length;

		r = 0;
		if (!member.regular || !is_key(member.path) || archive->key_count == KEYS_MAX)
			continue;
		if (pkgima_tar_read_whole(tar, &member, PKGIMA_CERTIFICATE_MAX, &content, &length, NULL) == 0 &&
		    pkgima_certificate_parse(content, length, "", &certificate, NULL) == 0 && certificate->has_skid)
			archive->keys[archive->key_count++] = certificate->key_id;
	}
	return r;
}

static int find_files(const struct pkgima_deb *deb, struct archive *archive, struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r;

	r = pkgima_deb_open_data(deb, 1, &tar, error);
	while (r == 0 && !archive->has_files && (r = pkgima_tar_next(tar, &member, error)) == 1) {
		archive->has_files = member.regular || member.hard_link;
		r = 0;
	}
	return r;
}

static int check_archive(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct hook *hook = context;
	struct archive *archive = &hook->archives[index];
	cleanup_deb struct pkgima_deb *deb = NULL;
	int r;

	(void)state;
	(void)error;
	r = pkgima_deb_open(archive->path, &deb, &archive->error);
	if (r == 0) {
		archive->package = package_name(deb, archive, &archive->error);
		r = archive->package ? 0 : -EINVAL;
	}
	if (r == 0)
		r = pkgima_deb_check(deb, hook->trust, false, 1, &archive->check, &archive->has_manifest,
				     &archive->error);
	for (size_t i = 0; r == 0 && i < archive->check.entries.count; i++) {
		if (!is_key(archive->check.entries.list[i].path))
			continue;
		r = read_keys(deb, archive, &archive->error);
		break;
	}
	/* On an enforcing machine every file counts; else the backend would find out in the middle of the run. */
	if (r == 0 && !archive->has_manifest && hook->gate.enforcing && hook->gate.config.select == PKGIMA_SELECT_ALL)
		r = find_files(deb, archive, &archive->error);
	archive->result = r;
	return 0;
}

/* The archive of this run that brings the key, other than @user; NULL: none. */
static const struct archive *find_bringer(const struct hook *hook, const struct archive *user, uint32_t key_id)
{
	for (size_t i = 0; i < hook->count; i++)
		for (size_t k = 0; k < hook->archives[i].key_count; k++)
			if (&hook->archives[i] != user && hook->archives[i].keys[k] == key_id)
				return &hook->archives[i];
	return NULL;
}

/* Is it known already that the settings want a signature on it? With select=exec the content of a file decides. */
static bool is_selected(const struct hook *hook, const struct pkgima_entry *entry)
{
	if (entry->type == PKGIMA_ENTRY_SCRIPT)
		return true;
	if (entry->type == PKGIMA_ENTRY_CONFFILE)
		return false;
	return hook->gate.config.select == PKGIMA_SELECT_ALL;
}

static void judge_entry(const struct hook *hook, const struct archive *archive, size_t index, struct pkgima_tally *tally)
{
	const struct pkgima_entry *entry = &archive->check.entries.list[index];
	const struct pkgima_result *result = &archive->check.results[index];
	const struct archive *bringer;
	struct pkgima_signature signature;
	char reason[400];

	if (result->verdict == PKGIMA_VERDICT_OK || result->verdict == PKGIMA_VERDICT_MISSING_FILE ||
	    !is_selected(hook, entry))
		return;
	if (result->verdict == PKGIMA_VERDICT_UNKNOWN_KEY &&
	    pkgima_signature_parse(entry->ima.bytes, entry->ima.length, &signature, NULL) == 0 &&
	    (bringer = find_bringer(hook, archive, signature.key_id))) {
		snprintf(reason, sizeof(reason), "key id %08x comes with %.200s in the same run: install that one first",
			 signature.key_id, bringer->package);
		pkgima_tally_add(tally, entry->path, result->verdict, reason);
		return;
	}
	pkgima_tally_add(tally, entry->path, result->verdict, result->reason);
}

/* Returns whether it is to be refused. */
static bool judge(const struct hook *hook, const struct archive *archive)
{
	const char *base = strrchr(archive->path, '/');
	cleanup_free char *fallback = pkgima_printable(base ? base + 1 : archive->path);
	struct pkgima_tally tally;

	pkgima_tally_begin(&tally, &hook->gate, say_line, archive->package ? archive->package : fallback ? fallback : "?", LINES_MAX);
	if (archive->result < 0) {
		if (pkgima_gate_is_fault(archive->result))
			pkgima_tally_add(&tally, NULL, PKGIMA_VERDICT_BAD_SIGNATURE, archive->error.text);
		else
			pkgima_tally_add_failure(&tally, NULL, archive->error.text);
		return pkgima_tally_end(&tally);
	}
	if (!archive->has_manifest) {
		if (archive->has_script || archive->has_files ||
		    hook->gate.config.unsigned_packages != PKGIMA_UNSIGNED_ALLOW)
			pkgima_tally_add(&tally, NULL, PKGIMA_VERDICT_UNSIGNED, "it has no manifest");
		return pkgima_tally_end(&tally);
	}
	for (size_t i = 0; i < archive->check.entries.count; i++)
		judge_entry(hook, archive, i, &tally);
	return pkgima_tally_end(&tally);
}

static bool judge_all(const struct hook *hook)
{
	size_t with_manifest = 0, signatures = 0, refused = 0;

	for (size_t i = 0; i < hook->count; i++) {
		const struct archive *archive = &hook->archives[i];

		refused += judge(hook, archive);
		with_manifest += archive->result == 0 && archive->has_manifest;
		for (size_t k = 0; archive->result == 0 && k < archive->check.entries.count; k++)
			signatures += archive->check.results[k].verdict == PKGIMA_VERDICT_OK;
	}
	say("%zu of %zu packages are signed, %zu signatures verified%s", with_manifest, hook->count, signatures,
	    refused ? "" : ", none refused");
	if (refused)
		say("the run is refused because of %zu package%s; nothing was changed", refused, refused == 1 ? "" : "s");
	return refused > 0;
}

/* The first dpkg-deb in a search path. */
static bool find_in_path(const char *path, struct stat *ret_stat)
{
	char name[PATH_MAX];

	while (path && *path) {
		size_t length = strcspn(path, ":");

		if (snprintf(name, sizeof(name), "%.*s/dpkg-deb", (int)length, path) < (int)sizeof(name) &&
		    stat(name, ret_stat) == 0)
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Is the backend, which is beside us in bin/, what apt's dpkg will find? */
static void check_path(const char *path)
{
	char name[PATH_MAX + 16], safe[256];
	struct stat ours, first;
	ssize_t length = readlink("/proc/self/exe", name, PATH_MAX - 1);

	if (length < 0)
		return;
	name[length] = '\0';
	strcpy(strrchr(name, '/'), "/bin/dpkg-deb");
	if (stat(name, &ours) < 0)
		return;
	if (find_in_path(path, &first) && ours.st_dev == first.st_dev && ours.st_ino == first.st_ino)
		return;
	say("warning: apt's DPkg::Path is %s: signatures come only after files have got their names",
	    path ? pkgima_printable_into(path, safe, sizeof(safe)) : "not set");
}

static int read_run(struct apt_run *run, struct pkgima_error *error)
{
	const char *number = getenv("APT_HOOK_INFO_FD");
	char *text = malloc(INPUT_MAX + 1);
	ssize_t length;

	if (!text)
		return pkgima_fail(error, -ENOMEM, "no memory for what apt says");
	length = pkgima_read_all(number ? atoi(number) : STDIN_FILENO, text, INPUT_MAX);
	if (length < 0) {
		free(text);
		return pkgima_fail(error, (int)length, "cannot read what apt says: %s", strerror((int)-length));
	}
	text[length] = '\0';
	return apt_run_parse(text, (size_t)length, run, error);
}

/* Returns whether the run is to be refused, or -errno. */
static int work(struct hook *hook, const struct apt_run *run, int root_fd, struct pkgima_error *error)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_parallel parallel = { .count = run->count, .batch = 1, .context = hook, .work = check_archive };
	int r;

	if (!trust)
		return pkgima_fail(error, -ENOMEM, "no memory for the trust store");
	hook->archives = calloc(run->count + 1, sizeof(*hook->archives));
	if (!hook->archives)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of packages");
	hook->count = run->count;
	for (size_t i = 0; i < run->count; i++)
		hook->archives[i].path = run->archives[i];
	r = pkgima_dpkg_open(root_fd, PKGIMA_DPKG_ADMINDIR, &dpkg, error);
	if (r < 0 && r != -ENOENT)
		return r;
	r = pkgima_trust_load(trust, root_fd, pkgima_dpkg_owns, dpkg, error);
	hook->trust = trust;
	if (r == 0)
		r = pkgima_parallel_run(&parallel, 0, error);
	return r < 0 ? r : judge_all(hook);
}

int main(void)
{
	struct apt_run run = { 0 };
	struct hook hook = { 0 };
	struct pkgima_error error;
	int root_fd, r;

	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	r = read_run(&run, &error);
	root_fd = pkgima_root_open(r == 0 && run.root ? run.root : "/", r == 0 ? &error : NULL);
	if (root_fd < 0 && r == 0)
		r = root_fd;
	if (root_fd >= 0)
		pkgima_gate_load(&hook.gate, root_fd, say_problem, NULL);
	if (r == 0 && !run.root)
		check_path(run.path);
	if (r == 0 && run.count)
		r = work(&hook, &run, root_fd, &error);
	if (r < 0) {
		struct pkgima_tally tally;

		pkgima_tally_begin(&tally, &hook.gate, say_line, "the run", LINES_MAX);
		pkgima_tally_add_failure(&tally, NULL, error.text);
		r = pkgima_tally_end(&tally);
	}
	for (size_t i = 0; i < hook.count; i++) {
		pkgima_package_check_free(&hook.archives[i].check);
		free(hook.archives[i].package);
	}
	free(hook.archives);
	apt_run_free(&run);
	if (root_fd >= 0)
		close(root_fd);
	return r ? 1 : 0;
}
