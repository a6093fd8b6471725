// SPDX-License-Identifier: LGPL-2.1-or-later
/* Certificates: what is refused, and that it is. */
#include "recipe.h"

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
	cleanup_certificate struct pkgima_certificate *der = recipe_load(recipe_site.folder, "ima.der");
	cleanup_certificate struct pkgima_certificate *pem = recipe_load(recipe_site.folder, "ima.pem");
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
	struct recipe recipe = recipe_leaf();
	cleanup_certificate struct pkgima_certificate *certificate = NULL;

	(void)state;
	recipe.name = "a\n\x1b[31m\xc3\xa4";
	certificate = recipe_make(&recipe);
	for (const char *at = certificate->subject; *at; at++)
		assert_true(*at >= 0x20 && *at < 0x7f);
	assert_non_null(strstr(certificate->subject, "\\0A"));
}

static void test_parse_truncated_and_garbage(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = recipe_load(recipe_site.folder, "ima.der");
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
	cleanup_certificate struct pkgima_certificate *good = recipe_load(recipe_site.folder, "ima.der");
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
			assert_false(pkgima_certificate_issued_by(certificate, recipe_site.ca_certificate));
		}
	}
}

/* The outer SEQUENCE with an indefinite length: BER, which OpenSSL reads. */
static void test_parse_ber(void **state)
{
	cleanup_certificate struct pkgima_certificate *good = recipe_load(recipe_site.folder, "ima.der");
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
	char *key = recipe_path(recipe_site.folder, "ca.key");

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
	cleanup_certificate struct pkgima_certificate *good = recipe_load(recipe_site.folder, "ima.der");
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long length;

	(void)state;
	BIO_puts(bio, "subject=CN = Test key\n");
	assert_true(PEM_write_bio_X509(bio, good->x509));
	assert_true(PEM_write_bio_X509(bio, recipe_site.ca));
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
	assert_true(PEM_write_bio_X509(bio, recipe_site.ca));
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
	cleanup_certificate struct pkgima_certificate *leaf = recipe_load(recipe_site.folder, "ima.der");
	struct recipe recipe = recipe_leaf();
	struct recipe ca = recipe_ca();

	(void)state;
	recipe_expect(pkgima_certificate_leaf_problem(leaf), NULL);
	recipe_expect(pkgima_certificate_ca_problem(recipe_site.ca_certificate), NULL);
	recipe_expect_leaf(&recipe, NULL);
	recipe_expect_ca(&ca, NULL);
	/* The kernel only looks at basicConstraints when they are there. */
	recipe.constraints = NULL;
	recipe_expect_leaf(&recipe, NULL);
}

static void test_skid(void **state)
{
	struct recipe recipe = recipe_leaf(), ca = recipe_ca();

	(void)state;
	recipe.skid = NULL;
	recipe_expect_leaf(&recipe, "Subject Key Identifier");
	recipe.skid = "01:02:03";
	recipe_expect_leaf(&recipe, "Subject Key Identifier");
	recipe.skid = "01:02:03:04";
	recipe_expect_leaf(&recipe, NULL);
	recipe.skid_again = "05:06:07:08";
	recipe_expect_leaf(&recipe, "malformed");
	ca.skid = NULL;
	ca.akid = NULL;
	recipe_expect_ca(&ca, "Subject Key Identifier");
}

static void test_key_id_bytes(void **state)
{
	struct recipe recipe = recipe_leaf();
	cleanup_certificate struct pkgima_certificate *certificate = NULL;

	(void)state;
	recipe.skid = "11:22:fe:dc:ba:98";
	certificate = recipe_make(&recipe);
	assert_int_equal(certificate->key_id, 0xfedcba98);
}

static void test_leaf_usage(void **state)
{
	struct recipe recipe = recipe_leaf();

	(void)state;
	recipe.usage = "critical,digitalSignature,keyCertSign";
	recipe_expect_leaf(&recipe, "keyCertSign");
	recipe.usage = "critical,keyAgreement";
	recipe_expect_leaf(&recipe, "lacks digitalSignature");
	recipe.usage = NULL;
	recipe_expect_leaf(&recipe, "no keyUsage");
	recipe.usage = LEAF_USAGE;
	recipe.constraints = "critical,CA:TRUE";
	recipe_expect_leaf(&recipe, "CA:TRUE");
}

static void test_ca_usage(void **state)
{
	struct recipe recipe = recipe_ca();

	(void)state;
	recipe.usage = "critical,keyCertSign,digitalSignature";
	recipe_expect_ca(&recipe, "digitalSignature");
	recipe.usage = "critical,cRLSign";
	recipe_expect_ca(&recipe, "lacks keyCertSign");
	recipe.usage = NULL;
	recipe_expect_ca(&recipe, "no keyUsage");
	recipe.usage = CA_USAGE;
	recipe.constraints = "critical,CA:FALSE";
	recipe_expect_ca(&recipe, "no CA certificate");
	recipe.constraints = NULL;
	recipe_expect_ca(&recipe, "no CA certificate");
}

static void expect_key(EVP_PKEY *key, const char *part)
{
	struct recipe leaf = recipe_leaf(), ca = recipe_ca();

	assert_non_null(key);
	leaf.key = key;
	recipe_expect_leaf(&leaf, part);
	/* As a CA signed by someone else, so that it is the key alone that is wrong. */
	ca.key = key;
	ca.issuer = recipe_site.ca;
	ca.issuer_key = recipe_site.ca_key;
	recipe_expect_ca(&ca, part);
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
	struct recipe recipe = recipe_leaf();
	EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	(void)state;
	recipe.hash = "sha1";
	recipe_expect_leaf(&recipe, "sha256, sha384 or sha512");
	recipe.hash = "sha224";
	recipe_expect_leaf(&recipe, "sha256, sha384 or sha512");
	recipe.hash = "sha384";
	recipe_expect_leaf(&recipe, NULL);
	recipe.hash = "sha512";
	recipe_expect_leaf(&recipe, NULL);
	recipe.hash = NULL;
	recipe.pss = true;
	recipe_expect_leaf(&recipe, "neither RSA (PKCS #1 v1.5) nor ECDSA");
	recipe.pss = false;
	recipe.hash = "none";
	recipe.issuer_key = ed25519;
	recipe_expect_leaf(&recipe, "own signature");
	EVP_PKEY_free(ed25519);
}

static void test_validity(void **state)
{
	cleanup_certificate struct pkgima_certificate *leaf = recipe_load(recipe_site.folder, "ima.der");

	(void)state;
	recipe_expect(pkgima_certificate_validity_problem(leaf, leaf->not_before - 1), "not valid yet");
	recipe_expect(pkgima_certificate_validity_problem(leaf, leaf->not_before), NULL);
	recipe_expect(pkgima_certificate_validity_problem(leaf, leaf->not_after), NULL);
	recipe_expect(pkgima_certificate_validity_problem(leaf, leaf->not_after + 1), "expired");
}

/* --- Who issued it --- */

static bool issued(const struct recipe *recipe, const struct pkgima_certificate *ca)
{
	cleanup_certificate struct pkgima_certificate *certificate = recipe_make(recipe);

	return pkgima_certificate_issued_by(certificate, ca);
}

static void test_issued_by(void **state)
{
	cleanup_certificate struct pkgima_certificate *leaf = recipe_load(recipe_site.folder, "ima.der");
	struct recipe recipe = recipe_leaf(), ca = recipe_ca();
	cleanup_certificate struct pkgima_certificate *other = recipe_make(&ca);

	(void)state;
	assert_true(pkgima_certificate_issued_by(leaf, recipe_site.ca_certificate));
	assert_false(pkgima_certificate_issued_by(leaf, other));
	assert_false(pkgima_certificate_issued_by(leaf, leaf));
	assert_true(issued(&recipe, recipe_site.ca_certificate));
	recipe.akid = "keyid:always,issuer:always";
	assert_true(issued(&recipe, recipe_site.ca_certificate));
	recipe.akid = NULL;
	assert_false(issued(&recipe, recipe_site.ca_certificate));
	recipe.akid = "keyid:always";
	recipe.issuer_name = "someone else";
	assert_false(issued(&recipe, recipe_site.ca_certificate));
}

/* The right names, with a key that is not the CA's. */
static void test_issued_by_forged(void **state)
{
	struct recipe recipe = recipe_leaf();

	(void)state;
	recipe.issuer_key = EVP_RSA_gen(2048);
	assert_false(issued(&recipe, recipe_site.ca_certificate));
	EVP_PKEY_free(recipe.issuer_key);
}

/* The right name and key, but the Authority Key Identifier is of a CA certificate with another identifier or serial. */
static void test_issued_by_other_identifier(void **state)
{
	cleanup_certificate struct pkgima_certificate *ca = NULL, *twin = NULL, *bare = NULL;
	struct recipe recipe = recipe_ca(), leaf = recipe_leaf();

	(void)state;
	recipe.key = EVP_EC_gen("P-256");
	recipe.skid = "01:02:03:04";
	ca = recipe_make(&recipe);
	recipe.skid = "05:06:07:08";
	twin = recipe_make(&recipe);
	recipe.skid = NULL;
	recipe.akid = NULL;
	bare = recipe_make(&recipe);
	leaf.issuer = ca->x509;
	leaf.issuer_key = recipe.key;
	assert_true(issued(&leaf, ca));
	assert_false(issued(&leaf, twin));
	assert_false(issued(&leaf, bare));
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
	};

	return cmocka_run_group_tests(tests, recipe_setup, recipe_teardown);
}
