/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_VERDICT_H
#define PKGIMA_VERDICT_H

/*
 * What was found out about one entry. A verdict is not an error: an error means that it could not be found out.
 * Columns: C name, word (in messages and JSON), sentence for people.
 */
#define PKGIMA_VERDICTS(X)                                                                               \
	X(OK, "ok", "the signature is good")                                                             \
	X(UNSIGNED, "unsigned", "there is no signature")                                                 \
	X(BAD_SIGNATURE, "bad-signature", "the signature does not match, or is malformed")               \
	X(UNKNOWN_KEY, "unknown-key", "no certificate in the trust store has the key id")                \
	X(DIGEST_MISMATCH, "digest-mismatch", "the content is not what was signed")                      \
	X(MISSING_FILE, "missing-file", "the file is not there")                                         \
	X(UNSUPPORTED_FS, "unsupported-fs", "the file system, or this user namespace, takes no security.ima") \
	X(NOT_APPLIED, "not-applied", "the manifest has a signature that the file does not carry")

enum pkgima_verdict {
#define X(name, word, sentence) PKGIMA_VERDICT_##name,
	PKGIMA_VERDICTS(X)
#undef X
	PKGIMA_VERDICT_COUNT
};

const char *pkgima_verdict_word(enum pkgima_verdict verdict);
const char *pkgima_verdict_sentence(enum pkgima_verdict verdict);

#endif
