// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rpm/header.h>
#include <rpm/rpmdb.h>
#include <rpm/rpmts.h>

#include "beneath.h"
#include "escape.h"
#include "list.h"
#include "rpm_files.h"
#include "rpm_log.h"
#include "rpmdb_manifest.h"

/* Longest name of a package; a version, a release and an architecture have a part each. */
#define NAME_MAX_BYTES 1024

/* What is needed to know which files there are, and whether they could be signed. */
#define PATHS_ONLY (RPMFI_FLAGS_FILETRIGGER & ~(RPMFI_NOFILEMODES | RPMFI_NOFILEFLAGS | RPMFI_NOFILESTATES))
#define CONTENTS (RPMFI_FLAGS_QUERY | RPMFI_NOFILEUSER | RPMFI_NOFILEGROUP | RPMFI_NOFILECAPS | RPMFI_NOFILELINKTOS | \
		  RPMFI_NOFILEMTIMES | RPMFI_NOFILERDEVS | RPMFI_NOFILEINODES)

static void forget_packages(struct pkgima_rpmdb *rpmdb)
{
	for (size_t i = 0; i < rpmdb->count; i++) {
		struct pkgima_rpmdb_package *package = &rpmdb->packages[i];

		free(package->nevra);
		free(package->name);
		free(package->epoch);
		free(package->version);
		free(package->release);
		free(package->architecture);
	}
	rpmdb->count = rpmdb->file_count = 0;
}

void pkgima_rpmdb_free(struct pkgima_rpmdb *rpmdb)
{
	if (!rpmdb)
		return;
	forget_packages(rpmdb);
	free(rpmdb->packages);
	free(rpmdb->files);
	pkgima_close_cleanup(&rpmdb->manifests_fd);
	for (size_t i = 0; i < rpmdb->database_count; i++) {
		rpmtsFree(rpmdb->databases[i].ts);
		pkgima_close_cleanup(&rpmdb->databases[i].folder_fd);
		free(rpmdb->databases[i].path);
	}
	free(rpmdb);
}

/* FNV-1a; who makes paths collide gains that packages are looked at together. */
static uint32_t hash_text(const char *text)
{
	uint32_t hash = 2166136261U;

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619U;
	return hash;
}

/* Of the last component in the upper half, by which owners are found, of the whole path in the lower one. */
static uint64_t key_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return (uint64_t)hash_text(slash ? slash + 1 : path) << 32 | hash_text(path);
}

/* A tag's value as text, or "" where the header has none; NULL where it is unreasonably long, or without memory. */
static char *copy_string(Header header, rpmTagVal tag)
{
	char *text = headerGetAsString(header, tag);

	if (!text)
		return strdup("");
	if (strlen(text) > NAME_MAX_BYTES) {
		free(text);
		return NULL;
	}
	return text;
}

static bool is_there(rpmfiles files, int index)
{
	rpmfileState state = rpmfilesFState(files, index);

	return state != RPMFILE_STATE_NOTINSTALLED && state != RPMFILE_STATE_WRONGCOLOR;
}

static int add_files(struct pkgima_rpmdb *rpmdb, rpmfiles files, bool *ret_signable, struct pkgima_error *error)
{
	*ret_signable = false;
	for (int i = 0, count = (int)rpmfilesFC(files); i < count; i++) {
		cleanup_free char *path = NULL;
		void *list;

		if (S_ISDIR(rpmfilesFMode(files, i)) || !is_there(files, i))
			continue;
		*ret_signable |= pkgima_rpm_is_file(files, i);
		path = rpmfilesFN(files, i);
		list = path ? pkgima_list_room(rpmdb->files, rpmdb->file_count, &rpmdb->file_capacity, sizeof(*rpmdb->files)) : NULL;
		if (!list)
			return pkgima_fail(error, -ENOMEM, "no memory for the files of rpm's database");
		rpmdb->files = list;
		rpmdb->files[rpmdb->file_count].key = key_of(path);
		rpmdb->files[rpmdb->file_count++].package = rpmdb->count - 1;
	}
	return 0;
}

static int add_package(struct pkgima_rpmdb *rpmdb, size_t database, Header header, struct pkgima_error *error)
{
	struct pkgima_rpmdb_package *package, *list;
	bool signable;
	rpmfiles files;
	int r;

	list = pkgima_list_room(rpmdb->packages, rpmdb->count, &rpmdb->capacity, sizeof(*list));
	if (!list)
		return pkgima_fail(error, -ENOMEM, "no memory for the packages of rpm's database");
	rpmdb->packages = list;
	package = &rpmdb->packages[rpmdb->count++];
	*package = (struct pkgima_rpmdb_package){
		.database = database,
		.record = headerGetInstance(header),
		.nevra = copy_string(header, RPMTAG_NEVRA),
		.name = copy_string(header, RPMTAG_NAME),
		.epoch = copy_string(header, RPMTAG_EPOCH),
		.version = copy_string(header, RPMTAG_VERSION),
		.release = copy_string(header, RPMTAG_RELEASE),
		.architecture = copy_string(header, RPMTAG_ARCH),
		.size = headerSizeof(header, HEADER_MAGIC_NO),
		.group = rpmdb->count - 1,
	};
	if (!package->nevra || !package->name || !package->epoch || !package->version || !package->release ||
	    !package->architecture || !*package->name || !*package->nevra)
		return pkgima_fail(error, -EBADMSG, "header %u has no usable name", package->record);
	files = rpmfilesNew(NULL, header, RPMTAG_BASENAMES, PATHS_ONLY);
	if (!files)
		return pkgima_fail(error, -EBADMSG, "the list of files in header %u is malformed", package->record);
	r = add_files(rpmdb, files, &signable, error);
	rpmfilesFree(files);
	if (r == 0)
		r = pkgima_rpmdb_find_manifest(rpmdb, header, &package->has_manifest, error);
	package->is_signed = !signable || package->has_manifest || headerIsEntry(header, RPMTAG_FILESIGNATURES);
	return r;
}

static int compare_files(const void *left, const void *right)
{
	const struct pkgima_rpmdb_file *l = left, *r = right;

	if (l->key != r->key)
		return l->key < r->key ? -1 : 1;
	return l->package < r->package ? -1 : l->package > r->package;
}

static size_t leader(struct pkgima_rpmdb_package *packages, size_t index)
{
	while (packages[index].group != index) {
		packages[index].group = packages[packages[index].group].group;
		index = packages[index].group;
	}
	return index;
}

/* Packages with a file in common come into one group, named by its first. */
static void make_groups(struct pkgima_rpmdb *rpmdb)
{
	for (size_t i = 1; i < rpmdb->file_count; i++) {
		size_t left, right;

		if (rpmdb->files[i - 1].key != rpmdb->files[i].key)
			continue;
		left = leader(rpmdb->packages, rpmdb->files[i - 1].package);
		right = leader(rpmdb->packages, rpmdb->files[i].package);
		if (left < right)
			rpmdb->packages[right].group = left;
		else
			rpmdb->packages[left].group = right;
	}
	for (size_t i = 0; i < rpmdb->count; i++)
		rpmdb->packages[i].group = leader(rpmdb->packages, i);
}

static int read_database(struct pkgima_rpmdb *rpmdb, size_t index, struct pkgima_error *error)
{
	struct pkgima_rpmdb_database *database = &rpmdb->databases[index];
	rpmdbMatchIterator iterator;
	struct pkgima_rpm_log log;
	char safe[256];
	Header header;
	int r = 0;

	pkgima_printable_into(database->path, safe, sizeof(safe));
	pkgima_rpm_log_begin(&log);
	iterator = rpmtsInitIterator(database->ts, RPMDBI_PACKAGES, NULL, 0);
	while (r == 0 && (header = rpmdbNextIterator(iterator)))
		r = add_package(rpmdb, index, header, error);
	rpmdbFreeIterator(iterator);
	pkgima_rpm_log_end();
	if (r < 0)
		return pkgima_fail_within(error, r, "rpm's database %s", safe);
	/* Then there may be more packages than those that were seen. */
	if (log.text[0])
		return pkgima_rpm_fail(&log, error, -EBADMSG, "rpm's database %s is damaged", safe);
	return 0;
}

int pkgima_rpmdb_packages(struct pkgima_rpmdb *rpmdb, struct pkgima_error *error)
{
	int r = 0;

	if (rpmdb->is_read)
		return 0;
	for (size_t i = 0; i < rpmdb->database_count && r == 0; i++)
		r = read_database(rpmdb, i, error);
	if (r < 0) {
		forget_packages(rpmdb);
		return r;
	}
	if (rpmdb->file_count)
		qsort(rpmdb->files, rpmdb->file_count, sizeof(*rpmdb->files), compare_files);
	make_groups(rpmdb);
	rpmdb->is_read = true;
	return 0;
}

/* NULL where it cannot be read; to be released. The log is begun. */
static Header read_header(struct pkgima_rpmdb *rpmdb, size_t index)
{
	const struct pkgima_rpmdb_package *package = &rpmdb->packages[index];
	rpmdbMatchIterator iterator;
	Header header;

	iterator = rpmtsInitIterator(rpmdb->databases[package->database].ts, RPMDBI_PACKAGES, &package->record,
				     sizeof(package->record));
	header = headerLink(rpmdbNextIterator(iterator));
	rpmdbFreeIterator(iterator);
	return header;
}

int pkgima_rpmdb_header(struct pkgima_rpmdb *rpmdb, size_t index, Header *ret_header, struct pkgima_error *error)
{
	struct pkgima_rpm_log log;
	Header header;

	pkgima_rpm_log_begin(&log);
	header = read_header(rpmdb, index);
	pkgima_rpm_log_end();
	if (!header)
		return pkgima_rpm_fail(&log, error, -EBADMSG, "its header cannot be read");
	*ret_header = header;
	return 0;
}

/* The files of a package; to be released, as the header. The log is begun. */
static rpmfiles read_files(struct pkgima_rpmdb *rpmdb, size_t index, rpmfiFlags flags, Header *ret_header)
{
	*ret_header = read_header(rpmdb, index);
	return *ret_header ? rpmfilesNew(NULL, *ret_header, RPMTAG_BASENAMES, flags) : NULL;
}

int pkgima_rpmdb_read_header(struct pkgima_rpmdb *rpmdb, size_t index, struct pkgima_entries *entries,
			     char identity[PKGIMA_RPMDB_IDENTITY], struct pkgima_error *error)
{
	struct pkgima_rpm_log log;
	bool is_signed;
	Header header;
	rpmfiles files;
	int r = 0;

	pkgima_rpm_log_begin(&log);
	files = read_files(rpmdb, index, CONTENTS, &header);
	if (!files)
		r = pkgima_rpm_fail(&log, error, -EBADMSG, "its header cannot be read");
	if (r == 0)
		r = pkgima_rpm_check_signatures(header, files, &is_signed, error);
	if (r == 0)
		r = pkgima_rpm_entries(files, entries, NULL, error);
	if (r == 0)
		pkgima_entries_sort(entries);
	if (r == 0 && identity)
		r = pkgima_rpmdb_identify(header, identity, error);
	rpmfilesFree(files);
	headerFree(header);
	pkgima_rpm_log_end();
	return r;
}

int pkgima_rpmdb_read(struct pkgima_rpmdb *rpmdb, size_t index, struct pkgima_entries *entries,
		      struct pkgima_error *error)
{
	const struct pkgima_rpmdb_package *package = &rpmdb->packages[index];
	char identity[PKGIMA_RPMDB_IDENTITY];
	int r = pkgima_rpmdb_read_header(rpmdb, index, entries, package->has_manifest ? identity : NULL, error);

	return r < 0 || !package->has_manifest ? r : pkgima_rpmdb_use_manifest(rpmdb, identity, entries, error);
}

/* Does this package own it? @st is the file's, NULL: there is none. */
static int package_owns(struct pkgima_rpmdb *rpmdb, size_t index, const char *path, const struct stat *st, bool *ret_owned,
			struct pkgima_error *error)
{
	const char *name = strrchr(path, '/') + 1;
	struct pkgima_rpm_log log;
	Header header;
	rpmfiles files;

	pkgima_rpm_log_begin(&log);
	files = read_files(rpmdb, index, PATHS_ONLY, &header);
	for (int i = 0, count = (int)rpmfilesFC(files); i < count && !*ret_owned; i++) {
		cleanup_free char *own = NULL;

		if (strcmp(rpmfilesBN(files, i), name) != 0 || !is_there(files, i))
			continue;
		own = rpmfilesFN(files, i);
		*ret_owned = !strcmp(own, path) || (st && pkgima_beneath_leads_to(rpmdb->root_fd, own, false, st));
	}
	pkgima_rpm_log_end();
	headerFree(header);
	if (!files)
		return pkgima_rpm_fail(&log, error, -EBADMSG, "a header of rpm's database cannot be read");
	rpmfilesFree(files);
	return 0;
}

int pkgima_rpmdb_owns(struct pkgima_rpmdb *rpmdb, const char *path, bool *ret_owned, struct pkgima_error *error)
{
	uint32_t name = (uint32_t)(key_of(path) >> 32);
	size_t first = 0, end;
	bool owned = false;
	struct stat st;
	bool exists;
	int r;

	r = pkgima_rpmdb_packages(rpmdb, error);
	if (r < 0)
		return r;
	exists = pkgima_beneath_stat(rpmdb->root_fd, path, false, &st) == 0;
	for (end = rpmdb->file_count; first < end; ) {
		size_t middle = first + (end - first) / 2;

		if (rpmdb->files[middle].key >> 32 < name)
			first = middle + 1;
		else
			end = middle;
	}
	for (; r == 0 && !owned && first < rpmdb->file_count && rpmdb->files[first].key >> 32 == name; first++)
		r = package_owns(rpmdb, rpmdb->files[first].package, path, exists ? &st : NULL, &owned, error);
	if (r == 0)
		*ret_owned = owned;
	return r;
}
