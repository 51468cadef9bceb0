/* SPDX-License-Identifier: MIT
 *
 * fntrace show: all that is known of one call.
 */
#include "calls.h"
#include "tool.h"
#include "waterfall.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY_MAX  10000 /* calls of a tree in which those made from here are sought */
#define VALUE_LINES 24

struct show {
	struct tool_source source;
	bool all;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct show),
	{"all", 'a', TOOL_FLAG, offsetof(struct show, all), NULL,
	 "a line for each operation, however many in a row are alike"},
	{"json", 0, TOOL_FLAG, offsetof(struct show, json), NULL, "one JSON object"},
	TOOL_END,
};

/* ---- finding it ----------------------------------------------------------------- */

/* What was found, and the sets that it lives in. */
struct found {
	struct fnt_traces *in_flight;
	struct fnt_traces *finished;
	const struct fnt_trace *trace; /* NULL: nothing */
	uint64_t others;	       /* with the same call id */
};

static bool
parse_uid(const char *text, uint64_t *uid)
{
	if (strlen(text) != 16 || strspn(text, "0123456789abcdefABCDEF") != 16)
		return false;
	*uid = strtoull(text, NULL, 16);
	return *uid != 0;
}

static bool
matches(const struct fnt_query *query, const struct fnt_trace *trace)
{
	if (query->uid != 0)
		return trace->uid == query->uid;
	return strcmp(trace->call_id, query->call_id) == 0;
}

struct tally {
	uint64_t uid; /* of the call that is shown */
	uint64_t others;
};

static int
tally(void *arg, const struct fnt_trace *trace)
{
	struct tally *sum = arg;

	sum->others += trace->uid != sum->uid;
	return 0;
}

/* Whichever began last. A call that has just finished may be in flight as well: then it
 * is the finished one, which is whole. */
static void
choose(struct found *found, const struct fnt_query *query)
{
	const struct fnt_trace *finished = NULL;

	if (found->finished->count > 0)
		finished = &found->finished->items[0];
	found->trace = finished;
	for (size_t i = 0; i < found->in_flight->count; i++) {
		const struct fnt_trace *trace = &found->in_flight->items[i];

		if (!matches(query, trace) || (finished && trace->uid == finished->uid))
			continue;
		found->others++;
		if (!found->trace ||
		    trace->started_at_ns >= found->trace->started_at_ns)
			found->trace = trace;
	}
	found->others -= found->trace && found->trace != finished;
}

static int
find(struct fnt_reader *reader, struct fnt_query *query, struct found *found)
{
	struct tally sum = {0};
	int code;

	*found = (struct found){0};
	/* First those in flight: what finishes meanwhile is seen twice, not never. */
	code = fnt_reader_in_flight(reader, &found->in_flight);
	query->limit = 1;
	if (code == 0)
		code = fnt_reader_query(reader, query, &found->finished);
	if (code < 0)
		return code;
	choose(found, query);
	if (!found->trace || query->uid != 0)
		return 0;
	sum.uid = found->trace->uid;
	query->limit = SIZE_MAX;
	code = fnt_reader_each(reader, query, tally, &sum);
	found->others += sum.others;
	return code;
}

static void
forget(struct found *found)
{
	fnt_traces_free(found->in_flight);
	fnt_traces_free(found->finished);
}

/* ---- showing it ----------------------------------------------------------------- */

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

/* placeBid  mutation  ok after 10.5 ms */
static void
print_head(const struct fnt_trace *trace)
{
	char took[TEXT_UNIT_MAX];

	text_style(stdout, TEXT_BOLD);
	text_put(stdout, trace->fn_name);
	text_style(stdout, TEXT_PLAIN);
	printf("  %s  ", fnt_fn_type_name(trace->fn_type));
	text_style(stdout, calls_outcome_style(trace->outcome));
	fputs(calls_outcome(trace->outcome), stdout);
	text_style(stdout, TEXT_PLAIN);
	printf(" %s %s\n", trace->outcome == FNT_IN_FLIGHT ? "for" : "after",
	       text_duration(took, trace->duration_ns));
}

static void
print_ids(const struct fnt_trace *trace)
{
	char date[TEXT_UNIT_MAX], ago[TEXT_UNIT_MAX];

	put_line("call", trace->call_id);
	put_name("uid");
	printf("%016" PRIx64 "\n", trace->uid);
	put_name("trace");
	printf("%016" PRIx64 "%016" PRIx64 "\n", trace->trace_id[0],
	       trace->trace_id[1]);
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
	printf(", pid %" PRId32 ", thread %" PRId32 "\n", trace->pid, trace->tid);
	text_date(date, trace->started_at_ns);
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
	printf("%s %s%s, past the record's size limit\n", text_count(text, count), what,
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
		return tool_fail_errno("the result as JSON", code);
	text_style(stdout, TEXT_DIM);
	fputs("  result", stdout);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
	if (!text_put_json_pretty(stdout, json, 4, (size_t)tool_width(), VALUE_LINES))
		printf("    %s %s in all; --json shows it\n", text_ellipsis(),
		       text_bytes(bytes, len));
	free(json);
	return TOOL_OK;
}

static int
print_end(const struct fnt_trace *trace)
{
	char bytes[TEXT_UNIT_MAX];

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

static int
print_trace(struct fnt_reader *reader, const struct found *found, bool fold)
{
	const struct fnt_trace *trace = found->trace;
	struct fnt_query query = {
		.limit = FAMILY_MAX,
		.trace_id = {trace->trace_id[0], trace->trace_id[1]},
	};
	const struct fnt_traces *sets[2] = {NULL, found->in_flight};
	struct fnt_traces *family;
	int status, code = fnt_reader_query(reader, &query, &family);

	if (code < 0)
		return tool_fail_errno(fnt_reader_path(reader), code);
	print_head(trace);
	print_ids(trace);
	putchar('\n');
	sets[0] = family;
	waterfall_print(trace, &(struct waterfall_family){sets, 2}, fold);
	putchar('\n');
	status = print_end(trace);
	fnt_traces_free(family);
	return status;
}

/* ---- the command ---------------------------------------------------------------- */

static int
print(struct fnt_reader *reader, const struct found *found, const struct show *settings)
{
	char count[TEXT_UNIT_MAX];
	int code = 0, status = TOOL_OK;

	if (settings->json) {
		code = calls_put_json(found->trace);
		putchar('\n');
	} else {
		status = print_trace(reader, found, !settings->all);
	}
	if (code < 0)
		return tool_fail_errno("the trace as JSON", code);
	if (found->others > 0)
		tool_note("%s older call%s with this id; recent has their uids",
			  text_count(count, found->others),
			  found->others == 1 ? "" : "s");
	return status;
}

static int
show(struct fnt_reader *reader, const char *id, const struct show *settings)
{
	struct fnt_query query = {0};
	struct found found;
	int code = 0, status;

	found.trace = NULL;
	if (parse_uid(id, &query.uid)) {
		code = find(reader, &query, &found);
		if (code == 0 && !found.trace)
			forget(&found);
	}
	/* Sixteen hex digits may be a call id too. */
	if (code == 0 && !found.trace) {
		query = (struct fnt_query){.call_id = id};
		code = find(reader, &query, &found);
	}
	if (code < 0)
		status = tool_fail_errno(fnt_reader_path(reader), code);
	else if (!found.trace)
		status = tool_fail("%s: no call %s, finished or in flight; it may have "
				   "been overwritten",
				   fnt_reader_path(reader), id);
	else
		status = print(reader, &found, settings);
	forget(&found);
	return status;
}

static int
run(int argc, char **argv)
{
	struct show settings = {0};
	struct fnt_reader *reader;
	int first = tool_options(&command_show, argc, argv, &settings);
	int status;

	if (first == argc)
		tool_usage_error(&command_show, "which call? give a uid or a call id");
	if (first + 1 < argc)
		tool_usage_error(&command_show, "one call at a time");
	reader = tool_reader_open(&command_show, &settings.source);
	if (!reader)
		return TOOL_FAILED;
	status = show(reader, argv[first], &settings);
	fnt_reader_close(reader);
	return status;
}

const struct command command_show = {
	.name = "show",
	.summary = "one call: its operations on a time line, and how it ended",
	.operands = "UID|CALL_ID",
	.details = "A uid (16 hex digits) is one call; of several calls with one id\n"
		   "the newest is shown.\n",
	.options = options,
	.run = run,
};
