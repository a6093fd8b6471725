// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rpm-edit PACKAGE [LENGTH] < LINES: puts these lines, as they are, in place of a package's file signatures, as rpmsign
 * would have written them: one string for each file, in hexadecimal. LENGTH becomes FILESIGNATURELENGTH.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmio.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#define LEAD 96
#define LINES_MAX 100000

static void put(Header header, rpmTagVal tag, rpmTagType type, void *data, unsigned int count)
{
	struct rpmtd_s value;

	rpmtdReset(&value);
	value.tag = tag;
	value.type = type;
	value.data = data;
	value.count = count;
	if (headerPut(header, &value, HEADERPUT_DEFAULT) != 1)
		exit(1);
}

/* What is read from @fd after its signature header and the padding. */
static Header read_signature_header(FD_t fd, char lead[LEAD])
{
	Header header, loose;
	HeaderIterator iterator;
	struct rpmtd_s value;
	char padding[8];
	size_t size;

	if (Fread(lead, 1, LEAD, fd) != LEAD || !(header = headerRead(fd, HEADER_MAGIC_YES)))
		return NULL;
	size = headerSizeof(header, HEADER_MAGIC_YES) % 8;
	if (size && Fread(padding, 1, 8 - size, fd) != (ssize_t)(8 - size))
		return NULL;
	/* Without the region, within which nothing can be changed. */
	loose = headerNew();
	iterator = headerInitIterator(header);
	while (headerNext(iterator, &value)) {
		if (value.tag >= 256 && value.tag != RPMSIGTAG_FILESIGNATURES && value.tag != RPMSIGTAG_FILESIGNATURELENGTH &&
		    value.tag != RPMSIGTAG_RESERVEDSPACE)
			headerPut(loose, &value, HEADERPUT_DEFAULT);
		rpmtdFreeData(&value);
	}
	headerFreeIterator(iterator);
	headerFree(header);
	return loose;
}

int main(int argc, char **argv)
{
	static const char zeros[8];
	char **lines = calloc(LINES_MAX, sizeof(*lines)), lead[LEAD], buffer[65536], name[4096];
	FD_t in = argc > 1 ? Fopen(argv[1], "r.ufdio") : NULL, out;
	uint32_t length = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 0;
	size_t capacity = 0, size;
	unsigned int count = 0;
	Header header;
	ssize_t n;

	if (!lines || !in || !(header = read_signature_header(in, lead)))
		return 1;
	while (count < LINES_MAX && (n = getline(&lines[count], &capacity, stdin)) > 0) {
		lines[count++][n - 1] = '\0';
		capacity = 0;
	}
	if (count)
		put(header, RPMSIGTAG_FILESIGNATURES, RPM_STRING_ARRAY_TYPE, lines, count);
	if (length)
		put(header, RPMSIGTAG_FILESIGNATURELENGTH, RPM_INT32_TYPE, &length, 1);
	header = headerReload(header, RPMTAG_HEADERSIGNATURES);
	snprintf(name, sizeof(name), "%s.new", argv[1]);
	out = Fopen(name, "w.ufdio");
	if (!header || !out || Fwrite(lead, 1, LEAD, out) != LEAD || headerWrite(out, header, HEADER_MAGIC_YES) != 0)
		return 1;
	size = headerSizeof(header, HEADER_MAGIC_YES) % 8;
	if (size && Fwrite(zeros, 1, 8 - size, out) != (ssize_t)(8 - size))
		return 1;
	while ((n = Fread(buffer, 1, sizeof(buffer), in)) > 0)
		if (Fwrite(buffer, 1, (size_t)n, out) != n)
			return 1;
	Fclose(in);
	return n < 0 || Fclose(out) != 0 || rename(name, argv[1]) != 0;
}
