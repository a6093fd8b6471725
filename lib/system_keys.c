// SPDX-License-Identifier: LGPL-2.1-or-later
#include "system_keys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trust.h"

struct told {
	const struct pkgima_keyring *keyring;
	void (*report)(void *context, const struct pkgima_keyring *keyring,
		       const struct pkgima_certificate *certificate, int result, const struct pkgima_error *error);
	void *context;
};

/*
 * In a chroot the trust store is not that of the running system, and its keys are nothing to this kernel. Nor are they
 * in a container, whose first process may well have this root: only the first process of all tells.
 */
static bool is_running_system(int root_fd)
{
	static const char first_namespace[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO, include/linux/proc_ns.h */
	char namespace[64] = "";
	struct stat root, first;

	if (readlink("/proc/self/ns/pid", namespace, sizeof(namespace) - 1) < 0 || strcmp(namespace, first_namespace) != 0)
		return false;
	return fstat(root_fd, &root) == 0 && stat("/proc/1/root/.", &first) == 0 && root.st_dev == first.st_dev &&
	       root.st_ino == first.st_ino;
}

static void pass_on(void *context, const struct pkgima_certificate *certificate, int result,
		    const struct pkgima_error *error)
{
	const struct told *told = context;

	told->report(told->context, told->keyring, certificate, result, error);
}

int pkgima_system_load_keys(int root_fd, bool (*owned_by_package)(void *owners, const char *path), void *owners,
			    void (*report)(void *context, const struct pkgima_keyring *keyring,
					   const struct pkgima_certificate *certificate, int result,
					   const struct pkgima_error *error),
			    void *context, struct pkgima_error *error)
{
	cleanup_trust struct pkgima_trust *trust = NULL;
	struct pkgima_keyring keyring;
	struct told told = { .keyring = &keyring, .report = report, .context = context };
	int r;

	if (!is_running_system(root_fd))
		return 0;
	r = pkgima_keyring_find(&keyring, error);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	trust = pkgima_trust_new();
	if (!trust)
		return pkgima_fail(error, -ENOMEM, "no memory for the trust store");
	r = pkgima_trust_load(trust, root_fd, owned_by_package, owners, error);
	if (r < 0)
		return r;
	/* What the kernel refuses is reported one by one. */
	pkgima_keyring_load(&keyring, trust, pass_on, &told, NULL);
	return 0;
}
