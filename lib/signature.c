// SPDX-License-Identifier: LGPL-2.1-or-later
#include "signature.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* security/integrity/integrity.h, struct signature_v2_hdr */
struct signature_v2_header {
	uint8_t type;
	uint8_t version;
	uint8_t hash_algo;
	uint32_t keyid;    /* big endian */
	uint16_t sig_size; /* big endian */
} __attribute__((packed));

_Static_assert(sizeof(struct signature_v2_header) == PKGIMA_SIGNATURE_HEADER, "the kernel's header has 9 bytes");

int pkgima_signature_parse(const uint8_t *value, size_t length, struct pkgima_signature *ret_signature,
			   struct pkgima_error *error)
{
	struct signature_v2_header header;
	enum pkgima_hash hash;

	if (length < 1)
		return pkgima_fail(error, -EINVAL, "it is empty");
	if (value[0] != PKGIMA_XATTR_IMA_SIGNATURE)
		return pkgima_fail(error, -EINVAL, "type %u is not that of a signature of a file (3)", value[0]);
	if (length <= sizeof(header))
		return pkgima_fail(error, -EINVAL, "%zu bytes are too few for a signature", length);
	memcpy(&header, value, sizeof(header));
	if (header.version != PKGIMA_SIGNATURE_VERSION)
		return pkgima_fail(error, -EINVAL, "version %u is not handled, only 2", header.version);
	if (!pkgima_hash_from_number(header.hash_algo, &hash))
		return pkgima_fail(error, -EINVAL, "hash algorithm %u is not handled", header.hash_algo);
	if (be16toh(header.sig_size) != length - sizeof(header))
		return pkgima_fail(error, -EINVAL, "its header says %u bytes, %zu follow%s", be16toh(header.sig_size),
				   length - sizeof(header), le16toh(header.sig_size) == length - sizeof(header) ?
				   ": the length's bytes are in the wrong order" : "");
	*ret_signature = (struct pkgima_signature){
		.type = header.type,
		.version = header.version,
		.hash = hash,
		.key_id = be32toh(header.keyid),
		.bytes = value + sizeof(header),
		.length = length - sizeof(header),
	};
	return 0;
}

void pkgima_signature_write_header(const struct pkgima_signature *signature, uint8_t output[PKGIMA_SIGNATURE_HEADER])
{
	struct signature_v2_header header = {
		.type = signature->type,
		.version = signature->version,
		.hash_algo = pkgima_hash_number(signature->hash),
		.keyid = htobe32(signature->key_id),
		.sig_size = htobe16((uint16_t)signature->length),
	};

	memcpy(output, &header, sizeof(header));
}
