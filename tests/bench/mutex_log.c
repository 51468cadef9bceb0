/* SPDX-License-Identifier: MIT */
#include "mutex_log.h"
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct mutex_log {
	pthread_mutex_t mutex;
	struct mutex_trace **ring;
	size_t capacity, next, count;
	uint64_t total;
};

static void *
must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static char *
copy(const char *text)
{
	return text ? must(strdup(text)) : NULL;
}

struct mutex_log *
mutex_log_create(size_t capacity)
{
	struct mutex_log *log = must(calloc(1, sizeof(*log)));

	log->capacity = capacity;
	log->ring = must(calloc(capacity, sizeof(*log->ring)));
	pthread_mutex_init(&log->mutex, NULL);
	return log;
}

struct mutex_trace *
mutex_trace_begin(const char *call_id, const char *fn_name, int fn_type,
		  const char *user_id)
{
	struct mutex_trace *trace = must(calloc(1, sizeof(*trace)));

	trace->call_id = copy(call_id);
	trace->fn_name = copy(fn_name);
	trace->user_id = copy(user_id);
	trace->fn_type = fn_type;
	trace->started_at_ms = bench_clock(CLOCK_REALTIME) / 1000000;
	trace->started_ns = bench_clock(CLOCK_MONOTONIC);
	return trace;
}

void
mutex_trace_op(struct mutex_trace *trace, int op, const char *entity, const char *id,
	       uint64_t duration_ns, int64_t row_count, bool ok)
{
	/* Grow like a vector: 4, 8, 16 … */
	if (trace->op_count == trace->op_room) {
		trace->op_room = trace->op_room ? trace->op_room * 2 : 4;
		trace->ops =
			must(realloc(trace->ops, trace->op_room * sizeof(*trace->ops)));
	}
	trace->ops[trace->op_count++] = (struct mutex_op){
		op, copy(entity), copy(id), (double)duration_ns / 1e6, row_count, ok};
}

void
mutex_trace_finish_ok(struct mutex_log *log, struct mutex_trace *trace)
{
	struct mutex_trace *oldest;
	uint64_t ns = bench_clock(CLOCK_MONOTONIC) - trace->started_ns;

	trace->duration_ms = (double)ns / 1e6;
	trace->status = MUTEX_OK;
	pthread_mutex_lock(&log->mutex);
	oldest = log->ring[log->next];
	log->ring[log->next] = trace;
	log->next = log->next + 1 < log->capacity ? log->next + 1 : 0;
	if (oldest)
		mutex_trace_free(oldest);
	else
		log->count++;
	log->total++;
	pthread_mutex_unlock(&log->mutex);
}

void
mutex_trace_free(struct mutex_trace *trace)
{
	for (size_t i = 0; i < trace->op_count; i++) {
		free(trace->ops[i].entity);
		free(trace->ops[i].id);
	}
	free(trace->ops);
	free(trace->call_id);
	free(trace->fn_name);
	free(trace->user_id);
	free(trace->tenant_id);
	free(trace->value);
	free(trace->code);
	free(trace->message);
	free(trace);
}

static struct mutex_trace *
copy_trace(const struct mutex_trace *from)
{
	struct mutex_trace *to = must(malloc(sizeof(*to)));

	*to = *from;
	to->call_id = copy(from->call_id);
	to->fn_name = copy(from->fn_name);
	to->user_id = copy(from->user_id);
	to->tenant_id = copy(from->tenant_id);
	to->value = copy(from->value);
	to->code = copy(from->code);
	to->message = copy(from->message);
	to->op_room = from->op_count;
	to->ops = must(malloc((from->op_count + 1) * sizeof(*to->ops)));
	for (size_t i = 0; i < from->op_count; i++) {
		to->ops[i] = from->ops[i];
		to->ops[i].entity = copy(from->ops[i].entity);
		to->ops[i].id = copy(from->ops[i].id);
	}
	return to;
}

size_t
mutex_log_query(struct mutex_log *log, size_t limit, const char *fn_name,
		bool errors_only, struct mutex_trace **traces)
{
	size_t found = 0;

	pthread_mutex_lock(&log->mutex);
	for (size_t i = 1; i <= log->count && found < limit; i++) {
		const struct mutex_trace *trace =
			log->ring[(log->next + log->capacity - i) % log->capacity];

		if (fn_name && strcmp(trace->fn_name, fn_name))
			continue;
		if (errors_only && trace->status == MUTEX_OK)
			continue;
		traces[found++] = copy_trace(trace);
	}
	pthread_mutex_unlock(&log->mutex);
	return found;
}
