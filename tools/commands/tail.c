/* SPDX-License-Identifier: MIT
 *
 * fntrace tail: print calls as they finish, until interrupted.
 */
#include "commands/commands.h"
#include "view/calls.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 25    /* producers do not wake readers, so the ring is polled */
#define NAME_POLLS 20 /* idle polls from one look at the region's name to the next */
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
	struct fnt_reader *reader;
	struct stat file;    /* that has the region's name, at the start */
	bool named;	     /* it has one, and `file` is known */
	bool over;	     /* the name is another region's, or nobody's, by now */
	unsigned until_look; /* idle polls */
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

/* ---- a region that is replaced --------------------------------------------------- */

/* Remember which file the region is. A region given by a process is not followed by its
 * name. */
static void
note_file(struct follow *follow)
{
	follow->named = !follow->tail->source.pid &&
			!stat(fnt_reader_path(follow->reader), &follow->file);
}

/* Does a live process write to the region that is open? True also if that can't be
 * known. */
static bool
is_written_to(struct fnt_reader *reader)
{
	struct fnt_producer *producers;
	size_t count;
	bool alive = false;

	if (fnt_reader_producers(reader, &producers, &count))
		return true;
	for (size_t i = 0; i < count; i++)
		alive |= producers[i].alive;
	free(producers);
	return alive;
}

/* Has the region lost its name, to another one, or for good? Says so, once. While
 * processes write to a region without a name, and there is no other, it is followed. */
static bool
is_over(struct follow *follow)
{
	const char *path = fnt_reader_path(follow->reader);
	struct stat now;

	if (!follow->named || follow->until_look--)
		return false;
	follow->until_look = NAME_POLLS;
	if (!stat(path, &now)) {
		if (now.st_dev == follow->file.st_dev &&
		    now.st_ino == follow->file.st_ino)
			return false;
		message_note("%s: replaced by another region, which is followed now",
			     path);
	} else if (errno == ENOENT && !is_written_to(follow->reader)) {
		message_note("%s: removed, and no process writes to it", path);
		follow->named = false;
	} else {
		return false;
	}
	follow->over = true;
	return true;
}

/* ---- following ------------------------------------------------------------------- */

static int
follow_calls(struct follow *follow)
{
	int status = show_earlier(follow);

	while (status == TOOL_OK && !tool_stopped) {
		int taken = take_batch(follow);

		if (taken < 0)
			return message_fail_errno("cannot read the next calls", taken);
		status = end_batch(follow);
		if (taken == 0 && (is_over(follow) || !wait_a_little()))
			break;
	}
	return status;
}

/* Follow one region until it is over or the tool is stopped. `from`: FNT_FROM_OLDEST if
 * it has replaced another one. *replaced: there is a next one, of the same name. */
static int
follow_region(struct fnt_reader *reader, const struct tail *tail, enum fnt_from from,
	      bool *replaced)
{
	struct fnt_query query = {
		.limit = from == FNT_FROM_NOW ? tail->earlier : 0,
		.fn_name = tail->fn_name,
		.errors_only = tail->errors,
	};
	struct follow follow = {.tail = tail, .reader = reader};
	int code, status;

	*replaced = false;
	note_file(&follow);
	/* Open the cursor before the query, so that no call falls between the two. */
	code = fnt_cursor_open(&follow.cursor, reader, from);
	if (code < 0)
		return message_fail_errno(fnt_reader_path(reader), code);
	code = fnt_reader_query(reader, &query, &follow.earlier);
	if (code < 0) {
		fnt_cursor_close(follow.cursor);
		return message_fail_errno(fnt_reader_path(reader), code);
	}
	follow.table = calls_table_create("TIME");
	status = follow_calls(&follow);
	*replaced = status == TOOL_OK && follow.over && follow.named;
	table_destroy(follow.table);
	fnt_traces_free(follow.earlier);
	fnt_cursor_close(follow.cursor);
	return status;
}

/* Follow the region, and those that take its name. */
static int
follow_name(struct fnt_reader *reader, const struct tail *tail)
{
	struct tool_source next = {.region = NULL};
	enum fnt_from from = FNT_FROM_NOW;
	size_t size = strlen(fnt_reader_path(reader)) + 1;
	char *path = memcpy(text_alloc(size), fnt_reader_path(reader), size);
	bool replaced;
	int status;

	next.region = path;
	do {
		status = follow_region(reader, tail, from, &replaced);
		fnt_reader_close(reader);
		from = FNT_FROM_OLDEST;
		reader = replaced ? tool_reader_open(&command_tail, &next) : NULL;
		if (replaced && !reader)
			status = TOOL_FAILED;
	} while (reader);
	free(path);
	return status;
}

static int
run(int argc, char **argv)
{
	struct tail tail = {0};
	struct fnt_reader *reader;

	tool_options(&command_tail, argc, argv, &tail);
	reader = tool_reader_open(&command_tail, &tail.source);
	if (!reader)
		return TOOL_FAILED;
	tool_catch_stop();
	return follow_name(reader, &tail);
}

static const char details[] =
	"Runs until it is interrupted. If calls finish faster than they can be\n"
	"read, the number of calls missed is printed on standard error. A region\n"
	"that takes the name of the one that is followed is followed instead.\n";

const struct command command_tail = {
	.name = "tail",
	.summary = "print calls as they finish",
	.details = details,
	.options = options,
	.run = run,
};
