// SPDX-License-Identifier: LGPL-2.1-or-later
/* The trust store: what counts in it, and what does not. */
#include "recipe.h"

/* --- Trust store --- */

struct store {
	char *root, *leaves, *cas;
	struct pkgima_trust *trust;
};

static struct store store_new(void)
{
	static const char *const folders[] = { "etc", "etc/keys", "etc/keys/ima", "etc/keys/ima-ca" };
	struct store store = { .root = recipe_folder(), .trust = pkgima_trust_new() };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *path = recipe_path(store.root, folders[i]);

		assert_int_equal(mkdir(path, 0755), 0);
		free(path);
	}
	store.leaves = recipe_path(store.root, "etc/keys/ima");
	store.cas = recipe_path(store.root, "etc/keys/ima-ca");
	return store;
}

static void store_free(struct store *store)
{
	pkgima_trust_free(store->trust);
	recipe_remove(store->root);
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
	struct recipe recipe = recipe_leaf(), bad = recipe_leaf(), ca = recipe_ca();

	(void)state;
	recipe.skid = "01:02:03:04";
	recipe_put(store.leaves, "b.der", &recipe);
	recipe_put(store.leaves, "a.der", &ca);
	bad.usage = NULL;
	bad.skid = "01:02:03:04";
	recipe_put(store.leaves, "c.der", &bad);
	recipe_put(store.leaves, "d.pem", &recipe);
	recipe_put(store.leaves, ".e.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 3);
	assert_string_equal(store.trust->items[0].source, PKGIMA_TRUST_FOLDER "/a.der");
	assert_string_equal(store.trust->items[1].source, PKGIMA_TRUST_FOLDER "/b.der");
	recipe_expect(item_of(&store, "a.der")->problem, "CA:TRUE");
	recipe_expect(item_of(&store, "b.der")->problem, NULL);
	recipe_expect(item_of(&store, "b.der")->warning, NULL);
	recipe_expect(item_of(&store, "c.der")->problem, "keyUsage");
	assert_int_equal(count_found(&store, 0x01020304), 1);
	assert_int_equal(count_found(&store, 0x01020305), 0);
	store_free(&store);
}

static void test_trust_with_ca(void **state)
{
	struct store store = store_new();
	struct recipe recipe = recipe_leaf(), rogue = recipe_leaf();

	(void)state;
	recipe_write(recipe_site.ca, store.cas, "recipe_site.der");
	recipe_put(store.leaves, "good.der", &recipe);
	rogue.issuer = NULL;
	recipe_put(store.leaves, "rogue.der", &rogue);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_true(store.trust->has_ca);
	assert_true(item_of(&store, "recipe_site.der")->ca);
	recipe_expect(item_of(&store, "recipe_site.der")->problem, NULL);
	recipe_expect(item_of(&store, "good.der")->problem, NULL);
	recipe_expect(item_of(&store, "rogue.der")->problem, "not issued by");
	assert_int_equal(count_found(&store, item_of(&store, "rogue.der")->certificate->key_id), 0);
	assert_int_equal(count_found(&store, item_of(&store, "good.der")->certificate->key_id), 1);
	/* A CA's key signs no files. */
	assert_int_equal(count_found(&store, recipe_site.ca_certificate->key_id), 0);
	store_free(&store);
}

static void test_trust_bad_ca_counts_for_nothing(void **state)
{
	struct store store = store_new();
	struct recipe ca = recipe_ca(), leaf = recipe_leaf();
	X509 *x509;

	(void)state;
	ca.key = EVP_EC_gen("P-256");
	ca.usage = "critical,keyCertSign,digitalSignature";
	x509 = recipe_x509(&ca);
	recipe_write(x509, store.cas, "bad.der");
	recipe_write(recipe_site.ca, store.cas, "recipe_site.der");
	leaf.issuer = x509;
	leaf.issuer_key = ca.key;
	recipe_put(store.leaves, "leaf.der", &leaf);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe_expect(item_of(&store, "bad.der")->problem, "digitalSignature");
	recipe_expect(item_of(&store, "leaf.der")->problem, "not issued by");
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
	struct recipe ca = recipe_ca(), leaf = recipe_leaf();
	X509 *x509;

	(void)state;
	ca.key = EVP_EC_gen("P-256");
	x509 = recipe_x509(&ca);
	recipe_write(x509, store.cas, "packaged.der");
	leaf.issuer = x509;
	leaf.issuer_key = ca.key;
	recipe_put(store.leaves, "leaf.der", &leaf);
	/* Alone it issues nothing, and closes the store: it may have taken the place of the administrator's. */
	assert_int_equal(store_load(&store, owns, packaged), 0);
	recipe_expect(item_of(&store, "packaged.der")->problem, "belongs to a package");
	assert_true(store.trust->has_ca);
	recipe_expect(item_of(&store, "leaf.der")->problem, "not issued by");
	recipe_write(recipe_site.ca, store.cas, "recipe_site.der");
	assert_int_equal(store_load(&store, owns, packaged), 0);
	assert_true(store.trust->has_ca);
	recipe_expect(item_of(&store, "leaf.der")->problem, "not issued by");
	/* The same file when no package owns it. */
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe_expect(item_of(&store, "leaf.der")->problem, NULL);
	X509_free(x509);
	EVP_PKEY_free(ca.key);
	store_free(&store);
}

/* A broken CA certificate of the administrator's must not make every leaf count. */
static void test_trust_broken_ca(void **state)
{
	struct store store = store_new();
	struct recipe leaf = recipe_leaf(), no_ca = recipe_leaf();

	(void)state;
	recipe_put(store.leaves, "leaf.der", &leaf);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe_expect(item_of(&store, "leaf.der")->problem, NULL);
	recipe_put(store.cas, "broken.der", &no_ca);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_true(store.trust->has_ca);
	recipe_expect(item_of(&store, "leaf.der")->problem, "not issued by");
	store_free(&store);
}

static void test_trust_odd_files(void **state)
{
	struct store store = store_new();
	struct recipe recipe = recipe_leaf();
	char *path;

	(void)state;
	path = recipe_path(store.leaves, "fifo.der");
	assert_int_equal(mkfifo(path, 0644), 0);
	free(path);
	path = recipe_path(store.leaves, "folder.der");
	assert_int_equal(mkdir(path, 0755), 0);
	free(path);
	recipe_put(store.root, "real", &recipe);
	path = recipe_path(store.leaves, "link.der");
	assert_int_equal(symlink("../../../real", path), 0);
	free(path);
	path = recipe_path(store.leaves, "text\n.der");
	recipe_write_text(path, "hello\n", 0);
	free(path);
	path = recipe_path(store.leaves, "large.der");
	recipe_write_text(path, "0", PKGIMA_CERTIFICATE_MAX + 1);
	free(path);
	recipe_put(store.leaves, "z.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	assert_int_equal(store.trust->count, 6);
	recipe_expect(item_of(&store, "fifo.der")->problem, "no regular file");
	recipe_expect(item_of(&store, "folder.der")->problem, "no regular file");
	recipe_expect(item_of(&store, "link.der")->problem, "no regular file");
	recipe_expect(item_of(&store, "text\\012.der")->problem, "no X.509 certificate");
	assert_null(strstr(item_of(&store, "text\\012.der")->problem, "/etc"));
	recipe_expect(item_of(&store, "large.der")->problem, "bytes");
	recipe_expect(item_of(&store, "z.der")->problem, NULL);
	store_free(&store);
}

static void test_trust_too_many(void **state)
{
	struct store store = store_new();

	(void)state;
	for (int i = 0; i <= PKGIMA_TRUST_MAX; i++) {
		char name[32], *path;

		snprintf(name, sizeof(name), "%04d.der", i);
		path = recipe_path(store.leaves, name);
		recipe_write_text(path, "", 0);
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
	recipe_write_text(store.cas, "", 0);
	assert_true(store_load(&store, NULL, NULL) < 0);
	store_free(&store);
}

static void test_trust_warning(void **state)
{
	struct store store = store_new();
	struct recipe recipe = recipe_leaf();

	(void)state;
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	recipe_put(store.leaves, "old.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe_expect(item_of(&store, "old.der")->problem, NULL);
	recipe_expect(item_of(&store, "old.der")->warning, "expired");
	store_free(&store);
}

static void test_trust_same_key_id(void **state)
{
	struct store store = store_new();
	struct recipe recipe = recipe_leaf();
	const struct pkgima_certificate *first, *second;
	size_t position = 0;

	(void)state;
	recipe.skid = "aa:01:02:03:04";
	recipe_put(store.leaves, "a.der", &recipe);
	recipe.skid = "0a:0b:0c:0d";
	recipe_put(store.leaves, "b.der", &recipe);
	recipe.skid = "bb:01:02:03:04";
	recipe_put(store.leaves, "c.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	first = pkgima_trust_find(store.trust, 0x01020304, &position);
	second = pkgima_trust_find(store.trust, 0x01020304, &position);
	assert_ptr_equal(first, item_of(&store, "a.der")->certificate);
	assert_ptr_equal(second, item_of(&store, "c.der")->certificate);
	assert_null(pkgima_trust_find(store.trust, 0x01020304, &position));
	assert_null(pkgima_trust_find(store.trust, 0x01020304, &position));
	assert_int_equal(count_found(&store, 0x0a0b0c0d), 1);
	recipe_expect(item_of(&store, "a.der")->warning, NULL);
	recipe_expect(item_of(&store, "b.der")->warning, NULL);
	recipe_expect(item_of(&store, "c.der")->warning, "its key id is that of /etc/keys/ima/a.der too");
	/* Beside another warning; and one that does not count is nobody's double. */
	recipe.skid = "cc:0a:0b:0c:0d";
	recipe.from = -10 * DAY;
	recipe.to = -DAY;
	recipe_put(store.leaves, "d.der", &recipe);
	recipe.skid = "dd:01:02:03:04";
	recipe.usage = NULL;
	recipe_put(store.leaves, "e.der", &recipe);
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe_expect(item_of(&store, "d.der")->warning, "expired, its key id is that of /etc/keys/ima/b.der too");
	assert_null(item_of(&store, "e.der")->warning ? strstr(item_of(&store, "e.der")->warning, "key id") : NULL);
	store_free(&store);
}

static void test_trust_add(void **state)
{
	struct store store = store_new();
	struct recipe recipe = recipe_leaf(), ca = recipe_ca();
	char *folder = recipe_folder(), *file = recipe_path(recipe_site.folder, "ima.pem"), *path;
	struct pkgima_error error = { "" };

	(void)state;
	/* What the user names needs no CA. */
	recipe_write(recipe_site.ca, store.cas, "recipe_site.der");
	assert_int_equal(store_load(&store, NULL, NULL), 0);
	recipe.issuer = NULL;
	recipe_put(folder, "a.der", &recipe);
	recipe_put(folder, "b.crt", &recipe);
	recipe_put(folder, "c.txt", &recipe);
	assert_int_equal(pkgima_trust_add(store.trust, file, &error), 0);
	assert_int_equal(pkgima_trust_add(store.trust, folder, &error), 0);
	assert_int_equal(store.trust->count, 4);
	assert_int_equal(count_found(&store, item_of(&store, "a.der")->certificate->key_id), 1);
	/* One bad file, and nothing of the folder is taken. */
	recipe_put(folder, "z.pem", &ca);
	assert_int_equal(pkgima_trust_add(store.trust, folder, &error), -EINVAL);
	assert_non_null(strstr(error.text, "z.pem"));
	assert_int_equal(store.trust->count, 4);
	assert_int_equal(pkgima_trust_add(store.trust, "/nonexistent", &error), -ENOENT);
	path = recipe_path(recipe_site.folder, "ima.key");
	assert_int_equal(pkgima_trust_add(store.trust, path, &error), -EINVAL);
	free(path);
	recipe_remove(folder);
	free(folder);
	free(file);
	store_free(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, recipe_setup, recipe_teardown);
}
