/* SPDX-License-Identifier: MIT
 *
 * json_trace.c: a trace as JSON.
 *
 * First what the original service's trace endpoint has, by its names and in its order;
 * then what is ours. A field that is absent there is absent here.
 */
#include <fntrace/fntrace.h>

#include "json/json.h"

/* `,"name":`; the names are ours and need no escape. */
static void
put_name(struct fnt_buf *buf, const char *name)
{
	fnt_buf_puts(buf, ",\"");
	fnt_buf_puts(buf, name);
	fnt_buf_puts(buf, "\":");
}

static void
put_text(struct fnt_buf *buf, const char *name, const char *text)
{
	put_name(buf, name);
	fnt_json_string(buf, text ? text : "", text ? strlen(text) : 0);
}

static void
put_text_or_null(struct fnt_buf *buf, const char *name, const char *text)
{
	if (text) {
		put_text(buf, name, text);
	} else {
		put_name(buf, name);
		fnt_buf_puts(buf, "null");
	}
}

static void
put_u64(struct fnt_buf *buf, const char *name, uint64_t value)
{
	put_name(buf, name);
	fnt_json_u64(buf, value);
}

static void
put_i64(struct fnt_buf *buf, const char *name, int64_t value)
{
	put_name(buf, name);
	fnt_json_i64(buf, value);
}

static void
put_i64_if_any(struct fnt_buf *buf, const char *name, int64_t value)
{
	if (value != FNT_NONE)
		put_i64(buf, name, value);
}

static void
put_ms(struct fnt_buf *buf, const char *name, uint64_t ns)
{
	put_name(buf, name);
	fnt_json_ns_as_ms(buf, ns);
}

static void
put_bool(struct fnt_buf *buf, const char *name, bool value)
{
	put_name(buf, name);
	fnt_buf_puts(buf, value ? "true" : "false");
}

/* ---- the original's ------------------------------------------------------------- */

static void
put_outcome(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	fnt_buf_puts(buf, ",\"outcome\":{\"status\":\"");
	fnt_buf_puts(buf, fnt_outcome_name(trace->outcome));
	fnt_buf_char(buf, '"');
	switch (trace->outcome) {
	case FNT_OK:
		if (trace->value.kind != FNT_VALUE_NONE) {
			put_name(buf, "value");
			fnt_json_value(buf, &trace->value);
		}
		break;
	case FNT_ERROR:
	case FNT_ROLLED_BACK:
		put_text(buf, "code", trace->code);
		put_text(buf, "message", trace->message);
		break;
	default:
		break;
	}
	fnt_buf_char(buf, '}');
}

/* `{"op":…,"entity":…,"id":…`: what a finished op and a pending one have in common. */
static void
put_op_head(struct fnt_buf *buf, const struct fnt_trace_op *op)
{
	fnt_buf_puts(buf, "{\"op\":\"");
	fnt_buf_puts(buf, fnt_op_name(op->op));
	fnt_buf_char(buf, '"');
	put_text(buf, "entity", op->entity);
	if (op->id)
		put_text(buf, "id", op->id);
}

static void
put_op(struct fnt_buf *buf, const struct fnt_trace_op *op)
{
	put_op_head(buf, op);
	put_ms(buf, "duration_ms", op->duration_ns);
	put_i64_if_any(buf, "row_count", op->row_count);
	put_bool(buf, "ok", op->ok);
	put_ms(buf, "start_ms", op->start_ns);
	fnt_buf_char(buf, '}');
}

static void
put_schedule(struct fnt_buf *buf, const struct fnt_trace_schedule *schedule)
{
	const char *fn_name = schedule->fn_name ? schedule->fn_name : "";

	fnt_buf_puts(buf, "{\"fn_name\":");
	fnt_json_string(buf, fn_name, strlen(fn_name));
	put_i64_if_any(buf, "delay_ms", schedule->delay_ms);
	put_i64_if_any(buf, "run_at", schedule->run_at);
	fnt_buf_char(buf, '}');
}

static void
put_originals_fields(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	const char *call_id = trace->call_id ? trace->call_id : "";

	fnt_buf_puts(buf, "\"call_id\":");
	fnt_json_string(buf, call_id, strlen(call_id));
	put_text(buf, "fn_name", trace->fn_name);
	put_text(buf, "fn_type", fnt_fn_type_name(trace->fn_type));
	put_text_or_null(buf, "user_id", trace->user_id);
	put_u64(buf, "started_at", trace->started_at_ns / 1000000);
	put_ms(buf, "duration_ms", trace->duration_ns);
	put_outcome(buf, trace);
	put_name(buf, "ops");
	fnt_buf_char(buf, '[');
	for (size_t i = 0; i < trace->op_count; i++) {
		if (i)
			fnt_buf_char(buf, ',');
		put_op(buf, &trace->ops[i]);
	}
	fnt_buf_char(buf, ']');
	put_u64(buf, "stream_bytes", trace->stream_bytes);
	put_u64(buf, "stream_chunks", trace->stream_chunks);
	put_name(buf, "schedules");
	fnt_buf_char(buf, '[');
	for (size_t i = 0; i < trace->schedule_count; i++) {
		if (i)
			fnt_buf_char(buf, ',');
		put_schedule(buf, &trace->schedules[i]);
	}
	fnt_buf_char(buf, ']');
}

/* ---- ours ----------------------------------------------------------------------- */

/* Identifiers are strings: as numbers, most readers of JSON would round them. */
static void
put_ids(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	fnt_buf_puts(buf, ",\"uid\":\"");
	fnt_json_hex(buf, trace->uid, 16);
	fnt_buf_puts(buf, "\",\"trace_id\":\"");
	fnt_json_hex(buf, trace->trace_id[0], 16);
	fnt_json_hex(buf, trace->trace_id[1], 16);
	fnt_buf_puts(buf, "\",\"parent_uid\":");
	if (trace->parent_uid) {
		fnt_buf_char(buf, '"');
		fnt_json_hex(buf, trace->parent_uid, 16);
		fnt_buf_char(buf, '"');
	} else {
		fnt_buf_puts(buf, "null");
	}
}

static void
put_flags(struct fnt_buf *buf, const struct fnt_trace *trace)
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
	};
	const uint32_t cut = FNT_TRACE_VALUE_OMITTED | FNT_TRACE_CODE_CUT |
			     FNT_TRACE_MESSAGE_CUT | FNT_TRACE_ID_CUT;

	put_u64(buf, "ops_omitted", trace->ops_omitted);
	put_u64(buf, "schedules_omitted", trace->schedules_omitted);
	put_bool(buf, "truncated",
		 trace->ops_omitted || trace->schedules_omitted ||
			 (trace->flags & cut));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (trace->flags & flags[i].flag)
			put_bool(buf, flags[i].name, true);
	}
}

/* How far a call got that has not ended by itself. */
static void
put_progress(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	const struct fnt_trace_op *op = trace->pending;

	put_ms(buf, "elapsed_ms", trace->duration_ns);
	put_name(buf, "pending_op");
	if (!trace->pending_count) {
		fnt_buf_puts(buf, "null");
		return;
	}
	put_op_head(buf, op);
	put_ms(buf, "start_ms", op->start_ns);
	put_ms(buf, "elapsed_ms",
	       trace->duration_ns > op->start_ns ? trace->duration_ns - op->start_ns
						 : 0);
	fnt_buf_char(buf, '}');
}

void
fnt_json_trace(struct fnt_buf *buf, const struct fnt_trace *trace)
{
	fnt_buf_char(buf, '{');
	put_originals_fields(buf, trace);
	put_text_or_null(buf, "tenant_id", trace->tenant_id);
	put_ids(buf, trace);
	put_i64(buf, "pid", trace->pid);
	put_i64(buf, "tid", trace->tid);
	put_text(buf, "exe", trace->exe);
	put_flags(buf, trace);
	if (trace->outcome == FNT_IN_FLIGHT || trace->outcome == FNT_ABORTED)
		put_progress(buf, trace);
	fnt_buf_char(buf, '}');
}

void
fnt_json_value(struct fnt_buf *buf, const struct fnt_value *value)
{
	const void *data = value && value->data ? value->data : "";
	size_t len = value && value->data ? value->len : 0;

	switch (value ? value->kind : FNT_VALUE_NONE) {
	case FNT_VALUE_JSON:
		fnt_json_text(buf, data, len);
		break;
	case FNT_VALUE_MSGPACK:
		fnt_json_msgpack(buf, data, len);
		break;
	default:
		fnt_buf_puts(buf, "null");
		break;
	}
}

/* ---- the public face ------------------------------------------------------------ */

int
fnt_trace_to_json(const struct fnt_trace *trace, char **json, size_t *len)
{
	struct fnt_buf buf;

	fnt_buf_init(&buf);
	fnt_json_trace(&buf, trace);
	return fnt_buf_steal(&buf, json, len);
}

int
fnt_value_to_json(const struct fnt_value *value, char **json, size_t *len)
{
	struct fnt_buf buf;

	fnt_buf_init(&buf);
	fnt_json_value(&buf, value);
	return fnt_buf_steal(&buf, json, len);
}
