// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "ima_policy.h"

/* What a word of a rule is about. */
enum kind {
	KIND_ACTION, KIND_FUNC, KIND_MASK, KIND_FSMAGIC, KIND_FSNAME, KIND_FS_SUBTYPE, KIND_FSUUID,
	KIND_UID, KIND_EUID, KIND_GID, KIND_EGID, KIND_FOWNER, KIND_FGROUP, KIND_LSM,
	KIND_DIGEST_TYPE, KIND_APPRAISE_TYPE, KIND_APPRAISE_FLAG, KIND_ALGOS, KIND_DIRECTIO,
	KIND_PCR, KIND_TEMPLATE, KIND_KEYRINGS, KIND_LABEL,
};

/* A rule while it is read, and what the rule does not keep. */
struct parsing {
	struct pkgima_ima_rule *rule;
	bool has_action, has_blacklist_flag;
	unsigned int lsm;              /* a bit for each label that there is one of */
	struct pkgima_error *error;
};

/* @operators: what may stand between name and value; "": the word stands alone. @number: of an action or label. */
static const struct word {
	const char *name, *operators;
	enum kind kind;
	int number;
} words_known[] = {
#define X(name, word) { word, "", KIND_ACTION, PKGIMA_IMA_##name },
	PKGIMA_IMA_ACTIONS(X)
#undef X
	{ "func", "=", KIND_FUNC, 0 },
	{ "mask", "=", KIND_MASK, 0 },
	{ "fsmagic", "=", KIND_FSMAGIC, 0 },
	{ "fsname", "=", KIND_FSNAME, 0 },
	{ "fs_subtype", "=", KIND_FS_SUBTYPE, 0 },
	{ "fsuuid", "=", KIND_FSUUID, 0 },
	{ "uid", "=<>", KIND_UID, 0 },
	{ "euid", "=<>", KIND_EUID, 0 },
	{ "gid", "=<>", KIND_GID, 0 },
	{ "egid", "=<>", KIND_EGID, 0 },
	{ "fowner", "=<>", KIND_FOWNER, 0 },
	{ "fgroup", "=<>", KIND_FGROUP, 0 },
	{ "obj_user", "=", KIND_LSM, 0 },
	{ "obj_role", "=", KIND_LSM, 1 },
	{ "obj_type", "=", KIND_LSM, 2 },
	{ "subj_user", "=", KIND_LSM, 3 },
	{ "subj_role", "=", KIND_LSM, 4 },
	{ "subj_type", "=", KIND_LSM, 5 },
	{ "digest_type", "=", KIND_DIGEST_TYPE, 0 },
	{ "appraise_type", "=", KIND_APPRAISE_TYPE, 0 },
	{ "appraise_flag", "=", KIND_APPRAISE_FLAG, 0 },
	{ "appraise_algos", "=", KIND_ALGOS, 0 },
	{ "permit_directio", "", KIND_DIRECTIO, 0 },
	{ "pcr", "=", KIND_PCR, 0 },
	{ "template", "=", KIND_TEMPLATE, 0 },
	{ "keyrings", "=", KIND_KEYRINGS, 0 },
	{ "label", "=", KIND_LABEL, 0 },
};

/* enum hash_algo, include/uapi/linux/hash_info.h; those without a name here no kernel from 6.1 on can compute. */
static const char *const hashes[] = {
	"md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", NULL, NULL, NULL, "wp256", "wp384", "wp512",
	NULL, NULL, NULL, "sm3", "streebog256", "streebog512", "sha3-256", "sha3-384", "sha3-512",
};

int pkgima_ima_hash_number(const char *name)
{
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		if (hashes[i] && !strcmp(hashes[i], name))
			return (int)i;
	return -1;
}

const char *pkgima_ima_hash_name(unsigned int number)
{
	return number < sizeof(hashes) / sizeof(hashes[0]) ? hashes[number] : NULL;
}

static int refuse(const struct parsing *parsing, const char *sentence)
{
	return pkgima_fail(parsing->error, -EINVAL, "%s", sentence);
}

static int refuse_value(const struct parsing *parsing, const char *what, const char *value)
{
	char safe[128];

	return pkgima_fail(parsing->error, -EINVAL, "%s: %s", what, pkgima_printable_into(value, safe, sizeof(safe)));
}

/* As kstrtoul() of the kernel's lib/kstrtox.c takes numbers: perhaps a plus, digits and nothing else, no overflow. */
static bool parse_number(const char *text, int base, uint64_t *ret_number)
{
	const char *digits = base == 16 ? "0123456789abcdefABCDEF" : "0123456789";

	text += *text == '+';
	if (base == 16 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!*text || text[strspn(text, digits)])
		return false;
	errno = 0;
	*ret_number = strtoull(text, NULL, base);
	return errno == 0;
}

static int take_action(struct parsing *parsing, int action)
{
	if (parsing->has_action)
		return refuse(parsing, "it has two actions");
	parsing->has_action = true;
	parsing->rule->action = (enum pkgima_ima_action)action;
	if (parsing->rule->action == PKGIMA_IMA_DONT_AUDIT)
		parsing->rule->needs |= 1U << PKGIMA_IMA_NEED_V6_18;
	return 0;
}

static int take_func(struct parsing *parsing, const char *value)
{
	static const struct { const char *word; enum pkgima_ima_hook hook; } old[] = {
		{ "PATH_CHECK", PKGIMA_IMA_HOOK_FILE_CHECK },
		{ "FILE_MMAP", PKGIMA_IMA_HOOK_MMAP_CHECK },
	};
	struct pkgima_ima_rule *rule = parsing->rule;

	if (rule->hook)
		return refuse(parsing, "it has func= twice");
	for (int i = PKGIMA_IMA_HOOK_NONE + 1; i < PKGIMA_IMA_HOOK_COUNT; i++)
		if (!strcmp(pkgima_ima_hook_word((enum pkgima_ima_hook)i), value))
			rule->hook = (enum pkgima_ima_hook)i;
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		if (!strcmp(old[i].word, value))
			rule->hook = old[i].hook;
	if (!rule->hook)
		return refuse_value(parsing, "there is no such func", value);
	if (rule->hook == PKGIMA_IMA_HOOK_MMAP_CHECK_REQPROT)
		rule->needs |= 1U << PKGIMA_IMA_NEED_V6_3;
	if (rule->hook == PKGIMA_IMA_HOOK_KEY_CHECK)
		rule->needs |= 1U << PKGIMA_IMA_NEED_KEYS;
	rule->flags |= PKGIMA_IMA_FUNC;
	return 0;
}

static int take_mask(struct parsing *parsing, const char *value)
{
	static const struct { const char *word; int mask; } masks[] = {
		{ "MAY_EXEC", PKGIMA_IMA_EXEC }, { "MAY_WRITE", PKGIMA_IMA_WRITE },
		{ "MAY_READ", PKGIMA_IMA_READ }, { "MAY_APPEND", PKGIMA_IMA_APPEND },
	};
	struct pkgima_ima_rule *rule = parsing->rule;
	bool among = *value == '^';

	if (rule->mask)
		return refuse(parsing, "it has mask= twice");
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++)
		if (!strcmp(masks[i].word, value + among))
			rule->mask = masks[i].mask;
	if (!rule->mask)
		return refuse_value(parsing, "there is no such mask", value);
	rule->flags |= among ? PKGIMA_IMA_INMASK : PKGIMA_IMA_MASK;
	return 0;
}

static int take_fsmagic(struct parsing *parsing, const char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	if (rule->fsmagic)
		return refuse(parsing, "it has fsmagic= twice");
	if (!parse_number(value, 16, &rule->fsmagic))
		return refuse_value(parsing, "fsmagic= takes a hexadecimal number", value);
	rule->flags |= PKGIMA_IMA_FSMAGIC;
	return 0;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) : -1;
}

/* As uuid_parse() of the kernel's lib/uuid.c: what follows the 36 characters is not looked at. */
static bool parse_uuid(const char *text, uint8_t uuid[16])
{
	size_t digits = 0;

	for (size_t i = 0; i < 36; i++) {
		int digit = hex_digit(text[i]);

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
			continue;
		}
		if (digit < 0)
			return false;
		uuid[digits / 2] = (uint8_t)(digits % 2 ? uuid[digits / 2] | digit : digit << 4);
		digits++;
	}
	return true;
}

static int take_fsuuid(struct parsing *parsing, const char *value)
{
	static const uint8_t null[16];
	struct pkgima_ima_rule *rule = parsing->rule;

	if (memcmp(rule->fsuuid, null, sizeof(null)) != 0)
		return refuse(parsing, "it has fsuuid= twice");
	if (!parse_uuid(value, rule->fsuuid))
		return refuse_value(parsing, "fsuuid= takes a UUID", value);
	rule->flags |= PKGIMA_IMA_FSUUID;
	return 0;
}

/* uid= and euid= are kept in one place, of which there is only one: so are gid= and egid=. */
static int take_id(struct parsing *parsing, struct pkgima_ima_id *id, uint32_t flag, char operator, const char *value)
{
	uint64_t number;

	if (id->operator)
		return refuse(parsing, "it compares the same user or group twice");
	/* 0xffffffff is nobody. */
	if (!parse_number(value, 10, &number) || number >= UINT32_MAX)
		return refuse_value(parsing, "not the number of a user or group", value);
	*id = (struct pkgima_ima_id){ .operator = operator, .value = (uint32_t)number };
	parsing->rule->flags |= flag;
	return 0;
}

static int take_lsm(struct parsing *parsing, int label)
{
	if (parsing->lsm & 1U << label)
		return refuse(parsing, "it has the same label of an LSM twice");
	parsing->lsm |= 1U << label;
	parsing->rule->flags |= PKGIMA_IMA_LSM;
	parsing->rule->needs |= 1U << PKGIMA_IMA_NEED_LSM;
	return 0;
}

static int take_digest_type(struct parsing *parsing, const char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	if (strcmp(value, "verity") != 0)
		return refuse_value(parsing, "there is no such digest_type", value);
	if (rule->flags & PKGIMA_IMA_SIGNATURE)
		rule->needs |= 1U << PKGIMA_IMA_NEED_SIGV3;
	rule->flags |= PKGIMA_IMA_VERITY;
	return 0;
}

static int take_appraise_type(struct parsing *parsing, const char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	if (!strcmp(value, "imasig")) {
		if (rule->flags & PKGIMA_IMA_VERITY)
			return refuse(parsing, "with digest_type=verity it takes appraise_type=sigv3");
	} else if (!strcmp(value, "sigv3")) {
		if (!(rule->flags & PKGIMA_IMA_VERITY))
			rule->needs |= 1U << PKGIMA_IMA_NEED_SIGV3;
		rule->flags |= PKGIMA_IMA_SIGV3;
	} else if (!strcmp(value, "imasig|modsig")) {
		if (rule->flags & (PKGIMA_IMA_VERITY | PKGIMA_IMA_SIGV3))
			return refuse(parsing, "an appended signature goes neither with sigv3 nor with digest_type=verity");
		rule->flags |= PKGIMA_IMA_MODSIG;
		rule->needs |= 1U << PKGIMA_IMA_NEED_APPENDED;
	} else {
		return refuse_value(parsing, "there is no such appraise_type", value);
	}
	rule->flags |= PKGIMA_IMA_SIGNATURE;
	return 0;
}

/* From 6.7 on it is neither looked at nor needed. */
static int take_appraise_flag(struct parsing *parsing, const char *value)
{
	if (strstr(value, "blacklist"))
		parsing->has_blacklist_flag = true;
	else
		parsing->rule->needs |= 1U << PKGIMA_IMA_NEED_V6_7;
	return 0;
}

static int take_algos(struct parsing *parsing, char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	if (rule->algos)
		return refuse(parsing, "it has appraise_algos= twice");
	for (char *name; (name = strsep(&value, ",")); ) {
		int number = pkgima_ima_hash_number(name);

		if (number < 0)
			return refuse_value(parsing, "no kernel has this hash algorithm", name);
		rule->algos |= 1U << number;
	}
	rule->flags |= PKGIMA_IMA_ALGOS;
	return 0;
}

static int take_pcr(struct parsing *parsing, const char *value)
{
	bool negative = *value == '-';
	uint64_t number;

	if ((negative && value[1] == '+') || !parse_number(value + negative, 10, &number) || number > 63 ||
	    (negative && number))
		return refuse_value(parsing, "pcr= takes a number below 64", value);
	parsing->rule->flags |= PKGIMA_IMA_PCR;
	return 0;
}

/* By name or by fields: security/integrity/ima/ima_template.c. */
static int take_template(struct parsing *parsing, const char *value)
{
	static const char *const templates[] = {
		"ima", "ima-ng", "ima-sig", "ima-ngv2", "ima-sigv2", "ima-buf", "ima-modsig", "evm-sig",
		"d|n", "d-ng|n-ng", "d-ng|n-ng|sig", "d-ngv2|n-ng", "d-ngv2|n-ng|sig", "d-ng|n-ng|buf",
		"d-ng|n-ng|sig|d-modsig|modsig",
		"d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode",
	};
	struct pkgima_ima_rule *rule = parsing->rule;

	if (!parsing->has_action || rule->action != PKGIMA_IMA_MEASURE)
		return refuse(parsing, "template= goes with measure, and stands behind it");
	if (rule->template)
		return refuse(parsing, "it has template= twice");
	for (size_t i = 0; i < sizeof(templates) / sizeof(templates[0]); i++)
		if (!strcmp(templates[i], value))
			rule->template = templates[i];
	return rule->template ? 0 : refuse_value(parsing, "there is no such template", value);
}

static int take_list(struct parsing *parsing, const char *value, uint32_t flag)
{
	size_t length = strlen(value);

	if (parsing->rule->flags & flag)
		return refuse(parsing, "it has the same list twice");
	if (value[0] == '|' || value[length - 1] == '|' || strstr(value, "||"))
		return refuse_value(parsing, "an item of the list is empty", value);
	parsing->rule->flags |= flag;
	return 0;
}

static int take_file_system(struct parsing *parsing, enum kind kind, const char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	if (kind == KIND_FSNAME) {
		rule->fsname = value;
		rule->flags |= PKGIMA_IMA_FSNAME;
		return 0;
	}
	if (rule->fs_subtype)
		return refuse(parsing, "it has fs_subtype= twice");
	rule->fs_subtype = value;
	rule->flags |= PKGIMA_IMA_FS_SUBTYPE;
	rule->needs |= 1U << PKGIMA_IMA_NEED_V6_18;
	return 0;
}

static int take_process_or_owner(struct parsing *parsing, enum kind kind, char operator, const char *value)
{
	struct pkgima_ima_rule *rule = parsing->rule;

	switch (kind) {
	case KIND_UID:
		return take_id(parsing, &rule->uid, PKGIMA_IMA_UID, operator, value);
	case KIND_EUID:
		return take_id(parsing, &rule->uid, PKGIMA_IMA_EUID, operator, value);
	case KIND_GID:
		return take_id(parsing, &rule->gid, PKGIMA_IMA_GID, operator, value);
	case KIND_EGID:
		return take_id(parsing, &rule->gid, PKGIMA_IMA_EGID, operator, value);
	case KIND_FOWNER:
		return take_id(parsing, &rule->fowner, PKGIMA_IMA_FOWNER, operator, value);
	default:
		return take_id(parsing, &rule->fgroup, PKGIMA_IMA_FGROUP, operator, value);
	}
}

static int take(struct parsing *parsing, const struct word *word, char operator, char *value)
{
	switch (word->kind) {
	case KIND_ACTION:
		return take_action(parsing, word->number);
	case KIND_FUNC:
		return take_func(parsing, value);
	case KIND_MASK:
		return take_mask(parsing, value);
	case KIND_FSMAGIC:
		return take_fsmagic(parsing, value);
	case KIND_FSNAME:
	case KIND_FS_SUBTYPE:
		return take_file_system(parsing, word->kind, value);
	case KIND_FSUUID:
		return take_fsuuid(parsing, value);
	case KIND_LSM:
		return take_lsm(parsing, word->number);
	case KIND_DIGEST_TYPE:
		return take_digest_type(parsing, value);
	case KIND_APPRAISE_TYPE:
		return take_appraise_type(parsing, value);
	case KIND_APPRAISE_FLAG:
		return take_appraise_flag(parsing, value);
	case KIND_ALGOS:
		return take_algos(parsing, value);
	case KIND_DIRECTIO:
		parsing->rule->flags |= PKGIMA_IMA_DIRECTIO;
		return 0;
	case KIND_PCR:
		return take_pcr(parsing, value);
	case KIND_TEMPLATE:
		return take_template(parsing, value);
	case KIND_KEYRINGS:
		return take_list(parsing, value, PKGIMA_IMA_KEYRINGS);
	case KIND_LABEL:
		return take_list(parsing, value, PKGIMA_IMA_LABEL);
	default:
		return take_process_or_owner(parsing, word->kind, operator, value);
	}
}

static int take_word(struct parsing *parsing, char *text)
{
	size_t length = strcspn(text, "=<>");
	char operator = text[length];

	for (size_t i = 0; i < sizeof(words_known) / sizeof(words_known[0]); i++) {
		const struct word *word = &words_known[i];

		if (strlen(word->name) != length || strncmp(word->name, text, length) != 0)
			continue;
		/* A word that stands alone has no operator; a value is never empty. */
		if (operator ? !strchr(word->operators, operator) || !text[length + 1] : *word->operators)
			break;
		return take(parsing, word, operator, text + length + (operator ? 1 : 0));
	}
	return refuse_value(parsing, "no kernel knows the word", text);
}

int pkgima_ima_rule_parse(char *words, struct pkgima_ima_rule *ret_rule, struct pkgima_error *error)
{
	struct parsing parsing = { .rule = ret_rule, .error = error };
	int r = 0;

	for (char *word; r == 0 && (word = strsep(&words, " \t")); ) {
		if (*word == '#') {
			ret_rule->needs |= 1U << PKGIMA_IMA_NEED_V6_14;
			break;
		}
		if (*word)
			r = take_word(&parsing, word);
	}
	if (r == 0 && !parsing.has_action)
		r = refuse(&parsing, "it has no action");
	return r < 0 ? r : pkgima_ima_rule_check(ret_rule, parsing.has_blacklist_flag, error);
}
