/* SPDX-License-Identifier: MIT
 *
 * count.h: where a thread counts its calls and ops in the region's metrics.
 *
 *   a call ends ──► the row of its lane and function ────────┬─► a bucket of the row's
 *   an op ends  ──► the row of its lane, entity and kind ────┘   histogram
 *                        │ no such row, and no room for one
 *                        └──► the row that all lanes share ──► the row of all others
 *
 * A call is counted in two parts: fnt_meter_place_…() finds its row and bucket before
 * the call ends; journal.h counts it there when it ends. Ops are counted at once:
 * count_ops.h.
 *
 * Who may write what: a row or block of a lane, the lane's thread, or whoever recovers
 * the lane of a dead one, by load, add and store; a shared row, anyone, by fetch-add,
 * and its maximum by compare-and-swap. See layout_metrics.h. A struct fnt_meter belongs
 * to one thread.
 *
 * Progress: wait-free, but for raising the maximum of a shared row, which is lock-free.
 * No system call; no allocation but for larger caches, three at most for a thread. A
 * row or block that is not cached is found in at most FNT_ROW_PROBES steps.
 */
#ifndef FNT_METRICS_COUNT_H
#define FNT_METRICS_COUNT_H

#include "base/shm_words.h"
#include "metrics/rows.h"

/* tests/bench measures against a library that neither counts nor reads settings. */
#ifdef FNT_BENCH_UNCOUNTED
#define FNT_COUNTED 0
#else
#define FNT_COUNTED 1
#endif

/* Entries of a thread's caches: a few at first, then as many as are allocated. Powers
 * of two. */
#define FNT_FNS_FEW 16u
#define FNT_FNS_CACHED 256u
#define FNT_OPS_FEW 16u
#define FNT_OPS_CACHED 128u
#define FNT_OPS_PROBED 4u

/* The row and the octave's buckets in which this thread last counted a call of a
 * function. Durations from `low` to before `low + span` are in that octave, and not
 * longer than the row's maximum, so that a bucket and the sums are all that they
 * change. */
struct fnt_fn_cache {
	uint32_t name;
	uint32_t shift;	    /* a bucket is 1 << shift ns wide */
	uint64_t low;	    /* ns; where bucket 0 begins */
	uint64_t span;	    /* ns; 0: no bucket is cached */
	fnt_word *buckets;  /* FNT_OCTAVE_BUCKETS of them */
	uint64_t bucket_no; /* of bucket 0 among all blocks', plus 1 */
	struct fnt_fn_row *row;
	uint64_t pad;
	uint64_t journal; /* fnt_journal_make() for a call that was ok, and recorded; 0:
			     the row is shared */
};

#define FNT_FN_CACHE_BITS 6
static_assert(sizeof(struct fnt_fn_cache) == 1 << FNT_FN_CACHE_BITS &&
		      FNT_FNS_CACHED == 1 << 8,
	      "a power of two; 8 bits choose an entry");

/* The same for ops. Once filled in, an entry stays the same pair's until all are
 * forgotten. */
struct fnt_op_cache {
	uint64_t low, span; /* ns */
	struct fnt_op_row *row;
	fnt_word *buckets;
	uint64_t key; /* of this lane's row; 0: the entry is free */
	uint32_t shift;
	bool own; /* only this thread writes to the row */
};

/* A thread's counting state. */
struct fnt_meter {
	const struct fnt_view *view;
	struct fnt_journal *journal; /* of this lane; NULL: there is no lane */
	uint64_t fn_key;	     /* of this lane's rows, without the name */
	uint64_t op_key;	     /* of this lane's rows, without entity and kind */
	struct fnt_fn_cache *fns;
	struct fnt_op_cache *ops;
	uint32_t fns_factor, fns_mask; /* see fnt_meter_fn_offset() */
	uint32_t ops_mask;	       /* entries minus 1 */
	uint32_t fns_evicted;	       /* entries that gave way to another function */
	uint32_t ops_missed;	       /* ops that found no free entry in `ops` */
	bool may_grow;		       /* the caches; then fnt_meter_fini() is called */
	struct fnt_fn_cache few_fns[FNT_FNS_FEW];
	struct fnt_op_cache few_ops[FNT_OPS_FEW];
};

/* Prepare a meter for the thread that owns `lane`. `lane` UINT32_MAX (or any that the
 * region does not have): everything is counted in shared rows. The view must stay. */
void fnt_meter_init(struct fnt_meter *meter, const struct fnt_view *view,
		    uint32_t lane);

/* Count in another lane from now on. Pointers to cached entries must be forgotten. */
void fnt_meter_set_lane(struct fnt_meter *meter, uint32_t lane);

/* Free what the caches have allocated. */
void fnt_meter_fini(struct fnt_meter *meter);

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
	fnt_word *bucket;    /* NULL: none, as the call was aborted */
	uint64_t bucket_no;  /* among all blocks', plus 1; 0: none, or it is shared */
	fnt_word *other_max; /* if `spilled`: of the row of all others */
	bool own_row;	     /* only this thread writes to the row */
	bool spilled;	     /* the bucket is the row of all others', the row is not */
	bool rare;	     /* counters from FNT_FN_RARE on may change */
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

/* The offset in `fns` for a function, in bytes: of its name's number times the factor,
 * as many of the highest 8 bits as the mask keeps. */
static inline uint32_t
fnt_meter_fn_offset(const struct fnt_meter *meter, uint32_t factor, uint32_t name)
{
	return name * factor >> (24 - FNT_FN_CACHE_BITS) & meter->fns_mask;
}

/* The entry of a function, which may be another one's. */
static inline struct fnt_fn_cache *
fnt_meter_fn_cache(const struct fnt_meter *meter, uint32_t name)
{
	return (struct fnt_fn_cache *)(void *)((char *)meter->fns +
					       fnt_meter_fn_offset(
						       meter, meter->fns_factor, name));
}

/* Find the row and the bucket for a call before it ends. `record`: its name, outcome
 * and duration are set; it must outlive the place, as must `extra`. `rare`: the call
 * may have omitted something, streamed, or scheduled. May take a free row or block of
 * the tables. */
struct fnt_place fnt_meter_place_slow(struct fnt_meter *meter,
				      const struct fnt_record *record,
				      const struct fnt_extra *extra, bool rare);

/* Make the octave of `duration_ns` the cached one of the function `name`, for the next
 * fnt_meter_place_fast(). False: the function or that octave's block is not cached, or
 * the function's calls took less until now. */
bool fnt_meter_switch_octave(struct fnt_meter *meter, uint32_t name,
			     uint64_t duration_ns);

/* The same as fnt_meter_place_slow() for a call that lasted `duration_ns` and was not
 * aborted, if its function's row and that octave's buckets are cached, and if calls in
 * that row have taken as long before. False: no; only `place` has changed. */
static inline __attribute__((always_inline)) bool
fnt_meter_place_fast(const struct fnt_meter *meter, struct fnt_place_fast *place,
		     const struct fnt_record *record, const struct fnt_extra *extra,
		     uint64_t duration_ns)
{
	const struct fnt_fn_cache *fn = fnt_meter_fn_cache(meter, record->fn_name);
	uint64_t past = duration_ns - fn->low, bucket;

	place->record = record;
	place->extra = extra;
	place->duration_ns = duration_ns;
	if (!FNT_COUNTED)
		return true;
	if (__builtin_expect(fn->name != record->fn_name || past >= fn->span, 0))
		return false;
	bucket = past >> fn->shift;
	place->journal = meter->journal;
	place->row = fn->row;
	place->armed = fn->journal;
	place->bucket = &fn->buckets[bucket];
	place->bucket_no = fn->bucket_no + bucket;
	return true;
}

/* ---- words that several threads change ------------------------------------------- */

/* Add to a counter that several threads add to. */
static inline void
fnt_meter_add_shared(fnt_word *word, uint64_t more)
{
	if (more)
		atomic_fetch_add_explicit(word, more, memory_order_relaxed);
}

/* Raise a maximum that several threads raise. Lock-free: it repeats only if another
 * thread has raised it meanwhile. */
static inline void
fnt_meter_raise_shared(fnt_word *word, uint64_t value)
{
	uint64_t seen = atomic_load_explicit(word, memory_order_relaxed);

	while (seen < value &&
	       !atomic_compare_exchange_weak_explicit(
		       word, &seen, value, memory_order_relaxed, memory_order_relaxed))
		;
}

#endif
