/* SPDX-License-Identifier: MIT */
#include "metrics/count.h"

/* ---- tables -------------------------------------------------------------------- */

/* An open-addressed table of keys, `stride` bytes apart. */
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
	/* The hash leaves two bits of an op's kind out, so that four kinds of a lane's
	 * ops on an entity are neighbours. All its kinds together would fill whole
	 * stretches of the table, and searches would end there. */
	uint64_t hash = (key & ~0x300ull) * 0x9e3779b97f4a7c15u;

	hash = (hash ^ hash >> 32) * 0xbf58476d1ce4e5b9u;
	return (uint32_t)((hash >> 32) * keys->count >> 32);
}

static bool
is_scarce(const struct keys *keys)
{
	return fnt_word_relaxed(keys->taken) >=
	       (uint64_t)keys->count * FNT_OWN_QUARTERS / 4;
}

/* The index of the entry with this key, or of a free one, which gets it; UINT32_MAX:
 * there is neither within FNT_ROW_PROBES entries. Keys are never removed, and each is
 * put into the first free entry from its home on. So the first free entry ends the
 * search, and no key is there twice. `shared`: the entry may be one of those reserved
 * for rows that all lanes share. */
static uint32_t
find(const struct keys *keys, uint64_t key, bool shared)
{
	uint32_t at = home_of(keys, key);

	for (uint32_t i = 0; i < FNT_ROW_PROBES; i++) {
		fnt_word *word = key_at(keys, at);
		uint64_t seen = fnt_word_relaxed(word);

		if (!seen) {
			if (!shared && is_scarce(keys))
				return UINT32_MAX;
			/* Relaxed: nothing but the key is read of a shared entry, and
			 * [A1] orders a lane's entries after its last owner. */
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

/* ---- rows ---------------------------------------------------------------------- */

void
fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view, uint32_t lane)
{
	meter->view = view;
	meter->rows = view->fn_rows;
	meter->journal = NULL;
	/* Without a lane these match no row of the table. */
	meter->fn_key = meter->op_key = FNT_ROW_OTHER;
	if (lane < view->lane_count) {
		meter->journal = &view->lanes[lane].journal;
		meter->fn_key = fnt_row_key(FNT_ROW_FN, lane, 0, 0);
		meter->op_key = fnt_row_key(FNT_ROW_OP, lane, 0, 0);
	}
	for (uint32_t i = 0; i < FNT_FNS_CACHED; i++) {
		meter->fn_row_nos[i] = 0; /* any row: its key is checked */
		/* A name of another slot, so that no call matches. */
		meter->fns[i].name = i ^ 1;
	}
	for (uint32_t i = 0; i < FNT_OPS_CACHED; i++)
		meter->ops[i] = &view->metrics->other_op;
}

/* The index of the lane's own row, if there is one or room for one, else of the shared
 * row; UINT32_MAX: neither. */
static uint32_t
find_row(const struct keys *keys, uint64_t own, uint64_t shared)
{
	uint32_t at = UINT32_MAX;

	if (fnt_key_kind(own) != FNT_ROW_OTHER)
		at = find(keys, own, false);
	return at != UINT32_MAX ? at : find(keys, shared, true);
}

static struct fnt_fn_row *
find_fn(struct fnt_meter *meter, uint32_t name)
{
	const struct fnt_view *view = meter->view;
	uint32_t *cached = &meter->fn_row_nos[name % FNT_FNS_CACHED];
	uint64_t shared = fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0);
	struct keys keys = fn_keys(view);
	uint32_t at;

	if (name >= view->name_count)
		return &view->metrics->other_fn;
	if (fnt_word_relaxed(&view->fn_rows[*cached].key) == shared)
		return &view->fn_rows[*cached];
	at = find_row(&keys, meter->fn_key | (uint64_t)name << 32, shared);
	if (at == UINT32_MAX)
		return &view->metrics->other_fn;
	*cached = at;
	return &view->fn_rows[at];
}

struct fnt_op_row *
fnt_meter_find_op_row(struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	const struct fnt_view *view = meter->view;
	struct fnt_op_row **cached = &meter->ops[fnt_meter_op_index(entity, op)];
	uint64_t shared = fnt_row_key(FNT_ROW_OP, FNT_LANE_ANY, entity, op);
	struct keys keys = op_keys(view);
	uint32_t at;

	if (entity >= view->name_count)
		return &view->metrics->other_op;
	if (fnt_word_relaxed(&(*cached)->key) == shared)
		return *cached;
	at = find_row(&keys, meter->op_key | (uint64_t)entity << 32 | op << 8, shared);
	if (at == UINT32_MAX)
		return &view->metrics->other_op;
	return *cached = &view->op_rows[at];
}

/* ---- buckets ------------------------------------------------------------------- */

/* The block of a row's octave, taken from the table if it has none yet; NULL: there is
 * no room for one. `shared`: as in find(). */
static struct fnt_octave *
find_block(const struct fnt_view *view, struct fnt_fn_row *row, uint32_t octave,
	   bool shared)
{
	uint32_t block =
		atomic_load_explicit(&row->blocks[octave], memory_order_relaxed);
	struct keys keys = block_keys(view);
	uint32_t at;

	if (block - 1 < view->block_count)
		return &view->blocks[block - 1];
	at = find(&keys, fnt_block_key((uint32_t)(row - view->fn_rows), octave),
		  shared);
	if (at == UINT32_MAX)
		return NULL;
	atomic_store_explicit(&row->blocks[octave], at + 1, memory_order_relaxed);
	return &view->blocks[at];
}

/* The block of the function's shared row, where the lane's own row gets none. It serves
 * as well: a function's histogram is the sum over all its rows. */
static struct fnt_octave *
find_shared_block(const struct fnt_view *view, uint32_t name, uint32_t octave)
{
	struct keys keys = fn_keys(view);
	uint32_t at = find(&keys, fnt_row_key(FNT_ROW_FN, FNT_LANE_ANY, name, 0), true);

	return at == UINT32_MAX ? NULL
				: find_block(view, &view->fn_rows[at], octave, true);
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
		block = find_block(view, place->row, octave, !place->own_row);
		if (block && place->own_row)
			place->bucket_no =
				(uint64_t)(block - view->blocks) * FNT_OCTAVE_BUCKETS +
				i + 1;
		if (!block && place->own_row)
			block = find_shared_block(view, fnt_key_name(key), octave);
		place->spilled = !block;
	}
	place->bucket = block ? &block->counts[i]
			      : &view->metrics->other_octaves[octave].counts[i];
}

/* Cache a function's octave for its next call. `block`: number of the lane's own
 * block. */
static void
cache_octave(struct fnt_fn_cache *fn, const struct fnt_view *view, uint32_t octave,
	     uint64_t block)
{
	fn->shift = octave ? octave - 1 : 0;
	fn->first = octave ? FNT_OCTAVE_BUCKETS : 0;
	fn->buckets = view->blocks[block].counts;
	fn->bucket_no = block * FNT_OCTAVE_BUCKETS + 1;
}

/* Cache where a call was counted for the function's next call. */
static void
cache_place(struct fnt_meter *meter, const struct fnt_place *place)
{
	const struct fnt_view *view = meter->view;
	uint32_t name = place->record->fn_name;
	struct fnt_fn_cache *fn = &meter->fns[name % FNT_FNS_CACHED];

	fn->name = name;
	fn->row = place->row;
	fn->journal = fnt_journal_make((uint32_t)(place->row - view->fn_rows),
				       FNT_FN_OK, FNT_RING_MAIN, false);
	cache_octave(fn, view,
		     fnt_bucket_of(place->record->duration_ns) / FNT_OCTAVE_BUCKETS,
		     (place->bucket_no - 1) / FNT_OCTAVE_BUCKETS);
}

bool
fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name, uint64_t duration_ns)
{
	const struct fnt_view *view = meter->view;
	struct fnt_fn_cache *fn = &meter->fns[name % FNT_FNS_CACHED];
	uint32_t octave = fnt_bucket_of(duration_ns) / FNT_OCTAVE_BUCKETS;
	uint32_t block;

	if (fn->name != name)
		return false;
	block = atomic_load_explicit(&fn->row->blocks[octave], memory_order_relaxed) -
		1;
	/* Without a block this is UINT32_MAX. */
	if (block >= view->block_count)
		return false;
	cache_octave(fn, view, octave, block);
	return true;
}

struct fnt_place
fnt_meter_place_slow(struct fnt_meter *meter, const struct fnt_record *record,
		     const struct fnt_extra *extra, bool rare)
{
	struct fnt_place place = {
		.record = record, .extra = extra, .journal = meter->journal};
	uint64_t key = meter->fn_key | (uint64_t)record->fn_name << 32;

	place.row = &meter->rows[meter->fn_row_nos[record->fn_name % FNT_FNS_CACHED]];
	if (fnt_word_relaxed(&place.row->key) != key)
		place.row = find_fn(meter, record->fn_name);
	/* The row of all others is never this lane's, whatever its key is: the journal
	 * names rows of the table only. */
	place.own_row = meter->journal &&
			place.row != &meter->view->metrics->other_fn &&
			fnt_word_relaxed(&place.row->key) == key;
	find_bucket(meter->view, &place);
	place.rare = rare || place.spilled;
	if (place.bucket_no)
		cache_place(meter, &place);
	return place;
}

/* ---- ops ----------------------------------------------------------------------- */

void
fnt_op_row_add_shared(struct fnt_op_row *row, const struct fnt_op_done *done)
{
	fnt_meter_add_shared(&row->count, 1);
	fnt_meter_add_shared(&row->errors, !done->ok);
	fnt_meter_add_shared(&row->total_ns, done->ns);
	fnt_meter_add_shared(&row->rows, done->rows);
}
