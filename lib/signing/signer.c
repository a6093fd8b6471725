// SPDX-License-Identifier: LGPL-2.1-or-later
#include "signer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

/* A table that cannot grow is a failure to report, not a reason to exit. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "../base64.h"
#include "../parallel.h"
#include "../signature.h"

#define THREADS_MAX 64

/* Once the key has failed: seconds in which a thread that is still signing may come back. */
#define PATIENCE 10

static atomic_bool hangs;

struct job {
	struct {
		enum pkgima_hash hash;
		uint8_t digest[PKGIMA_DIGEST_MAX];
	} key;
	const struct pkgima_digest *given; /* its signature, where there is no key */
	struct pkgima_value value;   /* allocated by the thread that signs */
	struct job *next;            /* in the queue */
	UT_hash_handle hh;
};

struct pkgima_signer {
	EVP_PKEY *key;               /* or NULL, and: */
	const struct pkgima_digests *given;
	const struct pkgima_certificate *certificate;
	struct job *jobs;            /* all since the last reset, by digest; the submitting thread's alone */
	size_t total;

	pthread_mutex_t lock;        /* guards what follows */
	pthread_cond_t work, done;
	struct job *first, *last;    /* queue */
	unsigned int busy;           /* threads that sign at this moment */
	unsigned int idle;           /* threads that wait for work */
	bool stop, broken;
	bool abandoned;              /* a thread hangs in a token's library: nothing that it may use is released */
	int result;
	struct pkgima_error error;

	bool (*is_over)(void *context);
	void *context;

	unsigned int started;
	pthread_t threads[THREADS_MAX];
};

/*
 * What a thread signs and verifies with. It has a copy of the key, if that is OpenSSL's own: RSA blinding belongs to the
 * thread that first used the key, and all others would queue for a shared one.
 */
struct hand {
	EVP_PKEY *key;
	EVP_PKEY_CTX *sign, *verify;
	enum pkgima_hash hash;       /* that the contexts are set to */
	uint8_t buffer[PKGIMA_SIGNATURE_MAX];
};

static void hand_release(struct hand *hand)
{
	EVP_PKEY_CTX_free(hand->sign);
	EVP_PKEY_CTX_free(hand->verify);
	EVP_PKEY_free(hand->key);
	hand->sign = hand->verify = NULL;
	hand->key = NULL;
}

/*
 * A key in a token cannot be copied, and what EVP_PKEY_dup() makes of an engine's EC key shares parts with it that are then
 * released twice. All threads share the one: engine and provider give each signature that is being made a session of its
 * own, as many as the token has.
 */
static EVP_PKEY *copy_or_share(EVP_PKEY *key)
{
	const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(key);
	const char *name = provider ? OSSL_PROVIDER_get0_name(provider) : "";
	EVP_PKEY *copy = NULL;

	if (!strcmp(name, "default") || !strcmp(name, "fips"))
		copy = EVP_PKEY_dup(key);
	if (!copy && EVP_PKEY_up_ref(key) == 1)
		copy = key;
	return copy;
}

/* Sets a context to what all signatures are: of a digest that is there already, RSA ones of PKCS #1 version 1.5. */
static bool set_up(EVP_PKEY_CTX *context, bool rsa, enum pkgima_hash hash)
{
	return (!rsa || EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
	       EVP_PKEY_CTX_set_signature_md(context, pkgima_hash_md(hash)) == 1;
}

static int hand_prepare(struct hand *hand, const struct pkgima_signer *signer, enum pkgima_hash hash)
{
	bool rsa = EVP_PKEY_is_a(signer->certificate->key, "RSA");

	hand->verify = EVP_PKEY_CTX_new_from_pkey(NULL, signer->certificate->key, NULL);
	if (!hand->verify || EVP_PKEY_verify_init(hand->verify) != 1 || !set_up(hand->verify, rsa, hash))
		return -EIO;
	if (signer->key) {
		hand->key = copy_or_share(signer->key);
		hand->sign = EVP_PKEY_CTX_new_from_pkey(NULL, hand->key, NULL);
		if (!hand->sign || EVP_PKEY_sign_init(hand->sign) != 1 ||
		    !set_up(hand->sign, EVP_PKEY_is_a(signer->key, "RSA"), hash))
			return -EIO;
	}
	hand->hash = hash;
	return 0;
}

static int hand_set(struct hand *hand, const struct pkgima_signer *signer, enum pkgima_hash hash)
{
	int r;

	if (hand->verify && hand->hash == hash)
		return 0;
	hand_release(hand);
	r = hand_prepare(hand, signer, hash);
	/* What is half prepared must not be taken for ready the next time. */
	if (r < 0)
		hand_release(hand);
	return r;
}

/* OpenSSL's first error is the most telling one. */
static int fail_key(struct pkgima_error *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	pkgima_fail(error, 0, "the key did not sign: %s", reason ? reason : "unknown reason");
	ERR_clear_error();
	return -EIO;
}

static int make(struct hand *hand, const struct pkgima_signer *signer, const struct job *job, uint8_t *bytes,
		size_t *length, struct pkgima_error *error)
{
	if (hand_set(hand, signer, job->key.hash) < 0)
		return fail_key(error);
	if (!signer->key)
		/* The text was found to be base64 when its document was read. */
		return pkgima_base64_decode(job->given->text, job->given->text_length, bytes, *length, length) ? 0 : -EINVAL;
	if (EVP_PKEY_sign(hand->sign, bytes, length, job->key.digest, pkgima_hash_size(job->key.hash)) != 1 ||
	    *length == 0)
		return fail_key(error);
	return 0;
}

static int reject(const struct pkgima_signer *signer, const struct job *job, struct pkgima_error *error)
{
	char hex[2 * PKGIMA_DIGEST_MAX + 1];

	if (signer->key)
		return pkgima_fail(error, -EIO, "a signature that was just made does not verify with the certificate");
	pkgima_hex(job->key.digest, pkgima_hash_size(job->key.hash), hex);
	return pkgima_fail(error, -EKEYREJECTED, "the signature that was given for %s %s does not verify with the certificate",
			   pkgima_hash_name(job->key.hash), hex);
}

static int sign(struct hand *hand, const struct pkgima_signer *signer, struct job *job, struct pkgima_error *error)
{
	size_t length = sizeof(hand->buffer) - PKGIMA_SIGNATURE_HEADER;
	uint8_t *bytes = hand->buffer + PKGIMA_SIGNATURE_HEADER;
	struct pkgima_signature signature;
	int r = make(hand, signer, job, bytes, &length, error);

	if (r < 0)
		return r;
	if (EVP_PKEY_verify(hand->verify, bytes, length, job->key.digest, pkgima_hash_size(job->key.hash)) != 1) {
		ERR_clear_error();
		return reject(signer, job, error);
	}
	signature = (struct pkgima_signature){
		.type = PKGIMA_XATTR_IMA_SIGNATURE,
		.version = PKGIMA_SIGNATURE_VERSION,
		.hash = job->key.hash,
		.key_id = signer->certificate->key_id,
		.length = length,
	};
	pkgima_signature_write_header(&signature, hand->buffer);
	length += PKGIMA_SIGNATURE_HEADER;
	bytes = malloc(length);
	if (!bytes)
		return pkgima_fail(error, -ENOMEM, "no memory for a signature");
	memcpy(bytes, hand->buffer, length);
	job->value.bytes = bytes;
	job->value.length = length;
	return 0;
}

/* Takes jobs off the queue and signs them, until it is empty. Called and returns with the lock held. */
static void work_off(struct pkgima_signer *signer, struct hand *hand)
{
	while (signer->first && !signer->result) {
		struct job *job = signer->first;
		struct pkgima_error error;
		int r;

		signer->first = job->next;
		signer->busy++;
		pthread_mutex_unlock(&signer->lock);
		r = sign(hand, signer, job, &error);
		pthread_mutex_lock(&signer->lock);
		signer->busy--;
		if (r < 0 && !signer->result) {
			signer->result = r;
			signer->error = error;
			signer->broken |= signer->key && r == -EIO;
		}
	}
	if (signer->busy == 0)
		pthread_cond_broadcast(&signer->done);
}

static void *work(void *argument)
{
	struct pkgima_signer *signer = argument;
	struct hand hand = { 0 };

	pthread_mutex_lock(&signer->lock);
	while (!signer->stop) {
		work_off(signer, &hand);
		if (signer->stop)
			break;
		signer->idle++;
		pthread_cond_wait(&signer->work, &signer->lock);
		signer->idle--;
	}
	pthread_mutex_unlock(&signer->lock);
	hand_release(&hand);
	return NULL;
}

static int start(EVP_PKEY *key, const struct pkgima_digests *given, const struct pkgima_certificate *certificate,
		 unsigned int threads, struct pkgima_signer **ret_signer, struct pkgima_error *error)
{
	struct pkgima_signer *signer = calloc(1, sizeof(*signer));
	pthread_condattr_t monotonic;
	sigset_t all, before;

	if (!signer)
		return pkgima_fail(error, -ENOMEM, "no memory to sign");
	signer->key = key;
	signer->given = given;
	signer->certificate = certificate;
	pthread_mutex_init(&signer->lock, NULL);
	pthread_cond_init(&signer->work, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&signer->done, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (!threads)
		threads = pkgima_parallel_cores();
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (signer->started < threads &&
	       pthread_create(&signer->threads[signer->started], NULL, work, signer) == 0)
		signer->started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* Without any thread pkgima_signer_wait() does the work. */
	*ret_signer = signer;
	return 0;
}

int pkgima_signer_new(EVP_PKEY *key, const struct pkgima_certificate *certificate, unsigned int threads,
		      struct pkgima_signer **ret_signer, struct pkgima_error *error)
{
	return start(key, NULL, certificate, threads, ret_signer, error);
}

int pkgima_signer_new_given(const struct pkgima_signatures *signatures, unsigned int threads,
			    struct pkgima_signer **ret_signer, struct pkgima_error *error)
{
	return start(NULL, &signatures->digests, signatures->certificate, threads, ret_signer, error);
}

void pkgima_signer_free(struct pkgima_signer *signer)
{
	if (!signer)
		return;
	pthread_mutex_lock(&signer->lock);
	signer->stop = true;
	signer->first = NULL;
	pthread_cond_broadcast(&signer->work);
	if (signer->abandoned) {
		pthread_mutex_unlock(&signer->lock);
		return;
	}
	pthread_mutex_unlock(&signer->lock);
	for (unsigned int i = 0; i < signer->started; i++)
		pthread_join(signer->threads[i], NULL);
	pkgima_signer_reset(signer);
	pthread_cond_destroy(&signer->work);
	pthread_cond_destroy(&signer->done);
	pthread_mutex_destroy(&signer->lock);
	free(signer);
}

static int fail_missing(enum pkgima_hash hash, const uint8_t *digest, struct pkgima_error *error)
{
	char hex[2 * PKGIMA_DIGEST_MAX + 1];

	pkgima_hex(digest, pkgima_hash_size(hash), hex);
	return pkgima_fail(error, -EKEYREJECTED, "no signature was given for %s %s: it is not what was extracted",
			   pkgima_hash_name(hash), hex);
}

int pkgima_signer_submit(struct pkgima_signer *signer, enum pkgima_hash hash, const uint8_t *digest,
			 const struct pkgima_value **ret_value, struct pkgima_error *error)
{
	struct job *job = calloc(1, sizeof(*job)), *known;

	if (!job)
		return pkgima_fail(error, -ENOMEM, "no memory for a signature");
	job->key.hash = hash;
	memcpy(job->key.digest, digest, pkgima_hash_size(hash));
	HASH_FIND(hh, signer->jobs, &job->key, sizeof(job->key), known);
	if (known) {
		free(job);
		*ret_value = &known->value;
		return 0;
	}
	if (signer->given) {
		job->given = pkgima_digests_find(signer->given, hash, digest);
		if (!job->given) {
			free(job);
			return fail_missing(hash, digest, error);
		}
	}
	HASH_ADD(hh, signer->jobs, key, sizeof(job->key), job);
	if (!job->hh.tbl) {
		free(job);
		return pkgima_fail(error, -ENOMEM, "no memory for a signature");
	}
	signer->total++;
	pthread_mutex_lock(&signer->lock);
	if (signer->first)
		signer->last->next = job;
	else
		signer->first = job;
	signer->last = job;
	if (signer->idle)
		pthread_cond_signal(&signer->work);
	pthread_mutex_unlock(&signer->lock);
	*ret_value = &job->value;
	return 0;
}

/* Until a thread says so, or for a second. Called and returns with the lock held. */
static void wait_a_while(struct pkgima_signer *signer)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	pthread_cond_timedwait(&signer->done, &signer->lock, &until);
}

static bool is_over(const struct pkgima_signer *signer)
{
	return signer->is_over && signer->is_over(signer->context);
}

int pkgima_signer_wait(struct pkgima_signer *signer, struct pkgima_error *error)
{
	struct hand hand = { 0 };
	int r;

	pthread_mutex_lock(&signer->lock);
	if (!signer->started)
		work_off(signer, &hand);
	while (!signer->result && (signer->first || signer->busy)) {
		wait_a_while(signer);
		if (!signer->result && is_over(signer))
			signer->result = pkgima_fail(&signer->error, -EINTR, "interrupted");
	}
	r = signer->result;
	if (r < 0 && error)
		*error = signer->error;
	pthread_mutex_unlock(&signer->lock);
	hand_release(&hand);
	return r;
}

static time_t seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/*
 * A call into a token's library does not come back: p11-kit, for one, leaves a second thread waiting when its server is
 * gone. From now on everything fails.
 */
static void abandon(struct pkgima_signer *signer)
{
	signer->abandoned = signer->broken = true;
	if (!signer->result)
		signer->result = pkgima_fail(&signer->error, -EIO, "the key does not answer");
	atomic_store(&hangs, true);
}

void pkgima_signer_reset(struct pkgima_signer *signer)
{
	time_t since = seconds();
	struct job *job, *next;

	pthread_mutex_lock(&signer->lock);
	signer->first = NULL;
	while (signer->busy && !signer->abandoned) {
		wait_a_while(signer);
		if (signer->busy && ((signer->result && seconds() - since >= PATIENCE) || is_over(signer)))
			abandon(signer);
	}
	if (signer->abandoned) {
		signer->jobs = NULL;
		pthread_mutex_unlock(&signer->lock);
		return;
	}
	signer->result = 0;
	pthread_mutex_unlock(&signer->lock);
	HASH_ITER(hh, signer->jobs, job, next) {
		HASH_DEL(signer->jobs, job);
		free((void *)job->value.bytes);
		free(job);
	}
}

void pkgima_signer_set_limit(struct pkgima_signer *signer, bool (*over)(void *context), void *context)
{
	signer->is_over = over;
	signer->context = context;
}

bool pkgima_signer_hangs(void)
{
	return atomic_load(&hangs);
}

bool pkgima_signer_is_broken(const struct pkgima_signer *signer)
{
	return signer->broken;
}

const struct pkgima_certificate *pkgima_signer_certificate(const struct pkgima_signer *signer)
{
	return signer->certificate;
}

size_t pkgima_signer_count(const struct pkgima_signer *signer)
{
	return signer->total;
}
