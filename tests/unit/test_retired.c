// SPDX-License-Identifier: LGPL-2.1-or-later
/* Keys that are retired, and CA certificates that the administrator takes over from packages. */
#include "recipe.h"

#include "retired.h"
#include "support.h"

static struct {
	char *folder;
	int root;
} site;

static int make_root(void **state)
{
	(void)state;
	site.folder = support_folder();
	site.root = pkgima_root_open(site.folder, NULL);
	return site.root < 0;
}

static int remove_root(void **state)
{
	(void)state;
	close(site.root);
	support_remove(site.folder);
	return 0;
}

static const char *in_root(const char *path)
{
	return support_path(site.folder, "%s", path);
}

static void write_list(const char *text)
{
	support_write_text(in_root("etc/ima-init/retired"), text, 0644);
}

static void test_what_a_list_may_have(void **state)
{
	cleanup_retired struct pkgima_retired retired = { 0 };

	(void)state;
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, NULL), 0);
	assert_int_equal(retired.count, 0);
	write_list("");
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, NULL), 0);
	assert_int_equal(retired.count, 0);
	pkgima_retired_free(&retired);
	write_list("# words\n\n0011aabb\n00 with words: 42\nffffffff ");
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, NULL), 0);
	assert_int_equal(retired.count, 3);
	assert_true(pkgima_retired_has(&retired, "0011aabb"));
	assert_true(pkgima_retired_has(&retired, "00"));
	assert_true(pkgima_retired_has(&retired, "ffffffff"));
	assert_false(pkgima_retired_has(&retired, "aabb"));
	assert_false(pkgima_retired_has(&retired, "42"));
	assert_false(pkgima_retired_has(&retired, ""));
}

/* What is not understood is an error: it may have been meant to retire a key. */
static void test_what_a_list_may_not_have(void **state)
{
	static const char *const bad[] = { "0011AABB\n", "001\n", " 0011\n", "0011\twords\n", "0011\r\n", "words\n", "0011,\n",
					   "00 ok\n\n# x\n0\n" };
	struct pkgima_retired retired = { 0 };
	struct pkgima_error error;
	char longest[2 * 128 + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_list(bad[i]);
		error.text[0] = '\0';
		assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
		assert_non_null(strstr(error.text, "/etc/ima-init/retired: line "));
		assert_null(retired.skids);
	}
	assert_non_null(strstr(error.text, "line 4"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[256] = '\0';
	write_list(longest);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	longest[254] = '\0';
	write_list(longest);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), 0);
	assert_true(pkgima_retired_has(&retired, longest));
	pkgima_retired_free(&retired);
	support_write(in_root("etc/ima-init/retired"), "00\0\n11\n", 7, 0644);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	recipe_write_text(in_root("etc/ima-init/retired"), "#", PKGIMA_RETIRED_MAX + 1);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EFBIG);
}

static void note(void *context, const char *sentence)
{
	strcat(context, strrchr(sentence, ':'));
}

/* Who has to go on in any case goes on with what is understood. */
static void test_going_on_without_bad_lines(void **state)
{
	cleanup_retired struct pkgima_retired retired = { 0 };
	struct pkgima_error error = { "" };
	char sentences[512] = "";

	(void)state;
	write_list("0011\n0011AABB\nwords\n0022\n");
	assert_int_equal(pkgima_retired_load(site.root, note, sentences, &retired, &error), 0);
	assert_string_equal(sentences, ": line 2 has no Subject Key Identifier in lower-case hexadecimal"
				       ": line 3 has no Subject Key Identifier in lower-case hexadecimal");
	assert_int_equal(retired.count, 2);
	assert_true(pkgima_retired_has(&retired, "0011") && pkgima_retired_has(&retired, "0022"));
}

static void test_what_a_list_may_not_be(void **state)
{
	struct pkgima_retired retired = { 0 };
	struct pkgima_error error;

	(void)state;
	support_make_folder(in_root("etc/ima-init/retired"));
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	assert_int_equal(rmdir(in_root("etc/ima-init/retired")), 0);
	/* One that nobody ever ends. */
	assert_int_equal(mkfifo(in_root("etc/ima-init/retired"), 0600), 0);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	assert_int_equal(unlink(in_root("etc/ima-init/retired")), 0);
	/* A link to nothing is no empty list, and one in place of the folder neither. */
	assert_int_equal(symlink("/dev/null", in_root("etc/ima-init/retired")), 0);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	assert_int_equal(pkgima_retired_add(site.root, "00", "note", &error), -EINVAL);
	assert_int_equal(unlink(in_root("etc/ima-init/retired")), 0);
	assert_int_equal(rmdir(in_root("etc/ima-init")), 0);
	support_make_folder(in_root("elsewhere"));
	assert_int_equal(symlink("/elsewhere", in_root("etc/ima-init")), 0);
	assert_int_equal(pkgima_retired_load(site.root, NULL, NULL, &retired, &error), -EINVAL);
	assert_int_equal(pkgima_retired_add(site.root, "00", "note", &error), -EINVAL);
	assert_int_equal(support_count_names(in_root("elsewhere")), 0);
}

static void test_adding(void **state)
{
	struct pkgima_error error = { "" };
	char *text;
	size_t length;

	(void)state;
	assert_int_equal(pkgima_retired_add(site.root, "0011", "first key", &error), 0);
	assert_int_equal(pkgima_retired_add(site.root, "0022", "second key", &error), 0);
	assert_int_equal(pkgima_retired_add(site.root, "0011", "once more", &error), 0);
	text = (char *)support_read(in_root("etc/ima-init/retired"), &length);
	assert_int_equal(text[0], '#');
	assert_non_null(strstr(text, "\n0011 first key\n0022 second key\n"));
	assert_null(strstr(text, "once more"));
	free(text);
	assert_int_equal(support_count_names(in_root("etc/ima-init")), 1);
	/* What an editor left without its end is kept. */
	write_list("# mine\n00ff last");
	assert_int_equal(pkgima_retired_add(site.root, "0011", "first key", &error), 0);
	text = (char *)support_read(in_root("etc/ima-init/retired"), &length);
	assert_string_equal(text, "# mine\n00ff last\n0011 first key\n");
	free(text);
	/* And what is not understood is not touched. */
	write_list("what?\n");
	assert_int_equal(pkgima_retired_add(site.root, "0011", "first key", &error), -EINVAL);
	text = (char *)support_read(in_root("etc/ima-init/retired"), &length);
	assert_string_equal(text, "what?\n");
	free(text);
}

static struct pkgima_trust *load_trust(int wanted)
{
	struct pkgima_trust *trust = pkgima_trust_new();
	struct pkgima_error error = { "" };

	assert_int_equal(pkgima_trust_load(trust, site.root, NULL, NULL, &error), wanted);
	return trust;
}

static void test_a_retired_key_does_not_count(void **state)
{
	struct recipe recipe = recipe_leaf(), other = recipe_leaf();
	struct pkgima_trust *trust;
	size_t position = 0;

	(void)state;
	support_make_folder(in_root("etc/keys/ima"));
	recipe.skid = "01:02:03:04:05:06:07:08";
	recipe_put(in_root("etc/keys/ima"), "a.der", &recipe);
	/* The same key id, another identifier; and the same identifier of another certificate. */
	other.skid = "ff:02:03:04:05:06:07:08";
	recipe_put(in_root("etc/keys/ima"), "b.der", &other);
	recipe.name = "again";
	recipe_put(in_root("etc/keys/ima"), "c.der", &recipe);
	trust = load_trust(0);
	while (pkgima_trust_find(trust, 0x05060708, &position))
		;
	assert_int_equal(trust->count, 3);
	assert_null(trust->items[0].problem);
	pkgima_trust_free(trust);

	write_list("0102030405060708 a key\n");
	trust = load_trust(0);
	assert_int_equal(trust->count, 3);
	recipe_expect(trust->items[0].problem, "retired");
	recipe_expect(trust->items[1].problem, NULL);
	recipe_expect(trust->items[2].problem, "retired");
	assert_true(trust->items[0].retired && !trust->items[1].retired && trust->items[2].retired);
	position = 0;
	assert_ptr_equal(pkgima_trust_find(trust, 0x05060708, &position), trust->items[1].certificate);
	assert_null(pkgima_trust_find(trust, 0x05060708, &position));
	pkgima_trust_free(trust);

	/* A list that cannot be read does not open the store. */
	write_list("what?\n");
	pkgima_trust_free(load_trust(-EINVAL));
}

static bool owns_all(void *context, const char *path)
{
	(void)context;
	assert_int_equal(strncmp(path, PKGIMA_TRUST_CA_FOLDER "/", strlen(PKGIMA_TRUST_CA_FOLDER) + 1), 0);
	return true;
}

static void test_confirming_a_ca(void **state)
{
	cleanup_trust struct pkgima_trust *waiting = pkgima_trust_new();
	struct recipe leaf = recipe_leaf();
	struct pkgima_error error = { "" };
	struct pkgima_trust *trust;
	char *path = NULL, *again = NULL;
	uint8_t *der;
	size_t length;

	(void)state;
	support_make_folder(in_root("usr/share/ima-init/ca"));
	recipe_put(in_root("usr/share/ima-init/ca"), "none.der", &leaf);
	recipe_write(recipe_site.ca, in_root("usr/share/ima-init/ca"), "site.der");
	assert_int_equal(pkgima_trust_load_waiting(waiting, site.root, &error), 0);
	assert_int_equal(waiting->count, 2);
	recipe_expect(waiting->items[0].problem, "it is no CA certificate");
	recipe_expect(waiting->items[1].problem, NULL);
	assert_false(waiting->has_ca);
	/* It waits, and does not count. */
	trust = load_trust(0);
	assert_int_equal(trust->count, 0);
	pkgima_trust_free(trust);
	assert_int_equal(pkgima_trust_confirm(waiting->items[0].certificate, site.root, NULL, NULL, &path, &error), -EINVAL);
	recipe_expect(error.text, "no CA certificate");
	assert_int_equal(pkgima_trust_confirm(waiting->items[1].certificate, site.root, owns_all, NULL, &path, &error), -EPERM);
	assert_null(path);
	assert_false(support_exists(in_root("etc/keys")));
	assert_int_equal(pkgima_trust_confirm(waiting->items[1].certificate, site.root, NULL, NULL, &path, &error), 0);
	assert_int_equal(strncmp(path + strlen(PKGIMA_TRUST_CA_FOLDER) + 1, waiting->items[1].certificate->fingerprint, 32), 0);
	der = support_read(in_root(path), &length);
	assert_int_equal(length, waiting->items[1].certificate->der_length);
	assert_memory_equal(der, waiting->items[1].certificate->der, length);
	free(der);
	trust = load_trust(0);
	assert_int_equal(trust->count, 1);
	recipe_expect(trust->items[0].problem, NULL);
	assert_true(trust->has_ca);
	pkgima_trust_free(trust);
	/* Something else of that name is replaced, whatever it is. */
	assert_int_equal(unlink(in_root(path)), 0);
	assert_int_equal(symlink("/elsewhere", in_root(path)), 0);
	assert_int_equal(pkgima_trust_confirm(waiting->items[1].certificate, site.root, NULL, NULL, &again, &error), 0);
	assert_string_equal(path, again);
	assert_false(support_exists(in_root("elsewhere")));
	assert_int_equal(support_count_names(in_root("etc/keys/ima-ca")), 1);
	free(path);
	free(again);
}

static void test_confirming_through_a_link(void **state)
{
	struct pkgima_error error = { "" };
	char *path = NULL;

	(void)state;
	support_make_folder(in_root("etc/keys"));
	support_make_folder(in_root("elsewhere"));
	assert_int_equal(symlink("/elsewhere", in_root("etc/keys/ima-ca")), 0);
	assert_int_equal(pkgima_trust_confirm(recipe_site.ca_certificate, site.root, NULL, NULL, &path, &error), -ELOOP);
	recipe_expect(error.text, "symbolic link");
	assert_int_equal(unlink(in_root("etc/keys/ima-ca")), 0);
	assert_int_equal(rmdir(in_root("etc/keys")), 0);
	assert_int_equal(symlink("/elsewhere", in_root("etc/keys")), 0);
	assert_int_equal(pkgima_trust_confirm(recipe_site.ca_certificate, site.root, NULL, NULL, &path, &error), -ELOOP);
	assert_int_equal(unlink(in_root("etc/keys")), 0);
	support_write_text(in_root("etc/keys"), "a file", 0644);
	assert_int_equal(pkgima_trust_confirm(recipe_site.ca_certificate, site.root, NULL, NULL, &path, &error), -ENOTDIR);
	assert_int_equal(support_count_names(in_root("elsewhere")), 0);
	assert_null(path);
}

static void test_fingerprints(void **state)
{
	static const char *const bad[] = {
		"", "00", "0", ":",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
		"00:0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f:",
		":00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:1f",
		"00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e::f",
	};
	static const char wanted[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	char text[65];

	(void)state;
	assert_true(pkgima_fingerprint_parse(wanted, text));
	assert_string_equal(text, wanted);
	assert_true(pkgima_fingerprint_parse("00:01:02:03:04:05:06:07:08:09:0A:0B:0c:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:"
					     "1B:1C:1D:1E:1F", text));
	assert_string_equal(text, wanted);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (pkgima_fingerprint_parse(bad[i], text))
			fail_msg("%s is a fingerprint", bad[i]);
}

static void test_whole_identifiers(void **state)
{
	struct recipe recipe = recipe_leaf();
	struct pkgima_certificate *certificate;
	char skid[PKGIMA_SKID_TEXT];

	(void)state;
	recipe.skid = "01:ab:CD:04:05";
	certificate = recipe_make(&recipe);
	assert_true(pkgima_certificate_skid(certificate, skid));
	assert_string_equal(skid, "01abcd0405");
	pkgima_certificate_free(certificate);
	recipe.skid = NULL;
	certificate = recipe_make(&recipe);
	assert_false(pkgima_certificate_skid(certificate, skid));
	pkgima_certificate_free(certificate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function) cmocka_unit_test_setup_teardown(function, make_root, remove_root)
		TEST(test_what_a_list_may_have),
		TEST(test_what_a_list_may_not_have),
		TEST(test_going_on_without_bad_lines),
		TEST(test_what_a_list_may_not_be),
		TEST(test_adding),
		TEST(test_a_retired_key_does_not_count),
		TEST(test_confirming_a_ca),
		TEST(test_confirming_through_a_link),
		TEST(test_fingerprints),
		TEST(test_whole_identifiers),
	};

	return cmocka_run_group_tests(tests, recipe_setup, recipe_teardown);
}
