// SPDX-License-Identifier: LGPL-2.1-or-later
#include "deb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../escape.h"
#include "../list.h"
#include "deb_write.h"

#define TOO_MANY "more than %d files, or no memory for them"
#define LINK_ROUNDS_MAX 8

/* An entry whose signature is being made: values move into the list when all are there. */
struct pending {
	const struct pkgima_value **values; /* one for each entry, in the order in which they were added */
	size_t count;
	size_t capacity;
	struct pkgima_entries links;        /* hard links; ima.bytes is the target's path until it is resolved */
};

static void pending_free(struct pending *pending)
{
	free(pending->values);
	pkgima_entries_free(&pending->links);
}

/* Without a signer the entry stays without a signature. */
static int add_entry(struct pkgima_entries *entries, struct pending *pending, struct pkgima_signer *signer,
		     const struct pkgima_entry *model, struct pkgima_error *error)
{
	struct pkgima_entry *entry = pkgima_entries_add(entries);
	const struct pkgima_value **values;
	char safe[256];
	int r;

	values = pkgima_list_room(pending->values, pending->count, &pending->capacity, sizeof(const struct pkgima_value *));
	if (!values)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	pending->values = values;
	if (!entry)
		return pkgima_fail(error, -E2BIG, TOO_MANY, PKGIMA_ENTRIES_MAX);
	*entry = *model;
	entry->path = pkgima_entries_keep(entries, model->path, strlen(model->path));
	if (!entry->path)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	if (!signer)
		return 0;
	r = pkgima_signer_submit(signer, entry->hash, entry->digest, &pending->values[pending->count++], error);
	if (r < 0)
		pkgima_fail_within(error, r, "%s", pkgima_printable_into(entry->path, safe, sizeof(safe)));
	return r;
}

static int add_scripts(const struct pkgima_control *control, struct pkgima_entries *entries, struct pending *pending,
		       struct pkgima_hasher *hasher, struct pkgima_signer *signer, enum pkgima_hash hash,
		       struct pkgima_error *error)
{
	int r = 0;

	for (size_t i = 0; i < control->count && r == 0; i++) {
		const struct pkgima_control_file *file = &control->files[i];
		struct pkgima_entry entry = { .type = PKGIMA_ENTRY_SCRIPT, .hash = hash, .size = file->length };
		char path[PKGIMA_AR_HEADER + 8];

		if (!pkgima_script_is_known(file->name))
			continue;
		snprintf(path, sizeof(path), "DEBIAN/%s", file->name);
		entry.path = path;
		r = pkgima_hasher_begin(hasher, hash, error);
		if (r == 0)
			r = pkgima_hasher_update(hasher, file->content, file->length, error);
		if (r == 0)
			r = pkgima_hasher_end(hasher, entry.digest, error);
		if (r == 0)
			r = add_entry(entries, pending, signer, &entry, error);
	}
	return r;
}

static int add_link(struct pending *pending, const struct pkgima_tar_member *member, struct pkgima_error *error)
{
	struct pkgima_entry *link = pkgima_entries_add(&pending->links);

	if (link) {
		link->path = pkgima_entries_keep(&pending->links, member->path, strlen(member->path));
		link->ima.bytes = pkgima_entries_keep(&pending->links, member->target, strlen(member->target));
	}
	if (!link || !link->path || !link->ima.bytes)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	return 0;
}

static int add_payload(const struct pkgima_deb *deb, const struct pkgima_entries *conffiles,
		       struct pkgima_entries *entries, struct pending *pending, struct pkgima_hasher *hasher,
		       struct pkgima_signer *signer, enum pkgima_hash hash, unsigned int threads,
		       struct pkgima_error *error)
{
	cleanup_tar struct pkgima_tar *tar = NULL;
	struct pkgima_tar_member member;
	int r;

	r = pkgima_deb_open_data(deb, threads, &tar, error);
	while (r == 0 && (r = pkgima_tar_next(tar, &member, error)) == 1) {
		struct pkgima_entry entry = {
			.path = member.path,
			.type = PKGIMA_ENTRY_FILE,
			.mode = S_IFREG | member.header.mode,
			.uid = member.header.uid,
			.gid = member.header.gid,
			.size = member.size,
			.hash = hash,
		};

		r = 0;
		if (member.hard_link) {
			r = add_link(pending, &member, error);
		} else if (member.regular) {
			if (pkgima_entries_find(conffiles, member.path))
				entry.type = PKGIMA_ENTRY_CONFFILE;
			r = pkgima_tar_hash(tar, hasher, hash, entry.digest, error);
			if (r == 0)
				r = add_entry(entries, pending, signer, &entry, error);
		}
	}
	return r < 0 ? pkgima_fail_within(error, r, "data member") : 0;
}

/* Gives the links whose targets are known an entry each; those that have one lose their target. */
static int resolve_known_links(struct pkgima_entries *entries, const struct pkgima_entries *conffiles,
			       struct pkgima_entries *links, size_t *ret_resolved, struct pkgima_error *error)
{
	struct pkgima_entries known = *entries;

	*ret_resolved = 0;
	for (size_t i = 0; i < links->count; i++) {
		struct pkgima_entry *link = &links->list[i], *entry;
		size_t target;

		known.list = entries->list;
		entry = link->ima.bytes ? pkgima_entries_find(&known, (const char *)link->ima.bytes) : NULL;
		if (!entry)
			continue;
		target = (size_t)(entry - entries->list);
		entry = pkgima_entries_add(entries);
		if (!entry)
			return pkgima_fail(error, -E2BIG, TOO_MANY, PKGIMA_ENTRIES_MAX);
		*entry = entries->list[target];
		entry->type = pkgima_entries_find(conffiles, link->path) ? PKGIMA_ENTRY_CONFFILE : PKGIMA_ENTRY_FILE;
		entry->path = pkgima_entries_keep(entries, link->path, strlen(link->path));
		if (!entry->path)
			return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
		link->ima.bytes = NULL;
		(*ret_resolved)++;
	}
	pkgima_entries_sort(entries);
	return 0;
}

/* A link's target may itself be a link: it is known one round later. Archivers always name the first, so two rounds do. */
static int resolve_links(struct pkgima_entries *entries, const struct pkgima_entries *conffiles,
			 struct pkgima_entries *links, struct pkgima_error *error)
{
	size_t left = links->count, resolved;
	char safe[256];

	for (int round = 0; left > 0 && round < LINK_ROUNDS_MAX; round++) {
		int r = resolve_known_links(entries, conffiles, links, &resolved, error);

		if (r < 0)
			return r;
		left -= resolved;
		if (resolved == 0)
			break;
	}
	for (size_t i = 0; i < links->count; i++)
		if (links->list[i].ima.bytes)
			return pkgima_fail(error, -EINVAL, "data member: %s is a hard link to a file that is not there",
					   pkgima_printable_into(links->list[i].path, safe, sizeof(safe)));
	for (size_t i = 1; i < entries->count; i++)
		if (!strcmp(entries->list[i - 1].path, entries->list[i].path))
			return pkgima_fail(error, -EINVAL, "data member: %s is in it twice",
					   pkgima_printable_into(entries->list[i].path, safe, sizeof(safe)));
	return 0;
}

/* Digests of all that is to be signed, sorted; signed, if there is a signer. */
static int make_entries(const struct pkgima_deb *deb, struct pkgima_signer *signer, enum pkgima_hash hash,
			unsigned int threads, struct pkgima_entries *entries, struct pkgima_error *error)
{
	__attribute__((cleanup(pending_free))) struct pending pending = { 0 };
	cleanup_entries struct pkgima_entries conffiles = { 0 };
	cleanup_control struct pkgima_control control = { 0 };
	struct pkgima_hasher *hasher = pkgima_hasher_new();
	int r;

	if (!hasher)
		return pkgima_fail(error, -ENOMEM, "no memory to hash");
	r = pkgima_deb_read_control(deb, &control, error);
	if (r == 0)
		r = pkgima_control_conffiles(&control, &conffiles, error);
	if (r == 0)
		r = add_scripts(&control, entries, &pending, hasher, signer, hash, error);
	if (r == 0)
		r = add_payload(deb, &conffiles, entries, &pending, hasher, signer, hash, threads, error);
	pkgima_hasher_free(hasher);
	if (r == 0 && signer)
		r = pkgima_signer_wait(signer, error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < entries->count && signer; i++)
		entries->list[i].ima = *pending.values[i];
	pkgima_entries_sort(entries);
	return resolve_links(entries, &conffiles, &pending.links, error);
}

int pkgima_deb_sign(const struct pkgima_deb *deb, struct pkgima_signer *signer, enum pkgima_hash hash,
		    unsigned int threads, struct pkgima_output *output, size_t *ret_entries,
		    struct pkgima_error *error)
{
	cleanup_entries struct pkgima_entries entries = { 0 };
	int r;

	r = make_entries(deb, signer, hash, threads, &entries, error);
	if (r == 0)
		r = pkgima_deb_write(deb, &entries, output->fd, error);
	if (r < 0)
		return r;
	*ret_entries = entries.count;
	return 0;
}

int pkgima_deb_digests(const struct pkgima_deb *deb, enum pkgima_hash hash, unsigned int threads,
		       struct pkgima_entries *entries, struct pkgima_error *error)
{
	return make_entries(deb, NULL, hash, threads, entries, error);
}

bool pkgima_deb_has_openpgp(const struct pkgima_deb *deb)
{
	for (size_t i = 0; i < deb->count; i++)
		if (!strncmp(deb->members[i].name, "_gpg", 4))
			return true;
	return false;
}
