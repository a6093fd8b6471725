// SPDX-License-Identifier: LGPL-2.1-or-later
#include "escape.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool is_escaped_in_manifest(uint8_t byte)
{
	return byte <= 0x20 || byte == 0x7f || byte == '\\';
}

static char *put_octal(char *to, uint8_t byte)
{
	*to++ = '\\';
	*to++ = (char)('0' + (byte >> 6));
	*to++ = (char)('0' + ((byte >> 3) & 7));
	*to++ = (char)('0' + (byte & 7));
	return to;
}

ssize_t pkgima_escape(const char *name, size_t length, char *output, size_t capacity)
{
	char *to = output;

	for (size_t i = 0; i < length; i++) {
		if ((size_t)(to - output) + 5 > capacity)
			return -ENOSPC;
		if (is_escaped_in_manifest((uint8_t)name[i]))
			to = put_octal(to, (uint8_t)name[i]);
		else
			*to++ = name[i];
	}
	if ((size_t)(to - output) >= capacity)
		return -ENOSPC;
	*to = '\0';
	return to - output;
}

ssize_t pkgima_unescape(const char *text, size_t length, char *output)
{
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned int value = 0;

		if (text[i] != '\\') {
			if (is_escaped_in_manifest((uint8_t)text[i]))
				return -EINVAL;
			output[used++] = text[i];
			continue;
		}
		if (length - i < 4)
			return -EINVAL;
		for (size_t k = 1; k <= 3; k++) {
			if (text[i + k] < '0' || text[i + k] > '7')
				return -EINVAL;
			value = value * 8 + (unsigned int)(text[i + k] - '0');
		}
		if (value == 0 || value > 0xff || !is_escaped_in_manifest((uint8_t)value))
			return -EINVAL;
		output[used++] = (char)value;
		i += 3;
	}
	output[used] = '\0';
	return (ssize_t)used;
}

/* Marks that reorder what is shown, have no width or end a line, tags that are not shown at all; and surrogates. */
static bool is_hidden(uint32_t value)
{
	static const struct { uint32_t first, last; } hidden[] = {
		{ 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x2069 }, { 0xd800, 0xdfff },
		{ 0xfeff, 0xfeff }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (value >= hidden[i].first && value <= hidden[i].last)
			return true;
	return false;
}

/* Bytes of the UTF-8 sequence at @text that may be shown as it is, or 0. C1 controls (U+0080 to U+009F) may not. */
static size_t shown_sequence(const uint8_t *text)
{
	static const struct { uint8_t mask, lead; uint32_t least; } forms[] = {
		{ 0xe0, 0xc0, 0xa0 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 },
	};

	if (text[0] < 0x80)
		return (text[0] == ' ' || !is_escaped_in_manifest(text[0])) ? 1 : 0;
	for (size_t form = 0; form < 3; form++) {
		uint32_t value;

		if ((text[0] & forms[form].mask) != forms[form].lead)
			continue;
		value = text[0] & (uint8_t)~forms[form].mask;
		for (size_t k = 1; k <= form + 1; k++) {
			if ((text[k] & 0xc0) != 0x80)
				return 0;
			value = value << 6 | (text[k] & 0x3f);
		}
		/* Overlong forms, and what is beyond Unicode. */
		if (value < forms[form].least || value > 0x10ffff || is_hidden(value))
			return 0;
		return form + 2;
	}
	return 0;
}

char *pkgima_printable_into(const char *name, char *output, size_t capacity)
{
	size_t used = 0;

	if (capacity < 8) {
		if (capacity)
			*output = '\0';
		return output;
	}
	while (*name) {
		size_t shown = shown_sequence((const uint8_t *)name);

		if (used + (shown ? shown : 4) + 4 > capacity) {
			memcpy(output + used, "...", 3);
			used += 3;
			break;
		}
		if (shown) {
			memcpy(output + used, name, shown);
			used += shown;
			name += shown;
		} else {
			used = (size_t)(put_octal(output + used, (uint8_t)*name++) - output);
		}
	}
	output[used] = '\0';
	return output;
}

char *pkgima_printable(const char *name)
{
	size_t capacity = PKGIMA_ESCAPED_MAX(strlen(name)) + 8;
	char *output = malloc(capacity);

	return output ? pkgima_printable_into(name, output, capacity) : NULL;
}
