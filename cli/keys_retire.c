// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/beneath.h"
#include "../lib/escape.h"
#include "../lib/dpkg.h"
#include "../lib/key_use.h"
#include "../lib/rpmdb.h"
#include "keys.h"

/* Where the kernel's own hook finds a certificate (CONFIG_IMA_X509_PATH). */
#define KERNEL_CERTIFICATE "/etc/keys/x509_ima.der"
/* So many files are named. */
#define SHOWN_MAX 10

/* The key to be retired. */
struct key {
	const struct pkgima_certificate *certificate;  /* NULL: only the kernel has it */
	char skid[PKGIMA_SKID_TEXT];
	char id[9];
	char subject[256];                             /* printable */
};

struct retire {
	struct keys *keys;
	struct pkgima_keyring_key *kernel;
	size_t kernel_count;
	struct key key;
	bool id_is_shared;       /* with another key that is known here */
	size_t shown;
};

static bool is_key_id(const char *text)
{
	return strlen(text) == 8 && strspn(text, "0123456789abcdefABCDEF") == 8;
}

static bool has_id(const char *skid, const char *id)
{
	size_t length = strlen(skid);

	return length >= 8 && !strcasecmp(skid + length - 8, id);
}

/* A certificate's or, with NULL, one of the kernel's keys. Nothing happens when it is the one that is known already. */
static void take(struct retire *retire, const struct pkgima_certificate *certificate, const char *skid,
		 const char *subject, size_t *found)
{
	if (*found && !strcmp(retire->key.skid, skid))
		return;
	if (++*found > 1)
		return;
	retire->key.certificate = certificate;
	snprintf(retire->key.skid, sizeof(retire->key.skid), "%s", skid);
	snprintf(retire->key.id, sizeof(retire->key.id), "%s", skid + strlen(skid) - 8);
	snprintf(retire->key.subject, sizeof(retire->key.subject), "%s", subject);
}

/* Those with the key id, or the one with the fingerprint. Returns how many keys that are. */
static size_t find(struct retire *retire, const char *id, const char *fingerprint)
{
	const struct pkgima_trust *trust = retire->keys->trust;
	char skid[PKGIMA_SKID_TEXT];
	size_t found = 0;

	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_certificate *certificate = trust->items[i].certificate;

		if (trust->items[i].ca || !certificate || !pkgima_certificate_skid(certificate, skid) || strlen(skid) < 8)
			continue;
		if (id ? has_id(skid, id) : !strcmp(certificate->fingerprint, fingerprint))
			take(retire, certificate, skid, certificate->subject, &found);
	}
	for (size_t i = 0; id && i < retire->kernel_count; i++)
		if (has_id(retire->kernel[i].skid, id))
			take(retire, NULL, retire->kernel[i].skid, retire->kernel[i].subject, &found);
	return found;
}

static void name_candidates(const struct retire *retire, const char *id)
{
	const struct pkgima_trust *trust = retire->keys->trust;

	cli_message(retire->keys->command, "several keys have the id %s: name the certificate by its fingerprint", id);
	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];
		char skid[PKGIMA_SKID_TEXT];

		if (!item->ca && item->certificate && pkgima_certificate_skid(item->certificate, skid) && has_id(skid, id))
			cli_message(retire->keys->command, "%s: %s, %s", item->source, item->certificate->fingerprint,
				    item->certificate->subject);
	}
}

/* -1: there is just one; else the exit status. */
static int choose(struct retire *retire)
{
	const struct cli_command *command = retire->keys->command;
	const char *id = is_key_id(retire->keys->argument) ? retire->keys->argument : NULL;
	char fingerprint[65] = "";
	struct retire others = *retire;
	size_t found;

	if (!id && !pkgima_fingerprint_parse(retire->keys->argument, fingerprint))
		return cli_usage(command, "a key id has 8 hexadecimal digits, a fingerprint 64");
	found = find(retire, id, fingerprint);
	if (found > 1) {
		name_candidates(retire, retire->key.id);
		return CLI_VERDICT;
	}
	if (!found) {
		cli_message(command, "neither a certificate in %s nor a key of the kernel's has this %s",
			    PKGIMA_TRUST_FOLDER, id ? "id" : "fingerprint");
		return CLI_VERDICT;
	}
	retire->id_is_shared = find(&others, retire->key.id, NULL) > 1;
	return -1;
}

static void show_use(void *context, const char *package, const char *path)
{
	struct retire *retire = context;
	cleanup_free char *name = cli_printable(package), *file = cli_printable(path);

	if (retire->shown++ < SHOWN_MAX)
		cli_message(retire->keys->command, "%s: %s is signed by this key only", name, file);
}

/* Adds up over what dpkg has installed, and what rpm has. */
static int count_use(struct retire *retire, struct pkgima_key_use_counts *counts, struct pkgima_error *error)
{
	const struct keys *keys = retire->keys;
	struct pkgima_key_use use = { .root_fd = keys->root_fd, .report = show_use, .context = retire };
	cleanup_rpmdb struct pkgima_rpmdb *rpmdb = NULL;
	cleanup_dpkg struct pkgima_dpkg *dpkg = NULL;
	struct pkgima_key_use_counts more = { 0 };
	int r;

	use.key_id = (uint32_t)strtoul(retire->key.id, NULL, 16);
	if (retire->id_is_shared)
		use.certificate = retire->key.certificate;
	*counts = more;
	use.manager = &pkgima_manager_dpkg;
	r = pkgima_dpkg_open(keys->root_fd, PKGIMA_DPKG_ADMINDIR, &dpkg, error);
	use.database = dpkg;
	if (r == 0)
		r = pkgima_key_use_find(&use, counts, error);
	if (r < 0 && r != -ENOENT)
		return r;
	use.manager = &pkgima_manager_rpm;
	r = pkgima_rpmdb_open(keys->root_fd, &rpmdb, error);
	use.database = rpmdb;
	if (r == 0)
		r = pkgima_key_use_find(&use, &more, error);
	counts->files += more.files;
	counts->packages += more.packages;
	return r == -ENOENT ? 0 : r;
}

/* -1: go on; else the exit status. */
static int look_for_use(struct retire *retire)
{
	const struct keys *keys = retire->keys;
	struct pkgima_key_use_counts counts;
	struct pkgima_error error;

	if (count_use(retire, &counts, &error) < 0) {
		cli_message(keys->command, "%s", error.text);
		return keys->force ? -1 : CLI_FAILED;
	}
	if (!counts.files)
		return -1;
	cli_message(keys->command, "%s%zu file%s of %zu installed package%s %s signed by this key only%s",
		    keys->force ? "warning: " : "", counts.files, counts.files == 1 ? "" : "s", counts.packages,
		    counts.packages == 1 ? "" : "s", counts.files == 1 ? "is" : "are",
		    keys->force ? ": a kernel that enforces runs them until it is booted anew, if at all" :
				  "; not retired. Install packages that another key has signed, or use --force");
	return keys->force ? -1 : CLI_VERDICT;
}

/* False after a message. */
static bool leave_keyring(const struct retire *retire)
{
	const struct keys *keys = retire->keys;
	struct pkgima_error error;
	int r;

	if (!keys->has_keyring) {
		printf("the kernel has no IMA keyring to take it from\n");
		return true;
	}
	r = pkgima_keyring_remove(&keys->keyring, retire->key.skid, &error);
	if (r < 0)
		cli_message(keys->command, "%s", error.text);
	else
		printf("%s: %s\n", keys->keyring.name,
		       r ? "unlinked; what the kernel has appraised already goes on running until it is booted anew" :
			   "the key was not there");
	return r >= 0;
}

/* The kernel's own lists. What they do not take is said, and is no failure. */
static void block(const struct retire *retire)
{
	struct pkgima_error error;
	int r;

	if (!retire->key.certificate) {
		printf(".ima_blacklist: not added, that takes the certificate\n");
	} else if (retire->id_is_shared) {
		printf(".ima_blacklist: not added, it would block other keys with this id too\n");
	} else {
		r = pkgima_keyring_blacklist(retire->key.certificate, &error);
		if (r == 0)
			printf(".ima_blacklist: added, until this kernel is booted anew\n");
		else if (r == -ENOENT)
			printf(".ima_blacklist: this kernel has none\n");
		else
			printf(".ima_blacklist: not added: %s\n", error.text);
	}
	printf(".blacklist: not added, it takes only what a key built into the kernel has signed; so root can load this "
	       "certificate again by other means\n");
}

static void warn_of_kernel_certificate(const struct retire *retire)
{
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	cleanup_free uint8_t *data = NULL;
	char skid[PKGIMA_SKID_TEXT];
	size_t length;

	if (pkgima_beneath_read(retire->keys->root_fd, KERNEL_CERTIFICATE, PKGIMA_CERTIFICATE_MAX, &data, &length, NULL) < 0 ||
	    pkgima_certificate_parse(data, length, KERNEL_CERTIFICATE, &certificate, NULL) < 0)
		return;
	if (pkgima_certificate_skid(certificate, skid) && !strcmp(skid, retire->key.skid))
		cli_message(retire->keys->command, "warning: %s is a certificate of this key: kernels with "
			    "CONFIG_IMA_LOAD_X509 load it by themselves. Put another one there", KERNEL_CERTIFICATE);
}

static int do_retire(struct retire *retire)
{
	struct keys *keys = retire->keys;
	cleanup_free char *note = NULL;
	struct pkgima_error error;
	bool unlinked = true;

	if (asprintf(&note, "key id %s, %s", retire->key.id, retire->key.subject) < 0) {
		note = NULL;
		cli_message(keys->command, "no memory to retire a key");
		return CLI_FAILED;
	}
	if (pkgima_retired_has(&keys->trust->retired, retire->key.skid)) {
		printf("%s: it has key %s already\n", PKGIMA_RETIRED_FILE, retire->key.id);
	} else if (pkgima_retired_add(keys->root_fd, retire->key.skid, note, &error) < 0) {
		cli_message(keys->command, "%s", error.text);
		return CLI_FAILED;
	} else {
		printf("%s: key %s added, %s\n", PKGIMA_RETIRED_FILE, retire->key.id, retire->key.subject);
	}
	if (keys_root_is_ours(keys)) {
		unlinked = leave_keyring(retire);
		block(retire);
	} else {
		printf("the running kernel's keyring is left as it is: it is not this root's\n");
	}
	warn_of_kernel_certificate(retire);
	return cli_finish(keys->command, unlinked ? CLI_OK : CLI_FAILED);
}

int keys_retire(struct keys *keys)
{
	struct retire retire = { .keys = keys };
	struct pkgima_error error = { "" };
	int status;

	keys_find_keyring(keys);
	if (keys->has_keyring && keys_root_is_ours(keys) &&
	    pkgima_keyring_keys(&keys->keyring, &retire.kernel, &retire.kernel_count, &error) < 0)
		cli_message(keys->command, "%s", error.text);
	status = choose(&retire);
	if (status < 0)
		status = look_for_use(&retire);
	if (status < 0)
		status = do_retire(&retire);
	pkgima_keyring_keys_free(retire.kernel, retire.kernel_count);
	return status;
}
