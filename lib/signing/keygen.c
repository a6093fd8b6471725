// SPDX-License-Identifier: LGPL-2.1-or-later
#include "keygen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "../escape.h"
#include "../io.h"
#include "key.h"

#define DAY 86400
#define DAYS_MAX 36500
/* RFC 5280, ub-common-name. */
#define NAME_MAX_CHARACTERS 64
/* RFC 5280, 4.1.2.2: as long as a serial number may be. */
#define SERIAL_SIZE 20

PKGIMA_DEFINE_CLEANUP(bio, BIO, BIO_vfree)
#define cleanup_bio PKGIMA_CLEANUP(bio_cleanup)
PKGIMA_DEFINE_CLEANUP(bignum, BIGNUM, BN_free)
#define cleanup_bignum PKGIMA_CLEANUP(bignum_cleanup)
PKGIMA_DEFINE_CLEANUP(key, EVP_PKEY, EVP_PKEY_free)
#define cleanup_key PKGIMA_CLEANUP(key_cleanup)
PKGIMA_DEFINE_CLEANUP(x509, X509, X509_free)
#define cleanup_x509 PKGIMA_CLEANUP(x509_cleanup)

static const char *const type_names[] = {
	[PKGIMA_KEYGEN_CA] = "ca",
	[PKGIMA_KEYGEN_IMA] = "ima",
	[PKGIMA_KEYGEN_EVM] = "evm",
};

static const struct algorithm {
	const char *name;
	const char *curve;  /* NULL: RSA */
	size_t bits;
} algorithms[] = {
	{ "rsa2048", NULL, 2048 },
	{ "rsa3072", NULL, 3072 },
	{ "rsa4096", NULL, 4096 },
	{ "p256", "P-256", 0 },
	{ "p384", "P-384", 0 },
};

struct extension {
	int nid;
	const char *value;
};

/* The Authority Key Identifier of a self-signed certificate needs the Subject Key Identifier before it. */
static const struct extension ca_extensions[] = {
	{ NID_basic_constraints, "critical,CA:TRUE" },
	{ NID_key_usage, "critical,keyCertSign,cRLSign" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid:always" },
	{ NID_undef, NULL },
};

static const struct extension leaf_extensions[] = {
	{ NID_basic_constraints, "critical,CA:FALSE" },
	{ NID_key_usage, "critical,digitalSignature" },
	{ NID_subject_key_identifier, "hash" },
	{ NID_authority_key_identifier, "keyid:always" },
	{ NID_undef, NULL },
};

/* Who signs: a CA, or with neither the new key itself. */
struct issuer {
	struct pkgima_certificate *certificate;
	EVP_PKEY *key;
};

static void issuer_release(struct issuer *issuer)
{
	pkgima_certificate_free(issuer->certificate);
	EVP_PKEY_free(issuer->key);
}
#define cleanup_issuer PKGIMA_CLEANUP(issuer_release)

/* One of the three files. */
struct file {
	char *path, *printable;
	struct pkgima_output output;
	bool created;
};

enum { FILE_KEY, FILE_PEM, FILE_DER, FILE_COUNT };

struct files {
	struct file list[FILE_COUNT];
	const char *folder;
	bool made_folder;
	bool done;
};

static void files_release(struct files *files)
{
	for (int i = 0; i < FILE_COUNT; i++) {
		struct file *file = &files->list[i];

		pkgima_output_close(&file->output);
		if (file->created && !files->done)
			unlink(file->path);
		free(file->path);
		free(file->printable);
	}
	if (files->made_folder && !files->done)
		rmdir(files->folder);
}
#define cleanup_files PKGIMA_CLEANUP(files_release)

static int openssl_fail(struct pkgima_error *error, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());

	pkgima_fail(error, 0, "%s: %s", what, reason ? reason : "unknown reason");
	ERR_clear_error();
	return -EIO;
}

static const struct algorithm *find_algorithm(const char *name)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (strcmp(algorithms[i].name, name) == 0)
			return &algorithms[i];
	return NULL;
}

/* What would change how a line looks, or end it: control characters, line separators, and marks of direction. */
static bool is_control(unsigned long character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f) ||
	       (character >= 0x200e && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

static int check_name(const char *name, struct pkgima_error *error)
{
	size_t length = strlen(name), characters = 0;

	for (size_t at = 0; at < length; characters++) {
		unsigned long character = 0;
		int size;

		if (characters == NAME_MAX_CHARACTERS)
			return pkgima_fail(error, -EINVAL, "the name has more than %d characters", NAME_MAX_CHARACTERS);
		/* Six bytes are the longest form that UTF8_getc() knows. */
		size = UTF8_getc((const unsigned char *)name + at, length - at < 6 ? (int)(length - at) : 6,
				 &character);
		if (size <= 0 || character > 0x10ffff)
			return pkgima_fail(error, -EINVAL, "the name is no UTF-8");
		if (is_control(character))
			return pkgima_fail(error, -EINVAL, "the name has a control character");
		at += (size_t)size;
	}
	if (!characters)
		return pkgima_fail(error, -EINVAL, "the name is empty");
	return 0;
}

int pkgima_keygen_check(const struct pkgima_keygen *keygen, struct pkgima_error *error)
{
	if (!find_algorithm(keygen->algorithm))
		return pkgima_fail(error, -EINVAL, "unknown algorithm: rsa2048, rsa3072, rsa4096, p256 or p384");
	if (keygen->days < 1 || keygen->days > DAYS_MAX)
		return pkgima_fail(error, -EINVAL, "validity must be 1 to %d days", DAYS_MAX);
	if (!keygen->ca_cert != !keygen->ca_key)
		return pkgima_fail(error, -EINVAL, "a CA's certificate and its key are needed together");
	/* What holds for the kernel's list of CAs: roots only, no chains. */
	if (keygen->type == PKGIMA_KEYGEN_CA && keygen->ca_cert)
		return pkgima_fail(error, -EINVAL,
				   "a CA certificate is always self-signed: the kernel follows no chains");
	return check_name(keygen->name, error);
}

static int load_issuer(const struct pkgima_keygen *keygen, time_t now, struct issuer *ret_issuer,
		       struct pkgima_error *error)
{
	cleanup_issuer struct issuer issuer = { 0 };
	const char *problem;
	int same, r;

	if (!keygen->ca_cert)
		return 0;
	r = pkgima_certificate_load(keygen->ca_cert, &issuer.certificate, error);
	if (r < 0)
		return r;
	problem = pkgima_certificate_ca_problem(issuer.certificate);
	if (!problem)
		problem = pkgima_certificate_validity_problem(issuer.certificate, now);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s cannot issue certificates: %s", issuer.certificate->source,
				   problem);
	r = pkgima_key_load(keygen->ca_key, &issuer.key, error);
	if (r < 0)
		return r;
	same = EVP_PKEY_eq(issuer.key, issuer.certificate->key);
	ERR_clear_error();
	if (same != 1)
		return pkgima_fail(error, -EINVAL, "the CA's key does not belong to %s", issuer.certificate->source);
	*ret_issuer = issuer;
	memset(&issuer, 0, sizeof(issuer));
	return 0;
}

static int set_serial(X509 *x509)
{
	cleanup_bignum BIGNUM *number = NULL;
	unsigned char bytes[SERIAL_SIZE];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return 0;
	/* Positive, and always of the same length. */
	bytes[0] = (bytes[0] & 0x7f) | 0x40;
	number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
}

static int set_name(X509 *x509, const char *name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8, (const unsigned char *)name,
					  -1, -1, 0);
}

static int set_validity(X509 *x509, time_t from, time_t to)
{
	return ASN1_TIME_set(X509_getm_notBefore(x509), from) && ASN1_TIME_set(X509_getm_notAfter(x509), to);
}

static int add_extensions(X509 *x509, X509 *issuer, const struct extension *extensions)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509V3_set_ctx_nodb(&context);
	for (; extensions->value; extensions++) {
		X509_EXTENSION *extension;
		int added;

		extension = X509V3_EXT_nconf_nid(NULL, &context, extensions->nid, extensions->value);
		added = extension && X509_add_ext(x509, extension, -1);
		X509_EXTENSION_free(extension);
		if (!added)
			return 0;
	}
	return 1;
}

static int make_certificate(const struct pkgima_keygen *keygen, const struct issuer *issuer, EVP_PKEY *key, time_t now,
			    X509 **ret_x509, struct pkgima_error *error)
{
	cleanup_x509 X509 *x509 = X509_new();
	time_t until = now + (time_t)keygen->days * DAY;
	X509 *by;

	if (!x509)
		return pkgima_fail(error, -ENOMEM, "no memory for a certificate");
	by = issuer->certificate ? issuer->certificate->x509 : x509;
	if (issuer->certificate && until > issuer->certificate->not_after)
		until = issuer->certificate->not_after;
	if (!X509_set_version(x509, X509_VERSION_3) || !set_serial(x509) || !set_name(x509, keygen->name) ||
	    !X509_set_issuer_name(x509, X509_get_subject_name(by)) || !set_validity(x509, now, until) ||
	    !X509_set_pubkey(x509, key) ||
	    !add_extensions(x509, by, keygen->type == PKGIMA_KEYGEN_CA ? ca_extensions : leaf_extensions) ||
	    !X509_sign(x509, issuer->key ? issuer->key : key, EVP_sha256()))
		return openssl_fail(error, "cannot make the certificate");
	*ret_x509 = pkgima_steal_pointer(&x509);
	return 0;
}

/* What was made is held against the same rules as what others made, before it is written. */
static int check_made(const struct pkgima_keygen *keygen, const struct issuer *issuer, X509 *x509,
		      struct pkgima_error *error)
{
	cleanup_certificate struct pkgima_certificate *made = NULL;
	const char *problem;
	unsigned char *der = NULL;
	int size, r;

	size = i2d_X509(x509, &der);
	if (size <= 0)
		return openssl_fail(error, "cannot encode the certificate");
	r = pkgima_certificate_parse(der, (size_t)size, "the new certificate", &made, error);
	OPENSSL_free(der);
	if (r < 0)
		return r;
	problem = keygen->type == PKGIMA_KEYGEN_CA ? pkgima_certificate_ca_problem(made) :
						     pkgima_certificate_leaf_problem(made);
	if (!problem && !pkgima_certificate_issued_by(made, issuer->certificate ? issuer->certificate : made))
		problem = "it does not verify";
	if (problem)
		return pkgima_fail(error, -EIO, "the new certificate cannot be used: %s", problem);
	return 0;
}

static int make_key(const char *name, EVP_PKEY **ret_key, struct pkgima_error *error)
{
	const struct algorithm *algorithm = find_algorithm(name);
	EVP_PKEY *key;

	key = algorithm->curve ? EVP_EC_gen(algorithm->curve) : EVP_RSA_gen(algorithm->bits);
	if (!key)
		return openssl_fail(error, "cannot make a key");
	*ret_key = key;
	return 0;
}

static int file_open(struct file *file, const char *folder, const char *type, const char *suffix, mode_t mode,
		     struct pkgima_error *error)
{
	struct stat st;

	if (asprintf(&file->path, "%s/%s.%s", folder, type, suffix) < 0) {
		file->path = NULL;
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	}
	file->printable = pkgima_printable(file->path);
	if (!file->printable)
		return pkgima_fail(error, -ENOMEM, "no memory for a name");
	/* The commit would find out as well, but after a key was made for nothing. */
	if (lstat(file->path, &st) == 0)
		return pkgima_fail(error, -EEXIST, "%s exists already", file->printable);
	return pkgima_output_open(file->path, mode, &file->output, error);
}

static int files_open(struct files *files, const struct pkgima_keygen *keygen, struct pkgima_error *error)
{
	static const struct { const char *suffix; mode_t mode; } kinds[FILE_COUNT] = {
		[FILE_KEY] = { "key", 0600 },
		[FILE_PEM] = { "pem", 0644 },
		[FILE_DER] = { "der", 0644 },
	};
	char printable[256];

	files->folder = keygen->folder;
	if (mkdir(files->folder, 0700) == 0)
		files->made_folder = true;
	else if (errno != EEXIST)
		return pkgima_fail_errno(error, "cannot make the folder %s",
					 pkgima_printable_into(files->folder, printable, sizeof(printable)));
	for (int i = 0; i < FILE_COUNT; i++) {
		int r = file_open(&files->list[i], files->folder, type_names[keygen->type], kinds[i].suffix,
				  kinds[i].mode, error);

		if (r < 0)
			return r;
	}
	return 0;
}

static int write_bio(BIO *bio, const struct file *file, struct pkgima_error *error)
{
	char *data;
	long length = BIO_get_mem_data(bio, &data);
	int r;

	r = length > 0 ? pkgima_write_all(file->output.fd, data, (size_t)length) : -EIO;
	if (r < 0)
		return pkgima_fail(error, r, "cannot write %s: %s", file->printable, strerror(-r));
	return 0;
}

static int write_key(EVP_PKEY *key, const struct file *file, struct pkgima_error *error)
{
	/* Such a BIO wipes its memory, also what it leaves behind when it grows. */
	cleanup_bio BIO *bio = BIO_new(BIO_s_secmem());

	if (!bio || !PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		return openssl_fail(error, "cannot encode the key");
	return write_bio(bio, file, error);
}

static int write_certificate(X509 *x509, int (*encode)(BIO *bio, const X509 *x509), const struct file *file,
			     struct pkgima_error *error)
{
	cleanup_bio BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || !encode(bio, x509))
		return openssl_fail(error, "cannot encode the certificate");
	return write_bio(bio, file, error);
}

static int files_write(struct files *files, EVP_PKEY *key, X509 *x509, struct pkgima_error *error)
{
	int r;

	r = write_key(key, &files->list[FILE_KEY], error);
	if (r == 0)
		r = write_certificate(x509, PEM_write_bio_X509, &files->list[FILE_PEM], error);
	if (r == 0)
		r = write_certificate(x509, i2d_X509_bio, &files->list[FILE_DER], error);
	for (int i = 0; r == 0 && i < FILE_COUNT; i++) {
		r = pkgima_output_commit(&files->list[i].output, 0, error);
		files->list[i].created = r == 0;
	}
	files->done = r == 0;
	return r;
}

int pkgima_keygen_run(const struct pkgima_keygen *keygen, struct pkgima_error *error)
{
	cleanup_files struct files files = {
		.list = { { .output = PKGIMA_OUTPUT_NONE }, { .output = PKGIMA_OUTPUT_NONE },
			  { .output = PKGIMA_OUTPUT_NONE } },
	};
	cleanup_issuer struct issuer issuer = { 0 };
	cleanup_key EVP_PKEY *key = NULL;
	cleanup_x509 X509 *x509 = NULL;
	time_t now = time(NULL);
	int r;

	r = pkgima_keygen_check(keygen, error);
	if (r == 0)
		r = load_issuer(keygen, now, &issuer, error);
	if (r == 0)
		r = files_open(&files, keygen, error);
	if (r == 0)
		r = make_key(keygen->algorithm, &key, error);
	if (r == 0)
		r = make_certificate(keygen, &issuer, key, now, &x509, error);
	if (r == 0)
		r = check_made(keygen, &issuer, x509, error);
	if (r == 0)
		r = files_write(&files, key, x509, error);
	return r;
}
