/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PLACE_H
#define PKGIMA_PLACE_H

#include <pthread.h>
#include <sys/stat.h>

#include "ima_match.h"

/* The file systems that files were found on, by device, and what rules can ask of them. For several threads. */
struct pkgima_places {
	pthread_mutex_t lock;
	struct pkgima_places_item {
		dev_t device;
		struct pkgima_ima_place place;
		char fsname[64], fs_subtype[64];
		struct pkgima_places_item *next;
	} *items;
};
#define PKGIMA_PLACES_NONE ((struct pkgima_places){ .lock = PTHREAD_MUTEX_INITIALIZER })

/*
 * That of the file behind @fd (not O_PATH), of which @st is: magic number by fstatfs, names by /proc/self/mountinfo, the
 * UUID by ioctl or /dev/disk/by-uuid. It lasts as long as @places. NULL without memory.
 */
const struct pkgima_ima_place *pkgima_places_find(struct pkgima_places *places, int fd, const struct stat *st);
void pkgima_places_free(struct pkgima_places *places);
#define cleanup_places __attribute__((cleanup(pkgima_places_free)))

#endif
