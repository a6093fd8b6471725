// SPDX-License-Identifier: LGPL-2.1-or-later
#include "key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ui.h>

#include "../escape.h"
#include "../io.h"

#define PKCS11 "pkcs11:"

PKGIMA_DEFINE_CLEANUP(bio, BIO, BIO_vfree)
#define cleanup_bio PKGIMA_CLEANUP(bio_cleanup)
PKGIMA_DEFINE_CLEANUP(ui, UI, UI_free)
#define cleanup_ui PKGIMA_CLEANUP(ui_cleanup)

static inline void openssl_free_cleanup(char **text)
{
	OPENSSL_free(*text);
}
#define cleanup_openssl_free PKGIMA_CLEANUP(openssl_free_cleanup)

struct passphrase {
	const char *name;  /* of the key file */
	bool asked, no_terminal;
};

/* Without a terminal OpenSSL would go on with stdin, which holds something else or waits for ever. */
static bool has_terminal(void)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

static int ask_passphrase(char *buffer, int size, int writing, void *context)
{
	struct passphrase *passphrase = context;
	cleanup_openssl_free char *prompt = NULL;
	cleanup_ui UI *ui = NULL;

	(void)writing;
	passphrase->asked = true;
	passphrase->no_terminal = !has_terminal();
	if (passphrase->no_terminal || size < 2)
		return -1;
	ui = UI_new();
	if (!ui)
		return -1;
	prompt = UI_construct_prompt(ui, "passphrase", passphrase->name);
	if (!prompt || UI_add_input_string(ui, prompt, 0, buffer, 0, size - 1) < 0 || UI_process(ui) != 0) {
		OPENSSL_cleanse(buffer, (size_t)size);
		return -1;
	}
	return (int)strlen(buffer);
}

/* Why OpenSSL could not: its first error is the most telling one. */
static const char *openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	return reason ? reason : "unknown reason";
}

static int parse_key(const uint8_t *data, size_t length, const char *name, EVP_PKEY **ret_key,
		     struct pkgima_error *error)
{
	cleanup_bio BIO *bio = BIO_new_mem_buf(data, (int)length);
	struct passphrase passphrase = { .name = name };
	EVP_PKEY *key;

	if (!bio)
		return pkgima_fail(error, -ENOMEM, "%s: no memory for the key", name);
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, ask_passphrase, &passphrase);
	if (key) {
		ERR_clear_error();
		*ret_key = key;
		return 0;
	}
	if (passphrase.no_terminal)
		pkgima_fail(error, 0, "cannot read key %s: it is encrypted, and there is no terminal to ask for its "
			    "passphrase", name);
	else if (passphrase.asked)
		pkgima_fail(error, 0, "cannot decrypt key %s: %s", name, openssl_reason());
	else
		pkgima_fail(error, 0, "cannot read key %s: no private key in PEM: %s", name, openssl_reason());
	ERR_clear_error();
	return passphrase.no_terminal ? -ENOTTY : -EINVAL;
}

static bool is_pkcs11(const char *key)
{
	return strncasecmp(key, PKCS11, strlen(PKCS11)) == 0;
}

int pkgima_key_load(const char *key, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	cleanup_free char *name = pkgima_printable(key);
	cleanup_close int fd = -1;
	uint8_t *data = NULL;
	size_t length = 0;
	int r;

	if (!name)
		return pkgima_fail(error, -ENOMEM, "no memory for the key");
	/* A URI may hold the token's PIN: it is not repeated. */
	if (is_pkcs11(key))
		return pkgima_fail(error, -EOPNOTSUPP, "keys in PKCS #11 tokens (" PKCS11 ") are not supported yet");
	fd = open(key, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open key %s", name);
	r = pkgima_read_file(fd, name, PKGIMA_KEY_MAX, &data, &length, error);
	if (r < 0)
		return r;
	r = parse_key(data, length, name, ret_key, error);
	OPENSSL_cleanse(data, length);
	free(data);
	return r;
}

int pkgima_key_check(EVP_PKEY *key, const struct pkgima_certificate *certificate, time_t when,
		     struct pkgima_error *error)
{
	const char *problem = pkgima_certificate_leaf_problem(certificate);
	int same;

	if (problem)
		return pkgima_fail(error, -EINVAL, "%s cannot be used to sign files: %s", certificate->source, problem);
	problem = pkgima_certificate_validity_problem(certificate, when);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s cannot be used to sign files: %s", certificate->source, problem);
	same = EVP_PKEY_eq(key, certificate->key);
	ERR_clear_error();
	if (same != 1)
		return pkgima_fail(error, -EINVAL, "the key does not belong to %s", certificate->source);
	return 0;
}

bool pkgima_key_is_exposed(const char *key)
{
	struct stat st;

	return !is_pkcs11(key) && stat(key, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRGRP | S_IROTH));
}
