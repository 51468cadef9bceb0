/* SPDX-License-Identifier: MIT */
#include "raw_reader.h"

#include "bench.h"
#include "base/clock.h"
#include "base/cache_flush.h"
#include "ring/record_read.h"

#define REST_NS 100000u /* as in follow.c */

/* The benchmark neither resizes nor rotates: there is one segment. */
static const struct fnt_segment *
segment_of(const struct raw_reader *raw)
{
	return &fnt_view_segments(&raw->reader->region.view, FNT_RING_MAIN)->at[0];
}

static void
load_cell(const struct raw_reader *raw, const struct fnt_segment *segment,
	  uint64_t ticket)
{
	const struct fnt_cell *cell =
		&segment->cells[(ticket - segment->first) % segment->cell_count];
	const fnt_word *words = (const fnt_word *)cell;

	for (size_t i = 0; i < FNT_CELL_BYTES / sizeof(*words);
	     i += 64 / sizeof(*words))
		(void)atomic_load_explicit(&words[i], memory_order_relaxed);
	if (raw->evicts)
		fnt_cache_flush(cell, FNT_CELL_BYTES);
}

/* Every ticket below is written or will stay unused, by what the lanes say. */
static uint64_t
committed(const struct fnt_view *view)
{
	uint64_t low = fnt_ring_cursor(view, FNT_RING_MAIN);

	for (uint32_t i = 0; i < view->lane_count; i++) {
		uint64_t own = atomic_load_explicit(
			&view->lanes[i].rings[FNT_RING_MAIN].low, memory_order_relaxed);

		if (own && own < low)
			low = own;
	}
	return low;
}

void
raw_reader_follow(struct raw_reader *raw)
{
	const struct fnt_segment *segment = segment_of(raw);
	uint64_t until;

	while (bench_clock(CLOCK_MONOTONIC) - raw->looked_at < REST_NS)
		fnt_cpu_relax();
	raw->looked_at = bench_clock(CLOCK_MONOTONIC);
	until = committed(&raw->reader->region.view);
	if (!raw->position)
		raw->position = until;
	if (raw->position + segment->cell_count < until)
		raw->position = until - segment->cell_count + segment->cell_count / 16;
	while (raw->position < until)
		load_cell(raw, segment, raw->position++);
}

void
raw_reader_scan(struct raw_reader *raw)
{
	const struct fnt_segment *segment = segment_of(raw);
	uint64_t end = committed(&raw->reader->region.view);
	uint64_t begin = end - segment->first > segment->cell_count
				 ? end - segment->cell_count
				 : segment->first;
	uint64_t next = bench_clock(CLOCK_MONOTONIC);

	while (end > begin) {
		load_cell(raw, segment, --end);
		next += raw->cell_ns;
		while (raw->cell_ns && bench_clock(CLOCK_MONOTONIC) < next)
			fnt_cpu_relax();
	}
}
