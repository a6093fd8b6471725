// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificates, trust store, keys and keygen: what is refused, and that it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "beneath.h"
#include "certificate.h"
#include "signing/key.h"
#include "signing/keygen.h"
#include "trust.h"

#define DAY 86400L
#define LEAF_USAGE "critical,digitalSignature"
#define CA_USAGE "critical,keyCertSign,cRLSign"

/* A certificate to be made, most likely a bad one. What is NULL is left out. */
struct recipe {
	EVP_PKEY *key;              /* NULL: a new P-256 key */
	const char *name;           /* NULL: "leaf" */
	const char *constraints;
	const char *usage;
	const char *skid;
	const char *skid_again;
	const char *akid;
	const char *issuer_name;    /* instead of the issuer's */
	X509 *issuer;               /* NULL: self-signed */
	EVP_PKEY *issuer_key;
	const char *hash;           /* NULL: sha256; "none" for keys that have their own */
	bool pss;
	long from, to;              /* seconds from now; both 0: a day from now on */
};

/* Made once: a CA, a leaf that it issued, and its key, all by pkgima_keygen_run(). */
static struct {
	char folder[64];
	X509 *ca;
	EVP_PKEY *ca_key;
	struct pkgima_certificate *ca_certificate;
} site;

static char *path_in(const char *folder, const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	if (!value)
		return;
	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&context);
	extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_true(X509_add_ext(x509, extension, -1));
	X509_EXTENSION_free(extension);
}

static void sign(X509 *x509, EVP_PKEY *key, const struct recipe *recipe)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *key_context;
	const EVP_MD *hash = EVP_sha256();

	if (recipe->hash)
		hash = strcmp(recipe->hash, "none") ? EVP_get_digestbyname(recipe->hash) : NULL;
	assert_int_equal(EVP_DigestSignInit(context, &key_context, hash, NULL, key), 1);
	if (recipe->pss)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_context, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(X509_sign_ctx(x509, context) > 0);
	EVP_MD_CTX_free(context);
}

static X509 *make_x509(const struct recipe *recipe)
{
	EVP_PKEY *key = recipe->key ? recipe->key : EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	X509 *issuer = recipe->issuer ? recipe->issuer : x509;
	const char *name = recipe->name ? recipe->name : "leaf";
	time_t now = time(NULL);

	assert_non_null(key);
	assert_true(X509_set_version(x509, X509_VERSION_3));
	assert_true(ASN1_INTEGER_set(X509_get_serialNumber(x509), 4711));
	assert_true(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
					       (const unsigned char *)name, -1, -1, 0));
	assert_true(X509_set_issuer_name(x509, X509_get_subject_name(issuer)));
	if (recipe->issuer_name)
		assert_true(X509_NAME_add_entry_by_txt(X509_get_issuer_name(x509), "O", MBSTRING_UTF8,
						       (const unsigned char *)recipe->issuer_name, -1, -1, 0));
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), now + recipe->from));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), now + (recipe->from || recipe->to ? recipe->to : DAY)));
	assert_true(X509_set_pubkey(x509, key));
	add_extension(x509, issuer, NID_basic_constraints, recipe->constraints);
	add_extension(x509, issuer, NID_key_usage, recipe->usage);
	add_extension(x509, issuer, NID_subject_key_identifier, recipe->skid);
	add_extension(x509, issuer, NID_subject_key_identifier, recipe->skid_again);
	add_extension(x509, issuer, NID_authority_key_identifier, recipe->akid);
	sign(x509, recipe->issuer ? recipe->issuer_key : key, recipe);
	if (!recipe->key)
		EVP_PKEY_free(key);
	return x509;
}

static struct pkgima_certificate *parse_x509(X509 *x509)
{
	struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error = { "" };
	unsigned char *der = NULL;
	int length = i2d_X509(x509, &der);

	assert_true(length > 0);
	if (pkgima_certificate_parse(der, (size_t)length, "made", &certificate, &error) < 0)
		fail_msg("%s", error.text);
	OPENSSL_free(der);
	return certificate;
}

static struct pkgima_certificate *make(const struct recipe *recipe)
{
	X509 *x509 = make_x509(recipe);
	struct pkgima_certificate *certificate = parse_x509(x509);

	X509_free(x509);
	return certificate;
}

static void write_der(X509 *x509, const char *folder, const char *name)
{
	char *path = path_in(folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(i2d_X509_fp(file, x509));
	assert_int_equal(fclose(file), 0);
	free(path);
}

/* A leaf that nothing is wrong with: tests change one thing. */
static struct recipe good_leaf(void)
{
	return (struct recipe){
		.constraints = "critical,CA:FALSE",
		.usage = LEAF_USAGE,
		.skid = "hash",
		.akid = "keyid:always",
		.issuer = site.ca,
		.issuer_key = site.ca_key,
	};
}

static struct recipe good_ca(void)
{
	return (struct recipe){
		.name = "other CA",
		.constraints = "critical,CA:TRUE",
		.usage = CA_USAGE,
		.skid = "hash",
		.akid = "keyid:always",
	};
}

static void expect(const char *problem, const char *part)
{
	if (!part && problem)
		fail_msg("unexpected problem: %s", problem);
	if (part && !problem)
		fail_msg("no problem, but expected: %s", part);
	if (part && !strstr(problem, part))
		fail_msg("problem is \"%s\", expected: %s", problem, part);
}

static void expect_leaf(const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = make(recipe);

	expect(pkgima_certificate_leaf_problem(certificate), part);
}

static void expect_ca(const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = make(recipe);

	expect(pkgima_certificate_ca_problem(certificate), part);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static void remove_tree(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static char *new_folder(void)
{
	char *folder = path_in(site.folder, "XXXXXX");

	assert_non_null(mkdtemp(folder));
	return folder;
}

static void keygen(enum pkgima_keygen_type type, const char *algorithm, const char *folder, const char *ca)
{
	char *ca_cert = ca ? path_in(ca, "ca.pem") : NULL, *ca_key = ca ? path_in(ca, "ca.key") : NULL;
	struct pkgima_keygen request = {
		.type = type,
		.name = "Test key",
		.algorithm = algorithm,
		.ca_cert = ca_cert,
		.ca_key = ca_key,
		/* A leaf ends before its CA, so that nothing is cut. */
		.days = type == PKGIMA_KEYGEN_CA ? 20 : 10,
		.folder = folder,
	};
	struct pkgima_error error = { "" };

	if (pkgima_keygen_run(&request, &error) < 0)
		fail_msg("%s", error.text);
	free(ca_cert);
	free(ca_key);
}

static struct pkgima_certificate *load(const char *folder, const char *name)
{
	struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error = { "" };
	char *path = path_in(folder, name);

	if (pkgima_certificate_load(path, &certificate, &error) < 0)
		fail_msg("%s", error.text);
	free(path);
	return certificate;
}

static int setup(void **state)
{
	struct pkgima_error error = { "" };
	char *key;

	(void)state;
	strcpy(site.folder, "/tmp/pkgima-certificate.XXXXXX");
	assert_non_null(mkdtemp(site.folder));
	keygen(PKGIMA_KEYGEN_CA, "rsa2048", site.folder, NULL);
	keygen(PKGIMA_KEYGEN_IMA, "p256", site.folder, site.folder);
	site.ca_certificate = load(site.folder, "ca.der");
	site.ca = site.ca_certificate->x509;
	key = path_in(site.folder, "ca.key");
	assert_int_equal(pkgima_key_load(key, &site.ca_key, &error), 0);
	free(key);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pkgima_certificate_free(site.ca_certificate);
	EVP_PKEY_free(site.ca_key);
	remove_tree(site.folder);
	return 0;
}

/* --- Parsing --- */

static void expect_refused(const uint8_t *data, size_t length, int code)
{
	struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_certificate_parse(data, length, "a\nfile", &certificate, &error), code);
	assert_null(certificate);
	assert_non_null(strstr(error.text, "a\\012file"));
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_parse_fields(void **state)
{
	cleanup_certificate struct pkgima_certificate *der = load(site.folder, "ima.der");
	cleanup_certificate struct pkgima_certificate *pem = load(site.folder, "ima.pem");
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(der->x509);
	const unsigned char *last = ASN1_STRING_get0_data(skid) + ASN1_STRING_length(skid) - 4;
	unsigned char digest[32];
	char hex[65];

	(void)state;
	assert_true(der->has_skid);
	assert_int_equal(der->key_id,
			 (uint32_t)last[0] << 24 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 8 | last[3]);
	assert_string_equal(der->subject, "CN=Test key");
	assert_non_null(strstr(der->source, "/ima.der"));
	assert_int_equal(der->not_after - der->not_before, 10 * DAY);
	assert_true(X509_digest(der->x509, EVP_sha256(), digest, NULL));
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	assert_string_equal(der->fingerprint, hex);
	assert_string_equal(pem->fingerprint, hex);
	assert_int_equal(pem->der_length, der->der_length);
	assert_memory_equal(pem->der, der->der, der->der_length);
}

static void test_parse_subject_escaped(void **state)
{
	struct recipe recipe = good_leaf();
	cleanup_certificate struct pkgima_certificate *certificate = NULL;

	(void)state;
	recipe.name = "a\n\x1b[31m\xc3\xa4";
	certificate = make(&recipe);
	for (const char *at = certificate->subject; *at; at++)
		assert_true(*at >= 0x20 && *at < 0x7f);
	assert_non_null(strstr(certificate->subject, "\\0A"));
}

static void test_parse_truncated_and_garbage(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = load(site.folder, "ima.der");
	uint8_t *copy;

	(void)state;
	/* A buffer of its exact size each time, so that the sanitizers see every byte read too far. */
	for (size_t length = 0; length < good->der_length; length++) {
		copy = malloc(length ? length : 1);
		memcpy(copy, good->der, length);
		expect_refused(copy, length, -EINVAL);
		free(copy);
	}
	copy = malloc(good->der_length + 1);
	memcpy(copy, good->der, good->der_length);
	copy[good->der_length] = 0;
	expect_refused(copy, good->der_length + 1, -EINVAL);
	copy[good->der_length] = '\n';
	expect_refused(copy, good->der_length + 1, -EINVAL);
	free(copy);
}

static void test_parse_damaged(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = load(site.folder, "ima.der");
	cleanup_free uint8_t *copy = malloc(good->der_length);

	(void)state;
	for (size_t at = 0; at < good->der_length; at++) {
		static const uint8_t changes[] = { 0x01, 0x80, 0xff };

		for (size_t i = 0; i < sizeof(changes); i++) {
			cleanup_certificate struct pkgima_certificate *certificate = NULL;

			memcpy(copy, good->der, good->der_length);
			copy[at] ^= changes[i];
			if (pkgima_certificate_parse(copy, good->der_length, "damaged", &certificate, NULL) < 0)
				continue;
			/* Whatever it is now: nothing crashes, and nobody has issued it. */
			pkgima_certificate_leaf_problem(certificate);
			pkgima_certificate_ca_problem(certificate);
			assert_false(pkgima_certificate_issued_by(certificate, site.ca_certificate));
		}
	}
}

/* The outer SEQUENCE with an indefinite length: BER, which OpenSSL reads. */
static void test_parse_ber(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = load(site.folder, "ima.der");
	size_t length = good->der_length - 4 + 2 + 2;
	cleanup_free uint8_t *ber = calloc(1, length);

	(void)state;
	assert_int_equal(good->der[1], 0x82);
	ber[0] = 0x30;
	ber[1] = 0x80;
	memcpy(ber + 2, good->der + 4, good->der_length - 4);
	expect_refused(ber, length, -EINVAL);
}

static void test_parse_no_certificate(void **state)
{
	static const char encrypted[] =
		"-----BEGIN CERTIFICATE-----\n"
		"Proc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
		"\n"
		"AAAAAAAAAAAAAAAAAAAAAA==\n"
		"-----END CERTIFICATE-----\n";
	struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error = { "" };
	char *key = path_in(site.folder, "ca.key");

	(void)state;
	expect_refused((const uint8_t *)"", 0, -EINVAL);
	expect_refused((const uint8_t *)"hello", 5, -EINVAL);
	/* Must not ask for a passphrase: it would hang where there is a terminal. */
	expect_refused((const uint8_t *)encrypted, strlen(encrypted), -EINVAL);
	assert_int_equal(pkgima_certificate_load(key, &certificate, &error), -EINVAL);
	free(key);
	assert_int_equal(pkgima_certificate_load("/nonexistent", &certificate, &error), -ENOENT);
	assert_int_equal(pkgima_certificate_load("/dev/null", &certificate, &error), -EINVAL);
}

static void test_parse_pem_after_text(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = load(site.folder, "ima.der");
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long length;

	(void)state;
	BIO_puts(bio, "subject=CN = Test key\n");
	assert_true(PEM_write_bio_X509(bio, good->x509));
	assert_true(PEM_write_bio_X509(bio, site.ca));
	length = BIO_get_mem_data(bio, &data);
	assert_int_equal(pkgima_certificate_parse((uint8_t *)data, (size_t)length, "pem", &certificate, NULL), 0);
	BIO_free(bio);
	assert_string_equal(certificate->fingerprint, good->fingerprint);
}

static void test_parse_largest(void **state)
{
	cleanup_free char *data = calloc(1, PKGIMA_CERTIFICATE_MAX + 1);
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long length;

	(void)state;
	assert_true(PEM_write_bio_X509(bio, site.ca));
	length = BIO_get_mem_data(bio, &pem);
	memset(data, '\n', PKGIMA_CERTIFICATE_MAX + 1);
	memcpy(data, pem, (size_t)length);
	BIO_free(bio);
	assert_int_equal(pkgima_certificate_parse((uint8_t *)data, PKGIMA_CERTIFICATE_MAX, "pem", &certificate, NULL),
			 0);
	expect_refused((uint8_t *)data, PKGIMA_CERTIFICATE_MAX + 1, -EINVAL);
}

/* --- What a kernel would not take --- */

static void test_good(void **state)
{
	cleanup_certificate struct pkgima_certificate *leaf = load(site.folder, "ima.der");
	struct recipe recipe = good_leaf();
	struct recipe ca = good_ca();

	(void)state;
	expect(pkgima_certificate_leaf_problem(leaf), NULL);
	expect(pkgima_certificate_ca_problem(site.ca_certificate), NULL);
	expect_leaf(&recipe, NULL);
	expect_ca(&ca, NULL);
	/* The kernel only looks at basicConstraints when they are there. */
	recipe.constraints = NULL;
	expect_leaf(&recipe, NULL);
}

static void test_skid(void **state)
{
	struct recipe recipe = good_leaf(), ca = good_ca();

	(void)state;
	recipe.skid = NULL;
	expect_leaf(&recipe, "Subject Key Identifier");
	recipe.skid = "01:02:03";
	expect_leaf(&recipe, "Subject Key Identifier");
	recipe.skid = "01:02:03:04";
	expect_leaf(&recipe, NULL);
	recipe.skid_again = "05:06:07:08";
	expect_leaf(&recipe, "malformed");
	ca.skid = NULL;
	ca.akid = NULL;
	expect_ca(&ca, "Subject Key Identifier");
}

static void test_key_id_bytes(void **state)
{
	struct recipe recipe = good_leaf();
	cleanup_certificate struct pkgima_certificate *certificate = NULL;

	(void)state;
	recipe.skid = "11:22:fe:dc:ba:98";
	certificate = make(&recipe);
	assert_int_equal(certificate->key_id, 0xfedcba98);
}

static void test_leaf_usage(void **state)
{
	struct recipe recipe = good_leaf();

	(void)state;
	recipe.usage = "critical,digitalSignature,keyCertSign";
	expect_leaf(&recipe, "keyCertSign");
	recipe.usage = "critical,keyAgreement";
	expect_leaf(&recipe, "lacks digitalSignature");
	recipe.usage = NULL;
	expect_leaf(&recipe, "no keyUsage");
	recipe.usage = LEAF_USAGE;
	recipe.constraints = "critical,CA:TRUE";
	expect_leaf(&recipe, "CA:TRUE");
}

static void test_ca_usage(void **state)
{
	struct recipe recipe = good_ca();

	(void)state;
	recipe.usage = "critical,keyCertSign,digitalSignature";
	expect_ca(&recipe, "digitalSignature");
	recipe.usage = "critical,cRLSign";
	expect_ca(&recipe, "lacks keyCertSign");
	recipe.usage = NULL;
	expect_ca(&recipe, "no keyUsage");
	recipe.usage = CA_USAGE;
	recipe.constraints = "critical,CA:FALSE";
	expect_ca(&recipe, "no CA certificate");
	recipe.constraints = NULL;
	expect_ca(&recipe, "no CA certificate");
}

static void expect_key(EVP_PKEY *key, const char *part)
{
	struct recipe leaf = good_leaf(), ca = good_ca();

	assert_non_null(key);
	leaf.key = key;
	expect_leaf(&leaf, part);
	/* As a CA signed by someone else, so that it is the key alone that is wrong. */
	ca.key = key;
	ca.issuer = site.ca;
	ca.issuer_key = site.ca_key;
	expect_ca(&ca, part);
	EVP_PKEY_free(key);
}

static EVP_PKEY *rsa_pss_key(void)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *ec_key(const char *parameter, const char *value)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	assert_non_null(key);
	assert_int_equal(EVP_PKEY_set_utf8_string_param(key, parameter, value), 1);
	return key;
}

static void test_keys(void **state)
{
	(void)state;
	expect_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), "neither RSA nor ECDSA");
	expect_key(rsa_pss_key(), "neither RSA nor ECDSA");
	expect_key(EVP_RSA_gen(1024), "2048, 3072 or 4096");
	expect_key(EVP_RSA_gen(2560), "2048, 3072 or 4096");
	expect_key(EVP_RSA_gen(3072), NULL);
	expect_key(EVP_EC_gen("P-521"), "neither P-256 nor P-384");
	expect_key(EVP_EC_gen("secp256k1"), "neither P-256 nor P-384");
	expect_key(EVP_EC_gen("P-384"), NULL);
	expect_key(ec_key(OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), "not given by name");
	expect_key(ec_key(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"), "compressed");
}

static void test_own_signature(void **state)
{
	struct recipe recipe = good_leaf();
	EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	(void)state;
	recipe.hash = "sha1";
	expect_leaf(&recipe, "sha256, sha384 or sha512");
	recipe.hash = "sha224";
	expect_leaf(&recipe, "sha256, sha384 or sha512");
	recipe.hash = "sha384";
	expect_leaf(&recipe, NULL);
	recipe.hash = "sha512";
	expect_leaf(&recipe, NULL);
	recipe.hash = NULL;
	recipe.pss = true;
	expect_leaf(&recipe, "neither RSA (PKCS #1 v1.5) nor ECDSA");
	recipe.pss = false;
	recipe.hash = "none";
	recipe.issuer_key = ed25519;
	expect_leaf(&recipe, "own signature");
	EVP_PKEY_free(ed25519);
}

static void test_validity(void **state)
{
	cleanup_certificate struct pkgima_certificate *leaf = load(site.folder, "ima.der");

	(void)state;
	expect(pkgima_certificate_validity_problem(leaf, leaf->not_before - 1), "not valid yet");
	expect(pkgima_certificate_validity_problem(leaf, leaf->not_before), NULL);
	expect(pkgima_certificate_validity_problem(leaf, leaf->not_after), NULL);
	expect(pkgima_certificate_validity_problem(leaf, leaf->not_after + 1), "expired");
}

/* --- Who issued it --- */

static bool issued(const struct recipe *recipe, const struct pkgima_certificate *ca)
{
	cleanup_certificate struct pkgima_certificate *certificate = make(recipe);

	return pkgima_certificate_issued_by(certificate, ca);
}

static void test_issued_by(void **state)
{
	cleanup_certificate struct pkgima_certificate *leaf = load(site.folder, "ima.der");
	struct recipe recipe = good_leaf(), ca = good_ca();
	cleanup_certificate struct pkgima_certificate *other = make(&ca);

	(void)state;
	assert_true(pkgima_certificate_issued_by(leaf, site.ca_certificate));
	assert_false(pkgima_certificate_issued_by(leaf, other));
	assert_false(pkgima_certificate_issued_by(leaf, leaf));
	assert_true(issued(&recipe, site.ca_certificate));
	recipe.akid = "keyid:always,issuer:always";
	assert_true(issued(&recipe, site.ca_certificate));
	recipe.akid = NULL;
	assert_false(issued(&recipe, site.ca_certificate));
	recipe.akid = "keyid:always";
	recipe.issuer_name = "someone else";
	assert_false(issued(&recipe, site.ca_certificate));
}

/* The right names, with a key that is not the CA's. */
static void test_issued_by_forged(void **state)
{
	struct recipe recipe = good_leaf();

	(void)state;
	recipe.issuer_key = EVP_RSA_gen(2048);
	assert_false(issued(&recipe, site.ca_certificate));
	EVP_PKEY_free(recipe.issuer_key);
}

/* The right name and key, but the Authority Key Identifier is of a CA certificate with another identifier or serial. */
static void test_issued_by_other_identifier(void **state)
{
	cleanup_certificate struct pkgima_certificate *ca = NULL, *twin = NULL, *bare = NULL;
	struct recipe recipe = good_ca(), leaf = good_leaf();

	(void)state;
	recipe.key = EVP_EC_gen("P-256");
	recipe.skid = "01:02:03:04";
	ca = make(&recipe);
	recipe.skid = "05:06:07:08";
	twin = make(&recipe);
	recipe.skid = NULL;
	recipe.akid = NULL;
	bare = make(&recipe);
	leaf.issuer = ca->x509;
	leaf.issuer_key = recipe.key;
	assert_true(issued(&leaf, ca));
	assert_false(issued(&leaf, twin));
	assert_false(issued(&leaf, bare));
	EVP_PKEY_free(recipe.key);
}

/* --- Keys --- */

static void expect_key_check(EVP_PKEY *key, const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = make(recipe);
	struct pkgima_error error = { "" };
	int r = pkgima_key_check(key, certificate, time(NULL), &error);

	assert_int_equal(r, part ? -EINVAL : 0);
	if (part && !strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_key_check(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct recipe recipe = good_leaf();

	(void)state;
	recipe.key = key;
	expect_key_check(key, &recipe, NULL);
	expect_key_check(other, &recipe, "does not belong");
	expect_key_check(site.ca_key, &recipe, "does not belong");
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	expect_key_check(key, &recipe, "expired");
	recipe.from = DAY;
	recipe.to = 10 * DAY;
	expect_key_check(key, &recipe, "not valid yet");
	recipe = good_leaf();
	recipe.key = key;
	recipe.usage = "keyAgreement";
	expect_key_check(key, &recipe, "digitalSignature");
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

/* In a session without a terminal, as builds are: must not ask, and must not read stdin instead. */
static int load_without_terminal(const char *path)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		EVP_PKEY *key = NULL;

		setsid();
		_exit(pkgima_key_load(path, &key, NULL) == -ENOTTY ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_no_key(const char *path, int code, const char *part)
{
	struct pkgima_error error = { "" };
	EVP_PKEY *key = NULL;

	assert_int_equal(pkgima_key_load(path, &key, &error), code);
	assert_null(key);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
	assert_int_equal(ERR_peek_error(), 0);
}

static void write_text(const char *path, const char *text, off_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	if (size)
		assert_int_equal(truncate(path, size), 0);
}

static void test_key_load(void **state)
{
	char *path = path_in(site.folder, "some.key"), *certificate = path_in(site.folder, "ima.pem");
	char *good = path_in(site.folder, "ima.key");
	EVP_PKEY *key = NULL;
	FILE *file;

	(void)state;
	assert_int_equal(pkgima_key_load(good, &key, NULL), 0);
	expect_no_key("/nonexistent", -ENOENT, "/nonexistent");
	expect_no_key("pkcs11:token=x?pin-value=1234", -EOPNOTSUPP, "PKCS #11");
	expect_no_key(certificate, -EINVAL, "ima.pem");
	expect_no_key("/dev/null", -EINVAL, "no regular file");
	write_text(path, "hello\n", 0);
	expect_no_key(path, -EINVAL, "no private key in PEM");
	write_text(path, "", PKGIMA_KEY_MAX + 1);
	expect_no_key(path, -EFBIG, "some.key");

	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL));
	assert_int_equal(fclose(file), 0);
	assert_int_equal(load_without_terminal(path), 0);
	EVP_PKEY_free(key);
	free(path);
	free(certificate);
	free(good);
}

static void test_key_exposed(void **state)
{
	char *path = path_in(site.folder, "ima.key");

	(void)state;
	assert_false(pkgima_key_is_exposed(path));
	assert_int_equal(chmod(path, 0640), 0);
	assert_true(pkgima_key_is_exposed(path));
	assert_int_equal(chmod(path, 0604), 0);
	assert_true(pkgima_key_is_exposed(path));
	assert_int_equal(chmod(path, 0600), 0);
	assert_false(pkgima_key_is_exposed("pkcs11:object=x"));
	assert_false(pkgima_key_is_exposed("/nonexistent"));
	free(path);
}

/* --- Trust store --- */

struct store {
	char *root, *leaves, *cas;
	struct pkgima_trust *trust;
};

static struct store store_new(void)
{
	static const char *const folders[] = { "etc", "etc/keys", "etc/keys/ima", "etc/keys/ima-ca" };
	struct store store = { .root = new_folder(), .trust = pkgima_trust_new() };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path = path_in(store.root, folders[i]);

		assert_int_equal(mkdir(path, 0755), 0);
		free(path);
	}
	store.leaves = path_in(store.root, "etc/keys/ima");
	store.cas = path_in(store.root, "etc/keys/ima-ca");
	return store;
}

static void store_free(struct store *store)
{
	pkgima_trust_free(store->trust);
	remove_tree(store->root);
	free(store->root);
	free(store->leaves);
	free(store->cas);
}

static int store_load(struct store *store, bool (*owned)(void *context, const char *path), void *context)
{
	cleanup_close int root = pkgima_root_open(store->root, NULL);
	struct pkgima_error error = { "" };
	int r;

	assert_true(root >= 0);
	pkgima_trust_free(store->trust);
	store->trust = pkgima_trust_new();
	r = pkgima_trust_load(store->trust, root, owned, context, &error);
	if (r < 0)
		assert_true(error.text[0]);
	return r;
}

static void store_put(const char *folder, const char *name, const struct recipe *recipe)
{
	X509 *x509 = make_x509(recipe);

	write_der(x509, folder, name);
	X509_free(x509);
}

static const struct pkgima_trust_item *item_of(const struct store *store, const char *name)
{
	for (size_t i = 0; i < store->trust->count; i++) {
		const char *slash = strrchr(store->trust->items[i].source, '/');

		if (slash && strcmp(slash + 1, name) == 0)
			return &store->trust->items[i];
	}
	fail_msg("%s is not in the list", name);
	return NULL;
}

static size_t count_found(const struct store *store, uint32_t key_id)
{
	const struct pkgima_certificate *certificate;
	size_t position = 0, count = 0;

	while ((certificate = pkgima_trust_find(store->trust, key_id, &position))) {
		assert_int_equal(certificate->key_id, key_id);
		count++;
	}
	return count;
}

static void test_trust_empty(void **state)
{
	struct store store = store_new();

	(void)state;
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 0);
	assert_false(store.trust->has_ca);
	assert_int_equal(rmdir(store.cas), 0);
	assert_int_equal(rmdir(store.leaves), 0);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 0);
	assert_int_equal(count_found(&store, 0), 0);
	store_free(&store);
}

static void test_trust_without_ca(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf(), bad = good_leaf(), ca = good_ca();

	(void)state;
	recipe.skid = "01:02:03:04";
	store_put(store.leaves, "b.der", &recipe);
	store_put(store.leaves, "a.der", &ca);
	bad.usage = NULL;
	bad.skid = "01:02:03:04";
	store_put(store.leaves, "c.der", &bad);
	store_put(store.leaves, "d.pem", &recipe);
	store_put(store.leaves, ".e.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 3);
	assert_string_equal(store.trust->items[0].source, PKGIMA_TRUST_FOLDER "/a.der");
	assert_string_equal(store.trust->items[1].source, PKGIMA_TRUST_FOLDER "/b.der");
	expect(item_of(&store, "a.der")->problem, "CA:TRUE");
	expect(item_of(&store, "b.der")->problem, NULL);
	expect(item_of(&store, "b.der")->warning, NULL);
	expect(item_of(&store, "c.der")->problem, "keyUsage");
	assert_int_equal(count_found(&store, 0x01020304), 1);
	assert_int_equal(count_found(&store, 0x01020305), 0);
	store_free(&store);
}

static void test_trust_with_ca(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf(), rogue = good_leaf();

	(void)state;
	write_der(site.ca, store.cas, "site.der");
	store_put(store.leaves, "good.der", &recipe);
	rogue.issuer = NULL;
	store_put(store.leaves, "rogue.der", &rogue);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_true(store.trust->has_ca);
	assert_true(item_of(&store, "site.der")->ca);
	expect(item_of(&store, "site.der")->problem, NULL);
	expect(item_of(&store, "good.der")->problem, NULL);
	expect(item_of(&store, "rogue.der")->problem, "not issued by");
	assert_int_equal(count_found(&store, item_of(&store, "rogue.der")->certificate->key_id), 0);
	assert_int_equal(count_found(&store, item_of(&store, "good.der")->certificate->key_id), 1);
	/* A CA's key signs no files. */
	assert_int_equal(count_found(&store, site.ca_certificate->key_id), 0);
	store_free(&store);
}

static void test_trust_bad_ca_counts_for_nothing(void **state)
{
	struct store store = store_new();
	struct recipe ca = good_ca(), leaf = good_leaf();
	X509 *x509;

	(void)state;
	ca.key = EVP_EC_gen("P-256");
	ca.usage = "critical,keyCertSign,digitalSignature";
	x509 = make_x509(&ca);
	write_der(x509, store.cas, "bad.der");
	write_der(site.ca, store.cas, "site.der");
	leaf.issuer = x509;
	leaf.issuer_key = ca.key;
	store_put(store.leaves, "leaf.der", &leaf);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	expect(item_of(&store, "bad.der")->problem, "digitalSignature");
	expect(item_of(&store, "leaf.der")->problem, "not issued by");
	X509_free(x509);
	EVP_PKEY_free(ca.key);
	store_free(&store);
}

static bool owns(void *context, const char *path)
{
	return strcmp(path, context) == 0;
}

static void test_trust_packaged_ca(void **state)
{
	static char packaged[] = PKGIMA_TRUST_CA_FOLDER "/packaged.der";
	struct store store = store_new();
	struct recipe ca = good_ca(), leaf = good_leaf();
	X509 *x509;

	(void)state;
	ca.key = EVP_EC_gen("P-256");
	x509 = make_x509(&ca);
	write_der(x509, store.cas, "packaged.der");
	leaf.issuer = x509;
	leaf.issuer_key = ca.key;
	store_put(store.leaves, "leaf.der", &leaf);
	/* Alone it issues nothing, and closes the store: it may have taken the place of the administrator's. */
	assert_int_equal(store_load(&store, owns, packaged), 0);
	expect(item_of(&store, "packaged.der")->problem, "belongs to a package");
	assert_true(store.trust->has_ca);
	expect(item_of(&store, "leaf.der")->problem, "not issued by");
	write_der(site.ca, store.cas, "site.der");
	assert_int_equal(store_load(&store, owns, packaged), 0);
	assert_true(store.trust->has_ca);
	expect(item_of(&store, "leaf.der")->problem, "not issued by");
	/* The same file when no package owns it. */
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	expect(item_of(&store, "leaf.der")->problem, NULL);
	X509_free(x509);
	EVP_PKEY_free(ca.key);
	store_free(&store);
}

/* A broken CA certificate of the administrator's must not make every leaf count. */
static void test_trust_broken_ca(void **state)
{
	struct store store = store_new();
	struct recipe leaf = good_leaf(), no_ca = good_leaf();

	(void)state;
	store_put(store.leaves, "leaf.der", &leaf);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	expect(item_of(&store, "leaf.der")->problem, NULL);
	store_put(store.cas, "broken.der", &no_ca);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_true(store.trust->has_ca);
	expect(item_of(&store, "leaf.der")->problem, "not issued by");
	store_free(&store);
}

static void test_trust_odd_files(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf();
	char *path;

	(void)state;
	path = path_in(store.leaves, "fifo.der");
	assert_int_equal(mkfifo(path, 0644), 0);
	free(path);
	path = path_in(store.leaves, "folder.der");
	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
	store_put(store.root, "real", &recipe);
	path = path_in(store.leaves, "link.der");
	assert_int_equal(symlink("../../../real", path), 0);
	free(path);
	path = path_in(store.leaves, "text\n.der");
	write_text(path, "hello\n", 0);
	free(path);
	path = path_in(store.leaves, "large.der");
	write_text(path, "0", PKGIMA_CERTIFICATE_MAX + 1);
	free(path);
	store_put(store.leaves, "z.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 6);
	expect(item_of(&store, "fifo.der")->problem, "no regular file");
	expect(item_of(&store, "folder.der")->problem, "no regular file");
	expect(item_of(&store, "link.der")->problem, "no regular file");
	expect(item_of(&store, "text\\012.der")->problem, "no X.509 certificate");
	assert_null(strstr(item_of(&store, "text\\012.der")->problem, "/etc"));
	expect(item_of(&store, "large.der")->problem, "bytes");
	expect(item_of(&store, "z.der")->problem, NULL);
	store_free(&store);
}

static void test_trust_too_many(void **state)
{
	struct store store = store_new();

	(void)state;
	for (int i = 0; i <= PKGIMA_TRUST_MAX; i++) {
		char name[32], *path;

		snprintf(name, sizeof(name), "%04d.der", i);
		path = path_in(store.leaves, name);
		write_text(path, "", 0);
		free(path);
		if (i == PKGIMA_TRUST_MAX - 1) {
			assert_int_equal(store_load(&store, NULL, NULL), 0);
			assert_int_equal(store.trust->count, PKGIMA_TRUST_MAX);
		}
	}
	assert_int_equal(store_load(&store, NULL, NULL), -E2BIG);
	store_free(&store);
}

static void test_trust_folder_is_a_file(void **state)
{
	struct store store = store_new();

	(void)state;
	assert_int_equal(rmdir(store.cas), 0);
	write_text(store.cas, "", 0);
	assert_true(store_load(&store, NULL, NULL) < 0);
	store_free(&store);
}

static void test_trust_warning(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf();

	(void)state;
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	store_put(store.leaves, "old.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	expect(item_of(&store, "old.der")->problem, NULL);
	expect(item_of(&store, "old.der")->warning, "expired");
	store_free(&store);
}

static void test_trust_same_key_id(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf();
	const struct pkgima_certificate *first, *second;
	size_t position = 0;

	(void)state;
	recipe.skid = "aa:01:02:03:04";
	store_put(store.leaves, "a.der", &recipe);
	recipe.skid = "0a:0b:0c:0d";
	store_put(store.leaves, "b.der", &recipe);
	recipe.skid = "bb:01:02:03:04";
	store_put(store.leaves, "c.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	first = pkgima_trust_find(store.trust, 0x01020304, &position);
	second = pkgima_trust_find(store.trust, 0x01020304, &position);
	assert_ptr_equal(first, item_of(&store, "a.der")->certificate);
	assert_ptr_equal(second, item_of(&store, "c.der")->certificate);
	assert_null(pkgima_trust_find(store.trust, 0x01020304, &position));
	assert_null(pkgima_trust_find(store.trust, 0x01020304, &position));
	assert_int_equal(count_found(&store, 0x0a0b0c0d), 1);
	expect(item_of(&store, "a.der")->warning, NULL);
	expect(item_of(&store, "b.der")->warning, NULL);
	expect(item_of(&store, "c.der")->warning, "its key id is that of /etc/keys/ima/a.der too");
	/* Beside another warning; and one that does not count is nobody's double. */
	recipe.skid = "cc:0a:0b:0c:0d";
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	store_put(store.leaves, "d.der", &recipe);
	recipe.skid = "dd:01:02:03:04";
	recipe.usage = NULL;
	store_put(store.leaves, "e.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	expect(item_of(&store, "d.der")->warning, "expired, its key id is that of /etc/keys/ima/b.der too");
	assert_null(item_of(&store, "e.der")->warning ? strstr(item_of(&store, "e.der")->warning, "key id") : NULL);
	store_free(&store);
}

static void test_trust_add(void **state)
{
	struct store store = store_new();
	struct recipe recipe = good_leaf(), ca = good_ca();
	char *folder = new_folder(), *file = path_in(site.folder, "ima.pem"), *path;
	struct pkgima_error error = { "" };

	(void)state;
	/* What the user names needs no CA. */
	write_der(site.ca, store.cas, "site.der");
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe.issuer = NULL;
	store_put(folder, "a.der", &recipe);
	store_put(folder, "b.crt", &recipe);
	store_put(folder, "c.txt", &recipe);
	assert_int_equal(pkgima_trust_add(store.trust, file, &error), 0);
	assert_int_equal(pkgima_trust_add(store.trust, folder, &error), 0);
	assert_int_equal(store.trust->count, 4);
	assert_int_equal(count_found(&store, item_of(&store, "a.der")->certificate->key_id), 1);
	/* One bad file, and nothing of the folder is taken. */
	store_put(folder, "z.pem", &ca);
	assert_int_equal(pkgima_trust_add(store.trust, folder, &error), -EINVAL);
	assert_non_null(strstr(error.text, "z.pem"));
	assert_int_equal(store.trust->count, 4);
	assert_int_equal(pkgima_trust_add(store.trust, "/nonexistent", &error), -ENOENT);
	path = path_in(site.folder, "ima.key");
	assert_int_equal(pkgima_trust_add(store.trust, path, &error), -EINVAL);
	free(path);
	remove_tree(folder);
	free(folder);
	free(file);
	store_free(&store);
}

/* --- keygen --- */

static mode_t mode_of(const char *folder, const char *name)
{
	char *path = path_in(folder, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	free(path);
	return st.st_mode & 07777;
}

static bool exists(const char *folder, const char *name)
{
	char *path = path_in(folder, name);
	struct stat st;
	bool there = lstat(path, &st) == 0;

	free(path);
	return there;
}

static void test_keygen_files(void **state)
{
	static const char *const algorithms[] = { "p256", "p384", "rsa3072" };
	mode_t mask = umask(0077);

	(void)state;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		char *folder = new_folder(), *key_path = path_in(folder, "evm.key");
		EVP_PKEY *key = NULL;

		keygen(PKGIMA_KEYGEN_CA, algorithms[i], folder, NULL);
		keygen(PKGIMA_KEYGEN_EVM, algorithms[i], folder, folder);
		{
			cleanup_certificate struct pkgima_certificate *ca = load(folder, "ca.pem");
			cleanup_certificate struct pkgima_certificate *evm = load(folder, "evm.der");

			expect(pkgima_certificate_ca_problem(ca), NULL);
			expect(pkgima_certificate_leaf_problem(evm), NULL);
			assert_true(pkgima_certificate_issued_by(ca, ca));
			assert_true(pkgima_certificate_issued_by(evm, ca));
			assert_int_equal(pkgima_key_load(key_path, &key, NULL), 0);
			assert_int_equal(pkgima_key_check(key, evm, time(NULL), NULL), 0);
			assert_true(ASN1_INTEGER_cmp(X509_get0_serialNumber(ca->x509),
						     X509_get0_serialNumber(evm->x509)));
			assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(evm->x509)), 20);
			assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(evm->x509)), V_ASN1_INTEGER);
		}
		assert_int_equal(mode_of(folder, "evm.key"), 0600);
		assert_int_equal(mode_of(folder, "evm.pem"), 0644);
		assert_int_equal(mode_of(folder, "evm.der"), 0644);
		EVP_PKEY_free(key);
		free(key_path);
		remove_tree(folder);
		free(folder);
	}
	umask(mask);
}

/* A request that is fine; tests change one thing. */
static struct pkgima_keygen good_request(const char *folder)
{
	return (struct pkgima_keygen){
		.type = PKGIMA_KEYGEN_IMA,
		.name = "n",
		.algorithm = "p256",
		.days = 10,
		.folder = folder,
	};
}

static void expect_no_files(const struct pkgima_keygen *request, int code, const char *part)
{
	struct pkgima_error error = { "" };
	bool before = access(request->folder, F_OK) == 0;

	assert_int_equal(pkgima_keygen_run(request, &error), code);
	if (!strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
	assert_int_equal(access(request->folder, F_OK) == 0, before);
	assert_false(exists(request->folder, "ima.key"));
	assert_false(exists(request->folder, "ima.der"));
}

static void test_keygen_requests(void **state)
{
	char *folder = path_in(site.folder, "missing");
	struct pkgima_keygen request = good_request(folder);
	char *ca_cert = path_in(site.folder, "ca.pem"), *ca_key = path_in(site.folder, "ca.key");
	char *leaf = path_in(site.folder, "ima.pem"), *leaf_key = path_in(site.folder, "ima.key");
	char name[66];

	(void)state;
	request.algorithm = "rsa1024";
	expect_no_files(&request, -EINVAL, "algorithm");
	request = good_request(folder);
	request.days = 0;
	expect_no_files(&request, -EINVAL, "days");
	request.days = 36501;
	expect_no_files(&request, -EINVAL, "days");
	request = good_request(folder);
	request.name = "";
	expect_no_files(&request, -EINVAL, "empty");
	request.name = "a\nb";
	expect_no_files(&request, -EINVAL, "control");
	request.name = "a\xc2\x85";
	expect_no_files(&request, -EINVAL, "control");
	request.name = "a\xff";
	expect_no_files(&request, -EINVAL, "UTF-8");
	request.name = "a\xc3";
	expect_no_files(&request, -EINVAL, "UTF-8");
	memset(name, 'x', 65);
	name[65] = '\0';
	request.name = name;
	expect_no_files(&request, -EINVAL, "64");
	request = good_request(folder);
	request.ca_cert = ca_cert;
	expect_no_files(&request, -EINVAL, "together");
	request.ca_cert = NULL;
	request.ca_key = ca_key;
	expect_no_files(&request, -EINVAL, "together");
	request.ca_cert = ca_cert;
	request.type = PKGIMA_KEYGEN_CA;
	expect_no_files(&request, -EINVAL, "self-signed");
	request.type = PKGIMA_KEYGEN_IMA;
	request.ca_key = leaf_key;
	expect_no_files(&request, -EINVAL, "does not belong");
	request.ca_cert = leaf;
	expect_no_files(&request, -EINVAL, "cannot issue");
	free(folder);
	free(ca_cert);
	free(ca_key);
	free(leaf);
	free(leaf_key);
}

static void test_keygen_longest_name(void **state)
{
	char *folder = new_folder();
	struct pkgima_keygen request = good_request(folder);
	char name[2 * 64 + 1];

	(void)state;
	for (int i = 0; i < 64; i++)
		memcpy(name + 2 * i, "\xc3\xa4", 2);
	name[sizeof(name) - 1] = '\0';
	request.name = name;
	assert_int_equal(pkgima_keygen_run(&request, NULL), 0);
	remove_tree(folder);
	free(folder);
}

static void test_keygen_overwrites_nothing(void **state)
{
	static const char *const names[] = { "ima.key", "ima.pem", "ima.der" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *folder = new_folder(), *path = path_in(folder, names[i]);
		struct pkgima_keygen request = good_request(folder);
		struct pkgima_error error = { "" };
		struct stat st;

		/* A link that leads nowhere is a name that is taken, too. */
		if (i == 1)
			assert_int_equal(symlink("nowhere", path), 0);
		else
			write_text(path, "mine", 0);
		assert_int_equal(pkgima_keygen_run(&request, &error), -EEXIST);
		assert_non_null(strstr(error.text, names[i]));
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(exists(folder, names[k]), k == i);
		assert_false(exists(folder, "nowhere"));
		if (i != 1) {
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_size, 4);
		}
		remove_tree(folder);
		free(path);
		free(folder);
	}
}

/* The folder is a file, or cannot be made. */
static void test_keygen_bad_folder(void **state)
{
	char *file = path_in(site.folder, "ca.der"), *deep = path_in(site.folder, "a/b/c");
	struct pkgima_keygen request = good_request(file);

	(void)state;
	assert_true(pkgima_keygen_run(&request, NULL) < 0);
	request.folder = deep;
	assert_int_equal(pkgima_keygen_run(&request, NULL), -ENOENT);
	free(file);
	free(deep);
}

static void keygen_with_ca(const struct recipe *recipe, unsigned int days, const char *part)
{
	char *folder = new_folder(), *out = path_in(folder, "out");
	char *cert = path_in(folder, "ca.der"), *key = path_in(folder, "ca.key");
	struct pkgima_keygen request = good_request(out);
	FILE *file = fopen(key, "we");

	assert_non_null(file);
	assert_true(PEM_write_PKCS8PrivateKey(file, recipe->key, NULL, NULL, 0, NULL, NULL));
	assert_int_equal(fclose(file), 0);
	store_put(folder, "ca.der", recipe);
	request.ca_cert = cert;
	request.ca_key = key;
	request.days = days;
	if (part) {
		expect_no_files(&request, -EINVAL, part);
	} else {
		assert_int_equal(pkgima_keygen_run(&request, NULL), 0);
		{
			cleanup_certificate struct pkgima_certificate *ca = load(folder, "ca.der");
			cleanup_certificate struct pkgima_certificate *leaf = load(out, "ima.der");

			assert_int_equal(leaf->not_after, ca->not_after);
		}
	}
	remove_tree(folder);
	free(folder);
	free(out);
	free(cert);
	free(key);
}

static void test_keygen_ca_validity(void **state)
{
	struct recipe recipe = good_ca();

	(void)state;
	recipe.key = EVP_EC_gen("P-384");
	recipe.from = -DAY;
	recipe.to = 5 * DAY;
	keygen_with_ca(&recipe, 100, NULL);
	recipe.to = -60;
	keygen_with_ca(&recipe, 100, "expired");
	recipe.from = DAY;
	recipe.to = 5 * DAY;
	keygen_with_ca(&recipe, 100, "not valid yet");
	EVP_PKEY_free(recipe.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_fields),
		cmocka_unit_test(test_parse_subject_escaped),
		cmocka_unit_test(test_parse_truncated_and_garbage),
		cmocka_unit_test(test_parse_damaged),
		cmocka_unit_test(test_parse_ber),
		cmocka_unit_test(test_parse_no_certificate),
		cmocka_unit_test(test_parse_pem_after_text),
		cmocka_unit_test(test_parse_largest),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_skid),
		cmocka_unit_test(test_key_id_bytes),
		cmocka_unit_test(test_leaf_usage),
		cmocka_unit_test(test_ca_usage),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_own_signature),
		cmocka_unit_test(test_validity),
		cmocka_unit_test(test_issued_by),
		cmocka_unit_test(test_issued_by_forged),
		cmocka_unit_test(test_issued_by_other_identifier),
		cmocka_unit_test(test_key_check),
		cmocka_unit_test(test_key_load),
		cmocka_unit_test(test_key_exposed),
		cmocka_unit_test(test_trust_empty),
		cmocka_unit_test(test_trust_without_ca),
		cmocka_unit_test(test_trust_with_ca),
		cmocka_unit_test(test_trust_bad_ca_counts_for_nothing),
		cmocka_unit_test(test_trust_packaged_ca),
		cmocka_unit_test(test_trust_broken_ca),
		cmocka_unit_test(test_trust_odd_files),
		cmocka_unit_test(test_trust_too_many),
		cmocka_unit_test(test_trust_folder_is_a_file),
		cmocka_unit_test(test_trust_warning),
		cmocka_unit_test(test_trust_same_key_id),
		cmocka_unit_test(test_trust_add),
		cmocka_unit_test(test_keygen_files),
		cmocka_unit_test(test_keygen_requests),
		cmocka_unit_test(test_keygen_longest_name),
		cmocka_unit_test(test_keygen_overwrites_nothing),
		cmocka_unit_test(test_keygen_bad_folder),
		cmocka_unit_test(test_keygen_ca_validity),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
