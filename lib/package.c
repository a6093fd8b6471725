// SPDX-License-Identifier: LGPL-2.1-or-later
#include "package.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/rpmtag.h>

#include "deb.h"
#include "manifest.h"
#include "rpm.h"
#include "rpm_files.h"

void pkgima_package_info_free(struct pkgima_package_info *info)
{
	free(info->name);
	free(info->version);
	free(info->architecture);
}

static int open_deb(const char *path, void **ret_file, struct pkgima_error *error)
{
	return pkgima_deb_open(path, (struct pkgima_deb **)ret_file, error);
}

static void close_deb(void *file)
{
	pkgima_deb_free(file);
}

static int deb_descriptor(const void *file)
{
	return ((const struct pkgima_deb *)file)->fd;
}

static int read_deb(const void *file, struct pkgima_package_info *info, struct pkgima_entries *entries, bool *ret_signed,
		    struct pkgima_error *error)
{
	cleanup_control struct pkgima_control control = { 0 };
	const struct pkgima_control_file *manifest;
	int r = pkgima_deb_read_control(file, &control, error);

	if (r < 0)
		return r;
	info->name = pkgima_control_field(&control, "Package");
	info->version = pkgima_control_field(&control, "Version");
	info->architecture = pkgima_control_field(&control, "Architecture");
	manifest = pkgima_control_find(&control, PKGIMA_MANIFEST_NAME);
	*ret_signed = manifest != NULL;
	return manifest ? pkgima_manifest_parse(manifest->content, manifest->length, entries, error) : 0;
}

static int check_deb(const void *file, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, bool *ret_signed, struct pkgima_error *error)
{
	return pkgima_deb_check(file, trust, payload, threads, ret_check, ret_signed, error);
}

const struct pkgima_package_format pkgima_format_deb = {
	.suffix = ".deb",
	.probe = pkgima_deb_probe,
	.open = open_deb,
	.close = close_deb,
	.descriptor = deb_descriptor,
	.read = read_deb,
	.check = check_deb,
};

static int open_rpm(const char *path, void **ret_file, struct pkgima_error *error)
{
	return pkgima_rpm_open(path, (struct pkgima_rpm **)ret_file, error);
}

static void close_rpm(void *file)
{
	pkgima_rpm_free(file);
}

static int rpm_descriptor(const void *file)
{
	return ((const struct pkgima_rpm *)file)->fd;
}

static int read_rpm(const void *file, struct pkgima_package_info *info, struct pkgima_entries *entries, bool *ret_signed,
		    struct pkgima_error *error)
{
	const struct pkgima_rpm *rpm = file;
	int r = pkgima_rpm_entries(rpm->files, entries, NULL, error);

	if (r < 0)
		return r;
	info->name = strdup(pkgima_rpm_string(rpm, RPMTAG_NAME));
	info->version = pkgima_rpm_version(rpm);
	info->architecture = strdup(pkgima_rpm_string(rpm, RPMTAG_ARCH));
	*ret_signed = rpm->is_signed;
	return 0;
}

/* A package without any file has nothing to sign, and so nothing unsigned. */
static int check_rpm(const void *file, const struct pkgima_trust *trust, bool payload, unsigned int threads,
		     struct pkgima_package_check *ret_check, bool *ret_signed, struct pkgima_error *error)
{
	const struct pkgima_rpm *rpm = file;
	int r = pkgima_rpm_check(rpm, trust, payload, threads, ret_check, error);

	if (r == 0)
		*ret_signed = rpm->is_signed || ret_check->entries.count == 0;
	return r;
}

static const char *remark_on_rpm(const void *file, char *text, size_t capacity)
{
	uint32_t longest, wrong = pkgima_rpm_wrong_length(file, &longest);

	if (!wrong)
		return NULL;
	snprintf(text, capacity, "FILESIGNATURELENGTH is %u, the longest signature has %u bytes%s", wrong, longest,
		 __builtin_bswap32(wrong) == longest ? ": its bytes are in the wrong order" : "");
	return text;
}

const struct pkgima_package_format pkgima_format_rpm = {
	.suffix = ".rpm",
	.probe = pkgima_rpm_probe,
	.open = open_rpm,
	.close = close_rpm,
	.descriptor = rpm_descriptor,
	.read = read_rpm,
	.check = check_rpm,
	.remark = remark_on_rpm,
};

static const struct pkgima_package_format *const formats[] = { &pkgima_format_deb, &pkgima_format_rpm, NULL };

const struct pkgima_package_format *pkgima_package_probe(int fd)
{
	for (size_t i = 0; formats[i]; i++)
		if (formats[i]->probe(fd))
			return formats[i];
	return NULL;
}

const struct pkgima_package_format *pkgima_package_by_name(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; formats[i]; i++) {
		size_t size = strlen(formats[i]->suffix);

		if (length > size && !strcmp(path + length - size, formats[i]->suffix))
			return formats[i];
	}
	return NULL;
}

int pkgima_package_open(const char *path, struct pkgima_package *ret_package, struct pkgima_error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const struct pkgima_package_format *format;
	int r;

	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open it");
	format = pkgima_package_probe(fd);
	if (!format)
		format = pkgima_package_by_name(path);
	if (!format)
		return pkgima_fail(error, -EINVAL, "it is no package: neither .deb nor .rpm");
	r = format->open(path, &ret_package->file, error);
	if (r == 0)
		ret_package->format = format;
	return r;
}

void pkgima_package_close(struct pkgima_package *package)
{
	if (package->format)
		package->format->close(package->file);
	memset(package, 0, sizeof(*package));
}
