/* SPDX-License-Identifier: MIT
 *
 * metrics.h: counts and latencies of all calls, per function, and of all database
 * operations, per entity and kind.
 *
 * Unlike records these are never overwritten. They count every call that has finished
 * in the region since it was created, in any process, recorded or not. Calls of
 * processes that were killed are counted when the process is recovered: by the next
 * process that opens the region, or by fnt_control_reap.
 *
 * They are exact: the sum over all functions is fnt_log_total_count() whenever no
 * thread is finishing a call. There are two exceptions. A thread that is killed while
 * it counts an op leaves that op counted in part or not at all. If tables are full and
 * threads share rows (`shared` is not 0), a thread that is killed while it finishes a
 * call leaves that call counted in part.
 *
 * A call that was aborted, because its process was killed for example, counts in
 * `aborted`, and with what it did; but in no latency.
 *
 * Latencies are a log-linear histogram with 32 buckets for each doubling, so the middle
 * of a bucket is at most 1.6 % away from any duration in it. Durations below 64 ns are
 * exact; those above 2^42 ns (73 minutes) are in the last bucket.
 */
#ifndef FNTRACE_METRICS_H
#define FNTRACE_METRICS_H

#include <fntrace/reader.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Calls that took `low_ns` to `high_ns`, both included. */
struct fnt_bucket {
	uint64_t low_ns;
	uint64_t high_ns; /* UINT64_MAX: the last bucket that there can be */
	uint64_t count;
};

struct fnt_fn_metrics {
	const char *fn_name; /* valid UTF-8; NULL: several functions */
	uint64_t calls;	     /* finished: the sum of the four below */
	uint64_t ok;
	uint64_t error;
	uint64_t rolled_back;
	uint64_t aborted;
	uint64_t in_flight; /* begun and not finished, as far as they are visible */
	/* Of all calls but those that were aborted, as nobody knows how long these
	 * would have taken: they are in no bucket either. */
	uint64_t total_ns; /* modulo 2^64 */
	uint64_t max_ns;   /* the longest, exactly */

	/* Calls that have no record, as there was no room for it: also those that are
	 * in `unmapped` (fnt_stat.unmapped). */
	uint64_t dropped;
	/* Calls that the settings left out: the sum of the three causes below, which
	 * struct fnt_stat explains. */
	uint64_t not_kept;
	uint64_t kept_none;
	uint64_t sampled;
	uint64_t limited;

	uint64_t ops; /* recorded or omitted */
	uint64_t ops_omitted;
	uint64_t rows; /* sum of the ops' row counts */
	uint64_t stream_bytes;
	uint64_t stream_chunks;
	uint64_t schedules; /* recorded or omitted */
	uint64_t schedules_omitted;
	uint64_t values_omitted;

	/* Calls that are in no bucket below, as there was no room for one: they are in
	 * the buckets of fnt_metrics.other. The sum of the buckets is `calls` -
	 * `aborted` - `spilled`. */
	uint64_t spilled;
	/* The histogram: shortest first, without empty buckets. */
	size_t bucket_count;
	const struct fnt_bucket *buckets;
	uint64_t unmapped; /* a part of `dropped` */
	uint64_t reserved[2];
};

/* One kind of operation on one entity. An op is counted when it ends. */
struct fnt_op_metrics {
	const char *entity; /* valid UTF-8; NULL: several entities */
	enum fnt_op op;
	uint64_t count;
	uint64_t errors;
	uint64_t rows;
	uint64_t total_ns; /* modulo 2^64 */
	uint64_t max_ns;   /* the longest, exactly */
	/* Ops that are in no bucket below, as there was no room for one: they are in
	 * the buckets of fnt_metrics.other_ops. The sum of the buckets is `count` -
	 * `spilled`. */
	uint64_t spilled;
	/* The histogram: shortest first, without empty buckets. */
	size_t bucket_count;
	const struct fnt_bucket *buckets;
	uint64_t reserved[4];
};

struct fnt_metrics {
	struct fnt_fn_metrics total; /* of all functions, `other` included */
	/* Functions that found no room in the tables, or whose names did not. */
	struct fnt_fn_metrics other;
	size_t fn_count;
	const struct fnt_fn_metrics *fns; /* most calls first */
	struct fnt_op_metrics other_ops;  /* ops that found no room */
	size_t op_count;
	const struct fnt_op_metrics *ops; /* most time first */

	/* How full the tables are. There is a row for each pair of a function (or an
	 * entity and kind) and a thread that has used it, and a block for each doubling
	 * in which a row has calls. */
	uint32_t fn_rows, fn_rows_max;
	uint32_t op_rows, op_rows_max;
	uint32_t blocks, blocks_max;
	/* Rows that threads share, because a table was full or a thread had no lane. */
	uint32_t shared;
	uint32_t reserved0;
	uint64_t reserved[8];
};

/* All that the region has counted until now. Free *metrics with fnt_metrics_free. Calls
 * that finish meanwhile may be in one number and not yet in another. Rules as for
 * reader.h; takes time and memory in proportion to the region's metrics tables, however
 * full they are. 0, -ENOMEM, -ESTALE. */
FNT_API int fnt_reader_metrics(struct fnt_reader *reader, struct fnt_metrics **metrics);

/* The same for one's own log: any thread, at any time. 0, -ENOMEM, -ESHUTDOWN: the log
 * is NULL or closed. */
FNT_API int fnt_log_metrics(struct fnt_log *log, struct fnt_metrics **metrics);

/* NULL is ignored. Any thread. */
FNT_API void fnt_metrics_free(struct fnt_metrics *metrics);

/* The duration in nanoseconds that `percent` of the calls do not exceed, to within 1.6
 * %: the middle of the bucket that holds call number ceil(percent / 100 * calls),
 * counted from the shortest; never more than max_ns. `percent` 0 or less: the shortest
 * call's; 100 or more: max_ns. 2^42 for a call in the last bucket, which took at least
 * that. 0 if no calls have ended, or all were aborted. Any thread. Wait-free. */
FNT_API uint64_t fnt_metrics_percentile(const struct fnt_fn_metrics *metrics,
					double percent);
/* The same of an entity's operations of one kind. */
FNT_API uint64_t fnt_metrics_op_percentile(const struct fnt_op_metrics *metrics,
					   double percent);

#ifdef __cplusplus
}
#endif
#endif
