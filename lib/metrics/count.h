/* SPDX-License-Identifier: MIT
 *
 * count.h: where a thread counts its calls and ops in the region's metrics.
 *
 *   a call ends ──► the row of its lane and function ──► a bucket of its histogram
 *   an op ends  ──► the row of its lane, entity and kind
 *                        │ no such row, and no room for one
 *                        └──► the row that all lanes share ──► the row of all others
 *
 * A call is counted in two parts: fnt_meter_place_…() finds its row and bucket before
 * the call ends; journal.h counts it there when it ends. Ops are counted here, at once.
 *
 * Who may write what: a row or block of a lane, the lane's thread, or whoever recovers
 * the lane of a dead one, by load, add and store; a shared row, anyone, by fetch-add.
 * See layout_metrics.h. A struct fnt_meter belongs to one thread.
 *
 * Progress: wait-free. No system call, no allocation; a row or block that is not cached
 * is found in at most FNT_ROW_PROBES steps.
 */
#ifndef FNT_METRICS_COUNT_H
#define FNT_METRICS_COUNT_H

#include "base/shm_words.h"
#include "format/layout_metrics.h"
#include "region/view.h"

/* tests/bench measures against a library that neither counts nor reads settings. */
#ifdef FNT_BENCH_UNCOUNTED
#define FNT_COUNTED 0
#else
#define FNT_COUNTED 1
#endif

#define FNT_ROW_PROBES 32u
#define FNT_FNS_CACHED 256u
#define FNT_OPS_CACHED 512u

/* The row and the octave's buckets in which this lane last counted a call of a
 * function. Both are the lane's own. */
struct fnt_fn_cache {
	uint32_t name;
	uint32_t shift;	    /* a bucket is 1 << shift ns wide */
	uint64_t first;	    /* durations >> shift that bucket 0 counts */
	fnt_word *buckets;  /* FNT_OCTAVE_BUCKETS of them */
	uint64_t bucket_no; /* of bucket 0 among all blocks', plus 1 */
	struct fnt_fn_row *row;
	uint64_t journal; /* fnt_journal_make() for a call that was ok, and recorded */
};

/* A thread's counting state. A cached row counts as found only if its key is the one
 * that was asked for: the caches' slots are shared by hash, and begin with any row. */
struct fnt_meter {
	const struct fnt_view *view;
	struct fnt_fn_row *rows;     /* as in the view */
	struct fnt_journal *journal; /* of this lane; NULL: there is no lane */
	uint64_t fn_key;	     /* of this lane's rows, without the name */
	uint64_t op_key;	     /* of this lane's rows, without entity and kind */
	uint32_t fn_row_nos[FNT_FNS_CACHED];
	struct fnt_fn_cache fns[FNT_FNS_CACHED];
	struct fnt_op_row *ops[FNT_OPS_CACHED];
};

/* Prepare a meter for the thread that owns `lane`. `lane` UINT32_MAX (or any that the
 * region does not have): everything is counted in shared rows. The view must stay. */
void fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view,
		    uint32_t lane);

/* ---- calls --------------------------------------------------------------------- */

/* What is counted of a call besides what its record's head says. */
struct fnt_extra {
	uint64_t schedules; /* recorded */
	uint64_t rows;
	uint64_t ops; /* recorded */
};

/* A call that ends, and where it is counted. */
struct fnt_place {
	const struct fnt_record *record; /* complete but for seq and lane */
	const struct fnt_extra *extra;
	struct fnt_journal *journal;
	struct fnt_fn_row *row;
	fnt_word *bucket;
	uint64_t bucket_no; /* among all blocks', plus 1; 0: the bucket is shared */
	bool own_row;	    /* only this thread writes to the row */
	bool spilled;	    /* the bucket is the row of all others', the row is not */
	bool rare;	    /* counters from FNT_FN_RARE on may change */
};

/* The same on the fast path: row and bucket are this thread's own. Always inlined, so
 * that its fields stay in registers. */
struct fnt_place_fast {
	const struct fnt_record *record;
	const struct fnt_extra *extra;
	struct fnt_journal *journal;
	struct fnt_fn_row *row;
	fnt_word *bucket;
	uint64_t bucket_no;
	uint64_t duration_ns; /* not in the record yet */
	uint64_t armed;	      /* the journal's state, without outcome and end */
};

/* Find the row and the bucket for a call before it ends. `record`: its name and
 * duration are set; it must outlive the place, as must `extra`. `rare`: the call may
 * have omitted something, streamed, or scheduled. May take a free row or block of the
 * tables. */
struct fnt_place fnt_meter_place_slow(struct fnt_meter *meter,
				      const struct fnt_record *record,
				      const struct fnt_extra *extra, bool rare);

/* Make the octave of `duration_ns` the cached one of the function `name`, for the next
 * fnt_meter_place_fast(). False: the function or that octave's block is not cached. */
bool fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name,
			     uint64_t duration_ns);

/* The same as fnt_meter_place_slow() for a call that lasted `duration_ns`, if its
 * function's row and that octave's buckets are cached. False: they are not; only
 * `place` has changed. */
static inline __attribute__((always_inline)) bool
fnt_meter_place_fast(const struct fnt_meter *meter, struct fnt_place_fast *place,
		     const struct fnt_record *record, const struct fnt_extra *extra,
		     uint64_t duration_ns)
{
	const struct fnt_fn_cache *fn = &meter->fns[record->fn_name % FNT_FNS_CACHED];
	uint64_t bucket = (duration_ns >> fn->shift) - fn->first;

	place->record = record;
	place->extra = extra;
	place->duration_ns = duration_ns;
	if (!FNT_COUNTED)
		return true;
	if (__builtin_expect(
		    fn->name != record->fn_name || bucket >= FNT_OCTAVE_BUCKETS, 0))
		return false;
	place->journal = meter->journal;
	place->row = fn->row;
	place->armed = fn->journal;
	place->bucket = &fn->buckets[bucket];
	place->bucket_no = fn->bucket_no + bucket;
	return true;
}

/* ---- ops ----------------------------------------------------------------------- */

/* An op that has ended. */
struct fnt_op_done {
	uint32_t entity; /* name id, or FNT_NAME_NONE */
	uint32_t op;	 /* enum fnt_op */
	uint64_t ns;
	uint64_t rows;
	bool ok;
};

/* Add to a counter that several threads add to. */
static inline void
fnt_meter_add_shared(fnt_word *word, uint64_t more)
{
	if (more)
		atomic_fetch_add_explicit(word, more, memory_order_relaxed);
}

/* Count an op in a row of this thread's lane. A process that is killed meanwhile leaves
 * the op counted in part: there is no journal for ops. */
static inline void
fnt_op_row_add_own(struct fnt_op_row *row, struct fnt_op_done done)
{
	fnt_count(&row->total_ns, done.ns);
	fnt_count(&row->count, 1);
	fnt_count(&row->rows, done.rows);
	if (__builtin_expect(!done.ok, 0))
		fnt_count(&row->errors, 1);
}

/* Count an op in a shared row. */
void fnt_op_row_add_shared(struct fnt_op_row *row, const struct fnt_op_done *done);

/* The row for an entity's ops of one kind: this lane's, taken from the table if there
 * is room, else a shared one. Caches it. */
struct fnt_op_row *fnt_meter_find_op_row(struct fnt_meter *meter, uint32_t entity,
					 uint32_t op);

/* The index of the cached row in meter->ops. */
static inline uint32_t
fnt_meter_op_index(uint32_t entity, uint32_t op)
{
	return (entity ^ op << 5) % FNT_OPS_CACHED;
}

/* This lane's row for an entity's ops of one kind; NULL: it is not cached. */
static inline struct fnt_op_row *
fnt_meter_cached_op_row(const struct fnt_meter *meter, uint32_t entity, uint32_t op)
{
	uint64_t key = meter->op_key | (uint64_t)entity << 32 | op << 8;
	struct fnt_op_row *row = meter->ops[fnt_meter_op_index(entity, op)];

	return fnt_word_relaxed(&row->key) == key ? row : NULL;
}

/* Count an op whose kind is valid. */
static inline void
fnt_meter_count_op(struct fnt_meter *meter, struct fnt_op_done done)
{
	struct fnt_op_row *row = fnt_meter_cached_op_row(meter, done.entity, done.op);

	if (!FNT_COUNTED)
		return;
	if (__builtin_expect(!row, 0)) {
		row = fnt_meter_find_op_row(meter, done.entity, done.op);
		if (fnt_meter_cached_op_row(meter, done.entity, done.op) != row) {
			fnt_op_row_add_shared(
				row,
				&(struct fnt_op_done){done.entity, done.op, done.ns,
						      done.rows, done.ok});
			return;
		}
	}
	fnt_op_row_add_own(row, done);
}

#endif
