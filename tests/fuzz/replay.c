// SPDX-License-Identifier: LGPL-2.1-or-later
/* Runs a fuzzer's target over the files given, without the fuzzer: what was once found must not come back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "io.h"

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct pkgima_error error = { "" };
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		uint8_t *data = NULL, *exact;
		size_t length = 0;

		if (fd < 0 || pkgima_read_file(fd, argv[i], SIZE_MAX / 4, &data, &length, &error) < 0) {
			fprintf(stderr, "%s: %s\n", argv[i], fd < 0 ? strerror(errno) : error.text);
			return 1;
		}
		close(fd);
		/* Of just this size, so that a sanitizer sees what reads too far. */
		exact = malloc(length ? length : 1);
		if (!exact)
			return 1;
		memcpy(exact, data, length);
		free(data);
		LLVMFuzzerTestOneInput(exact, length);
		free(exact);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
