// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The site's ima-init from the one that rpm has installed: its list of files, its version and its scriptlets, which become
 * sections of a spec file again (formats: rpm's build/parseScript.c, and packagefile's part in build/pack.c).
 */
#include "mkinit_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rpm/header.h>
#include <rpm/rpmds.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmlib.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#include "../escape.h"

/* RPMSCRIPT_FLAG_EXPAND, RPMSCRIPT_FLAG_QFORMAT of rpm's lib/rpmscript.h: the text is not what will run. */
#define FLAGS_REFUSED 3U
/* RPMTRIGGER_DEFAULT_PRIORITY of rpm's lib/rpmtriggers.h */
#define PRIORITY_DEFAULT 1000000U

/* A section, and tags as rpm names them, so that a librpm that does not know one is no problem. */
static const struct scriptlet { const char *section, *text, *program, *flags; } scriptlets[] = {
	{ "%pretrans", "Pretrans", "Pretransprog", "Pretransflags" },
	{ "%pre", "Prein", "Preinprog", "Preinflags" },
	{ "%post", "Postin", "Postinprog", "Postinflags" },
	{ "%preun", "Preun", "Preunprog", "Preunflags" },
	{ "%postun", "Postun", "Postunprog", "Postunflags" },
	{ "%posttrans", "Posttrans", "Posttransprog", "Posttransflags" },
	{ "%preuntrans", "Preuntrans", "Preuntransprog", "Preuntransflags" },
	{ "%postuntrans", "Postuntrans", "Postuntransprog", "Postuntransflags" },
	{ "%verifyscript", "Verifyscript", "Verifyscriptprog", "Verifyscriptflags" },
};

static const struct triggers {
	const char *section, *text, *program, *flags, *name, *index, *sense, *priority;
} file_triggers[] = {
	{ "%filetrigger", "Filetriggerscripts", "Filetriggerscriptprog", "Filetriggerscriptflags", "Filetriggername",
	  "Filetriggerindex", "Filetriggerflags", "Filetriggerpriorities" },
	{ "%transfiletrigger", "Transfiletriggerscripts", "Transfiletriggerscriptprog", "Transfiletriggerscriptflags",
	  "Transfiletriggername", "Transfiletriggerindex", "Transfiletriggerflags", "Transfiletriggerpriorities" },
};

static const struct { const char *field; rpmTagVal tag; } dependencies[] = {
	{ "Requires", RPMTAG_REQUIRENAME }, { "Recommends", RPMTAG_RECOMMENDNAME }, { "Suggests", RPMTAG_SUGGESTNAME },
	{ "Supplements", RPMTAG_SUPPLEMENTNAME }, { "Enhances", RPMTAG_ENHANCENAME },
	{ "OrderWithRequires", RPMTAG_ORDERNAME }, { "Conflicts", RPMTAG_CONFLICTNAME },
	{ "Obsoletes", RPMTAG_OBSOLETENAME }, { "Provides", RPMTAG_PROVIDENAME },
};

/* A tag's value, of so many elements. */
struct value {
	struct rpmtd_s data;
	rpm_count_t count;
};

static void value_release(struct value *value)
{
	rpmtdFreeData(&value->data);
}
#define cleanup_value __attribute__((cleanup(value_release)))

/* Of a kind that can be read as text, or as numbers; no elements where the header has none. */
static struct value value_of(Header header, const char *tag, bool is_text)
{
	rpmTagVal number = rpmTagGetValue(tag);
	struct value value = { 0 };

	rpmtdReset(&value.data);
	if (number == RPMTAG_NOT_FOUND || !headerGet(header, number, &value.data, HEADERGET_MINMEM))
		return value;
	if (rpmtdClass(&value.data) == (is_text ? RPM_STRING_CLASS : RPM_NUMERIC_CLASS))
		value.count = rpmtdCount(&value.data);
	return value;
}

/* NULL and 0 where there is no such element. */
static const char *text_at(struct value *value, rpm_count_t index)
{
	return index < value->count && rpmtdSetIndex(&value->data, (int)index) >= 0 ? rpmtdGetString(&value->data) : NULL;
}

static uint64_t number_at(struct value *value, rpm_count_t index)
{
	return index < value->count && rpmtdSetIndex(&value->data, (int)index) >= 0 ? rpmtdGetNumber(&value->data) : 0;
}

/* A word of the line that begins a section. */
static bool is_word(const char *text)
{
	return *text && !strpbrk(text, " \t\r\n,%\"'\\") && *text != '-';
}

/* rpmbuild expands a line before it looks whether it is one of its own. */
static bool has_foreign_line(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (line[strspn(line, " \t\r\v\f")] == '%')
			return true;
	return false;
}

static int write_script(FILE *out, const char *program, const char *text, uint64_t flags, const char *rest,
			struct pkgima_error *error)
{
	if (program && strcmp(program, "/bin/sh") != 0) {
		if (!is_word(program))
			return pkgima_fail(error, -EINVAL, "its interpreter is no plain word");
		fprintf(out, " -p %s", program);
	}
	if (flags & FLAGS_REFUSED)
		return pkgima_fail(error, -EINVAL, "it is expanded when it runs");
	if (text && has_foreign_line(text))
		return pkgima_fail(error, -EINVAL, "a line of it begins with %%, as those of rpmbuild do");
	fprintf(out, "%s\n", rest);
	for (; text && *text; text++)
		fputs(*text == '%' ? "%%" : (char[]){ *text, '\0' }, out);
	fputc('\n', out);
	return 0;
}

static int write_scriptlet(FILE *out, Header header, const struct scriptlet *scriptlet, struct pkgima_error *error)
{
	cleanup_value struct value text = value_of(header, scriptlet->text, true);
	cleanup_value struct value program = value_of(header, scriptlet->program, true);
	cleanup_value struct value flags = value_of(header, scriptlet->flags, false);
	int r;

	if (!text.count && !program.count)
		return 0;
	if (program.count > 1)
		return pkgima_fail(error, -EINVAL, "%s of the installed ima-init: its interpreter has arguments",
				   scriptlet->section);
	fputs(scriptlet->section, out);
	r = write_script(out, text_at(&program, 0), text_at(&text, 0), number_at(&flags, 0), "", error);
	return r < 0 ? pkgima_fail_within(error, r, "%s of the installed ima-init", scriptlet->section) : 0;
}

static const char *sense_word(uint64_t sense)
{
	return sense & RPMSENSE_TRIGGERIN ? "in" : sense & RPMSENSE_TRIGGERUN ? "un" :
	       sense & RPMSENSE_TRIGGERPOSTUN ? "postun" : NULL;
}

/* " -- /a /b": the folders that the script is for; *@ret_sense is when it runs. The caller's; NULL: none, or no memory. */
static char *trigger_folders(Header header, const struct triggers *triggers, rpm_count_t script, const char **ret_sense)
{
	cleanup_value struct value names = value_of(header, triggers->name, true);
	cleanup_value struct value indices = value_of(header, triggers->index, false);
	cleanup_value struct value senses = value_of(header, triggers->sense, false);
	bool good = names.count == indices.count && names.count == senses.count;
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	*ret_sense = NULL;
	if (!out)
		return NULL;
	fputs(" --", out);
	for (rpm_count_t i = 0; good && i < names.count; i++) {
		const char *name = text_at(&names, i);

		if (number_at(&indices, i) != script)
			continue;
		good = name && is_word(name);
		if (good)
			fprintf(out, " %s", name);
		*ret_sense = sense_word(number_at(&senses, i));
	}
	if (fclose(out) != 0 || !good || !*ret_sense) {
		free(text);
		return NULL;
	}
	return text;
}

static int write_triggers(FILE *out, Header header, const struct triggers *triggers, struct pkgima_error *error)
{
	cleanup_value struct value texts = value_of(header, triggers->text, true);
	cleanup_value struct value programs = value_of(header, triggers->program, true);
	cleanup_value struct value flags = value_of(header, triggers->flags, false);
	cleanup_value struct value priorities = value_of(header, triggers->priority, false);
	int r = 0;

	for (rpm_count_t i = 0; i < texts.count && r == 0; i++) {
		const char *sense;
		cleanup_free char *folders = trigger_folders(header, triggers, i, &sense);
		uint64_t priority = priorities.count ? number_at(&priorities, i) : PRIORITY_DEFAULT;

		if (!folders)
			return pkgima_fail(error, -EINVAL, "%s of the installed ima-init: its list of folders is malformed",
					   triggers->section);
		fprintf(out, "%s%s", triggers->section, sense);
		if (priority != PRIORITY_DEFAULT)
			fprintf(out, " -P %llu", (unsigned long long)priority);
		r = write_script(out, text_at(&programs, i), text_at(&texts, i), number_at(&flags, i), folders, error);
		if (r < 0)
			return pkgima_fail_within(error, r, "%s%s of the installed ima-init", triggers->section, sense);
	}
	return r;
}

static int write_scriptlets(FILE *out, Header header, struct pkgima_error *error)
{
	int r = 0;

	if (headerIsEntry(header, RPMTAG_TRIGGERSCRIPTS))
		return pkgima_fail(error, -EINVAL, "the installed ima-init has triggers on packages, which cannot be taken over");
	for (size_t i = 0; i < sizeof(scriptlets) / sizeof(scriptlets[0]) && r == 0; i++)
		r = write_scriptlet(out, header, &scriptlets[i], error);
	for (size_t i = 0; i < sizeof(file_triggers) / sizeof(file_triggers[0]) && r == 0; i++)
		r = write_triggers(out, header, &file_triggers[i], error);
	return r;
}

/* Those that rpmbuild makes by itself: for the package's own name, for interpreters, and for what rpm has to know. */
static bool is_automatic(const char *name, rpmsenseFlags flags)
{
	size_t length = strlen(PKGIMA_MKINIT_TEMPLATE);

	return flags & (RPMSENSE_RPMLIB | RPMSENSE_INTERP | RPMSENSE_CONFIG) ||
	       (!strncmp(name, PKGIMA_MKINIT_TEMPLATE, length) && (!name[length] || name[length] == '('));
}

/* Only those with a parenthesis before them may have blanks. */
static bool is_dependency_word(const char *text)
{
	bool rich = *text == '(';

	for (; *text; text++)
		if ((unsigned char)*text < (rich ? 0x20 : 0x21) || (unsigned char)*text > 0x7e || strchr("%,\\", *text))
			return false;
	return true;
}

static int write_dependencies(FILE *out, const char *field, rpmds list, struct pkgima_error *error)
{
	while (rpmdsNext(list) >= 0) {
		const char *name = rpmdsN(list), *version = rpmdsEVR(list);
		rpmsenseFlags flags = rpmdsFlags(list);

		if (!name || is_automatic(name, flags))
			continue;
		if (!*name || !is_dependency_word(name) || (version && !is_dependency_word(version)))
			return pkgima_fail(error, -EINVAL, "a dependency (%s) of the installed ima-init is none that a spec "
					   "file has", field);
		fprintf(out, "%s: %s", field, name);
		if (version && *version && flags & RPMSENSE_SENSEMASK)
			fprintf(out, " %s%s%s %s", flags & RPMSENSE_LESS ? "<" : "", flags & RPMSENSE_GREATER ? ">" : "",
				flags & RPMSENSE_EQUAL ? "=" : "", version);
		fputc('\n', out);
	}
	return 0;
}

static int write_preamble(FILE *out, Header header, struct pkgima_error *error)
{
	const char *license = headerGetString(header, RPMTAG_LICENSE);
	int r = 0;

	fputs("License: ", out);
	for (; license && *license && *license != '\n'; license++)
		fputs(*license == '%' ? "%%" : (char[]){ *license, '\0' }, out);
	fputc('\n', out);
	for (size_t i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]) && r == 0; i++) {
		rpmds list = rpmdsNew(header, dependencies[i].tag, 0);

		r = write_dependencies(out, dependencies[i].field, list, error);
		rpmdsFree(list);
	}
	return r;
}

/* The newest that is installed. */
static int find_header(const struct pkgima_mkinit *mkinit, Header *ret_header, struct pkgima_error *error)
{
	struct pkgima_rpmdb *rpmdb = mkinit->rpmdb;
	Header found = NULL;
	int r = pkgima_rpmdb_packages(rpmdb, error);

	for (size_t i = 0; i < rpmdb->count && r == 0; i++) {
		Header header;

		if (strcmp(rpmdb->packages[i].name, PKGIMA_MKINIT_TEMPLATE) != 0)
			continue;
		r = pkgima_rpmdb_header(rpmdb, i, &header, error);
		if (r == 0 && found && rpmVersionCompare(found, header) >= 0) {
			headerFree(header);
		} else if (r == 0) {
			headerFree(found);
			found = header;
		}
	}
	if (r == 0 && !found)
		r = pkgima_fail(error, -ENOENT, "the package ima-init, from which the site's is made, is not installed");
	if (r < 0)
		headerFree(found);
	else
		*ret_header = found;
	return r;
}

/* What its header says was not installed, or was never in it, is not asked for. */
static bool is_there(rpmfiles files, int index)
{
	rpmfileState state = rpmfilesFState(files, index);

	return !(rpmfilesFFlags(files, index) & RPMFILE_GHOST) &&
	       (state == RPMFILE_STATE_NORMAL || state == RPMFILE_STATE_NETSHARED);
}

static bool is_root(const char *name)
{
	return name && !strcmp(name, "root");
}

/* What would not come out the same; NULL: nothing. */
static const char *foreign_attribute(rpmfiles files, int index)
{
	const char *capabilities = rpmfilesFCaps(files, index);

	if (!is_root(rpmfilesFUser(files, index)) || !is_root(rpmfilesFGroup(files, index)))
		return "it is not root's";
	if (capabilities && *capabilities)
		return "it has capabilities";
	if (rpmfilesFFlags(files, index) & RPMFILE_CONFIG)
		return "it is %config";
	if (S_ISDIR(rpmfilesFMode(files, index)) && (rpmfilesFMode(files, index) & 07777) != 0755)
		return "its mode is not 0755";
	return NULL;
}

static int copy_file(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, rpmfiles files, int index,
		     struct pkgima_error *error)
{
	cleanup_free char *path = rpmfilesFN(files, index);
	bool is_folder = S_ISDIR(rpmfilesFMode(files, index));
	const char *problem = foreign_attribute(files, index);
	char safe[256];

	if (!path)
		return pkgima_fail(error, -ENOMEM, "no memory for the files of ima-init");
	if (!is_folder && pkgima_mkinit_is_replaced(path))
		return 0;
	if (problem)
		return pkgima_fail(error, -EINVAL, "%s of the installed ima-init cannot be taken over: %s",
				   pkgima_printable_into(path, safe, sizeof(safe)), problem);
	return is_folder ? pkgima_mkinit_note_folder(tree, path, error) :
			   pkgima_mkinit_copy(tree, mkinit, path, false, error);
}

int pkgima_mkinit_rpm_copy(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit, struct pkgima_error *error)
{
	rpmfiles files = NULL;
	Header header = NULL;
	int r = find_header(mkinit, &header, error);

	if (r < 0)
		return r;
	files = rpmfilesNew(NULL, header, RPMTAG_BASENAMES, RPMFI_FLAGS_QUERY);
	if (!files)
		r = pkgima_fail(error, -EBADMSG, "the list of files of the installed ima-init is malformed");
	for (int i = 0, count = (int)rpmfilesFC(files); i < count && r == 0; i++)
		if (is_there(files, i))
			r = copy_file(tree, mkinit, files, i, error);
	rpmfilesFree(files);
	headerFree(header);
	return r;
}

/* @write's lines about the package, as a text that is the caller's. */
static int lines_of(Header header, int (*write)(FILE *out, Header header, struct pkgima_error *error), char **ret_text,
		    struct pkgima_error *error)
{
	size_t length;
	FILE *out = open_memstream(ret_text, &length);
	int r;

	if (!out)
		return pkgima_fail(error, -ENOMEM, "no memory for a file for rpmbuild");
	r = write(out, header, error);
	if (fclose(out) != 0 && r == 0)
		r = pkgima_fail(error, -ENOMEM, "no memory for a file for rpmbuild");
	return r;
}

int pkgima_mkinit_rpm_describe(struct pkgima_mkinit_tree *tree, const struct pkgima_mkinit *mkinit,
			       struct pkgima_error *error)
{
	cleanup_free char *version = NULL;
	Header header = NULL;
	int r = find_header(mkinit, &header, error);

	if (r < 0)
		return r;
	version = headerFormat(header, "%{VERSION}-%{RELEASE}", NULL);
	tree->version = version ? pkgima_mkinit_version(version, mkinit->revision) : NULL;
	tree->architecture = headerGetAsString(header, RPMTAG_ARCH);
	tree->summary = headerGetAsString(header, RPMTAG_SUMMARY);
	if (!tree->version || !tree->architecture || !tree->summary)
		r = pkgima_fail(error, -EINVAL, "rpm's database has no version, architecture or summary of ima-init");
	else
		tree->summary[strcspn(tree->summary, "\n")] = '\0';
	if (r == 0)
		r = lines_of(header, write_preamble, &tree->preamble, error);
	if (r == 0)
		r = lines_of(header, write_scriptlets, &tree->scriptlets, error);
	headerFree(header);
	return r;
}
