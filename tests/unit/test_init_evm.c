// SPDX-License-Identifier: LGPL-2.1-or-later
/* What ima-init makes of the kernel's answers about EVM: closed, verifying, not there, or open. */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../pkg-ima-init/init.h"

/* What the kernel answers, and what it was told. */
static int answer;
static const char *value;
static char told[32];
static enum failure reported;
static bool is_reported;

void report_failure(const struct init *init, enum failure failure, const char *format, ...)
{
	(void)init;
	(void)format;
	reported = failure;
	is_reported = true;
}

int kernel_write(const char *path, const char *text)
{
	assert_string_equal(path, "/sys/kernel/security/evm");
	snprintf(told, sizeof(told), "%s", text);
	return answer;
}

ssize_t kernel_read(const char *path, char *output, size_t capacity)
{
	assert_string_equal(path, "/sys/kernel/security/evm");
	snprintf(output, capacity, "%s", value);
	return (ssize_t)strlen(output);
}

key_serial_t rings_find(const char *name)
{
	assert_string_equal(name, ".evm");
	return 0;
}

size_t rings_count(key_serial_t ring)
{
	assert_int_equal(ring, 7);
	return 1;
}

bool rings_make(struct init *init, const char *ca_name, const char *ca_folder, enum failure refused, const char *name,
		struct own_ring *own, key_serial_t *ret_ring)
{
	(void)init;
	assert_string_equal(ca_name, "_evmca");
	assert_string_equal(ca_folder, "/ca");
	assert_int_equal(refused, FAILURE_EVM_CA);
	assert_string_equal(name, "_evm");
	own->made = true;
	*ret_ring = 7;
	return true;
}

size_t certificates_load(const struct init *init, int fd, const char *folder, key_serial_t ring, enum failure failure)
{
	(void)init;
	(void)fd;
	assert_string_equal(folder, "/etc/keys/evm");
	assert_int_equal(ring, 7);
	assert_int_equal(failure, FAILURE_EVM_CERTIFICATE);
	return 1;
}

/* Closes it on a system with or without a CA for EVM. */
static struct init closed(bool has_ca, enum mode mode, bool no_securityfs)
{
	struct init init = { .settings.mode = mode, .no_securityfs = no_securityfs, .places.evm_ca = "/ca" };
	char *folder = support_folder();

	if (has_ca)
		support_make_folder(support_path(folder, "ca"));
	init.places.fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(init.places.fd >= 0);
	is_reported = false;
	evm_close(&init);
	close(init.places.fd);
	support_remove(folder);
	return init;
}

static void test_answers(void **state)
{
	static const struct {
		bool has_ca;
		enum mode mode;
		bool no_securityfs;
		int answer;
		const char *value;
		const char *told;
		bool fails, verifies;
	} all[] = {
		{ false, MODE_ENFORCE, false, 0, "", "0x80000000", false, false },
		{ true, MODE_ENFORCE, false, 0, "", "0x80000002", false, true },
		{ true, MODE_LOG, false, 0, "", "0x80000002", false, true },
		{ true, MODE_OFF, false, 0, "", "0x80000000", false, false },
		/* no EVM; or nobody can tell */
		{ false, MODE_ENFORCE, false, -ENOENT, "", "0x80000000", false, false },
		{ true, MODE_ENFORCE, false, -ENOENT, "", "0x80000002", false, false },
		{ false, MODE_OFF, true, -ENOENT, "", "0x80000000", true, false },
		{ true, MODE_LOG, true, -ENOENT, "", "0x80000002", true, true },
		/* closed before, verifying or not */
		{ false, MODE_ENFORCE, false, -EPERM, "0", "0x80000000", false, false },
		{ true, MODE_ENFORCE, false, -EPERM, "2\n", "0x80000002", false, true },
		{ true, MODE_ENFORCE, false, -EPERM, "0\n", "0x80000002", true, true },
		{ false, MODE_ENFORCE, false, -EIO, "", "0x80000000", true, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct init init;

		answer = all[i].answer;
		value = all[i].value;
		init = closed(all[i].has_ca, all[i].mode, all[i].no_securityfs);
		if (strcmp(told, all[i].told) != 0 || is_reported != all[i].fails || init.verifies_metadata != all[i].verifies)
			fail_msg("case %zu: told %s, reported %d, verifies %d", i, told, is_reported, init.verifies_metadata);
		if (is_reported)
			assert_int_equal(reported, FAILURE_EVM);
		/* A keyring that nobody looks for is not waited for. */
		assert_int_equal(init.rings.own_evm.made, all[i].has_ca && all[i].mode != MODE_OFF &&
				 !(all[i].answer == -ENOENT && !all[i].no_securityfs));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
