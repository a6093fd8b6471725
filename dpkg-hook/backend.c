// SPDX-License-Identifier: LGPL-2.1-or-later
#include "backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "../lib/escape.h"
#include "../lib/io.h"
#include "../lib/manifest.h"
#include "say.h"

/* The real one, never found by PATH: under its own name, or where the diversion has moved it. */
static const char *const real_paths[] = { "/usr/bin/dpkg-deb.distrib", "/usr/bin/dpkg-deb" };

static const char *find_real(void)
{
	struct stat self, found;
	bool know_self = stat("/proc/self/exe", &self) == 0;

	for (size_t i = 0; i < sizeof(real_paths) / sizeof(real_paths[0]); i++) {
		/* A package may bring a link of this name. */
		if (lstat(real_paths[i], &found) < 0 || !S_ISREG(found.st_mode))
			continue;
		if (know_self && self.st_dev == found.st_dev && self.st_ino == found.st_ino)
			continue;
		return real_paths[i];
	}
	return NULL;
}

int backend_exec_real(char **argv)
{
	/* Where /proc is missing, what shows a circle is that we have been here before. */
	const char *before = getenv("PKGIMA_DPKG_DEB");
	const char *real = find_real();
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (real && before && !strcmp(before, pid))
		real = NULL;
	if (!real) {
		say("the real dpkg-deb is not there: neither %s nor %s", real_paths[0], real_paths[1]);
		return BACKEND_FAILED;
	}
	setenv("PKGIMA_DPKG_DEB", pid, 1);
	execv(real, argv);
	say("cannot start %s: %s", real, strerror(errno));
	return BACKEND_FAILED;
}

pid_t backend_spawn_real(char **argv, int stdout_fd)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	signal(SIGPIPE, SIG_DFL);
	if (stdout_fd >= 0 && dup2(stdout_fd, STDOUT_FILENO) < 0)
		_exit(BACKEND_FAILED);
	_exit(backend_exec_real(argv));
}

int backend_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return BACKEND_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int backend_open(struct backend *backend, const char *archive, struct pkgima_error *error)
{
	const char *root = getenv("DPKG_ROOT"), *admindir = getenv("DPKG_ADMINDIR"), *base = strrchr(archive, '/');

	*backend = (struct backend){ .root_fd = -1, .admin_fd = -1 };
	backend->root_fd = pkgima_root_open(root && *root ? root : "/", error);
	if (backend->root_fd < 0)
		return backend->root_fd;
	pkgima_gate_load(&backend->gate, backend->root_fd, say_problem, NULL);
	/* Until the control file says better. */
	backend->package = pkgima_printable(base ? base + 1 : archive);
	if (!backend->package)
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	backend->admin_fd = open(admindir ? admindir : PKGIMA_DPKG_ADMINDIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (backend->admin_fd < 0)
		return pkgima_fail_errno(error, "cannot open dpkg's database");
	return 0;
}

int backend_read_control(struct backend *backend, struct pkgima_error *error)
{
	const struct pkgima_control_file *manifest;
	char *printable;
	int r;

	r = pkgima_control_read_folder(backend->admin_fd, BACKEND_CONTROL_FOLDER, &backend->control, error);
	if (r < 0)
		return r;
	backend->name = pkgima_control_field(&backend->control, "Package");
	/* dpkg knows packages, and diversions, by their names in small letters. */
	for (char *at = backend->name; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at |= 0x20;
	printable = backend->name ? pkgima_printable(backend->name) : NULL;
	if (!printable)
		return pkgima_fail(error, -EINVAL, "its control file does not name a package");
	free(backend->package);
	backend->package = printable;
	r = pkgima_control_conffiles(&backend->control, &backend->conffiles, error);
	if (r < 0)
		return r;
	manifest = pkgima_control_find(&backend->control, PKGIMA_MANIFEST_NAME);
	backend->has_manifest = manifest;
	if (!manifest)
		return 0;
	return pkgima_manifest_parse(manifest->content, manifest->length, &backend->manifest, error);
}

int backend_load_trust(struct backend *backend, struct pkgima_error *error)
{
	int r = pkgima_dpkg_open(backend->admin_fd, "", &backend->dpkg, error);

	if (r < 0)
		return r;
	/* Only its own folder is beneath the database's; files of packages are in the root. */
	backend->dpkg->root_fd = backend->root_fd;
	backend->trust = pkgima_trust_new();
	if (!backend->trust)
		return pkgima_fail(error, -ENOMEM, "no memory for the trust store");
	return pkgima_trust_load(backend->trust, backend->root_fd, pkgima_dpkg_owns, backend->dpkg, error);
}

void backend_close(struct backend *backend)
{
	pkgima_close_cleanup(&backend->root_fd);
	pkgima_close_cleanup(&backend->admin_fd);
	pkgima_dpkg_free(backend->dpkg);
	pkgima_trust_free(backend->trust);
	pkgima_control_free(&backend->control);
	pkgima_entries_free(&backend->manifest);
	pkgima_entries_free(&backend->conffiles);
	free(backend->name);
	free(backend->package);
}

/* Is @path that of dpkg's folder for control members? */
static bool is_control_folder(const char *path, const char *admindir)
{
	size_t length = strlen(admindir), tail = strlen(BACKEND_CONTROL_FOLDER);

	return !strncmp(path, admindir, length) && !strncmp(path + length, BACKEND_CONTROL_FOLDER, tail) &&
	       (!path[length + tail] || !strcmp(path + length + tail, "/"));
}

static bool parent_is_dpkg(void)
{
	char path[64], name[16] = "";
	cleanup_close int fd = -1;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && pkgima_read_all(fd, name, sizeof(name) - 1) > 0 && !strcmp(name, "dpkg\n");
}

/*
 * Called by dpkg itself for an archive that it installs? Maintainer scripts and dpkg's hooks have the same environment,
 * and more; people may call `dpkg-deb --fsys-tarfile` too. And a maintainer script may run dpkg for another root.
 */
static bool is_dpkg(const char *admindir)
{
	return admindir && *admindir && !getenv("DPKG_HOOK_ACTION") &&
	       (!getenv("DPKG_MAINTSCRIPT_PACKAGE") || parent_is_dpkg());
}

int main(int argc, char **argv)
{
	const char *admindir = getenv("DPKG_ADMINDIR");
	struct stat output;

	if (!is_dpkg(admindir))
		return backend_exec_real(argv);
	/* libcrypto is to load nothing: what it would load may just be replaced. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	if (argc == 4 && !strcmp(argv[1], "--control") && is_control_folder(argv[3], admindir))
		return backend_control(argv);
	if (argc == 3 && !strcmp(argv[1], "--fsys-tarfile") && fstat(STDOUT_FILENO, &output) == 0 &&
	    S_ISFIFO(output.st_mode))
		return backend_data(argv);
	return backend_exec_real(argv);
}
