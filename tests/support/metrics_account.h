/* SPDX-License-Identifier: MIT
 *
 * metrics_account.h: producers keep an account of what they do beside the region, and a
 * test compares it with the region's metrics.
 */
#ifndef FNT_TEST_METRICS_ACCOUNT_H
#define FNT_TEST_METRICS_ACCOUNT_H

#include "fixture.h"

#include <fntrace/metrics.h>

#include <stdatomic.h>
#include <sys/mman.h>

#define ACCOUNT_FNS 100u
#define ACCOUNT_ENTITIES 40u
#define ACCOUNT_NO_TIME UINT64_MAX

enum account_count {
	ACCOUNT_OK,
	ACCOUNT_ERROR,
	ACCOUNT_ROLLED_BACK,
	ACCOUNT_ABORTED,
	ACCOUNT_DROPPED,
	ACCOUNT_OPS,
	ACCOUNT_OPS_OMITTED,
	ACCOUNT_ROWS,
	ACCOUNT_BYTES,
	ACCOUNT_CHUNKS,
	ACCOUNT_SCHEDULES,
	ACCOUNT_SCHEDULES_OMITTED,
	ACCOUNT_VALUES_OMITTED,
	ACCOUNT_COUNTS
};

struct fn_account {
	_Atomic uint64_t counts[ACCOUNT_COUNTS];
};

struct op_account {
	_Atomic uint64_t count, errors, rows, ns, max_ns;
	/* timed by the library, so that their durations are not known here */
	_Atomic uint64_t timed;
};

/* In memory that the producers share. */
struct account {
	struct fn_account fns[ACCOUNT_FNS];
	struct op_account ops[ACCOUNT_ENTITIES][FNT_OP_KINDS];
};

struct op_entry {
	uint32_t entity;
	enum fnt_op op;
	uint64_t ns;
	int64_t rows;
	bool ok, omitted;
};

static inline struct account *
account_create(void)
{
	return share_memory(sizeof(struct account));
}

static inline void
account_destroy(struct account *account)
{
	munmap(account, sizeof(*account));
}

static inline void
account_add(_Atomic uint64_t *count, uint64_t more)
{
	atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

static inline void
account_time(struct op_account *op, uint64_t ns)
{
	uint64_t max = atomic_load(&op->max_ns);

	account_add(&op->ns, ns);
	while (max < ns && !atomic_compare_exchange_weak(&op->max_ns, &max, ns))
		;
}

static inline void
account_op(struct account *account, struct fn_account *fn, const struct op_entry *entry)
{
	struct op_account *op = &account->ops[entry->entity][entry->op];
	uint64_t rows = entry->rows > 0 ? (uint64_t)entry->rows : 0;

	account_add(&op->count, 1);
	account_add(&op->errors, !entry->ok);
	account_add(&op->rows, rows);
	if (entry->ns == ACCOUNT_NO_TIME)
		account_add(&op->timed, 1);
	else
		account_time(op, entry->ns);
	account_add(&fn->counts[ACCOUNT_OPS], 1);
	account_add(&fn->counts[ACCOUNT_OPS_OMITTED], entry->omitted);
	account_add(&fn->counts[ACCOUNT_ROWS], rows);
}

/* ---- comparing ------------------------------------------------------------------- */

static inline uint64_t
account_buckets(const struct fnt_bucket *buckets, size_t bucket_count)
{
	uint64_t count = 0;

	for (size_t i = 0; i < bucket_count; i++)
		count += buckets[i].count;
	return count;
}

static inline uint64_t
account_fn_buckets(const struct fnt_fn_metrics *fn)
{
	return account_buckets(fn->buckets, fn->bucket_count);
}

static inline void
account_of(const struct fnt_fn_metrics *fn, uint64_t counts[ACCOUNT_COUNTS])
{
	if (fn->fn_name)
		ck_assert_uint_eq(account_fn_buckets(fn) + fn->aborted + fn->spilled,
				  fn->calls);
	if (fn->bucket_count && !fn->spilled)
		ck_assert_uint_ge(fn->max_ns, fn->buckets[fn->bucket_count - 1].low_ns);
	ck_assert_uint_eq(fn->in_flight, 0);
	counts[ACCOUNT_OK] = fn->ok;
	counts[ACCOUNT_ERROR] = fn->error;
	counts[ACCOUNT_ROLLED_BACK] = fn->rolled_back;
	counts[ACCOUNT_ABORTED] = fn->aborted;
	counts[ACCOUNT_DROPPED] = fn->dropped;
	counts[ACCOUNT_OPS] = fn->ops;
	counts[ACCOUNT_OPS_OMITTED] = fn->ops_omitted;
	counts[ACCOUNT_ROWS] = fn->rows;
	counts[ACCOUNT_BYTES] = fn->stream_bytes;
	counts[ACCOUNT_CHUNKS] = fn->stream_chunks;
	counts[ACCOUNT_SCHEDULES] = fn->schedules;
	counts[ACCOUNT_SCHEDULES_OMITTED] = fn->schedules_omitted;
	counts[ACCOUNT_VALUES_OMITTED] = fn->values_omitted;
}

/* Calls that one function's histogram has no room for are in the histogram of the
 * others. */
static inline void
account_compare_buckets(const struct fnt_metrics *metrics)
{
	uint64_t spilled = 0;

	for (size_t i = 0; i < metrics->fn_count; i++)
		spilled += metrics->fns[i].spilled;
	ck_assert_uint_eq(account_fn_buckets(&metrics->other),
			  metrics->other.calls - metrics->other.aborted + spilled);
	ck_assert_uint_eq(account_fn_buckets(&metrics->total),
			  metrics->total.calls - metrics->total.aborted);
	ck_assert_uint_eq(metrics->total.spilled, 0);
}

/* A row must have what was done, if its function has the row to itself. What is missing
 * in it must be counted for the others. */
static inline void
account_compare_fn(const struct account *account, const struct fnt_metrics *metrics,
		   uint32_t i, const char *name, uint64_t missing[ACCOUNT_COUNTS])
{
	uint64_t is[ACCOUNT_COUNTS] = {0};

	for (size_t k = 0; k < metrics->fn_count; k++)
		if (!strcmp(metrics->fns[k].fn_name, name))
			account_of(&metrics->fns[k], is);
	for (int c = 0; c < ACCOUNT_COUNTS; c++) {
		uint64_t want = atomic_load(&account->fns[i].counts[c]);

		if (is[c] > want || (is[c] < want && !metrics->other.calls))
			ck_abort_msg("%s: count %d is %llu, not %llu", name, c,
				     (unsigned long long)is[c],
				     (unsigned long long)want);
		missing[c] += want - is[c];
	}
}

static inline void
account_compare_fns(const struct account *account, const struct fnt_metrics *metrics,
		    const char *(*fn_name)(uint32_t i))
{
	uint64_t missing[ACCOUNT_COUNTS] = {0}, other[ACCOUNT_COUNTS],
		 total[ACCOUNT_COUNTS];

	for (uint32_t i = 0; i < ACCOUNT_FNS; i++)
		account_compare_fn(account, metrics, i, fn_name(i), missing);
	account_of(&metrics->other, other);
	account_of(&metrics->total, total);
	for (int c = 0; c < ACCOUNT_COUNTS; c++) {
		uint64_t want = 0;

		for (uint32_t i = 0; i < ACCOUNT_FNS; i++)
			want += atomic_load(&account->fns[i].counts[c]);
		ck_assert_uint_eq(other[c], missing[c]);
		ck_assert_uint_eq(total[c], want);
	}
}

static inline void
account_compare_op(const struct op_account *op, const struct fnt_op_metrics *is,
		   struct fnt_op_metrics *missing)
{
	ck_assert_uint_le(is->count, op->count);
	ck_assert_uint_le(is->errors, op->errors);
	ck_assert_uint_le(is->rows, op->rows);
	missing->count += op->count - is->count;
	missing->errors += op->errors - is->errors;
	missing->rows += op->rows - is->rows;
	missing->spilled += is->spilled;
	ck_assert_uint_eq(account_buckets(is->buckets, is->bucket_count) + is->spilled,
			  is->count);
	if (is->count == op->count && !op->timed) {
		ck_assert_uint_eq(is->total_ns, op->ns);
		ck_assert_uint_eq(is->max_ns, op->max_ns);
	}
	if (is->count == op->count) {
		ck_assert_uint_ge(is->total_ns, op->ns);
		ck_assert_uint_ge(is->max_ns, op->max_ns);
	}
}

static inline void
account_compare_ops(struct account *account, const struct fnt_metrics *metrics,
		    const char *(*entity_name)(uint32_t i))
{
	struct fnt_op_metrics missing = {.entity = NULL};
	size_t found = 0;

	for (uint32_t e = 0; e < ACCOUNT_ENTITIES; e++)
		for (uint32_t o = 0; o < FNT_OP_KINDS; o++) {
			struct fnt_op_metrics is = {.entity = NULL};

			for (size_t k = 0; k < metrics->op_count; k++)
				if (metrics->ops[k].op == o &&
				    !strcmp(metrics->ops[k].entity, entity_name(e))) {
					is = metrics->ops[k];
					found++;
				}
			account_compare_op(&account->ops[e][o], &is, &missing);
		}
	ck_assert_uint_eq(found, metrics->op_count);
	ck_assert_uint_eq(missing.count, metrics->other_ops.count);
	ck_assert_uint_eq(missing.errors, metrics->other_ops.errors);
	ck_assert_uint_eq(missing.rows, metrics->other_ops.rows);
	ck_assert_uint_eq(account_buckets(metrics->other_ops.buckets,
					  metrics->other_ops.bucket_count),
			  missing.count + missing.spilled);
}

static inline void
account_compare(struct account *account, const struct fnt_metrics *metrics,
		const char *(*fn_name)(uint32_t i),
		const char *(*entity_name)(uint32_t i))
{
	account_compare_fns(account, metrics, fn_name);
	account_compare_buckets(metrics);
	account_compare_ops(account, metrics, entity_name);
}

/* The metrics of a region. Free them. */
static inline struct fnt_metrics *
metrics_of(const char *name)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_metrics *metrics;

	MUST(!fnt_reader_metrics(reader, &metrics));
	fnt_reader_close(reader);
	return metrics;
}

#endif
