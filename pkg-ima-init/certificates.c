// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificates of a folder into a keyring. The kernel reads and judges them; here they are bytes. */
#include "init.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/beneath.h"
#include "../lib/escape.h"
#include "../lib/list.h"

/* As the trust store has it (lib/trust.h). */
#define CERTIFICATES_MAX 1024
/* Names that are looked at, those of other files included. */
#define NAMES_MAX 65536
/* The largest X.509 certificates with keys that kernels know have some 3 KiB. */
#define CERTIFICATE_MAX ((size_t)64 * 1024)

struct names {
	char (*list)[NAME_MAX + 1];   /* owned */
	size_t count, capacity;
	bool more;                    /* than can be looked at */
	bool longer;                  /* there are longer ones, which some file systems have (vfat, FUSE) */
};

static void free_names(struct names *names)
{
	free(names->list);
}
#define cleanup_names __attribute__((cleanup(free_names)))

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int add(struct names *names, const char *name, size_t length)
{
	void *room;

	if (length > NAME_MAX) {
		names->longer = true;
		return 0;
	}
	room = pkgima_list_room(names->list, names->count, &names->capacity, sizeof(names->list[0]));
	if (!room)
		return -ENOMEM;
	names->list = room;
	memcpy(names->list[names->count++], name, length + 1);
	return 0;
}

/*
 * In the order of their bytes, as the trust store has them; hidden ones are passed over. Takes @fd over. After a failure
 * @names has those that were read before.
 */
static int list(int fd, struct names *names)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;
	size_t seen = 0;
	int r = 0;

	if (!folder) {
		r = -errno;
		close(fd);
		return r;
	}
	while (r == 0 && !names->more && (errno = 0, entry = readdir(folder))) {
		size_t length = strlen(entry->d_name);
		bool is_one = entry->d_name[0] != '.' && length > 4 && !strcmp(entry->d_name + length - 4, ".der");

		names->more = ++seen > NAMES_MAX || (is_one && names->count == CERTIFICATES_MAX);
		if (is_one && !names->more)
			r = add(names, entry->d_name, length);
	}
	if (r == 0 && !names->more)
		r = -errno;
	closedir(folder);
	if (names->count > 0)
		qsort(names->list, names->count, sizeof(names->list[0]), compare_names);
	return r;
}

static const char *reason_of(int code)
{
	switch (code) {
	case ENOKEY:
		return "no CA certificate of the kernel's has issued it";
	case EKEYREJECTED:
		return "its signature does not verify, or the kernel has blocked its key, or does not take its key usage";
	case ENOPKG:
		return "this kernel lacks an algorithm that it uses";
	case EBADMSG:
		return "the kernel cannot parse it";
	case EPERM:
		return "the kernel does not let the keyring be changed";
	default:
		return strerror(code);
	}
}

static bool load_one(const struct init *init, int fd, const char *folder, const char *name, key_serial_t ring,
		     enum failure failure)
{
	cleanup_free uint8_t *der = NULL;
	char path[512], safe[600];
	struct pkgima_error error;
	size_t length;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return false;
	pkgima_printable_into(path, safe, sizeof(safe));
	if (small_file_read(fd, path, CERTIFICATE_MAX, &der, &length, &error) < 0) {
		report_failure(init, failure, "%s", error.text);
		return false;
	}
	if (key_add("asymmetric", NULL, der, length, ring) < 0) {
		report_failure(init, failure, "%s: %s", safe, reason_of(errno));
		return false;
	}
	report_say(false, "%s: loaded", safe);
	return true;
}

size_t certificates_load(const struct init *init, int fd, const char *folder, key_serial_t ring, enum failure failure)
{
	cleanup_names struct names names = { 0 };
	int r = pkgima_beneath_open_folder(fd, folder);
	size_t loaded = 0;

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = list(r, &names);
	if (r < 0)
		report_failure(init, failure, "%s: %s", folder, strerror(-r));
	for (size_t i = 0; i < names.count; i++)
		loaded += load_one(init, fd, folder, names.list[i], ring, failure);
	if (names.more)
		report_failure(init, failure, "%s has more than %d, or more than %d names", folder, CERTIFICATES_MAX, NAMES_MAX);
	if (names.longer)
		report_failure(init, failure, "%s: names of more than %d bytes", folder, NAME_MAX);
	return loaded;
}
