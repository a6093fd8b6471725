// SPDX-License-Identifier: LGPL-2.1-or-later
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "../beneath.h"
#include "../manifest.h"
#include "../parallel.h"
#include "../signature.h"
#include "../verify.h"

#define BUFFER_SIZE ((size_t)128 * 1024)

/* One entry of a package, and what becomes of it. */
struct file {
	enum { SKIPPED, OWN, FOREIGN, GOOD, FOUND, FAILED_TO_READ } state;
	enum pkgima_verdict verdict;
	char *reason;                  /* printable, owned */
	const char *place;             /* where it stands, if that is another path; owned */
	const struct pkgima_value *value;
};

struct package {
	const struct pkgima_installed *installed;
	struct pkgima_installed view;  /* what of it is read */
	struct pkgima_entries entries;
	struct pkgima_record *records;
	struct file *files;
	struct pkgima_root_result *result;
	bool active;                   /* its files are looked at */
};

struct task {
	struct package *package;
	size_t index;
};

struct portion {
	const struct pkgima_root_sign *job;
	struct package *packages;
	size_t count;
	struct task *tasks;
	size_t task_count;
};

static void find(struct file *file, enum pkgima_verdict verdict, const char *reason)
{
	file->state = FOUND;
	file->verdict = verdict;
	file->reason = strdup(reason);
}

static void fail_to_read(struct file *file, const char *reason)
{
	file->state = FAILED_TO_READ;
	file->reason = strdup(reason);
}

/* A damaged manifest is as none where all is to be signed anew. */
static int read_entries(const struct pkgima_root_sign *job, struct package *package, struct pkgima_error *error)
{
	const struct pkgima_root_source *source = job->source;
	int r;

	package->view = *package->installed;
	r = source->manager->read(source->database, &package->view, true, &package->entries, error);
	if (r == -EINVAL && job->resign && package->view.is_signed) {
		pkgima_entries_free(&package->entries);
		package->view.is_signed = false;
		r = source->manager->read(source->database, &package->view, true, &package->entries, error);
	}
	if (r < 0)
		return r;
	package->files = calloc(package->entries.count + 1, sizeof(*package->files));
	package->records = calloc(package->entries.count + 1, sizeof(*package->records));
	if (!package->files || !package->records)
		return pkgima_fail(error, -ENOMEM, "no memory for its files");
	return source->record(source->context, package->installed, &package->entries, package->records, error);
}

/* Is it this key's signature? */
static bool is_own(const struct pkgima_root_sign *job, const struct pkgima_entry *entry)
{
	const struct pkgima_certificate *certificate = pkgima_signer_certificate(job->signer);
	struct pkgima_signature signature;

	return pkgima_signature_parse(entry->ima.bytes, entry->ima.length, &signature, NULL) == 0 &&
	       signature.key_id == certificate->key_id && signature.hash == entry->hash &&
	       (!job->hash || entry->hash == *job->hash) &&
	       pkgima_certificate_verify(certificate, entry->hash, entry->digest, signature.bytes, signature.length) == 1;
}

/* What a thread hashes with. */
struct hand {
	EVP_MD_CTX *recorded, *own;
	uint8_t buffer[BUFFER_SIZE];
};

static void end_hand(void *context, void *state)
{
	struct hand *hand = state;

	(void)context;
	EVP_MD_CTX_free(hand->recorded);
	EVP_MD_CTX_free(hand->own);
	free(hand);
}

static void *begin_hand(void *context)
{
	struct hand *hand = calloc(1, sizeof(*hand));

	if (!hand)
		return NULL;
	hand->recorded = EVP_MD_CTX_new();
	hand->own = EVP_MD_CTX_new();
	if (hand->recorded && hand->own)
		return hand;
	end_hand(context, hand);
	return NULL;
}

/* The same bytes make both digests. Returns 0, -ESTALE where the content is not what was recorded, or -errno. */
static int digest_file(struct hand *hand, int fd, const struct pkgima_record *record, struct pkgima_entry *entry)
{
	EVP_MD *recorded = EVP_MD_fetch(NULL, record->algorithm, NULL);
	bool good = recorded && EVP_DigestInit_ex2(hand->recorded, recorded, NULL) == 1 &&
		    EVP_DigestInit_ex2(hand->own, pkgima_hash_md(entry->hash), NULL) == 1;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length = 0;
	ssize_t size = 0;

	EVP_MD_free(recorded);
	while (good && (size = pkgima_read_all(fd, hand->buffer, sizeof(hand->buffer))) > 0)
		good = EVP_DigestUpdate(hand->recorded, hand->buffer, (size_t)size) == 1 &&
		       EVP_DigestUpdate(hand->own, hand->buffer, (size_t)size) == 1;
	if (size < 0)
		return (int)size;
	good = good && EVP_DigestFinal_ex(hand->recorded, digest, &length) == 1 &&
	       EVP_DigestFinal_ex(hand->own, entry->digest, NULL) == 1;
	if (!good)
		return -EIO;
	return length == record->length && !memcmp(digest, record->digest, length) ? 0 : -ESTALE;
}

/* dpkg records nothing of maintainer scripts: they are signed as they are. */
static int digest_script(struct hand *hand, int fd, struct pkgima_entry *entry)
{
	const struct pkgima_record none = { .algorithm = pkgima_hash_name(entry->hash) };
	int r = digest_file(hand, fd, &none, entry);

	return r == -ESTALE ? 0 : r;
}

static void judge_absent(const struct pkgima_root_sign *job, const struct task *task, int r)
{
	const struct pkgima_entry *entry = &task->package->entries.list[task->index];
	const struct pkgima_record *record = &task->package->records[task->index];
	const struct pkgima_manager *manager = job->source->manager;
	struct file *file = &task->package->files[task->index];

	/* Conffiles may be removed; folders and links have no digest. */
	if (r != -ENOENT && r != -EINVAL)
		fail_to_read(file, strerror(-r));
	else if (!record->algorithm)
		file->state = SKIPPED;
	else if (r == -EINVAL)
		find(file, PKGIMA_VERDICT_MISSING_FILE, "something else than a regular file is there");
	else if (!record->conffile && !(manager->is_excluded && manager->is_excluded(job->source->database, entry->path)))
		find(file, PKGIMA_VERDICT_MISSING_FILE, "the file is not there");
}

static void judge(const struct pkgima_root_sign *job, struct hand *hand, const struct task *task, const char *path)
{
	struct pkgima_entry *entry = &task->package->entries.list[task->index];
	const struct pkgima_record *record = &task->package->records[task->index];
	struct file *file = &task->package->files[task->index];
	cleanup_close int fd = pkgima_beneath_open_file(job->root_fd, path, NULL);
	struct pkgima_error reason;
	int r;

	if (fd < 0) {
		judge_absent(job, task, fd);
		return;
	}
	if (!record->algorithm && entry->type != PKGIMA_ENTRY_SCRIPT) {
		pkgima_fail(&reason, 0, "%s recorded no digest of it", job->source->manager->name);
		find(file, PKGIMA_VERDICT_UNSIGNED, reason.text);
		return;
	}
	if (job->hash)
		entry->hash = *job->hash;
	r = record->algorithm ? digest_file(hand, fd, record, entry) : digest_script(hand, fd, entry);
	if (r == 0) {
		file->state = GOOD;
	} else if (r == -ESTALE) {
		pkgima_fail(&reason, 0, "%sits content is not what %s recorded (%s)",
			    record->conffile ? "an edited conffile: " : "", job->source->manager->name,
			    record->algorithm);
		find(file, PKGIMA_VERDICT_DIGEST_MISMATCH, reason.text);
	} else {
		fail_to_read(file, strerror(-r));
	}
}

static int verify_one(void *context, void *state, size_t index, struct pkgima_error *error)
{
	const struct portion *portion = context;
	const struct task *task = &portion->tasks[index];

	(void)state, (void)error;
	task->package->files[task->index].state =
		is_own(portion->job, &task->package->entries.list[task->index]) ? OWN : FOREIGN;
	return 0;
}

static int judge_one(void *context, void *state, size_t index, struct pkgima_error *error)
{
	const struct portion *portion = context;
	const struct task *task = &portion->tasks[index];
	const struct pkgima_root_source *source = portion->job->source;
	const struct pkgima_entry *entry = &task->package->entries.list[task->index];
	char buffer[PKGIMA_PATH_MAX + 1];
	const char *path = entry->path;

	if (source->manager->locate)
		path = source->manager->locate(source->database, task->package->installed, entry, buffer);
	judge(portion->job, state, task, path);
	if (path == entry->path)
		return 0;
	task->package->files[task->index].place = strdup(path);
	return task->package->files[task->index].place ? 0 : pkgima_fail(error, -ENOMEM, "no memory for a path");
}

/* Runs @work on the entries for which @wanted says so. */
static int run(struct portion *portion, bool (*wanted)(const struct package *package, size_t index),
	       int (*work)(void *context, void *state, size_t index, struct pkgima_error *error), bool hashing,
	       struct pkgima_error *error)
{
	struct pkgima_parallel parallel = { .batch = 8, .context = portion, .work = work };

	if (hashing) {
		parallel.begin = begin_hand;
		parallel.end = end_hand;
	}
	portion->task_count = 0;
	for (size_t i = 0; i < portion->count; i++)
		for (size_t k = 0; portion->packages[i].active && k < portion->packages[i].entries.count; k++)
			if (wanted(&portion->packages[i], k))
				portion->tasks[portion->task_count++] = (struct task){ &portion->packages[i], k };
	parallel.count = portion->task_count;
	return pkgima_parallel_run(&parallel, portion->job->threads, error);
}

static bool has_signature(const struct package *package, size_t index)
{
	return package->entries.list[index].ima.bytes;
}

static bool needs_one(const struct package *package, size_t index)
{
	return package->files[index].state != OWN;
}

/* Packages with signatures of others are left alone, or lose them. */
static void settle_foreign(struct portion *portion)
{
	for (size_t i = 0; i < portion->count; i++) {
		struct package *package = &portion->packages[i];
		bool foreign = false;

		for (size_t k = 0; k < package->entries.count && package->active; k++)
			foreign |= package->files[k].state == FOREIGN;
		if (!foreign)
			continue;
		if (!portion->job->resign) {
			package->active = false;
			package->result->outcome = PKGIMA_ROOT_OTHER_KEY;
			continue;
		}
		for (size_t k = 0; k < package->entries.count; k++) {
			if (package->files[k].state != FOREIGN)
				continue;
			package->files[k].state = SKIPPED;
			package->entries.list[k].ima = (struct pkgima_value){ 0 };
		}
	}
}

static void tell(const struct portion *portion, struct package *package, size_t index)
{
	const struct pkgima_entry *entry = &package->entries.list[index];
	const struct file *file = &package->files[index];
	struct pkgima_root_finding finding = {
		.package = package->installed->name,
		.path = file->place ? file->place : entry->path,
		.verdict = file->state == GOOD ? PKGIMA_VERDICT_OK : file->verdict,
		.failed = file->state == FAILED_TO_READ,
		.reason = file->reason ? file->reason : "",
		.diverted = file->place && entry->type != PKGIMA_ENTRY_SCRIPT ? entry->path : NULL,
	};

	package->result->findings += file->state == FOUND;
	package->result->failures += file->state == FAILED_TO_READ;
	if (file->state == FOUND || file->state == FAILED_TO_READ || (file->state == GOOD && finding.diverted))
		portion->job->report(portion->job->context, &finding);
}

static int submit(struct portion *portion, struct pkgima_error *error)
{
	int r = 0;

	for (size_t i = 0; i < portion->count && r == 0; i++) {
		struct package *package = &portion->packages[i];

		for (size_t k = 0; k < package->entries.count && package->active && r == 0; k++) {
			const struct pkgima_entry *entry = &package->entries.list[k];

			tell(portion, package, k);
			if (package->files[k].state != GOOD)
				continue;
			package->result->files++;
			r = pkgima_signer_submit(portion->job->signer, entry->hash, entry->digest, &package->files[k].value,
						 error);
		}
	}
	return r == 0 ? pkgima_signer_wait(portion->job->signer, error) : r;
}

static int write_text(void *context, const char *text, size_t length)
{
	const struct pkgima_output *output = context;

	return pkgima_write_all(output->fd, text, length);
}

static int write_manifest(const struct portion *portion, struct package *package, struct pkgima_error *error)
{
	const struct pkgima_root_source *source = portion->job->source;
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	struct pkgima_entries signed_ones = { 0 };
	size_t count = 0;
	int r;

	for (size_t i = 0; i < package->entries.count; i++) {
		struct pkgima_entry *entry = &package->entries.list[i];

		if (package->files[i].state != GOOD && package->files[i].state != OWN)
			continue;
		if (package->files[i].state == GOOD)
			entry->ima = *package->files[i].value;
		package->entries.list[count++] = *entry;
	}
	signed_ones.list = package->entries.list;
	signed_ones.count = count;
	r = source->create(source->context, package->installed, &output, error);
	if (r == 0)
		r = pkgima_manifest_write(&signed_ones, write_text, &output, error);
	return r == 0 ? pkgima_output_commit(&output, true, error) : r;
}

/* A package without any file gets a manifest, too, so that it counts as signed. */
static void finish_package(const struct portion *portion, struct package *package)
{
	struct pkgima_root_result *result = package->result;

	if (!package->active)
		return;
	if (!result->files && (package->view.is_signed || result->findings || result->failures)) {
		result->outcome = package->view.is_signed ? PKGIMA_ROOT_CURRENT : PKGIMA_ROOT_NOTHING;
		return;
	}
	result->outcome = PKGIMA_ROOT_SIGNED;
	if (write_manifest(portion, package, &result->error) < 0)
		result->outcome = PKGIMA_ROOT_FAILED;
}

static int work(struct portion *portion, struct pkgima_error *error)
{
	size_t entries = 0;
	int r;

	for (size_t i = 0; i < portion->count; i++)
		entries += portion->packages[i].entries.count;
	portion->tasks = calloc(entries + 1, sizeof(*portion->tasks));
	if (!portion->tasks)
		return pkgima_fail(error, -ENOMEM, "no memory for the files of packages");
	r = run(portion, has_signature, verify_one, false, error);
	if (r == 0) {
		settle_foreign(portion);
		r = run(portion, needs_one, judge_one, true, error);
	}
	if (r == 0)
		r = submit(portion, error);
	for (size_t i = 0; i < portion->count && r == 0; i++)
		finish_package(portion, &portion->packages[i]);
	return r;
}

static void release(struct portion *portion)
{
	for (size_t i = 0; i < portion->count; i++) {
		struct package *package = &portion->packages[i];

		for (size_t k = 0; package->files && k < package->entries.count; k++) {
			free(package->files[k].reason);
			free((void *)package->files[k].place);
		}
		free(package->files);
		free(package->records);
		pkgima_entries_free(&package->entries);
	}
	free(portion->packages);
	free(portion->tasks);
	pkgima_signer_reset(portion->job->signer);
}

int pkgima_root_sign(const struct pkgima_root_sign *job, const struct pkgima_installed *packages, size_t count,
		     struct pkgima_root_result *results, struct pkgima_error *error)
{
	struct portion portion = { .job = job, .packages = calloc(count + 1, sizeof(*portion.packages)) };
	int r;

	if (!portion.packages)
		return pkgima_fail(error, -ENOMEM, "no memory for packages");
	portion.count = count;
	for (size_t i = 0; i < count; i++) {
		struct package *package = &portion.packages[i];

		results[i] = (struct pkgima_root_result){ .outcome = PKGIMA_ROOT_FAILED };
		package->installed = &packages[i];
		package->result = &results[i];
		package->active = read_entries(job, package, &results[i].error) == 0;
	}
	r = work(&portion, error);
	release(&portion);
	return r;
}

int pkgima_root_lock(int folder_fd, const char *name, const char *what, struct pkgima_error *error)
{
	cleanup_close int fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open the lock of %s", what);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return pkgima_steal_fd(&fd);
	if (errno != EACCES && errno != EAGAIN)
		return pkgima_fail_errno(error, "cannot lock %s", what);
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
		return pkgima_fail(error, -EBUSY, "%s is in use by process %d", what, (int)lock.l_pid);
	return pkgima_fail(error, -EBUSY, "%s is in use", what);
}

void pkgima_root_source_free(struct pkgima_root_source *source)
{
	if (source->free)
		source->free(source->context);
	*source = (struct pkgima_root_source){ 0 };
}
