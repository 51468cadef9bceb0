/* SPDX-License-Identifier: MIT
 *
 * json_trace.c: a trace as JSON.
 *
 * The first fields are those of Pylon's trace endpoint, with its names and in its
 * order; a field that it leaves out is left out here. Further fields follow.
 */
#include "json/json.h"

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <string.h>

/* `,"name":`; our names need no escapes. */
static void
write_name(struct fnt_buf *buf, const char *name)
{
	fnt_buf_append_text(buf, ",\"");
	fnt_buf_append_text(buf, name);
	fnt_buf_append_text(buf, "\":");
}

static void
write_text(struct fnt_buf *buf, const char *name, const char *text)
{
	write_name(buf, name);
	fnt_json_string(buf, text ? text : "", text ? strlen(text) : 0);
}

static void
write_text_or_null(struct fnt_buf *buf, const char *name, const char *text)
{
	if (text) {
		write_text(buf, name, text);
	} else {
		write_name(buf, name);
		fnt_buf_append_text(buf, "null");
	}
}

static void
write_u64(struct fnt_buf *buf, const char *name, uint64_t value)
{
	write_name(buf, name);
	fnt_json_u64(buf, value);
}

static void
write_i64(struct fnt_buf *buf, const char *name, int64_t value)
{
	write_name(buf, name);
	fnt_json_i64(buf, value);
}

static void
write_i64_if_any(struct fnt_buf *buf, const char *name, int64_t value)
{
	if (value != FNT_NONE)
		write_i64(buf, name, value);
}

static void
write_ms(struct fnt_buf *buf, const char *name, uint64_t ns)
{
	write_name(buf, name);
	fnt_json_ns_as_ms(buf, ns);
}

static void
write_bool(struct fnt_buf *buf, const char *name, bool value)
{
	write_name(buf, name);
	fnt_buf_append_text(buf, value ? "true" : "false");
}

/* Returns as fnt_value_flags(). `buf` NULL: only checks. */
static uint32_t
write_result(struct fnt_buf *buf, const struct fnt_value *value)
{
	const void *data = value && value->data ? value->data : "";
	size_t len = value && value->data ? value->len : 0;

	switch (value ? value->kind : FNT_VALUE_NONE) {
	case FNT_VALUE_JSON:
		return fnt_json_text(buf, data, len);
	case FNT_VALUE_MSGPACK:
		return fnt_json_msgpack(buf, data, len);
	default:
		if (buf)
			fnt_buf_append_text(buf, "null");
		return 0;
	}
}

/* ---- the fields of Pylon --------------------------------------------------------- */

/* Returns what is wrong with its value: as fnt_value_flags(). */
static uint32_t
write_outcome(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	uint32_t flags = 0;

	fnt_buf_append_text(buf, ",\"outcome\":{\"status\":\"");
	fnt_buf_append_text(buf, fnt_outcome_name(trace->outcome));
	fnt_buf_append_char(buf, '"');
	switch (trace->outcome) {
	case FNT_OK:
		if (trace->value.kind != FNT_VALUE_NONE) {
			write_name(buf, "value");
			flags = write_result(buf, &trace->value);
		}
		break;
	case FNT_ERROR:
	case FNT_ROLLED_BACK:
		write_text(buf, "code", trace->code);
		write_text(buf, "message", trace->message);
		break;
	default:
		break;
	}
	fnt_buf_append_char(buf, '}');
	return flags;
}

/* `{"op":…,"entity":…,"id":…`: what ended and pending ops have in common. */
static void
write_op_head(struct fnt_buf *buf, const struct fnt_trace_op *op)
{
	const char *name = fnt_trace_op_name(op);

	fnt_buf_append_text(buf, "{\"op\":");
	fnt_json_string(buf, name, strlen(name));
	write_text(buf, "entity", op->entity);
	if (op->id)
		write_text(buf, "id", op->id);
}

static void
write_op(struct fnt_buf *buf, const struct fnt_trace_op *op)
{
	write_op_head(buf, op);
	write_ms(buf, "duration_ms", op->duration_ns);
	write_i64_if_any(buf, "row_count", op->row_count);
	write_bool(buf, "ok", op->ok);
	write_ms(buf, "start_ms", op->start_ns);
	fnt_buf_append_char(buf, '}');
}

static void
write_schedule(struct fnt_buf *buf, const struct fnt_trace_schedule *schedule)
{
	const char *fn_name = schedule->fn_name ? schedule->fn_name : "";

	fnt_buf_append_text(buf, "{\"fn_name\":");
	fnt_json_string(buf, fn_name, strlen(fn_name));
	write_i64_if_any(buf, "delay_ms", schedule->delay_ms);
	write_i64_if_any(buf, "run_at", schedule->run_at);
	fnt_buf_append_char(buf, '}');
}

/* Returns as write_outcome(). */
static uint32_t
write_original_fields(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	const char *call_id = trace->call_id ? trace->call_id : "";
	uint32_t flags;

	fnt_buf_append_text(buf, "\"call_id\":");
	fnt_json_string(buf, call_id, strlen(call_id));
	write_text(buf, "fn_name", trace->fn_name);
	write_text(buf, "fn_type", fnt_fn_type_name(trace->fn_type));
	write_text_or_null(buf, "user_id", trace->user_id);
	write_u64(buf, "started_at", trace->started_at_ns / 1000000);
	write_ms(buf, "duration_ms", trace->duration_ns);
	flags = write_outcome(buf, trace);
	write_name(buf, "ops");
	fnt_buf_append_char(buf, '[');
	for (size_t i = 0; i < trace->op_count; i++) {
		if (i)
			fnt_buf_append_char(buf, ',');
		write_op(buf, &trace->ops[i]);
	}
	fnt_buf_append_char(buf, ']');
	write_u64(buf, "stream_bytes", trace->stream_bytes);
	write_u64(buf, "stream_chunks", trace->stream_chunks);
	write_name(buf, "schedules");
	fnt_buf_append_char(buf, '[');
	for (size_t i = 0; i < trace->schedule_count; i++) {
		if (i)
			fnt_buf_append_char(buf, ',');
		write_schedule(buf, &trace->schedules[i]);
	}
	fnt_buf_append_char(buf, ']');
	return flags;
}

/* ---- our own fields ------------------------------------------------------------- */

/* Ids are strings, since most readers of JSON would round such numbers. */
static void
write_ids(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	fnt_buf_append_text(buf, ",\"uid\":\"");
	fnt_json_hex(buf, trace->uid, 16);
	fnt_buf_append_text(buf, "\",\"trace_id\":\"");
	fnt_json_hex(buf, trace->trace_id[0], 16);
	fnt_json_hex(buf, trace->trace_id[1], 16);
	fnt_buf_append_text(buf, "\",\"parent_uid\":");
	if (trace->parent_uid) {
		fnt_buf_append_char(buf, '"');
		fnt_json_hex(buf, trace->parent_uid, 16);
		fnt_buf_append_char(buf, '"');
	} else {
		fnt_buf_append_text(buf, "null");
	}
}

/* `more`: flags that the trace need not have. */
static void
write_flags(struct fnt_buf *buf, const struct fnt_trace *trace, uint32_t more)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{FNT_TRACE_VALUE_OMITTED, "value_omitted"},
		{FNT_TRACE_CODE_CUT, "code_cut"},
		{FNT_TRACE_MESSAGE_CUT, "message_cut"},
		{FNT_TRACE_ID_CUT, "id_cut"},
		{FNT_TRACE_INVALID_UTF8, "invalid_utf8"},
		{FNT_TRACE_DAMAGED, "damaged"},
		{FNT_TRACE_VALUE_INVALID, "value_invalid"},
		{FNT_TRACE_VALUE_TOO_DEEP, "value_too_deep"},
		{FNT_TRACE_AS_OF_COPY, "as_of_copy"},
		{FNT_TRACE_TIME_UNKNOWN, "time_unknown"},
	};
	const uint32_t cut = FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT |
			     FNT_TRACE_MESSAGE_CUT | FNT_TRACE_ID_CUT;

	write_u64(buf, "ops_omitted", trace->ops_omitted);
	write_u64(buf, "schedules_omitted", trace->schedules_omitted);
	write_bool(buf, "truncated",
		   trace->ops_omitted || trace->schedules_omitted ||
			   (trace->flags & cut));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if ((trace->flags | more) & flags[i].flag)
			write_bool(buf, flags[i].name, true);
	}
}

static void
write_waits(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	write_name(buf, "waits");
	fnt_buf_append_char(buf, '[');
	for (size_t i = 0; i < trace->wait_count; i++) {
		const struct fnt_trace_op *wait = &trace->waits[i];
		const char *name = fnt_trace_op_name(wait);

		fnt_buf_append_text(buf, i ? ",{\"name\":" : "{\"name\":");
		fnt_json_string(buf, name, strlen(name));
		write_ms(buf, "duration_ms", wait->duration_ns);
		write_bool(buf, "ok", wait->ok);
		write_ms(buf, "start_ms", wait->start_ns);
		fnt_buf_append_char(buf, '}');
	}
	fnt_buf_append_char(buf, ']');
}

/* For a call that is in flight or was aborted: its time so far and its open op. For one
 * whose process died: when that was found out. */
static void
write_progress(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	const struct fnt_trace_op *op = trace->pending;

	write_ms(buf, "elapsed_ms", trace->duration_ns);
	if (trace->seen_dead_ns)
		write_ms(buf, "seen_dead_ms", trace->seen_dead_ns);
	write_name(buf, "pending_op");
	if (!trace->pending_count) {
		fnt_buf_append_text(buf, "null");
		return;
	}
	write_op_head(buf, op);
	write_ms(buf, "start_ms", op->start_ns);
	write_ms(buf, "elapsed_ms",
		 trace->duration_ns > op->start_ns ? trace->duration_ns - op->start_ns
						   : 0);
	fnt_buf_append_char(buf, '}');
}

static void
write_trace(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	uint32_t of_value;

	fnt_buf_append_char(buf, '{');
	of_value = write_original_fields(buf, trace);
	write_text_or_null(buf, "tenant_id", trace->tenant_id);
	write_ids(buf, trace);
	write_u64(buf, "trace_flags", trace->w3c_flags);
	write_i64(buf, "pid", trace->pid);
	write_i64(buf, "tid", trace->tid);
	write_u64(buf, "pid_ns", trace->pid_ns);
	if (trace->host_pid && trace->host_pid != trace->pid)
		write_i64(buf, "host_pid", trace->host_pid);
	write_text(buf, "exe", trace->exe);
	write_ms(buf, "started_mono_ms", trace->started_mono_ns);
	write_flags(buf, trace, of_value);
	if (trace->wait_count)
		write_waits(buf, trace);
	if (trace->outcome == FNT_IN_FLIGHT || trace->outcome == FNT_ABORTED)
		write_progress(buf, trace);
	fnt_buf_append_char(buf, '}');
}

/* ---- public functions ----------------------------------------------------------- */

int
fnt_trace_to_json(const struct fnt_trace *trace, char **json, size_t *len)
{
	struct fnt_buf buf;

	fnt_buf_init(&buf);
	write_trace(&buf, trace);
	return fnt_buf_steal(&buf, json, len);
}

uint32_t
fnt_value_flags(const struct fnt_value *value)
{
	return write_result(NULL, value);
}

int
fnt_value_to_json(const struct fnt_value *value, char **json, size_t *len)
{
	struct fnt_buf buf;

	fnt_buf_init(&buf);
	write_result(&buf, value);
	return fnt_buf_steal(&buf, json, len);
}
