// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ar.h"
#include "io.h"
#include "manifest.h"
#include "signing/key.h"
#include "signing/keygen.h"
#include "signing/signer.h"

#define TAR_BLOCK 512

char *support_folder(void)
{
	const char *parent = getenv("TMPDIR");
	char *folder;

	assert_true(asprintf(&folder, "%s/pkgima-test.XXXXXX", parent ? parent : "/tmp") > 0);
	assert_non_null(mkdtemp(folder));
	return folder;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void support_remove(char *folder)
{
	if (folder)
		assert_int_equal(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
	free(folder);
}

/* Every path that was ever asked for, once. */
struct path {
	struct path *next;
	char text[];
};

const char *support_path(const char *folder, const char *format, ...)
{
	static struct path *paths;
	struct path *path;
	char text[8192];
	va_list args;
	int used = snprintf(text, sizeof(text), "%s/", folder);

	va_start(args, format);
	vsnprintf(text + used, sizeof(text) - (size_t)used, format, args);
	va_end(args);
	for (path = paths; path; path = path->next)
		if (!strcmp(path->text, text))
			return path->text;
	path = malloc(sizeof(*path) + strlen(text) + 1);
	assert_non_null(path);
	strcpy(path->text, text);
	path->next = paths;
	paths = path;
	return path->text;
}

void support_make_folder(const char *path)
{
	char copy[8192];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = copy + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(copy, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
	assert_true(mkdir(copy, 0755) == 0 || errno == EEXIST);
}

void support_write(const char *path, const void *data, size_t length, mode_t mode)
{
	char folder[8192];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	if (!support_exists(folder))
		support_make_folder(folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pkgima_write_all(fd, data, length), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

void support_write_text(const char *path, const char *text, mode_t mode)
{
	support_write(path, text, strlen(text), mode);
}

uint8_t *support_read(const char *path, size_t *ret_length)
{
	struct pkgima_error error = { "" };
	uint8_t *data = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	if (pkgima_read_file(fd, path, SIZE_MAX / 4, &data, ret_length, &error) < 0)
		fail_msg("%s", error.text);
	close(fd);
	return data;
}

bool support_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

size_t support_count_names(const char *path)
{
	DIR *folder = opendir(path);
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count - 2;
}

int support_run(const char *program, ...)
{
	const char *arguments[32] = { program };
	size_t count = 1;
	va_list args;
	int status;
	pid_t child;

	va_start(args, program);
	do
		arguments[count] = va_arg(args, const char *);
	while (arguments[count++] && count < 32);
	va_end(args);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(program, (char **)arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool support_own_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

void support_append(struct support_bytes *bytes, const void *data, size_t length)
{
	bytes->data = realloc(bytes->data, bytes->length + length + 1);
	assert_non_null(bytes->data);
	if (length)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
	bytes->data[bytes->length] = '\0';
}

void support_bytes_free(struct support_bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct support_bytes){ 0 };
}

void support_key_make(struct support_key *key, const char *folder, const char *name, const char *algorithm)
{
	struct pkgima_error error = { "" };
	const char *own = support_path(folder, "%s", name);
	struct pkgima_keygen keygen = {
		.type = PKGIMA_KEYGEN_IMA,
		.name = name,
		.algorithm = algorithm,
		.days = 365,
		.folder = own,
	};

	if (pkgima_keygen_run(&keygen, &error) < 0 ||
	    pkgima_key_load(support_path(own, "ima.key"), &key->key, &error) < 0)
		fail_msg("%s", error.text);
	snprintf(key->der, sizeof(key->der), "%s/ima.der", own);
	if (pkgima_certificate_load(key->der, &key->certificate, &error) < 0)
		fail_msg("%s", error.text);
}

void support_key_free(struct support_key *key)
{
	EVP_PKEY_free(key->key);
	pkgima_certificate_free(key->certificate);
	*key = (struct support_key){ 0 };
}

struct pkgima_trust *support_trust(const struct support_key *key, const struct support_key *second)
{
	struct pkgima_trust *trust = pkgima_trust_new();
	struct pkgima_error error = { "" };

	assert_non_null(trust);
	if ((key && pkgima_trust_add(trust, key->der, &error) < 0) ||
	    (second && pkgima_trust_add(trust, second->der, &error) < 0))
		fail_msg("%s", error.text);
	return trust;
}

void support_digest(enum pkgima_hash hash, const void *data, size_t length, uint8_t digest[PKGIMA_DIGEST_MAX])
{
	uint8_t result[EVP_MAX_MD_SIZE];
	unsigned int size;

	assert_int_equal(EVP_Digest(data, length, result, &size, pkgima_hash_md(hash), NULL), 1);
	memcpy(digest, result, size);
}

struct pkgima_value support_sign(const struct support_key *key, enum pkgima_hash hash, const uint8_t *digest,
				 struct pkgima_entries *entries)
{
	struct pkgima_error error = { "" };
	const struct pkgima_value *made = NULL;
	struct pkgima_signer *signer;
	struct pkgima_value value;

	if (pkgima_signer_new(key->key, key->certificate, 1, &signer, &error) < 0 ||
	    pkgima_signer_submit(signer, hash, digest, &made, &error) < 0 || pkgima_signer_wait(signer, &error) < 0)
		fail_msg("%s", error.text);
	value.length = made->length;
	value.bytes = pkgima_entries_keep(entries, made->bytes, made->length);
	assert_non_null(value.bytes);
	pkgima_signer_free(signer);
	return value;
}

struct pkgima_entry *support_add_entry(struct pkgima_entries *entries, const char *path, enum pkgima_entry_type type,
				       const void *content, size_t length, const struct support_key *key)
{
	struct pkgima_entry *entry = pkgima_entries_add(entries);

	assert_non_null(entry);
	entry->path = pkgima_entries_keep(entries, path, strlen(path));
	entry->type = type;
	entry->hash = PKGIMA_HASH_SHA256;
	support_digest(entry->hash, content, length, entry->digest);
	entry->ima = support_sign(key, entry->hash, entry->digest, entries);
	return entry;
}

static int append_text(void *context, const char *text, size_t length)
{
	support_append(context, text, length);
	return 0;
}

void support_manifest(struct pkgima_entries *entries, struct support_bytes *ret_text)
{
	struct pkgima_error error = { "" };

	pkgima_entries_sort(entries);
	if (pkgima_manifest_write(entries, append_text, ret_text, &error) < 0)
		fail_msg("%s", error.text);
}

/* A field of a tar header: octal digits up to its last byte, which stays NUL. */
static void put_octal(char *field, size_t size, uint64_t value)
{
	for (size_t i = size - 1; i-- > 0; value >>= 3)
		field[i] = (char)('0' + (value & 7));
}

static void put_name(char *field, const char *name)
{
	memcpy(field, name, strnlen(name, 100));
}

void support_tar_add(struct support_bytes *tar, const struct support_tar_member *member)
{
	static const char padding[TAR_BLOCK];
	char header[TAR_BLOCK] = { 0 };
	unsigned int sum = 0;

	put_name(header, member->name);
	put_octal(header + 100, 8, member->mode ? member->mode : 0644);
	put_octal(header + 108, 8, 0);
	put_octal(header + 116, 8, 0);
	put_octal(header + 124, 12, member->length);
	put_octal(header + 136, 12, 1600000000);
	memset(header + 148, ' ', 8);
	header[156] = member->type;
	if (member->link)
		put_name(header + 157, member->link);
	memcpy(header + 257, member->ustar ? "ustar\00000" : "ustar  \0", 8);
	strcpy(header + 265, "root");
	strcpy(header + 297, "root");
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (uint8_t)header[i];
	put_octal(header + 148, 7, sum);
	header[154] = '\0';
	support_append(tar, header, sizeof(header));
	support_append(tar, member->content, member->length);
	if (member->length % TAR_BLOCK)
		support_append(tar, padding, TAR_BLOCK - member->length % TAR_BLOCK);
}

void support_tar_file(struct support_bytes *tar, const char *name, const char *content)
{
	support_tar_add(tar, &(struct support_tar_member){
		.name = name, .type = '0', .content = content, .length = strlen(content) });
}

void support_tar_link(struct support_bytes *tar, const char *name, const char *target)
{
	support_tar_add(tar, &(struct support_tar_member){ .name = name, .type = '1', .link = target });
}

void support_tar_end(struct support_bytes *tar)
{
	static const char end[2 * TAR_BLOCK];

	support_append(tar, end, sizeof(end));
}

void support_ar_start(struct support_bytes *ar)
{
	support_append(ar, PKGIMA_AR_MAGIC, strlen(PKGIMA_AR_MAGIC));
}

void support_ar_add(struct support_bytes *ar, const char *name, const void *data, size_t length)
{
	char header[PKGIMA_AR_HEADER + 1];

	snprintf(header, sizeof(header), "%-16s%-12u%-6u%-6u%-8s%-10zu`\n", name, 1600000000u, 0, 0, "100644", length);
	support_append(ar, header, PKGIMA_AR_HEADER);
	support_append(ar, data, length);
	if (length & 1)
		support_append(ar, "\n", 1);
}

void support_deb(const char *path, const struct support_bytes *control, const struct support_bytes *data)
{
	cleanup_bytes struct support_bytes made = { 0 }, deb = { 0 };

	support_tar_file(&made, "./control", "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x\nDescription: x\n");
	support_tar_end(&made);
	if (!control)
		control = &made;
	support_ar_start(&deb);
	support_ar_add(&deb, "debian-binary", "2.0\n", 4);
	support_ar_add(&deb, "control.tar", control->data, control->length);
	support_ar_add(&deb, "data.tar", data->data, data->length);
	support_write(path, deb.data, deb.length, 0644);
}
