// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_plugin.h"

#include <stdlib.h>

#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>

#include "cleanup.h"

char *pkgima_rpm_plugin_path(void)
{
	cleanup_free char *setting = NULL;

	if (rpmReadConfigFiles(NULL, NULL) != 0)
		return NULL;
	setting = rpmExpand("%{?__transaction_pkgima}", NULL);
	/* Plugins are what lies in this folder, whatever path the setting has: rpmtsSetupTransactionPlugins() of librpm. */
	return setting && *setting ? rpmExpand("%{__plugindir}/pkgima.so", NULL) : NULL;
}
