// SPDX-License-Identifier: LGPL-2.1-or-later
/* How this boot went, who authenticated what it was made of, and what it can load later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "cleanup.h"
#include "escape.h"
#include "status_checks.h"

#define INIT "/ima/init"
#define STUB_INFO "/sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
/* struct boot_params of arch/x86, Documentation/x86/boot.rst: ramdisk_size is at 0x21c. */
#define BOOT_PARAMS "/sys/kernel/boot_params/data"
#define RAMDISK_SIZE_AT 0x21c

/* Did the boot loader give an initramfs to the kernel? */
static bool has_initramfs(const struct pkgima_status *status)
{
	cleanup_free char *params = NULL;
	size_t length;

	params = pkgima_status_read_all(status, BOOT_PARAMS, 64 * 1024, &length);
	if (params && length >= RAMDISK_SIZE_AT + 4)
		return memcmp(params + RAMDISK_SIZE_AT, "\0\0\0\0", 4) != 0;
	/* Left there by the scripts of initramfs-tools and dracut. */
	return pkgima_status_exists(status, "/run/initramfs");
}

/* A setting with a text is not empty: CONFIG_INITRAMFS_SOURCE="folder". */
static bool has_text(const struct pkgima_status *status, const char *option)
{
	char start[128];
	const char *found = NULL;

	snprintf(start, sizeof(start), "CONFIG_%s=\"", option);
	for (const char *line = status->config.text; line && !found; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, start, strlen(start)))
			found = line + strlen(start);
	}
	return found && *found != '"';
}

void pkgima_status_boot(struct pkgima_status *status)
{
	char init[256] = "", word[64] = "";
	bool by_word = pkgima_status_last_word(status, "init", init, sizeof(init)) && !strcmp(init, INIT);

	if (status->boot.known)
		pkgima_status_tell(status, "boot", PKGIMA_STATUS_OK, NULL, "ima-init came before the real init, started by %s",
				   has_initramfs(status) ? "the initramfs" : by_word ? "init=" INIT ", without an initramfs" :
				   "the kernel");
	else if (!pkgima_status_exists(status, INIT))
		pkgima_status_tell(status, "boot", PKGIMA_STATUS_MISSING, "install the package ima-init", "there is no " INIT);
	else if (pkgima_status_last_word(status, "ima_init", word, sizeof(word)) && !strcmp(word, "off"))
		pkgima_status_tell(status, "boot", PKGIMA_STATUS_ATTENTION, "boot without it", "ima_init=off: ima-init did nothing in "
				   "this boot");
	else if (!pkgima_status_exists(status, "/etc/ima-init/policy"))
		pkgima_status_tell(status, "boot", PKGIMA_STATUS_ATTENTION, "see policy", INIT " is there, and takes no part in the "
				   "boot without /etc/ima-init/policy");
	else
		pkgima_status_tell(status, "boot", PKGIMA_STATUS_ATTENTION, "dpkg-reconfigure ima-init makes the initramfs anew; "
				   "without one boot with init=" INIT, INIT " is there, but had no part in this boot");
}

void pkgima_status_bootauth(struct pkgima_status *status)
{
	bool loaded = has_initramfs(status), uki = pkgima_status_exists(status, STUB_INFO);
	bool embedded = has_text(status, "INITRAMFS_SOURCE");
	bool fixed_line = pkgima_status_has(status, "CMDLINE_OVERRIDE") || pkgima_status_has(status, "CMDLINE_FORCE");
	const char *initramfs = loaded ? "nothing authenticates the initramfs" :
				embedded ? "the initramfs is inside the kernel image" : "there is no initramfs";
	const char *line = fixed_line ? "the command line is built into the kernel" : "nothing authenticates the command line";

	if (uki && status->secure_boot)
		pkgima_status_tell(status, "bootauth", PKGIMA_STATUS_OK, NULL, "kernel, initramfs and command line are one signed "
				   "image (UKI), which Secure Boot has verified");
	else if (uki)
		pkgima_status_tell(status, "bootauth", PKGIMA_STATUS_ATTENTION, "switch Secure Boot on", "kernel, initramfs and command "
				   "line are one image (UKI), but nothing verifies it");
	else if (!loaded && fixed_line && status->secure_boot)
		pkgima_status_tell(status, "bootauth", PKGIMA_STATUS_OK, NULL, "%s, %s, and Secure Boot has verified that", initramfs,
				   line);
	else if (!loaded && fixed_line)
		pkgima_status_tell(status, "bootauth", PKGIMA_STATUS_ATTENTION, "switch Secure Boot on", "%s, %s, but nothing verifies "
				   "the kernel", initramfs, line);
	else
		pkgima_status_tell(status, "bootauth", PKGIMA_STATUS_ATTENTION, "boot a UKI that is signed elsewhere, or have both "
				   "inside the kernel image", "%s, and %s: who was root once has the next boot", initramfs, line);
}

/* Does any module of the running kernel come compressed? By the list that depmod(8) makes. */
static bool has_compressed_modules(const struct pkgima_status *status)
{
	cleanup_free char *text = NULL;
	char path[256];
	struct utsname kernel;
	size_t length;

	if (uname(&kernel) < 0)
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	text = pkgima_status_read_all(status, path, (size_t)16 * 1024 * 1024, &length);
	return text && (strstr(text, ".ko.xz:") || strstr(text, ".ko.zst:") || strstr(text, ".ko.gz:"));
}

void pkgima_status_modules(struct pkgima_status *status)
{
	bool compressed = has_compressed_modules(status);
	char text[16];

	if (!pkgima_status_exists(status, "/proc/sys/kernel"))
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_ATTENTION, "mount /proc", "there is no /proc/sys/kernel");
	else if (!pkgima_status_exists(status, "/proc/modules"))
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_OK, NULL, "this kernel loads none");
	else if (pkgima_status_read(status, "/proc/sys/kernel/modules_disabled", text, sizeof(text)) && !strcmp(text, "1"))
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_OK, NULL, "no more are loaded until the next boot");
	else if (pkgima_status_read(status, "/sys/module/module/parameters/sig_enforce", text, sizeof(text)) && *text == 'Y')
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_OK, NULL, "the kernel wants its own signature in each (sig_enforce), "
				   "%s", compressed ? "which compressed ones need" : "besides what the policy wants");
	else if (compressed)
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_ATTENTION, "ima-init sets sig_enforce where it enforces; or put "
				   "module.sig_enforce=1 on the kernel command line", "they come compressed: a policy with "
				   "MODULE_CHECK denies them, signed or not, unless sig_enforce is set");
	else
		pkgima_status_tell(status, "modules", PKGIMA_STATUS_ATTENTION, "have MODULE_CHECK in the policy, or put "
				   "module.sig_enforce=1 on the kernel command line", "what root can load depends on the policy only: "
				   "sig_enforce is not set");
}

/* What starts programs of images, whose files carry no signatures. */
void pkgima_status_images(struct pkgima_status *status)
{
	static const char *const folders[] = { "/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin",
					       "/snap/bin" };
	static const char *const engines[] = { "dockerd", "podman", "containerd", "crio", "lxc-start", "lxd", "incusd",
					       "systemd-nspawn", "apptainer", "singularity", "flatpak", "snap", "buildah",
					       "runc", "crun" };
	char found[512] = "", path[128];

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		bool is_there = false;

		for (size_t k = 0; k < sizeof(folders) / sizeof(folders[0]) && !is_there; k++) {
			snprintf(path, sizeof(path), "%s/%s", folders[k], engines[i]);
			is_there = pkgima_status_exists(status, path);
		}
		if (is_there)
			snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", *found ? ", " : "", engines[i]);
	}
	if (*found)
		pkgima_status_tell(status, "images", PKGIMA_STATUS_ATTENTION, "sign images with pkgima sign --root before they are "
				   "used", "%s: programs in images that are not signed will be denied", found);
	else
		pkgima_status_tell(status, "images", PKGIMA_STATUS_OK, NULL, "nothing that starts programs of images is installed");
}
