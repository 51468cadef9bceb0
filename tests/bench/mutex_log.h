/* SPDX-License-Identifier: MIT
 *
 * mutex_log.h: an in-process log as services write it by hand: traces on the heap, each
 * with copies of its strings, a ring of pointers, and one mutex. It frees a trace that
 * leaves the ring, and copies those it returns, while it holds the mutex. Blocking; any
 * thread.
 */
#ifndef FNT_BENCH_MUTEX_LOG_H
#define FNT_BENCH_MUTEX_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mutex_status {
	MUTEX_OK,
	MUTEX_ERROR,
};

struct mutex_op {
	int op;
	char *entity, *id; /* id may be NULL */
	double duration_ms;
	int64_t row_count; /* INT64_MIN: none */
	bool ok;
};

struct mutex_trace {
	char *call_id, *fn_name, *user_id, *tenant_id; /* the last two may be NULL */
	int fn_type;
	uint64_t started_at_ms;
	uint64_t started_ns; /* monotonic */
	double duration_ms;
	enum mutex_status status;
	char *value, *code, *message; /* may be NULL */
	struct mutex_op *ops;
	size_t op_count, op_room;
};

struct mutex_log;

struct mutex_log *mutex_log_create(size_t capacity);

/* Record a call. One thread at a time for a trace; abort() without memory. */
struct mutex_trace *mutex_trace_begin(const char *call_id, const char *fn_name,
				      int fn_type, const char *user_id);
void mutex_trace_op(struct mutex_trace *trace, int op, const char *entity,
		    const char *id, uint64_t duration_ns, int64_t row_count, bool ok);
void mutex_trace_finish_ok(struct mutex_log *log, struct mutex_trace *trace);

/* Store copies of at most `limit` traces, newest first, in `traces`; returns their
 * number. `fn_name` NULL: any function. Free each with mutex_trace_free(). */
size_t mutex_log_query(struct mutex_log *log, size_t limit, const char *fn_name,
		       bool errors_only, struct mutex_trace **traces);

void mutex_trace_free(struct mutex_trace *trace);

#endif
