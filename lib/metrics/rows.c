/* SPDX-License-Identifier: MIT */
#include "metrics/rows.h"

#include "base/shm_words.h"

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

/* The index of the entry with this key, or of a free one, which gets it; UINT32_MAX:
 * there is neither within FNT_ROW_PROBES entries. Keys are never removed, and each is
 * put into the first free entry from its home on. So the first free entry ends the
 * search, and no key is there twice. `quarters`: no free entry is taken once so many
 * quarters of the table are. */
static uint32_t
find(const struct keys *keys, uint64_t key, uint32_t quarters)
{
	uint64_t limit = (uint64_t)keys->count * quarters / 4;
	uint32_t at = home_of(keys, key);

	for (uint32_t i = 0; i < FNT_ROW_PROBES; i++) {
		fnt_word *word = key_at(keys, at);
		uint64_t seen = fnt_word_relaxed(word);

		if (!seen) {
			if (quarters < 4 && fnt_word_relaxed(keys->taken) >= limit)
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

/* ---- rows ---------------------------------------------------------------------- */

/* As fnt_row_find_fn(); UINT32_MAX for NULL. */
static uint32_t
find_row(const struct keys *keys, uint64_t own, uint64_t shared)
{
	uint32_t at = UINT32_MAX;

	if (fnt_key_kind(own) != FNT_ROW_OTHER)
		at = find(keys, own, FNT_OWN_QUARTERS);
	return at != UINT32_MAX ? at : find(keys, shared, 4);
}

struct fnt_fn_row *
fnt_row_find_fn(const struct fnt_view *view, uint64_t own, uint64_t shared)
{
	struct keys keys = {(unsigned char *)view->fn_rows, sizeof(*view->fn_rows),
			    view->fn_row_count, &view->metrics->fns_taken};
	uint32_t at = find_row(&keys, own, shared);

	return at == UINT32_MAX ? NULL : &view->fn_rows[at];
}

struct fnt_op_row *
fnt_row_find_op(const struct fnt_view *view, uint64_t own, uint64_t shared)
{
	struct keys keys = {(unsigned char *)view->op_rows, sizeof(*view->op_rows),
			    view->op_row_count, &view->metrics->ops_taken};
	uint32_t at = find_row(&keys, own, shared);

	return at == UINT32_MAX ? NULL : &view->op_rows[at];
}

/* ---- blocks -------------------------------------------------------------------- */

static uint32_t
find_block(const struct fnt_view *view, uint64_t key, uint32_t quarters)
{
	struct keys keys = {(unsigned char *)view->block_keys,
			    sizeof(*view->block_keys), view->block_count,
			    &view->metrics->blocks_taken};

	return find(&keys, key, quarters);
}

struct fnt_octave *
fnt_row_fn_block(const struct fnt_view *view, struct fnt_fn_row *row, uint32_t octave,
		 bool shared)
{
	_Atomic uint32_t *known = &row->blocks[octave];
	uint32_t at = atomic_load_explicit(known, memory_order_relaxed) - 1;

	if (at < view->block_count)
		return &view->blocks[at];
	at = find_block(view,
			fnt_block_key((uint32_t)(row - view->fn_rows), false, octave),
			shared ? 4 : FNT_OWN_QUARTERS);
	if (at == UINT32_MAX)
		return NULL;
	atomic_store_explicit(known, at + 1, memory_order_relaxed);
	return &view->blocks[at];
}

struct fnt_octave *
fnt_row_op_block(const struct fnt_view *view, struct fnt_op_row *row, uint32_t octave,
		 bool shared)
{
	struct fnt_octave *known = fnt_row_op_known_block(view, row, octave);
	uint32_t at;

	if (known)
		return known;
	at = find_block(view,
			fnt_block_key((uint32_t)(row - view->op_rows), true, octave),
			shared ? 4 : FNT_OWN_OP_QUARTERS);
	if (at == UINT32_MAX)
		return NULL;
	atomic_store_explicit(&row->blocks[octave % FNT_OP_BLOCKS],
			      (at + 1) << 6 | octave, memory_order_relaxed);
	return &view->blocks[at];
}
