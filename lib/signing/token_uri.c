// SPDX-License-Identifier: LGPL-2.1-or-later
#include "token.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../cleanup.h"

#define SCHEME "pkcs11:"

void pkgima_token_uri_free(struct pkgima_token_uri *uri)
{
	free(uri->object);
	free(uri->module);
	free(uri->pin_source);
	if (uri->pin)
		explicit_bzero(uri->pin, strlen(uri->pin));
	free(uri->pin);
	memset(uri, 0, sizeof(*uri));
}

bool pkgima_token_is_uri(const char *key)
{
	return strncasecmp(key, SCHEME, strlen(SCHEME)) == 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes %XX. NULL without memory, and for a broken escape or a NUL byte. */
static char *decode(const char *text, size_t length)
{
	char *decoded = malloc(length + 1), *to = decoded;

	for (size_t i = 0; decoded && i < length; i++) {
		int high, low;

		if (text[i] != '%') {
			*to++ = text[i];
			continue;
		}
		high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
		low = high >= 0 ? hex_digit(text[i + 2]) : -1;
		if (low < 0 || (high == 0 && low == 0)) {
			explicit_bzero(decoded, length);
			free(decoded);
			return NULL;
		}
		*to++ = (char)(high << 4 | low);
		i += 2;
	}
	if (decoded)
		*to = '\0';
	return decoded;
}

/* One of the attributes that are for us. */
static int take(char **value, const char *name, const char *text, size_t length, struct pkgima_error *error)
{
	if (*value)
		return pkgima_fail(error, -EINVAL, "the pkcs11: URI has %s twice", name);
	*value = decode(text, length);
	if (!*value || !**value)
		return pkgima_fail(error, -EINVAL, "the pkcs11: URI has a broken or empty %s", name);
	return 0;
}

/* file:/PATH, file:///PATH or /PATH; @source becomes the path. */
static int check_source(char *source, struct pkgima_error *error)
{
	const char *path = source;

	if (!strncasecmp(path, "file:", 5)) {
		path += 5;
		if (!strncmp(path, "//", 2))
			path += 2;
	}
	if (*path != '/')
		return pkgima_fail(error, -EINVAL,
				   "the pin-source of a pkcs11: URI has to be a file, file:/PATH or /PATH");
	memmove(source, path, strlen(path) + 1);
	return 0;
}

/* Keeps an attribute that is ours, and says so; the others are for engine and provider. */
static int take_ours(struct pkgima_token_uri *uri, const char *text, size_t length, bool *ret_ours,
		     struct pkgima_error *error)
{
	const struct { const char *name; char **value; } ours[] = {
		{ "module-path", &uri->module }, { "pin-source", &uri->pin_source }, { "pin-value", &uri->pin },
	};

	*ret_ours = false;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		size_t size = strlen(ours[i].name);

		if (length <= size || text[size] != '=' || strncmp(text, ours[i].name, size) != 0)
			continue;
		*ret_ours = true;
		return take(ours[i].value, ours[i].name, text + size + 1, length - size - 1, error);
	}
	return 0;
}

/* ";" stands between attributes of the path, "?" before those of the query, "&" between them. */
static int split(const char *at, struct pkgima_token_uri *uri, char *to, struct pkgima_error *error)
{
	char separator = '\0';

	for (bool query = false;; at++) {
		size_t length = strcspn(at, query ? "&" : ";?");
		bool ours;
		int r = take_ours(uri, at, length, &ours, error);

		if (r < 0)
			return r;
		if (length && !ours) {
			if (separator)
				*to++ = separator;
			to = mempcpy(to, at, length);
			separator = query ? '&' : ';';
		}
		at += length;
		if (!*at)
			return 0;
		if (*at == '?') {
			query = true;
			separator = '?';
		}
	}
}

/*
 * Engines take other separators than RFC 7512 has (libp11 each of ";?&" everywhere), and words of any case may be meant: what
 * is left would be used, and shown in messages.
 */
static bool has_pin(const char *text)
{
	return text && strcasestr(text, "pin-value=");
}

int pkgima_token_uri_parse(const char *uri, struct pkgima_token_uri *ret_uri, struct pkgima_error *error)
{
	cleanup_token_uri struct pkgima_token_uri parsed = { 0 };
	int r;

	if (!pkgima_token_is_uri(uri) || strlen(uri) > PKGIMA_TOKEN_URI_MAX)
		return pkgima_fail(error, -EINVAL, "it is no pkcs11: URI, or one of more than %d bytes",
				   PKGIMA_TOKEN_URI_MAX);
	/* Not longer than what it is made of. */
	parsed.object = calloc(strlen(uri) + 1, 1);
	if (!parsed.object)
		return pkgima_fail(error, -ENOMEM, "no memory for the key");
	r = split(uri + strlen(SCHEME), &parsed, stpcpy(parsed.object, SCHEME), error);
	if (r < 0)
		return r;
	if (has_pin(parsed.object) || has_pin(parsed.module) || has_pin(parsed.pin_source))
		return pkgima_fail(error, -EINVAL, "the pkcs11: URI has pin-value in another attribute: \"?\" stands before the "
				   "first of the query, \"&\" between them");
	if (parsed.pin && parsed.pin_source)
		return pkgima_fail(error, -EINVAL, "the pkcs11: URI has both pin-value and pin-source");
	if (parsed.pin && strlen(parsed.pin) > PKGIMA_TOKEN_PIN_MAX)
		return pkgima_fail(error, -EINVAL, "the PIN has more than %d bytes", PKGIMA_TOKEN_PIN_MAX);
	if (parsed.pin_source && check_source(parsed.pin_source, error) < 0)
		return -EINVAL;
	*ret_uri = parsed;
	memset(&parsed, 0, sizeof(parsed));
	return 0;
}

bool pkgima_token_shows_pin(const char *key)
{
	cleanup_token_uri struct pkgima_token_uri uri = { 0 };

	return pkgima_token_is_uri(key) && pkgima_token_uri_parse(key, &uri, NULL) == 0 && uri.pin;
}
