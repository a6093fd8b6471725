// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "hash.h"

/* Bytes of a Subject Key Identifier that the kernel reads: its length has to fit into one byte of DER. */
#define SKID_MAX 127

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

static bool is_ima_line(const struct key_line *line, const void *context)
{
	(void)context;
	return strcmp(line->type, "keyring") == 0 && strncmp(line->description, ".ima:", 5) == 0 &&
	       is_roots_keyring(line->serial, ".ima");
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

	if (proc_keys_find(is_ima_line, NULL, &serial) == 1) {
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
	char text[2 + 2 * SKID_MAX + 1];
	size_t length;
};

static bool skid_text(const struct pkgima_certificate *certificate, struct skid_text *ret_text)
{
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(certificate->x509);
	int length = skid ? ASN1_STRING_length(skid) : 0;

	if (length < 1 || length > SKID_MAX)
		return false;
	memcpy(ret_text->text, ": ", 2);
	pkgima_hex(ASN1_STRING_get0_data(skid), (size_t)length, ret_text->text + 2);
	ret_text->length = 2 + 2 * (size_t)length;
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
