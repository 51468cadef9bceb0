/* SPDX-License-Identifier: MIT
 *
 * fntrace show: everything recorded about one call, or the tree of calls it belongs to.
 */
#include "commands/commands.h"
#include "view/calls.h"
#include "view/callview.h"
#include "view/showtree.h"
#include "view/waterfall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY_MAX 10000 /* calls of the tree searched for those that the call made */

struct show {
	struct tool_source source;
	bool tree;
	bool all;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct show),
	{"tree", 't', TOOL_FLAG, offsetof(struct show, tree), NULL,
	 "show all calls of its tree, in all processes"},
	{"all", 'a', TOOL_FLAG, offsetof(struct show, all), NULL,
	 "one line per operation or call, without folding"},
	{"json", 0, TOOL_FLAG, offsetof(struct show, json), NULL,
	 "print one JSON object"},
	TOOL_END,
};

/* ---- finding the call ----------------------------------------------------------- */

/* The call that was found, and the sets of traces that own it. */
struct found {
	struct fnt_traces *in_flight;
	struct fnt_traces *finished;
	const struct fnt_trace *trace; /* NULL: not found */
	uint64_t others;	       /* other calls with the same call id */
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

/* Counts the calls with the same call id as the one shown. */
struct tally {
	const struct fnt_trace *shown;
	bool trees; /* count only calls of other trees */
	uint64_t others;
};

static int
tally(void *arg, const struct fnt_trace *trace)
{
	struct tally *sum = arg;

	if (sum->trees)
		sum->others += trace->trace_id[0] != sum->shown->trace_id[0] ||
			       trace->trace_id[1] != sum->shown->trace_id[1];
	else
		sum->others += trace->uid != sum->shown->uid;
	return 0;
}

/* Choose the call that began last. A call that has just finished may be in both sets;
 * the finished trace is taken, because it is complete. */
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
		if (!found->trace || !calls_start_after_ns(found->trace, trace))
			found->trace = trace;
	}
}

static int
count_others(struct fnt_reader *reader, struct fnt_query *query, struct found *found,
	     bool trees)
{
	struct tally sum = {.shown = found->trace, .trees = trees};
	int code;

	query->limit = SIZE_MAX;
	code = fnt_reader_each(reader, query, tally, &sum);
	for (size_t i = 0; i < found->in_flight->count; i++) {
		const struct fnt_trace *trace = &found->in_flight->items[i];

		if (matches(query, trace) &&
		    (found->finished->count == 0 ||
		     trace->uid != found->finished->items[0].uid))
			tally(&sum, trace);
	}
	found->others = sum.others;
	return code;
}

static int
find(struct fnt_reader *reader, struct fnt_query *query, struct found *found,
     bool trees)
{
	int code;

	*found = (struct found){0};
	/* In flight first: a call that finishes between the two reads is then seen
	 * twice, otherwise not at all. */
	code = fnt_reader_in_flight(reader, &found->in_flight);
	query->limit = 1;
	if (code == 0)
		code = fnt_reader_query(reader, query, &found->finished);
	if (code < 0)
		return code;
	choose(found, query);
	if (!found->trace || query->uid != 0)
		return 0;
	return count_others(reader, query, found, trees);
}

static void
forget(struct found *found)
{
	fnt_traces_free(found->in_flight);
	fnt_traces_free(found->finished);
	*found = (struct found){0};
}

/* ---- showing the call ----------------------------------------------------------- */

/* Whether `traces` has another call of the same tree. */
static bool
has_others(const struct fnt_traces *traces, const struct fnt_trace *trace)
{
	for (size_t i = 0; i < traces->count; i++)
		if (traces->items[i].uid != trace->uid &&
		    traces->items[i].trace_id[0] == trace->trace_id[0] &&
		    traces->items[i].trace_id[1] == trace->trace_id[1])
			return true;
	return false;
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
		return message_fail_errno(fnt_reader_path(reader), code);
	callview_print_head(
		trace, has_others(family, trace) || has_others(found->in_flight, trace),
		fnt_reader_now_ns(reader));
	putchar('\n');
	sets[0] = family;
	waterfall_print(trace, &(struct waterfall_family){sets, 2}, fold);
	status = callview_print_end(trace);
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
		return message_fail_errno("cannot print the call as JSON", code);
	if (found->others > 0)
		message_note("%s older call%s with this id; fntrace recent lists their "
			     "UIDs",
			     text_count(count, found->others),
			     found->others == 1 ? "" : "s");
	return status;
}

static int
not_found(struct fnt_reader *reader, const char *id)
{
	return message_fail("%s: no call %s, finished or in flight; it may have been "
			    "overwritten",
			    fnt_reader_path(reader), id);
}

/* Find the call that `id` means. 16 hex digits are tried as a UID first, then as a call
 * id. */
static int
look_up(struct fnt_reader *reader, const char *id, struct found *found, bool trees)
{
	struct fnt_query query = {0};
	int code = 0;

	*found = (struct found){0};
	if (parse_uid(id, &query.uid))
		code = find(reader, &query, found, trees);
	if (code < 0 || found->trace)
		return code;
	forget(found);
	query = (struct fnt_query){.call_id = id};
	return find(reader, &query, found, trees);
}

static int
show(struct fnt_reader *reader, const char *id, const struct show *settings)
{
	struct found found;
	int code = look_up(reader, id, &found, false), status;

	if (code < 0)
		status = message_fail_errno(fnt_reader_path(reader), code);
	else if (!found.trace)
		status = not_found(reader, id);
	else
		status = print(reader, &found, settings);
	forget(&found);
	return status;
}

/* ---- showing the tree ----------------------------------------------------------- */

/* Returns the exit code; -1: `id` is not a trace id, or no call has it. */
static int
show_by_trace_id(struct fnt_reader *reader, const char *id, struct showtree *what)
{
	struct fnt_traces *in_flight;
	int status, code;

	if (!showtree_parse(id, what->trace_id))
		return -1;
	code = fnt_reader_in_flight(reader, &in_flight);
	if (code < 0)
		return message_fail_errno(fnt_reader_path(reader), code);
	status = showtree_print(reader, in_flight, what);
	fnt_traces_free(in_flight);
	return status;
}

/* Show the tree of the call `id`. If that call is not in the region any more, find its
 * tree through the calls that name it as their caller. Returns as
 * show_by_trace_id(). */
static int
show_by_call(struct fnt_reader *reader, const char *id, struct showtree *what)
{
	char count[TEXT_UNIT_MAX];
	struct found found;
	int code = look_up(reader, id, &found, true), status = -1;

	if (code == 0 && found.trace) {
		what->uid = found.trace->uid;
		what->trace_id[0] = found.trace->trace_id[0];
		what->trace_id[1] = found.trace->trace_id[1];
		status = showtree_print(reader, found.in_flight, what);
		if (found.others > 0)
			message_note(
				"%s older call%s with this id in other trees; fntrace "
				"recent lists their UIDs",
				text_count(count, found.others),
				found.others == 1 ? "" : "s");
	} else if (code == 0 && parse_uid(id, &what->uid) &&
		   showtree_of_missing(reader, found.in_flight, what, &code)) {
		status = showtree_print(reader, found.in_flight, what);
	}
	forget(&found);
	return code < 0 ? message_fail_errno(fnt_reader_path(reader), code) : status;
}

static int
show_tree(struct fnt_reader *reader, const char *id, const struct show *settings)
{
	struct showtree what = {.all = settings->all, .json = settings->json};
	int status = show_by_trace_id(reader, id, &what);

	if (status == -1)
		status = show_by_call(reader, id, &what);
	return status == -1 ? not_found(reader, id) : status;
}

static int
run(int argc, char **argv)
{
	struct show settings = {0};
	struct fnt_reader *reader;
	int first = tool_options(&command_show, argc, argv, &settings);
	int status;

	if (first == argc)
		tool_usage_error(&command_show,
				 "which call? give a UID, a call id or a trace id");
	if (first + 1 < argc)
		tool_usage_error(&command_show, "one call at a time, not \"%s\" too",
				 argv[first + 1]);
	reader = tool_reader_open(&command_show, &settings.source);
	if (!reader)
		return TOOL_FAILED;
	if (settings.tree)
		status = show_tree(reader, argv[first], &settings);
	else
		status = show(reader, argv[first], &settings);
	fnt_reader_close(reader);
	return status;
}

static const char details[] =
	"A UID (16 hex digits) identifies one call. If several calls have the same\n"
	"CALL_ID, the newest is shown. TRACE_ID (32 hex digits) needs --tree.\n"
	"\n"
	"--tree shows which call made or scheduled which, in all processes. A\n"
	"dotted branch marks a call that began after its caller had finished.\n";

const struct command command_show = {
	.name = "show",
	.summary = "show one call as a waterfall, or with --tree its whole tree",
	.operands = "UID|CALL_ID|TRACE_ID",
	.details = details,
	.options = options,
	.run = run,
};
