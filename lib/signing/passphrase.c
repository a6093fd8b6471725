// SPDX-License-Identifier: LGPL-2.1-or-later
#include "passphrase.h"

#include <fcntl.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ui.h>

#include "../cleanup.h"

PKGIMA_DEFINE_CLEANUP(ui, UI, UI_free)
#define cleanup_ui PKGIMA_CLEANUP(ui_cleanup)

static inline void openssl_free_cleanup(char **text)
{
	OPENSSL_free(*text);
}
#define cleanup_openssl_free PKGIMA_CLEANUP(openssl_free_cleanup)

/* Without a terminal OpenSSL would go on with stdin, which holds something else or waits for ever. */
static bool has_terminal(void)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	return fd >= 0;
}

int pkgima_passphrase_ask(char *buffer, int size, int writing, void *context)
{
	struct pkgima_passphrase *passphrase = context;
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
	prompt = UI_construct_prompt(ui, passphrase->what, passphrase->name);
	if (!prompt || UI_add_input_string(ui, prompt, 0, buffer, 0, size - 1) < 0 || UI_process(ui) != 0) {
		OPENSSL_cleanse(buffer, (size_t)size);
		return -1;
	}
	return (int)strlen(buffer);
}
