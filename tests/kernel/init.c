/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first process of a test machine (see "run" beside this file). As PID 1
 * it mounts what a script needs, loads keys and a policy where the root has
 * them under /test, runs the script, hands its output, its exit status and
 * the kernel log to the host through a block device, and switches off. Started by
 * an init of the root's own (any other PID) it only does the second half.
 *
 * It is static, and opens nothing on the root but the files under /test, so
 * that it works where every file that is opened must be signed.
 *
 * The block device: 4 KiB of text ("state=... status=... out=... kmsg=...\n",
 * then a reason), the script's output from OUT_OFF, the kernel log from
 * KMSG_OFF. Everything is written synchronously: what a machine that hangs
 * has said is not lost.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUT_OFF 4096L
#define KMSG_OFF (32L << 20)
#define END_OFF (64L << 20)
#define FILE_MAX (64 << 10)

static struct {
	int out_fd;
	int verbose;
	long out_len;
	long kmsg_len;
	char out[128];
	char script[256];
	char shell[256];
} self = {
	.out_fd = -1,
	.script = "/test/script",
	.shell = "/bin/sh",
};

static void header(const char *state, int status, const char *reason)
{
	char buf[OUT_OFF] = { 0 };

	snprintf(buf, sizeof(buf), "state=%s status=%d out=%ld kmsg=%ld\n%s\n",
		 state, status, self.out_len, self.kmsg_len, reason);
	if (self.out_fd >= 0 &&
	    pwrite(self.out_fd, buf, sizeof(buf), 0) != (ssize_t)sizeof(buf))
		dprintf(2, "test-init: %s: %s\n", self.out, strerror(errno));
}

/* One record of /dev/kmsg, "prio,seq,usec,flags;text\n ...", as the console has it. */
static void save_record(char *rec, long *pos)
{
	char line[9000];
	unsigned long long usec = 0;
	char *text = strchr(rec, ';'), *end;
	int len;

	if (!text)
		return;
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	sscanf(rec, "%*u,%*u,%llu", &usec);
	len = snprintf(line, sizeof(line), "[%5llu.%06llu] %s\n",
		       usec / 1000000, usec % 1000000, text + 1);
	if (*pos + len > END_OFF)
		return;
	if (pwrite(self.out_fd, line, (size_t)len, *pos) == len)
		*pos += len;
}

static void save_kmsg(void)
{
	char rec[8193];
	long pos = KMSG_OFF;
	ssize_t n;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || self.out_fd < 0)
		return;
	/* the data goes through the page cache; fsync() in finish() */
	for (;;) {
		n = read(fd, rec, sizeof(rec) - 1);
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue; /* EPIPE: overwritten meanwhile */
		if (n <= 0)
			break;
		rec[n] = '\0';
		save_record(rec, &pos);
	}
	close(fd);
	self.kmsg_len = pos - KMSG_OFF;
}

static _Noreturn void finish(const char *state, int status, const char *reason)
{
	int flags;

	if (self.out_fd >= 0) {
		flags = fcntl(self.out_fd, F_GETFL);
		fcntl(self.out_fd, F_SETFL, flags & ~O_SYNC);
		save_kmsg();
		fsync(self.out_fd);
		header(state, status, reason);
		fsync(self.out_fd);
	}
	sync();
	reboot(RB_POWER_OFF);
	_exit(1); /* as PID 1: a panic, which the runner sees */
}

__attribute__((format(printf, 1, 2))) static _Noreturn void die(const char *fmt, ...)
{
	char buf[1024];
	int err = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf) - 128, fmt, ap);
	va_end(ap);
	if (err)
		snprintf(buf + strlen(buf), 128, ": %s", strerror(err));
	dprintf(2, "test-init: %s\n", buf);
	finish("failed", 0, buf);
}

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list ap;

	if (!self.verbose)
		return;
	va_start(ap, fmt);
	dprintf(2, "test-init: ");
	vdprintf(2, fmt, ap);
	va_end(ap);
}

/* Whole small file, NUL-terminated. Returns its length; dies on any error. */
static size_t slurp(const char *path, char *buf, size_t cap)
{
	size_t len = 0;
	ssize_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die("open %s", path);
	while (len < cap - 1) {
		n = read(fd, buf + len, cap - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (n < 0)
		die("read %s", path);
	if (len == cap - 1) {
		errno = EFBIG;
		die("read %s", path);
	}
	close(fd);
	buf[len] = '\0';
	return len;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void mount_one(const char *type, const char *dir, int needed)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, MS_NOSUID, NULL) < 0 && errno != EBUSY) {
		if (needed)
			die("mount %s on %s", type, dir);
		say("mount %s on %s: %s\n", type, dir, strerror(errno));
	}
}

static int is_mounted(const char *dir)
{
	struct stat here, root;

	return stat(dir, &here) == 0 && stat("/", &root) == 0 && here.st_dev != root.st_dev;
}

static void mount_all(void)
{
	mount_one("proc", "/proc", 1);
	mount_one("sysfs", "/sys", 1);
	mount_one("securityfs", "/sys/kernel/security", 1);
	mount_one("devtmpfs", "/dev", 1);
	mount_one("devpts", "/dev/pts", 0);
	/* what an init before us has left there is to be seen */
	if (!is_mounted("/run"))
		mount_one("tmpfs", "/run", 1);
	/* audit records go through printk_ratelimit() */
	put("/proc/sys/kernel/printk_ratelimit", "0\n");
}

/* 0, 1 and 2 on the console, whatever the kernel has found there. */
static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	dup2(fd, 1);
	dup2(fd, 2);
	if (fd > 2)
		close(fd);
}

static void arg(const char *word, const char *name, char *val, size_t cap)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) == 0)
		snprintf(val, cap, "%s", word + len);
}

static void read_args(void)
{
	char buf[FILE_MAX], verbose[8] = "", *word;

	slurp("/proc/cmdline", buf, sizeof(buf));
	for (word = strtok(buf, " \n"); word; word = strtok(NULL, " \n")) {
		arg(word, "test_out=", self.out, sizeof(self.out));
		arg(word, "test_script=", self.script, sizeof(self.script));
		arg(word, "test_shell=", self.shell, sizeof(self.shell));
		arg(word, "test_verbose=", verbose, sizeof(verbose));
	}
	self.verbose = verbose[0] == '1';
}

static long new_ring(const char *name)
{
	long ring = syscall(SYS_add_key, "keyring", name, NULL, (size_t)0,
			    KEY_SPEC_USER_KEYRING);

	if (ring < 0)
		die("make the keyring %s", name);
	return ring;
}

/* Every DIR/NAME.der into the ring. Returns how many went in. */
static int add_certs(long ring, const char *dir, int must)
{
	char path[512], der[FILE_MAX];
	struct dirent *de;
	size_t len;
	int count = 0;
	DIR *d = opendir(dir);

	if (!d)
		die("open %s", dir);
	while ((de = readdir(d))) {
		len = strlen(de->d_name);
		if (len < 5 || strcmp(de->d_name + len - 4, ".der") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		len = slurp(path, der, sizeof(der));
		if (syscall(SYS_add_key, "asymmetric", NULL, der, len, ring) >= 0) {
			say("%s: loaded\n", path);
			count++;
		} else if (must) {
			die("load %s", path);
		} else {
			dprintf(2, "test-init: load %s: %s\n", path, strerror(errno));
		}
	}
	closedir(d);
	return count;
}

/* The kernel's own .ima keyring, or 0 where it has none. */
static long find_dot_ima(void)
{
	char line[512];
	unsigned long id = 0, found = 0;
	FILE *f = fopen("/proc/keys", "re");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, " .ima: ") && sscanf(line, "%lx", &id) == 1)
			found = id;
	fclose(f);
	return (long)found;
}

/*
 * /test/keys/NAME.der into .ima; where the kernel has none, into "_ima", which
 * takes only what /test/ca/NAME.der has issued if there is such a folder. A
 * certificate that is refused is reported on the console, and no error.
 */
static void load_keys(void)
{
	char restriction[64];
	long ca, ima = find_dot_ima();

	if (access("/test/keys", F_OK) < 0)
		return;
	if (ima == 0) {
		/* a session of our own, with root's user keyring in it */
		if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
		    syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING,
			    KEY_SPEC_SESSION_KEYRING) < 0)
			die("link the user keyring");
		ima = new_ring("_ima");
		if (access("/test/ca", F_OK) == 0) {
			ca = new_ring("_ca");
			if (add_certs(ca, "/test/ca", 1) == 0) {
				errno = ENOENT;
				die("/test/ca/*.der");
			}
			if (syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, ca,
				    NULL, NULL) < 0)
				die("seal _ca");
			snprintf(restriction, sizeof(restriction),
				 "key_or_keyring:%ld", ca);
			if (syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, ima,
				    "asymmetric", restriction) < 0)
				die("restrict _ima");
		}
	}
	add_certs(ima, "/test/keys", 0);
}

/*
 * /test/policy, one rule per write; close() is what makes it the policy. The
 * kernel may want the file instead, to appraise it (appraise_tcb): then its path.
 */
static void load_policy(void)
{
	static const char ima[] = "/sys/kernel/security/ima/policy";
	static const char file[] = "/test/policy";
	char buf[FILE_MAX], rule[4096], *line;
	int fd;

	if (access(file, F_OK) < 0)
		return;
	slurp(file, buf, sizeof(buf));
	fd = open(ima, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die("open %s", ima);
	for (line = strtok(buf, "\n"); line; line = strtok(NULL, "\n")) {
		snprintf(rule, sizeof(rule), "%s\n", line);
		if (write(fd, rule, strlen(rule)) >= 0)
			continue;
		if (errno != EACCES)
			die("policy rule '%s'", line);
		close(fd);
		fd = open(ima, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, file, strlen(file)) < 0)
			die("policy %s", file);
		break;
	}
	if (close(fd) < 0)
		die("close %s", ima);
	say("policy loaded\n");
}

/* Waits for pid, taking in the orphans that PID 1 inherits. */
static int wait_for(pid_t pid, int *status, int flags)
{
	pid_t got;

	while ((got = waitpid(-1, status, flags)) != pid) {
		if (got == 0)
			return 0;
		if (got < 0 && errno != EINTR)
			die("wait");
	}
	return 1;
}

/*
 * Starts argv with its output in the pipe out_fd, or the console if that is
 * -1. Dies if it cannot be executed. In a session of its own (setsid; keyrings stay).
 */
static pid_t start(char *const argv[], int out_fd)
{
	static char *const envp[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "TERM=dumb",
		/* What systemd is asked for may take long on a machine that is emulated. */
		"SYSTEMD_BUS_TIMEOUT=240", NULL
	};
	int err = 0, status, fds[2], null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		setsid();
		signal(SIGPIPE, SIG_DFL);
		null = open("/dev/null", O_RDWR);
		if (null >= 0)
			dup2(null, 0);
		if (out_fd >= 0) {
			dup2(out_fd, 1);
			dup2(out_fd, 2);
		}
		execve(argv[0], argv, envp);
		err = errno;
		if (write(fds[1], &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(fds[1]);
	if (read(fds[0], &err, sizeof(err)) == (ssize_t)sizeof(err)) {
		wait_for(pid, &status, 0);
		errno = err;
		die("execute %s", argv[0]);
	}
	close(fds[0]);
	return pid;
}

/*
 * /test/latch holds the path of a signed program that nothing has opened yet:
 * executing it from here makes the kernel look up "_ima" and keep it.
 */
static void latch(void)
{
	char path[4096];
	char *argv[] = { path, NULL };
	int status;

	if (access("/test/latch", F_OK) < 0)
		return;
	slurp("/test/latch", path, sizeof(path));
	path[strcspn(path, "\n")] = '\0';
	wait_for(start(argv, -1), &status, 0);
	errno = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("latch: %s failed (%x)", path, status);
	say("latched with %s\n", path);
}

static ssize_t save_output(int fd)
{
	char buf[65536];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n <= 0)
		return n;
	if (self.out_fd < 0) {
		dprintf(1, "%.*s", (int)n, buf);
	} else if (OUT_OFF + self.out_len + n <= KMSG_OFF) {
		if (pwrite(self.out_fd, buf, (size_t)n, OUT_OFF + self.out_len) == n)
			self.out_len += n;
		header("script", 0, "");
	} else {
		errno = EFBIG;
		die("the script's output");
	}
	return n;
}

static int run_script(void)
{
	char *with_shell[] = { self.shell, self.script, NULL };
	char *alone[] = { self.script, NULL };
	int direct = strcmp(self.shell, "-") == 0;
	int fd, fds[2], status;
	struct pollfd pfd;
	pid_t pid;

	if (!direct) {
		/* else the shell would say so, and look like the script */
		fd = open(self.script, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("open %s", self.script);
		close(fd);
	}
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		die("pipe");
	fcntl(fds[1], F_SETFL, fcntl(fds[1], F_GETFL) & ~O_NONBLOCK);
	pid = start(direct ? alone : with_shell, fds[1]);
	close(fds[1]);
	header("script", 0, "");
	pfd = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	/* the end of the script counts, not that of what it leaves behind */
	while (!wait_for(pid, &status, WNOHANG)) {
		if (poll(&pfd, 1, 20) > 0 && save_output(fds[0]) == 0)
			usleep(20000);
	}
	while (save_output(fds[0]) > 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	if (getpid() == 1) {
		mount_all();
		open_console();
	}
	read_args();
	if (self.out[0]) {
		self.out_fd = open(self.out, O_RDWR | O_SYNC | O_CLOEXEC);
		if (self.out_fd < 0)
			die("open %s", self.out);
	}
	header("init", 0, "");
	if (getpid() == 1) {
		load_keys();
		load_policy();
		latch();
	}
	finish("done", run_script(), "");
}
