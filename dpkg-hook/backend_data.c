// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The data member: it passes through to dpkg, but for its end. What came before is then on disk, under the names with
 * ".dpkg-new", and gets its signatures; after the end dpkg gives the files their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../lib/cleanup.h"
#include "../lib/io.h"
#include "backend.h"
#include "place.h"
#include "say.h"
#include "tar_stream.h"

#define BLOCK 512
#define BUFFER (128 * BLOCK)

/* dpkg is gone, or does not read any further: it says itself why. */
#define DPKG_GONE 1

/*
 * Waits until dpkg has read all that was written, and waits for more. It reads headers without reading ahead, so it has
 * finished with every file before the header that it now has the first byte of.
 */
static int wait_for_dpkg(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO };
	struct timespec pause = { .tv_nsec = 200 * 1000 };
	int unread;

	for (;;) {
		if (ioctl(STDOUT_FILENO, FIONREAD, &unread) < 0)
			return -errno;
		if (unread == 0)
			return 0;
		if (poll(&output, 1, 0) < 0 && errno != EINTR)
			return -errno;
		if (output.revents & (POLLERR | POLLNVAL))
			return DPKG_GONE;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 5 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
}

static int pass_on(const void *bytes, size_t length)
{
	int r = pkgima_write_all(STDOUT_FILENO, bytes, length);

	return r == -EPIPE ? DPKG_GONE : r;
}

/* The rest of what the real dpkg-deb gives; behind the archive's end dpkg would throw it away. */
static int drain(int input)
{
	char buffer[BUFFER];
	ssize_t length;

	while ((length = pkgima_read_all(input, buffer, sizeof(buffer))) > 0)
		;
	return (int)length;
}

/*
 * Passes the archive on up to its end, which is held back. 0 when it was followed up to there (or up to where the input
 * ends: dpkg takes that for an end too), DPKG_GONE, or -errno. Where it cannot be followed *@ret_followed is false; then
 * all was passed on or, with @stop, what came before.
 */
static int relay(int input, struct pkgima_tar_stream *stream, bool stop, bool *ret_followed,
		 struct pkgima_error *error)
{
	static char buffer[BUFFER];
	ssize_t length;
	bool following = true;
	size_t before;
	int r = 0, fed;

	while ((length = pkgima_read_all(input, buffer, sizeof(buffer))) > 0) {
		before = (size_t)length;
		fed = following ? pkgima_tar_stream_feed(stream, buffer, (size_t)length, &before, error) : 0;
		if (fed < 0) {
			following = false;
			before = stop ? before : (size_t)length;
		}
		r = pass_on(buffer, before);
		if (r != 0)
			return r;
		if (fed == 1 || (fed < 0 && stop)) {
			length = drain(input);
			break;
		}
	}
	if (length < 0)
		return pkgima_fail(error, (int)length, "cannot read from the real dpkg-deb: %s", strerror((int)-length));
	*ret_followed = following;
	return 0;
}

/* Files are there, the end is not: puts signatures on them. Returns whether the archive is to be refused. */
static bool finish(struct backend *backend, const struct pkgima_tar_stream *stream, bool followed, const char *problem,
		   struct pkgima_tally *tally)
{
	if (!followed)
		pkgima_tally_add(tally, NULL, PKGIMA_VERDICT_BAD_SIGNATURE, problem);
	else
		place_signatures(backend, pkgima_tar_stream_files(stream), tally);
	if (!pkgima_tally_end(tally))
		return false;
	place_remove(backend, pkgima_tar_stream_files(stream));
	return true;
}

/* After a failure of our own, as if we were not there, unless the machine enforces. */
static int go_on(char **argv, const char *failure, struct pkgima_tally *tally)
{
	pkgima_tally_add_failure(tally, NULL, failure);
	if (pkgima_tally_end(tally))
		return BACKEND_FAILED;
	signal(SIGPIPE, SIG_DFL);
	return backend_exec_real(argv);
}

static int install(struct backend *backend, char **argv, struct pkgima_tally *tally)
{
	static const char end[2 * BLOCK];
	struct pkgima_tar_stream *stream = pkgima_tar_stream_new();
	struct pkgima_error error = { "" };
	bool followed = false, refused;
	bool stop = pkgima_gate_ask(tally->gate, PKGIMA_VERDICT_BAD_SIGNATURE) == PKGIMA_ANSWER_REFUSE &&
		    !tally->gate->overridden;
	int pipe_fds[2], r, status;
	pid_t pid;

	if (!stream || pipe2(pipe_fds, O_CLOEXEC) < 0) {
		pkgima_tar_stream_free(stream);
		return go_on(argv, "no memory, or no file descriptors, to follow the data member", tally);
	}
	pid = backend_spawn_real(argv, pipe_fds[1]);
	close(pipe_fds[1]);
	if (pid < 0) {
		close(pipe_fds[0]);
		pkgima_tar_stream_free(stream);
		return go_on(argv, "cannot start the real dpkg-deb", tally);
	}
	r = relay(pipe_fds[0], stream, stop, &followed, &error);
	close(pipe_fds[0]);
	status = backend_wait(pid);
	/* The byte tells when dpkg waits for the next header; nothing else does. */
	if (r == 0 && status == 0 && (followed || stop))
		r = pass_on(end, 1);
	if (r == 0 && status == 0 && (followed || stop))
		r = wait_for_dpkg();
	if (r == DPKG_GONE) {
		r = BACKEND_FAILED;
	} else if (r < 0 || status != 0) {
		/* dpkg hears of it by the exit status, and undoes what it has done so far. */
		say("%s: the data member could not be unpacked%s%s", backend->package, error.text[0] ? ": " : "",
		    error.text);
		r = status ? status : BACKEND_FAILED;
	} else {
		refused = finish(backend, stream, followed, error.text, tally);
		/* An archive that was passed on whole has its end already. */
		r = (followed || stop) && pass_on(end + 1, sizeof(end) - 1) != 0 ? BACKEND_FAILED : 0;
		r = refused ? BACKEND_FAILED : r;
	}
	pkgima_tar_stream_free(stream);
	return r;
}

int backend_data(char **argv)
{
	struct pkgima_error error;
	struct backend backend;
	struct pkgima_tally tally;
	int r;

	/* Is dpkg gone, a write says so. */
	signal(SIGPIPE, SIG_IGN);
	r = backend_open(&backend, argv[2], &error);
	if (r == 0)
		r = backend_read_control(&backend, &error);
	if (r == 0 && !backend.has_manifest && !backend.gate.enforcing && !place_is_durable()) {
		signal(SIGPIPE, SIG_DFL);
		return backend_exec_real(argv);
	}
	if (r == 0)
		r = backend_load_trust(&backend, &error);
	pkgima_tally_begin(&tally, &backend.gate, say_line, backend.package ? backend.package : "?", BACKEND_LINES_MAX);
	if (r < 0 && pkgima_gate_is_fault(r))
		pkgima_tally_add(&tally, NULL, PKGIMA_VERDICT_BAD_SIGNATURE, error.text);
	r = r == 0 ? install(&backend, argv, &tally) : go_on(argv, error.text, &tally);
	backend_close(&backend);
	return r;
}
