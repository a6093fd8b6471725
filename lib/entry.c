// SPDX-License-Identifier: LGPL-2.1-or-later
#include "entry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE ((size_t)64 * 1024)

struct pkgima_chunk {
	struct pkgima_chunk *next;
	size_t used, size;
	uint8_t bytes[];
};

void pkgima_entries_free(struct pkgima_entries *entries)
{
	while (entries->chunks) {
		struct pkgima_chunk *next = entries->chunks->next;

		free(entries->chunks);
		entries->chunks = next;
	}
	free(entries->list);
	memset(entries, 0, sizeof(*entries));
}

struct pkgima_entry *pkgima_entries_add(struct pkgima_entries *entries)
{
	struct pkgima_entry *entry;

	if (entries->count >= PKGIMA_ENTRIES_MAX)
		return NULL;
	if (entries->count == entries->capacity) {
		size_t capacity = entries->capacity ? entries->capacity + entries->capacity / 2 : 64;
		struct pkgima_entry *list = reallocarray(entries->list, capacity, sizeof(*list));

		if (!list)
			return NULL;
		entries->list = list;
		entries->capacity = capacity;
	}
	entry = &entries->list[entries->count++];
	memset(entry, 0, sizeof(*entry));
	return entry;
}

void *pkgima_entries_keep(struct pkgima_entries *entries, const void *bytes, size_t length)
{
	struct pkgima_chunk *chunk = entries->chunks;
	uint8_t *copy;

	if (!chunk || chunk->size - chunk->used < length + 1) {
		size_t size = length + 1 > CHUNK_SIZE ? length + 1 : CHUNK_SIZE;

		chunk = malloc(sizeof(*chunk) + size);
		if (!chunk)
			return NULL;
		chunk->used = 0;
		chunk->size = size;
		chunk->next = entries->chunks;
		entries->chunks = chunk;
	}
	copy = chunk->bytes + chunk->used;
	if (length)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	chunk->used += length + 1;
	return copy;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(((const struct pkgima_entry *)left)->path, ((const struct pkgima_entry *)right)->path);
}

void pkgima_entries_sort(struct pkgima_entries *entries)
{
	if (entries->count > 1)
		qsort(entries->list, entries->count, sizeof(*entries->list), compare_paths);
}

struct pkgima_entry *pkgima_entries_find(const struct pkgima_entries *entries, const char *path)
{
	struct pkgima_entry key = { .path = path };

	if (!entries->count)
		return NULL;
	return bsearch(&key, entries->list, entries->count, sizeof(*entries->list), compare_paths);
}

bool pkgima_path_is_normal(const char *path)
{
	size_t length = strlen(path);

	if (length < 2 || length > PKGIMA_PATH_MAX || path[0] != '/')
		return false;
	for (const char *slash = path; slash; ) {
		const char *name = slash + 1;
		size_t size;

		slash = strchr(name, '/');
		size = slash ? (size_t)(slash - name) : strlen(name);
		if (size == 0 || (size == 1 && name[0] == '.') || (size == 2 && name[0] == '.' && name[1] == '.'))
			return false;
	}
	return true;
}

bool pkgima_script_is_known(const char *name)
{
	static const char *const scripts[] = { "preinst", "postinst", "prerm", "postrm", "config" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (!strcmp(name, scripts[i]))
			return true;
	return false;
}

int pkgima_path_from_tar(const char *name, char *output)
{
	size_t length;

	while (name[0] == '.' && name[1] == '/') {
		name++;
		while (name[0] == '/' && name[1] == '/')
			name++;
		if (name[1] != '.' || name[2] != '/')
			break;
		name++;
	}
	if (name[0] == '/')
		name++;
	length = strlen(name);
	while (length && name[length - 1] == '/')
		length--;
	if (length == 0 || (length == 1 && name[0] == '.')) {
		output[0] = '\0';
		return 0;
	}
	if (length + 1 > PKGIMA_PATH_MAX)
		return -ENAMETOOLONG;
	output[0] = '/';
	memcpy(output + 1, name, length);
	output[length + 1] = '\0';
	return pkgima_path_is_normal(output) ? 0 : -EINVAL;
}
