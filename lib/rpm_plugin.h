/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_RPM_PLUGIN_H
#define PKGIMA_RPM_PLUGIN_H

/*
 * Where librpm, as it is configured here, looks for our plugin; the caller's, to be freed. NULL: it is not told to load it,
 * that is, the plugin is not installed.
 */
char *pkgima_rpm_plugin_path(void);

#endif
