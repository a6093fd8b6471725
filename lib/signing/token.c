// SPDX-License-Identifier: LGPL-2.1-or-later
/* OpenSSL's engines are all that Debian 12 has for tokens. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>
#endif
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "../cleanup.h"
#include "../escape.h"
#include "../io.h"
#include "passphrase.h"

/* Of both the provider and the engine. */
#define NAME "pkcs11"

/* What a key of a token needs as long as it lives: it may be asked for its PIN at each signature. */
struct token {
#ifndef OPENSSL_NO_ENGINE
	ENGINE *engine;
#endif
	UI_METHOD *method;
	struct pkgima_token_uri uri;
	char *name;                               /* the URI without secrets, printable */
	struct pkgima_passphrase question;
	char pin[PKGIMA_TOKEN_PIN_MAX + 1];
	bool has_pin, loaded;
	unsigned int given;                       /* how often the PIN was handed out */
};

static void token_free(struct token *token)
{
	if (!token)
		return;
#ifndef OPENSSL_NO_ENGINE
	if (token->engine) {
		ENGINE_finish(token->engine);
		ENGINE_free(token->engine);
	}
#endif
	UI_destroy_method(token->method);
	pkgima_token_uri_free(&token->uri);
	free(token->name);
	explicit_bzero(token->pin, sizeof(token->pin));
	free(token);
}
PKGIMA_DEFINE_CLEANUP(token, struct token, token_free)
#define cleanup_token PKGIMA_CLEANUP(token_cleanup)

/* With the key that it belongs to, behind it. */
static void free_with_key(void *key, void *token, CRYPTO_EX_DATA *data, int index, long argument, void *pointer)
{
	(void)key, (void)data, (void)index, (void)argument, (void)pointer;
	token_free(token);
}

/* A copy is OpenSSL's own, if there can be one at all: it needs no token, which would be freed with each of them. */
static int copy_without(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **token, int index, long argument,
			void *pointer)
{
	(void)to, (void)from, (void)index, (void)argument, (void)pointer;
	*token = NULL;
	return 1;
}

/* A pem_password_cb. A PIN that was refused is not given again while the key is loaded: tokens lock after a few. */
static int give_pin(char *buffer, int size, int writing, void *context)
{
	struct token *token = context;
	int length;

	if (!token->loaded && token->given++ > 0)
		return -1;
	if (!token->has_pin) {
		length = pkgima_passphrase_ask(token->pin, (int)sizeof(token->pin), writing, &token->question);
		if (length < 0)
			return -1;
		token->has_pin = true;
	}
	length = (int)strlen(token->pin);
	if (length >= size)
		return -1;
	memcpy(buffer, token->pin, (size_t)length + 1);
	return length;
}

/* The first line of the file, which may be a pipe. */
static int read_pin(struct token *token, struct pkgima_error *error)
{
	cleanup_close int fd = open(token->uri.pin_source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char bytes[PKGIMA_TOKEN_PIN_MAX + 1], safe[256];
	const char *end;
	ssize_t length;

	pkgima_printable_into(token->uri.pin_source, safe, sizeof(safe));
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot read the PIN from %s", safe);
	length = pkgima_read_all(fd, bytes, sizeof(bytes));
	if (length < 0)
		return pkgima_fail(error, (int)length, "cannot read the PIN from %s: %s", safe, strerror((int)-length));
	end = memchr(bytes, '\n', (size_t)length);
	if (end)
		length = end - bytes;
	token->has_pin = length > 0 && length <= PKGIMA_TOKEN_PIN_MAX && !memchr(bytes, '\0', (size_t)length);
	if (token->has_pin)
		memcpy(token->pin, bytes, (size_t)length);
	explicit_bzero(bytes, sizeof(bytes));
	if (!token->has_pin)
		return pkgima_fail(error, -EINVAL, "the first line of %s is no PIN of 1 to %d bytes", safe,
				   PKGIMA_TOKEN_PIN_MAX);
	return 0;
}

/* What is given without asking. */
static int find_pin(struct token *token, struct pkgima_error *error)
{
	const char *pin = token->uri.pin ? token->uri.pin : getenv(PKGIMA_TOKEN_PIN_VARIABLE);

	if (token->uri.pin_source)
		return read_pin(token, error);
	if (!pin || !*pin)
		return 0;
	if (strlen(pin) > PKGIMA_TOKEN_PIN_MAX)
		return pkgima_fail(error, -EINVAL, "the PIN has more than %d bytes", PKGIMA_TOKEN_PIN_MAX);
	strcpy(token->pin, pin);
	token->has_pin = true;
	return 0;
}

static int token_new(const char *uri, struct token **ret_token, struct pkgima_error *error)
{
	cleanup_token struct token *token = calloc(1, sizeof(*token));
	int r;

	if (!token)
		return pkgima_fail(error, -ENOMEM, "no memory for the key");
	r = pkgima_token_uri_parse(uri, &token->uri, error);
	if (r < 0)
		return r;
	token->name = pkgima_printable(token->uri.object);
	token->method = UI_UTIL_wrap_read_pem_callback(give_pin, 0);
	if (!token->name || !token->method)
		return pkgima_fail(error, -ENOMEM, "no memory for the key");
	token->question = (struct pkgima_passphrase){ .what = "PIN", .name = token->name };
	r = find_pin(token, error);
	if (r == 0)
		*ret_token = pkgima_steal_pointer(&token);
	return r;
}

/* OpenSSL's first error is the most telling one. */
static int fail(const struct token *token, struct pkgima_error *error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	if (token->question.no_terminal)
		pkgima_fail(error, 0, "%s wants a PIN: there is no terminal to ask for it, and neither pin-source nor "
			    PKGIMA_TOKEN_PIN_VARIABLE " gives one", token->name);
	else
		pkgima_fail(error, 0, "cannot use the key %s: %s", token->name, reason ? reason : "there is none, or the PIN is wrong");
	ERR_clear_error();
	return token->question.no_terminal ? -ENOTTY : -EINVAL;
}

/*
 * -ENOENT: there is no such provider. It stays loaded: when providers are torn down at the end of the process, what they loaded
 * may have ended itself already.
 */
static int load_by_provider(struct token *token, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	EVP_PKEY *key = NULL;
	OSSL_STORE_CTX *store;

	/* It has no other way to be told. */
	if (token->uri.module)
		setenv("PKCS11_PROVIDER_MODULE", token->uri.module, 1);
	if (!OSSL_PROVIDER_available(NULL, NAME) && !OSSL_PROVIDER_try_load(NULL, NAME, 1)) {
		ERR_clear_error();
		return -ENOENT;
	}
	ERR_clear_error();
	store = OSSL_STORE_open(token->uri.object, token->method, token, NULL, NULL);
	if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1) {
		while (!key && !OSSL_STORE_eof(store)) {
			OSSL_STORE_INFO *info = OSSL_STORE_load(store);

			if (!info && OSSL_STORE_error(store))
				break;
			key = info ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;
			OSSL_STORE_INFO_free(info);
		}
	}
	OSSL_STORE_close(store);
	if (!key)
		return fail(token, error);
	*ret_key = key;
	return 0;
}

#ifndef OPENSSL_NO_ENGINE
static int load_by_engine(struct token *token, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	ENGINE *engine;

	ENGINE_load_dynamic();
	engine = ENGINE_by_id(NAME);
	if (!engine) {
		ERR_clear_error();
		return -ENOENT;
	}
	/* Else it writes to standard error, too. */
	ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1);
	if (token->uri.module && !ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", token->uri.module, 0)) {
		ENGINE_free(engine);
		return fail(token, error);
	}
	if (!ENGINE_init(engine)) {
		ENGINE_free(engine);
		return fail(token, error);
	}
	token->engine = engine;
	*ret_key = ENGINE_load_private_key(engine, token->uri.object, token->method, token);
	return *ret_key ? 0 : fail(token, error);
}
#else
static int load_by_engine(struct token *token, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	(void)token, (void)ret_key, (void)error;
	return -ENOENT;
}
#endif

int pkgima_token_load(const char *uri, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	cleanup_token struct token *token = NULL;
	EVP_PKEY *key = NULL;
	int index, r;

	r = token_new(uri, &token, error);
	if (r < 0)
		return r;
	index = EVP_PKEY_get_ex_new_index(0, NULL, NULL, copy_without, free_with_key);
	if (index < 0)
		return fail(token, error);
	r = load_by_provider(token, &key, error);
	if (r == -ENOENT)
		r = load_by_engine(token, &key, error);
	if (r == -ENOENT)
		return pkgima_fail(error, -EOPNOTSUPP, "cannot use the key %s: OpenSSL has no provider or engine for PKCS #11 "
				   "(Debian: libengine-pkcs11-openssl)", token->name);
	if (r < 0)
		return r;
	token->loaded = true;
	if (EVP_PKEY_set_ex_data(key, index, token) != 1) {
		EVP_PKEY_free(key);
		return fail(token, error);
	}
	token = NULL;
	*ret_key = key;
	return 0;
}
