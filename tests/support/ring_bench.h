/* SPDX-License-Identifier: MIT
 *
 * ring_bench.h: a ring under test, in a region of its own. Writers hold their claims
 * for as long as a test likes. Each word of a record is determined by its place, so
 * that a torn record is detected.
 */
#ifndef FNT_TEST_RING_BENCH_H
#define FNT_TEST_RING_BENCH_H

#include "fixture.h"

#include "region/region.h"
#include "ring/record_read.h"
#include "ring/ring.h"
#include "settings/first_settings.h"
#include "base/shm_words.h"

#define WRITERS 4

struct bench {
	struct fnt_region region;
	struct fnt_view *view;
	struct fnt_ring_head *head;
	const struct fnt_segments *segments;
	const struct fnt_segment *segment;
	struct fnt_ring_writer writers[WRITERS];
	uint64_t now;
	unsigned round; /* alternates between the fast and the slow path */
};

/* Make a ring whose next ticket is `start` and whose cells are all of the lap before.
 */
static inline struct bench *
make_bench(uint64_t start, bool ordered)
{
	struct fnt_options options = {.size_bytes = 2 * SMALLEST,
				      .kept_percent = FNT_KEPT_NONE,
				      .flags = ordered ? FNT_ORDERED : 0};
	struct bench *bench = calloc(1, sizeof(*bench));

	MUST(!fnt_region_open(&bench->region, NULL, &options,
			      fnt_first_settings_write));
	bench->view = &bench->region.view;
	bench->head = &bench->view->rings[FNT_RING_MAIN];
	bench->segments = fnt_view_segments(bench->view, FNT_RING_MAIN);
	bench->segment = &bench->segments->at[0];
	if (start) {
		uint64_t cells = bench->segment->cell_count;

		atomic_store(&bench->head->cursor, start);
		for (uint64_t t = start - cells; t < start; t++)
			atomic_store(&bench->segment->cells[t % cells].state,
				     fnt_cell_state(t / cells, 0, FNT_CELL_PAD, 0));
	}
	for (uint32_t i = 0; i < WRITERS; i++)
		fnt_ring_writer_init(&bench->writers[i], bench->view, i);
	return bench;
}

static inline void
free_bench(struct bench *bench)
{
	fnt_region_close(&bench->region);
	free(bench);
}

static inline struct fnt_ring_handle *
handle_of(struct bench *bench, uint32_t writer)
{
	return &bench->writers[writer].handles[FNT_RING_MAIN];
}

static inline bool
take(struct bench *bench, uint32_t writer, uint32_t count, struct fnt_claim *claim)
{
	struct fnt_ring_handle *handle = handle_of(bench, writer);

	if (bench->round++ % 2 && fnt_ring_claim_fast(handle, count, bench->now, claim))
		return true;
	return fnt_ring_claim_slow(handle_of(bench, writer), count, bench->now,
				   claim) == FNT_CLAIMED;
}

static inline bool
take_at_0(struct bench *bench, uint32_t writer, uint32_t count, struct fnt_claim *claim)
{
	return fnt_ring_claim_slow(handle_of(bench, writer), count, 0, claim) ==
	       FNT_CLAIMED;
}

/* Word `i` of record `number`. */
static inline uint64_t
word_of(uint64_t number, uint64_t i)
{
	return number * 0x9e3779b97f4a7c15u ^ i;
}

static inline void
write_claim(struct bench *bench, uint32_t writer, const struct fnt_claim *claim,
	    uint64_t number)
{
	struct fnt_record record = {
		.uid = number,
		.lane = (uint16_t)writer,
		.outcome = FNT_OK,
		.payload_bytes = FNT_HEAD_BYTES + (claim->count - 1) * FNT_MORE_BYTES,
		.seq = fnt_ring_next_seq(handle_of(bench, writer)),
	};
	uint64_t n = 0;

	for (uint32_t i = 0; i < claim->count; i++) {
		struct fnt_cell *cell =
			fnt_ring_claim_cell(&bench->writers[0].handles[0], claim, i);

		for (uint32_t w = i ? 0 : FNT_RECORD_WORDS; w < FNT_CELL_WORDS; w++)
			atomic_store(&cell->words[w], word_of(number, n++));
		if (!i)
			fnt_words_store(cell->words, &record, sizeof(record));
	}
}

static inline void
commit_claim(struct bench *bench, uint32_t writer, const struct fnt_claim *claim)
{
	struct fnt_ring_handle *handle = handle_of(bench, writer);

	fnt_ring_commit(handle, claim, fnt_ring_next_seq(handle));
}

static inline uint64_t
write_record(struct bench *bench, uint32_t writer, uint32_t count, uint64_t number)
{
	struct fnt_claim claim;

	bench->now += 1000;
	MUST(take(bench, writer, count, &claim));
	write_claim(bench, writer, &claim, number);
	commit_claim(bench, writer, &claim);
	return claim.ticket;
}

/* Read what is at `ticket`. A record must be whole. */
static inline enum fnt_read_result
look(struct bench *bench, uint64_t ticket, uint64_t *number)
{
	struct fnt_record_copy raw = {.payload = NULL};
	enum fnt_read_result is =
		fnt_record_read(bench->view, FNT_RING_MAIN, ticket, &raw);

	if (is == FNT_READ_RECORD) {
		*number = raw.head.uid;
		for (uint32_t i = 0; i < raw.head.payload_bytes / 8; i++) {
			uint64_t word;

			memcpy(&word, raw.payload + i * 8, 8);
			MUST(word == word_of(raw.head.uid, i));
		}
	}
	fnt_record_copy_free(&raw);
	return is;
}

#endif
