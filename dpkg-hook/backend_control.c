// SPDX-License-Identifier: LGPL-2.1-or-later
/* The control member: maintainer scripts get their signature before dpkg runs them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/check.h"
#include "../lib/cleanup.h"
#include "../lib/manifest.h"
#include "backend.h"
#include "say.h"

static void sign_script(struct backend *backend, struct pkgima_checker *checker, const char *name, struct pkgima_tally *tally)
{
	const struct pkgima_entry *entry;
	struct pkgima_error reason;
	enum pkgima_verdict verdict;
	cleanup_close int fd = -1;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "DEBIAN/%s", name);
	entry = pkgima_entries_find(&backend->manifest, path);
	if (!entry) {
		pkgima_tally_add(tally, path, PKGIMA_VERDICT_UNSIGNED, "the manifest has no entry for it");
		return;
	}
	snprintf(path, sizeof(path), BACKEND_CONTROL_FOLDER "/%s", name);
	fd = pkgima_beneath_open_file(backend->admin_fd, path, NULL);
	if (fd < 0) {
		pkgima_tally_add_failure(tally, entry->path, strerror(-fd));
		return;
	}
	r = pkgima_checker_run(checker, entry, fd, &verdict, &reason);
	if (r < 0)
		pkgima_tally_add_failure(tally, entry->path, reason.text);
	else if (verdict != PKGIMA_VERDICT_OK)
		pkgima_tally_add(tally, entry->path, verdict, reason.text);
	else
		pkgima_file_set_value(fd, &entry->ima, &verdict, &reason) < 0 ?
			pkgima_tally_add_failure(tally, entry->path, reason.text) :
			pkgima_tally_add(tally, entry->path, verdict, reason.text);
}

/* What can be known of the files before they are unpacked: their signatures. An enforcing machine wants to know all. */
static void verify_entries(struct backend *backend, struct pkgima_tally *tally)
{
	cleanup_free struct pkgima_result *results = NULL;
	struct pkgima_error error;

	if (pkgima_verify_entries(backend->trust, &backend->manifest, 0, &results, &error) < 0) {
		pkgima_tally_add_failure(tally, NULL, error.text);
		return;
	}
	for (size_t i = 0; i < backend->manifest.count; i++)
		if (backend->manifest.list[i].type == PKGIMA_ENTRY_FILE && results[i].verdict != PKGIMA_VERDICT_OK)
			pkgima_tally_add(tally, backend->manifest.list[i].path, results[i].verdict, results[i].reason);
}

static void work_on_manifest(struct backend *backend, struct pkgima_tally *tally)
{
	struct pkgima_checker *checker = NULL;
	struct pkgima_error error;

	if (backend_load_trust(backend, &error) < 0) {
		pkgima_tally_add_failure(tally, NULL, error.text);
		return;
	}
	checker = pkgima_checker_new(backend->trust);
	if (!checker) {
		pkgima_tally_add_failure(tally, NULL, "no memory to verify signatures");
		return;
	}
	for (size_t i = 0; i < backend->control.count; i++)
		if (pkgima_script_is_known(backend->control.files[i].name))
			sign_script(backend, checker, backend->control.files[i].name, tally);
	pkgima_checker_free(checker);
	/* With select=exec it takes the files to know which of them count; else better now than in the middle. */
	if (backend->gate.config.select == PKGIMA_SELECT_ALL &&
	    pkgima_gate_ask(&backend->gate, PKGIMA_VERDICT_BAD_SIGNATURE) == PKGIMA_ANSWER_REFUSE)
		verify_entries(backend, tally);
}

/* Without a manifest; on an enforcing machine the files of an archive without scripts are looked at when they are there. */
static void work_without_manifest(struct backend *backend, struct pkgima_tally *tally)
{
	bool has_script = false;

	for (size_t i = 0; i < backend->control.count; i++)
		has_script |= pkgima_script_is_known(backend->control.files[i].name);
	if (has_script || backend->gate.config.unsigned_packages != PKGIMA_UNSIGNED_ALLOW)
		pkgima_tally_add(tally, NULL, PKGIMA_VERDICT_UNSIGNED, "it has no manifest");
}

int backend_control(char **argv)
{
	struct pkgima_error error;
	struct backend backend;
	struct pkgima_tally tally;
	pid_t pid;
	int r;

	pid = backend_spawn_real(argv, -1);
	r = pid < 0 ? 0 : backend_wait(pid);
	if (r != 0)
		return r;
	r = backend_open(&backend, argv[2], &error);
	if (r == 0 && pid < 0)
		r = pkgima_fail(&error, pid, "cannot start the real dpkg-deb: %s", strerror(-pid));
	if (r == 0)
		r = backend_read_control(&backend, &error);
	pkgima_tally_begin(&tally, &backend.gate, say_line, backend.package ? backend.package : "?", BACKEND_LINES_MAX);
	/* What is wrong with the archive, a setting decides on; what is wrong here, only an enforcing machine. */
	if (r < 0 && pkgima_gate_is_fault(r))
		pkgima_tally_add(&tally, NULL, PKGIMA_VERDICT_BAD_SIGNATURE, error.text);
	else if (r < 0)
		pkgima_tally_add_failure(&tally, NULL, error.text);
	else if (backend.has_manifest)
		work_on_manifest(&backend, &tally);
	else
		work_without_manifest(&backend, &tally);
	r = pkgima_tally_end(&tally) ? BACKEND_FAILED : 0;
	backend_close(&backend);
	/* As if we were not there. */
	return r == 0 && pid < 0 ? backend_exec_real(argv) : r;
}
