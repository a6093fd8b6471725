// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mkinit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../command.h"
#include "../escape.h"

struct environment {
	char epoch[48], home[4096 + 8];
	const char *list[4];
};

/* Nothing of who builds, where and when gets into a package. */
static void set_environment(const struct pkgima_mkinit *mkinit, const char *work, struct environment *ret_environment)
{
	snprintf(ret_environment->epoch, sizeof(ret_environment->epoch), "SOURCE_DATE_EPOCH=%jd", (intmax_t)mkinit->when);
	snprintf(ret_environment->home, sizeof(ret_environment->home), "HOME=%s", work);
	ret_environment->list[0] = ret_environment->epoch;
	ret_environment->list[1] = ret_environment->home;
	ret_environment->list[2] = "LC_ALL=C";
	ret_environment->list[3] = NULL;
}

int pkgima_mkinit_build_deb(const struct pkgima_mkinit *mkinit, const struct pkgima_mkinit_tree *tree, const char *work,
			    char **ret_path, struct pkgima_error *error)
{
	cleanup_free char *path = NULL;
	const char *colon = strchr(tree->version, ':');
	struct environment environment;
	int r;

	/* As dpkg names packages: without the epoch. */
	if (asprintf(&path, "%s/ima-init_%s_%s.deb", work, colon ? colon + 1 : tree->version, tree->architecture) < 0) {
		path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	}
	set_environment(mkinit, work, &environment);
	/* gzip: what xz writes depends on the number of its threads. */
	r = pkgima_command_run((const char *const[]){ "dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree->folder, path,
						      NULL }, environment.list, true, error);
	if (r < 0)
		return r;
	*ret_path = pkgima_steal_pointer(&path);
	return 0;
}

/* rpm's names of machines; others are called the same. */
static const char *rpm_architecture(const char *architecture)
{
	static const char *const names[][2] = {
		{ "amd64", "x86_64" }, { "arm64", "aarch64" }, { "armhf", "armv7hl" }, { "i386", "i686" },
		{ "ppc64el", "ppc64le" }, { "all", "noarch" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(architecture, names[i][0]))
			return names[i][1];
	return architecture;
}

/*
 * Where /lib and the like are links to folders in /usr, as where rpm is at home, a package must not bring them as folders.
 * A template of rpm's has none.
 */
static const char *usr_of(const struct pkgima_mkinit_tree *tree, const char *path)
{
	static const char *const merged[] = { "/bin/", "/sbin/", "/lib/", "/lib64/" };

	for (size_t i = 0; !tree->scriptlets && i < sizeof(merged) / sizeof(merged[0]); i++)
		if (!strncmp(path, merged[i], strlen(merged[i])))
			return "/usr";
	return "";
}

/* Would %files or the shell read it as something else? */
static bool is_plain(const char *path)
{
	for (; *path; path++)
		if ((unsigned char)*path <= 0x20 || strchr("%\"'\\*?[]{}$`&;|<>()!#~", *path))
			return false;
	return true;
}

static void write_preamble(FILE *spec, const struct pkgima_mkinit_tree *tree)
{
	const char *version = strchr(tree->version, ':') + 1, *dash = strrchr(version, '-');
	int length = (int)(dash ? (size_t)(dash - version) : strlen(version));

	fputs("Name: ima-init\nEpoch: 1\nVersion: ", spec);
	/* rpm takes no further dash. */
	for (int i = 0; i < length; i++)
		fputc(version[i] == '-' ? '.' : version[i], spec);
	fprintf(spec, "\nRelease: %s\n", dash ? dash + 1 : "1");
	/* No expansion in what is text. */
	fputs("Summary: ", spec);
	for (const char *at = tree->summary; *at; at++)
		fputs(*at == '%' ? "%%" : (char[]){ *at, '\0' }, spec);
	fprintf(spec, "\n%s", tree->preamble ? tree->preamble : "License: LGPL-2.1-or-later\n");
	fputs("AutoReqProv: no\n"
	      "%description\n"
	      "The first process of a machine that enforces IMA signatures, with the key, the\n"
	      "CA certificate and the policy of a site.\n", spec);
}

/*
 * What the maintainer scripts of the .deb do for dpkg. All of it is repeated at the next boot or by hand, and no failure;
 * but it stays where the machine would not start without it.
 */
static void write_scriptlets(FILE *spec)
{
	fputs("%post\n"
	      "[ ! -x /usr/bin/pkgima ] || /usr/bin/pkgima keys load || :\n"
	      "[ \"$1\" -gt 1 ] || [ ! -x /usr/bin/systemctl ] ||\n"
	      "\t/usr/bin/systemctl --no-reload enable ima-init-keys.path >/dev/null 2>&1 || :\n"
	      "%posttrans\n"
	      "for module in /usr/lib/dracut/modules.d/[0-9][0-9]ima-init; do\n"
	      "\t[ ! -d \"$module\" ] || [ ! -x /usr/bin/dracut ] || /usr/bin/dracut --force --regenerate-all || :\n"
	      "done\n"
	      "%preun\n"
	      "[ \"$1\" -eq 0 ] || exit 0\n"
	      "[ ! -e /usr/share/ima-init/removal ] || sh /usr/share/ima-init/removal || exit 1\n"
	      "[ ! -x /usr/bin/systemctl ] ||\n"
	      "\t/usr/bin/systemctl --no-reload disable --now ima-init-keys.path >/dev/null 2>&1 || :\n"
	      "%postun\n"
	      "[ \"$1\" -eq 0 ] || exit 0\n"
	      /* Links that pkgima enforce has made, to what is gone now. */
	      "for link in /etc/grub.d/42_ima-init /etc/kernel/install.d/95-ima-init.install; do\n"
	      "\t[ ! -L \"$link\" ] || rm \"$link\" || :\n"
	      "done\n"
	      "[ ! -x /usr/bin/dracut ] || /usr/bin/dracut --force --regenerate-all ||\n"
	      "\techo \"ima-init: dracut has not made all initramfs; one that still carries it stops the boot, unless ima_init=off or =log is said\" >&2\n", spec);
}

static int check_plain(const struct pkgima_entries *entries, struct pkgima_error *error)
{
	char safe[256];

	for (size_t i = 0; i < entries->count; i++)
		if (!is_plain(entries->list[i].path))
			return pkgima_fail(error, -EINVAL, "%s: a name that rpmbuild does not take",
					   pkgima_printable_into(entries->list[i].path, safe, sizeof(safe)));
	return 0;
}

static int write_files(FILE *spec, const struct pkgima_mkinit_tree *tree, struct pkgima_error *error)
{
	int r = check_plain(&tree->files, error);

	if (r == 0)
		r = check_plain(&tree->folders, error);
	if (r < 0)
		return r;
	fputs("%install\n", spec);
	for (size_t i = 0; i < tree->files.count; i++) {
		const char *path = tree->files.list[i].path;

		fprintf(spec, "mkdir -p \"$(dirname '%%{buildroot}%s%s')\"\n", usr_of(tree, path), path);
		fprintf(spec, "cp -a '%s%s' '%%{buildroot}%s%s'\n", tree->folder, path, usr_of(tree, path), path);
	}
	for (size_t i = 0; i < tree->folders.count; i++)
		fprintf(spec, "mkdir -p '%%{buildroot}%s'\n", tree->folders.list[i].path);
	fputs("%files\n%defattr(-,root,root,0755)\n", spec);
	for (size_t i = 0; i < tree->folders.count; i++)
		fprintf(spec, "%%dir %s\n", tree->folders.list[i].path);
	for (size_t i = 0; i < tree->files.count; i++)
		fprintf(spec, "%s%s\n", usr_of(tree, tree->files.list[i].path), tree->files.list[i].path);
	return 0;
}

static int write_spec(const struct pkgima_mkinit_tree *tree, const char *path, struct pkgima_error *error)
{
	FILE *spec = fopen(path, "we");
	int r;

	if (!spec)
		return pkgima_fail(error, -EIO, "cannot write a file for rpmbuild: %s", strerror(errno));
	write_preamble(spec, tree);
	if (tree->scriptlets)
		fputs(tree->scriptlets, spec);
	else
		write_scriptlets(spec);
	r = write_files(spec, tree, error);
	if (fclose(spec) != 0 && r == 0)
		r = pkgima_fail_errno(error, "cannot write a file for rpmbuild");
	return r;
}

/* A --define for rpmbuild. Borrowed strings end with NULL. */
struct defines {
	char *text[16];
	size_t count;
};

static void defines_release(struct defines *defines)
{
	for (size_t i = 0; i < defines->count; i++)
		free(defines->text[i]);
}

static bool define(struct defines *defines, const char *name, const char *value, const char *rest)
{
	char *text;

	if (asprintf(&text, "--define=%s %s%s", name, value, rest) < 0)
		return false;
	defines->text[defines->count++] = text;
	return true;
}

static int run_rpmbuild(const struct pkgima_mkinit *mkinit, const struct pkgima_mkinit_tree *tree, const char *work,
			const char *spec, struct pkgima_error *error)
{
	__attribute__((cleanup(defines_release))) struct defines defines = { 0 };
	const char *argv[32] = { "rpmbuild", "-bb", "--quiet", "--nodeps", "--target", rpm_architecture(tree->architecture) };
	struct environment environment;
	size_t count = 6;

	if (!define(&defines, "_topdir", work, "/rpm") ||
	    !define(&defines, "_rpmdir", work, "") ||
	    !define(&defines, "_tmppath", work, "") ||
	    !define(&defines, "_rpmfilename", "made.rpm", "") ||
	    !define(&defines, "_buildhost", "localhost", "") ||
	    !define(&defines, "use_source_date_epoch_as_buildtime", "1", "") ||
	    !define(&defines, "clamp_mtime_to_source_date_epoch", "1", "") ||
	    !define(&defines, "_binary_payload", "w9.gzdio", "") ||
	    !define(&defines, "_build_id_links", "none", "") ||
	    !define(&defines, "debug_package", "%{nil}", "") ||
	    !define(&defines, "__os_install_post", "%{nil}", "") ||
	    /* The template may say so of itself: it is not for rpmbuild to judge. */
	    !define(&defines, "_binaries_in_noarch_packages_terminate_build", "0", "") ||
	    !define(&defines, "_unpackaged_files_terminate_build", "1", ""))
		return pkgima_fail(error, -ENOMEM, "no memory to run rpmbuild");
	for (size_t i = 0; i < defines.count; i++)
		argv[count++] = defines.text[i];
	argv[count++] = spec;
	argv[count] = NULL;
	set_environment(mkinit, work, &environment);
	return pkgima_command_run(argv, environment.list, true, error);
}

/* As rpm names packages. */
static char *rpm_name(const struct pkgima_mkinit_tree *tree, const char *work)
{
	const char *version = strchr(tree->version, ':') + 1, *dash = strrchr(version, '-');
	char *path, *at;

	if (asprintf(&path, "%s/ima-init-%s%s.%s.rpm", work, version, dash ? "" : "-1",
		     rpm_architecture(tree->architecture)) < 0)
		return NULL;
	at = path + strlen(work) + strlen("/ima-init-");
	for (size_t i = 0; dash && i < (size_t)(dash - version); i++)
		if (at[i] == '-')
			at[i] = '.';
	return path;
}

int pkgima_mkinit_build_rpm(const struct pkgima_mkinit *mkinit, const struct pkgima_mkinit_tree *tree, const char *work,
			    char **ret_path, struct pkgima_error *error)
{
	cleanup_free char *spec = NULL, *made = NULL, *path = rpm_name(tree, work);
	int r;

	if (!is_plain(work))
		return pkgima_fail(error, -EINVAL, "rpmbuild would not take the temporary folder's name; TMPDIR may give another");
	if (asprintf(&spec, "%s/ima-init.spec", work) < 0)
		spec = NULL;
	if (asprintf(&made, "%s/made.rpm", work) < 0)
		made = NULL;
	if (!spec || !made || !path)
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	r = write_spec(tree, spec, error);
	if (r == 0)
		r = run_rpmbuild(mkinit, tree, work, spec, error);
	if (r == 0 && rename(made, path) < 0)
		r = pkgima_fail(error, -EIO, "rpmbuild has made no package: %s", strerror(errno));
	if (r < 0)
		return r;
	*ret_path = pkgima_steal_pointer(&path);
	return 0;
}
