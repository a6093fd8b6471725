// SPDX-License-Identifier: LGPL-2.1-or-later
#include "mkinit_tree.h"

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
#include "../escape.h"
#include "../io.h"

#define FILE_MAX ((size_t)64 * 1024 * 1024)
/* Of all files together; and how many. The list may name one file many times. */
#define TREE_MAX ((size_t)256 * 1024 * 1024)
#define TREE_FILES_MAX 10000
/* The site's package is to be newer than any that a distribution may have. */
#define EPOCH "1:"
#define SUFFIX "+site"

/* What the site brings itself: the template's own is left out. A final slash: all below. */
static const char *const replaced[] = { "/etc/keys/", "/usr/share/ima-init/ca/", PKGIMA_MKINIT_POLICY,
					PKGIMA_MKINIT_POLICY_SIGNATURE };

void pkgima_mkinit_tree_free(struct pkgima_mkinit_tree *tree)
{
	if (tree->folder)
		pkgima_close_cleanup(&tree->fd);
	free(tree->folder);
	free(tree->version);
	free(tree->architecture);
	free(tree->summary);
	free(tree->preamble);
	free(tree->scriptlets);
	pkgima_entries_free(&tree->files);
	pkgima_entries_free(&tree->folders);
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

bool pkgima_mkinit_is_replaced(const char *path)
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

static int note(struct pkgima_entries *entries, const char *path, mode_t mode)
{
	struct pkgima_entry *entry = pkgima_entries_add(entries);

	if (entry)
		entry->path = pkgima_entries_keep(entries, path, strlen(path));
	if (!entry || !entry->path)
		return -ENOMEM;
	entry->mode = mode;
	return 0;
}

int pkgima_mkinit_note_folder(struct pkgima_mkinit_tree *tree, const char *path, struct pkgima_error *error)
{
	int r = pkgima_path_is_normal(path) ? note(&tree->folders, path, S_IFDIR | 0755) : 0;

	return r < 0 ? pkgima_fail(error, r, "no memory for the list of folders") : 0;
}

static int note_file(struct pkgima_mkinit_tree *tree, const char *path, mode_t mode)
{
	return strncmp(path, "/DEBIAN/", 8) != 0 ? note(&tree->files, path, mode) : 0;
}

int pkgima_mkinit_put(struct pkgima_mkinit_tree *tree, const char *path, const void *content, size_t length, mode_t mode,
		      struct pkgima_error *error)
{
	cleanup_close int folder = -1, fd = -1;
	const char *name;
	char safe[256];
	int r;

	tree->bytes += length;
	if (tree->bytes > TREE_MAX || tree->files.count >= TREE_FILES_MAX)
		return pkgima_fail(error, -EFBIG, "the installed ima-init has more than %zu MiB, or than %d files",
				   TREE_MAX >> 20, TREE_FILES_MAX);
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

int pkgima_mkinit_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, const char *path,
		       bool is_folder, struct pkgima_error *error)
{
	cleanup_free uint8_t *data = NULL;
	char safe[256];
	struct stat st;
	size_t length;
	int r;

	if (!pkgima_path_is_normal(path) || pkgima_mkinit_is_replaced(path) || (mkinit->init && !strcmp(path, PKGIMA_MKINIT_INIT)))
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
	return r < 0 ? r : pkgima_mkinit_put(tree, path, data, length, st.st_mode, error);
}

char *pkgima_mkinit_version(const char *version, unsigned long revision)
{
	const char *colon = strchr(version, ':'), *from = colon ? colon + 1 : version, *suffix = strstr(from, SUFFIX);
	char *text;

	if (asprintf(&text, EPOCH "%.*s" SUFFIX "%lu", (int)(suffix ? (size_t)(suffix - from) : strlen(from)), from,
		     revision) < 0)
		return NULL;
	return text;
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
	return r < 0 ? r : pkgima_mkinit_put(tree, PKGIMA_MKINIT_INIT, data, length, 0755, error);
}

static int put_certificate(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, const char *folder,
			   const struct pkgima_certificate *certificate, struct pkgima_error *error)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s-%08" PRIx32 ".der", folder, mkinit->name, certificate->key_id);
	return pkgima_mkinit_put(tree, path, certificate->der, certificate->der_length, 0644, error);
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
		r = pkgima_mkinit_put(tree, PKGIMA_MKINIT_KERNEL_CERTIFICATE, first->der, first->der_length, 0644, error);
	if (r == 0)
		r = pkgima_mkinit_put(tree, PKGIMA_MKINIT_POLICY, mkinit->policy.bytes, mkinit->policy.length, 0644, error);
	if (r == 0)
		r = pkgima_mkinit_put(tree, PKGIMA_MKINIT_POLICY_SIGNATURE, mkinit->policy_signature.bytes,
			mkinit->policy_signature.length, 0644, error);
	return r;
}

/* Both are part of file names, and of what rpmbuild expands. */
static int check_words(const struct pkgima_mkinit_tree *tree, struct pkgima_error *error)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	const char *at = tree->version;

	while (at[strspn(at, plain)] && strchr(".+~^:", at[strspn(at, plain)]))
		at += strspn(at, plain) + 1;
	if (at[strspn(at, plain)] || tree->architecture[strspn(tree->architecture, plain)])
		return pkgima_fail(error, -EINVAL, "the installed ima-init has a version or an architecture that no package has");
	return 0;
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
		r = mkinit->dpkg ? pkgima_mkinit_dpkg_copy(&tree, mkinit, error) : pkgima_mkinit_rpm_copy(&tree, mkinit, error);
	if (r == 0)
		r = put_site(&tree, mkinit, error);
	pkgima_entries_sort(&tree.files);
	if (r == 0 && !pkgima_entries_find(&tree.files, PKGIMA_MKINIT_INIT))
		r = pkgima_fail(error, -ENOENT, "the installed ima-init has no %s", PKGIMA_MKINIT_INIT);
	if (r == 0)
		r = mkinit->dpkg ? pkgima_mkinit_dpkg_describe(&tree, mkinit, error) :
				   pkgima_mkinit_rpm_describe(&tree, mkinit, error);
	if (r == 0)
		r = check_words(&tree, error);
	if (r < 0)
		return r;
	r = settle(&tree, mkinit->when);
	if (r < 0)
		return pkgima_fail(error, r, "cannot finish the temporary folder: %s", strerror(-r));
	*ret_tree = tree;
	tree = (struct pkgima_mkinit_tree){ .fd = -1 };
	return 0;
}
