/* SPDX-License-Identifier: MIT
 *
 * bench_calls.h: the parts of a call for the shapes of bench_fntrace.c, and functions
 * with the same parameters that do nothing, to measure the loop. One thread for a
 * producer.
 */
#ifndef FNT_BENCH_CALLS_H
#define FNT_BENCH_CALLS_H

#include "bench.h"
#include "workload.h"

#include <fntrace/fntrace.h>

struct producer {
	struct workload work;
	const struct bench_options *options;
	struct fnt_call *parent;
	struct fnt_value value;
	uint64_t done; /* calls so far */
};

/* The log of this process. */
extern struct fnt_log *bench_log;

/* `i`: the number of the call. `number`: of the op in its call. */
static inline struct fnt_call *
call_begin(struct producer *p, uint64_t i)
{
	struct fnt_call_info info = {
		.call_id = workload_call_id(&p->work, i),
		.fn_name = workload_fn(i),
		.fn_type = FNT_MUTATION,
		.user_id = workload_user_id(&p->work, i),
		.parent = p->parent,
	};

	return fnt_call_begin(bench_log, &info);
}

static inline void
call_op(struct producer *p, struct fnt_call *call, uint64_t i, unsigned number)
{
	if (number % 2)
		fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
	else
		fnt_call_op(call, FNT_OP_GET, "Lot", workload_row_id(&p->work, i), 2000,
			    1, true);
}

static inline void
call_pair(struct producer *p, struct fnt_call *call, uint64_t i, unsigned number)
{
	int64_t handle;

	if (number % 2)
		handle = fnt_call_op_begin(call, FNT_OP_INSERT, "Bid", NULL);
	else
		handle = fnt_call_op_begin(call, FNT_OP_GET, "Lot",
					   workload_row_id(&p->work, i));
	fnt_call_op_end(call, handle, number % 2 ? FNT_NONE : 1, true);
}

/* ---- functions that do nothing -------------------------------------------------- */

static __attribute__((noinline)) struct fnt_call *
stub_begin(struct fnt_log *log, const struct fnt_call_info *info)
{
	__asm__ volatile("" : : "r"(log), "r"(info) : "memory");
	return NULL;
}

static __attribute__((noinline)) int
stub_op(struct fnt_call *call, enum fnt_op op, const char *entity, const char *id,
	uint64_t duration_ns, int64_t row_count, bool ok)
{
	__asm__ volatile("" : : "r"(call), "r"(entity), "r"(id) : "memory");
	return (int)op + (int)duration_ns + (int)row_count + ok;
}

static __attribute__((noinline)) int
stub_finish(struct fnt_call *call, const struct fnt_value *value)
{
	__asm__ volatile("" : : "r"(call), "r"(value) : "memory");
	return 0;
}

#endif
