// SPDX-License-Identifier: LGPL-2.1-or-later
#include "appraise.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <openssl/evp.h>

#include "check.h"
#include "cleanup.h"
#include "io.h"
#include "signature.h"
#include "verify.h"

#define XATTR_EVM "security.evm"
#define CHUNK ((size_t)128 * 1024)
#define SHA1_NUMBER 2
#define SHA256_NUMBER 4
/* scripts/sign-file.c of the kernel: behind the signature and struct module_signature. */
#define APPENDED_MARK "~Module signature appended~\n"

struct pkgima_appraiser {
	const struct pkgima_trust *trust;
	const struct pkgima_ima_kernel *kernel;
	struct pkgima_verifier *verifier;
	EVP_MD_CTX *context;
	uint8_t *buffer;
};

void pkgima_appraiser_free(struct pkgima_appraiser *appraiser)
{
	if (!appraiser)
		return;
	pkgima_verifier_free(appraiser->verifier);
	EVP_MD_CTX_free(appraiser->context);
	free(appraiser->buffer);
	free(appraiser);
}

struct pkgima_appraiser *pkgima_appraiser_new(const struct pkgima_trust *trust, const struct pkgima_ima_kernel *kernel)
{
	struct pkgima_appraiser *appraiser = calloc(1, sizeof(*appraiser));

	if (!appraiser)
		return NULL;
	*appraiser = (struct pkgima_appraiser){
		.trust = trust,
		.kernel = kernel,
		.verifier = pkgima_verifier_new(trust),
		.context = EVP_MD_CTX_new(),
		.buffer = malloc(CHUNK),
	};
	if (appraiser->verifier && appraiser->context && appraiser->buffer)
		return appraiser;
	pkgima_appraiser_free(appraiser);
	return NULL;
}

/* Sets the label with its reason; 0. */
static int set(struct pkgima_ima_facts *facts, enum pkgima_ima_label label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int set(struct pkgima_ima_facts *facts, enum pkgima_ima_label label, const char *format, ...)
{
	va_list args;

	facts->label = label;
	va_start(args, format);
	vsnprintf(facts->reason, sizeof(facts->reason), format, args);
	va_end(args);
	return 0;
}

/* By the kernel's number; NULL where OpenSSL has none, or a kernel's need not be the same. */
static const EVP_MD *digest_of(int number)
{
	switch (number) {
	case 1:
		return EVP_md5();
	case SHA1_NUMBER:
		return EVP_sha1();
	case SHA256_NUMBER:
		return EVP_sha256();
	case 5:
		return EVP_sha384();
	case 6:
		return EVP_sha512();
	case 7:
		return EVP_sha224();
	default:
		return NULL;
	}
}

/* Has the kernel the algorithm, for sure? By its configuration; where that is not known, it has. */
static bool kernel_has(const struct pkgima_ima_kernel *kernel, int number)
{
	static const char *const options[] = {
		[1] = "CRYPTO_MD5", [SHA1_NUMBER] = "CRYPTO_SHA1", [SHA256_NUMBER] = "CRYPTO_SHA256", [5] = "CRYPTO_SHA512",
		[6] = "CRYPTO_SHA512", [7] = "CRYPTO_SHA256",
	};

	return !kernel->config || !kernel->config->text || pkgima_kernel_config_get(kernel->config, options[number]) == 'y';
}

static int hash_content(struct pkgima_appraiser *appraiser, int fd, const EVP_MD *md, uint8_t digest[EVP_MAX_MD_SIZE],
			unsigned int *ret_length, struct pkgima_error *error)
{
	off_t offset = 0;
	ssize_t length;
	bool good;

	good = EVP_DigestInit_ex(appraiser->context, md, NULL) == 1;
	for (; good; offset += length) {
		length = pkgima_pread_all(fd, appraiser->buffer, CHUNK, offset);
		if (length < 0)
			return pkgima_fail(error, (int)length, "cannot read it: %s", strerror((int)-length));
		if (length == 0)
			break;
		good = EVP_DigestUpdate(appraiser->context, appraiser->buffer, (size_t)length) == 1;
	}
	if (!good || EVP_DigestFinal_ex(appraiser->context, digest, ret_length) != 1)
		return pkgima_fail(error, -EIO, "cannot hash it");
	return 0;
}

/* ima_get_hash_algo(): the old type has no number, its length tells. */
static int old_hash_number(const struct pkgima_value *value)
{
	static const uint8_t zeros[4];

	if (value->length == 17 || (value->length == 21 && !memcmp(value->bytes + 17, zeros, sizeof(zeros))))
		return 1;
	return value->length == 21 ? SHA1_NUMBER : SHA256_NUMBER;
}

static int look_at_hash(struct pkgima_appraiser *appraiser, int fd, const struct pkgima_value *value,
			struct pkgima_ima_facts *facts, struct pkgima_error *error)
{
	size_t start = value->bytes[0] == PKGIMA_XATTR_DIGEST_NG ? 2 : 1;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int length;
	const EVP_MD *md;
	int r;

	if (value->length < 2)
		return set(facts, PKGIMA_IMA_LABEL_WRONG_HASH, "the hash is cut off");
	facts->hash = start == 2 ? value->bytes[1] : old_hash_number(value);
	if (facts->hash > 22)
		facts->hash = SHA256_NUMBER;
	md = digest_of(facts->hash);
	if (!md)
		return set(facts, PKGIMA_IMA_LABEL_OPEN, "a hash with algorithm %d is not checked here", facts->hash);
	if (!kernel_has(appraiser->kernel, facts->hash))
		return set(facts, PKGIMA_IMA_LABEL_WRONG_HASH, "the kernel has no %s built in, with which it was hashed",
			   pkgima_ima_hash_name((unsigned int)facts->hash));
	r = hash_content(appraiser, fd, md, digest, &length, error);
	if (r < 0)
		return r;
	if (value->length < start + length || memcmp(value->bytes + start, digest, length) != 0)
		return set(facts, PKGIMA_IMA_LABEL_WRONG_HASH, "the content is not what was hashed");
	return set(facts, PKGIMA_IMA_LABEL_HASH, "it has only a hash, and no signature");
}

/* Does an EC key of this store's sign? Kernels without ECDSA cannot verify that. */
static bool is_verifiable(const struct pkgima_appraiser *appraiser, const struct pkgima_certificate *certificate)
{
	const struct pkgima_kernel_config *config = appraiser->kernel->config;

	return !config || !config->text || EVP_PKEY_is_a(certificate->key, "RSA") ||
	       pkgima_kernel_config_get(config, "CRYPTO_ECDSA") == 'y';
}

static int look_at_signature(struct pkgima_appraiser *appraiser, int fd, const struct pkgima_value *value,
			     struct pkgima_ima_facts *facts, struct pkgima_error *error)
{
	const struct pkgima_certificate *certificate;
	struct pkgima_signature signature;
	uint8_t digest[EVP_MAX_MD_SIZE];
	struct pkgima_error reason;
	size_t position = 0;
	unsigned int length;
	int r;

	if (value->length > 2 && value->bytes[1] == 3)
		return set(facts, PKGIMA_IMA_LABEL_BAD, "its signature is of version 3, which kernels 6.1 and 6.12 do not take");
	/* Signed digests that are not handled anywhere else. */
	if (value->length > PKGIMA_SIGNATURE_HEADER && value->bytes[1] == 2 && value->bytes[2] <= 22 &&
	    value->bytes[2] != SHA256_NUMBER && value->bytes[2] != 5 && value->bytes[2] != 6) {
		facts->hash = value->bytes[2];
		return set(facts, PKGIMA_IMA_LABEL_OPEN, "a signature of a digest with algorithm %d is not checked here",
			   facts->hash);
	}
	if (pkgima_signature_parse(value->bytes, value->length, &signature, &reason) < 0)
		return set(facts, PKGIMA_IMA_LABEL_BAD, "no signature that a kernel takes: %.120s", reason.text);
	facts->hash = pkgima_hash_number(signature.hash);
	certificate = pkgima_trust_find(appraiser->trust, signature.key_id, &position);
	if (!certificate)
		return set(facts, PKGIMA_IMA_LABEL_UNKNOWN_KEY, "it is signed with key %08x, of which the trust store has no certificate",
			   signature.key_id);
	if (!is_verifiable(appraiser, certificate))
		return set(facts, PKGIMA_IMA_LABEL_BAD, "it is signed with an EC key, and the kernel has no ECDSA built in");
	if (!kernel_has(appraiser->kernel, facts->hash))
		return set(facts, PKGIMA_IMA_LABEL_BAD, "the kernel has no %s built in, which is what was signed",
			   pkgima_hash_name(signature.hash));
	r = hash_content(appraiser, fd, pkgima_hash_md(signature.hash), digest, &length, error);
	if (r < 0)
		return r;
	if (pkgima_verifier_check(appraiser->verifier, value, signature.hash, digest, NULL) != PKGIMA_VERDICT_OK)
		return set(facts, PKGIMA_IMA_LABEL_BAD, "its content is not what key %08x has signed", signature.key_id);
	return set(facts, PKGIMA_IMA_LABEL_SIGNATURE, "%s", "");
}

static bool ends_with_signature(int fd)
{
	char end[sizeof(APPENDED_MARK) - 1];
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(end) &&
	       pkgima_pread_all(fd, end, sizeof(end), st.st_size - (off_t)sizeof(end)) == (ssize_t)sizeof(end) &&
	       !memcmp(end, APPENDED_MARK, sizeof(end));
}

int pkgima_appraiser_look(struct pkgima_appraiser *appraiser, int fd, struct pkgima_ima_facts *ret_facts,
			  struct pkgima_error *error)
{
	struct pkgima_ima_facts facts = { .hash = SHA256_NUMBER };
	uint8_t buffer[PKGIMA_SIGNATURE_MAX];
	struct pkgima_value value;
	int r;

	r = pkgima_file_value(fd, buffer, &value);
	if (r < 0 && r != -EOPNOTSUPP && r != -ERANGE)
		return pkgima_fail(error, r, "cannot read its security.ima: %s", strerror(-r));
	facts.has_evm = fgetxattr(fd, XATTR_EVM, NULL, 0) > 0;
	facts.has_appended = ends_with_signature(fd);
	if (r == -EOPNOTSUPP)
		r = set(&facts, PKGIMA_IMA_LABEL_NOTHING, "its file system has no security.ima");
	else if (r == -ERANGE)
		r = set(&facts, PKGIMA_IMA_LABEL_BAD, "its security.ima is longer than any signature");
	else if (!value.bytes || !value.length)
		r = set(&facts, PKGIMA_IMA_LABEL_NOTHING, "it has no signature");
	else if (value.bytes[0] == PKGIMA_XATTR_DIGEST || value.bytes[0] == PKGIMA_XATTR_DIGEST_NG)
		r = look_at_hash(appraiser, fd, &value, &facts, error);
	else if (value.bytes[0] == PKGIMA_XATTR_IMA_SIGNATURE)
		r = look_at_signature(appraiser, fd, &value, &facts, error);
	else if (value.bytes[0] == PKGIMA_XATTR_VERITY_SIGNATURE)
		r = set(&facts, PKGIMA_IMA_LABEL_VERITY, "it has a signature for fs-verity");
	else
		r = set(&facts, PKGIMA_IMA_LABEL_BAD, "its security.ima is of type %u, which no kernel takes", value.bytes[0]);
	if (r == 0)
		*ret_facts = facts;
	return r;
}

/* Without EVM. */
static enum pkgima_ima_decision decide_label(const struct pkgima_ima_facts *facts, uint32_t flags, const char **ret_reason)
{
	bool wants_signature = flags & PKGIMA_IMA_SIGNATURE, wants_verity = flags & PKGIMA_IMA_VERITY;

	*ret_reason = facts->reason;
	switch (facts->label) {
	case PKGIMA_IMA_LABEL_HASH:
		return wants_signature || wants_verity ? PKGIMA_IMA_DENIED : PKGIMA_IMA_PASSES;
	case PKGIMA_IMA_LABEL_SIGNATURE:
		if (wants_verity)
			*ret_reason = "the policy wants a signature for fs-verity";
		else if (flags & PKGIMA_IMA_SIGV3)
			*ret_reason = "the policy wants a signature of version 3";
		else
			return PKGIMA_IMA_PASSES;
		return PKGIMA_IMA_DENIED;
	case PKGIMA_IMA_LABEL_VERITY:
		*ret_reason = wants_verity ? "signatures for fs-verity are not checked here" :
					     "it has a signature for fs-verity, which the policy does not ask for";
		return wants_verity ? PKGIMA_IMA_UNDECIDED : PKGIMA_IMA_DENIED;
	case PKGIMA_IMA_LABEL_OPEN:
		return PKGIMA_IMA_UNDECIDED;
	default:
		return PKGIMA_IMA_DENIED;
	}
}

enum pkgima_ima_decision pkgima_ima_decide(const struct pkgima_ima_facts *facts, const struct pkgima_ima_kernel *kernel,
					   const struct pkgima_ima_demand *demand, const char **ret_reason)
{
	enum pkgima_ima_decision decision;

	*ret_reason = NULL;
	if (!demand->appraised)
		return PKGIMA_IMA_PASSES;
	if (kernel->evm && !facts->has_evm && facts->label != PKGIMA_IMA_LABEL_NOTHING) {
		*ret_reason = "EVM is in use, and it has no security.evm";
		decision = PKGIMA_IMA_DENIED;
	} else {
		decision = decide_label(facts, demand->flags, ret_reason);
	}
	/* A valid signature of EVM makes a hash as good as a signature; one that is not valid denies everything. */
	if (kernel->evm && facts->has_evm && (decision == PKGIMA_IMA_PASSES || facts->label == PKGIMA_IMA_LABEL_HASH)) {
		*ret_reason = "EVM is in use, whose signatures are not checked here";
		decision = PKGIMA_IMA_UNDECIDED;
	}
	if (demand->flags & PKGIMA_IMA_MODSIG && facts->has_appended && decision == PKGIMA_IMA_DENIED &&
	    (facts->label == PKGIMA_IMA_LABEL_NOTHING || facts->label == PKGIMA_IMA_LABEL_HASH ||
	     facts->label == PKGIMA_IMA_LABEL_WRONG_HASH || facts->label == PKGIMA_IMA_LABEL_UNKNOWN_KEY)) {
		*ret_reason = "its appended signature is not checked here";
		return PKGIMA_IMA_UNDECIDED;
	}
	if (decision == PKGIMA_IMA_PASSES && demand->algos && !(demand->algos & 1U << facts->hash)) {
		*ret_reason = "appraise_algos= does not permit its hash algorithm";
		return PKGIMA_IMA_DENIED;
	}
	if (decision == PKGIMA_IMA_PASSES)
		*ret_reason = NULL;
	return decision;
}
