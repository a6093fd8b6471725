// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mkinit.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../beneath.h"
#include "../control.h"
#include "../escape.h"
#include "../io.h"

#define TEMPLATE "ima-init"
#define STATUS_MAX ((size_t)256 * 1024 * 1024)
#define LIST_MAX ((size_t)1024 * 1024)
#define FILE_MAX ((size_t)64 * 1024 * 1024)
/* The site's package is to be newer than any that a distribution may have. */
#define EPOCH "1:"
#define SUFFIX "+site"

/* What the site brings itself: the template's own is left out. A final slash: all below. */
static const char *const replaced[] = { "/etc/keys/", "/usr/share/ima-init/ca/", PKGIMA_MKINIT_POLICY,
					PKGIMA_MKINIT_POLICY_SIGNATURE };

/* Control files that are taken over as they are. */
static const struct {
	const char *name;
	mode_t mode;
} control_files[] = {
	{ "preinst", 0755 }, { "postinst", 0755 }, { "prerm", 0755 }, { "postrm", 0755 }, { "config", 0755 },
	{ "templates", 0644 }, { "triggers", 0644 },
};

/* Fields that speak of the package as it is installed, or are written anew. */
static const char *const dropped_fields[] = { "Status:", "Version:", "Conffiles:", "Config-Version:", "Installed-Size:",
					      "Source:", "Triggers-Pending:", "Triggers-Awaited:" };

void pkgima_mkinit_tree_free(struct pkgima_mkinit_tree *tree)
{
	if (tree->folder)
		pkgima_close_cleanup(&tree->fd);
	free(tree->folder);
	free(tree->version);
	free(tree->architecture);
	free(tree->summary);
	pkgima_entries_free(&tree->files);
	*tree = (struct pkgima_mkinit_tree){ .fd = -1 };
}

bool pkgima_mkinit_name_is_good(const char *name)
{
	size_t length = strlen(name);

	return length >= 1 && length <= 64 && name[0] != '+' && name[0] != '-' && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == length;
}

int pkgima_mkinit_check(const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	const char *problem = pkgima_certificate_ca_problem(mkinit->ca);

	if (problem)
		return pkgima_fail(error, -EINVAL, "%s: %s", mkinit->ca->source, problem);
	for (size_t i = 0; i < mkinit->certificate_count; i++) {
		const struct pkgima_certificate *certificate = mkinit->certificates[i];

		problem = pkgima_certificate_leaf_problem(certificate);
		if (!problem && !pkgima_certificate_issued_by(certificate, mkinit->ca))
			problem = "it was not issued by the CA";
		if (problem)
			return pkgima_fail(error, -EINVAL, "%s: %s", certificate->source, problem);
	}
	return 0;
}

static bool is_replaced(const char *path)
{
	for (size_t i = 0; i < sizeof(replaced) / sizeof(replaced[0]); i++) {
		size_t length = strlen(replaced[i]);

		if (replaced[i][length - 1] == '/' ? !strncmp(path, replaced[i], length) : !strcmp(path, replaced[i]))
			return true;
	}
	return false;
}

/* Opens the folder in the tree that @path is to be in, making it, and gives the name in it. */
static int open_place(const struct pkgima_mkinit_tree *tree, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char folder[PKGIMA_PATH_MAX + 1];
	size_t length = (size_t)(slash - path);

	if (length >= sizeof(folder))
		return -ENAMETOOLONG;
	memcpy(folder, path, length);
	folder[length] = '\0';
	*ret_name = slash + 1;
	return pkgima_beneath_make_real_folder(tree->fd, length ? folder : "/");
}

static int note_file(struct pkgima_mkinit_tree *tree, const char *path, mode_t mode)
{
	struct pkgima_entry *entry;

	if (!strncmp(path, "/DEBIAN/", 8))
		return 0;
	entry = pkgima_entries_add(&tree->files);
	if (entry)
		entry->path = pkgima_entries_keep(&tree->files, path, strlen(path));
	if (!entry || !entry->path)
		return -ENOMEM;
	entry->mode = mode;
	return 0;
}

static int put(struct pkgima_mkinit_tree *tree, const char *path, const void *content, size_t length, mode_t mode,
	       struct pkgima_error *error)
{
	cleanup_close int folder = -1, fd = -1;
	const char *name;
	char safe[256];
	int r;

	folder = open_place(tree, path, &name);
	r = folder < 0 ? folder : 0;
	if (r == 0) {
		fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		r = fd < 0 ? -errno : pkgima_write_all(fd, content, length);
	}
	if (r == 0 && fchmod(fd, mode & 07777) < 0)
		r = -errno;
	if (r == 0)
		r = note_file(tree, path, S_IFREG | (mode & 07777));
	return r < 0 ? pkgima_fail(error, r, "cannot make %s: %s", pkgima_printable_into(path, safe, sizeof(safe)),
				   strerror(-r)) : 0;
}

static int put_link(struct pkgima_mkinit_tree *tree, int root_fd, const char *path, struct pkgima_error *error)
{
	cleanup_close int from = -1, folder = -1;
	const char *source, *name;
	char target[PATH_MAX], safe[256];
	ssize_t length = -1;
	int r;

	from = pkgima_beneath_open_parent(root_fd, path, &source);
	r = from < 0 ? from : 0;
	if (r == 0)
		length = readlinkat(from, source, target, sizeof(target) - 1);
	if (r == 0 && length < 0)
		r = -errno;
	if (r == 0) {
		target[length] = '\0';
		folder = open_place(tree, path, &name);
		r = folder < 0 ? folder : 0;
	}
	if (r == 0 && symlinkat(target, folder, name) < 0)
		r = -errno;
	if (r == 0)
		r = note_file(tree, path, S_IFLNK | 0777);
	return r < 0 ? pkgima_fail(error, r, "cannot copy the link %s: %s",
				   pkgima_printable_into(path, safe, sizeof(safe)), strerror(-r)) : 0;
}

/* Copies what ima-init has at @path; folders come with what is in them. */
static int copy_one(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, const char *path,
		    bool is_folder, struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	char safe[256];
	struct stat st;
	size_t length;
	int r;

	if (!pkgima_path_is_normal(path) || is_replaced(path) || (mkinit->init && !strcmp(path, PKGIMA_MKINIT_INIT)))
		return 0;
	r = pkgima_beneath_stat(mkinit->root_fd, path, false, &st);
	if (r < 0)
		return pkgima_fail(error, r, "%s of the installed ima-init: %s",
				   pkgima_printable_into(path, safe, sizeof(safe)), strerror(-r));
	/* With a merged /usr the list has /lib as a folder, and a link is there. */
	if (S_ISDIR(st.st_mode) || is_folder)
		return 0;
	if (S_ISLNK(st.st_mode))
		return put_link(tree, mkinit->root_fd, path, error);
	r = pkgima_beneath_read(mkinit->root_fd, path, FILE_MAX, &data, &length, error);
	return r < 0 ? r : put(tree, path, data, length, st.st_mode, error);
}

/* Has the list a line that is below @path? @rest is what comes behind its line. */
static bool has_below(const char *path, const char *list)
{
	size_t length = strlen(path);

	for (const char *at = list; (at = strstr(at, path)); at++)
		if ((at == list || at[-1] == '\n') && at[length] == '/')
			return true;
	return false;
}

static int read_info(const struct pkgima_mkinit *mkinit, const char *suffix, uint8_t **ret_data, size_t *ret_length,
		     struct pkgima_error *error)
{
	char name[64];

	snprintf(name, sizeof(name), TEMPLATE ".%s", suffix);
	return pkgima_beneath_read(mkinit->dpkg->info_fd, name, LIST_MAX, ret_data, ret_length, error);
}

static int copy_template(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *list = NULL, *lines = NULL;
	char *rest;
	size_t length;
	int r;

	r = read_info(mkinit, "list", (uint8_t **)&list, &length, error);
	if (r == -ENOENT)
		return pkgima_fail(error, r, "the package ima-init, from which the site's is made, is not installed");
	if (r < 0)
		return r;
	lines = strdup(list);
	if (!lines)
		return pkgima_fail(error, -ENOMEM, "no memory for the list of files");
	rest = lines;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")); )
		if (*line)
			r = copy_one(tree, mkinit, line, has_below(line, list), error);
	return r;
}

static int put_init(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *name = pkgima_printable(mkinit->init);
	cleanup_free uint8_t *data = NULL;
	cleanup_close int fd = -1;
	size_t length;
	int r;

	if (!name)
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	fd = open(mkinit->init, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open %s", name);
	r = pkgima_read_file(fd, name, FILE_MAX, &data, &length, error);
	if (r == 0 && (length < 4 || memcmp(data, "\177ELF", 4) != 0))
		r = pkgima_fail(error, -EINVAL, "%s: no program", name);
	return r < 0 ? r : put(tree, PKGIMA_MKINIT_INIT, data, length, 0755, error);
}

static int put_certificate(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, const char *folder,
			   const struct pkgima_certificate *certificate, struct pkgima_error *error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-%08" PRIx32 ".der", folder, mkinit->name, certificate->key_id);
	return put(tree, path, certificate->der, certificate->der_length, 0644, error);
}

static int put_site(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	const struct pkgima_certificate *first = mkinit->certificates[0];
	int r;

	r = mkinit->init ? put_init(tree, mkinit, error) : 0;
	if (r == 0)
		r = put_certificate(tree, mkinit, "/usr/share/ima-init/ca", mkinit->ca, error);
	for (size_t i = 0; i < mkinit->certificate_count && r == 0; i++)
		r = put_certificate(tree, mkinit, "/etc/keys/ima", mkinit->certificates[i], error);
	if (r == 0)
		r = put(tree, PKGIMA_MKINIT_KERNEL_CERTIFICATE, first->der, first->der_length, 0644, error);
	if (r == 0)
		r = put(tree, PKGIMA_MKINIT_POLICY, mkinit->policy.bytes, mkinit->policy.length, 0644, error);
	if (r == 0)
		r = put(tree, PKGIMA_MKINIT_POLICY_SIGNATURE, mkinit->policy_signature.bytes,
			mkinit->policy_signature.length, 0644, error);
	return r;
}

static bool is_dropped(const char *line)
{
	for (size_t i = 0; i < sizeof(dropped_fields) / sizeof(dropped_fields[0]); i++)
		if (!strncasecmp(line, dropped_fields[i], strlen(dropped_fields[i])))
			return true;
	return false;
}

/* The package's paragraph of dpkg's status file, copied; NULL where it has none. */
static char *find_stanza(const char *status)
{
	static const char first[] = "Package: " TEMPLATE "\n";

	for (const char *at = status; (at = strstr(at, first)); at++) {
		const char *end = strstr(at, "\n\n");

		if (at == status || (at > status + 1 && at[-1] == '\n' && at[-2] == '\n'))
			return end ? strndup(at, (size_t)(end - at) + 1) : strdup(at);
	}
	return NULL;
}

/* "1:" and the version of ima-init without an epoch, and without what an earlier site's package has put behind it. */
static char *site_version(const char *version, unsigned long revision)
{
	const char *colon = strchr(version, ':'), *from = colon ? colon + 1 : version, *suffix = strstr(from, SUFFIX);
	char *text;

	if (asprintf(&text, EPOCH "%.*s" SUFFIX "%lu", (int)(suffix ? (size_t)(suffix - from) : strlen(from)), from,
		     revision) < 0)
		return NULL;
	return text;
}

static int read_fields(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, char *stanza,
		       struct pkgima_error *error)
{
	struct pkgima_control control = {
		.files = { { .name = "control", .content = (uint8_t *)stanza, .length = strlen(stanza) } },
		.count = 1,
	};
	cleanup_free char *version = pkgima_control_field(&control, "Version");
	cleanup_free char *status = pkgima_control_field(&control, "Status");

	if (!status || !strstr(status, " installed"))
		return pkgima_fail(error, -ENOENT, "the package ima-init, from which the site's is made, is not installed "
				   "completely");
	tree->architecture = pkgima_control_field(&control, "Architecture");
	tree->summary = pkgima_control_field(&control, "Description");
	tree->version = version ? site_version(version, mkinit->revision) : NULL;
	if (!tree->architecture || !tree->summary || !tree->version)
		return pkgima_fail(error, -EINVAL, "dpkg's database has no version, architecture or description of ima-init");
	tree->summary[strcspn(tree->summary, "\n")] = '\0';
	return 0;
}

static int put_control(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *status = NULL, *stanza = NULL, *text = NULL;
	bool dropping = false;
	size_t length;
	char *rest;
	FILE *out;
	int r;

	r = pkgima_beneath_read(mkinit->root_fd, mkinit->dpkg->status_path, STATUS_MAX, (uint8_t **)&status, &length, error);
	if (r < 0)
		return r == -ENOENT ? pkgima_fail(error, r, "dpkg's database has no status file") : r;
	stanza = find_stanza(status);
	if (!stanza)
		return pkgima_fail(error, -ENOENT, "dpkg's database does not know ima-init");
	r = read_fields(tree, mkinit, stanza, error);
	if (r < 0)
		return r;
	out = open_memstream(&text, &length);
	if (!out)
		return pkgima_fail(error, -ENOMEM, "no memory for a control file");
	rest = stanza;
	for (char *line; (line = strsep(&rest, "\n")); ) {
		if (*line != ' ' && *line != '\t')
			dropping = is_dropped(line);
		if (*line && !dropping)
			fprintf(out, "%s\n", line);
		if (!strcmp(line, "Package: " TEMPLATE))
			fprintf(out, "Version: %s\n", tree->version);
	}
	if (fclose(out) != 0)
		return pkgima_fail(error, -ENOMEM, "no memory for a control file");
	return put(tree, "/DEBIAN/control", text, length, 0644, error);
}

static int put_control_files(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
			     struct pkgima_error *error)
{
	char path[64];
	int r = 0;

	for (size_t i = 0; i < sizeof(control_files) / sizeof(control_files[0]) && r == 0; i++) {
		cleanup_free uint8_t *data = NULL;
		size_t length;

		r = read_info(mkinit, control_files[i].name, &data, &length, error);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		snprintf(path, sizeof(path), "/DEBIAN/%s", control_files[i].name);
		if (r == 0)
			r = put(tree, path, data, length, control_files[i].mode, error);
	}
	return r;
}

/* Those of the template that are still in the package: none of what the site brings is a conffile. */
static int put_conffiles(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	cleanup_free char *list = NULL, *text = NULL;
	size_t length = 0, size = 0;
	char *rest;
	int r;

	r = read_info(mkinit, "conffiles", (uint8_t **)&list, &size, error);
	if (r == -ENOENT)
		return 0;
	if (r == 0) {
		text = malloc(size + 2);
		r = text ? 0 : pkgima_fail(error, -ENOMEM, "no memory for a control file");
	}
	rest = list;
	for (char *line; r == 0 && (line = strsep(&rest, "\n")); )
		if (*line && !is_replaced(line) && pkgima_entries_find(&tree->files, line))
			length += (size_t)sprintf(text + length, "%s\n", line);
	return r == 0 && length ? put(tree, "/DEBIAN/conffiles", text, length, 0644, error) : r;
}

/* Modes of folders, and the time of all, do not depend on who makes the tree and when. */
static int settle(const struct pkgima_mkinit_tree *tree, time_t when)
{
	char *const roots[] = { tree->folder, NULL };
	const struct timespec times[] = { { .tv_sec = when }, { .tv_sec = when } };
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *file;
	int r = walk ? 0 : -errno;

	while (r == 0 && (errno = 0, file = fts_read(walk))) {
		if (file->fts_info == FTS_D && chmod(file->fts_accpath, 0755) < 0)
			r = -errno;
		else if (file->fts_info == FTS_ERR || file->fts_info == FTS_DNR || file->fts_info == FTS_NS)
			r = -file->fts_errno;
		else if (file->fts_info != FTS_D &&
			 utimensat(AT_FDCWD, file->fts_accpath, times, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
	}
	if (r == 0 && errno)
		r = -errno;
	if (walk)
		fts_close(walk);
	return r;
}

int pkgima_mkinit_make_tree(const struct pkgima_mkinit *mkinit, const char *work, struct pkgima_mkinit_tree *ret_tree,
			    struct pkgima_error *error)
{
	cleanup_mkinit_tree struct pkgima_mkinit_tree tree = { .fd = -1 };
	int r;

	if (asprintf(&tree.folder, "%s/tree", work) < 0) {
		tree.folder = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	}
	if (mkdir(tree.folder, 0755) < 0)
		return pkgima_fail_errno(error, "cannot make a temporary folder");
	tree.fd = pkgima_root_open(tree.folder, error);
	r = tree.fd < 0 ? tree.fd : 0;
	if (r == 0)
		r = copy_template(&tree, mkinit, error);
	if (r == 0)
		r = put_site(&tree, mkinit, error);
	pkgima_entries_sort(&tree.files);
	if (r == 0 && !pkgima_entries_find(&tree.files, PKGIMA_MKINIT_INIT))
		r = pkgima_fail(error, -ENOENT, "the installed ima-init has no %s", PKGIMA_MKINIT_INIT);
	if (r == 0)
		r = put_control(&tree, mkinit, error);
	if (r == 0)
		r = put_control_files(&tree, mkinit, error);
	if (r == 0)
		r = put_conffiles(&tree, mkinit, error);
	if (r < 0)
		return r;
	r = settle(&tree, mkinit->when);
	if (r < 0)
		return pkgima_fail(error, r, "cannot finish the temporary folder: %s", strerror(-r));
	*ret_tree = tree;
	tree = (struct pkgima_mkinit_tree){ .fd = -1 };
	return 0;
}
