/* SPDX-License-Identifier: MIT
 *
 * metrics.h: counts and latencies of every call, per function, and of every database
 * operation, per entity and kind.
 *
 * Unlike records they are never overwritten: they count every call that has finished in
 * the region, by any process, kept or not, since it was made. Of processes that were
 * killed too, once their remains are taken up (the next that opens the region does).
 *
 * Exact: the sum over all functions is fnt_log_total_count(), once nobody is in the
 * middle of finishing a call. The limits: a thread that is killed while it counts an op
 * leaves that op counted in part or not at all; where tables are full and lanes share
 * rows (`shared` is not 0), a thread that is killed while it finishes a call leaves
 * that call counted in part.
 *
 * Latencies are a histogram, log-linear: 32 buckets for each doubling, so that a
 * bucket's middle is at most 1.6 % away from what fell into it; exact below 64 ns; what
 * takes longer than 2^42 ns (73 minutes) is in the last bucket.
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
	uint64_t high_ns; /* of the last there can be: UINT64_MAX */
	uint64_t count;
};

struct fnt_fn_metrics {
	const char *fn_name; /* valid UTF-8; NULL: of several */
	uint64_t calls;	     /* finished: the sum of the four below */
	uint64_t ok;
	uint64_t error;
	uint64_t rolled_back;
	uint64_t aborted;
	uint64_t in_flight; /* begun and not finished, as far as frames show it */
	uint64_t total_ns;  /* of all calls; modulo 2^64 */

	/* Of the calls, those without a record: for want of room, and by the settings,
	 * the sum of the three causes after it (as in struct fnt_stat). */
	uint64_t dropped;
	uint64_t not_kept;
	uint64_t kept_none;
	uint64_t sampled;
	uint64_t limited;

	uint64_t ops; /* recorded and omitted */
	uint64_t ops_omitted;
	uint64_t rows; /* that the ops came to */
	uint64_t stream_bytes;
	uint64_t stream_chunks;
	uint64_t schedules; /* recorded and omitted */
	uint64_t schedules_omitted;
	uint64_t values_omitted;

	/* Calls that no bucket below counts, for want of room: they are in those of
	 * fnt_metrics.other. The buckets' sum is `calls` - `spilled`. */
	uint64_t spilled;
	/* The histogram, from the shortest, without empty ones. */
	size_t bucket_count;
	const struct fnt_bucket *buckets;
	uint64_t reserved[4];
};

/* One kind of operation on one entity. An op counts when it ends. */
struct fnt_op_metrics {
	const char *entity; /* valid UTF-8; NULL: of several */
	enum fnt_op op;
	uint64_t count;
	uint64_t errors;
	uint64_t rows;
	uint64_t total_ns; /* modulo 2^64 */
	uint64_t reserved[2];
};

struct fnt_metrics {
	struct fnt_fn_metrics total; /* of all functions, `other` too */
	/* Functions that found no room in the tables, or whose names did not. */
	struct fnt_fn_metrics other;
	size_t fn_count;
	const struct fnt_fn_metrics *fns; /* most calls first */
	struct fnt_op_metrics other_ops;  /* likewise */
	size_t op_count;
	const struct fnt_op_metrics *ops; /* most time first */

	/* Room: a row for each function and thread that has called it, and so on. */
	uint32_t fn_rows, fn_rows_max;
	uint32_t op_rows, op_rows_max;
	uint32_t blocks, blocks_max;
	uint32_t shared; /* rows that threads share: for want of room, or of a thread
			    slot */
	uint32_t reserved0;
	uint64_t reserved[8];
};

/* What the region has counted until now. Free *metrics with fnt_metrics_free. While
 * calls finish, a call may be in one number already and not yet in another. Threads,
 * signals and waiting as for all of reader.h; memory in proportion to the region's
 * metrics, whatever is in them. 0, -ENOMEM, -ESTALE. */
FNT_API int fnt_reader_metrics(struct fnt_reader *reader, struct fnt_metrics **metrics);

/* The same of the own log: any thread, at any time. 0, -ENOMEM, -ESHUTDOWN. */
FNT_API int fnt_log_metrics(struct fnt_log *log, struct fnt_metrics **metrics);

/* NULL is ignored. */
FNT_API void fnt_metrics_free(struct fnt_metrics *metrics);

/* The duration that `percent` of the calls do not exceed, to within 1.6 %: the middle
 * of the bucket of the call number ceil(percent / 100 * calls), from the shortest; the
 * first for 0 and less, the last for 100 and more. Of those beyond 2^42 ns: 2^42 ns, at
 * least. 0 where there are no calls. Any thread, any time. */
FNT_API uint64_t fnt_metrics_percentile(const struct fnt_fn_metrics *metrics,
					double percent);

#ifdef __cplusplus
}
#endif
#endif
