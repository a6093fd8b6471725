// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * plugin-drive PLUGIN ROOT PACKAGE...: calls a plugin's hooks as the rpm does whose version it is told (DRIVE_VERSION),
 * for packages whose files the test has unpacked beneath ROOT. For interfaces that the librpm here does not have.
 */
#include "../../rpm-plugin/abi.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rpm/header.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlib.h>

/* Those of librpm come behind these. */
__attribute__((visibility("default"))) const char *const RPMVERSION = DRIVE_VERSION;
struct rpmPlugin_s {
	void *data;
};

__attribute__((visibility("default"))) void rpmPluginSetData(rpmPlugin plugin, void *data)
{
	plugin->data = data;
}

__attribute__((visibility("default"))) void *rpmPluginGetData(rpmPlugin plugin)
{
	return plugin->data;
}

static rpmts open_run(const char *root, char **packages)
{
	rpmts ts = rpmtsCreate();

	rpmtsSetRootDir(ts, root);
	rpmtsSetFlags(ts, RPMTRANS_FLAG_NOPLUGINS);
	rpmtsSetVSFlags(ts, RPMVSF_MASK_NOSIGNATURES);
	for (; *packages; packages++) {
		FD_t fd = Fopen(*packages, "r.ufdio");
		Header header = NULL;

		if (!fd || rpmReadPackageFile(ts, fd, *packages, &header) == RPMRC_FAIL ||
		    rpmtsAddInstallElement(ts, header, NULL, 0, NULL) != 0)
			exit(3);
		headerFree(header);
		Fclose(fd);
	}
	return ts;
}

static int place_files(const struct rpmPluginHooks_s *hooks, rpmPlugin plugin, rpmte te)
{
	rpmfiles files = rpmteFiles(te);
	rpmfi fi = rpmfilesIter(files, RPMFI_ITER_FWD);
	int refused = 0;

	while (rpmfiNext(fi) >= 0) {
		const char *path = rpmfiFN(fi);
#if PLUGIN_HAS_FD
		int fd = S_ISREG(rpmfiFMode(fi)) ? open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC) : -1;

		refused += hooks->fsm_file_prepare(plugin, fi, fd, path, path, rpmfiFMode(fi), FA_CREATE) != RPMRC_OK;
		if (fd >= 0)
			close(fd);
#else
		refused += hooks->fsm_file_prepare(plugin, fi, path, path, rpmfiFMode(fi), FA_CREATE) != RPMRC_OK;
#endif
		hooks->fsm_file_post(plugin, fi, path, rpmfiFMode(fi), FA_CREATE, 0);
	}
	rpmfiFree(fi);
	rpmfilesFree(files);
	return refused;
}

int main(int argc, char **argv)
{
	struct rpmPlugin_s plugin = { 0 };
	const struct rpmPluginHooks_s *hooks;
	int here, refused = 0;
	rpmtsi iterator;
	rpmte te;
	void *handle;
	rpmts ts;

	if (argc < 4 || rpmReadConfigFiles(NULL, NULL) != 0)
		return 3;
	handle = dlopen(argv[1], RTLD_LAZY);
	hooks = handle ? dlsym(handle, "pkgima_hooks") : NULL;
	ts = open_run(argv[2], argv + 3);
	here = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!hooks || hooks->init(&plugin, ts) != RPMRC_OK || hooks->tsm_pre(&plugin, ts) != RPMRC_OK)
		return 1;
	iterator = rpmtsiInit(ts);
	while ((te = rpmtsiNext(iterator, TR_ADDED))) {
		if (chroot(argv[2]) != 0 || chdir("/") != 0)
			return 3;
		refused += hooks->psm_pre(&plugin, te) != RPMRC_OK || place_files(hooks, &plugin, te) > 0;
		hooks->psm_post(&plugin, te, 0);
		if (fchdir(here) != 0 || chroot(".") != 0)
			return 3;
	}
	rpmtsiFree(iterator);
	hooks->tsm_post(&plugin, ts, refused);
	hooks->cleanup(&plugin);
	rpmtsFree(ts);
	return refused > 0;
}
