/* SPDX-License-Identifier: MIT */
#include "view/callview.h"
#include "view/calls.h"
#include "view/message.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define VALUE_LINES 24

static void
put_name(const char *name)
{
	text_style(stdout, TEXT_DIM);
	printf("  %-11s ", name);
	text_style(stdout, TEXT_PLAIN);
}

static void
put_line(const char *name, const char *text)
{
	put_name(name);
	text_put(stdout, text);
	putchar('\n');
}

/* "placeBid  mutation  ok after 10.5 ms" */
static void
print_title(const struct fnt_trace *trace)
{
	char took[TEXT_UNIT_MAX], bounds[CALLS_BOUNDS_MAX];

	text_style(stdout, TEXT_BOLD);
	text_put(stdout, trace->fn_name);
	text_style(stdout, TEXT_PLAIN);
	printf("  %s  ", fnt_fn_type_name(trace->fn_type));
	text_style(stdout, calls_outcome_style(trace->outcome));
	fputs(calls_state(trace), stdout);
	text_style(stdout, TEXT_PLAIN);
	if (trace->seen_dead_ns)
		printf(", %s\n", calls_bounds(bounds, trace));
	else
		printf(" %s %s\n", trace->outcome == FNT_IN_FLIGHT ? "for" : "after",
		       text_duration(took, trace->duration_ns));
}

static void
print_ids(const struct fnt_trace *trace, bool has_tree, uint64_t now_ns)
{
	char date[TEXT_UNIT_MAX], ago[TEXT_UNIT_MAX];

	put_line("call", trace->call_id);
	put_name("uid");
	printf("%016" PRIx64 "\n", trace->uid);
	put_name("trace");
	printf("%016" PRIx64 "%016" PRIx64 "\n", trace->trace_id[0],
	       trace->trace_id[1]);
	if (has_tree)
		put_line("tree", "has more calls: show --tree");
	if (trace->parent_uid != 0) {
		put_name("caller");
		printf("%016" PRIx64 "\n", trace->parent_uid);
	}
	if (trace->user_id)
		put_line("user", trace->user_id);
	if (trace->tenant_id)
		put_line("tenant", trace->tenant_id);
	put_name("process");
	text_put(stdout, trace->exe);
	printf(", pid %" PRId32 ", thread %" PRId32, trace->pid, trace->tid);
	if (trace->host_pid && trace->host_pid != trace->pid)
		printf(" of its container, here pid %" PRId32, trace->host_pid);
	putchar('\n');
	text_date(date, trace->started_at_ns);
	if (now_ns && trace->started_mono_ns)
		text_ago(ago, trace->started_mono_ns, now_ns);
	else
		text_ago(ago, trace->started_at_ns, text_now_ns());
	put_name("started");
	printf("%s (%s)\n", date, ago);
}

static void
print_schedules(const struct fnt_trace *trace)
{
	char text[TEXT_UNIT_MAX];

	for (size_t i = 0; i < trace->schedule_count; i++) {
		const struct fnt_trace_schedule *schedule = &trace->schedules[i];

		put_name("schedules");
		text_put(stdout, schedule->fn_name);
		if (schedule->delay_ms >= 0)
			printf(" in %s",
			       text_duration(text,
					     (uint64_t)schedule->delay_ms * 1000000));
		if (schedule->run_at >= 0)
			printf(" at %s",
			       text_date(text, (uint64_t)schedule->run_at * 1000000));
		putchar('\n');
	}
}

static void
put_omitted(uint64_t count, const char *what)
{
	char text[TEXT_UNIT_MAX];

	if (count == 0)
		return;
	put_name("left out");
	printf("%s %s%s, over the record size limit\n", text_count(text, count), what,
	       count == 1 ? "" : "s");
}

static void
print_notes(const struct fnt_trace *trace)
{
	static const struct {
		uint32_t flag;
		const char *note;
	} notes[] = {
		{FNT_TRACE_VALUE_OMITTED, "the result was too large to be recorded"},
		{FNT_TRACE_CODE_CUT, "the error's code was cut"},
		{FNT_TRACE_MESSAGE_CUT, "the error's message was cut"},
		{FNT_TRACE_ID_CUT, "an id or a name was too long to be recorded whole"},
		{FNT_TRACE_INVALID_UTF8, "a string was not valid UTF-8"},
		{FNT_TRACE_DAMAGED, "part of the record could not be read"},
		{FNT_TRACE_VALUE_INVALID, "the result is not well formed"},
		{FNT_TRACE_VALUE_TOO_DEEP, "the result is nested too deep"},
		{FNT_TRACE_AS_OF_COPY,
		 "in flight when the region was copied; what became "
		 "of it is not known here"},
		{FNT_TRACE_TIME_UNKNOWN,
		 "its process is in a time namespace that is not "
		 "known: its start may be shifted"},
	};

	put_omitted(trace->ops_omitted, "operation");
	put_omitted(trace->schedules_omitted, "schedule");
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		if (trace->flags & notes[i].flag)
			put_line("note", notes[i].note);
}

static int
print_value(const struct fnt_trace *trace)
{
	char bytes[TEXT_UNIT_MAX];
	size_t len;
	char *json;
	int code;

	if (trace->value.kind == FNT_VALUE_NONE)
		return TOOL_OK;
	code = fnt_value_to_json(&trace->value, &json, &len);
	if (code < 0)
		return message_fail_errno("cannot print the result as JSON", code);
	text_style(stdout, TEXT_DIM);
	fputs("  result", stdout);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
	if (!text_put_json_pretty(stdout, json, 4, text_columns(stdout), VALUE_LINES))
		printf("    %s %s in all; --json shows it\n", text_ellipsis(),
		       text_bytes(bytes, len));
	free(json);
	return TOOL_OK;
}

static bool
has_end(const struct fnt_trace *trace)
{
	return trace->stream_chunks || trace->schedule_count || trace->ops_omitted ||
	       trace->schedules_omitted || trace->flags || trace->code ||
	       trace->value.kind != FNT_VALUE_NONE;
}

int
callview_print_end(const struct fnt_trace *trace)
{
	char bytes[TEXT_UNIT_MAX];

	if (has_end(trace))
		putchar('\n');
	if (trace->stream_chunks > 0) {
		put_name("streamed");
		printf("%s in %" PRIu64 " chunk%s\n",
		       text_bytes(bytes, trace->stream_bytes), trace->stream_chunks,
		       trace->stream_chunks == 1 ? "" : "s");
	}
	print_schedules(trace);
	print_notes(trace);
	if (trace->code) {
		put_name(calls_outcome(trace->outcome));
		text_style(stdout, calls_outcome_style(trace->outcome));
		text_put(stdout, trace->code);
		text_style(stdout, TEXT_PLAIN);
		fputs(": ", stdout);
		text_put(stdout, trace->message ? trace->message : "");
		putchar('\n');
	}
	return print_value(trace);
}

void
callview_print_head(const struct fnt_trace *trace, bool has_tree, uint64_t now_ns)
{
	print_title(trace);
	print_ids(trace, has_tree, now_ns);
}
