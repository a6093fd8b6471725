// SPDX-License-Identifier: LGPL-2.1-or-later
#include "verdict.h"

const char *pkgima_verdict_word(enum pkgima_verdict verdict)
{
	static const char *const words[] = {
#define X(name, word, sentence) word,
		PKGIMA_VERDICTS(X)
#undef X
	};

	return words[verdict];
}

const char *pkgima_verdict_sentence(enum pkgima_verdict verdict)
{
	static const char *const sentences[] = {
#define X(name, word, sentence) sentence,
		PKGIMA_VERDICTS(X)
#undef X
	};

	return sentences[verdict];
}
