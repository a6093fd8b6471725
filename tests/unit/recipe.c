// SPDX-License-Identifier: LGPL-2.1-or-later
#include "recipe.h"

struct recipe_site recipe_site;

char *recipe_path(const char *folder, const char *name)
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

X509 *recipe_x509(const struct recipe *recipe)
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

struct pkgima_certificate *recipe_parse(X509 *x509)
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

struct pkgima_certificate *recipe_make(const struct recipe *recipe)
{
	X509 *x509 = recipe_x509(recipe);
	struct pkgima_certificate *certificate = recipe_parse(x509);

	X509_free(x509);
	return certificate;
}

void recipe_write(X509 *x509, const char *folder, const char *name)
{
	char *path = recipe_path(folder, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(i2d_X509_fp(file, x509));
	assert_int_equal(fclose(file), 0);
	free(path);
}

void recipe_put(const char *folder, const char *name, const struct recipe *recipe)
{
	X509 *x509 = recipe_x509(recipe);

	recipe_write(x509, folder, name);
	X509_free(x509);
}

struct recipe recipe_leaf(void)
{
	return (struct recipe){
		.constraints = "critical,CA:FALSE",
		.usage = LEAF_USAGE,
		.skid = "hash",
		.akid = "keyid:always",
		.issuer = recipe_site.ca,
		.issuer_key = recipe_site.ca_key,
	};
}

struct recipe recipe_ca(void)
{
	return (struct recipe){
		.name = "other CA",
		.constraints = "critical,CA:TRUE",
		.usage = CA_USAGE,
		.skid = "hash",
		.akid = "keyid:always",
	};
}

void recipe_expect(const char *problem, const char *part)
{
	if (!part && problem)
		fail_msg("unexpected problem: %s", problem);
	if (part && !problem)
		fail_msg("no problem, but expected: %s", part);
	if (part && !strstr(problem, part))
		fail_msg("problem is \"%s\", expected: %s", problem, part);
}

void recipe_expect_leaf(const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = recipe_make(recipe);

	recipe_expect(pkgima_certificate_leaf_problem(certificate), part);
}

void recipe_expect_ca(const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = recipe_make(recipe);

	recipe_expect(pkgima_certificate_ca_problem(certificate), part);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

void recipe_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

char *recipe_folder(void)
{
	char *folder = recipe_path(recipe_site.folder, "XXXXXX");

	assert_non_null(mkdtemp(folder));
	return folder;
}

void recipe_keygen(enum pkgima_keygen_type type, const char *algorithm, const char *folder, const char *ca)
{
	char *ca_cert = ca ? recipe_path(ca, "ca.pem") : NULL, *ca_key = ca ? recipe_path(ca, "ca.key") : NULL;
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

struct pkgima_certificate *recipe_load(const char *folder, const char *name)
{
	struct pkgima_certificate *certificate = NULL;
	struct pkgima_error error = { "" };
	char *path = recipe_path(folder, name);

	if (pkgima_certificate_load(path, &certificate, &error) < 0)
		fail_msg("%s", error.text);
	free(path);
	return certificate;
}

void recipe_write_text(const char *path, const char *text, off_t size)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	if (size)
		assert_int_equal(truncate(path, size), 0);
}

int recipe_setup(void **state)
{
	struct pkgima_error error = { "" };
	char *key;

	(void)state;
	strcpy(recipe_site.folder, "/tmp/pkgima-certificate.XXXXXX");
	assert_non_null(mkdtemp(recipe_site.folder));
	recipe_keygen(PKGIMA_KEYGEN_CA, "rsa2048", recipe_site.folder, NULL);
	recipe_keygen(PKGIMA_KEYGEN_IMA, "p256", recipe_site.folder, recipe_site.folder);
	recipe_site.ca_certificate = recipe_load(recipe_site.folder, "ca.der");
	recipe_site.ca = recipe_site.ca_certificate->x509;
	key = recipe_path(recipe_site.folder, "ca.key");
	assert_int_equal(pkgima_key_load(key, &recipe_site.ca_key, &error), 0);
	free(key);
	return 0;
}

int recipe_teardown(void **state)
{
	(void)state;
	pkgima_certificate_free(recipe_site.ca_certificate);
	EVP_PKEY_free(recipe_site.ca_key);
	recipe_remove(recipe_site.folder);
	return 0;
}
