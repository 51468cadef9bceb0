/* SPDX-License-Identifier: MIT
 *
 * mutex_log.h: the original service's in-process log, in plain C: traces on the heap
 * with strings of their own, a ring of pointers, one mutex around it. What it pushes
 * out it frees, and what it hands out it copies, under that mutex.
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
	uint64_t started_ns; /* monotonic, of the builder */
	double duration_ms;
	enum mutex_status status;
	char *value, *code, *message; /* may be NULL */
	struct mutex_op *ops;
	size_t op_count, op_room;
};

struct mutex_log;

struct mutex_log *mutex_log_create(size_t capacity);

/* A call: any thread; abort() where there is no memory, as the original does. */
struct mutex_trace *mutex_trace_begin(const char *call_id, const char *fn_name,
				      int fn_type, const char *user_id);
void mutex_trace_op(struct mutex_trace *trace, int op, const char *entity,
		    const char *id, uint64_t duration_ns, int64_t row_count, bool ok);
void mutex_trace_finish_ok(struct mutex_log *log, struct mutex_trace *trace);

/* Copies of at most `limit` traces, newest first, into `traces`; their number.
 * `fn_name` NULL: of any function. */
size_t mutex_log_query(struct mutex_log *log, size_t limit, const char *fn_name,
		       bool errors_only, struct mutex_trace **traces);

void mutex_trace_free(struct mutex_trace *trace);

#endif
