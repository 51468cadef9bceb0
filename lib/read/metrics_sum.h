/* SPDX-License-Identifier: MIT
 *
 * metrics_sum.h: sums up a region's metrics, in two steps.
 *
 *   rows of functions ── fnt_metrics_sum_fns() ──► sums ──┬─► struct fnt_metrics
 *   rows of operations ─ fnt_metrics_sum_ops() ──► sums ──┘   fnt_metrics_fill()
 *
 * Reading never writes to the region, and every number found in it is bounded before it
 * is used. Counters are read one by one while producers add to them. One thread at a
 * time for one struct fnt_metrics_work. Allocates, and makes no system call otherwise.
 */
#ifndef FNT_READ_METRICS_SUM_H
#define FNT_READ_METRICS_SUM_H

#include "read/octaves.h"
#include "region/view.h"

#include <fntrace/metrics.h>

/* One function's counts so far. */
struct fnt_fn_sum {
	uint32_t name;	  /* id */
	const char *text; /* of the name; the result owns it */
	uint64_t counts[FNT_FN_COUNTERS];
	uint64_t in_flight;
	struct fnt_octaves octaves;
};

/* The counts of an entity's ops of one kind so far. */
struct fnt_op_sum {
	const char *entity; /* the result owns it */
	uint32_t op;
	uint64_t in_blocks; /* sum over the blocks of the pair's rows */
	uint64_t unplaced, errors, rows, total_ns, max_ns;
	struct fnt_octaves octaves;
};

/* What the caller gets (`metrics`), and the memory that it points to. */
struct fnt_metrics_result {
	struct fnt_metrics metrics; /* first: fnt_metrics_free() casts back */
	struct fnt_fn_metrics *fns;
	struct fnt_op_metrics *ops;
	char **texts; /* by name id; NULL until the name is needed */
	uint32_t name_count;
};

struct fnt_metrics_work {
	const struct fnt_view *view;
	struct fnt_metrics_result *result;
	struct fnt_fn_sum *sums; /* the first: of the functions that have no row */
	uint32_t sum_count, sum_room;
	uint32_t *sum_of_name; /* by name id: index into `sums` plus 1; 0: none yet */
	uint32_t *sum_of_row;  /* by row: the same */
	struct fnt_op_sum *op_sums; /* the first: of the operations that have no row */
	uint32_t op_sum_count, op_sum_room;
	uint32_t *op_sum_of_row; /* by row: index into `op_sums` plus 1; 0: none */
	uint32_t shared;	 /* rows that several lanes write to */
};

/* Can a writer have set this key? Its name is not checked. */
static inline bool
fnt_row_key_is(const struct fnt_view *view, uint64_t key, enum fnt_row_kind kind)
{
	uint32_t lane = fnt_key_lane(key);

	return fnt_key_kind(key) == (uint32_t)kind &&
	       (lane < view->lane_count || lane == FNT_LANE_ANY);
}

/* Sets `counts` to the functions' counters, summed over all functions. */
void fnt_metrics_counts(const struct fnt_view *view, uint64_t counts[FNT_FN_COUNTERS]);

/* Sets *text to the text of name `id`, which the result owns; NULL: there is no such
 * name. 0, -ENOMEM. */
int fnt_metrics_text(const struct fnt_metrics_work *work, uint32_t id,
		     const char **text);

/* Add a row's counters to those of a sum: the sums are summed up, of maxima the larger
 * one is kept. */
void fnt_metrics_add_counts(uint64_t into[FNT_FN_COUNTERS],
			    const uint64_t counts[FNT_FN_COUNTERS]);

/* Makes one sum for each function, in `sums`; and one for each entity and kind, in
 * `op_sums`. `work` is zero except for its view and result. fnt_metrics_work_fini()
 * frees the arrays and octaves, whatever is returned. 0, -ENOMEM. */
int fnt_metrics_sum_fns(struct fnt_metrics_work *work);
int fnt_metrics_sum_ops(struct fnt_metrics_work *work);
void fnt_metrics_work_fini(struct fnt_metrics_work *work);

/* An empty result, for fnt_metrics_free(); NULL: no memory. */
struct fnt_metrics_result *fnt_metrics_result_create(uint32_t name_count);

/* Fills in the result from the sums. 0, -ENOMEM. */
int fnt_metrics_fill(struct fnt_metrics_work *work);

/* The part of it that is about operations. */
int fnt_metrics_fill_ops(struct fnt_metrics_work *work);

#endif
