// SPDX-License-Identifier: LGPL-2.1-or-later
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

#include <linux/fs.h>

#include "io.h"
#include "signature.h"

struct pkgima_checker *pkgima_checker_new(const struct pkgima_trust *trust)
{
	struct pkgima_checker *checker = calloc(1, sizeof(*checker));

	if (!checker)
		return NULL;
	checker->trust = trust;
	checker->hasher = pkgima_hasher_new();
	checker->verifier = pkgima_verifier_new(trust);
	if (!checker->hasher || !checker->verifier) {
		pkgima_checker_free(checker);
		return NULL;
	}
	return checker;
}

void pkgima_checker_free(struct pkgima_checker *checker)
{
	if (!checker)
		return;
	pkgima_hasher_free(checker->hasher);
	pkgima_verifier_free(checker->verifier);
	free(checker);
}

int pkgima_checker_run(struct pkgima_checker *checker, const struct pkgima_entry *entry, int fd,
		       enum pkgima_verdict *ret_verdict, struct pkgima_error *reason)
{
	uint8_t digest[PKGIMA_DIGEST_MAX];
	int r;

	*ret_verdict = pkgima_verifier_check(checker->verifier, &entry->ima, entry->hash, entry->digest, reason);
	if (*ret_verdict != PKGIMA_VERDICT_OK)
		return 0;
	r = pkgima_hasher_file(checker->hasher, entry->hash, fd, digest, reason);
	if (r < 0)
		return r;
	if (memcmp(digest, entry->digest, pkgima_hash_size(entry->hash)) != 0) {
		pkgima_fail(reason, 0, "the content is not what was signed");
		*ret_verdict = PKGIMA_VERDICT_DIGEST_MISMATCH;
	}
	return 0;
}

int pkgima_file_value(int fd, uint8_t *buffer, struct pkgima_value *ret_value)
{
	ssize_t length = fgetxattr(fd, PKGIMA_XATTR_IMA, buffer, PKGIMA_SIGNATURE_MAX);

	*ret_value = (struct pkgima_value){ 0 };
	if (length >= 0)
		*ret_value = (struct pkgima_value){ .bytes = buffer, .length = (size_t)length };
	return length >= 0 || errno == ENODATA ? 0 : -errno;
}

/* The value's signature; else UNSIGNED, UNSUPPORTED_FS or BAD_SIGNATURE with the reason. @r: of pkgima_file_value(). */
static enum pkgima_verdict parse_value(const struct pkgima_value *value, int r, struct pkgima_signature *ret_signature,
				       struct pkgima_error *reason)
{
	switch (r) {
	case 0:
		break;
	case -EOPNOTSUPP:
		pkgima_fail(reason, 0, "the file system takes no security.ima");
		return PKGIMA_VERDICT_UNSUPPORTED_FS;
	default:
		pkgima_fail(reason, 0, "security.ima cannot be read: %s", strerror(-r));
		return PKGIMA_VERDICT_BAD_SIGNATURE;
	}
	if (!value->bytes) {
		pkgima_fail(reason, 0, "there is no signature");
		return PKGIMA_VERDICT_UNSIGNED;
	}
	if (value->length && (value->bytes[0] == PKGIMA_XATTR_DIGEST || value->bytes[0] == PKGIMA_XATTR_DIGEST_NG)) {
		pkgima_fail(reason, 0, "there is a hash, and no signature");
		return PKGIMA_VERDICT_UNSIGNED;
	}
	return pkgima_signature_parse(value->bytes, value->length, ret_signature, reason) < 0 ?
		       PKGIMA_VERDICT_BAD_SIGNATURE : PKGIMA_VERDICT_OK;
}

int pkgima_checker_run_alone(struct pkgima_checker *checker, int fd, enum pkgima_verdict *ret_verdict,
			     struct pkgima_error *reason)
{
	uint8_t buffer[PKGIMA_SIGNATURE_MAX], digest[PKGIMA_DIGEST_MAX];
	struct pkgima_signature signature;
	struct pkgima_value value;
	size_t position = 0;
	int r;

	r = pkgima_file_value(fd, buffer, &value);
	*ret_verdict = parse_value(&value, r, &signature, reason);
	if (*ret_verdict != PKGIMA_VERDICT_OK)
		return 0;
	if (!pkgima_trust_find(checker->trust, signature.key_id, &position)) {
		pkgima_fail(reason, 0, "key id %08x is not in the trust store", signature.key_id);
		*ret_verdict = PKGIMA_VERDICT_UNKNOWN_KEY;
		return 0;
	}
	r = pkgima_hasher_file(checker->hasher, signature.hash, fd, digest, reason);
	if (r < 0)
		return r;
	*ret_verdict = pkgima_verifier_check(checker->verifier, &value, signature.hash, digest, reason);
	if (*ret_verdict == PKGIMA_VERDICT_BAD_SIGNATURE)
		pkgima_fail(reason, 0, "key %08x has not signed this content", signature.key_id);
	return 0;
}

void pkgima_file_tell_value(int fd, enum pkgima_verdict *ret_verdict, struct pkgima_error *reason)
{
	uint8_t buffer[PKGIMA_SIGNATURE_MAX];
	struct pkgima_signature signature;
	struct pkgima_value value;
	enum pkgima_verdict found;
	int r;

	r = pkgima_file_value(fd, buffer, &value);
	found = parse_value(&value, r, &signature, reason);
	*ret_verdict = found == PKGIMA_VERDICT_UNSUPPORTED_FS ? found : PKGIMA_VERDICT_NOT_APPLIED;
	if (found == PKGIMA_VERDICT_OK)
		pkgima_fail(reason, 0, "the file carries another signature, by key %08x", signature.key_id);
	else if (found == PKGIMA_VERDICT_UNSIGNED)
		pkgima_fail(reason, 0, "the file carries %s", value.bytes ? "only a hash" : "none");
	else if (found == PKGIMA_VERDICT_BAD_SIGNATURE)
		pkgima_fail_within(reason, 0, "what the file carries is no signature");
}

bool pkgima_file_has_value(int fd, const struct pkgima_value *value)
{
	uint8_t current[PKGIMA_SIGNATURE_MAX];
	ssize_t length = fgetxattr(fd, PKGIMA_XATTR_IMA, current, sizeof(current));

	return length >= 0 && (size_t)length == value->length && !memcmp(current, value->bytes, value->length);
}

/* Or append-only, which keeps attributes from being set too. */
static bool is_immutable(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && flags & (FS_IMMUTABLE_FL | FS_APPEND_FL);
}

int pkgima_file_set_value(int fd, const struct pkgima_value *value, enum pkgima_verdict *ret_verdict,
			  struct pkgima_error *reason)
{
	if (fsetxattr(fd, PKGIMA_XATTR_IMA, value->bytes, value->length, 0) == 0) {
		*ret_verdict = PKGIMA_VERDICT_OK;
		return 0;
	}
	*ret_verdict = PKGIMA_VERDICT_UNSUPPORTED_FS;
	switch (errno) {
	case EOPNOTSUPP:
		return pkgima_fail(reason, 0, "the file system takes no security.ima");
	case EPERM:
		if (is_immutable(fd))
			return pkgima_fail(reason, -EPERM, "the file is immutable (chattr -i)");
		/* Without CAP_SYS_ADMIN in the first user namespace: containers. */
		return pkgima_fail(reason, 0, "setting security.ima is not permitted here");
	default:
		return pkgima_fail_errno(reason, "cannot set security.ima");
	}
}

static bool is_below(const char *path, const char *const folders[])
{
	for (size_t i = 0; folders[i]; i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

enum pkgima_content pkgima_content_of(int fd)
{
	char start[4];

	if (pkgima_pread_all(fd, start, sizeof(start), 0) != sizeof(start))
		return PKGIMA_CONTENT_OTHER;
	if (!memcmp(start, "\177ELF", 4))
		return PKGIMA_CONTENT_ELF;
	return memcmp(start, "#!", 2) ? PKGIMA_CONTENT_OTHER : PKGIMA_CONTENT_SCRIPT;
}

bool pkgima_content_is_selected(const struct pkgima_config *config, const struct pkgima_entry *entry, mode_t mode,
				enum pkgima_content content)
{
	static const char *const boot[] = { "/etc/keys/", "/etc/ima-init/", "/ima/", NULL };
	static const char *const loaded[] = { "/lib/modules/", "/usr/lib/modules/", "/lib/firmware/",
					      "/usr/lib/firmware/", "/boot/", NULL };
	bool has_x = mode & (S_IXUSR | S_IXGRP | S_IXOTH);

	if (has_x || entry->type == PKGIMA_ENTRY_SCRIPT || is_below(entry->path, boot))
		return true;
	/* Whoever makes a package calls conffile what he likes: not what a kernel asks a signature of. */
	if (entry->type == PKGIMA_ENTRY_CONFFILE && config->conffiles == PKGIMA_CONFFILES_NO)
		return is_below(entry->path, loaded) || content == PKGIMA_CONTENT_ELF;
	return config->select == PKGIMA_SELECT_ALL || is_below(entry->path, loaded) || content != PKGIMA_CONTENT_OTHER;
}

bool pkgima_file_is_selected(const struct pkgima_config *config, const struct pkgima_entry *entry, int fd,
			     const struct stat *st)
{
	/* The content is looked at only where nothing else decides. */
	return pkgima_content_is_selected(config, entry, st->st_mode, PKGIMA_CONTENT_OTHER) ||
	       pkgima_content_is_selected(config, entry, st->st_mode, pkgima_content_of(fd));
}
