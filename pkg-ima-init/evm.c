// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * EVM is always closed. Left open, root could bring an "_evm" keyring with a key of its own, set it up, and have the kernel
 * take a portable EVM signature for the signature that the policy asks for.
 */
#include "init.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../lib/beneath.h"

#define EVM_FILE "/sys/kernel/security/evm"
#define LEAVES "/etc/keys/evm"

/* EVM_INIT_X509, EVM_SETUP_COMPLETE of security/integrity/evm/evm.h */
#define CLOSED "0x80000000"
#define CLOSED_VERIFYING "0x80000002"

/* EVM is in use where the administrator has a CA for it, or the kernel a keyring in which there is something. */
static bool load_keys(struct init *init)
{
	cleanup_close int root = pkgima_root_open("/", NULL);
	struct rings *rings = &init->rings;
	struct stat st;

	rings->evm = rings_find(".evm");
	if (!rings->evm) {
		if (pkgima_beneath_stat(init->places.fd, init->places.evm_ca, true, &st) < 0)
			return false;
		if (!rings_make(init, "_evmca", init->places.evm_ca, FAILURE_EVM_CA, "_evm", &rings->own_evm, &rings->evm)) {
			report_failure(init, FAILURE_NO_EVM_KEY, "no CA certificate in %s%s", init->places.folder,
				       init->places.evm_ca);
			return false;
		}
	}
	certificates_load(init, root, LEAVES, rings->evm, FAILURE_EVM_CERTIFICATE);
	if (rings_count(rings->evm))
		return true;
	if (rings->own_evm.made)
		report_failure(init, FAILURE_NO_EVM_KEY, "keyring _evm, certificates " LEAVES "/*.der");
	return false;
}

/* The kernel never shows that it is closed, but what it is set to. */
static bool verifies(void)
{
	char text[32];

	return kernel_read(EVM_FILE, text, sizeof(text)) > 0 && (strtoul(text, NULL, 0) & 2);
}

/* Is there nothing to close, or is it closed? @r: of the attempt to close it. */
static bool is_closed(const struct init *init, int r)
{
	switch (-r) {
	case 0:
		return true;
	case ENOENT:       /* a kernel without EVM */
		return !init->no_securityfs;
	case EPERM:        /* closed already, by the initramfs */
		return !init->verifies_metadata || verifies();
	default:
		return false;
	}
}

void evm_close(struct init *init)
{
	int r;

	init->verifies_metadata = init->settings.mode != MODE_OFF && load_keys(init);
	r = kernel_write(EVM_FILE, init->verifies_metadata ? CLOSED_VERIFYING : CLOSED);
	if (!is_closed(init, r)) {
		report_failure(init, FAILURE_EVM, "%s", strerror(-r));
	} else if (r == -ENOENT) {
		/* It looks for no keyring, either. */
		init->verifies_metadata = false;
		init->rings.own_evm.made = false;
	}
}
