// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rpm_plugin.h"

#include <stdbool.h>
#include <stdlib.h>

#include <rpm/rpmlib.h>
#include <rpm/rpmmacro.h>

#include "cleanup.h"
#include "rpm_log.h"

/* Where librpm is installed without rpm there is no configuration, and librpm would print that. */
static bool read_configuration(void)
{
	struct pkgima_rpm_log log;
	int r;

	pkgima_rpm_log_begin(&log);
	r = rpmReadConfigFiles(NULL, NULL);
	pkgima_rpm_log_end();
	return r == 0;
}

char *pkgima_rpm_plugin_path(void)
{
	cleanup_free char *setting = NULL;

	if (!read_configuration())
		return NULL;
	setting = rpmExpand("%{?__transaction_pkgima}", NULL);
	/* Plugins are what lies in this folder, whatever path the setting has: rpmtsSetupTransactionPlugins() of librpm. */
	return setting && *setting ? rpmExpand("%{__plugindir}/pkgima.so", NULL) : NULL;
}
