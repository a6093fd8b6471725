/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What root may try on a machine that enforces signatures, and shell and utilities cannot do: see bypass.sh. Static, and
 * signed: it stands for any program that the machine has. x86-64.
 *
 *   bypass memfd FILE            executes a copy of FILE in a memfd
 *   bypass map FILE              maps FILE to be executed
 *   bypass mprotect FILE         maps FILE to be read, and then makes that executable
 *   bypass anonymous             runs code that it has written into memory
 *   bypass mem                   runs code that it has written into another process by /proc/PID/mem
 *   bypass ptrace                the same, into a child that it traces
 *   bypass detach FILE           gets at the initramfs's root, below the root, and executes a copy of FILE there
 *   bypass fuse FILE OTHER DIR   executes a file of a FUSE file system of its own, which is FILE, with its signature,
 *                                while the kernel verifies it, and OTHER, of the same size, when it then runs
 *   bypass kexec KERNEL INITRD   loads them to be booted, by their files and, as kexec_load(2), from memory
 *   bypass wait                  runs until it is killed
 *   bypass module FILE           loads a kernel module, by its file and from memory
 *
 * Says "ran" where that did it; else what the kernel said.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static char *const no_args[] = { "program", NULL };
static char *const no_env[] = { NULL };

static _Noreturn void refused(const char *what)
{
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The whole file; the caller never frees it. */
static char *slurp(const char *path, size_t *ret_length)
{
	struct stat st;
	char *data;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		refused(path);
	data = malloc((size_t)st.st_size);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		refused(path);
	close(fd);
	*ret_length = (size_t)st.st_size;
	return data;
}

static void spill(int fd, const char *data, size_t length)
{
	if (fd < 0 || write(fd, data, length) != (ssize_t)length)
		refused("write");
}

static void try_memfd(char **argv)
{
	size_t length;
	char *data = slurp(argv[0], &length);
	int fd = memfd_create("program", MFD_CLOEXEC);

	spill(fd, data, length);
	fexecve(fd, no_args, no_env);
	refused("execute");
}

static void try_map(char **argv)
{
	int fd = open(argv[0], O_RDONLY);

	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED)
		refused("mmap");
	puts("ran");
}

static void try_mprotect(char **argv)
{
	int fd = open(argv[0], O_RDONLY);
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		refused("mmap");
	if (mprotect(at, 4096, PROT_READ | PROT_EXEC) < 0)
		refused("mprotect");
	puts("ran");
}

/* mov $42, %eax; ret */
static const unsigned char code[8] = { 0xb8, 42, 0, 0, 0, 0xc3, 0x90, 0x90 };

__attribute__((noinline, aligned(8))) static int victim(void)
{
	static volatile int zero;

	return zero + zero * 3 + 1;
}

static void tell(int result)
{
	puts(result == 42 ? "ran" : "unchanged");
}

static void try_anonymous(char **argv)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int (*function)(void);

	(void)argv;
	memcpy(at, code, sizeof(code));
	if (mprotect(at, 4096, PROT_READ | PROT_EXEC) < 0)
		refused("mprotect");
	memcpy(&function, &at, sizeof(function));
	tell(function());
}

static off_t address_of_victim(void)
{
	int (*volatile function)(void) = victim;

	return (off_t)(unsigned long)function;
}

static int call_victim(void)
{
	int (*volatile function)(void) = victim;

	return function();
}

static void try_mem(char **argv)
{
	int go[2], fd, status;
	char path[64], byte;
	pid_t pid;

	(void)argv;
	pid = pipe(go) == 0 ? fork() : -1;
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) == 1 ? call_victim() : 0);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR);
	if (fd < 0 || pwrite(fd, code, sizeof(code), address_of_victim()) != (ssize_t)sizeof(code))
		refused(path);
	/* Only then the child goes on. */
	spill(go[1], "", 1);
	waitpid(pid, &status, 0);
	tell(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void try_ptrace(char **argv)
{
	long word;
	int status;
	pid_t pid = fork();

	(void)argv;
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(call_victim());
	}
	waitpid(pid, &status, 0);
	memcpy(&word, code, sizeof(word));
	if (ptrace(PTRACE_POKETEXT, pid, (void *)address_of_victim(), (void *)word) < 0)
		refused("ptrace");
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	tell(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static void try_detach(char **argv)
{
	size_t length;
	char *data = slurp(argv[0], &length);
	struct stat before, after;
	int ns, fd;

	/* Without propagation, which would take the machine's own mounts away. */
	if (stat("/", &before) < 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		refused("unshare");
	ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns < 0 || umount2("/", MNT_DETACH) < 0)
		refused("umount2");
	if (setns(ns, CLONE_NEWNS) < 0)
		refused("setns");
	if (stat("/", &after) < 0 || after.st_dev == before.st_dev) {
		puts("the same root");
		exit(1);
	}
	fd = open("/program", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	spill(fd, data, length);
	close(fd);
	execve("/program", no_args, no_env);
	refused("in the initramfs's root");
}

/* A file system with one file, "program". */
struct server {
	int fd;
	char *content, *other;
	size_t length;
	char signature[4096];
	size_t signature_length;
	int turns;         /* so often the content is read to its end before it becomes the other */
};

static void answer(const struct server *server, const struct fuse_in_header *in, int error, const void *data, size_t length)
{
	struct {
		struct fuse_out_header header;
		char data[1 << 17];
	} *out = malloc(sizeof(*out));

	out->header = (struct fuse_out_header){ .len = (uint32_t)(sizeof(out->header) + length), .error = -error,
						.unique = in->unique };
	memcpy(out->data, data, length);
	if (write(server->fd, out, out->header.len) < 0)
		perror("bypass: fuse");
	free(out);
}

static struct fuse_attr attributes(const struct server *server, uint64_t node)
{
	return (struct fuse_attr){
		.ino = node, .nlink = 1, .blksize = 4096,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0755,
		.size = node == FUSE_ROOT_ID ? 0 : server->length,
	};
}

static void answer_read(struct server *server, const struct fuse_in_header *in, const struct fuse_read_in *read)
{
	size_t from = read->offset < server->length ? read->offset : server->length;
	size_t length = read->size < server->length - from ? read->size : server->length - from;

	answer(server, in, 0, (server->turns > 0 ? server->content : server->other) + from, length);
	if (from + length == server->length && length)
		server->turns--;
}

static void answer_xattr(const struct server *server, const struct fuse_in_header *in, const struct fuse_getxattr_in *get)
{
	struct fuse_getxattr_out size = { .size = (uint32_t)server->signature_length };

	if (in->nodeid == FUSE_ROOT_ID || strcmp((const char *)(get + 1), "security.ima") != 0)
		answer(server, in, ENODATA, "", 0);
	else if (get->size == 0)
		answer(server, in, 0, &size, sizeof(size));
	else if (get->size < server->signature_length)
		answer(server, in, ERANGE, "", 0);
	else
		answer(server, in, 0, server->signature, server->signature_length);
}

static void answer_one(struct server *server, const struct fuse_in_header *in)
{
	const struct fuse_init_out init = { .major = 7, .minor = 31, .max_readahead = 4096, .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes(server, 2) };
	struct fuse_attr_out attr = { .attr = attributes(server, in->nodeid) };
	const struct fuse_open_out open = { .open_flags = FOPEN_DIRECT_IO };

	switch (in->opcode) {
	case FUSE_INIT: answer(server, in, 0, &init, sizeof(init)); break;
	case FUSE_LOOKUP: answer(server, in, 0, &entry, sizeof(entry)); break;
	case FUSE_GETATTR: answer(server, in, 0, &attr, sizeof(attr)); break;
	case FUSE_OPEN: answer(server, in, 0, &open, sizeof(open)); break;
	case FUSE_READ: answer_read(server, in, (const void *)(in + 1)); break;
	case FUSE_GETXATTR: answer_xattr(server, in, (const void *)(in + 1)); break;
	case FUSE_FLUSH: case FUSE_RELEASE: answer(server, in, 0, "", 0); break;
	case FUSE_FORGET: case FUSE_BATCH_FORGET: case FUSE_INTERRUPT: break;
	default: answer(server, in, ENOSYS, "", 0);
	}
}

static _Noreturn void serve(struct server *server)
{
	static char request[1 << 17] __attribute__((aligned(8)));

	for (;;) {
		if (read(server->fd, request, sizeof(request)) < (ssize_t)sizeof(struct fuse_in_header)) {
			if (errno == EINTR || errno == ENOENT)
				continue;
			_exit(0);
		}
		answer_one(server, (const void *)request);
	}
}

/* One server, one execution. Returns whether "ran" was printed. */
static int try_turns(struct server *server, const char *dir)
{
	char options[64], path[256], output[64] = "";
	int fds[2], status;
	pid_t server_pid, pid;
	ssize_t n;

	server->fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", server->fd);
	if (server->fd < 0 || mount("program", dir, "fuse", MS_NODEV | MS_NOSUID, options) < 0 || pipe(fds) < 0)
		refused("fuse");
	server_pid = fork();
	if (server_pid == 0) {
		/* The end of the other one's output is to be seen. */
		close(fds[0]);
		close(fds[1]);
		serve(server);
	}
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		snprintf(path, sizeof(path), "%s/program", dir);
		execve(path, no_args, no_env);
		dprintf(1, "%s", strerror(errno));
		_exit(1);
	}
	close(fds[1]);
	n = read(fds[0], output, sizeof(output) - 1);
	output[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	waitpid(pid, &status, 0);
	umount2(dir, MNT_DETACH);
	kill(server_pid, SIGKILL);
	waitpid(server_pid, &status, 0);
	close(server->fd);
	return strstr(output, "ran") != NULL;
}

static void try_fuse(char **argv)
{
	struct server server = { .fd = -1 };
	size_t other_length;
	ssize_t n = getxattr(argv[0], "security.ima", server.signature, sizeof(server.signature));

	server.content = slurp(argv[0], &server.length);
	server.other = slurp(argv[1], &other_length);
	if (n < 0 || other_length != server.length)
		refused("signature");
	server.signature_length = (size_t)n;
	/* How often a kernel reads it differs. */
	for (int turns = 0; turns < 6; turns++) {
		server.turns = turns;
		if (try_turns(&server, argv[2])) {
			puts("ran");
			return;
		}
	}
	puts("never");
}

static void try_wait(char **argv)
{
	(void)argv;
	for (;;)
		pause();
}

static void try_kexec(char **argv)
{
	int kernel = open(argv[0], O_RDONLY), initrd = open(argv[1], O_RDONLY);
	int by_file = (int)syscall(SYS_kexec_file_load, kernel, initrd, 1UL, "", 0UL) < 0 ? errno : 0;
	/* Nothing, which is allowed to those who are allowed to load something. */
	int by_memory = (int)syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL) < 0 ? errno : 0;

	if (by_file == 0 || by_memory == 0)
		puts("ran");
	printf("file: %s, memory: %s\n", strerror(by_file), strerror(by_memory));
}

static void try_module(char **argv)
{
	size_t length;
	char *data = slurp(argv[0], &length);
	int fd = open(argv[0], O_RDONLY);
	int by_file = (int)syscall(SYS_finit_module, fd, "", 0) < 0 ? errno : 0;
	int by_memory = (int)syscall(SYS_init_module, data, length, "") < 0 ? errno : 0;

	if (by_file == 0 || by_memory == 0)
		puts("ran");
	printf("file: %s, memory: %s\n", strerror(by_file), strerror(by_memory));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int count;
		void (*run)(char **argv);
	} all[] = {
		{ "memfd", 1, try_memfd }, { "map", 1, try_map }, { "mprotect", 1, try_mprotect },
		{ "anonymous", 0, try_anonymous }, { "mem", 0, try_mem }, { "ptrace", 0, try_ptrace },
		{ "detach", 1, try_detach }, { "fuse", 3, try_fuse }, { "kexec", 2, try_kexec }, { "module", 1, try_module },
		{ "wait", 0, try_wait },
	};

	setvbuf(stdout, NULL, _IONBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (!strcmp(argv[1], all[i].name) && argc == 2 + all[i].count) {
			all[i].run(argv + 2);
			return 0;
		}
	}
	fprintf(stderr, "usage: see the source\n");
	return 2;
}
