/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef PKGIMA_PREDICT_FILE_H
#define PKGIMA_PREDICT_FILE_H

#include <pthread.h>
#include <sys/stat.h>

#include "place.h"
#include "predict.h"
#include "script.h"
#include "subjects.h"

/* One file of a prediction: the part of lib/predict.c that asks and decides. */

/* What files have in common. For several threads. */
struct pkgima_predict_shared {
	const struct pkgima_predict *predict;
	struct pkgima_places places;
	struct pkgima_subjects subjects;
	pthread_mutex_t lock;          /* guards all below */
	/* Interpreters of scripts and loaders, and whether they can be executed. */
	struct pkgima_predict_interpreter {
		char path[PKGIMA_SCRIPT_LINE_MAX];
		bool is_loader;        /* mapped, and not executed */
		enum pkgima_ima_decision decision;
	} *interpreters;
	size_t interpreter_count;
	size_t compressed_modules;
};

/* -E2BIG: rules tell more users and groups apart than can be asked for. */
int pkgima_predict_shared_init(struct pkgima_predict_shared *shared, const struct pkgima_predict *predict,
			       struct pkgima_error *error);
void pkgima_predict_shared_free(struct pkgima_predict_shared *shared);

/* A file is asked for in a few ways, by users that rules tell apart. */
#define PKGIMA_PREDICT_PASSED_MAX 32

/* What is found about one file, by one thread. */
struct pkgima_predict_file {
	struct pkgima_predict_shared *shared;
	struct pkgima_appraiser *appraiser;
	const char *path;
	int fd;                        /* opened for reading */
	const struct stat *stat;
	const struct pkgima_ima_place *place;
	bool has_facts;
	struct pkgima_ima_facts facts;
	bool appraised;                /* in some way */
	/* Uses that pass, and what rules have asked of the file altogether. */
	struct passed { enum pkgima_use use; struct pkgima_ima_demand demand; } passed[PKGIMA_PREDICT_PASSED_MAX];
	size_t passed_count;
	uint32_t lasting;
	const struct pkgima_ima_rule *strict; /* that wants a signature */
	struct pkgima_prediction prediction;  /* without path and reason */
	char reason[512];
};

/* Asks for all that can be done with the file: fills in all from has_facts on, which is zeroed. */
void pkgima_predict_file_look(struct pkgima_predict_file *file);

#endif
