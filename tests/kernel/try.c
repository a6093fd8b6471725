/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What does the kernel let one do? For audit.bats: reads lines "USE PATH" from the file in its first argument, does it,
 * as root and as user 1000 where anybody may, and prints "USE PATH allowed", "… denied" or "… error ERRNO".
 *
 *	execute PATH       execve(2); a program that is killed before it runs is denied
 *	map PATH           open and mmap(PROT_EXEC)
 *	read PATH          open to read
 *	load-module PATH   finit_module(2); the module is unloaded again
 *	load-policy PATH   the path into IMA's policy file
 *	rule TEXT          the rest of the line as a rule of a policy that is then thrown away
 *
 * With "copy FROM TO" as arguments it copies a folder's files with mode, owner and security.ima.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define POLICY "/sys/kernel/security/ima/policy"

/* 0, or an errno. */
static int try_execute(const char *path)
{
	char *const argv[] = { (char *)path, NULL };
	int status, fds[2], err = 0;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return errno;
	pid = fork();
	if (pid < 0)
		return errno;
	if (pid == 0) {
		execv(path, argv);
		err = errno;
		if (write(fds[1], &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(fds[1]);
	if (read(fds[0], &err, sizeof(err)) < 0)
		err = errno;
	close(fds[0]);
	if (waitpid(pid, &status, 0) < 0)
		return errno;
	if (err)
		return err;
	/* A loader that cannot map what it needs, or whose own mapping is refused. */
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EACCES;
}

static int try_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	void *memory;

	if (fd < 0)
		return errno;
	memory = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (memory == MAP_FAILED)
		err = errno;
	else
		munmap(memory, 4096);
	close(fd);
	return err;
}

static int try_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (syscall(SYS_finit_module, fd, "", 0) < 0)
		err = errno;
	else if (syscall(SYS_delete_module, "crc7", O_NONBLOCK) < 0)
		err = EBUSY;
	close(fd);
	return err;
}

static int try_load_policy(const char *path)
{
	int fd = open(POLICY, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, path, strlen(path)) < 0)
		err = errno;
	if (close(fd) < 0 && !err)
		err = errno;
	return err;
}

/* A rule that is none makes close() throw all away. */
static int try_rule(const char *text)
{
	static const char wrong[] = "nothing\n";
	int fd = open(POLICY, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	if (write(fd, wrong, strlen(wrong)) >= 0)
		err = EIO;
	close(fd);
	return err;
}

static const struct {
	const char *use;
	int (*run)(const char *path);
	int by_anybody;
} uses[] = {
	{ "execute", try_execute, 1 }, { "map", try_map, 1 }, { "read", try_read, 1 },
	{ "load-module", try_load_module, 0 }, { "load-policy", try_load_policy, 0 }, { "rule", try_rule, 0 },
};

/* As another user and back again; 0 or an errno. */
static int run_as(int (*run)(const char *path), const char *path, uid_t user)
{
	int err;

	if (setresgid(user, user, 0) < 0 || setresuid(user, user, 0) < 0)
		return errno;
	err = run(path);
	if (setresuid(0, 0, 0) < 0 || setresgid(0, 0, 0) < 0)
		exit(1);
	return err;
}

static void try(char *line)
{
	char *path = strchr(line, ' ');
	int err = EINVAL;

	line[strcspn(line, "\n")] = '\0';
	if (!path)
		return;
	*path++ = '\0';
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (strcmp(uses[i].use, line) != 0)
			continue;
		err = uses[i].run(path);
		/* Whoever is denied: the prediction speaks of all. */
		if (!err && uses[i].by_anybody)
			err = run_as(uses[i].run, path, 1000);
	}
	if (err == 0)
		printf("%s %s allowed\n", line, path);
	else if (err == EACCES)
		printf("%s %s denied\n", line, path);
	else
		printf("%s %s error %d\n", line, path, err);
}

/* What this kernel does not let one set stays away: what is looked at is what is there. */
static void copy_file(const char *from, const char *to)
{
	char content[65536], value[4096];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat st;
	ssize_t n;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		exit(1);
	while ((n = read(in, content, sizeof(content))) > 0)
		if (write(out, content, (size_t)n) != n)
			exit(1);
	if (n < 0 || fchown(out, st.st_uid, st.st_gid) < 0 || fchmod(out, st.st_mode & 07777) < 0)
		exit(1);
	n = fgetxattr(in, "security.ima", value, sizeof(value));
	if (n > 0)
		fsetxattr(out, "security.ima", value, (size_t)n, 0);
	close(in);
	close(out);
}

static void copy(const char *from, const char *to)
{
	char in[4096], out[4096];
	struct dirent *entry;
	DIR *dir = opendir(from);

	if (!dir)
		exit(1);
	mkdir(to, 0755);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(in, sizeof(in), "%s/%s", from, entry->d_name);
		snprintf(out, sizeof(out), "%s/%s", to, entry->d_name);
		if (entry->d_type == DT_DIR)
			copy(in, out);
		else if (entry->d_type == DT_REG)
			copy_file(in, out);
	}
	closedir(dir);
}

int main(int argc, char **argv)
{
	char line[8192];
	FILE *list;

	if (argc == 4 && !strcmp(argv[1], "copy")) {
		copy(argv[2], argv[3]);
		return 0;
	}
	list = argc == 2 ? fopen(argv[1], "re") : NULL;
	if (!list)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), list))
		try(line);
	return 0;
}
