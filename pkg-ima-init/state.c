// SPDX-License-Identifier: LGPL-2.1-or-later
/* What hooks and `pkgima status` read: lines "key=value" of less than 200 bytes, as inih has it; lib/gate.h reads the mode. */
#include "init.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/beneath.h"
#include "../lib/gate.h"
#include "../lib/io.h"

/* A link in /etc/dpkg/dpkg.cfg.d leads there; see dpkg-ima(8), "Policies with FILE_CHECK rules". */
#define DPKG_SETTINGS "dpkg.cfg"
#define DPKG_LINE "force-unsafe-io\n"

static int write_file(int folder, const char *name, const char *text, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	int r = pkgima_output_open_at(folder, name, 0644, &output, error);

	if (r < 0)
		return r;
	r = pkgima_write_all(output.fd, text, strlen(text));
	if (r < 0)
		return pkgima_fail(error, r, "%s: %s", name, strerror(-r));
	return pkgima_output_commit(&output, true, error);
}

const char *state_mode(const struct init *init)
{
	if (init->enforcing)
		return "enforce";
	return init->policy_name ? "log" : "off";
}

/* Where from, and so what has to be there at the next boot. */
static const char *started(const struct init *init)
{
	struct stat st;

	if (!init->places.carried)
		return "root";
	return pkgima_beneath_stat(init->places.fd, "/built-in", false, &st) == 0 ? "kernel" : "initramfs";
}

void state_write(struct init *init)
{
	const struct rings *rings = &init->rings;
	cleanup_close int folder = -1;
	struct pkgima_error error = { "" };
	char text[24576], keys[20480];
	int r;

	if (mkdir(PKGIMA_STATE_FOLDER, 0755) < 0 && errno != EEXIST) {
		report_failure(init, FAILURE_STATE, "%s", strerror(errno));
		return;
	}
	folder = open(PKGIMA_STATE_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0) {
		report_failure(init, FAILURE_STATE, "%s", strerror(errno));
		return;
	}
	rings_ids(rings->ima, keys, sizeof(keys));
	snprintf(text, sizeof(text), "mode=%s\npolicy=%s\nstarted=%s\nkeyring=%s\nevm=%s\n%s", state_mode(init),
		 init->policy_name ? init->policy_name : "", started(init), !rings->ima ? "" : rings->own_ima.made ? "_ima" : ".ima",
		 init->verifies_metadata ? "verifies" : "closed", keys);
	r = write_file(folder, "state", text, &error);
	if (r == 0 && init->enforcing && init->policy.file_check)
		r = write_file(folder, DPKG_SETTINGS, DPKG_LINE, &error);
	if (r < 0)
		report_failure(init, FAILURE_STATE, "%s", error.text);
}
