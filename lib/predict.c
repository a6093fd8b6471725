// SPDX-License-Identifier: LGPL-2.1-or-later
#include "predict.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beneath.h"
#include "cleanup.h"
#include "list.h"
#include "parallel.h"
#include "predict_file.h"
#include "walk.h"

/* Files are collected and worked on in portions, which bounds memory. */
#define PORTION 4096

struct file {
	char *path;
	struct stat stat;
};

struct run {
	const struct pkgima_predict *predict;
	struct pkgima_predict_shared shared;
	struct pkgima_critical *critical;
	struct file portion[PORTION];
	size_t count;
	pthread_mutex_t lock;          /* guards all below */
	struct pkgima_predictions *predictions;
	bool lost;                     /* there was no memory for a prediction */
};

const char *pkgima_use_word(enum pkgima_use use)
{
	static const char *const words[] = {
#define X(name, word) word,
		PKGIMA_USES(X)
#undef X
	};

	return words[use];
}

static int add_prediction(struct pkgima_predictions *predictions, const struct pkgima_predict_file *look)
{
	struct pkgima_prediction *prediction, *list;

	list = pkgima_list_room(predictions->list, predictions->count, &predictions->capacity, sizeof(*list));
	if (!list)
		return -ENOMEM;
	predictions->list = list;
	prediction = &predictions->list[predictions->count];
	*prediction = look->prediction;
	prediction->device = look->stat->st_dev;
	prediction->inode = look->stat->st_ino;
	prediction->path = strdup(look->path);
	prediction->reason = strdup(look->reason);
	predictions->count++;
	return prediction->path && prediction->reason ? 0 : -ENOMEM;
}

static void count(struct run *run, const struct pkgima_predict_file *look)
{
	struct pkgima_predictions *predictions = run->predictions;
	const struct pkgima_prediction *prediction = &look->prediction;

	pthread_mutex_lock(&run->lock);
	predictions->files++;
	predictions->appraised += look->appraised;
	predictions->failed += prediction->failed;
	predictions->denied += prediction->denied != 0;
	predictions->undecided += prediction->undecided && !prediction->denied;
	if ((prediction->denied || prediction->undecided || prediction->relocates_text || prediction->failed) &&
	    add_prediction(predictions, look) < 0)
		run->lost = true;
	pthread_mutex_unlock(&run->lock);
}

static int look_at_file(void *context, void *state, size_t index, struct pkgima_error *error)
{
	struct run *run = context;
	const struct file *file = &run->portion[index];
	struct pkgima_predict_file look = { .shared = &run->shared, .appraiser = state, .path = file->path };
	cleanup_close int fd = -1;
	struct stat st;

	look.fd = fd = pkgima_beneath_open_file(run->predict->root_fd, file->path, &st);
	/* It went, while others use the machine. */
	if (fd == -ENOENT || fd == -EINVAL)
		return 0;
	look.stat = fd < 0 ? &file->stat : &st;
	look.prediction.category = pkgima_critical_category(run->critical, file->path, look.stat);
	if (fd < 0) {
		look.prediction.failed = true;
		snprintf(look.reason, sizeof(look.reason), "cannot open it: %s", strerror(-fd));
	} else {
		look.place = pkgima_places_find(&run->shared.places, fd, &st);
		if (!look.place)
			return pkgima_fail(error, -ENOMEM, "no memory for the file systems");
		pkgima_predict_file_look(&look);
	}
	count(run, &look);
	return 0;
}

static void *begin_thread(void *context)
{
	const struct pkgima_predict *predict = ((struct run *)context)->predict;

	return pkgima_appraiser_new(predict->trust, &predict->kernel);
}

static void end_thread(void *context, void *state)
{
	(void)context;
	pkgima_appraiser_free(state);
}

static int work_on_portion(struct run *run, struct pkgima_error *error)
{
	struct pkgima_parallel parallel = {
		.count = run->count, .batch = 8, .context = run, .begin = begin_thread, .end = end_thread, .work = look_at_file,
	};
	int r;

	r = pkgima_parallel_run(&parallel, run->predict->threads, error);
	for (size_t i = 0; i < run->count; i++)
		free(run->portion[i].path);
	run->count = 0;
	if (r == 0 && run->predict->progress)
		run->predict->progress(run->predict->context, run->predictions->files);
	return r;
}

static int take_file(void *context, const char *path, const struct stat *st, struct pkgima_error *error)
{
	struct run *run = context;
	struct file *file = &run->portion[run->count];

	file->stat = *st;
	file->path = strdup(path);
	if (!file->path)
		return pkgima_fail(error, -ENOMEM, "no memory for a path");
	return ++run->count == PORTION ? work_on_portion(run, error) : 0;
}

static void say_passed(void *context, const char *sentence)
{
	const struct run *run = context;

	if (run->predict->passed)
		run->predict->passed(run->predict->context, sentence);
}

static int compare(const void *left, const void *right)
{
	const struct pkgima_prediction *l = left, *r = right;

	if (!l->denied != !r->denied)
		return l->denied ? -1 : 1;
	if (l->category != r->category)
		return l->category < r->category ? -1 : 1;
	return strcmp(l->path, r->path);
}

static int predict_all(struct run *run, const char *const paths[], size_t count_of_paths, struct pkgima_error *error)
{
	static const char *const whole[] = { "/" };
	struct pkgima_walk walk = { .root_fd = run->predict->root_fd, .file = take_file, .passed = say_passed, .context = run };
	int r;

	r = pkgima_critical_find(walk.root_fd, &run->critical, error);
	if (r == 0)
		r = pkgima_walk_run(&walk, count_of_paths ? paths : whole, count_of_paths ? count_of_paths : 1, error);
	if (r == 0)
		r = work_on_portion(run, error);
	if (r == 0 && run->lost)
		r = pkgima_fail(error, -ENOMEM, "no memory for all that was found");
	return r;
}

int pkgima_predict_run(const struct pkgima_predict *predict, const char *const paths[], size_t count_of_paths,
		       struct pkgima_predictions *ret_predictions, struct pkgima_error *error)
{
	struct run *run = calloc(1, sizeof(*run));
	int r = -ENOMEM;

	memset(ret_predictions, 0, sizeof(*ret_predictions));
	if (!run)
		return pkgima_fail(error, -ENOMEM, "no memory for a prediction");
	run->predict = predict;
	run->predictions = ret_predictions;
	pthread_mutex_init(&run->lock, NULL);
	r = pkgima_predict_shared_init(&run->shared, predict, error);
	if (r == 0)
		r = predict_all(run, paths, count_of_paths, error);
	for (size_t i = 0; i < run->count; i++)
		free(run->portion[i].path);
	ret_predictions->compressed_modules = run->shared.compressed_modules;
	pkgima_predict_shared_free(&run->shared);
	pkgima_critical_free(run->critical);
	pthread_mutex_destroy(&run->lock);
	free(run);
	if (r < 0)
		pkgima_predictions_free(ret_predictions);
	else if (ret_predictions->count)
		qsort(ret_predictions->list, ret_predictions->count, sizeof(*ret_predictions->list), compare);
	return r;
}

void pkgima_predictions_free(struct pkgima_predictions *predictions)
{
	for (size_t i = 0; i < predictions->count; i++) {
		free(predictions->list[i].path);
		free(predictions->list[i].reason);
		free(predictions->list[i].package);
	}
	free(predictions->list);
	memset(predictions, 0, sizeof(*predictions));
}
