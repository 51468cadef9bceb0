/* SPDX-License-Identifier: MIT */
#include "metrics/count.h"

/* ---- tables ---------------------------------------------------------------------- */

/* A table of keys, `stride` bytes apart. */
struct keys {
	unsigned char *at;
	uint32_t stride;
	uint32_t count;
	fnt_word *taken;
};

static fnt_word *
key_at(const struct keys *keys, uint32_t i)
{
	return (fnt_word *)(void *)(keys->at + (uint64_t)i * keys->stride);
}

static uint32_t
home_of(const struct keys *keys, uint64_t key)
{
	/* Up to four kinds of a lane's ops on an entity lie side by side. (All of them
	 * made such heaps that tables seemed full when they were half empty.) */
	uint64_t hash = (key & ~0x300ull) * 0x9e3779b97f4a7c15u;

	hash = (hash ^ hash >> 32) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)((hash >> 32) * keys->count >> 32);
}

static bool
is_scarce(const struct keys *keys)
{
	return atomic_load_explicit(keys->taken, memory_order_relaxed) >=
	       (uint64_t)keys->count * FNT_OWN_QUARTERS / 4;
}

/* The entry with this key, or a free one that has it from now on; UINT32_MAX: neither
 * is there. Keys only ever come, and each into the first entry that is free from its
 * home on: so the first free entry ends the search, and no key is there twice. `last`:
 * also what is left for all lanes. */
static uint32_t
find(const struct keys *keys, uint64_t key, bool last)
{
	uint32_t at = home_of(keys, key);

	for (uint32_t i = 0; i < FNT_ROW_PROBES; i++) {
		fnt_word *word = key_at(keys, at);
		uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

		if (!seen) {
			if (!last && is_scarce(keys))
				return UINT32_MAX;
			/* What is counted there by others does not concern us, and a
			 * lane's last owner is ordered by [A1]: relaxed. */
			if (atomic_compare_exchange_strong_explicit(
				    word, &seen, key, memory_order_relaxed,
				    memory_order_relaxed)) {
				atomic_fetch_add_explicit(keys->taken, 1,
							  memory_order_relaxed);
				return at;
			}
		}
		if (seen == key)
			return at;
		if (++at == keys->count)
			at = 0;
	}
	return UINT32_MAX;
}

static struct keys
fn_keys(const struct fnt_view *view)
{
	return (struct keys){(unsigned char *)view->fn_rows, sizeof(*view->fn_rows),
			     view->fn_row_count, &view->metrics->fns_taken};
}

static struct keys
op_keys(const struct fnt_view *view)
{
	return (struct keys){(unsigned char *)view->op_rows, sizeof(*view->op_rows),
			     view->op_row_count, &view->metrics->ops_taken};
}

static struct keys
block_keys(const struct fnt_view *view)
{
	return (struct keys){(unsigned char *)view->block_keys,
			     sizeof(*view->block_keys), view->block_count,
			     &view->metrics->blocks_taken};
}

/* ---- rows ------------------------------------------------------------------------ */

void
fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view, uint32_t lane)
{
	meter->view = view;
	meter->rows = view->fn_rows;
	meter->journal = NULL;
	/* Without a lane they match nothing. */
	meter->fn_key = meter->op_key = FNT_ROW_OTHER;
	if (lane < view->lane_count) {
		meter->journal = &view->lanes[lane].journal;
		meter->fn_key = fnt_row_key(FNT_ROW_FN, lane, 0, 0);
		meter->op_key = fnt_row_key(FNT_ROW_OP, lane, 0, 0);
	}
	for (uint32_t i = 0; i < FNT_FNS_CACHED; i++) {
		meter->fns[i] = 0; /* its key is not ours, or it is ours */
		/* That of another place: no name that is looked for here, nor none. */
		meter->seen[i].name = i ^ 1;
	}
	for (uint32_t i = 0; i < FNT_OPS_CACHED; i++)
		meter->ops[i] = &view->metrics->other_op;
}

/* The lane's own row if there is one or can be, else that of all lanes. */
static uint32_t
find_row(const struct keys *keys, uint64_t own, uint64_t any)
{
	uint32_t at = UINT32_MAX;

	if (fnt_key_kind(own) != FNT_ROW_OTHER)
		at = find(keys, own, false);
	return at != UINT32_MAX ? at : find(keys, any, true);
}

static struct fnt_fn_row *
find_fn(struct fnt_meter *meter, uint32_t name)
{
	const struct fnt_view *view = meter->view;
	uint32_t *seen = &meter->fns[name % FNT_FNS_CACHED];
	uint64_t any = fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0);
	struct keys keys = fn_keys(view);
	uint32_t at;

	if (name >= view->name_count)
		return &view->metrics->other_fn;
	if (atomic_load_explicit(&view->fn_rows[*seen].key, memory_order_relaxed) ==
	    any)
		return &view->fn_rows[*seen];
	at = find_row(&keys, meter->fn_key | (uint64_t)name << 32, any);
	if (at == UINT32_MAX)
		return &view->metrics->other_fn;
	*seen = at;
	return &view->fn_rows[at];
}

struct fnt_op_row *
fnt_meter_find_op(struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	const struct fnt_view *view = meter->view;
	struct fnt_op_row **seen = &meter->ops[fnt_op_cache_at(entity, op)];
	uint64_t any = fnt_row_key(FNT_ROW_OP, FNT_LANE_ANY, entity, op);
	struct keys keys = op_keys(view);
	uint32_t at;

	if (entity >= view->name_count)
		return &view->metrics->other_op;
	if (atomic_load_explicit(&(*seen)->key, memory_order_relaxed) == any)
		return *seen;
	at = find_row(&keys, meter->op_key | (uint64_t)entity << 32 | op << 8, any);
	if (at == UINT32_MAX)
		return &view->metrics->other_op;
	return *seen = &view->op_rows[at];
}

/* ---- buckets --------------------------------------------------------------------- */

/* The octave's block of a row of the table, taken if need be and there is one; or NULL.
 */
static struct fnt_octave *
find_block(const struct fnt_view *view, struct fnt_fn_row *row, uint32_t octave,
	   bool last)
{
	uint32_t block =
		atomic_load_explicit(&row->blocks[octave], memory_order_relaxed);
	struct keys keys = block_keys(view);
	uint32_t at;

	if (block - 1 < view->block_count)
		return &view->blocks[block - 1];
	at = find(&keys, fnt_block_key((uint32_t)(row - view->fn_rows), octave), last);
	if (at == UINT32_MAX)
		return NULL;
	atomic_store_explicit(&row->blocks[octave], at + 1, memory_order_relaxed);
	return &view->blocks[at];
}

/* Where the lane's row gets no block, that of all lanes may have one. The sum is the
 * same: a function's histogram is the sum over all its rows. */
static struct fnt_octave *
find_any_block(const struct fnt_view *view, uint32_t name, uint32_t octave)
{
	struct keys keys = fn_keys(view);
	uint32_t at = find(&keys, fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0), true);

	return at == UINT32_MAX ? NULL
				: find_block(view, &view->fn_rows[at], octave, true);
}

/* The bucket of a place whose row is known. */
static void
find_bucket(const struct fnt_view *view, struct fnt_place *place)
{
	uint32_t bucket = fnt_bucket_of(place->record->duration_ns);
	uint32_t octave = bucket / FNT_OCTAVE_BUCKETS, i = bucket % FNT_OCTAVE_BUCKETS;
	struct fnt_octave *block = NULL;
	uint64_t key;

	if (place->row != &view->metrics->other_fn) {
		key = atomic_load_explicit(&place->row->key, memory_order_relaxed);
		block = find_block(view, place->row, octave, !place->own_row);
		if (block && place->own_row)
			place->bucket_no =
				(uint64_t)(block - view->blocks) * FNT_OCTAVE_BUCKETS +
				i + 1;
		if (!block && place->own_row)
			block = find_any_block(view, fnt_key_name(key), octave);
		place->spilled = !block;
	}
	place->bucket = block ? &block->counts[i]
			      : &view->metrics->other_octaves[octave].counts[i];
}

/* For the next call of a function: its octave, and the buckets of that, those of a
 * block of this lane. */
static void
remember_octave(struct fnt_fn_cache *fn, const struct fnt_view *view, uint32_t octave,
		uint64_t block)
{
	fn->shift = octave ? octave - 1 : 0;
	fn->first = octave ? FNT_OCTAVE_BUCKETS : 0;
	fn->buckets = view->blocks[block].counts;
	fn->bucket_no = block * FNT_OCTAVE_BUCKETS + 1;
}

static void
remember(struct fnt_meter *meter, const struct fnt_place *place)
{
	const struct fnt_view *view = meter->view;
	uint32_t name = place->record->fn_name;
	struct fnt_fn_cache *fn = &meter->seen[name % FNT_FNS_CACHED];

	fn->name = name;
	fn->row = place->row;
	fn->journal = fnt_journal_make((uint32_t)(place->row - view->fn_rows),
				       FNT_FN_OK, FNT_RING_MAIN, false);
	remember_octave(fn, view,
			fnt_bucket_of(place->record->duration_ns) / FNT_OCTAVE_BUCKETS,
			(place->bucket_no - 1) / FNT_OCTAVE_BUCKETS);
}

bool
fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name, uint64_t duration_ns)
{
	const struct fnt_view *view = meter->view;
	struct fnt_fn_cache *fn = &meter->seen[name % FNT_FNS_CACHED];
	uint32_t octave = fnt_bucket_of(duration_ns) / FNT_OCTAVE_BUCKETS;
	uint32_t block;

	if (fn->name != name)
		return false;
	block = atomic_load_explicit(&fn->row->blocks[octave], memory_order_relaxed) -
		1;
	/* No block: that is more than any count. */
	if (block >= view->block_count)
		return false;
	remember_octave(fn, view, octave, block);
	return true;
}

struct fnt_place
fnt_meter_place(struct fnt_meter *meter, const struct fnt_record *record,
		const struct fnt_extra *extra, bool rare)
{
	struct fnt_place place = {
		.record = record, .extra = extra, .journal = meter->journal};
	uint64_t key = meter->fn_key | (uint64_t)record->fn_name << 32;

	place.row = &meter->rows[meter->fns[record->fn_name % FNT_FNS_CACHED]];
	if (atomic_load_explicit(&place.row->key, memory_order_relaxed) != key)
		place.row = find_fn(meter, record->fn_name);
	place.own_row =
		meter->journal &&
		atomic_load_explicit(&place.row->key, memory_order_relaxed) == key;
	find_bucket(meter->view, &place);
	place.rare = rare || place.spilled;
	if (place.bucket_no)
		remember(meter, &place);
	return place;
}

/* ---- counting -------------------------------------------------------------------- */

void
fnt_op_row_add(struct fnt_op_row *row, const struct fnt_op_done *done)
{
	fnt_meter_add(&row->count, 1);
	fnt_meter_add(&row->errors, !done->ok);
	fnt_meter_add(&row->total_ns, done->ns);
	fnt_meter_add(&row->rows, done->rows);
}
