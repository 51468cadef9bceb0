/* SPDX-License-Identifier: MIT */
#include "view/calls.h"
#include "view/message.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdlib.h>

const char *
calls_outcome(enum fnt_outcome outcome)
{
	switch (outcome) {
	case FNT_ROLLED_BACK:
		return "rolled back";
	case FNT_IN_FLIGHT:
		return "in flight";
	case FNT_OK:
	case FNT_ERROR:
	case FNT_ABORTED:
		break;
	}
	return fnt_outcome_name(outcome);
}

enum text_style
calls_outcome_style(enum fnt_outcome outcome)
{
	switch (outcome) {
	case FNT_OK:
		return TEXT_GOOD;
	case FNT_IN_FLIGHT:
		return TEXT_PLAIN;
	case FNT_ROLLED_BACK:
		return TEXT_WARN;
	case FNT_ERROR:
	case FNT_ABORTED:
		break;
	}
	return TEXT_BAD;
}

const char *
calls_state(const struct fnt_trace *trace)
{
	if (trace->flags & FNT_TRACE_AS_OF_COPY)
		return trace->outcome == FNT_IN_FLIGHT ? "as of the copy" : "unknown";
	return calls_outcome(trace->outcome);
}

uint64_t
calls_ended_at_ns(const struct fnt_trace *trace)
{
	return trace->started_at_ns + trace->duration_ns;
}

uint64_t
calls_start_after_ns(const struct fnt_trace *a, const struct fnt_trace *b)
{
	bool known = a->started_mono_ns && b->started_mono_ns;
	uint64_t of_a = known ? a->started_mono_ns : a->started_at_ns;
	uint64_t of_b = known ? b->started_mono_ns : b->started_at_ns;

	return of_a > of_b ? of_a - of_b : 0;
}

char *
calls_ended_ago(char out[TEXT_UNIT_MAX], const struct fnt_trace *trace, uint64_t now_ns)
{
	if (now_ns && trace->started_mono_ns)
		return text_age(out, trace->started_mono_ns + trace->duration_ns,
				now_ns);
	return text_age(out, calls_ended_at_ns(trace), text_now_ns());
}

char *
calls_bounds(char out[CALLS_BOUNDS_MAX], const struct fnt_trace *trace)
{
	char last[TEXT_UNIT_MAX], dead[TEXT_UNIT_MAX];

	out[0] = '\0';
	if (trace->seen_dead_ns)
		snprintf(out, CALLS_BOUNDS_MAX, "last sign after %s, dead by %s",
			 text_duration(last, trace->duration_ns),
			 text_duration(dead, trace->seen_dead_ns));
	return out;
}

void
calls_note_state(struct fnt_reader *reader)
{
	enum fnt_region_state state = fnt_reader_state(reader);

	if (state == FNT_REGION_COPY)
		message_note(
			"%s: a copy of a region; calls in flight are as of the copy",
			fnt_reader_path(reader));
	if (state == FNT_REGION_OTHER_BOOT)
		message_note("%s: a region of an earlier boot or of another machine; "
			     "calls in flight are as of then",
			     fnt_reader_path(reader));
}

/* ---- the table ------------------------------------------------------------------ */

enum {
	COLUMN_WHEN,
	COLUMN_TOOK,
	COLUMN_TYPE,
	COLUMN_FUNCTION,
	COLUMN_CALL,
	COLUMN_OPS,
	COLUMN_PID,
	COLUMN_UID,
	COLUMN_OUTCOME,
	COLUMNS,
};

struct table *
calls_table_create(const char *when)
{
	static struct table_column columns[COLUMNS] = {
		[COLUMN_WHEN] = {.right = true},
		[COLUMN_TOOK] = {"TOOK", .right = true, .reserve = 7},
		[COLUMN_TYPE] = {"TYPE", .drop = 3, .reserve = 8},
		[COLUMN_FUNCTION] = {"FUNCTION", .min = 8, .want = 16, .reserve = 12},
		[COLUMN_CALL] = {"CALL", .min = 6, .want = 10, .reserve = 6},
		[COLUMN_OPS] = {"OPS", .right = true, .drop = 4},
		[COLUMN_PID] = {"PID", .right = true, .drop = 2},
		[COLUMN_UID] = {"UID", .drop = 1},
		[COLUMN_OUTCOME] = {"OUTCOME", .min = 14, .want = 28, .reserve = 7},
	};

	columns[COLUMN_WHEN].title = when;
	return table_create(columns, COLUMNS);
}

/* The outcome and its details: an error's code and message, the operation in which the
 * call was aborted, the amount streamed. */
static void
add_outcome(struct table *table, const struct fnt_trace *trace)
{
	enum text_style style = calls_outcome_style(trace->outcome);
	const char *outcome = calls_state(trace);
	char bytes[TEXT_UNIT_MAX], bounds[CALLS_BOUNDS_MAX];

	calls_bounds(bounds, trace);
	if (trace->code)
		table_cell(table, style, "%s %s: %s", outcome, trace->code,
			   trace->message ? trace->message : "");
	else if (trace->outcome == FNT_ABORTED && trace->pending_count > 0)
		table_cell(table, style, "%s in %s %s%s%s", outcome,
			   fnt_trace_op_name(&trace->pending[0]),
			   trace->pending[0].entity, *bounds ? ", " : "", bounds);
	else if (*bounds)
		table_cell(table, style, "%s, %s", outcome, bounds);
	else if (trace->stream_chunks > 0)
		table_cell(table, style, "%s, %s streamed", outcome,
			   text_bytes(bytes, trace->stream_bytes));
	else
		table_cell(table, style, "%s", outcome);
}

void
calls_table_add(struct table *table, const struct fnt_trace *trace, const char *when)
{
	char took[TEXT_UNIT_MAX];

	table_cell(table, TEXT_PLAIN, "%s", when);
	table_cell(table, TEXT_PLAIN, "%s", text_duration(took, trace->duration_ns));
	table_cell(table, TEXT_DIM, "%s", fnt_fn_type_name(trace->fn_type));
	table_cell(table, TEXT_BOLD, "%s", trace->fn_name);
	table_cell(table, TEXT_PLAIN, "%s", trace->call_id);
	table_cell(table, TEXT_PLAIN, "%" PRIu64, trace->op_count + trace->ops_omitted);
	table_cell(table, TEXT_DIM, "%" PRId32, trace->pid);
	table_cell(table, TEXT_DIM, "%016" PRIx64, trace->uid);
	add_outcome(table, trace);
}

void
calls_table_print(struct table *table)
{
	table_layout(table, text_columns(stdout));
	table_print(table, stdout);
}

/* ---- JSON ----------------------------------------------------------------------- */

int
calls_put_json(const struct fnt_trace *trace)
{
	char *json;
	int code = fnt_trace_to_json(trace, &json, NULL);

	if (code < 0)
		return code;
	text_put_json(stdout, json);
	free(json);
	return 0;
}

int
calls_put_json_array(const struct fnt_traces *traces)
{
	putchar('[');
	for (size_t i = 0; i < traces->count; i++) {
		int code;

		fputs(i > 0 ? ",\n" : "\n", stdout);
		code = calls_put_json(&traces->items[i]);
		if (code < 0)
			return message_fail_errno("cannot print a call as JSON", code);
	}
	fputs(traces->count > 0 ? "\n]\n" : "]\n", stdout);
	return TOOL_OK;
}
