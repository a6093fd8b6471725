// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_plugin.h"

#include <stdlib.h>

#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>

#include "cleanup.h"
#include "rpm_log.h"

char *pkgima_rpm_plugin_path(void)
{
	cleanup_free char *setting = NULL;
	struct pkgima_rpm_log log;
	int failed;

	/* Where rpm is not installed, librpm misses its files: that is no news. */
	pkgima_rpm_log_begin(&log);
	failed = rpmReadConfigFiles(NULL, NULL);
	pkgima_rpm_log_end();
	if (failed)
		return NULL;
	setting = rpmExpand("%{?__transaction_pkgima}", NULL);
	/* Plugins are what lies in this folder, whatever path the setting has: rpmtsSetupTransactionPlugins() of librpm. */
	return setting && *setting ? rpmExpand("%{__plugindir}/pkgima.so", NULL) : NULL;
}
