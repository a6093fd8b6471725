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
	long length = key_describe(serial, text, sizeof(text));

	/* With a longer one it is none. */
	if (length < 0 || (size_t)length > sizeof(text))
		return false;
	snprintf(wanted, sizeof(wanted), ";%s", name);
	return !strncmp(text, "keyring;0;", 10) && strlen(text) > strlen(wanted) &&
	       !strcmp(text + strlen(text) - strlen(wanted), wanted);
}

/* What is looked for in /proc/keys, and what comes of it. */
struct wanted {
	const char *name;        /* NULL: by @serial */
	key_serial_t serial;
	unsigned long usage;
};

/* "SERIAL FLAGS USAGE …", by proc_keys_show() of security/keys/proc.c. */
static bool is_wanted(struct wanted *wanted, char *line)
{
	char part[64], *rest;
	key_serial_t serial = (key_serial_t)strtoul(line, &rest, 16);

	if (wanted->name) {
		snprintf(part, sizeof(part), " keyring   %s: ", wanted->name);
		if (!strstr(line, part) || !is_ring(serial, wanted->name))
			return false;
		wanted->serial = serial;
		return true;
	}
	if (serial != wanted->serial)
		return false;
	rest += strspn(rest, " ");
	wanted->usage = strtoul(rest + strcspn(rest, " "), NULL, 10);
	return true;
}

static bool find(struct wanted *wanted)
{
	cleanup_close int fd = open("/proc/keys", O_RDONLY | O_CLOEXEC);
	/* Of a longer line, which no keyring of the kernel's has, the parts are read one by one. */
	char text[8192], *line, *end;
	bool found = false;
	size_t used = 0;
	ssize_t n;

	while (!found && fd >= 0 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0) {
		used += (size_t)n;
		text[used] = '\0';
		for (line = text; !found && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			found = is_wanted(wanted, line);
		}
		used = strlen(line);
		memmove(text, line, used);
		if (used == sizeof(text) - 1)
			used = 0;
	}
	return found;
}

key_serial_t rings_find(const char *name)
{
	struct wanted wanted = { .name = name };

	return find(&wanted) ? wanted.serial : 0;
}

unsigned long rings_usage(key_serial_t ring)
{
	struct wanted wanted = { .serial = ring };

	return find(&wanted) ? wanted.usage : 0;
}

size_t rings_count(key_serial_t ring)
{
	long size = key_read(ring, NULL, 0);

	return size > 0 ? (size_t)size / sizeof(key_serial_t) : 0;
}

int rings_each(key_serial_t ring, void (*tell)(void *context, key_serial_t key, const char *skid), void *context)
{
	cleanup_free key_serial_t *serials = NULL;
	long size = ring ? key_read(ring, NULL, 0) : 0;
	int r = 0;

	if (size < 0)
		return -errno;
	serials = malloc((size_t)size + 1);
	if (!serials)
		return -ENOMEM;
	if (size > 0 && key_read(ring, serials, (size_t)size) != size)
		return -EIO;
	for (size_t i = 0; i < (size_t)size / sizeof(*serials); i++) {
		/* "asymmetric;UID;GID;PERM;SUBJECT: SKID", each half of some 512 bytes at most (crypto/asymmetric_keys). */
		char text[2048];
		long length = key_describe(serials[i], text, sizeof(text));
		const char *skid = NULL;

		if (length < 0 || (size_t)length > sizeof(text)) {
			r = length < 0 ? -errno : -EMSGSIZE;
			continue;
		}
		if (!strncmp(text, "asymmetric;", 11))
			skid = strrchr(text, ' ');
		if (skid && strlen(skid + 1) >= 8 && strspn(skid + 1, "0123456789abcdef") == strlen(skid + 1))
			tell(context, serials[i], skid + 1);
	}
	return r;
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
		struct own_ring *own, key_serial_t *ret_ring)
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
	*own = (struct own_ring){ .made = true, .usage = rings_usage(ring) };
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
		if (!rings_make(init, "_ca", init->places.ca, FAILURE_CA, "_ima", &rings->own_ima, &rings->ima)) {
			report_failure(init, FAILURE_NO_CA, "%s%s", init->places.folder, init->places.ca);
			return;
		}
	}
	certificates_load(init, root, LEAVES, rings->ima, FAILURE_CERTIFICATE);
	retired_unlink(init);
	if (!rings_count(rings->ima))
		report_failure(init, FAILURE_NO_KEY, "keyring %s, certificates " LEAVES "/*.der",
			       rings->own_ima.made ? "_ima" : ".ima");
}
