// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keylime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpkg.h"
#include "trust.h"

void pkgima_keylime_free(struct pkgima_keylime *policy)
{
	pkgima_entries_free(&policy->digests);
	pkgima_entries_free(&policy->keyrings);
}

static int add(struct pkgima_entries *list, const char *path, const struct pkgima_entry *file, struct pkgima_error *error)
{
	struct pkgima_entry *entry = pkgima_entries_add(list);
	char *copy = pkgima_entries_keep(list, path, strlen(path));

	if (!entry && list->count >= PKGIMA_ENTRIES_MAX)
		return pkgima_fail(error, -E2BIG, "more than %d files in one policy", PKGIMA_ENTRIES_MAX);
	if (!entry || !copy)
		return pkgima_fail(error, -ENOMEM, "no memory for a list of files");
	for (char *letter = strchr(copy, ' '); letter; letter = strchr(letter, ' '))
		*letter = '_';
	entry->path = copy;
	entry->hash = file->hash;
	memcpy(entry->digest, file->digest, pkgima_hash_size(file->hash));
	return 0;
}

/* Of RFC 3629: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
static bool is_utf8(const char *name)
{
	const uint8_t *text = (const uint8_t *)name;

	while (*text) {
		uint32_t least = *text < 0x80 ? 0 : *text < 0xe0 ? 0x80 : *text < 0xf0 ? 0x800 : 0x10000;
		size_t more = *text < 0x80 ? 0 : *text < 0xe0 ? 1 : *text < 0xf0 ? 2 : 3;
		uint32_t value = more ? *text & (0x3fU >> more) : *text;

		if ((*text >= 0x80 && *text < 0xc0) || *text > 0xf7)
			return false;
		for (text++; more; more--, text++) {
			if ((*text & 0xc0) != 0x80)
				return false;
			value = value << 6 | (*text & 0x3f);
		}
		if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
			return false;
	}
	return true;
}

/* Is it in one of the folders that are links into /usr where that has been merged? */
static bool may_be_in_usr(const char *path)
{
	static const char *const folders[] = { "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/", "/libo32/" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (!strncmp(path, folders[i], strlen(folders[i])))
			return true;
	return false;
}

static bool is_certificate(const char *path)
{
	const char *name = path + strlen(PKGIMA_TRUST_FOLDER "/");
	size_t length = strlen(path);

	if (!strcmp(path, "/etc/keys/x509_ima.der"))
		return true;
	return !strncmp(path, PKGIMA_TRUST_FOLDER "/", strlen(PKGIMA_TRUST_FOLDER "/")) && !strchr(name, '/') &&
	       length > 4 && !strcmp(path + length - 4, ".der");
}

static int add_key(struct pkgima_keylime *policy, const struct pkgima_entry *certificate, bool ca,
		   struct pkgima_error *error)
{
	int r = add(&policy->keyrings, ca ? "_ca" : "_ima", certificate, error);

	return r < 0 || ca ? r : add(&policy->keyrings, ".ima", certificate, error);
}

static int add_script(struct pkgima_keylime *policy, const struct pkgima_package_info *info,
		      const struct pkgima_entry *script, struct pkgima_error *error)
{
	const char *name = script->path + strlen("DEBIAN/");
	/* Which of the two it is depends on a field that is of no other interest; "all" is always without. */
	const char *architectures[] = { NULL, info->architecture };
	char path[PKGIMA_PATH_MAX + 1];
	int r, length;

	snprintf(path, sizeof(path), "%s/tmp.ci/%s", PKGIMA_DPKG_ADMINDIR, name);
	r = add(&policy->digests, path, script, error);
	for (size_t i = 0; i < 2 && r == 0; i++) {
		const char *architecture = architectures[i];

		if (i > 0 && (!architecture || !strcmp(architecture, "all")))
			break;
		length = snprintf(path, sizeof(path), "%s/info/%s%s%s.%s", PKGIMA_DPKG_ADMINDIR, info->name,
				  architecture ? ":" : "", architecture ? architecture : "", name);
		if (length < 0 || (size_t)length >= sizeof(path))
			return pkgima_fail(error, -EINVAL, "its name is too long");
		r = add(&policy->digests, path, script, error);
	}
	return r;
}

static int add_file(struct pkgima_keylime *policy, const struct pkgima_entry *file, struct pkgima_error *error)
{
	char path[sizeof("/usr") + PKGIMA_PATH_MAX];
	int r = add(&policy->digests, file->path, file, error);

	if (r == 0 && may_be_in_usr(file->path)) {
		snprintf(path, sizeof(path), "/usr%s", file->path);
		r = add(&policy->digests, path, file, error);
	}
	if (r == 0 && is_certificate(file->path))
		r = add_key(policy, file, false, error);
	return r;
}

int pkgima_keylime_add_package(struct pkgima_keylime *policy, const struct pkgima_package_info *info,
			       const struct pkgima_entries *entries, void (*skip)(void *context, const char *path),
			       void *context, struct pkgima_error *error)
{
	int r = 0;

	if (!info->name || !is_utf8(info->name) || (info->architecture && !is_utf8(info->architecture)))
		return pkgima_fail(error, -EINVAL, "it has no name that could be written down");
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct pkgima_entry *entry = &entries->list[i];

		if (!is_utf8(entry->path))
			skip(context, entry->path);
		else if (entry->type == PKGIMA_ENTRY_SCRIPT)
			r = add_script(policy, info, entry, error);
		else
			r = add_file(policy, entry, error);
	}
	return r;
}

int pkgima_keylime_add_certificate(struct pkgima_keylime *policy, const struct pkgima_certificate *certificate, bool ca,
				   struct pkgima_error *error)
{
	/* What is measured is the certificate as it is loaded, by the kernel's usual algorithm. */
	struct pkgima_entry entry = { .hash = PKGIMA_HASH_SHA256 };

	if (!EVP_Digest(certificate->der, certificate->der_length, entry.digest, NULL, EVP_sha256(), NULL))
		return pkgima_fail(error, -EIO, "%s: cannot be hashed", certificate->source);
	return add_key(policy, &entry, ca, error);
}

static int compare(const void *left, const void *right)
{
	const struct pkgima_entry *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	if (order == 0 && a->hash != b->hash)
		order = a->hash < b->hash ? -1 : 1;
	return order ? order : memcmp(a->digest, b->digest, pkgima_hash_size(a->hash));
}

static void sort(struct pkgima_entries *list)
{
	size_t kept = 0;

	if (list->count)
		qsort(list->list, list->count, sizeof(*list->list), compare);
	for (size_t i = 0; i < list->count; i++)
		if (kept == 0 || compare(&list->list[kept - 1], &list->list[i]) != 0)
			list->list[kept++] = list->list[i];
	list->count = kept;
}

void pkgima_keylime_finish(struct pkgima_keylime *policy)
{
	sort(&policy->digests);
	sort(&policy->keyrings);
}
