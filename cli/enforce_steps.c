// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/cleanup.h"
#include "enforce.h"
#include "initramfs.h"

static bool is_there(const struct enforce *enforce, const char *path)
{
	struct stat st;

	return pkgima_beneath_stat(enforce->root_fd, path, true, &st) == 0;
}

/* Has grub's menu made anew, by what the distribution has for it. */
static int make_menu(const struct enforce *enforce, const char *menu, struct pkgima_error *error)
{
	static const char *const programs[] = { "/usr/sbin/grub-mkconfig", "/usr/sbin/grub2-mkconfig", "/usr/bin/grub-mkconfig" };
	const char *words[] = { "/usr/sbin/update-grub", NULL, NULL, NULL };

	for (size_t i = 0; !is_there(enforce, words[0]) && i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!is_there(enforce, programs[i]))
			continue;
		words[0] = programs[i];
		words[1] = "-o";
		words[2] = menu;
	}
	if (!is_there(enforce, words[0]))
		return pkgima_fail(error, -ENOENT, "there is no update-grub and no grub-mkconfig");
	printf("%s is made anew: %s%s\n", menu, words[0], strcmp(enforce->root, "/") != 0 ? ", by chroot" : "");
	return cli_run_in_root(enforce->root, words, error);
}

static bool has_both(const struct pkgima_loader_state *state)
{
	return state->has_log && state->has_off;
}

static const char *first_there(const struct enforce *enforce, const char *const paths[2])
{
	return is_there(enforce, paths[0]) ? paths[0] : is_there(enforce, paths[1]) ? paths[1] : NULL;
}

/* Has kernel-install put a kernel and its initramfs, as they are in /boot now, where the boot loader finds them. */
static int install_kernel(const struct enforce *enforce, const char *version, struct pkgima_error *error)
{
	char paths[4][PATH_MAX];
	const char *words[] = { "kernel-install", "add", version, NULL, NULL, NULL };

	snprintf(paths[0], sizeof(paths[0]), "/boot/vmlinuz-%s", version);
	snprintf(paths[1], sizeof(paths[1]), "/lib/modules/%s/vmlinuz", version);
	snprintf(paths[2], sizeof(paths[2]), "/boot/initrd.img-%s", version);
	snprintf(paths[3], sizeof(paths[3]), "/boot/initramfs-%s.img", version);
	words[3] = first_there(enforce, (const char *[]){ paths[0], paths[1] });
	words[4] = first_there(enforce, (const char *[]){ paths[2], paths[3] });
	if (!words[3])
		return pkgima_fail(error, -ENOENT, "there is neither %.80s nor %.80s", paths[0], paths[1]);
	return cli_run_in_root(enforce->root, words, error);
}

/* All kernels that it has entries for; with @stale those only whose initramfs is not as set. */
static int install_kernels(const struct enforce *enforce, bool stale, struct pkgima_error *error)
{
	cleanup_kernels struct pkgima_kernels kernels = { 0 };
	int r = pkgima_kernels_list(enforce->root_fd, &kernels, error);

	for (size_t i = 0; r == 0 && i < kernels.count; i++) {
		cleanup_free char *version = cli_printable(kernels.list[i].version);
		char sentence[1200];

		if (!kernels.list[i].of_entry)
			continue;
		if (stale && enforce_look_at(enforce, &kernels.list[i], sentence, sizeof(sentence)) == OUTCOME_AS_SET)
			continue;
		printf("kernel %s is put into the boot loader's entries anew: kernel-install%s\n", version,
		       strcmp(enforce->root, "/") != 0 ? ", by chroot" : "");
		r = install_kernel(enforce, kernels.list[i].version, error);
	}
	return r;
}

/* Recovery entries of one loader, there or gone. 0, 1 where it does not start this root, or -errno. */
static int set_entries(const struct enforce *enforce, enum pkgima_loader loader, bool on, bool *ret_changed,
		       struct pkgima_error *error)
{
	struct pkgima_loader_state state;
	bool switched = false;
	int r;

	r = pkgima_loader_look(enforce->root_fd, loader, &state, error);
	if (r == 0 && (state.menu || !on))
		r = pkgima_loader_switch(enforce->root_fd, loader, on, &switched, error);
	if (r < 0)
		return r;
	*ret_changed = *ret_changed || switched;
	if (!state.menu)
		return 1;
	/* kernel-install's are gone with the link. */
	if (!switched && (on ? has_both(&state) : loader != PKGIMA_LOADER_GRUB || (!state.has_log && !state.has_off)))
		return 0;
	*ret_changed = true;
	if (loader == PKGIMA_LOADER_GRUB)
		r = make_menu(enforce, state.menu, error);
	else
		r = on ? install_kernels(enforce, false, error) : 0;
	if (r == 0)
		r = pkgima_loader_look(enforce->root_fd, loader, &state, error);
	if (r == 0 && on && !has_both(&state))
		r = pkgima_fail(error, -EIO, "%s has no recovery entries: %s gave none", state.menu, pkgima_loader_link(loader));
	return r;
}

/* Of all. */
static int set_recovery(const struct enforce *enforce, bool on, bool *ret_changed, struct pkgima_error *error)
{
	int known = 0, r = 0;

	for (int i = 0; r >= 0 && i < PKGIMA_LOADER_COUNT; i++) {
		r = set_entries(enforce, (enum pkgima_loader)i, on, ret_changed, error);
		known += r == 0;
	}
	return r < 0 ? r : !known;
}

/* Before anything is changed that a recovery could be needed from. False after a message. */
static bool add_recovery(const struct enforce *enforce, bool *ret_changed)
{
	struct pkgima_error error;
	int r = set_recovery(enforce, true, ret_changed, &error);

	if (r < 0) {
		cli_message(enforce->command, "%s: there are no recovery entries, so nothing else was changed; the same command "
			    "again goes on from here", error.text);
		return false;
	}
	if (r == 1)
		printf("attention: no boot loader that is known here has a menu: no recovery entries; ima_init=log or ima_init=off "
		       "on the kernel command line is what they would have\n");
	return true;
}

static int load_now(struct enforce *enforce)
{
	struct pkgima_error error;

	pkgima_enforce_free(&enforce->now);
	if (pkgima_enforce_load(enforce->root_fd, &enforce->now, &error) == 0)
		return 0;
	cli_message(enforce->command, "%s", error.text);
	return -EIO;
}

/* The initramfs of each kernel, where one does not do what is set. False after a message. */
static bool make_initramfs(struct enforce *enforce, bool *ret_changed)
{
	struct pkgima_error error = { "" };
	bool done = false;
	int r;

	if (enforce_is_carried(enforce, false))
		return true;
	*ret_changed = true;
	r = cli_make_initramfs(enforce->root, enforce->now.mode != PKGIMA_ENFORCE_OFF, &done, &error);
	/* Where no hook of the tool's has done it. */
	if (r == 0)
		r = install_kernels(enforce, true, &error);
	if (r == 0 && enforce_is_carried(enforce, true))
		return true;
	if (r < 0)
		cli_message(enforce->command, "%s", error.text);
	else if (!done)
		cli_message(enforce->command, "nothing here makes an initramfs with ima-init's part in it");
	cli_message(enforce->command, "what is set (%s) is not in the initramfs of each kernel: the same command again goes on from "
		    "here, pkgima enforce status shows what each does until then",
		    pkgima_enforce_mode_word(enforce->now.mode));
	return false;
}

static void print_end(const struct enforce *enforce, bool changed)
{
	static const char *const sentences[] = {
		[PKGIMA_ENFORCE_OFF] = "the next boot enforces nothing",
		[PKGIMA_ENFORCE_LOG] = "the next boot logs what is executed, mapped and loaded, and denies nothing",
		[PKGIMA_ENFORCE_ENFORCE] = "the next boot enforces",
	};

	printf("%s%s", changed ? "" : "nothing to do: ", sentences[enforce->now.mode]);
	if (enforce->now.mode == PKGIMA_ENFORCE_ENFORCE)
		printf(" %s", enforce->is_new ? enforce->source : PKGIMA_ENFORCE_POLICY);
	printf("\n");
}

static int switch_on(struct enforce *enforce, enum pkgima_enforce_mode mode)
{
	struct pkgima_enforce_policy policy;
	struct pkgima_error error;
	bool changed = false;
	int status;

	if (load_now(enforce) < 0)
		return CLI_FAILED;
	status = enforce_take_policy(enforce);
	if (status < 0)
		status = enforce_check(enforce, mode);
	if (status >= 0)
		return cli_finish(enforce->command, status);
	if (!add_recovery(enforce, &changed))
		return cli_finish(enforce->command, CLI_FAILED);
	policy = (struct pkgima_enforce_policy){ enforce->text, enforce->text_length, enforce->signature,
						 enforce->signature_length };
	if (pkgima_enforce_set(enforce->root_fd, mode, enforce->is_new ? &policy : NULL, &changed, &error) < 0) {
		cli_message(enforce->command, "%s: no initramfs was made anew; the same command again goes on from here",
			    error.text);
		return cli_finish(enforce->command, CLI_FAILED);
	}
	if (load_now(enforce) < 0 || !make_initramfs(enforce, &changed))
		return cli_finish(enforce->command, CLI_FAILED);
	print_end(enforce, changed);
	return cli_finish(enforce->command, CLI_OK);
}

int enforce_log(struct enforce *enforce)
{
	return switch_on(enforce, PKGIMA_ENFORCE_LOG);
}

int enforce_on(struct enforce *enforce)
{
	return switch_on(enforce, PKGIMA_ENFORCE_ENFORCE);
}

/* Its next version would bring it back, and with it ima-init into the initramfs. What cannot be told may be so. */
static bool package_brings_policy(const struct enforce *enforce)
{
	struct cli_owners owners;
	struct pkgima_error error;
	bool owned;

	if (cli_owners_open(&owners, enforce->root_fd, &error) < 0)
		return true;
	owned = cli_owners_own(&owners, PKGIMA_ENFORCE_POLICY);
	return cli_owners_close(&owners, 0, &error) < 0 || owned;
}

/* Each step is done whatever became of the one before: the worst that can be is a boot that is left as it was. */
int enforce_off(struct enforce *enforce)
{
	struct pkgima_error error;
	bool changed = false, fine = true;
	int r;

	if (pkgima_enforce_unset(enforce->root_fd, enforce->starts_it || package_brings_policy(enforce), &changed, &error) < 0) {
		cli_message(enforce->command, "%s", error.text);
		fine = false;
	}
	if (load_now(enforce) < 0)
		fine = false;
	fine = make_initramfs(enforce, &changed) && fine;
	/* These go last: until then they may be needed. */
	if (fine) {
		r = set_recovery(enforce, false, &changed, &error);
		if (r < 0)
			cli_message(enforce->command, "%s: the recovery entries are still there; the same command again goes on "
				    "from here", error.text);
		fine = r >= 0;
	} else {
		cli_message(enforce->command, "the recovery entries stay until the rest is done");
	}
	if (fine)
		print_end(enforce, changed);
	return cli_finish(enforce->command, fine ? CLI_OK : CLI_FAILED);
}
