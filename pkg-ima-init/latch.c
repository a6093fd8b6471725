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
/* For a program that does nothing; another one may stand in its place, or what the kernel has to read for long. */
#define LIMIT_MS 10000

/*
 * Of a child that shares the memory of this process, errno included, until it executes something. One that does not end
 * keeps all of it.
 */
struct trial {
	const char *path;
	bool fresh;   /* in an anonymous session keyring, with nothing in it */
	int code;     /* the errno of what keeps it from running */
	_Alignas(16) char stack[16 * 1024];
};

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

static int try(struct trial *trial, struct pkgima_error *error)
{
	const char *path = trial->path;
	int status;
	pid_t pid;

	if (!is_small(path))
		return pkgima_fail(error, -EFBIG, "%s is too large", path);
	/* Where it is ignored, by whoever was here before, nobody can be waited for. */
	signal(SIGCHLD, SIG_DFL);
	/* A copy of the memory, as fork() makes one, would take longer than all that the child does. */
	pid = clone(run, trial->stack + sizeof(trial->stack), CLONE_VM | SIGCHLD, trial);
	if (pid < 0)
		return pkgima_fail_errno(error, "%s", path);
	status = wait_for(pid);
	if (status == -ETIMEDOUT)
		return pkgima_fail(error, status, "%s did not end", path);
	if (status < 0)
		return pkgima_fail(error, status, "%s: %s", path, strerror(-status));
	if (trial->code)
		return pkgima_fail(error, -trial->code, "%s: %s", path, strerror(trial->code));
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

/* What the kernel has found it keeps a reference to. Otherwise the next one who has something verified would bring its own. */
static bool is_kept(const struct own_ring *own, key_serial_t ring)
{
	return !own->made || (own->usage > 0 && rings_usage(ring) > own->usage);
}

static int run_latch(const struct init *init, struct pkgima_error *error)
{
	const struct rings *rings = &init->rings;
	static struct trial trial;
	int r;

	trial.path = LATCH;
	r = try(&trial, error);
	/* With ima_appraise=off nothing may be verified at all, which has been said. */
	if (r < 0 || (init->settings.only_logs && !init->enforcing))
		return r;
	if (!is_kept(&rings->own_ima, rings->ima))
		return pkgima_fail(error, -ENOKEY, LATCH " ran, but no rule of the policy had it verified by _ima");
	if (!is_kept(&rings->own_evm, rings->evm))
		return pkgima_fail(error, -ENOKEY, LATCH " ran, but its metadata was not verified by _evm");
	return 0;
}

static int run_proof(struct pkgima_error *error)
{
	static struct trial trial;

	trial.path = PROOF;
	trial.fresh = true;
	return try(&trial, error);
}

void latch_set(struct init *init)
{
	bool own = init->rings.own_ima.made || init->rings.own_evm.made;
	struct pkgima_error error;

	if (!init->policy_name || !init->policy.appraises)
		return;
	if (own && run_latch(init, &error) < 0)
		report_failure(init, FAILURE_LATCH, "%s", error.text);
	else if (own && are_one_file())
		report_failure(init, FAILURE_PROOF, PROOF " is the same file as " LATCH);
	else if (run_proof(&error) < 0)
		report_failure(init, FAILURE_PROOF, "%s", error.text);
}
