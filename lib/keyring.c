// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "escape.h"

static inline void file_close(FILE **file)
{
	int kept = errno;

	if (*file)
		fclose(*file);
	errno = kept;
}
#define cleanup_file PKGIMA_CLEANUP(file_close)

/* One line of /proc/keys, see security/keys/proc.c. */
struct key_line {
	key_serial_t serial;
	char type[16];
	const char *description;  /* with what the key's type puts behind it; no LF */
};

/*
 * Walks /proc/keys until @wanted says true. Keys that others may see can have any bytes in their descriptions, line
 * feeds included, so that nothing of a line may be believed before keyctl_describe() has confirmed it.
 * Returns 1 when there was one, 0, or -errno.
 */
static int proc_keys_find(bool (*wanted)(const struct key_line *line, const void *context), const void *context,
			  key_serial_t *ret_serial)
{
	cleanup_file FILE *file = fopen("/proc/keys", "re");
	char text[1024];

	if (!file)
		return -errno;
	while (fgets(text, sizeof(text), file)) {
		struct key_line line;
		unsigned int serial;
		int behind = 0;

		text[strcspn(text, "\n")] = '\0';
		if (sscanf(text, "%8x %*s %*s %*s %*s %*s %*s %15s %n", &serial, line.type, &behind) != 2 || !behind)
			continue;
		line.serial = (key_serial_t)serial;
		line.description = text + behind;
		if (wanted(&line, context)) {
			*ret_serial = line.serial;
			return 1;
		}
	}
	return ferror(file) ? -EIO : 0;
}

/* Takes "type;uid;gid;perm;description" (keyctl_describe(3)) apart. False without permission to see the key. */
static bool describe(key_serial_t serial, const char *type, unsigned int *ret_uid, char **ret_description)
{
	cleanup_free char *text = NULL;
	char *rest = NULL;
	size_t length = strlen(type);
	int behind = 0;

	if (keyctl_describe_alloc(serial, &text) < 0)
		return false;
	if (strncmp(text, type, length) != 0 || text[length] != ';')
		return false;
	if (sscanf(text + length, ";%u;%*u;%*x;%n", ret_uid, &behind) != 1 || !behind)
		return false;
	rest = strdup(text + length + behind);
	*ret_description = rest;
	return rest != NULL;
}

/* Is it a keyring of root's with this name? A name with a dot in front is the kernel's to give. */
static bool is_roots_keyring(key_serial_t serial, const char *name)
{
	cleanup_free char *description = NULL;
	unsigned int uid;

	return describe(serial, "keyring", &uid, &description) && uid == 0 && strcmp(description, name) == 0;
}

/* @context: its name, which must be one of the kernel's. ": " and how many keys it has follow the description. */
static bool is_keyring_line(const struct key_line *line, const void *context)
{
	const char *name = context;
	size_t length = strlen(name);

	return strcmp(line->type, "keyring") == 0 && strncmp(line->description, name, length) == 0 &&
	       line->description[length] == ':' && is_roots_keyring(line->serial, name);
}

/*
 * A keyring in @u may be added to by those who possess it, that is, whose session keyring leads to it. It does not in a
 * session that was made without it (PAM's, or none yet); an anonymous one that holds @u is as good. Where that is not
 * possible either, adding says so.
 */
static void possess(key_serial_t keyring, const char *name)
{
	if (keyctl_search(KEY_SPEC_SESSION_KEYRING, "keyring", name, 0) == keyring)
		return;
	if (keyctl_join_session_keyring(NULL) >= 0)
		keyctl_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
}

int pkgima_keyring_find(struct pkgima_keyring *ret_keyring, struct pkgima_error *error)
{
	key_serial_t serial;

	if (proc_keys_find(is_keyring_line, ".ima", &serial) == 1) {
		*ret_keyring = (struct pkgima_keyring){ .serial = serial, .name = ".ima" };
		return 0;
	}
	serial = (key_serial_t)keyctl_search(KEY_SPEC_USER_KEYRING, "keyring", "_ima", 0);
	if (serial < 0) {
		switch (errno) {
		case ENOKEY:
		case EKEYEXPIRED:
		case EKEYREVOKED:
		case ENOSYS:       /* a kernel without CONFIG_KEYS */
			break;
		default:
			return pkgima_fail_errno(error, "cannot look for the kernel's IMA keyring");
		}
	} else if (is_roots_keyring(serial, "_ima")) {
		possess(serial, "_ima");
		*ret_keyring = (struct pkgima_keyring){ .serial = serial, .name = "_ima" };
		return 0;
	}
	return pkgima_fail(error, -ENOENT, "there is no IMA keyring (.ima or root's _ima) that this process can see");
}

/* ": " and the Subject Key Identifier in hexadecimal: what the description of its key ends with. */
struct skid_text {
	char text[2 + PKGIMA_SKID_TEXT];
	size_t length;
};

static void skid_end(const char *skid, struct skid_text *ret_end)
{
	snprintf(ret_end->text, sizeof(ret_end->text), ": %s", skid);
	ret_end->length = strlen(ret_end->text);
}

static bool skid_text(const struct pkgima_certificate *certificate, struct skid_text *ret_text)
{
	char skid[PKGIMA_SKID_TEXT];

	if (!pkgima_certificate_skid(certificate, skid))
		return false;
	skid_end(skid, ret_text);
	return true;
}

static bool ends_with(const char *text, const struct skid_text *end)
{
	size_t length = strlen(text);

	return length >= end->length && strcmp(text + length - end->length, end->text) == 0;
}

/* In /proc/keys ": X509.rsa …" follows the description, and the type is cut at nine characters. */
static bool is_key_line(const struct key_line *line, const void *context)
{
	const struct skid_text *skid = context;
	cleanup_free char *description = NULL;
	unsigned int uid;

	return strncmp(line->type, "asymmetri", 9) == 0 && strstr(line->description, skid->text) &&
	       describe(line->serial, "asymmetric", &uid, &description) && uid == 0 && ends_with(description, skid);
}

/* 1, 0, or -EACCES when a key could not be looked at. */
static int keys_have(const key_serial_t *serials, size_t count, const struct skid_text *skid)
{
	int result = 0;

	for (size_t i = 0; i < count; i++) {
		cleanup_free char *description = NULL;
		unsigned int uid;

		errno = 0;
		if (describe(serials[i], "asymmetric", &uid, &description)) {
			if (ends_with(description, skid))
				return 1;
		} else if (errno == EACCES) {
			result = -EACCES;
		}
	}
	return result;
}

int pkgima_keyring_has(const struct pkgima_keyring *keyring, const struct pkgima_certificate *certificate)
{
	cleanup_free void *serials = NULL;
	struct skid_text skid;
	key_serial_t serial;
	int size, r;

	if (!skid_text(certificate, &skid))
		return 0;
	size = keyctl_read_alloc(keyring->serial, &serials);
	r = size < 0 ? -errno : keys_have(serials, (size_t)size / sizeof(key_serial_t), &skid);
	if (r != -EACCES)
		return r;
	/* Which keyring a key of /proc/keys is in cannot be seen there: this is the best that can be told. */
	return proc_keys_find(is_key_line, &skid, &serial);
}

void pkgima_keyring_keys_free(struct pkgima_keyring_key *keys, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(keys[i].subject);
		free(keys[i].skid);
	}
	free(keys);
}

/* Takes "SUBJECT: HEX" apart. False: it is not of that form, or there is no memory. */
static bool parse_description(char *description, struct pkgima_keyring_key *key)
{
	char *colon = strrchr(description, ':');
	size_t digits;

	if (!colon || colon[1] != ' ')
		return false;
	digits = strspn(colon + 2, "0123456789abcdef");
	if (!digits || colon[2 + digits])
		return false;
	*colon = '\0';
	key->subject = pkgima_printable(description);
	key->skid = strdup(colon + 2);
	return key->subject && key->skid;
}

int pkgima_keyring_keys(const struct pkgima_keyring *keyring, struct pkgima_keyring_key **ret_keys, size_t *ret_count,
			struct pkgima_error *error)
{
	cleanup_free void *serials = NULL;
	struct pkgima_keyring_key *keys;
	size_t count = 0, all;
	int size;

	size = keyctl_read_alloc(keyring->serial, &serials);
	if (size < 0)
		return pkgima_fail_errno(error, "cannot read the kernel's keyring %s", keyring->name);
	all = (size_t)size / sizeof(key_serial_t);
	keys = calloc(all + 1, sizeof(*keys));
	if (!keys)
		return pkgima_fail(error, -ENOMEM, "no memory for the kernel's keys");
	for (size_t i = 0; i < all; i++) {
		struct pkgima_keyring_key key = { .serial = ((const key_serial_t *)serials)[i] };
		cleanup_free char *description = NULL;
		unsigned int uid;

		if (describe(key.serial, "asymmetric", &uid, &description) && parse_description(description, &key)) {
			keys[count++] = key;
		} else {
			free(key.subject);
			free(key.skid);
		}
	}
	*ret_keys = keys;
	*ret_count = count;
	return 0;
}

int pkgima_keyring_remove(const struct pkgima_keyring *keyring, const char *skid, struct pkgima_error *error)
{
	struct pkgima_keyring_key *keys;
	int removed = 0, r;
	size_t count;

	r = pkgima_keyring_keys(keyring, &keys, &count, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count && r == 0; i++) {
		if (strcmp(keys[i].skid, skid) != 0)
			continue;
		if (keyctl_unlink(keys[i].serial, keyring->serial) < 0)
			r = pkgima_fail_errno(error, "cannot unlink the key %s from the kernel's keyring %s", skid,
					      keyring->name);
		else
			removed++;
	}
	pkgima_keyring_keys_free(keys, count);
	return r < 0 ? r : removed;
}

int pkgima_keyring_blacklist(const struct pkgima_certificate *certificate, struct pkgima_error *error)
{
	struct pkgima_keyring blacklist = { .name = ".ima_blacklist" };

	if (proc_keys_find(is_keyring_line, blacklist.name, &blacklist.serial) != 1)
		return pkgima_fail(error, -ENOENT, "this kernel has no keyring %s", blacklist.name);
	return pkgima_keyring_add(&blacklist, certificate, error);
}

int pkgima_keyring_add(const struct pkgima_keyring *keyring, const struct pkgima_certificate *certificate,
		       struct pkgima_error *error)
{
	const char *reason;
	int code;

	if (add_key("asymmetric", NULL, certificate->der, certificate->der_length, keyring->serial) >= 0)
		return 0;
	code = -errno;
	switch (code) {
	case -EEXIST:
		return 0;
	case -ENOKEY:
		reason = "no CA certificate of the kernel's has issued it";
		break;
	case -EKEYREJECTED:
		reason = "its signature does not verify, or the kernel has blocked its key";
		break;
	case -ENOPKG:
		reason = "this kernel lacks an algorithm that it uses";
		break;
	case -EBADMSG:
		reason = "the kernel cannot parse it";
		break;
	default:
		reason = strerror(-code);
	}
	return pkgima_fail(error, code, "cannot load %s into the kernel's keyring %s: %s", certificate->source,
			   keyring->name, reason);
}

int pkgima_keyring_load(const struct pkgima_keyring *keyring, const struct pkgima_trust *trust,
			void (*report)(void *context, const struct pkgima_certificate *certificate, int result,
				       const struct pkgima_error *error),
			void *context, struct pkgima_error *error)
{
	int added = 0, failure = 0;

	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];
		struct pkgima_error own = { "" };
		int r;

		/* Where it cannot be told whether the key is there, adding it again does no harm. */
		if (item->ca || item->problem || pkgima_keyring_has(keyring, item->certificate) == 1)
			continue;
		r = pkgima_keyring_add(keyring, item->certificate, &own);
		if (report)
			report(context, item->certificate, r, &own);
		if (r == 0) {
			added++;
		} else if (!failure) {
			failure = r;
			if (error)
				*error = own;
		}
	}
	return failure ? failure : added;
}
