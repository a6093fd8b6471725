// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rpm/header.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#include "rpmdb.h"

/* Triggers are lists of scripts. */
static const struct { rpmTagVal tag; const char *name; } tags[] = {
	{ RPMTAG_PRETRANS, "pretrans" }, { RPMTAG_PREIN, "pre" }, { RPMTAG_POSTIN, "post" },
	{ RPMTAG_PREUN, "preun" }, { RPMTAG_POSTUN, "postun" }, { RPMTAG_POSTTRANS, "posttrans" },
	{ RPMTAG_TRIGGERSCRIPTS, "trigger" }, { RPMTAG_FILETRIGGERSCRIPTS, "filetrigger" },
	{ RPMTAG_TRANSFILETRIGGERSCRIPTS, "transfiletrigger" },
};

int pkgima_rpmdb_scripts(struct pkgima_rpmdb *rpmdb, size_t index,
			 void (*tell)(void *context, const char *name, const char *text, size_t length), void *context,
			 struct pkgima_error *error)
{
	Header header;
	int r = pkgima_rpmdb_header(rpmdb, index, &header, error);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		rpmtd data = rpmtdNew();
		const char *text;

		if (headerGet(header, tags[i].tag, data, HEADERGET_MINMEM))
			while ((text = rpmtdNextString(data)))
				tell(context, tags[i].name, text, strlen(text));
		rpmtdFreeData(data);
		rpmtdFree(data);
	}
	headerFree(header);
	return 0;
}
