// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The first process of a test machine, before /ima/init: withholds something from it, and executes it. The word
 * withhold=WHAT of the kernel command line, which the kernel makes a variable of, says what:
 *
 *   session ring detach      the system call fails, with the errno that a full quota, or a mount in use, gives
 *   kexec lockdown sig_enforce evm   the kernel's file for it cannot be written
 *   fault                    a system call becomes a signal, as a fault of the program would
 *
 * "detach" starts ima-init from a tmpfs, as an initramfs does, with a folder where the policy's signature should be.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* In place of the kernel's file at @path there is one with @text that nobody can write. */
static void replace(const char *path, const char *text)
{
	char own[64];
	FILE *file;

	snprintf(own, sizeof(own), "/run/withheld");
	file = fopen(own, "w");
	need(file ? 0 : -1, own);
	fputs(text, file);
	fclose(file);
	need(mount(own, path, NULL, MS_BIND, NULL), path);
	need(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), path);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *what, *path, *text;
	} files[] = {
		{ "kexec", "/proc/sys/kernel/kexec_load_disabled", "0\n" },
		{ "lockdown", "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n" },
		{ "sig_enforce", "/sys/module/module/parameters/sig_enforce", "N\n" },
		{ "evm", "/sys/kernel/security/evm", "0\n" },
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
		need(mount("tmpfs", "/run", "tmpfs", 0, NULL), "/run");
		need(mkdir("/run/ima-init", 0700), "/run/ima-init");
		need(mount("tmpfs", "/run/ima-init", "tmpfs", 0, NULL), "/run/ima-init");
		need(system("/bin/busybox cp /ima/init /run/ima-init/init &&"
			    "/bin/busybox cp -r /etc/keys/ima-ca /run/ima-init/ca &&"
			    "/bin/busybox cp /etc/ima-init/policy /run/ima-init/policy &&"
			    "/bin/busybox mkdir /run/ima-init/policy.sig"), "cp");
		program = "/run/ima-init/init";
		filter(SYS_umount2, -1, SECCOMP_RET_ERRNO | EBUSY);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(what, files[i].what))
			continue;
		need(mount("proc", "/proc", "proc", 0, NULL), "/proc");
		need(mount("sysfs", "/sys", "sysfs", 0, NULL), "/sys");
		need(mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL), "securityfs");
		need(mount("tmpfs", "/run", "tmpfs", 0, NULL), "/run");
		replace(files[i].path, files[i].text);
	}
	execv(program, argv);
	need(-1, program);
}
