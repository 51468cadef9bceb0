/* SPDX-License-Identifier: MIT */
#include "metrics/count.h"

#include "metrics/count_ops.h"

#include <stdlib.h>

/* Odd factors that a small cache tries, so that no two functions share an entry. */
#define FACTORS_TRIED 32u
#define FACTOR_FIRST 0x9e3779b1u

/* ---- rows ---------------------------------------------------------------------- */

void
fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view, uint32_t lane)
{
	meter->view = view;
	meter->fns = meter->few_fns;
	meter->fns_factor = FACTOR_FIRST;
	meter->fns_mask = (FNT_FNS_FEW - 1) << FNT_FN_CACHE_BITS;
	meter->ops = meter->few_ops;
	meter->ops_mask = FNT_OPS_FEW - 1;
	meter->may_grow = false;
	fnt_meter_set_lane(meter, lane);
}

void
fnt_meter_fini(struct fnt_meter *meter)
{
	if (meter->fns != meter->few_fns)
		free(meter->fns);
	if (meter->ops != meter->few_ops)
		free(meter->ops);
}

static uint32_t
room_of_fns(const struct fnt_meter *meter)
{
	return (meter->fns_mask >> FNT_FN_CACHE_BITS) + 1;
}

/* Is the entry one of a function's? */
static bool
has_function(const struct fnt_meter *meter, const struct fnt_fn_cache *fn)
{
	return fnt_meter_fn_cache(meter, fn->name) == fn;
}

static void
forget_fns(struct fnt_meter *meter)
{
	meter->fns_evicted = 0;
	for (uint32_t i = 0; i < room_of_fns(meter); i++) {
		struct fnt_fn_cache *fn = &meter->fns[i];

		/* A name of another entry, so that no call matches. */
		for (fn->name = 0; has_function(meter, fn);)
			fn->name++;
	}
}

void
fnt_meter_set_lane(struct fnt_meter *meter, uint32_t lane)
{
	const struct fnt_view *view = meter->view;

	meter->journal = NULL;
	/* Without a lane these match no row of the table. */
	meter->fn_key = meter->op_key = FNT_ROW_OTHER;
	if (lane < view->lane_count) {
		meter->journal = &view->lanes[lane].journal;
		meter->fn_key = fnt_row_key(FNT_ROW_FN, lane, 0, 0);
		meter->op_key = fnt_row_key(FNT_ROW_OP, lane, 0, 0);
	}
	forget_fns(meter);
	fnt_meter_forget_ops(meter);
}

static uint32_t
entry_bit(const struct fnt_meter *meter, uint32_t factor, uint32_t name)
{
	return 1u << (fnt_meter_fn_offset(meter, factor, name) >> FNT_FN_CACHE_BITS);
}

/* Would the functions of the first, small cache, and one more, have entries of their
 * own? */
static bool
suit(const struct fnt_meter *meter, uint32_t factor, uint32_t name)
{
	uint32_t taken = entry_bit(meter, factor, name);

	for (uint32_t i = 0; i < FNT_FNS_FEW; i++) {
		const struct fnt_fn_cache *fn = &meter->few_fns[i];
		uint32_t place = entry_bit(meter, factor, fn->name);

		if (!has_function(meter, fn))
			continue;
		if (taken & place)
			return false;
		taken |= place;
	}
	return true;
}

static void
set_factor(struct fnt_meter *meter, uint32_t factor)
{
	struct fnt_fn_cache copy[FNT_FNS_FEW];
	uint32_t had = 0;

	for (uint32_t i = 0; i < FNT_FNS_FEW; i++)
		had |= (uint32_t)has_function(meter, &meter->few_fns[i]) << i;
	memcpy(copy, meter->few_fns, sizeof(copy));
	meter->fns_factor = factor;
	forget_fns(meter);
	for (uint32_t i = 0; i < FNT_FNS_FEW; i++)
		if (had >> i & 1)
			*fnt_meter_fn_cache(meter, copy[i].name) = copy[i];
}

/* Choose another factor. False: none suits. */
static bool
rearrange_fns(struct fnt_meter *meter, uint32_t name)
{
	uint32_t factor = FACTOR_FIRST;

	if (meter->fns != meter->few_fns)
		return false;
	for (uint32_t i = 0; i < FACTORS_TRIED; i++) {
		factor = factor * 0x2c9277b5u + 2;
		if (!suit(meter, factor, name))
			continue;
		set_factor(meter, factor);
		return true;
	}
	return false;
}

/* Functions get in each other's way: four times as many entries. All are filled in
 * anew. */
static void
grow_fns(struct fnt_meter *meter)
{
	uint32_t count = 4 * room_of_fns(meter);
	struct fnt_fn_cache *larger;

	meter->fns_evicted = 0;
	if (!meter->may_grow || count > FNT_FNS_CACHED)
		return;
	larger = aligned_alloc(FNT_LINE, count * sizeof(*larger));
	if (!larger)
		return;
	if (meter->fns != meter->few_fns)
		free(meter->fns);
	meter->fns = larger;
	meter->fns_mask = (count - 1) << FNT_FN_CACHE_BITS;
	forget_fns(meter);
}

/* Cache the row where calls of a function are counted: this lane's own, or the shared
 * one, or that of all others. */
static void
cache_row(struct fnt_meter *meter, uint32_t name, struct fnt_fn_cache *fn)
{
	const struct fnt_view *view = meter->view;
	uint64_t own = meter->fn_key | (uint64_t)name << 32;
	struct fnt_fn_row *row = NULL;

	if (name < view->name_count)
		row = fnt_row_find_fn(view, own,
				      fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0));
	fn->name = name;
	fn->row = row ? row : &view->metrics->other_fn;
	fn->span = 0;
	fn->journal = 0;
	if (meter->journal && row && fnt_word_relaxed(&row->key) == own)
		fn->journal = fnt_journal_make((uint32_t)(row - view->fn_rows),
					       FNT_FN_OK, FNT_RING_MAIN, false);
}

/* ---- buckets ------------------------------------------------------------------- */

/* The block of the function's shared row, where the lane's own row gets none. It serves
 * as well: a function's histogram is the sum over all its rows. */
static struct fnt_octave *
find_others_block(const struct fnt_view *view, uint32_t name, uint32_t octave)
{
	struct fnt_fn_row *row = fnt_row_find_fn(
		view, FNT_ROW_OTHER, fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0));

	return row ? fnt_row_fn_block(view, row, octave, true) : NULL;
}

/* Set the bucket of a place whose row is set. */
static void
find_bucket(const struct fnt_view *view, struct fnt_place *place)
{
	uint32_t bucket = fnt_bucket_of(place->record->duration_ns);
	uint32_t octave = bucket / FNT_OCTAVE_BUCKETS, i = bucket % FNT_OCTAVE_BUCKETS;
	struct fnt_octave *block = NULL;
	uint64_t key;

	if (place->row != &view->metrics->other_fn) {
		key = fnt_word_relaxed(&place->row->key);
		block = fnt_row_fn_block(view, place->row, octave, !place->own_row);
		if (block && place->own_row)
			place->bucket_no =
				(uint64_t)(block - view->blocks) * FNT_OCTAVE_BUCKETS +
				i + 1;
		if (!block && place->own_row)
			block = find_others_block(view, fnt_key_name(key), octave);
		place->spilled = !block;
		place->other_max = &view->metrics->other_fn.counts[FNT_FN_MAX_NS];
	}
	place->bucket = block ? &block->counts[i]
			      : &view->metrics->other_octaves[octave].counts[i];
}

/* Cache a function's octave for its next call. `block`: number of the lane's own block.
 * `max`: the row's maximum. */
static void
cache_octave(struct fnt_fn_cache *fn, const struct fnt_view *view, uint32_t octave,
	     uint64_t block, uint64_t max)
{
	uint64_t width = fnt_octave_width(octave);

	fn->shift = fnt_octave_shift(octave);
	fn->low = fnt_octave_low(octave);
	fn->span = max < fn->low ? 0 : max - fn->low + 1;
	if (fn->span > width)
		fn->span = width;
	fn->buckets = view->blocks[block].counts;
	fn->bucket_no = block * FNT_OCTAVE_BUCKETS + 1;
}

bool
fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name, uint64_t duration_ns)
{
	const struct fnt_view *view = meter->view;
	struct fnt_fn_cache *fn = fnt_meter_fn_cache(meter, name);
	uint32_t octave = fnt_bucket_of(duration_ns) / FNT_OCTAVE_BUCKETS;
	uint32_t block;
	uint64_t max;

	if (fn->name != name || !fn->journal)
		return false;
	max = fnt_word_relaxed(&fn->row->counts[FNT_FN_MAX_NS]);
	block = atomic_load_explicit(&fn->row->blocks[octave], memory_order_relaxed) -
		1;
	/* Without a block this is UINT32_MAX. */
	if (block >= view->block_count || duration_ns > max)
		return false;
	cache_octave(fn, view, octave, block, max);
	return true;
}

/* Find the bucket, and cache it for the function's next call. A call that was aborted
 * has none: nobody knows how long it would have taken. */
static void
place_duration(struct fnt_meter *meter, struct fnt_place *place,
	       struct fnt_fn_cache *fn)
{
	uint64_t ns = place->record->duration_ns;
	uint64_t max = fnt_word_relaxed(&place->row->counts[FNT_FN_MAX_NS]);

	if (place->record->outcome == FNT_ABORTED)
		return;
	find_bucket(meter->view, place);
	place->rare |= place->spilled || ns > max;
	if (place->bucket_no)
		cache_octave(fn, meter->view, fnt_bucket_of(ns) / FNT_OCTAVE_BUCKETS,
			     (place->bucket_no - 1) / FNT_OCTAVE_BUCKETS,
			     ns > max ? ns : max);
}

struct fnt_place
fnt_meter_place_slow(struct fnt_meter *meter, const struct fnt_record *record,
		     const struct fnt_extra *extra, bool rare)
{
	struct fnt_fn_cache *fn = fnt_meter_fn_cache(meter, record->fn_name);
	struct fnt_place place = {.record = record,
				  .extra = extra,
				  .journal = meter->journal,
				  .rare = rare};

	if (fn->name != record->fn_name) {
		if (has_function(meter, fn) && !rearrange_fns(meter, record->fn_name) &&
		    ++meter->fns_evicted > 2 * room_of_fns(meter))
			grow_fns(meter);
		fn = fnt_meter_fn_cache(meter, record->fn_name);
		cache_row(meter, record->fn_name, fn);
	}
	place.row = fn->row;
	place.own_row = fn->journal != 0;
	place_duration(meter, &place, fn);
	return place;
}
