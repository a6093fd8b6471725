// SPDX-License-Identifier: LGPL-2.1-or-later
#include "verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "parallel.h"
#include "signature.h"

/* More keys than this in one run are verified without keeping their contexts. */
#define CONTEXTS_MAX 32

struct pkgima_verifier {
	const struct pkgima_trust *trust;
	struct {
		const struct pkgima_certificate *certificate;
		enum pkgima_hash hash;
		EVP_PKEY_CTX *context;
	} kept[CONTEXTS_MAX];
	size_t count;
};

struct pkgima_verifier *pkgima_verifier_new(const struct pkgima_trust *trust)
{
	struct pkgima_verifier *verifier = calloc(1, sizeof(*verifier));

	if (verifier)
		verifier->trust = trust;
	return verifier;
}

void pkgima_verifier_free(struct pkgima_verifier *verifier)
{
	if (!verifier)
		return;
	for (size_t i = 0; i < verifier->count; i++)
		EVP_PKEY_CTX_free(verifier->kept[i].context);
	free(verifier);
}

/* RSA is PKCS#1 v1.5 with DigestInfo, as public_key_verify_signature() of the kernel has it. */
static EVP_PKEY_CTX *new_context(const struct pkgima_certificate *certificate, enum pkgima_hash hash)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, certificate->key, NULL);

	if (context && EVP_PKEY_verify_init(context) == 1 &&
	    (!EVP_PKEY_is_a(certificate->key, "RSA") ||
	     EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(context, pkgima_hash_md(hash)) == 1)
		return context;
	EVP_PKEY_CTX_free(context);
	return NULL;
}

static int verify_with(EVP_PKEY_CTX *context, enum pkgima_hash hash, const uint8_t *digest, const uint8_t *signature,
		       size_t length)
{
	int r = EVP_PKEY_verify(context, signature, length, digest, pkgima_hash_size(hash));

	/* A signature that cannot even be decoded gives a negative result: it is bad all the same. */
	ERR_clear_error();
	return r == 1;
}

int pkgima_certificate_verify(const struct pkgima_certificate *certificate, enum pkgima_hash hash, const uint8_t *digest,
			      const uint8_t *signature, size_t length)
{
	EVP_PKEY_CTX *context = new_context(certificate, hash);
	int r;

	if (!context)
		return -ENOMEM;
	r = verify_with(context, hash, digest, signature, length);
	EVP_PKEY_CTX_free(context);
	return r;
}

static int verify_by(struct pkgima_verifier *verifier, const struct pkgima_certificate *certificate,
		     const struct pkgima_signature *signature, const uint8_t *digest)
{
	EVP_PKEY_CTX *context;

	for (size_t i = 0; i < verifier->count; i++)
		if (verifier->kept[i].certificate == certificate && verifier->kept[i].hash == signature->hash)
			return verify_with(verifier->kept[i].context, signature->hash, digest, signature->bytes,
					   signature->length);
	if (verifier->count == CONTEXTS_MAX)
		return pkgima_certificate_verify(certificate, signature->hash, digest, signature->bytes,
						 signature->length);
	context = new_context(certificate, signature->hash);
	if (!context)
		return -ENOMEM;
	verifier->kept[verifier->count].certificate = certificate;
	verifier->kept[verifier->count].hash = signature->hash;
	verifier->kept[verifier->count].context = context;
	verifier->count++;
	return verify_with(context, signature->hash, digest, signature->bytes, signature->length);
}

enum pkgima_verdict pkgima_verifier_check(struct pkgima_verifier *verifier, const struct pkgima_value *value,
					  enum pkgima_hash hash, const uint8_t *digest, struct pkgima_error *reason)
{
	const struct pkgima_certificate *certificate;
	struct pkgima_signature signature;
	size_t position = 0;
	bool known = false;

	if (!value->bytes) {
		pkgima_fail(reason, 0, "there is no signature");
		return PKGIMA_VERDICT_UNSIGNED;
	}
	if (pkgima_signature_parse(value->bytes, value->length, &signature, reason) < 0)
		return PKGIMA_VERDICT_BAD_SIGNATURE;
	if (signature.hash != hash) {
		pkgima_fail(reason, 0, "it signs a %s digest, the manifest has %s", pkgima_hash_name(signature.hash),
			    pkgima_hash_name(hash));
		return PKGIMA_VERDICT_BAD_SIGNATURE;
	}
	while ((certificate = pkgima_trust_find(verifier->trust, signature.key_id, &position))) {
		known = true;
		if (verify_by(verifier, certificate, &signature, digest) == 1)
			return PKGIMA_VERDICT_OK;
	}
	pkgima_fail(reason, 0, known ? "it does not verify with key %08x" : "key id %08x is not in the trust store",
		    signature.key_id);
	return known ? PKGIMA_VERDICT_BAD_SIGNATURE : PKGIMA_VERDICT_UNKNOWN_KEY;
}

struct verify_all {
	const struct pkgima_trust *trust;
	const struct pkgima_entries *entries;
	struct pkgima_result *results;
};

static void *verify_begin(void *context)
{
	return pkgima_verifier_new(((struct verify_all *)context)->trust);
}

static void verify_end(void *context, void *state)
{
	(void)context;
	pkgima_verifier_free(state);
}

static int verify_one(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct verify_all *all = context;
	const struct pkgima_entry *entry = &all->entries->list[index];
	struct pkgima_error reason = { "" };

	(void)error;
	all->results[index].verdict = pkgima_verifier_check(state, &entry->ima, entry->hash, entry->digest, &reason);
	snprintf(all->results[index].reason, sizeof(all->results[index].reason), "%.*s",
		 (int)sizeof(all->results[index].reason) - 1, reason.text);
	return 0;
}

int pkgima_verify_entries(const struct pkgima_trust *trust, const struct pkgima_entries *entries, unsigned int threads,
			  struct pkgima_result **ret_results, struct pkgima_error *error)
{
	cleanup_free struct pkgima_result *results = calloc(entries->count + 1, sizeof(*results));
	struct verify_all all = { .trust = trust, .entries = entries, .results = results };
	struct pkgima_parallel parallel = {
		.count = entries->count,
		.batch = 16,
		.context = &all,
		.begin = verify_begin,
		.end = verify_end,
		.work = verify_one,
	};
	int r;

	if (!results)
		return pkgima_fail(error, -ENOMEM, "no memory for %zu results", entries->count);
	r = pkgima_parallel_run(&parallel, threads, error);
	if (r < 0)
		return r;
	*ret_results = pkgima_steal_pointer(&results);
	return 0;
}
