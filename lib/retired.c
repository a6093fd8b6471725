// SPDX-License-Identifier: LGPL-2.1-or-later
#include "retired.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "beneath.h"
#include "io.h"
#include "skid.h"

static const char first_lines[] =
	"# Keys that no longer count, by Subject Key Identifier. `pkgima keys retire` adds to it; taking a line away\n"
	"# lets the key count again.\n";

void pkgima_retired_free(struct pkgima_retired *retired)
{
	free(retired->text);
	free(retired->skids);
	*retired = (struct pkgima_retired){ 0 };
}

/* The text of the file, a NUL behind it; NULL where there is none. Reached through no symbolic link, as it decides. */
static int read_text(int root_fd, char **ret_text, size_t *ret_length, struct pkgima_error *error)
{
	cleanup_close int fd = pkgima_beneath_open_real_file(root_fd, PKGIMA_RETIRED_FILE, NULL);

	*ret_text = NULL;
	*ret_length = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return pkgima_fail(error, fd, "cannot open %s: %s", PKGIMA_RETIRED_FILE,
				   fd == -EINVAL ? "no regular file, or reached through a symbolic link" : strerror(-fd));
	return pkgima_read_file(fd, PKGIMA_RETIRED_FILE, PKGIMA_RETIRED_MAX, (uint8_t **)ret_text, ret_length, error);
}

/* Ends what is to be compared with NUL. NULL: the line has no identifier; @ret_good: and that is as it may be. */
static const char *parse_line(char *line, bool *ret_good)
{
	size_t digits = strspn(line, "0123456789abcdef");

	*ret_good = !*line || *line == '#';
	if (*ret_good)
		return NULL;
	if (!digits || digits % 2 || digits >= PKGIMA_SKID_TEXT || (line[digits] && line[digits] != ' '))
		return NULL;
	line[digits] = '\0';
	*ret_good = true;
	return line;
}

static int parse_text(struct pkgima_retired *retired, size_t length,
		      void (*complain)(void *context, const char *sentence), void *context, struct pkgima_error *error)
{
	size_t lines = 1, number = 0;

	for (size_t i = 0; i < length; i++)
		lines += retired->text[i] == '\n';
	retired->skids = calloc(lines, sizeof(*retired->skids));
	if (!retired->skids)
		return pkgima_fail(error, -ENOMEM, "no memory for the retired keys");
	if (strlen(retired->text) != length)
		return pkgima_fail(error, -EINVAL, "%s: it has a NUL byte", PKGIMA_RETIRED_FILE);
	for (char *line = retired->text, *next; line; line = next) {
		struct pkgima_error reason;
		const char *skid;
		bool good;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		skid = parse_line(line, &good);
		if (skid)
			retired->skids[retired->count++] = skid;
		if (good)
			continue;
		pkgima_fail(&reason, -EINVAL, "%s: line %zu has no Subject Key Identifier in lower-case hexadecimal",
			    PKGIMA_RETIRED_FILE, number);
		if (!complain)
			return pkgima_fail(error, -EINVAL, "%s", reason.text);
		complain(context, reason.text);
	}
	return 0;
}

int pkgima_retired_load(int root_fd, void (*complain)(void *context, const char *sentence), void *context,
			struct pkgima_retired *ret_retired, struct pkgima_error *error)
{
	struct pkgima_retired retired = { 0 };
	size_t length;
	int r;

	r = read_text(root_fd, &retired.text, &length, error);
	if (r == 0 && retired.text)
		r = parse_text(&retired, length, complain, context, error);
	if (r < 0) {
		pkgima_retired_free(&retired);
		return r;
	}
	*ret_retired = retired;
	return 0;
}

bool pkgima_retired_has(const struct pkgima_retired *retired, const char *skid)
{
	for (size_t i = 0; i < retired->count; i++)
		if (!strcmp(retired->skids[i], skid))
			return true;
	return false;
}

/* @text: what is in the file already, NULL where there is none. */
static int write_text(int root_fd, const char *text, size_t length, const char *line, struct pkgima_error *error)
{
	cleanup_output struct pkgima_output output = PKGIMA_OUTPUT_NONE;
	cleanup_close int folder = pkgima_beneath_make_real_folder(root_fd, PKGIMA_RETIRED_FOLDER);
	int r;

	if (folder < 0)
		return pkgima_fail(error, folder, "cannot open or make the folder %s: %s", PKGIMA_RETIRED_FOLDER,
				   folder == -ELOOP ? "it is reached through a symbolic link" : strerror(-folder));
	r = pkgima_output_open_at(folder, PKGIMA_RETIRED_NAME, 0644, &output, error);
	if (r < 0)
		return r;
	r = text ? pkgima_write_all(output.fd, text, length) : 0;
	/* An editor may have left the last line without its end. */
	if (r == 0 && text && length && text[length - 1] != '\n')
		r = pkgima_write_all(output.fd, "\n", 1);
	if (r == 0)
		r = pkgima_write_all(output.fd, line, strlen(line));
	if (r < 0)
		return pkgima_fail(error, r, "cannot write %s: %s", PKGIMA_RETIRED_FILE, strerror(-r));
	return pkgima_output_commit(&output, true, error);
}

int pkgima_retired_add(int root_fd, const char *skid, const char *note, struct pkgima_error *error)
{
	cleanup_retired struct pkgima_retired retired = { 0 };
	cleanup_free char *text = NULL, *line = NULL;
	size_t length = 0;
	int r;

	/* A list that cannot be understood is not added to. */
	r = pkgima_retired_load(root_fd, NULL, NULL, &retired, error);
	if (r == 0 && pkgima_retired_has(&retired, skid))
		return 0;
	if (r == 0)
		r = read_text(root_fd, &text, &length, error);
	if (r < 0)
		return r;
	if (asprintf(&line, "%s%s %s\n", text ? "" : first_lines, skid, note) < 0) {
		line = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for the retired keys");
	}
	if (length + strlen(line) + 1 > PKGIMA_RETIRED_MAX)
		return pkgima_fail(error, -EFBIG, "%s: no more than %d bytes are accepted", PKGIMA_RETIRED_FILE,
				   PKGIMA_RETIRED_MAX);
	return write_text(root_fd, text, length, line, error);
}
