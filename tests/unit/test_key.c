// SPDX-License-Identifier: LGPL-2.1-or-later
/* Private keys and keygen: what is refused, and that it is. */
#include "recipe.h"

/* --- Keys --- */

static void expect_key_check(EVP_PKEY *key, const struct recipe *recipe, const char *part)
{
	cleanup_certificate struct pkgima_certificate *certificate = recipe_make(recipe);
	struct pkgima_error error = { "" };
	int r = pkgima_key_check(key, certificate, time(NULL), &error);

	assert_int_equal(r, part ? -EINVAL : 0);
	if (part && !strstr(error.text, part))
		fail_msg("\"%s\", expected: %s", error.text, part);
}

static void test_key_check(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct recipe recipe = recipe_leaf();

	(void)state;
	recipe.key = key;
	expect_key_check(key, &recipe, NULL);
	expect_key_check(other, &recipe, "does not belong");
	expect_key_check(recipe_site.ca_key, &recipe, "does not belong");
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	expect_key_check(key, &recipe, "expired");
	recipe.from = DAY;
	recipe.to = 10 * DAY;
	expect_key_check(key, &recipe, "not valid yet");
	recipe = recipe_leaf();
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

static void test_key_load(void **state)
{
	char *path = recipe_path(recipe_site.folder, "some.key"), *certificate = recipe_path(recipe_site.folder, "ima.pem");
	char *good = recipe_path(recipe_site.folder, "ima.key");
	EVP_PKEY *key = NULL;
	FILE *file;

	(void)state;
	assert_int_equal(pkgima_key_load(good, &key, NULL), 0);
	expect_no_key("/nonexistent", -ENOENT, "/nonexistent");
	expect_no_key("pkcs11:token=x?pin-source=nowhere", -EINVAL, "pin-source");
	expect_no_key(certificate, -EINVAL, "ima.pem");
	expect_no_key("/dev/null", -EINVAL, "no regular file");
	recipe_write_text(path, "hello\n", 0);
	expect_no_key(path, -EINVAL, "no private key in PEM");
	recipe_write_text(path, "", PKGIMA_KEY_MAX + 1);
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
	char *path = recipe_path(recipe_site.folder, "ima.key");

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

/* --- keygen --- */

static mode_t mode_of(const char *folder, const char *name)
{
	char *path = recipe_path(folder, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	free(path);
	return st.st_mode & 07777;
}

static bool exists(const char *folder, const char *name)
{
	char *path = recipe_path(folder, name);
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
		char *folder = recipe_folder(), *key_path = recipe_path(folder, "evm.key");
		EVP_PKEY *key = NULL;

		recipe_keygen(PKGIMA_KEYGEN_CA, algorithms[i], folder, NULL);
		recipe_keygen(PKGIMA_KEYGEN_EVM, algorithms[i], folder, folder);
		{
			cleanup_certificate struct pkgima_certificate *ca = recipe_load(folder, "ca.pem");
			cleanup_certificate struct pkgima_certificate *evm = recipe_load(folder, "evm.der");

			recipe_expect(pkgima_certificate_ca_problem(ca), NULL);
			recipe_expect(pkgima_certificate_leaf_problem(evm), NULL);
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
		recipe_remove(folder);
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
	char *folder = recipe_path(recipe_site.folder, "missing");
	struct pkgima_keygen request = good_request(folder);
	char *ca_cert = recipe_path(recipe_site.folder, "ca.pem"), *ca_key = recipe_path(recipe_site.folder, "ca.key");
	char *leaf = recipe_path(recipe_site.folder, "ima.pem"), *leaf_key = recipe_path(recipe_site.folder, "ima.key");
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
	char *folder = recipe_folder();
	struct pkgima_keygen request = good_request(folder);
	char name[2 * 64 + 1];

	(void)state;
	for (int i = 0; i < 64; i++)
		memcpy(name + 2 * i, "\xc3\xa4", 2);
	name[sizeof(name) - 1] = '\0';
	request.name = name;
	assert_int_equal(pkgima_keygen_run(&request, NULL), 0);
	recipe_remove(folder);
	free(folder);
}

static void test_keygen_overwrites_nothing(void **state)
{
	static const char *const names[] = { "ima.key", "ima.pem", "ima.der" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *folder = recipe_folder(), *path = recipe_path(folder, names[i]);
		struct pkgima_keygen request = good_request(folder);
		struct pkgima_error error = { "" };
		struct stat st;

		/* A link that leads nowhere is a name that is taken, too. */
		if (i == 1)
			assert_int_equal(symlink("nowhere", path), 0);
		else
			recipe_write_text(path, "mine", 0);
		assert_int_equal(pkgima_keygen_run(&request, &error), -EEXIST);
		assert_non_null(strstr(error.text, names[i]));
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(exists(folder, names[k]), k == i);
		assert_false(exists(folder, "nowhere"));
		if (i != 1) {
			assert_int_equal(stat(path, &st), 0);
			assert_int_equal(st.st_size, 4);
		}
		recipe_remove(folder);
		free(path);
		free(folder);
	}
}

/* The folder is a file, or cannot be made. */
static void test_keygen_bad_folder(void **state)
{
	char *file = recipe_path(recipe_site.folder, "ca.der"), *deep = recipe_path(recipe_site.folder, "a/b/c");
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
	char *folder = recipe_folder(), *out = recipe_path(folder, "out");
	char *cert = recipe_path(folder, "ca.der"), *key = recipe_path(folder, "ca.key");
	struct pkgima_keygen request = good_request(out);
	FILE *file = fopen(key, "we");

	assert_non_null(file);
	assert_true(PEM_write_PKCS8PrivateKey(file, recipe->key, NULL, NULL, 0, NULL, NULL));
	assert_int_equal(fclose(file), 0);
	recipe_put(folder, "ca.der", recipe);
	request.ca_cert = cert;
	request.ca_key = key;
	request.days = days;
	if (part) {
		expect_no_files(&request, -EINVAL, part);
	} else {
		assert_int_equal(pkgima_keygen_run(&request, NULL), 0);
		{
			cleanup_certificate struct pkgima_certificate *ca = recipe_load(folder, "ca.der");
			cleanup_certificate struct pkgima_certificate *leaf = recipe_load(out, "ima.der");

			assert_int_equal(leaf->not_after, ca->not_after);
		}
	}
	recipe_remove(folder);
	free(folder);
	free(out);
	free(cert);
	free(key);
}

static void test_keygen_ca_validity(void **state)
{
	struct recipe recipe = recipe_ca();

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
		cmocka_unit_test(test_key_check),
		cmocka_unit_test(test_key_load),
		cmocka_unit_test(test_key_exposed),
		cmocka_unit_test(test_keygen_files),
		cmocka_unit_test(test_keygen_requests),
		cmocka_unit_test(test_keygen_longest_name),
		cmocka_unit_test(test_keygen_overwrites_nothing),
		cmocka_unit_test(test_keygen_bad_folder),
		cmocka_unit_test(test_keygen_ca_validity),
	};

	return cmocka_run_group_tests(tests, recipe_setup, recipe_teardown);
}
