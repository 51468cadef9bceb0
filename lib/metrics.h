/* SPDX-License-Identifier: MIT
 *
 * metrics.h: counting, on the producing side.
 *
 *   a call ends ──► its function's row in this lane ──► a bucket of the row's octave
 *   an op ends  ──► its entity's and kind's row in this lane
 *                        │ where no room is left for rows of single lanes
 *                        └──► the row of all lanes ──► the other row
 *
 * Who may write what: layout_metrics.h.
 *
 * Progress: wait-free. No system call, no allocation; a row or block that is not at
 * hand is found by at most FNT_ROW_PROBES looks at a table.
 */
#ifndef FNT_METRICS_H
#define FNT_METRICS_H

#include "layout_metrics.h"
#include "region.h"
#include "shared.h"

#define FNT_ROW_PROBES 32u
#define FNT_FNS_SEEN 256u
#define FNT_OPS_SEEN 512u

/* A thread's way to its lane's rows. Private. A row that is remembered is taken at its
 * own word: only its key says what it is. */
struct fnt_meter {
	const struct fnt_view *view;
	uint64_t fn_key; /* of this lane, less the name */
	uint64_t op_key;
	struct fnt_fn_row *fns[FNT_FNS_SEEN];
	struct fnt_op_row *ops[FNT_OPS_SEEN];
};

/* `lane` UINT32_MAX: none, everything goes to rows of all lanes. */
void fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view,
		    uint32_t lane);

/* What a call has had, besides what its record's head says. */
struct fnt_extra {
	uint64_t rows;
	uint64_t schedules; /* recorded */
};

/* An op that has ended. */
struct fnt_op_done {
	uint32_t entity; /* name, or FNT_NAME_NONE */
	uint32_t op;
	uint64_t ns;
	int64_t rows;
	bool ok;
};

/* Where a call will be counted. */
struct fnt_place {
	struct fnt_fn_row *row;
	fnt_word *bucket;
	bool own_row; /* only this thread writes there */
	bool own_bucket;
	bool spilled; /* the bucket is the other row's, the row is not */
};

/* Where a row is remembered. */
static inline uint32_t
fnt_op_seen(uint32_t entity, uint32_t op)
{
	return (entity ^ op << 5) % FNT_OPS_SEEN;
}

/* Rows that are not at hand. */
struct fnt_fn_row *fnt_meter_find_fn(struct fnt_meter *meter, uint32_t name);
struct fnt_op_row *fnt_meter_find_op(struct fnt_meter *meter, uint32_t entity,
				     uint32_t op);
fnt_word *fnt_meter_find_bucket(struct fnt_meter *meter, struct fnt_place *place,
				uint32_t bucket);

/* Add to a row or bucket of all lanes. */
void fnt_place_add(const struct fnt_place *place, const struct fnt_record *record,
		   const struct fnt_extra *extra, uint64_t mark);
void fnt_op_row_add(struct fnt_op_row *row, const struct fnt_op_done *done);

/* Find the place, before the call's record is committed. */
static inline void
fnt_meter_place(struct fnt_meter *meter, struct fnt_place *place,
		const struct fnt_record *record)
{
	uint64_t key = meter->fn_key | (uint64_t)record->fn_name << 32;
	uint32_t bucket = fnt_bucket_of(record->duration_ns), block;
	struct fnt_fn_row *row = meter->fns[record->fn_name % FNT_FNS_SEEN];

	if (__builtin_expect(
		    atomic_load_explicit(&row->key, memory_order_relaxed) != key, 0))
		row = fnt_meter_find_fn(meter, record->fn_name);
	place->row = row;
	place->own_row = atomic_load_explicit(&row->key, memory_order_relaxed) == key;
	place->spilled = false;
	block = atomic_load_explicit(&row->blocks[bucket / FNT_OCTAVE_BUCKETS],
				     memory_order_relaxed);
	/* 0 - 1 is more than any count. */
	if (__builtin_expect(place->own_row && block - 1 < meter->view->block_count,
			     1)) {
		place->own_bucket = true;
		place->bucket = &meter->view->blocks[block - 1]
					 .counts[bucket % FNT_OCTAVE_BUCKETS];
		return;
	}
	place->bucket = fnt_meter_find_bucket(meter, place, bucket);
}

/* Count a call. `mark`: why there is no record of it (FNT_MARK_*), 0 if there is. */
void fnt_meter_count(const struct fnt_place *place, const struct fnt_record *record,
		     const struct fnt_extra *extra, uint64_t mark);

/* Count an op. A process that is killed meanwhile may leave it counted in part. */
static inline void
fnt_meter_op(struct fnt_meter *meter, struct fnt_op_done done)
{
	uint32_t op = done.op < FNT_OP_KINDS ? done.op : FNT_OP_OTHER;
	uint64_t key = meter->op_key | (uint64_t)done.entity << 32 | op << 8;
	struct fnt_op_row *row = meter->ops[fnt_op_seen(done.entity, op)];

	if (__builtin_expect(
		    atomic_load_explicit(&row->key, memory_order_relaxed) != key, 0)) {
		row = fnt_meter_find_op(meter, done.entity, op);
		if (atomic_load_explicit(&row->key, memory_order_relaxed) != key) {
			fnt_op_row_add(row, &done);
			return;
		}
	}
	fnt_count(&row->count, 1);
	fnt_count(&row->total_ns, done.ns);
	if (done.rows > 0)
		fnt_count(&row->rows, (uint64_t)done.rows);
	if (!done.ok)
		fnt_count(&row->errors, 1);
}

#endif
