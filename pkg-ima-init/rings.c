// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The keyrings that the kernel verifies with. One with a trusted keyring (CONFIG_INTEGRITY_TRUSTED_KEYRING) has ".ima",
 * which takes what a CA built into it has issued. Any other looks for "_ima" in the keyrings of whoever first has it
 * verify something: it is made here, and takes only what a CA certificate of the administrator's has issued.
 */
#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/beneath.h"

#define LEAVES "/etc/keys/ima"

/* Is it a keyring of root's with this name? A name with a dot in front is the kernel's to give. */
static bool is_ring(key_serial_t serial, const char *name)
{
	char text[128], wanted[64];

	if (key_describe(serial, text, sizeof(text)) < 0)
		return false;
	text[sizeof(text) - 1] = '\0';
	snprintf(wanted, sizeof(wanted), ";%s", name);
	return !strncmp(text, "keyring;0;", 10) && strlen(text) > strlen(wanted) &&
	       !strcmp(text + strlen(text) - strlen(wanted), wanted);
}

/* The ring, if it is this line's of /proc/keys, or 0. */
static key_serial_t ring_of(const char *line, const char *name)
{
	key_serial_t serial = (key_serial_t)strtoul(line, NULL, 16);
	char part[64];

	snprintf(part, sizeof(part), " keyring   %s: ", name);
	return strstr(line, part) && is_ring(serial, name) ? serial : 0;
}

key_serial_t rings_find(const char *name)
{
	cleanup_close int fd = open("/proc/keys", O_RDONLY | O_CLOEXEC);
	/* Of a longer line, which no keyring of the kernel's has, the parts are read one by one. */
	char text[8192], *line, *end;
	key_serial_t found = 0;
	size_t used = 0;
	ssize_t n;

	while (!found && fd >= 0 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0) {
		used += (size_t)n;
		text[used] = '\0';
		for (line = text; !found && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			found = ring_of(line, name);
		}
		used = strlen(line);
		memmove(text, line, used);
		if (used == sizeof(text) - 1)
			used = 0;
	}
	return found;
}

size_t rings_count(key_serial_t ring)
{
	long size = key_read(ring, NULL, 0);

	return size > 0 ? (size_t)size / sizeof(key_serial_t) : 0;
}

void rings_each(key_serial_t ring, void (*tell)(void *context, key_serial_t key, const char *skid), void *context)
{
	key_serial_t serials[1024];
	long size = ring ? key_read(ring, (char *)serials, sizeof(serials)) : 0;
	size_t count = size > 0 ? (size_t)size / sizeof(serials[0]) : 0;

	for (size_t i = 0; i < count && i < sizeof(serials) / sizeof(serials[0]); i++) {
		const char *skid = NULL;
		char text[512];

		/* "asymmetric;UID;GID;PERM;SUBJECT: SKID" */
		if (key_describe(serials[i], text, sizeof(text)) < 0)
			continue;
		text[sizeof(text) - 1] = '\0';
		if (!strncmp(text, "asymmetric;", 11))
			skid = strrchr(text, ' ');
		if (skid && strlen(skid + 1) >= 8 && strspn(skid + 1, "0123456789abcdef") == strlen(skid + 1))
			tell(context, serials[i], skid + 1);
	}
}

struct ids {
	char *output;
	size_t capacity, used;
};

static void add_id(void *context, key_serial_t key, const char *skid)
{
	struct ids *ids = context;

	(void)key;
	if (ids->used + 14 < ids->capacity)
		ids->used += (size_t)snprintf(ids->output + ids->used, ids->capacity - ids->used, "key=%s\n",
					      skid + strlen(skid) - 8);
}

void rings_ids(key_serial_t ring, char *output, size_t capacity)
{
	struct ids ids = { .output = output, .capacity = capacity };

	output[0] = '\0';
	rings_each(ring, add_id, &ids);
}

bool rings_make(struct init *init, const char *ca_name, const char *ca_folder, enum failure refused, const char *name,
		key_serial_t *ret_ring)
{
	char restriction[64];
	key_serial_t ca, ring;

	ca = key_add("keyring", ca_name, NULL, 0, KEY_SPEC_USER_KEYRING);
	if (ca < 0) {
		report_failure(init, FAILURE_RING, "%s: %s", ca_name, strerror(errno));
		return false;
	}
	if (!certificates_load(init, init->places.fd, ca_folder, ca, refused))
		return false;
	/* Sealed: what is in it is all that ever will be. */
	if (key_restrict(ca, NULL, NULL) < 0) {
		report_failure(init, FAILURE_RING, "%s cannot be sealed: %s", ca_name, strerror(errno));
		return false;
	}
	ring = key_add("keyring", name, NULL, 0, KEY_SPEC_USER_KEYRING);
	/* No ":chain": with it what a certificate in the ring has issued would get in as well. */
	snprintf(restriction, sizeof(restriction), "key_or_keyring:%d", ca);
	if (ring < 0 || key_restrict(ring, "asymmetric", restriction) < 0) {
		report_failure(init, FAILURE_RING, "%s: %s", name, strerror(errno));
		return false;
	}
	*ret_ring = ring;
	return true;
}

void rings_load(struct init *init)
{
	cleanup_close int root = pkgima_root_open("/", NULL);
	struct rings *rings = &init->rings;

	/* @u, where keys are found later from any session, has to be possessed: a session of our own leads to it. */
	if (key_join_session() < 0 ||
	    key_link(KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING) < 0)
		report_failure(init, FAILURE_SESSION, "%s", strerror(errno));
	rings->ima = rings_find(".ima");
	if (!rings->ima) {
		rings->own_ima = rings_make(init, "_ca", init->places.ca, FAILURE_CA, "_ima", &rings->ima);
		if (!rings->own_ima) {
			report_failure(init, FAILURE_NO_CA, "%s%s", init->places.folder, init->places.ca);
			return;
		}
	}
	certificates_load(init, root, LEAVES, rings->ima, FAILURE_CERTIFICATE);
	retired_unlink(init);
	if (!rings_count(rings->ima))
		report_failure(init, FAILURE_NO_KEY, "keyring %s, certificates " LEAVES "/*.der",
			       rings->own_ima ? "_ima" : ".ima");
}
