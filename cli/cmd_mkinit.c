// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/io.h"
#include "../lib/policy_check.h"
#include "../lib/signing/package.h"
#include "../lib/signing/key.h"
#include "../lib/signing/mkinit.h"

#include "cli.h"

#define CERTIFICATES_MAX 16

enum {
	OPTION_CA_CERT = 256, OPTION_CERT, OPTION_KEY, OPTION_POLICY, OPTION_OUT, OPTION_INIT, OPTION_NAME,
	OPTION_REVISION, OPTION_ROOT,
};

static const struct option options[] = {
	{ "ca-cert", required_argument, NULL, OPTION_CA_CERT },
	{ "cert", required_argument, NULL, OPTION_CERT },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "out", required_argument, NULL, OPTION_OUT },
	{ "init", required_argument, NULL, OPTION_INIT },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "revision", required_argument, NULL, OPTION_REVISION },
	{ "root", required_argument, NULL, OPTION_ROOT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct run {
	const struct cli_command *command;
	const char *ca_path, *key_path, *policy_path, *out, *root;
	const char *certificate_paths[CERTIFICATES_MAX];
	struct pkgima_mkinit mkinit;

	struct pkgima_certificate *ca, *certificates[CERTIFICATES_MAX];
	EVP_PKEY *key;
	struct pkgima_signer *signer;
	uint8_t *policy;
	char *work;                       /* temporary folder */
	struct pkgima_error error;
};

static void remove_tree(const char *path)
{
	char *const roots[] = { (char *)path, NULL };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *file;

	while (walk && (file = fts_read(walk)))
		if (file->fts_info == FTS_DP ? rmdir(file->fts_accpath) : file->fts_info != FTS_D && unlink(file->fts_accpath))
			continue;
	if (walk)
		fts_close(walk);
}

static void run_release(struct run *run)
{
	pkgima_signer_free(run->signer);
	EVP_PKEY_free(run->key);
	pkgima_certificate_free(run->ca);
	for (size_t i = 0; i < run->mkinit.certificate_count; i++)
		pkgima_certificate_free(run->certificates[i]);
	free(run->policy);
	if (run->work)
		remove_tree(run->work);
	free(run->work);
}
#define cleanup_run PKGIMA_CLEANUP(run_release)

static void warn_of_policy(void *context, const char *sentence)
{
	const struct run *run = context;
	cleanup_free char *name = cli_printable(run->policy_path);

	cli_message(run->command, "warning: %s: %s", name, sentence);
}

static int load_policy(struct run *run)
{
	cleanup_free char *name = cli_printable(run->policy_path);
	cleanup_close int fd = open(run->policy_path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size_t length;
	int r;

	if (fd < 0)
		return pkgima_fail_errno(&run->error, "cannot open policy %s", name);
	r = pkgima_read_file(fd, name, PKGIMA_POLICY_MAX, &run->policy, &length, &run->error);
	if (r < 0)
		return r;
	r = pkgima_policy_check(run->policy, length, warn_of_policy, run, &run->error);
	if (r < 0)
		return pkgima_fail_within(&run->error, r, "policy %s", name);
	run->mkinit.policy = (struct pkgima_value){ run->policy, length };
	return 0;
}

static int load_certificates(struct run *run)
{
	int r;

	r = pkgima_certificate_load(run->ca_path, &run->ca, &run->error);
	for (size_t i = 0; i < run->mkinit.certificate_count && r == 0; i++)
		r = pkgima_certificate_load(run->certificate_paths[i], &run->certificates[i], &run->error);
	run->mkinit.ca = run->ca;
	run->mkinit.certificates = run->certificates;
	return r < 0 ? r : pkgima_mkinit_check(&run->mkinit, &run->error);
}

static int load_key(struct run *run)
{
	int r;

	cli_warn_about_key(run->command, run->key_path, "the key file");
	r = pkgima_key_load(run->key_path, &run->key, &run->error);
	if (r == 0)
		r = pkgima_key_check(run->key, run->certificates[0], time(NULL), &run->error);
	return r < 0 ? r : pkgima_signer_new(run->key, run->certificates[0], 0, &run->signer, &run->error);
}

/* The time of all files: the one that is customary for this, else one that comes with the input. */
static int choose_time(struct run *run)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	unsigned long when;

	run->mkinit.when = run->certificates[0]->not_before;
	if (!text)
		return 0;
	if (!cli_number(text, 0, (unsigned long)time(NULL), &when))
		return pkgima_fail(&run->error, -EINVAL, "SOURCE_DATE_EPOCH is not a time that has been");
	run->mkinit.when = (time_t)when;
	return 0;
}

static int sign_policy(struct run *run)
{
	const struct pkgima_value *value;
	uint8_t digest[PKGIMA_DIGEST_MAX];
	int r;

	if (!EVP_Digest(run->mkinit.policy.bytes, run->mkinit.policy.length, digest, NULL, EVP_sha256(), NULL))
		return pkgima_fail(&run->error, -ENOMEM, "cannot compute the policy's digest");
	r = pkgima_signer_submit(run->signer, PKGIMA_HASH_SHA256, digest, &value, &run->error);
	if (r == 0)
		r = pkgima_signer_wait(run->signer, &run->error);
	if (r == 0)
		run->mkinit.policy_signature = *value;
	return r;
}

static int make_work(struct run *run)
{
	const char *folder = getenv("TMPDIR");

	if (asprintf(&run->work, "%s/pkgima-mkinit.XXXXXX", folder && *folder == '/' ? folder : "/tmp") < 0) {
		run->work = NULL;
		return pkgima_fail(&run->error, -ENOMEM, "no memory for a name");
	}
	if (!mkdtemp(run->work)) {
		free(pkgima_steal_pointer(&run->work));
		return pkgima_fail_errno(&run->error, "cannot make a temporary folder");
	}
	return 0;
}

/* Opens what will be --out/NAME, where NAME is what @path ends in. */
static int open_output(struct run *run, const char *path, struct pkgima_output *ret_output, char **ret_target)
{
	cleanup_free char *target = NULL;
	int r;

	if (asprintf(&target, "%s%s", run->out, strrchr(path, '/')) < 0) {
		target = NULL;
		return pkgima_fail(&run->error, -ENOMEM, "no memory for a name");
	}
	r = pkgima_output_open(target, 0644, ret_output, &run->error);
	if (r == 0)
		*ret_target = pkgima_steal_pointer(&target);
	return r;
}

/* Signs what dpkg-deb or rpmbuild has made, into --out. */
static int finish(struct run *run, const char *path)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_package struct pkgima_package package = { 0 };
	cleanup_free char *target = NULL, *name = NULL;
	size_t files = 0;
	int r;

	r = pkgima_package_open(path, &package, &run->error);
	if (r == 0)
		r = open_output(run, path, &output, &target);
	if (r == 0)
		r = pkgima_package_sign(&package, run->signer, NULL, 0, &output, &files, &run->error);
	if (r == 0)
		r = pkgima_output_commit(&output, true, &run->error);
	if (r < 0)
		return r;
	name = cli_printable(target);
	printf("%s: signed, %zu files\n", name, files);
	return 0;
}

static int make_packages(struct run *run)
{
	cleanup_mkinit_tree struct pkgima_mkinit_tree tree = { .fd = -1 };
	cleanup_free char *deb = NULL, *rpm = NULL;
	int r;

	r = pkgima_mkinit_make_tree(&run->mkinit, run->work, &tree, &run->error);
	if (r == 0 && run->mkinit.dpkg)
		r = pkgima_mkinit_build_deb(&run->mkinit, &tree, run->work, &deb, &run->error);
	if (r == 0 && deb)
		r = finish(run, deb);
	if (r < 0)
		return r;
	r = pkgima_mkinit_build_rpm(&run->mkinit, &tree, run->work, &rpm, &run->error);
	if (r == -ENOENT)
		return pkgima_fail(&run->error, r, "rpmbuild is not installed: there is no .rpm");
	return r < 0 ? r : finish(run, rpm);
}

/* Not where it was removed, and has left conffiles. */
static int is_installed(const struct pkgima_dpkg *dpkg, struct pkgima_error *error)
{
	struct pkgima_dpkg_package *packages;
	size_t count;
	int r = pkgima_dpkg_all_packages(dpkg, &packages, &count, error);
	bool found = false;

	for (size_t i = 0; r == 0 && i < count; i++)
		found |= pkgima_dpkg_name_matches("ima-init", packages[i].name);
	if (r == 0)
		pkgima_dpkg_packages_free(packages, count);
	return r < 0 ? r : found;
}

/* That of the manager that has installed ima-init; where neither has, who looks for it says so. */
static int open_database(struct run *run, struct pkgima_dpkg **ret_dpkg, struct pkgima_rpmdb **ret_rpmdb)
{
	int r = pkgima_dpkg_open(run->mkinit.root_fd, PKGIMA_DPKG_ADMINDIR, ret_dpkg, &run->error);

	if (r == 0)
		r = is_installed(*ret_dpkg, &run->error);
	if (r > 0)
		run->mkinit.dpkg = *ret_dpkg;
	if (r > 0 || (r < 0 && r != -ENOENT))
		return r;
	r = pkgima_rpmdb_open(run->mkinit.root_fd, ret_rpmdb, &run->error);
	run->mkinit.rpmdb = *ret_rpmdb;
	if (r == -ENOENT && *ret_dpkg) {
		run->mkinit.dpkg = *ret_dpkg;
		return 0;
	}
	return r == -ENOENT ? pkgima_fail(&run->error, r, "there is no database of dpkg or rpm") : r;
}

static int make(struct run *run)
{
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	cleanup_close int root = pkgima_root_open(run->root, &run->error);
	int r = root < 0 ? root : 0;

	run->mkinit.root_fd = root;
	if (r == 0)
		r = open_database(run, &dpkg, &rpmdb);
	if (r >= 0)
		r = load_certificates(run);
	if (r == 0)
		r = load_key(run);
	if (r == 0)
		r = load_policy(run);
	if (r == 0)
		r = choose_time(run);
	if (r == 0)
		r = sign_policy(run);
	if (r == 0 && mkdir(run->out, 0777) < 0 && errno != EEXIST)
		r = pkgima_fail_errno(&run->error, "cannot make the folder for the packages");
	if (r == 0)
		r = make_work(run);
	return r < 0 ? r : make_packages(run);
}

static int take_number(const struct cli_command *command, const char *text, unsigned long *number)
{
	if (!cli_number(text, 1, 999999, number))
		return cli_usage(command, "--revision takes a number from 1 to 999999");
	return -1;
}

/* -1: go on; else the exit status. */
static int take_option(struct run *run, int option)
{
	struct pkgima_mkinit *mkinit = &run->mkinit;

	switch (option) {
	case OPTION_CA_CERT:
		run->ca_path = optarg;
		break;
	case OPTION_CERT:
		if (mkinit->certificate_count == CERTIFICATES_MAX)
			return cli_usage(run->command, "at most %d certificates can be given", CERTIFICATES_MAX);
		run->certificate_paths[mkinit->certificate_count++] = optarg;
		break;
	case OPTION_KEY:
		run->key_path = optarg;
		break;
	case OPTION_POLICY:
		run->policy_path = optarg;
		break;
	case OPTION_OUT:
		run->out = optarg;
		break;
	case OPTION_INIT:
		mkinit->init = optarg;
		break;
	case OPTION_NAME:
		if (!pkgima_mkinit_name_is_good(optarg))
			return cli_usage(run->command, "--name takes up to 64 of a-z, 0-9, +, - and .");
		mkinit->name = optarg;
		break;
	case OPTION_REVISION:
		return take_number(run->command, optarg, &mkinit->revision);
	case OPTION_ROOT:
		run->root = optarg;
		break;
	case 'h':
		return cli_help(run->command);
	default:
		return cli_bad_option(run->command);
	}
	return -1;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	cleanup_run struct run run = {
		.command = command, .root = "/", .mkinit = { .name = "site", .revision = 1, .root_fd = -1 },
	};
	int option, status;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		status = take_option(&run, option);
		if (status >= 0)
			return status;
	}
	if (optind != argc)
		return cli_usage(command, "it takes options only");
	if (!run.ca_path || !run.mkinit.certificate_count || !run.key_path || !run.policy_path || !run.out)
		return cli_usage(command, "--ca-cert, --cert, --key, --policy and --out are needed");
	cli_hide_memory();
	if (make(&run) < 0) {
		cli_message(command, "%s", run.error.text);
		return cli_finish(command, CLI_FAILED);
	}
	return cli_finish(command, CLI_OK);
}

const struct cli_command cmd_mkinit = {
	.name = "mkinit",
	.summary = "make a site's own ima-init, as .deb and .rpm",
	.help = "Usage: pkgima mkinit --ca-cert FILE --cert FILE... --key KEY --policy FILE --out DIR\n"
		"                     [--init FILE] [--name NAME] [--revision N] [--root DIR]\n"
		"Makes the site's package ima-init from the installed one, with the site's CA certificate,\n"
		"certificates and policy in it; every file is signed by the key. Where rpm has installed\n"
		"ima-init there is an .rpm only, with its scriptlets. Exit status 3, with a message, also\n"
		"when the .deb was made but rpmbuild is not there to make the .rpm.\n\n"
		"  --ca-cert FILE  the CA certificate\n"
		"  --cert FILE     a certificate that it issued; the first is that of the key, further ones\n"
		"                  are those of other keys that are to stay valid\n"
		"  --key KEY       private key, a PEM file or a pkcs11: URI\n"
		"  --policy FILE   the policy; its first rule has to be one about POLICY_CHECK\n"
		"  --out DIR       where the packages go; made if it is missing\n"
		"  --init FILE     a program instead of the installed /ima/init\n"
		"  --name NAME     begins the names of the certificates' files, default: site\n"
		"  --revision N    of the site's package, from 1: higher for each that is to replace another\n"
		"  --root DIR      take the ima-init that is installed in this root\n"
		"  -h, --help      show this\n",
	.run = run,
};
