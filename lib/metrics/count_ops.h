/* SPDX-License-Identifier: MIT
 *
 * count_ops.h: counts database operations, at once when they end.
 *
 *   entity, kind ─► fnt_meter_op_cache ─► add_op_fast: sums, a cached bucket
 *                       │ not cached          └─► add_op_slow: another octave, or
 *                       ▼                         longer than any before
 *                   fnt_meter_count_op
 *
 * Who may write what, and progress: as in count.h. There is no journal for ops: if a
 * process is killed while it counts one, the op is counted in part, or not at all.
 */
#ifndef FNT_METRICS_COUNT_OPS_H
#define FNT_METRICS_COUNT_OPS_H

#include "metrics/count.h"

/* An op that has ended. */
struct fnt_op_done {
	uint32_t entity; /* name id, or FNT_NAME_NONE */
	uint32_t op;	 /* enum fnt_op */
	uint64_t ns;
	uint64_t rows;
	bool ok;
};

/* Count an op whose kind is valid. */
void fnt_meter_count_op(struct fnt_meter *meter, struct fnt_op_done done);

/* Where this thread counts an entity's ops of one kind, if that is a row of its own.
 * The pointer stays valid, and this pair's, as long as its `key` stays what it is.
 * NULL: the row is shared, or all entries that the pair may have are taken. */
struct fnt_op_cache *fnt_meter_op_cache(struct fnt_meter *meter, uint32_t entity,
					uint32_t op);

/* Do many ops find no free entry? Then it is time for fnt_meter_forget_ops(), after
 * which all pointers to entries must be forgotten. */
static inline bool
fnt_meter_ops_crowded(const struct fnt_meter *meter)
{
	return meter->ops_missed > 16 * meter->ops_mask;
}
void fnt_meter_forget_ops(struct fnt_meter *meter);

/* Count an op in a row of this thread, whatever its duration. */
void fnt_meter_add_op_slow(const struct fnt_meter *meter, struct fnt_op_cache *cache,
			   struct fnt_op_done done);

/* The same if its octave is the cached one. False: it declines. */
static inline __attribute__((always_inline)) bool
fnt_meter_add_op_fast(const struct fnt_op_cache *cache, struct fnt_op_done done)
{
	uint64_t past = done.ns - cache->low;
	struct fnt_op_row *row;

	if (__builtin_expect(past >= cache->span, 0))
		return false;
	row = cache->row;
	fnt_count(&row->total_ns, done.ns);
	fnt_count(&row->rows, done.rows);
	fnt_count(&cache->buckets[past >> cache->shift], 1);
	if (__builtin_expect(!done.ok, 0))
		fnt_count(&row->errors, 1);
	return true;
}

#endif
