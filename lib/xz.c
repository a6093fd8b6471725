// SPDX-License-Identifier: LGPL-2.1-or-later
#include "xz.h"

#include <errno.h>
#include <lzma.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "xz_decoder.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* What is decoded, and given to the caller, at once: still in the second-level cache when the caller hashes it. */
#define CHUNK_SIZE (256 * KIB)
/* Enough for tens of thousands of blocks; a larger index only means one thread. */
#define INDEX_MEMORY_LIMIT ((uint64_t)1 * MIB)
#define BLOCK_MAX ((uint64_t)32 * MIB)
/* One block at the default level. With two dictionaries of BLOCK_MAX this stays within 64 MiB plus one dictionary. */
#define RING_MIN ((uint64_t)1 * MIB)
#define RING_MAX ((uint64_t)24 * MIB)

/*
 * Who decodes which block. Each thread steps through a copy of its own and comes to the same answers, as they depend on
 * nothing but the index.
 */
struct schedule {
	lzma_index_iter blocks;
	uint64_t work;            /* what the caller's thread decodes since the last block of the helper */
	uint64_t helped;          /* blocks of the helper so far, this one included */
	bool helpers;             /* this one is the helper's */
};

/*
 * The helper decodes its blocks ahead of the caller into a ring of bytes. @lock guards all between it and @ring; the
 * bytes of the ring belong to the caller's thread from @head to @tail and to the helper otherwise.
 */
struct helper {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t head, tail;      /* bytes ever consumed and ever produced */
	uint64_t verified;        /* blocks decoded to their end, their check included */
	int result;               /* -errno that ended the helper */
	bool stop;
	uint8_t *ring;
	size_t size;
	struct schedule schedule;
	struct pkgima_xz_decoder decoder;
	struct pkgima_error error;
};

struct pkgima_xz {
	struct pkgima_xz_decoder decoder;
	uint8_t *output;          /* CHUNK_SIZE bytes */
	int result;               /* sticky: 1 at the end, or -errno */
	struct pkgima_error error;

	/* Only with a helper: */
	lzma_index *index;
	struct schedule schedule;
	bool inside;              /* a block was begun */
	uint64_t left;            /* bytes of it to come, if it is the helper's */
	size_t lent;              /* bytes of the ring that the caller holds */
	struct helper helper;
};

/* About how long a block takes: most of it goes with the compressed size. */
static uint64_t block_cost(const lzma_index_iter *blocks)
{
	return blocks->block.total_size + blocks->block.uncompressed_size / 16;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/*
 * Goes to the next block; returns false behind the last. As the ring holds about one large block, both threads are
 * kept at work when the caller has as much to do before it comes to a block of the helper as that block takes. Of equal
 * blocks each thread decodes every second one.
 */
static bool schedule_next(struct schedule *schedule)
{
	uint64_t cost, work = schedule->work;
	lzma_index_iter next;

	if (lzma_index_iter_next(&schedule->blocks, LZMA_INDEX_ITER_BLOCK))
		return false;
	cost = block_cost(&schedule->blocks);
	next = schedule->blocks;
	if (lzma_index_iter_next(&next, LZMA_INDEX_ITER_BLOCK))
		schedule->helpers = work > 0;
	else
		schedule->helpers = schedule->blocks.block.number_in_file > 1 &&
				    distance(work, cost) <= distance(work + cost, block_cost(&next));
	schedule->work = schedule->helpers ? 0 : work + cost;
	schedule->helped += schedule->helpers;
	return true;
}

static void schedule_init(struct schedule *schedule, const lzma_index *index)
{
	*schedule = (struct schedule){ .helped = 0 };
	lzma_index_iter_init(&schedule->blocks, index);
}

/* Waits for room in the ring, if @left bytes are to come, and gives it. Returns false when the helper shall stop. */
static bool helper_wait_for_room(struct helper *helper, uint64_t left, uint8_t **ret_room, size_t *ret_count)
{
	uint64_t count;
	size_t at;
	bool stop;

	pthread_mutex_lock(&helper->lock);
	while (!helper->stop && left && helper->tail - helper->head == helper->size)
		pthread_cond_wait(&helper->changed, &helper->lock);
	at = helper->tail % helper->size;
	count = helper->size - (helper->tail - helper->head);
	stop = helper->stop;
	pthread_mutex_unlock(&helper->lock);

	if (count > helper->size - at)
		count = helper->size - at;
	if (count > CHUNK_SIZE)
		count = CHUNK_SIZE;
	*ret_room = helper->ring + at;
	*ret_count = count < left ? count : left;
	return !stop;
}

/* Decodes the block the helper stands at into the ring. */
static int helper_decode_block(struct helper *helper)
{
	uint64_t left = helper->schedule.blocks.block.uncompressed_size;
	uint8_t *room;
	size_t count;
	int r;

	r = pkgima_xz_decoder_open_block(&helper->decoder, &helper->schedule.blocks, &helper->error);
	while (r == 0) {
		if (!helper_wait_for_room(helper, left, &room, &count))
			return -ECANCELED;
		r = pkgima_xz_decoder_run(&helper->decoder, room, count, &count, &helper->error);
		if (r < 0)
			break;
		left -= count;
		pthread_mutex_lock(&helper->lock);
		helper->tail += count;
		helper->verified += (uint64_t)r;
		pthread_cond_signal(&helper->changed);
		pthread_mutex_unlock(&helper->lock);
	}
	return r < 0 ? r : 0;
}

static void *helper_main(void *argument)
{
	struct helper *helper = argument;
	int r = 0;

	while (r == 0 && schedule_next(&helper->schedule)) {
		if (helper->schedule.helpers)
			r = helper_decode_block(helper);
	}
	pthread_mutex_lock(&helper->lock);
	helper->result = r;
	pthread_cond_signal(&helper->changed);
	pthread_mutex_unlock(&helper->lock);
	return NULL;
}

/* Starts the helper on its blocks of @index. Returns -errno, with no text, when there is too little of something. */
static int helper_start(struct helper *helper, const struct pkgima_xz_decoder *source, const lzma_index *index,
			size_t size)
{
	sigset_t all, before;
	int r;

	r = pkgima_xz_decoder_init(&helper->decoder, source->fd, source->offset, source->end);
	if (r < 0)
		return r;
	helper->size = size;
	helper->ring = malloc(size);
	if (!helper->ring)
		return -ENOMEM;
	schedule_init(&helper->schedule, index);
	pthread_mutex_init(&helper->lock, NULL);
	pthread_cond_init(&helper->changed, NULL);
	/* The program's signals are not for a thread it does not know. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&helper->thread, NULL, helper_main, helper);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	helper->running = r == 0;
	if (r == 0)
		return 0;
	pthread_cond_destroy(&helper->changed);
	pthread_mutex_destroy(&helper->lock);
	return -r;
}

/*
 * Takes back @lent bytes of the ring, waits for more, and gives up to @left of it. With @left 0 it waits until the
 * check of the helper's @helped-th block was verified, and returns 0.
 */
static ssize_t helper_take(struct helper *helper, size_t lent, uint64_t left, uint64_t helped, const void **ret_data)
{
	uint64_t count;
	size_t at;
	bool ready;
	int result;

	pthread_mutex_lock(&helper->lock);
	helper->head += lent;
	pthread_cond_signal(&helper->changed);
	for (;;) {
		count = helper->tail - helper->head;
		ready = left ? count > 0 : helper->verified >= helped;
		if (ready || helper->result)
			break;
		pthread_cond_wait(&helper->changed, &helper->lock);
	}
	at = helper->head % helper->size;
	result = ready ? 0 : helper->result;
	pthread_mutex_unlock(&helper->lock);

	if (result < 0)
		return result;
	if (count > left)
		count = left;
	if (count > helper->size - at)
		count = helper->size - at;
	if (count > CHUNK_SIZE)
		count = CHUNK_SIZE;
	*ret_data = helper->ring + at;
	return (ssize_t)count;
}

static void helper_stop(struct helper *helper)
{
	if (!helper->running)
		return;
	pthread_mutex_lock(&helper->lock);
	helper->stop = true;
	pthread_cond_signal(&helper->changed);
	pthread_mutex_unlock(&helper->lock);
	pthread_join(helper->thread, NULL);
	pthread_cond_destroy(&helper->changed);
	pthread_mutex_destroy(&helper->lock);
	helper->running = false;
}

static void helper_release(struct helper *helper)
{
	helper_stop(helper);
	pkgima_xz_decoder_release(&helper->decoder);
	free(helper->ring);
	helper->ring = NULL;
}

/* Reads the index at the end. Returns 0 and NULL when there is none that helps: what is wrong is found by decoding. */
static int read_index(struct pkgima_xz_decoder *decoder, lzma_index **ret_index, struct pkgima_error *error)
{
	lzma_index *index = NULL;
	lzma_ret code;
	int r;

	code = lzma_file_info_decoder(&decoder->stream, &index, INDEX_MEMORY_LIMIT, decoder->end);
	if (code != LZMA_OK)
		return pkgima_xz_decoder_fail(decoder, code, error);
	do {
		r = pkgima_xz_decoder_step(decoder, &code, error);
		if (r < 0)
			return r;
		if (code == LZMA_SEEK_NEEDED) {
			pkgima_xz_decoder_seek(decoder, decoder->stream.seek_pos, decoder->end);
			code = LZMA_OK;
		}
	} while (code == LZMA_OK);
	*ret_index = code == LZMA_STREAM_END ? index : NULL;
	return 0;
}

/* Tells whether two threads can share the blocks, and how large a ring they need. */
static bool can_be_shared(const lzma_index *index, size_t *ret_size)
{
	lzma_index_iter blocks;
	uint64_t largest = RING_MIN;

	if (lzma_index_stream_count(index) != 1 || lzma_index_block_count(index) < 2)
		return false;
	lzma_index_iter_init(&blocks, index);
	while (!lzma_index_iter_next(&blocks, LZMA_INDEX_ITER_BLOCK)) {
		if (!lzma_check_is_supported(blocks.stream.flags->check) || blocks.stream.padding)
			return false;
		if (blocks.block.uncompressed_size > BLOCK_MAX)
			return false;
		if (blocks.block.uncompressed_size > largest)
			largest = blocks.block.uncompressed_size;
	}
	*ret_size = largest < RING_MAX ? largest : RING_MAX;
	return true;
}

/* Starts the helper where that is of use; where it is not, or for lack of memory or threads, the caller goes alone. */
static int try_two_threads(struct pkgima_xz *xz, struct pkgima_error *error)
{
	lzma_index *index = NULL;
	size_t size;
	int r;

	r = read_index(&xz->decoder, &index, error);
	if (r < 0)
		return r;
	if (index && can_be_shared(index, &size) && !helper_start(&xz->helper, &xz->decoder, index, size)) {
		schedule_init(&xz->schedule, index);
		xz->index = index;
		return 0;
	}
	helper_release(&xz->helper);
	lzma_index_end(index, NULL);
	return 0;
}

int pkgima_xz_open(int fd, off_t offset, uint64_t length, unsigned int threads, struct pkgima_xz **ret_xz,
		   struct pkgima_error *error)
{
	cleanup_xz struct pkgima_xz *xz = NULL;
	lzma_ret code;
	int r;

	if (offset < 0 || length > (uint64_t)(INT64_MAX - offset))
		return pkgima_fail(error, -EINVAL, "reading .xz data: no file has such a range");
	xz = calloc(1, sizeof(*xz));
	if (!xz || pkgima_xz_decoder_init(&xz->decoder, fd, offset, length) < 0)
		return pkgima_fail(error, -ENOMEM, "decompressing .xz data: out of memory");
	xz->output = malloc(CHUNK_SIZE);
	if (!xz->output)
		return pkgima_fail(error, -ENOMEM, "decompressing .xz data: out of memory");
	if (threads >= 2) {
		r = try_two_threads(xz, error);
		if (r < 0)
			return r;
	}
	if (!xz->index) {
		pkgima_xz_decoder_seek(&xz->decoder, 0, length);
		code = lzma_stream_decoder(&xz->decoder.stream, PKGIMA_XZ_MEMORY_LIMIT, LZMA_TELL_UNSUPPORTED_CHECK);
		if (code != LZMA_OK)
			return pkgima_xz_decoder_fail(&xz->decoder, code, error);
	}
	*ret_xz = pkgima_steal_pointer(&xz);
	return 0;
}

/* Goes to the next block; if it is not the helper's, it is begun. Returns 1, or 0 at the end. */
static int next_block(struct pkgima_xz *xz, struct pkgima_error *error)
{
	int r;

	if (!schedule_next(&xz->schedule))
		return 0;
	xz->left = xz->schedule.blocks.block.uncompressed_size;
	if (!xz->schedule.helpers) {
		r = pkgima_xz_decoder_open_block(&xz->decoder, &xz->schedule.blocks, error);
		if (r < 0)
			return r;
	}
	xz->inside = true;
	return 1;
}

static ssize_t read_helpers_block(struct pkgima_xz *xz, const void **ret_data, struct pkgima_error *error)
{
	ssize_t count;

	count = helper_take(&xz->helper, xz->lent, xz->left, xz->schedule.helped, ret_data);
	if (count < 0) {
		/* The helper has ended, and its last locked section was before ours. */
		if (error)
			*error = xz->helper.error;
		return count;
	}
	xz->inside = xz->left > 0;
	xz->left -= (uint64_t)count;
	xz->lent = (size_t)count;
	return count;
}

static ssize_t read_own(struct pkgima_xz *xz, const void **ret_data, bool *ret_end, struct pkgima_error *error)
{
	size_t count;
	int r;

	r = pkgima_xz_decoder_run(&xz->decoder, xz->output, CHUNK_SIZE, &count, error);
	if (r < 0)
		return r;
	*ret_end = r == 1;
	*ret_data = xz->output;
	return (ssize_t)count;
}

static ssize_t read_blocks(struct pkgima_xz *xz, const void **ret_data, struct pkgima_error *error)
{
	ssize_t count = 0;
	bool end;
	int r;

	while (!count) {
		if (!xz->inside) {
			r = next_block(xz, error);
			if (r <= 0)
				return r;
		}
		if (xz->schedule.helpers) {
			count = read_helpers_block(xz, ret_data, error);
		} else {
			count = read_own(xz, ret_data, &end, error);
			xz->inside = count < 0 || !end;
		}
	}
	return count;
}

/* Programs differ in whether they go on with another stream: there has to be none, and no padding. */
static int check_end(const struct pkgima_xz_decoder *decoder, struct pkgima_error *error)
{
	if (decoder->stream.avail_in || decoder->position < decoder->end)
		return pkgima_fail(error, -EINVAL, "there is something behind the .xz data");
	return 1;
}

ssize_t pkgima_xz_read(struct pkgima_xz *xz, const void **ret_data, struct pkgima_error *error)
{
	ssize_t count = 0;
	bool end = false;

	if (!xz->result) {
		count = xz->index ? read_blocks(xz, ret_data, &xz->error) : read_own(xz, ret_data, &end, &xz->error);
		if (count < 0)
			xz->result = (int)count;
		else if (end || !count)
			xz->result = xz->index ? 1 : check_end(&xz->decoder, &xz->error);
	}
	if (xz->result < 0 && error)
		*error = xz->error;
	return xz->result < 0 ? xz->result : count;
}

void pkgima_xz_free(struct pkgima_xz *xz)
{
	if (!xz)
		return;
	helper_release(&xz->helper);
	pkgima_xz_decoder_release(&xz->decoder);
	lzma_index_end(xz->index, NULL);
	free(xz->output);
	free(xz);
}
