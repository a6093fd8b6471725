// SPDX-License-Identifier: LGPL-2.1-or-later
#include "trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "beneath.h"
#include "escape.h"
#include "io.h"

/* Names of a folder's files. */
struct names {
	char **list;
	size_t count;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}
#define cleanup_names PKGIMA_CLEANUP(names_release)

static inline void folder_close(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}
#define cleanup_folder PKGIMA_CLEANUP(folder_close)

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), tail = strlen(end);

	return length > tail && strcmp(name + length - tail, end) == 0;
}

static bool is_der(const char *name)
{
	return ends_with(name, ".der");
}

static bool is_certificate_name(const char *name)
{
	return is_der(name) || ends_with(name, ".pem") || ends_with(name, ".crt");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int names_add(struct names *names, const char *name)
{
	if (!names->list)
		names->list = calloc(PKGIMA_TRUST_MAX, sizeof(*names->list));
	if (!names->list)
		return -ENOMEM;
	if (names->count == PKGIMA_TRUST_MAX)
		return -E2BIG;
	names->list[names->count] = strdup(name);
	if (!names->list[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

/* Takes @fd over. Names in the order of their bytes; hidden ones are passed over, as the shell's *.der does. */
static int list_folder(int fd, bool (*wanted)(const char *name), struct names *ret_names)
{
	cleanup_names struct names names = { 0 };
	cleanup_folder DIR *folder = fdopendir(fd);
	struct dirent *entry;
	int r;

	if (!folder) {
		r = -errno;
		close(fd);
		return r;
	}
	while (errno = 0, (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || !wanted(entry->d_name))
			continue;
		r = names_add(&names, entry->d_name);
		if (r < 0)
			return r;
	}
	if (errno)
		return -errno;
	if (names.count)
		qsort(names.list, names.count, sizeof(*names.list), compare_names);
	*ret_names = names;
	names = (struct names){ 0 };
	return 0;
}

static int list_failed(int code, const char *folder, struct pkgima_error *error)
{
	if (code == -E2BIG)
		return pkgima_fail(error, code, "%s: more than %d certificates", folder, PKGIMA_TRUST_MAX);
	return pkgima_fail(error, code, "cannot read folder %s: %s", folder, strerror(-code));
}

static void item_release(struct pkgima_trust_item *item)
{
	pkgima_certificate_free(item->certificate);
	free(item->source);
	free(item->problem);
	free(item->warning);
}
#define cleanup_item PKGIMA_CLEANUP(item_release)

struct pkgima_trust *pkgima_trust_new(void)
{
	return calloc(1, sizeof(struct pkgima_trust));
}

static void trust_cut(struct pkgima_trust *trust, size_t count)
{
	while (trust->count > count)
		item_release(&trust->items[--trust->count]);
}

void pkgima_trust_free(struct pkgima_trust *trust)
{
	if (!trust)
		return;
	trust_cut(trust, 0);
	free(trust->items);
	pkgima_retired_free(&trust->retired);
	free(trust);
}

/* Takes what @item owns over. */
static int trust_append(struct pkgima_trust *trust, struct pkgima_trust_item *item)
{
	struct pkgima_trust_item *items = reallocarray(trust->items, trust->count + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	trust->items = items;
	items[trust->count++] = *item;
	*item = (struct pkgima_trust_item){ 0 };
	return 0;
}

static int set_text(char **text, const char *value)
{
	*text = strdup(value);
	return *text ? 0 : -ENOMEM;
}

/* Reads and parses @path; what is wrong with the file becomes the item's problem, only lack of memory is an error. */
static int read_item(int root_fd, const char *path, struct pkgima_trust_item *item)
{
	cleanup_free uint8_t *data = NULL;
	cleanup_close int fd = -1;
	struct pkgima_error error = { "" };
	const char *text = error.text;
	size_t length, source;
	int r;

	fd = pkgima_beneath_open_file(root_fd, path, NULL);
	if (fd == -EINVAL)
		return set_text(&item->problem, "no regular file");
	if (fd < 0)
		return set_text(&item->problem, strerror(-fd));
	r = pkgima_read_file(fd, item->source, PKGIMA_CERTIFICATE_MAX, &data, &length, &error);
	if (r == 0)
		r = pkgima_certificate_parse(data, length, path, &item->certificate, &error);
	if (r == 0 || r == -ENOMEM)
		return r;
	/* The item has its source already. */
	source = strlen(item->source);
	if (strncmp(text, item->source, source) == 0 && strncmp(text + source, ": ", 2) == 0)
		text += source + 2;
	return set_text(&item->problem, text);
}

static bool issued_by_any(const struct pkgima_trust *trust, const struct pkgima_certificate *certificate)
{
	for (size_t i = 0; i < trust->count; i++) {
		const struct pkgima_trust_item *item = &trust->items[i];

		if (item->ca && !item->problem && pkgima_certificate_issued_by(certificate, item->certificate))
			return true;
	}
	return false;
}

static bool counts(const struct pkgima_trust_item *item)
{
	return !item->problem && !item->ca;
}

static int add_warning(struct pkgima_trust_item *item, const char *source)
{
	char *warning;

	if (asprintf(&warning, "%s%sits key id is that of %s too", item->warning ? item->warning : "",
		     item->warning ? ", " : "", source) < 0)
		return -ENOMEM;
	free(item->warning);
	item->warning = warning;
	return 0;
}

/* Key ids are short enough to be made alike. Of the items from @first on, those whose id an earlier one has get a warning. */
static int warn_of_shared_ids(struct pkgima_trust *trust, size_t first, struct pkgima_error *error)
{
	for (size_t i = first; i < trust->count; i++) {
		struct pkgima_trust_item *item = &trust->items[i];

		for (size_t k = 0; k < i && counts(item); k++) {
			const struct pkgima_trust_item *other = &trust->items[k];

			if (!counts(other) || other->certificate->key_id != item->certificate->key_id ||
			    !strcmp(other->certificate->fingerprint, item->certificate->fingerprint))
				continue;
			if (add_warning(item, other->source) < 0)
				return pkgima_fail(error, -ENOMEM, "no memory for the trust store");
			break;
		}
	}
	return 0;
}

static bool is_retired(const struct pkgima_retired *retired, const struct pkgima_certificate *certificate)
{
	char skid[PKGIMA_SKID_TEXT];

	return retired->count && pkgima_certificate_skid(certificate, skid) && pkgima_retired_has(retired, skid);
}

struct load {
	struct pkgima_trust *trust;
	int root_fd;
	bool (*owned_by_package)(void *context, const char *path);
	void *context;
	time_t now;
};

/* NULL when the certificate counts. */
static const char *item_problem(const struct load *load, struct pkgima_trust_item *item)
{
	const char *problem;

	if (item->ca) {
		if (item->owned)
			return "it belongs to a package: a CA certificate has to be the administrator's";
		return pkgima_certificate_ca_problem(item->certificate);
	}
	item->retired = is_retired(&load->trust->retired, item->certificate);
	if (item->retired)
		return "its key is retired: " PKGIMA_RETIRED_FILE;
	problem = pkgima_certificate_leaf_problem(item->certificate);
	if (!problem && load->trust->has_ca && !issued_by_any(load->trust, item->certificate))
		problem = "not issued by a CA certificate in " PKGIMA_TRUST_CA_FOLDER " that counts";
	return problem;
}

static int load_item(const struct load *load, const char *path, bool ca)
{
	cleanup_item struct pkgima_trust_item item = { .ca = ca, .source = pkgima_printable(path) };
	const char *problem, *warning;
	int r;

	if (!item.source)
		return -ENOMEM;
	item.owned = ca && load->owned_by_package && load->owned_by_package(load->context, path);
	r = read_item(load->root_fd, path, &item);
	if (r < 0)
		return r;
	if (item.certificate) {
		problem = item_problem(load, &item);
		warning = pkgima_certificate_validity_problem(item.certificate, load->now);
		if ((problem && set_text(&item.problem, problem) < 0) ||
		    (warning && set_text(&item.warning, warning) < 0))
			return -ENOMEM;
	}
	return trust_append(load->trust, &item);
}

/* It closes the store: with an empty one in its place, every certificate would count. */
static int add_broken_folder(const struct load *load, const char *folder)
{
	cleanup_item struct pkgima_trust_item item = { .ca = true, .source = strdup(folder) };

	if (!item.source || set_text(&item.problem, "it is reached through a symbolic link: not followed") < 0)
		return -ENOMEM;
	return trust_append(load->trust, &item);
}

static int load_folder(const struct load *load, const char *folder, bool ca, struct pkgima_error *error)
{
	cleanup_names struct names names = { 0 };
	int fd, r;

	/* A CA certificate is the administrator's by its path: no symbolic link may lead to what a package has brought. */
	fd = ca ? pkgima_beneath_open_real_folder(load->root_fd, folder) :
		  pkgima_beneath_open_folder(load->root_fd, folder);
	if (fd == -ENOENT)
		return 0;
	if (fd == -ELOOP && ca)
		return add_broken_folder(load, folder);
	r = fd < 0 ? fd : list_folder(fd, is_der, &names);
	if (r < 0)
		return list_failed(r, folder, error);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = NULL;

		if (asprintf(&path, "%s/%s", folder, names.list[i]) < 0) {
			path = NULL;
			r = -ENOMEM;
		} else {
			r = load_item(load, path, ca);
		}
		if (r < 0)
			return pkgima_fail(error, r, "cannot load the certificates in %s: %s", folder, strerror(-r));
	}
	return 0;
}

int pkgima_trust_load(struct pkgima_trust *trust, int root_fd,
		      bool (*owned_by_package)(void *context, const char *path), void *context,
		      struct pkgima_error *error)
{
	struct load load = {
		.trust = trust,
		.root_fd = root_fd,
		.owned_by_package = owned_by_package,
		.context = context,
		.now = time(NULL),
	};
	int r;

	pkgima_retired_free(&trust->retired);
	r = pkgima_retired_load(root_fd, NULL, NULL, &trust->retired, error);
	if (r < 0)
		return r;
	r = load_folder(&load, PKGIMA_TRUST_CA_FOLDER, true, error);
	if (r < 0)
		return r;
	/* A package's too: it may stand where the administrator's stood. */
	for (size_t i = 0; i < trust->count; i++)
		if (trust->items[i].ca)
			trust->has_ca = true;
	r = load_folder(&load, PKGIMA_TRUST_FOLDER, false, error);
	if (r == 0)
		r = warn_of_shared_ids(trust, 0, error);
	return r;
}

int pkgima_trust_load_waiting(struct pkgima_trust *waiting, int root_fd, struct pkgima_error *error)
{
	struct load load = { .trust = waiting, .root_fd = root_fd, .now = time(NULL) };

	return load_folder(&load, PKGIMA_TRUST_WAITING_FOLDER, true, error);
}

static int write_ca(const struct pkgima_certificate *ca, int folder, const char *name, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	int r;

	r = pkgima_output_open_at(folder, name, 0644, &output, error);
	if (r < 0)
		return r;
	r = pkgima_write_all(output.fd, ca->der, ca->der_length);
	if (r < 0)
		return pkgima_fail(error, r, "cannot write %s: %s", name, strerror(-r));
	/* Whatever has its name is no good: it was looked for by its content before. */
	return pkgima_output_commit(&output, true, error);
}

int pkgima_trust_confirm(const struct pkgima_certificate *ca, int root_fd,
			 bool (*owned_by_package)(void *context, const char *path), void *context, char **ret_path,
			 struct pkgima_error *error)
{
	const char *problem = pkgima_certificate_ca_problem(ca);
	cleanup_free char *path = NULL;
	cleanup_close int folder = -1;
	int r;

	if (problem)
		return pkgima_fail(error, -EINVAL, "%s: %s", ca->source, problem);
	/* Names in packages are theirs to choose; this one is as long as is needed to tell two certificates apart. */
	if (asprintf(&path, "%s/%.32s.der", PKGIMA_TRUST_CA_FOLDER, ca->fingerprint) < 0) {
		path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	}
	if (owned_by_package && owned_by_package(context, path))
		return pkgima_fail(error, -EPERM, "%s belongs to a package: a CA certificate of that name would count "
				   "for nothing", path);
	folder = pkgima_beneath_make_real_folder(root_fd, PKGIMA_TRUST_CA_FOLDER);
	if (folder < 0)
		return pkgima_fail(error, folder, "cannot open or make the folder %s: %s", PKGIMA_TRUST_CA_FOLDER,
				   folder == -ELOOP ? "it is reached through a symbolic link" : strerror(-folder));
	r = write_ca(ca, folder, strrchr(path, '/') + 1, error);
	if (r == 0)
		*ret_path = pkgima_steal_pointer(&path);
	return r;
}

static int add_file(struct pkgima_trust *trust, const char *path, time_t now, struct pkgima_error *error)
{
	cleanup_item struct pkgima_trust_item item = { .source = pkgima_printable(path) };
	const char *problem, *warning;
	int r;

	if (!item.source)
		return pkgima_fail(error, -ENOMEM, "no memory for a certificate");
	r = pkgima_certificate_load(path, &item.certificate, error);
	if (r < 0)
		return r;
	problem = pkgima_certificate_leaf_problem(item.certificate);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s: %s", item.source, problem);
	warning = pkgima_certificate_validity_problem(item.certificate, now);
	if ((warning && set_text(&item.warning, warning) < 0) || trust_append(trust, &item) < 0)
		return pkgima_fail(error, -ENOMEM, "no memory for a certificate");
	return 0;
}

static int add_folder(struct pkgima_trust *trust, const char *path, int fd, time_t now, struct pkgima_error *error)
{
	cleanup_names struct names names = { 0 };
	size_t before = trust->count;
	char printable[256];
	int r;

	r = list_folder(fd, is_certificate_name, &names);
	if (r < 0)
		return list_failed(r, pkgima_printable_into(path, printable, sizeof(printable)), error);
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *file = NULL;

		if (asprintf(&file, "%s/%s", path, names.list[i]) < 0) {
			file = NULL;
			r = pkgima_fail(error, -ENOMEM, "no memory for a certificate");
		} else {
			r = add_file(trust, file, now, error);
		}
		if (r < 0) {
			trust_cut(trust, before);
			return r;
		}
	}
	return 0;
}

int pkgima_trust_add(struct pkgima_trust *trust, const char *path, struct pkgima_error *error)
{
	char printable[256];
	size_t before = trust->count;
	int fd, r;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno != ENOTDIR)
		return pkgima_fail_errno(error, "cannot open %s",
					 pkgima_printable_into(path, printable, sizeof(printable)));
	r = fd >= 0 ? add_folder(trust, path, fd, time(NULL), error) : add_file(trust, path, time(NULL), error);
	return r < 0 ? r : warn_of_shared_ids(trust, before, error);
}

const struct pkgima_certificate *pkgima_trust_find(const struct pkgima_trust *trust, uint32_t key_id, size_t *position)
{
	while (*position < trust->count) {
		const struct pkgima_trust_item *item = &trust->items[(*position)++];

		if (!item->problem && !item->ca && item->certificate->key_id == key_id)
			return item->certificate;
	}
	return NULL;
}
