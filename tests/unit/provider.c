// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A provider of the name "pkcs11", as OpenSSL loads it, for where there is no real one: its store gives the key of the PEM
 * file that the environment variable PROVIDER_KEY names, to whom has the PIN "1234". How often it was asked is counted in
 * the file PROVIDER_LOG, a letter each.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct store {
	bool done;
};

static void note(char letter)
{
	FILE *log = fopen(getenv("PROVIDER_LOG"), "ae");

	if (log) {
		fputc(letter, log);
		fclose(log);
	}
}

static void *store_open(void *context, const char *uri)
{
	(void)context;
	note('o');
	return strncmp(uri, "pkcs11:", 7) == 0 && strstr(uri, "object=signing") && !strstr(uri, "pin") ?
		calloc(1, sizeof(struct store)) : NULL;
}

static int store_set(void *context, const OSSL_PARAM parameters[])
{
	(void)context, (void)parameters;
	return 1;
}

static int give_key(OSSL_CALLBACK *give, void *argument)
{
	FILE *file = fopen(getenv("PROVIDER_KEY"), "re");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	PKCS8_PRIV_KEY_INFO *info = key ? EVP_PKEY2PKCS8(key) : NULL;
	unsigned char *der = NULL;
	int length = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1, type = OSSL_OBJECT_PKEY, r = 0;
	OSSL_PARAM parameters[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, (char *)"PrivateKeyInfo", 14),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, der, length > 0 ? (size_t)length : 0),
		OSSL_PARAM_END,
	};

	if (length > 0)
		r = give(parameters, argument);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(key);
	if (file)
		fclose(file);
	return r;
}

static int store_load(void *context, OSSL_CALLBACK *give, void *give_argument, OSSL_PASSPHRASE_CALLBACK *ask,
		      void *ask_argument)
{
	struct store *store = context;
	char pin[64] = "";
	size_t length = 0;

	store->done = true;
	note('l');
	if (!ask(pin, sizeof(pin) - 1, &length, NULL, ask_argument) || length != 4 || memcmp(pin, "1234", 4) != 0)
		return 0;
	return give_key(give, give_argument);
}

static int store_eof(void *context)
{
	return ((struct store *)context)->done;
}

static int store_close(void *context)
{
	free(context);
	return 1;
}

static const OSSL_DISPATCH store_functions[] = {
	{ OSSL_FUNC_STORE_OPEN, (void (*)(void))store_open },
	{ OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))store_set },
	{ OSSL_FUNC_STORE_LOAD, (void (*)(void))store_load },
	{ OSSL_FUNC_STORE_EOF, (void (*)(void))store_eof },
	{ OSSL_FUNC_STORE_CLOSE, (void (*)(void))store_close },
	{ 0, NULL },
};

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM stores[] = {
		{ "pkcs11", "provider=pkcs11", store_functions, "a test" },
		{ NULL, NULL, NULL, NULL },
	};

	(void)context;
	*no_cache = 0;
	return operation == OSSL_OP_STORE ? stores : NULL;
}

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
							      const OSSL_DISPATCH **out, void **context);

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		       void **context)
{
	static const OSSL_DISPATCH functions[] = {
		{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
		{ 0, NULL },
	};

	(void)in;
	*out = functions;
	*context = (void *)handle;
	return 1;
}
