// SPDX-License-Identifier: LGPL-2.1-or-later
/* The trust store, and the kernel's keyring against it. */
#include <string.h>

#include "status_checks.h"

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static bool counts(const struct pkgima_trust_item *item)
{
	return !item->ca && !item->problem;
}

void pkgima_status_trust(struct pkgima_status *status)
{
	const struct pkgima_trust *trust = status->trust;
	size_t leaves = 0, problems = 0;

	for (size_t i = 0; i < trust->count; i++) {
		leaves += counts(&trust->items[i]);
		problems += trust->items[i].problem != NULL;
	}
	if (!leaves)
		pkgima_status_tell(status, "trust", PKGIMA_STATUS_MISSING, "see pkgima keys list",
				   "no certificate in " PKGIMA_TRUST_FOLDER " counts");
	else if (problems)
		pkgima_status_tell(status, "trust", PKGIMA_STATUS_ATTENTION, "see pkgima keys list",
				   "%zu certificate%s, and %zu file%s that do%s not count", leaves, plural(leaves), problems,
				   plural(problems), problems == 1 ? "es" : "");
	else if (!trust->has_ca)
		pkgima_status_tell(status, "trust", PKGIMA_STATUS_ATTENTION, "put the site's CA certificate there",
				   "%zu certificate%s; without a CA certificate in " PKGIMA_TRUST_CA_FOLDER " every package can "
				   "add one", leaves, plural(leaves));
	else
		pkgima_status_tell(status, "trust", PKGIMA_STATUS_OK, NULL, "%zu certificate%s", leaves, plural(leaves));
}

static bool ring_has(const struct pkgima_status_keyring *ring, const char *skid)
{
	for (size_t i = 0; i < ring->count; i++)
		if (!strcmp(ring->skids[i], skid))
			return true;
	return false;
}

static bool store_has(const struct pkgima_trust *trust, const char *wanted)
{
	char skid[PKGIMA_SKID_TEXT];

	for (size_t i = 0; i < trust->count; i++)
		if (counts(&trust->items[i]) && pkgima_certificate_skid(trust->items[i].certificate, skid) &&
		    !strcmp(skid, wanted))
			return true;
	return false;
}

void pkgima_status_keyring(struct pkgima_status *status)
{
	const struct pkgima_status_keyring *ring = status->keyring;
	size_t absent = 0, strange = 0;
	char skid[PKGIMA_SKID_TEXT];

	if (!ring->name) {
		pkgima_status_tell(status, "keyring", PKGIMA_STATUS_MISSING, "boot with ima-init, which makes one",
				   "%s", ring->problem ? ring->problem : "this kernel has no keyring for IMA");
		return;
	}
	if (ring->problem) {
		pkgima_status_tell(status, "keyring", PKGIMA_STATUS_ATTENTION, "run it as root", "%s", ring->problem);
		return;
	}
	for (size_t i = 0; i < status->trust->count; i++) {
		const struct pkgima_trust_item *item = &status->trust->items[i];

		absent += counts(item) && pkgima_certificate_skid(item->certificate, skid) && !ring_has(ring, skid);
	}
	for (size_t i = 0; i < ring->count; i++)
		strange += !store_has(status->trust, ring->skids[i]);
	if (absent)
		pkgima_status_tell(status, "keyring", PKGIMA_STATUS_ATTENTION, "pkgima keys load", "%s lacks %zu key%s of the trust "
				   "store", ring->name, absent, plural(absent));
	if (strange)
		pkgima_status_tell(status, "keyring", PKGIMA_STATUS_ATTENTION, "see pkgima keys list", "%s has %zu key%s that the "
				   "trust store does not have", ring->name, strange, plural(strange));
	if (!absent && !strange)
		pkgima_status_tell(status, "keyring", PKGIMA_STATUS_OK, NULL, "%s has the keys of the trust store%s", ring->name,
				   ring->count ? ", and no other" : ": none");
}
