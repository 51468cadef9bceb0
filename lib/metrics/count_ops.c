/* SPDX-License-Identifier: MIT */
#include "metrics/count_ops.h"

#include <stdlib.h>

/* ---- where an op is counted ------------------------------------------------------ */

static void
grow_ops(struct fnt_meter *meter)
{
	struct fnt_op_cache *larger = malloc(FNT_OPS_CACHED * sizeof(*larger));

	if (!larger)
		return;
	/* What points there must find that it is forgotten. */
	for (uint32_t i = 0; i < FNT_OPS_FEW; i++)
		meter->few_ops[i].key = 0;
	meter->ops = larger;
	meter->ops_mask = FNT_OPS_CACHED - 1;
}

void
fnt_meter_forget_ops(struct fnt_meter *meter)
{
	/* A larger cache for the many pairs of this thread; without memory, the same
	 * again. */
	if (meter->may_grow && fnt_meter_ops_crowded(meter) &&
	    meter->ops == meter->few_ops)
		grow_ops(meter);
	for (uint32_t i = 0; i <= meter->ops_mask; i++)
		meter->ops[i].key = 0;
	meter->ops_missed = 0;
}

static uint64_t
shared_key(uint64_t key)
{
	return fnt_row_key(FNT_ROW_OP, FNT_LANE_ANY, fnt_key_name(key),
			   fnt_key_op(key));
}

/* Fill in a free entry: the row of this lane, the shared one, or that of all others. */
static void
fill_entry(const struct fnt_meter *meter, struct fnt_op_cache *cache, uint64_t key)
{
	const struct fnt_view *view = meter->view;
	struct fnt_op_row *row = NULL;

	if (fnt_key_name(key) < view->name_count)
		row = fnt_row_find_op(view, key, shared_key(key));
	*cache = (struct fnt_op_cache){
		.key = key,
		.row = row ? row : &view->metrics->other_op,
		.own = meter->journal && row && fnt_word_relaxed(&row->key) == key,
	};
}

static uint64_t
key_of(const struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	return meter->op_key | (uint64_t)entity << 32 | op << 8;
}

/* The entry of a pair, filled in; NULL: others have all that it may have. */
static struct fnt_op_cache *
find_entry(struct fnt_meter *meter, uint64_t key)
{
	uint32_t home = fnt_key_name(key) * 13 + fnt_key_op(key);

	for (uint32_t i = 0; i < FNT_OPS_PROBED; i++) {
		struct fnt_op_cache *cache = &meter->ops[(home + i) & meter->ops_mask];

		if (!cache->key)
			fill_entry(meter, cache, key);
		if (cache->key == key)
			return cache;
	}
	return NULL;
}

struct fnt_op_cache *
fnt_meter_op_cache(struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	struct fnt_op_cache *cache = find_entry(meter, key_of(meter, entity, op));

	return cache && cache->own ? cache : NULL;
}

/* ---- buckets ------------------------------------------------------------------- */

/* The block of the shared row of the same entity and kind, where the lane's own row
 * gets none. */
static struct fnt_octave *
find_shared_block(const struct fnt_view *view, uint64_t key, uint32_t octave)
{
	struct fnt_op_row *row = fnt_row_find_op(view, FNT_ROW_OTHER, shared_key(key));

	return row ? fnt_row_op_block(view, row, octave, true) : NULL;
}

/* Count a duration in a block that all lanes share; NULL: in that of all others. */
static void
add_to_shared_block(const struct fnt_view *view, struct fnt_octave *block,
		    uint32_t bucket, uint64_t ns)
{
	if (!block) {
		block = &view->metrics->other_op_octaves[bucket / FNT_OCTAVE_BUCKETS];
		fnt_meter_raise_shared(&view->metrics->other_op.max_ns, ns);
	}
	fnt_meter_add_shared(&block->counts[bucket % FNT_OCTAVE_BUCKETS], 1);
}

/* Cache the octave for the pair's next op. */
static void
cache_op_octave(struct fnt_op_cache *cache, uint32_t octave, struct fnt_octave *block,
		uint64_t max)
{
	uint64_t width = fnt_octave_width(octave);

	cache->low = fnt_octave_low(octave);
	cache->span = max < cache->low ? 0 : max - cache->low + 1;
	if (cache->span > width)
		cache->span = width;
	cache->shift = fnt_octave_shift(octave);
	cache->buckets = block->counts;
}

/* The row and its octave have no block of this lane. */
static __attribute__((noinline)) void
add_without_block(const struct fnt_view *view, const struct fnt_op_cache *cache,
		  uint32_t bucket, uint64_t ns)
{
	struct fnt_octave *block =
		find_shared_block(view, cache->key, bucket / FNT_OCTAVE_BUCKETS);

	if (!block)
		fnt_count(&cache->row->unplaced, 1);
	add_to_shared_block(view, block, bucket, ns);
}

void
fnt_meter_add_op_slow(const struct fnt_meter *meter, struct fnt_op_cache *cache,
		      struct fnt_op_done done)
{
	const struct fnt_view *view = meter->view;
	struct fnt_op_row *row = cache->row;
	uint32_t bucket = fnt_bucket_of(done.ns), octave = bucket / FNT_OCTAVE_BUCKETS;
	struct fnt_octave *block = fnt_row_op_known_block(view, row, octave);
	uint64_t max = fnt_word_relaxed(&row->max_ns);

	fnt_count(&row->total_ns, done.ns);
	fnt_count(&row->rows, done.rows);
	if (!done.ok)
		fnt_count(&row->errors, 1);
	if (__builtin_expect(done.ns > max, 0)) {
		max = done.ns;
		fnt_word_store(&row->max_ns, max);
	}
	if (__builtin_expect(!block, 0))
		block = fnt_row_op_block(view, row, octave, false);
	if (__builtin_expect(!block, 0)) {
		add_without_block(view, cache, bucket, done.ns);
		return;
	}
	fnt_count(&block->counts[bucket % FNT_OCTAVE_BUCKETS], 1);
	cache_op_octave(cache, octave, block, max);
}

/* ---- any op ---------------------------------------------------------------------- */

static void
add_op_to_shared_row(const struct fnt_view *view, struct fnt_op_row *row,
		     const struct fnt_op_done *done)
{
	uint32_t bucket = fnt_bucket_of(done->ns);
	uint32_t octave = bucket / FNT_OCTAVE_BUCKETS;
	struct fnt_octave *block = NULL;

	fnt_meter_add_shared(&row->total_ns, done->ns);
	fnt_meter_add_shared(&row->rows, done->rows);
	fnt_meter_add_shared(&row->errors, !done->ok);
	fnt_meter_raise_shared(&row->max_ns, done->ns);
	if (row != &view->metrics->other_op)
		block = fnt_row_op_block(view, row, octave, true);
	if (!block)
		fnt_meter_add_shared(&row->unplaced, 1);
	add_to_shared_block(view, block, bucket, done->ns);
}

void
fnt_meter_count_op(struct fnt_meter *meter, struct fnt_op_done done)
{
	uint64_t key = key_of(meter, done.entity, done.op);
	struct fnt_op_cache *cache = find_entry(meter, key), once;

	if (!FNT_COUNTED)
		return;
	if (!cache) {
		meter->ops_missed++;
		fill_entry(meter, &once, key);
		cache = &once;
	}
	if (cache->own)
		fnt_meter_add_op_slow(meter, cache, done);
	else
		add_op_to_shared_row(meter->view, cache->row, &done);
}
