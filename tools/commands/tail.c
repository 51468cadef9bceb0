/* SPDX-License-Identifier: MIT
 *
 * fntrace tail: print calls as they finish, until interrupted.
 */
#include "commands/commands.h"
#include "view/calls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 25    /* producers do not wake readers, so the ring is polled */
#define BATCH_MAX 500 /* calls to read before flushing stdout */

struct tail {
	struct tool_source source;
	uint64_t earlier;
	const char *fn_name;
	bool errors;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct tail),
	{"lines", 'n', TOOL_COUNT, offsetof(struct tail, earlier), "N",
	 "print the last N finished calls first (default 0)"},
	{"fn", 0, TOOL_TEXT, offsetof(struct tail, fn_name), "NAME",
	 "only calls of this function"},
	{"errors", 0, TOOL_FLAG, offsetof(struct tail, errors), NULL,
	 "only calls that failed, were rolled back or aborted"},
	{"json", 0, TOOL_FLAG, offsetof(struct tail, json), NULL,
	 "print one JSON object per line"},
	TOOL_END,
};

struct follow {
	const struct tail *tail;
	struct fnt_cursor *cursor;
	struct fnt_traces *earlier; /* printed at the start; skipped when read again */
	struct table *table;
	uint64_t missed; /* count that was last reported */
};

static bool
is_wanted(const struct follow *follow, const struct fnt_trace *trace)
{
	const struct tail *tail = follow->tail;

	if (tail->fn_name && strcmp(tail->fn_name, trace->fn_name) != 0)
		return false;
	if (tail->errors && trace->outcome == FNT_OK)
		return false;
	for (size_t i = 0; i < follow->earlier->count; i++)
		if (follow->earlier->items[i].uid == trace->uid)
			return false;
	return true;
}

static int
show(const struct follow *follow, const struct fnt_trace *trace)
{
	char when[TEXT_UNIT_MAX];

	if (follow->tail->json) {
		int code = calls_put_json(trace);

		putchar('\n');
		return code;
	}
	calls_table_add(follow->table, trace,
			text_clock(when, calls_ended_at_ns(trace)));
	return 0;
}

/* Print the calls of this batch, and how many were missed. Returns the exit code. */
static int
end_batch(struct follow *follow)
{
	uint64_t missed = fnt_cursor_missed(follow->cursor);
	char count[TEXT_UNIT_MAX];

	if (table_rows(follow->table) > 0)
		calls_table_print(follow->table);
	if (tool_flush() != TOOL_OK)
		return TOOL_FAILED;
	if (missed > follow->missed) {
		text_count(count, missed - follow->missed);
		message_note("missed %s call%s: overwritten before being read", count,
			     missed - follow->missed == 1 ? "" : "s");
	}
	follow->missed = missed;
	return TOOL_OK;
}

static int
show_earlier(struct follow *follow)
{
	for (size_t i = follow->earlier->count; i > 0; i--) {
		int code = show(follow, &follow->earlier->items[i - 1]);

		if (code < 0)
			return message_fail_errno("cannot print a call as JSON", code);
	}
	return end_batch(follow);
}

/* Read at most BATCH_MAX calls. Returns how many were read, or a negative errno. */
static int
take_batch(struct follow *follow)
{
	const struct fnt_trace *trace;
	int taken = 0;

	while (taken < BATCH_MAX && !tool_stopped) {
		int code = fnt_cursor_next(follow->cursor, &trace);

		if (code == 1 && is_wanted(follow, trace))
			code = show(follow, trace) < 0 ? -ENOMEM : 1;
		if (code < 0)
			return code;
		if (code == 0)
			break;
		taken++;
	}
	return taken;
}

/* Sleep for POLL_MS. Returns false if the reader of stdout has closed it: without a
 * call to print, no write would tell. */
static bool
wait_a_little(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, POLL_MS) <= 0 || !(out.revents & (POLLERR | POLLHUP));
}

static int
follow_calls(struct follow *follow)
{
	int status = show_earlier(follow);

	while (status == TOOL_OK && !tool_stopped) {
		int taken = take_batch(follow);

		if (taken < 0)
			return message_fail_errno("cannot read the next calls", taken);
		status = end_batch(follow);
		if (taken == 0 && !wait_a_little())
			break;
	}
	return status;
}

static int
start(struct fnt_reader *reader, const struct tail *tail)
{
	struct fnt_query query = {
		.limit = tail->earlier,
		.fn_name = tail->fn_name,
		.errors_only = tail->errors,
	};
	struct follow follow = {.tail = tail};
	int code, status;

	/* Open the cursor before the query, so that no call falls between the two. */
	code = fnt_cursor_open(&follow.cursor, reader, FNT_FROM_NOW);
	if (code < 0)
		return message_fail_errno(fnt_reader_path(reader), code);
	code = fnt_reader_query(reader, &query, &follow.earlier);
	if (code < 0) {
		fnt_cursor_close(follow.cursor);
		return message_fail_errno(fnt_reader_path(reader), code);
	}
	follow.table = calls_table_create("TIME");
	status = follow_calls(&follow);
	table_destroy(follow.table);
	fnt_traces_free(follow.earlier);
	fnt_cursor_close(follow.cursor);
	return status;
}

static int
run(int argc, char **argv)
{
	struct tail tail = {0};
	struct fnt_reader *reader;
	int status;

	tool_options(&command_tail, argc, argv, &tail);
	reader = tool_reader_open(&command_tail, &tail.source);
	if (!reader)
		return TOOL_FAILED;
	tool_catch_stop();
	status = start(reader, &tail);
	fnt_reader_close(reader);
	return status;
}

static const char details[] =
	"Runs until it is interrupted. If calls finish faster than they can be\n"
	"read, the number of calls missed is printed on standard error.\n";

const struct command command_tail = {
	.name = "tail",
	.summary = "print calls as they finish",
	.details = details,
	.options = options,
	.run = run,
};
