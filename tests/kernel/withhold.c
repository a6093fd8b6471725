// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The first process of a test machine, before /ima/init: withholds something from it, and executes it. The word
 * withhold=WHAT of the kernel command line, which the kernel makes a variable of, says what:
 *
 *   session ring detach      the system call fails, with the errno that a full quota, or a mount in use, gives
 *   kexec lockdown sig_enforce evm   the kernel's file for it cannot be written
 *   policy                   the kernel's file for it takes a few bytes, and no more
 *   cmdline                  nothing on the kernel command line tells which policy the kernel has of its own
 *   closed                   EVM is closed already
 *   fault                    a system call becomes a signal, as a fault of the program would
 *   root                     the root has nothing but leaf certificates: the rest is on a tmpfs from which ima-init is
 *                            started, as from an initramfs
 *
 * "detach" starts it from a tmpfs, too, with a folder where the policy's signature should be.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVM "/sys/kernel/security/evm"
#define POLICY "/sys/kernel/security/ima/policy"

static void need(int r, const char *what)
{
	if (r == 0 || errno == EBUSY)
		return;
	fprintf(stderr, "withhold: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The system call @number, with @first as the low half of its first argument where that is not -1, gives @action. */
static void filter(int number, int first, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)first, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (first == -1)   /* whatever it is */
		code[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, 0);
	need(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

/* In place of the kernel's file at @path there is one with @text; with MS_RDONLY one that nobody can write. */
static void replace(const char *path, const char *text, unsigned long flags)
{
	char own[64];
	FILE *file;

	snprintf(own, sizeof(own), "/run/withheld");
	file = fopen(own, "w");
	need(file ? 0 : -1, own);
	fputs(text, file);
	fclose(file);
	need(mount(own, path, NULL, MS_BIND, NULL), path);
	need(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL), path);
}

static void mount_all(void)
{
	need(mount("proc", "/proc", "proc", 0, NULL), "/proc");
	need(mount("sysfs", "/sys", "sysfs", 0, NULL), "/sys");
	need(mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL), "securityfs");
	need(mount("tmpfs", "/run", "tmpfs", 0, NULL), "/run");
}

/* The command line as it is, without the words that begin with @word. */
static const char *command_line_without(const char *word)
{
	static char text[4096], kept[4096];
	FILE *file = fopen("/proc/cmdline", "r");

	need(file && fgets(text, sizeof(text), file) ? 0 : -1, "/proc/cmdline");
	fclose(file);
	for (char *at = strtok(text, " \n"); at; at = strtok(NULL, " \n"))
		if (strncmp(at, word, strlen(word)) != 0)
			snprintf(kept + strlen(kept), sizeof(kept) - strlen(kept), "%s ", at);
	return kept;
}

/* Starts on a tmpfs what @commands have put there. */
static const char *carry(const char *commands)
{
	need(mount("tmpfs", "/run", "tmpfs", 0, NULL), "/run");
	need(mkdir("/run/ima-init", 0700), "/run/ima-init");
	need(mount("tmpfs", "/run/ima-init", "tmpfs", 0, NULL), "/run/ima-init");
	need(system(commands), "cp");
	return "/run/ima-init/init";
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what, *path, *text;
	} files[] = {
		{ "kexec", "/proc/sys/kernel/kexec_load_disabled", "0\n" },
		{ "lockdown", "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n" },
		{ "sig_enforce", "/sys/module/module/parameters/sig_enforce", "N\n" },
		{ "evm", EVM, "0\n" },
	};
	const char *what = getenv("withhold"), *program = "/ima/init";

	(void)argc;
	if (!what)
		return 1;
	if (!strcmp(what, "session"))
		filter(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, SECCOMP_RET_ERRNO | EDQUOT);
	if (!strcmp(what, "ring"))
		filter(SYS_add_key, -1, SECCOMP_RET_ERRNO | EDQUOT);
	if (!strcmp(what, "fault"))
		filter(SYS_add_key, -1, SECCOMP_RET_TRAP);
	if (!strcmp(what, "detach")) {
		program = carry("/bin/busybox cp /ima/init /run/ima-init/init &&"
				"/bin/busybox cp -r /etc/keys/ima-ca /run/ima-init/ca &&"
				"/bin/busybox cp /etc/ima-init/policy /run/ima-init/policy &&"
				"/bin/busybox mkdir /run/ima-init/policy.sig");
		filter(SYS_umount2, -1, SECCOMP_RET_ERRNO | EBUSY);
	}
	if (!strcmp(what, "root"))
		program = carry("/bin/busybox mv /ima/init /etc/ima-init/policy /etc/keys/evm-ca /run/ima-init &&"
				"/bin/busybox mv /etc/keys/ima-ca /run/ima-init/ca");
	if (!strcmp(what, "policy")) {
		/* It has 48 bytes: of a policy's second line there is room for some. */
		const struct rlimit limit = { 70, 70 };

		mount_all();
		replace(POLICY, "", 0);
		signal(SIGXFSZ, SIG_IGN);
		need(setrlimit(RLIMIT_FSIZE, &limit), "setrlimit");
	}
	if (!strcmp(what, "cmdline")) {
		mount_all();
		replace("/proc/cmdline", command_line_without("ima_policy="), MS_RDONLY);
	}
	if (!strcmp(what, "closed")) {
		int fd;

		mount_all();
		fd = open(EVM, O_WRONLY);
		need(fd >= 0 && write(fd, "0x80000000", 10) == 10 ? 0 : -1, EVM);
		close(fd);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(what, files[i].what))
			continue;
		mount_all();
		replace(files[i].path, files[i].text, MS_RDONLY);
	}
	execv(program, argv);
	need(-1, program);
}
