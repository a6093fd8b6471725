// SPDX-License-Identifier: LGPL-2.1-or-later
#include "xz.h"

#include <errno.h>
#include <inttypes.h>
#include <lzma.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

/* What one pread asks for; more than the largest block header, which is parsed in place. */
#define INPUT_SIZE (64 * KIB)
/* What is decoded, and given to the caller, at once: still in the second-level cache when the caller hashes it. */
#define CHUNK_SIZE (256 * KIB)
/* As in libarchive: the xz tool's largest preset takes 65 MiB. */
#define MEMORY_LIMIT ((uint64_t)1024 * MIB)
/* Enough for tens of thousands of blocks; a larger index only means one thread. */
#define INDEX_MEMORY_LIMIT ((uint64_t)1 * MIB)
#define BLOCK_MAX ((uint64_t)32 * MIB)
/* One block at the default level. With two dictionaries of BLOCK_MAX this stays within 64 MiB plus one dictionary. */
#define RING_MIN ((uint64_t)1 * MIB)
#define RING_MAX ((uint64_t)24 * MIB)

_Static_assert(INPUT_SIZE >= LZMA_BLOCK_HEADER_SIZE_MAX, "a block header must fit into the input buffer");

/* One liblzma coder and the part of the file it reads. */
struct decoder {
	int fd;
	off_t offset;             /* of the .xz data within the file */
	uint64_t position, end;   /* what is not yet in @input, within the .xz data */
	lzma_stream stream;
	uint8_t *input;           /* INPUT_SIZE bytes */
	lzma_block block;         /* liblzma refers to it while it decodes a block */
};

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
	struct decoder decoder;
	struct pkgima_error error;
};

struct pkgima_xz {
	struct decoder decoder;
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

static int memory_exceeded(uint64_t needed, struct pkgima_error *error)
{
	return pkgima_fail(error, -EFBIG,
			   "decompressing .xz data: memory limit exceeded: %" PRIu64 " MiB needed, %" PRIu64
			   " MiB allowed", needed / MIB + (needed % MIB != 0), MEMORY_LIMIT / MIB);
}

static int decoding_failed(struct decoder *decoder, lzma_ret code, struct pkgima_error *error)
{
	switch (code) {
	case LZMA_MEM_ERROR:
		return pkgima_fail(error, -ENOMEM, "decompressing .xz data: out of memory");
	case LZMA_MEMLIMIT_ERROR:
		return memory_exceeded(lzma_memusage(&decoder->stream), error);
	case LZMA_BUF_ERROR:
		return pkgima_fail(error, -ENODATA, "decompressing .xz data: truncated: its end is missing");
	case LZMA_FORMAT_ERROR:
		return pkgima_fail(error, -EBADMSG, "decompressing .xz data: corrupt: it does not begin as .xz does");
	case LZMA_DATA_ERROR:
		return pkgima_fail(error, -EBADMSG, "decompressing .xz data: corrupt");
	case LZMA_OPTIONS_ERROR:
		return pkgima_fail(error, -EOPNOTSUPP, "decompressing .xz data: unsupported filter or option");
	case LZMA_UNSUPPORTED_CHECK:
		return pkgima_fail(error, -EOPNOTSUPP, "decompressing .xz data: unsupported kind of integrity check");
	default:
		return pkgima_fail(error, -EIO, "decompressing .xz data: unexpected answer %d of liblzma", (int)code);
	}
}

static int decoder_init(struct decoder *decoder, int fd, off_t offset, uint64_t length)
{
	decoder->fd = fd;
	decoder->offset = offset;
	decoder->end = length;
	decoder->stream = (lzma_stream)LZMA_STREAM_INIT;
	decoder->input = malloc(INPUT_SIZE);
	return decoder->input ? 0 : -ENOMEM;
}

static void decoder_release(struct decoder *decoder)
{
	lzma_end(&decoder->stream);
	free(decoder->input);
	decoder->input = NULL;
}

static void decoder_seek(struct decoder *decoder, uint64_t position, uint64_t end)
{
	decoder->position = position;
	decoder->end = end;
	decoder->stream.avail_in = 0;
}

static int decoder_fill(struct decoder *decoder, struct pkgima_error *error)
{
	uint64_t left = decoder->end - decoder->position;
	size_t count = left < INPUT_SIZE ? left : INPUT_SIZE;
	ssize_t got;

	got = pkgima_pread_all(decoder->fd, decoder->input, count, decoder->offset + (off_t)decoder->position);
	if (got < 0)
		return pkgima_fail(error, (int)got, "reading .xz data: %s", strerror((int)-got));
	if ((size_t)got < count)
		return pkgima_fail(error, -ENODATA, "reading .xz data: truncated: the file ends within it");
	decoder->position += count;
	decoder->stream.next_in = decoder->input;
	decoder->stream.avail_in = count;
	return 0;
}

/* lzma_code() with more input when needed; *@ret_code is its answer. Returns -errno when the input cannot be read. */
static int decoder_step(struct decoder *decoder, lzma_ret *ret_code, struct pkgima_error *error)
{
	int r;

	if (!decoder->stream.avail_in && decoder->position < decoder->end) {
		r = decoder_fill(decoder, error);
		if (r < 0)
			return r;
	}
	*ret_code = lzma_code(&decoder->stream, decoder->position == decoder->end ? LZMA_FINISH : LZMA_RUN);
	return 0;
}

/*
 * Decodes until @size bytes are in @output or the end is reached. Returns 1 at the end, 0 before. @size may be 0, to go
 * on to the end when no more output is expected: each call either gets closer to it or fails.
 */
static int decoder_run(struct decoder *decoder, uint8_t *output, size_t size, size_t *ret_count,
		       struct pkgima_error *error)
{
	lzma_ret code;
	int r;

	decoder->stream.next_out = output;
	decoder->stream.avail_out = size;
	do {
		r = decoder_step(decoder, &code, error);
		if (r < 0)
			return r;
	} while (code == LZMA_OK && decoder->stream.avail_out);
	if (code != LZMA_OK && code != LZMA_STREAM_END)
		return decoding_failed(decoder, code, error);
	*ret_count = size - decoder->stream.avail_out;
	return code == LZMA_STREAM_END;
}

/*
 * Starts the decoder of a block whose header has been parsed. A dictionary is never larger than what it can be filled
 * with, so that a header cannot ask for much; what the sequential decoder would refuse is refused here, too.
 */
static int decoder_start_block(struct decoder *decoder, const lzma_filter *filters, struct pkgima_error *error)
{
	uint64_t needed = lzma_raw_decoder_memusage(filters);
	lzma_options_lzma *options;
	lzma_ret code;

	if (needed != UINT64_MAX && needed > MEMORY_LIMIT)
		return memory_exceeded(needed, error);
	for (; filters->id != LZMA_VLI_UNKNOWN; filters++) {
		if (filters->id != LZMA_FILTER_LZMA2)
			continue;
		options = filters->options;
		if (options->dict_size > decoder->block.uncompressed_size)
			options->dict_size = (uint32_t)decoder->block.uncompressed_size;
		if (options->dict_size < LZMA_DICT_SIZE_MIN)
			options->dict_size = LZMA_DICT_SIZE_MIN;
	}
	code = lzma_block_decoder(&decoder->stream, &decoder->block);
	return code == LZMA_OK ? 0 : decoding_failed(decoder, code, error);
}

/* Goes to the block that @blocks stands at and parses its header, which must agree with the index. */
static int decoder_open_block(struct decoder *decoder, const lzma_index_iter *blocks, struct pkgima_error *error)
{
	lzma_filter filters[LZMA_FILTERS_MAX + 1];
	lzma_block *block = &decoder->block;
	uint64_t start = blocks->block.compressed_file_offset;
	lzma_ret code;
	int r;

	decoder_seek(decoder, start, start + blocks->block.total_size);
	r = decoder_fill(decoder, error);
	if (r < 0)
		return r;
	*block = (lzma_block){ .version = 1, .check = blocks->stream.flags->check, .filters = filters };
	block->header_size = lzma_block_header_size_decode(decoder->input[0]);
	if (!decoder->input[0] || block->header_size > decoder->stream.avail_in)
		return decoding_failed(decoder, LZMA_DATA_ERROR, error);
	code = lzma_block_header_decode(block, NULL, decoder->input);
	if (code != LZMA_OK)
		return decoding_failed(decoder, code, error);
	code = lzma_block_compressed_size(block, blocks->block.unpadded_size);
	if (block->uncompressed_size == LZMA_VLI_UNKNOWN)
		block->uncompressed_size = blocks->block.uncompressed_size;
	if (block->uncompressed_size != blocks->block.uncompressed_size)
		code = LZMA_DATA_ERROR;
	decoder->stream.next_in += block->header_size;
	decoder->stream.avail_in -= block->header_size;
	r = code == LZMA_OK ? decoder_start_block(decoder, filters, error) : decoding_failed(decoder, code, error);
	lzma_filters_free(filters, NULL);
	block->filters = NULL;
	return r;
}

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

	r = decoder_open_block(&helper->decoder, &helper->schedule.blocks, &helper->error);
	while (r == 0) {
		if (!helper_wait_for_room(helper, left, &room, &count))
			return -ECANCELED;
		r = decoder_run(&helper->decoder, room, count, &count, &helper->error);
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
static int helper_start(struct helper *helper, const struct decoder *source, const lzma_index *index, size_t size)
{
	sigset_t all, before;
	int r;

	r = decoder_init(&helper->decoder, source->fd, source->offset, source->end);
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
	decoder_release(&helper->decoder);
	free(helper->ring);
	helper->ring = NULL;
}

/* Reads the index at the end. Returns 0 and NULL when there is none that helps: what is wrong is found by decoding. */
static int read_index(struct decoder *decoder, lzma_index **ret_index, struct pkgima_error *error)
{
	lzma_index *index = NULL;
	lzma_ret code;
	int r;

	code = lzma_file_info_decoder(&decoder->stream, &index, INDEX_MEMORY_LIMIT, decoder->end);
	if (code != LZMA_OK)
		return decoding_failed(decoder, code, error);
	do {
		r = decoder_step(decoder, &code, error);
		if (r < 0)
			return r;
		if (code == LZMA_SEEK_NEEDED) {
			decoder_seek(decoder, decoder->stream.seek_pos, decoder->end);
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
	if (!xz || decoder_init(&xz->decoder, fd, offset, length) < 0)
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
		decoder_seek(&xz->decoder, 0, length);
		code = lzma_stream_decoder(&xz->decoder.stream, MEMORY_LIMIT, LZMA_TELL_UNSUPPORTED_CHECK);
		if (code != LZMA_OK)
			return decoding_failed(&xz->decoder, code, error);
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
		r = decoder_open_block(&xz->decoder, &xz->schedule.blocks, error);
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

	r = decoder_run(&xz->decoder, xz->output, CHUNK_SIZE, &count, error);
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
static int check_end(const struct decoder *decoder, struct pkgima_error *error)
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
	decoder_release(&xz->decoder);
	lzma_index_end(xz->index, NULL);
	free(xz->output);
	free(xz);
}
