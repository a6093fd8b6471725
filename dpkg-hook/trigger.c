// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What dpkg-ima's postinst calls: puts the signatures of newly unpacked packages on their files and, when a certificate
 * came, loads it into the kernel. It repairs and reports; it never refuses, so that no package is left half-configured.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "../lib/apply.h"
#include "../lib/beneath.h"
#include "../lib/dpkg.h"
#include "../lib/escape.h"
#include "../lib/system_keys.h"
#include "stamp.h"

struct session {
	const struct pkgima_config *config;
	size_t unsupported;
};

static void say(const char *text)
{
	fprintf(stderr, "dpkg-ima: %s\n", text);
}

static void complain(void *context, const char *sentence)
{
	(void)context;
	say(sentence);
}

static void report(void *context, const struct pkgima_finding *finding)
{
	struct session *session = context;
	cleanup_free char *package = pkgima_printable(finding->package);
	cleanup_free char *path = pkgima_printable(finding->path ? finding->path : "");

	/* Said once, with a number, at the end: it concerns all files of a file system. */
	if (finding->verdict == PKGIMA_VERDICT_UNSUPPORTED_FS && !finding->failed) {
		session->unsupported++;
		return;
	}
	fprintf(stderr, "dpkg-ima: %s: %s%s%s: %s\n", package ? package : "?", path ? path : "",
		path && *path ? ": " : "", finding->failed ? "failed" : pkgima_verdict_word(finding->verdict),
		finding->reason);
}

static int apply_chosen(int root_fd, const struct pkgima_dpkg *dpkg, const struct pkgima_dpkg_package *packages,
			size_t count, enum pkgima_outcome *outcomes, struct pkgima_error *error)
{
	cleanup_trust struct pkgima_trust *trust = pkgima_trust_new();
	struct pkgima_config config = { 0 };
	struct session session = { .config = &config };
	struct pkgima_apply_counts counts = { 0 };
	cleanup_free struct pkgima_installed *list = calloc(count, sizeof(*list));
	struct pkgima_apply job = {
		.root_fd = root_fd,
		.manager = &pkgima_manager_dpkg,
		.database = (void *)dpkg,
		.trust = trust,
		.config = &config,
		.report = report,
		.context = &session,
	};
	int r;

	if (!trust || !list)
		return pkgima_fail(error, -ENOMEM, "no memory for the trust store and the list of packages");
	pkgima_dpkg_as_installed(packages, count, list);
	if (pkgima_config_load(root_fd, &config, complain, NULL, error) < 0)
		say(error->text);
	r = pkgima_trust_load(trust, root_fd, pkgima_dpkg_owns, (void *)dpkg, error);
	if (r == 0)
		r = pkgima_apply_packages(&job, list, count, outcomes, &counts, error);
	if (r < 0)
		return r;
	if (session.unsupported && config.unsupported_fs != PKGIMA_UNSUPPORTED_IGNORE)
		fprintf(stderr, "dpkg-ima: warning: %zu files are where security.ima cannot be set\n",
			session.unsupported);
	if (counts.applied)
		fprintf(stderr, "dpkg-ima: %zu file%s signed, of %zu package%s\n", counts.applied,
			counts.applied == 1 ? "" : "s", count, count == 1 ? "" : "s");
	return 0;
}

/* All packages with a manifest, and those of them that have something to do. */
struct work {
	struct pkgima_dpkg_package *packages;
	size_t count;
	enum pkgima_outcome *outcomes;         /* for each */
	struct pkgima_dpkg_package *chosen;    /* copies; the names are those of @packages */
	size_t *index;                         /* of each chosen one in @packages */
	enum pkgima_outcome *chosen_outcomes;
	size_t chosen_count;
};

static void work_free(struct work *work)
{
	pkgima_dpkg_packages_free(work->packages, work->count);
	free(work->outcomes);
	free(work->chosen);
	free(work->index);
	free(work->chosen_outcomes);
}

/* @retry: also those against which something was found before. */
static int choose(struct work *work, const struct stamp *stamp, bool all, bool retry)
{
	work->outcomes = calloc(work->count + 1, sizeof(*work->outcomes));
	work->chosen = calloc(work->count + 1, sizeof(*work->chosen));
	work->index = calloc(work->count + 1, sizeof(*work->index));
	work->chosen_outcomes = calloc(work->count + 1, sizeof(*work->chosen_outcomes));
	if (!stamp || !work->outcomes || !work->chosen || !work->index || !work->chosen_outcomes)
		return -ENOMEM;
	for (size_t i = 0; i < work->count; i++) {
		bool known = !all && stamp_has(stamp, &work->packages[i], &work->outcomes[i]);

		if (known && (work->outcomes[i] == PKGIMA_OUTCOME_GOOD || !retry))
			continue;
		work->chosen[work->chosen_count] = work->packages[i];
		work->index[work->chosen_count++] = i;
	}
	return 0;
}

static int apply_new(int root_fd, const struct pkgima_dpkg *dpkg, bool all, bool retry, struct pkgima_error *error)
{
	__attribute__((cleanup(work_free))) struct work work = { 0 };
	struct stamp *stamp;
	int r;

	r = pkgima_dpkg_packages(dpkg, &work.packages, &work.count, error);
	if (r < 0)
		return r;
	stamp = stamp_read(root_fd);
	r = choose(&work, stamp, all, retry);
	stamp_free(stamp);
	if (r < 0)
		return pkgima_fail(error, r, "no memory for the list of packages");
	if (!work.chosen_count)
		return 0;
	r = apply_chosen(root_fd, dpkg, work.chosen, work.chosen_count, work.chosen_outcomes, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < work.chosen_count; i++)
		work.outcomes[work.index[i]] = work.chosen_outcomes[i];
	return stamp_write(root_fd, work.packages, work.outcomes, work.count, error);
}

static void report_key(void *context, const struct pkgima_keyring *keyring,
		       const struct pkgima_certificate *certificate, int result, const struct pkgima_error *error)
{
	(void)context;
	if (result < 0)
		fprintf(stderr, "dpkg-ima: %s: not loaded into %s: %s\n", certificate->source, keyring->name,
			error->text);
	else
		fprintf(stderr, "dpkg-ima: %s: key %08x loaded into %s\n", certificate->source, certificate->key_id,
			keyring->name);
}

static void load_keys(int root_fd, const struct pkgima_dpkg *dpkg, struct pkgima_error *error)
{
	/* No reason to leave signatures out. */
	if (pkgima_system_load_keys(root_fd, pkgima_dpkg_owns, (void *)dpkg, report_key, NULL, error) < 0)
		say(error->text);
}

/* dpkg gives its folder with the root in front; inside the root it is needed without. */
static const char *admindir_in_root(const char *root)
{
	const char *admindir = getenv("DPKG_ADMINDIR");
	size_t length = strlen(root);

	if (!admindir || !*admindir)
		return PKGIMA_DPKG_ADMINDIR;
	if (length > 1 && !strncmp(admindir, root, length) && admindir[length] == '/')
		return admindir + length;
	return admindir;
}

static int work(bool all, bool keys, struct pkgima_error *error)
{
	const char *root = getenv("DPKG_ROOT");
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	cleanup_close int root_fd = -1;
	int r;

	if (!root || !*root)
		root = "/";
	root_fd = pkgima_root_open(root, error);
	if (root_fd < 0)
		return root_fd;
	r = pkgima_dpkg_open(root_fd, admindir_in_root(root), &dpkg, error);
	if (r < 0)
		return r;
	if (keys)
		load_keys(root_fd, dpkg, error);
	return apply_new(root_fd, dpkg, all, keys, error);
}

int main(int argc, char **argv)
{
	struct pkgima_error error = { "" };
	bool all = false, keys = false;

	/* A provider named in the system's configuration would be loaded into a process that needs none. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--all"))
			all = keys = true;
		else if (!strcmp(argv[i], PKGIMA_TRUST_FOLDER))
			keys = true;
	}
	if (work(all, keys, &error) < 0)
		say(error.text);
	return 0;
}
