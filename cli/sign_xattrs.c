// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "../lib/beneath.h"
#include "../lib/check.h"
#include "sign.h"

/* So many files are open at a time: hashed, then signed on all cores, then written through the same descriptors. */
#define BATCH 128

struct batch {
	struct sign_settings *settings;
	struct pkgima_hasher *hasher;
	struct {
		int fd;
		char *name;                        /* printable, owned */
		const struct pkgima_value *value;
	} files[BATCH];
	size_t count;
};

static void failed(struct sign_settings *settings, const char *name, const char *reason)
{
	cli_message(settings->command, "%s: %s", name, reason);
	settings->status = CLI_FAILED;
}

static void write_batch(struct batch *batch)
{
	struct sign_settings *settings = batch->settings;
	struct pkgima_error error;
	int r = batch->count ? pkgima_signer_wait(settings->signer, &error) : 0;

	if (r < 0)
		failed(settings, batch->files[0].name, error.text);
	for (size_t i = 0; i < batch->count; i++) {
		const struct pkgima_value *value = batch->files[i].value;

		if (r == 0 && fsetxattr(batch->files[i].fd, PKGIMA_XATTR_IMA, value->bytes, value->length, 0) < 0) {
			failed(settings, batch->files[i].name, strerror(errno));
		} else if (r == 0) {
			settings->files++;
			printf("%s: signed\n", batch->files[i].name);
		}
		close(batch->files[i].fd);
		free(batch->files[i].name);
	}
	batch->count = 0;
	pkgima_signer_reset(settings->signer);
}

/* Takes over @fd, the file's. */
static void add_open_file(struct batch *batch, const char *path, int fd)
{
	struct sign_settings *settings = batch->settings;
	cleanup_free char *name = cli_printable(path);
	uint8_t digest[PKGIMA_DIGEST_MAX];
	struct pkgima_error error;

	if (pkgima_hasher_file(batch->hasher, settings->hash, fd, digest, &error) < 0 ||
	    pkgima_signer_submit(settings->signer, settings->hash, digest, &batch->files[batch->count].value, &error) < 0) {
		failed(settings, name, error.text);
		close(fd);
		return;
	}
	batch->files[batch->count].fd = fd;
	batch->files[batch->count].name = pkgima_steal_pointer(&name);
	if (++batch->count == BATCH)
		write_batch(batch);
}

static void add_file(struct batch *batch, const char *path)
{
	cleanup_free char *name = cli_printable(path);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		failed(batch->settings, name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		failed(batch->settings, name, "no regular file");
	else
		add_open_file(batch, path, pkgima_steal_fd(&fd));
}

/* Others may write below @root: only what was found there is signed, not what a link leads to that took its place. */
static void add_found(struct batch *batch, int root, size_t root_length, const FTSENT *file)
{
	cleanup_free char *name = cli_printable(file->fts_path);
	cleanup_close int fd = -1;
	struct stat st;

	fd = pkgima_beneath_open_real_file(root, file->fts_path + root_length, &st);
	if (fd == -EINVAL || (fd >= 0 && (st.st_dev != file->fts_statp->st_dev || st.st_ino != file->fts_statp->st_ino)))
		failed(batch->settings, name, "something else has taken its place");
	else if (fd < 0)
		failed(batch->settings, name, strerror(-fd));
	else
		add_open_file(batch, file->fts_path, pkgima_steal_fd(&fd));
}

static void add_tree(struct batch *batch, char *path)
{
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char *roots[] = { path, NULL };
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	FTSENT *file;

	while (tree && !pkgima_signer_is_broken(batch->settings->signer) && (file = fts_read(tree))) {
		if (file->fts_info == FTS_F && file->fts_level == FTS_ROOTLEVEL)
			add_file(batch, path);
		else if (file->fts_info == FTS_F)
			add_found(batch, root, strlen(path), file);
		else if (file->fts_info == FTS_DNR || file->fts_info == FTS_ERR || file->fts_info == FTS_NS)
			failed(batch->settings, path, strerror(file->fts_errno));
	}
	if (tree)
		fts_close(tree);
}

void sign_xattrs(struct sign_settings *settings, char **paths)
{
	struct batch batch = { .settings = settings, .hasher = pkgima_hasher_new() };

	if (!batch.hasher) {
		failed(settings, *paths, "no memory to hash");
		return;
	}
	for (; *paths && !pkgima_signer_is_broken(settings->signer); paths++) {
		if (settings->recursive)
			add_tree(&batch, *paths);
		else
			add_file(&batch, *paths);
	}
	write_batch(&batch);
	pkgima_hasher_free(batch.hasher);
}
