// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel without trusted keyrings looks for "_ima" in the keyrings of the process at hand when it first verifies a
 * signature, and keeps what it has found for ever. So a signed program that nothing has opened yet is run from here, where
 * "_ima" is ours; and then another one from a session in which there is none, which shows that it was kept, that the keys
 * are the right ones, and that signed programs run, before the real init finds out.
 */
#include "init.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATCH "/ima/latch"
#define PROOF "/ima/proof"
/* For a program that does nothing; another one may stand in its place. It counts from when the kernel has started it. */
#define LIMIT_MS 10000

struct trial {
	const char *path;
	bool fresh;   /* in an anonymous session keyring, with nothing in it */
	int code;     /* the errno of what keeps it from running */
};

/* In the child. Until it executes something it shares the memory of this process, which waits for that. */
static int run(void *argument)
{
	struct trial *trial = argument;
	char *const argv[] = { (char *)trial->path, NULL };
	char *const envp[] = { NULL };

	setsid();
	if (!trial->fresh || key_join_session() >= 0)
		execve(trial->path, argv, envp);
	trial->code = errno;
	_exit(127);
}

/* A copy of the memory, as fork() makes one, would take longer than all that the child does. */
static pid_t start(struct trial *trial)
{
	static _Alignas(16) char stack[16 * 1024];

	return clone(run, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, trial);
}

/* Returns the child's status as waitpid() has it, or -errno; -ETIMEDOUT after having killed it. */
static int wait_for(pid_t pid)
{
	cleanup_close int handle = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd wanted = { .fd = handle, .events = POLLIN };
	int status, r;

	do
		r = poll(&wanted, 1, LIMIT_MS);
	while (r < 0 && errno == EINTR);
	if (handle >= 0 && r <= 0) {
		kill(pid, SIGKILL);
		return -ETIMEDOUT;
	}
	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : status;
}

/* What the kernel would have to read. They have some kilobytes. */
#define PROGRAM_MAX ((size_t)1024 * 1024)

static bool is_small(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || (uintmax_t)st.st_size <= PROGRAM_MAX;
}

static int try(const char *path, bool fresh, struct pkgima_error *error)
{
	struct trial trial = { .path = path, .fresh = fresh };
	int status;
	pid_t pid;

	if (!is_small(path))
		return pkgima_fail(error, -EFBIG, "%s is too large", path);
	/* Where it is ignored, by whoever was here before, nobody can be waited for. */
	signal(SIGCHLD, SIG_DFL);
	pid = start(&trial);
	if (pid < 0)
		return pkgima_fail_errno(error, "%s", path);
	status = wait_for(pid);
	if (status == -ETIMEDOUT)
		return pkgima_fail(error, status, "%s did not end", path);
	if (status < 0)
		return pkgima_fail(error, status, "%s: %s", path, strerror(-status));
	if (trial.code)
		return pkgima_fail(error, -trial.code, "%s: %s", path, strerror(trial.code));
	if (status != 0)
		return pkgima_fail(error, -ECHILD, "%s ended with status 0x%x", path, (unsigned int)status);
	return 0;
}

/* A verdict belongs to an inode: the same one again would show nothing. */
static bool are_one_file(void)
{
	struct stat latch, proof;

	return stat(LATCH, &latch) == 0 && stat(PROOF, &proof) == 0 && latch.st_dev == proof.st_dev &&
	       latch.st_ino == proof.st_ino;
}

void latch_set(struct init *init)
{
	bool own = init->rings.own_ima || init->rings.own_evm;
	struct pkgima_error error;

	if (!init->policy_name || !init->policy.appraises)
		return;
	if (own && try(LATCH, false, &error) < 0)
		report_failure(init, FAILURE_LATCH, "%s", error.text);
	else if (own && are_one_file())
		report_failure(init, FAILURE_PROOF, PROOF " is the same file as " LATCH);
	else if (try(PROOF, true, &error) < 0)
		report_failure(init, FAILURE_PROOF, "%s", error.text);
}
