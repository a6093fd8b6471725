// SPDX-License-Identifier: LGPL-2.1-or-later
#include "certificate.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "escape.h"
#include "hash.h"
#include "io.h"

PKGIMA_DEFINE_CLEANUP(bio, BIO, BIO_vfree)
#define cleanup_bio PKGIMA_CLEANUP(bio_cleanup)
PKGIMA_DEFINE_CLEANUP(akid, AUTHORITY_KEYID, AUTHORITY_KEYID_free)
#define cleanup_akid PKGIMA_CLEANUP(akid_cleanup)

/* OpenSSL's own callback would ask on the terminal for the passphrase of an encrypted block. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)context;
	return -1;
}

static int keep_der(struct pkgima_certificate *certificate, const uint8_t *bytes, size_t length)
{
	certificate->der = malloc(length);
	if (!certificate->der)
		return -ENOMEM;
	memcpy(certificate->der, bytes, length);
	certificate->der_length = length;
	return 0;
}

/*
 * What OpenSSL would write differently is refused: bytes behind the certificate, and BER (indefinite lengths and the
 * like). So a certificate has one fingerprint only.
 */
static int read_der(struct pkgima_certificate *certificate, const uint8_t *data, size_t length)
{
	cleanup_free uint8_t *again = NULL;
	const unsigned char *end = data;
	unsigned char *to;
	int size;

	certificate->x509 = d2i_X509(NULL, &end, (long)length);
	if (!certificate->x509)
		return -EINVAL;
	size = i2d_X509(certificate->x509, NULL);
	if (size < 0 || (size_t)size != length)
		return -EINVAL;
	again = malloc(length);
	if (!again)
		return -ENOMEM;
	to = again;
	if (i2d_X509(certificate->x509, &to) != size || memcmp(again, data, length) != 0)
		return -EINVAL;
	return keep_der(certificate, data, length);
}

static int read_pem(struct pkgima_certificate *certificate, const uint8_t *data, size_t length)
{
	cleanup_bio BIO *bio = BIO_new_mem_buf(data, (int)length);
	unsigned char *der = NULL;
	int size, r;

	if (!bio)
		return -ENOMEM;
	certificate->x509 = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
	if (!certificate->x509)
		return -EINVAL;
	size = i2d_X509(certificate->x509, &der);
	if (size <= 0)
		return -EINVAL;
	r = keep_der(certificate, der, (size_t)size);
	OPENSSL_free(der);
	return r;
}

static bool read_time(const ASN1_TIME *from, time_t *ret_time)
{
	struct tm tm;

	if (!from || !ASN1_TIME_to_tm(from, &tm))
		return false;
	*ret_time = timegm(&tm);
	return true;
}

static char *subject_line(X509 *x509)
{
	cleanup_bio BIO *bio = BIO_new(BIO_s_mem());
	char *text, *line;
	long length;

	/* RFC 2253 escapes all but printable ASCII; its order of parts, last first, is not what people expect. */
	if (!bio || X509_NAME_print_ex(bio, X509_get_subject_name(x509), 0, XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV) < 0)
		return NULL;
	length = BIO_get_mem_data(bio, &text);
	if (length < 0)
		return NULL;
	line = malloc((size_t)length + 1);
	if (!line)
		return NULL;
	for (long i = 0; i < length; i++)
		line[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
	line[length] = '\0';
	return line;
}

/* All that is taken from the X509 object, so that later readers only read. NULL, or what is wrong. */
static const char *take_fields(struct pkgima_certificate *certificate)
{
	const ASN1_OCTET_STRING *skid;
	unsigned char digest[EVP_MAX_MD_SIZE];

	/* Fills OpenSSL's cache of extensions. What is wrong with them is asked for later (EXFLAG_INVALID). */
	X509_check_purpose(certificate->x509, -1, 0);
	certificate->key = X509_get0_pubkey(certificate->x509);
	if (!certificate->key)
		return "its public key is of an unknown type or malformed";
	if (!read_time(X509_get0_notBefore(certificate->x509), &certificate->not_before) ||
	    !read_time(X509_get0_notAfter(certificate->x509), &certificate->not_after))
		return "its validity is malformed";
	skid = X509_get0_subject_key_id(certificate->x509);
	if (skid && ASN1_STRING_length(skid) >= 4) {
		const unsigned char *last = ASN1_STRING_get0_data(skid) + ASN1_STRING_length(skid) - 4;

		certificate->has_skid = true;
		certificate->key_id = (uint32_t)last[0] << 24 | (uint32_t)last[1] << 16 | (uint32_t)last[2] << 8 |
				      last[3];
	}
	if (!EVP_Digest(certificate->der, certificate->der_length, digest, NULL, EVP_sha256(), NULL))
		return "its fingerprint cannot be computed";
	pkgima_hex(digest, 32, certificate->fingerprint);
	certificate->subject = subject_line(certificate->x509);
	if (!certificate->subject)
		return "its subject cannot be read";
	return NULL;
}

int pkgima_certificate_parse(const uint8_t *data, size_t length, const char *source,
			     struct pkgima_certificate **ret_certificate, struct pkgima_error *error)
{
	cleanup_certificate struct pkgima_certificate *certificate = calloc(1, sizeof(*certificate));
	const char *problem;
	int r;

	if (certificate)
		certificate->source = pkgima_printable(source);
	if (!certificate || !certificate->source)
		return pkgima_fail(error, -ENOMEM, "no memory for a certificate");
	if (length == 0 || length > PKGIMA_CERTIFICATE_MAX)
		return pkgima_fail(error, -EINVAL, "%s: no certificate: it has %zu bytes", certificate->source, length);
	/* A DER certificate is a SEQUENCE. */
	r = data[0] == 0x30 ? read_der(certificate, data, length) : read_pem(certificate, data, length);
	problem = r == 0 ? take_fields(certificate) : NULL;
	ERR_clear_error();
	if (r == -ENOMEM)
		return pkgima_fail(error, r, "%s: no memory for it", certificate->source);
	if (r < 0)
		return pkgima_fail(error, r, "%s: no X.509 certificate in DER or PEM", certificate->source);
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s: %s", certificate->source, problem);
	*ret_certificate = pkgima_steal_pointer(&certificate);
	return 0;
}

int pkgima_certificate_load(const char *path, struct pkgima_certificate **ret_certificate, struct pkgima_error *error)
{
	cleanup_free char *name = pkgima_printable(path);
	cleanup_free uint8_t *data = NULL;
	cleanup_close int fd = -1;
	size_t length;
	int r;

	if (!name)
		return pkgima_fail(error, -ENOMEM, "no memory for a certificate");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return pkgima_fail_errno(error, "cannot open certificate %s", name);
	r = pkgima_read_file(fd, name, PKGIMA_CERTIFICATE_MAX, &data, &length, error);
	if (r < 0)
		return r;
	return pkgima_certificate_parse(data, length, path, ret_certificate, error);
}

void pkgima_certificate_free(struct pkgima_certificate *certificate)
{
	if (!certificate)
		return;
	X509_free(certificate->x509);
	free(certificate->der);
	free(certificate->subject);
	free(certificate->source);
	free(certificate);
}

static const char *rsa_problem(const struct pkgima_certificate *certificate)
{
	/* crypto/rsa.c, rsa_check_key_length(): there is nothing in between. */
	switch (EVP_PKEY_get_bits(certificate->key)) {
	case 2048:
	case 3072:
	case 4096:
		return NULL;
	default:
		return "its RSA key has not 2048, 3072 or 4096 bits";
	}
}

static const char *ec_problem(const struct pkgima_certificate *certificate)
{
	const ASN1_BIT_STRING *point = X509_get0_pubkey_bitstr(certificate->x509);
	char group[32] = "";
	int decoded_from_explicit = 0;

	if (!EVP_PKEY_get_group_name(certificate->key, group, sizeof(group), NULL) ||
	    (strcmp(group, SN_X9_62_prime256v1) != 0 && strcmp(group, SN_secp384r1) != 0))
		return "its elliptic curve is neither P-256 nor P-384";
	/* The kernel knows a curve by its OID, and a point by both coordinates: crypto/ecdsa.c, ecdsa_set_pub_key(). */
	EVP_PKEY_get_int_param(certificate->key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
			       &decoded_from_explicit);
	if (decoded_from_explicit)
		return "its elliptic curve is not given by name";
	if (!point || ASN1_STRING_length(point) < 1 ||
	    ASN1_STRING_get0_data(point)[0] != POINT_CONVERSION_UNCOMPRESSED)
		return "its elliptic curve point is compressed";
	return NULL;
}

static const char *key_problem(const struct pkgima_certificate *certificate)
{
	switch (EVP_PKEY_get_base_id(certificate->key)) {
	case EVP_PKEY_RSA:
		return rsa_problem(certificate);
	case EVP_PKEY_EC:
		return ec_problem(certificate);
	default:
		return "its key is neither RSA nor ECDSA";
	}
}

/* crypto/asymmetric_keys/x509_cert_parser.c, x509_note_sig_algo(): any other makes the kernel refuse the whole. */
static const char *signature_problem(const struct pkgima_certificate *certificate)
{
	int hash, key;

	if (!X509_get_signature_info(certificate->x509, &hash, &key, NULL, NULL))
		return "its own signature is of an unknown kind";
	if (key != NID_rsaEncryption && key != NID_X9_62_id_ecPublicKey)
		return "its own signature is neither RSA (PKCS #1 v1.5) nor ECDSA";
	if (hash != NID_sha256 && hash != NID_sha384 && hash != NID_sha512)
		return "its own signature is not made with sha256, sha384 or sha512";
	return NULL;
}

static const char *common_problem(const struct pkgima_certificate *certificate)
{
	const char *problem;

	if (X509_get_extension_flags(certificate->x509) & EXFLAG_INVALID)
		return "its extensions are malformed or contradictory";
	if (!certificate->has_skid)
		return "it has no Subject Key Identifier (of 4 bytes or more)";
	problem = key_problem(certificate);
	return problem ? problem : signature_problem(certificate);
}

const char *pkgima_certificate_leaf_problem(const struct pkgima_certificate *certificate)
{
	const char *problem = common_problem(certificate);
	uint32_t flags = X509_get_extension_flags(certificate->x509);
	uint32_t usage = X509_get_key_usage(certificate->x509);

	if (problem)
		return problem;
	if (flags & EXFLAG_CA)
		return "it is a CA certificate (CA:TRUE)";
	if (!(flags & EXFLAG_KUSAGE))
		return "it has no keyUsage";
	if (usage & KU_KEY_CERT_SIGN)
		return "its keyUsage has keyCertSign";
	if (!(usage & KU_DIGITAL_SIGNATURE))
		return "its keyUsage lacks digitalSignature";
	return NULL;
}

const char *pkgima_certificate_ca_problem(const struct pkgima_certificate *certificate)
{
	const char *problem = common_problem(certificate);
	uint32_t flags = X509_get_extension_flags(certificate->x509);
	uint32_t usage = X509_get_key_usage(certificate->x509);

	if (problem)
		return problem;
	if (!(flags & EXFLAG_CA))
		return "it is no CA certificate (CA:TRUE)";
	if (!(flags & EXFLAG_KUSAGE))
		return "it has no keyUsage";
	if (!(usage & KU_KEY_CERT_SIGN))
		return "its keyUsage lacks keyCertSign";
	if (usage & KU_DIGITAL_SIGNATURE)
		return "it is a CA certificate whose keyUsage has digitalSignature";
	return NULL;
}

const char *pkgima_certificate_validity_problem(const struct pkgima_certificate *certificate, time_t when)
{
	if (when < certificate->not_before)
		return "not valid yet";
	if (when > certificate->not_after)
		return "expired";
	return NULL;
}

/* Does the Authority Key Identifier name @ca, by all that it says and by at least one of its two ways? */
static bool authority_is(const struct pkgima_certificate *certificate, const struct pkgima_certificate *ca)
{
	cleanup_akid AUTHORITY_KEYID *akid = NULL;

	akid = X509_get_ext_d2i(certificate->x509, NID_authority_key_identifier, NULL, NULL);
	if (!akid || (!akid->keyid && !(akid->issuer && akid->serial)))
		return false;
	/* X509_check_akid() passes over what the issuer has not. */
	if (akid->keyid && !ca->has_skid)
		return false;
	return X509_check_akid(ca->x509, akid) == X509_V_OK;
}

bool pkgima_certificate_issued_by(const struct pkgima_certificate *certificate, const struct pkgima_certificate *ca)
{
	bool issued;

	issued = X509_NAME_cmp(X509_get_issuer_name(certificate->x509), X509_get_subject_name(ca->x509)) == 0 &&
		 authority_is(certificate, ca) && X509_verify(certificate->x509, ca->key) == 1;
	ERR_clear_error();
	return issued;
}

bool pkgima_certificate_skid(const struct pkgima_certificate *certificate, char text[PKGIMA_SKID_TEXT])
{
	const ASN1_OCTET_STRING *skid = X509_get0_subject_key_id(certificate->x509);
	int length = skid ? ASN1_STRING_length(skid) : 0;

	if (length < 1 || length > PKGIMA_SKID_MAX)
		return false;
	pkgima_hex(ASN1_STRING_get0_data(skid), (size_t)length, text);
	return true;
}

bool pkgima_fingerprint_parse(const char *text, char fingerprint[65])
{
	static const char digits[] = "0123456789abcdef";
	bool has_colons = strchr(text, ':');

	for (size_t i = 0; i < 64; i++) {
		const char *digit;

		if (has_colons && i && i % 2 == 0 && *text++ != ':')
			return false;
		digit = *text ? strchr(digits, tolower((unsigned char)*text)) : NULL;
		if (!digit)
			return false;
		fingerprint[i] = *digit;
		text++;
	}
	fingerprint[64] = '\0';
	return !*text;
}
