// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../lib/digests.h"
#include "../lib/io.h"
#include "../lib/signing/key.h"
#include "../lib/signing/signer.h"
#include "cli.h"

/* Digests that are signed at a time: enough for all threads, little memory. */
#define BATCH 4096

/* The document goes into a file without a name first: a part of one must not look like the whole. */
struct document {
	int fd;
	uint8_t buffer[64 * 1024];
	size_t length;
};

static int put(struct document *document, const char *text, size_t length, struct pkgima_error *error)
{
	int r = 0;

	if (document->length + length > sizeof(document->buffer)) {
		r = pkgima_write_all(document->fd, document->buffer, document->length);
		document->length = 0;
	}
	if (r == 0 && length > sizeof(document->buffer)) {
		r = pkgima_write_all(document->fd, text, length);
	} else if (r == 0) {
		memcpy(document->buffer + document->length, text, length);
		document->length += length;
	}
	return r < 0 ? pkgima_fail(error, r, "cannot keep the signatures: %s", strerror(-r)) : 0;
}

static int sign_batch(struct pkgima_signer *signer, const struct pkgima_digest *digests, size_t count,
		      struct document *document, struct pkgima_error *error)
{
	const struct pkgima_value *values[BATCH];
	char line[PKGIMA_DIGESTS_LINE_MAX];
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = pkgima_signer_submit(signer, digests[i].hash, digests[i].bytes, &values[i], error);
	if (r == 0)
		r = pkgima_signer_wait(signer, error);
	/* What goes into the document is the bare signature: the rest of the value is known from digest and certificate. */
	for (size_t i = 0; i < count && r == 0; i++)
		r = put(document, line,
			pkgima_digests_line(&digests[i], values[i]->bytes + PKGIMA_SIGNATURE_HEADER,
					    values[i]->length - PKGIMA_SIGNATURE_HEADER, line), error);
	pkgima_signer_reset(signer);
	return r;
}

static int sign_all(struct pkgima_signer *signer, const struct pkgima_digests *digests, struct document *document,
		    struct pkgima_error *error)
{
	cleanup_free char *line = pkgima_signatures_certificate_line(pkgima_signer_certificate(signer));
	int r;

	if (!line)
		return pkgima_fail(error, -ENOMEM, "no memory for the signatures");
	r = put(document, PKGIMA_SIGNATURES_FIRST_LINE, strlen(PKGIMA_SIGNATURES_FIRST_LINE), error);
	if (r == 0)
		r = put(document, line, strlen(line), error);
	for (size_t i = 0; i < digests->count && r == 0; i += BATCH) {
		size_t rest = digests->count - i;

		r = sign_batch(signer, &digests->list[i], rest < BATCH ? rest : BATCH, document, error);
	}
	return r;
}

static int print(struct document *document, struct pkgima_error *error)
{
	off_t length = lseek(document->fd, 0, SEEK_CUR);
	int r;

	for (off_t at = 0; at < length;) {
		uint8_t bytes[64 * 1024];
		ssize_t n = pkgima_pread_all(document->fd, bytes, sizeof(bytes), at);

		if (n <= 0)
			return pkgima_fail(error, n < 0 ? (int)n : -EIO, "cannot read the signatures again");
		r = pkgima_write_all(STDOUT_FILENO, bytes, (size_t)n);
		if (r < 0)
			return pkgima_fail(error, r, "cannot write to standard output: %s", strerror(-r));
		at += n;
	}
	r = pkgima_write_all(STDOUT_FILENO, document->buffer, document->length);
	return r < 0 ? pkgima_fail(error, r, "cannot write to standard output: %s", strerror(-r)) : 0;
}

static int work(const char *key_name, const char *cert, unsigned int threads, struct pkgima_error *error)
{
	cleanup_certificate struct pkgima_certificate *certificate = NULL;
	cleanup_signer struct pkgima_signer *signer = NULL;
	cleanup_digests struct pkgima_digests digests = { 0 };
	cleanup_free struct document *document = calloc(1, sizeof(*document));
	cleanup_close int fd = memfd_create("signatures", MFD_CLOEXEC);
	cleanup_free uint8_t *text = NULL;
	EVP_PKEY *key = NULL;
	size_t length;
	int r;

	if (!document || fd < 0)
		return pkgima_fail(error, -ENOMEM, "no memory for the signatures");
	document->fd = fd;
	r = pkgima_read_stream(STDIN_FILENO, "standard input", PKGIMA_DIGESTS_SIZE_MAX, &text, &length, error);
	if (r == 0)
		r = pkgima_digests_parse(text, length, &digests, error);
	if (r == 0)
		r = pkgima_certificate_load(cert, &certificate, error);
	if (r == 0)
		r = pkgima_key_load(key_name, &key, error);
	if (r == 0)
		r = pkgima_key_check(key, certificate, time(NULL), error);
	if (r == 0)
		r = pkgima_signer_new(key, certificate, threads, &signer, error);
	if (r == 0)
		r = sign_all(signer, &digests, document, error);
	/* Its threads use the key. */
	pkgima_signer_free(signer);
	signer = NULL;
	EVP_PKEY_free(key);
	return r == 0 ? print(document, error) : r;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "cert", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *key = NULL, *cert = NULL;
	unsigned long threads = 0;
	struct pkgima_error error;
	int option;

	while ((option = getopt_long(argc, argv, "j:h", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			key = optarg;
			break;
		case 'c':
			cert = optarg;
			break;
		case 'j':
			if (!cli_number(optarg, 1, 64, &threads))
				return cli_usage(command, "-j takes a number from 1 to 64");
			break;
		case 'h':
			return cli_help(command);
		default:
			return cli_bad_option(command);
		}
	}
	if (!key || !cert)
		return cli_usage(command, "--key and --cert are needed");
	if (optind != argc)
		return cli_usage(command, "it takes options only, and digests on standard input");
	cli_hide_memory();
	cli_warn_about_key(command, key, "the key file");
	if (work(key, cert, (unsigned int)threads, &error) < 0) {
		cli_message(command, "%s", error.text);
		return CLI_FAILED;
	}
	return CLI_OK;
}

const struct cli_command cmd_sign_digests = {
	.name = "sign-digests",
	.summary = "sign what 'extract' has listed: a signing service",
	.help = "Usage: pkgima sign-digests --key KEY --cert CERT [-j N] < DIGESTS > SIGNATURES\n"
		"Signs digests from standard input and prints the signatures, with the certificate:\n"
		"pkgima-digests(5). Any digest is signed: who may ask is for the service to know.\n\n"
		"  --key KEY   private key: a PEM file, or a pkcs11: URI\n"
		"  --cert CERT  its certificate, DER or PEM; one that no kernel would take is refused\n"
		"  -j N        sign on N threads, default: one per core\n"
		"  -h, --help  show this\n",
	.run = run,
};
