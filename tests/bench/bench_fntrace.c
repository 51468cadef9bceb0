/* SPDX-License-Identifier: MIT
 *
 * The producing side of fntrace. Shapes:
 *
 *      call         begin, `ops` ops (get and insert by turns), `chunks` chunks, finish
 *      pairs        the same with op_begin and op_end instead of op
 *      overlap      as call, with eight calls open at a time
 *      private      as call, when the region has no free frame: in private memory
 *      error        as call, finished with an error code and a message
 *      parent       as call, each the child of one call that stays open
 *      messages     as call with two ops; names at changing addresses, as in messages
 *      uuids        as call with two ops; call, row and user ids are UUIDs of 36 bytes
 *      push         fnt_log_push of the same trace, built elsewhere
 *      ordered      as call, on a log with FNT_ORDERED
 *      count-only   as call, on a log with FNT_KEEP_NONE
 *      closed       as call, on a log that has been closed
 *      disabled     as call, with the setting enabled=off
 *      sampled-out  as call, with keep=0: only failed calls would be recorded
 *      settings     as call, with a setting that is not the default; all are recorded
 *      stubs        as call, into functions that do nothing: the cost of the loop
 *      empty        an empty loop: the cost of measuring
 *
 * tests/bench/compare also builds this file against older revisions: it uses public
 * headers and raw_reader.h alone.
 */
#include "bench.h"
#include "bench_calls.h"
#include "raw_reader.h"

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include <stdlib.h>
#include <string.h>

#define OVERLAP 8u

struct reader {
	struct fnt_reader *reader;
	struct fnt_cursor *cursor; /* NULL: scans the whole ring */
	struct raw_reader raw;	   /* .reader NULL: reads through the public API */
	bool follows;
	bool again; /* reopen the cursor at the oldest record when it reaches the end */
	uint64_t seen;
};

struct fnt_log *bench_log;

static bool
is_shape(const struct bench_options *options, const char *shape)
{
	return !strcmp(options->shape, shape);
}

/* ---- shapes --------------------------------------------------------------------- */

static void
run_calls(void *state, uint64_t calls)
{
	struct producer *p = state;
	unsigned ops = p->options->ops, chunks = p->options->chunks;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct fnt_call *call = call_begin(p, i);

		for (unsigned j = 0; j < ops; j++)
			call_op(p, call, i, j);
		for (unsigned j = 0; j < chunks; j++)
			fnt_call_stream_chunk(call, 100);
		fnt_call_finish_ok(call, &p->value);
	}
	p->done += calls;
}

static void
run_pairs(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct fnt_call *call = call_begin(p, i);

		for (unsigned j = 0; j < p->options->ops; j++)
			call_pair(p, call, i, j);
		fnt_call_finish_ok(call, &p->value);
	}
	p->done += calls;
}

static void
run_errors(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct fnt_call *call = call_begin(p, i);

		for (unsigned j = 0; j < p->options->ops; j++)
			call_op(p, call, i, j);
		fnt_call_finish_error(call, "BID_TOO_LOW", "the bid must be above 20");
	}
	p->done += calls;
}

/* Consecutive ops belong to different calls. */
static void
run_overlapping(void *state, uint64_t calls)
{
	struct producer *p = state;
	struct fnt_call *open[OVERLAP];

	for (uint64_t i = p->done, end = i + calls; i < end; i += OVERLAP) {
		for (unsigned j = 0; j < OVERLAP; j++)
			open[j] = call_begin(p, i + j);
		for (unsigned k = 0; k < p->options->ops; k++)
			for (unsigned j = 0; j < OVERLAP; j++)
				call_op(p, open[j], i + j, k);
		for (unsigned j = 0; j < OVERLAP; j++)
			fnt_call_finish_ok(open[j], &p->value);
	}
	p->done += calls;
}

static void
run_pushes(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct fnt_trace_op ops[] = {
			{.op = FNT_OP_GET,
			 .ok = true,
			 .entity = "Lot",
			 .id = workload_row_id(&p->work, i),
			 .start_ns = 1000,
			 .duration_ns = 2000,
			 .row_count = 1},
			{.op = FNT_OP_INSERT,
			 .ok = true,
			 .entity = "Bid",
			 .start_ns = 4000,
			 .duration_ns = 5000,
			 .row_count = FNT_NONE},
		};
		struct fnt_trace trace = {
			.call_id = workload_call_id(&p->work, i),
			.fn_name = workload_fn(i),
			.fn_type = FNT_MUTATION,
			.user_id = workload_user_id(&p->work, i),
			.outcome = FNT_OK,
			.started_at_ns = 1700000000000000000u + i,
			.duration_ns = 12000,
			.ops = ops,
			.op_count = 2,
		};

		fnt_log_push(bench_log, &trace);
	}
	p->done += calls;
}

/* Names come in messages: the same names, at addresses that change. */
static void
run_messages(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		const struct workload_message *m = &p->work.message[i % WORKLOAD_CALLS];
		struct fnt_call_info info = {.call_id = workload_call_id(&p->work, i),
					     .fn_name = m->fn,
					     .user_id = workload_user_id(&p->work, i)};
		struct fnt_call *call = fnt_call_begin(bench_log, &info);

		fnt_call_op(call, FNT_OP_GET, m->get, workload_row_id(&p->work, i),
			    2000, 1, true);
		fnt_call_op(call, FNT_OP_INSERT, m->insert, NULL, 5000, FNT_NONE, true);
		fnt_call_finish_ok(call, &p->value);
	}
	p->done += calls;
}

static void
run_uuids(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		const struct workload_uuids *ids = &p->work.uuids[i % WORKLOAD_CALLS];
		struct fnt_call_info info = {.call_id = ids->call_id,
					     .fn_name = workload_fn(i),
					     .fn_type = FNT_MUTATION,
					     .user_id = ids->user_id};
		struct fnt_call *call = fnt_call_begin(bench_log, &info);

		fnt_call_op(call, FNT_OP_GET, "Lot", ids->row_id, 2000, 1, true);
		fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
		fnt_call_finish_ok(call, &p->value);
	}
	p->done += calls;
}

/* The loop itself: the same calls, into functions that do nothing. */
static void
run_stubs(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct fnt_call_info info = {
			.call_id = workload_call_id(&p->work, i),
			.fn_name = workload_fn(i),
			.fn_type = FNT_MUTATION,
			.user_id = workload_user_id(&p->work, i),
			.parent = p->parent,
		};
		struct fnt_call *call = stub_begin(bench_log, &info);

		for (unsigned j = 0; j < p->options->ops; j++)
			if (j % 2)
				stub_op(call, FNT_OP_INSERT, "Bid", NULL, 5000,
					FNT_NONE, true);
			else
				stub_op(call, FNT_OP_GET, "Lot",
					workload_row_id(&p->work, i), 2000, 1, true);
		stub_finish(call, &p->value);
	}
	p->done += calls;
}

static void
run_nothing(void *state, uint64_t calls)
{
	for (uint64_t i = 0; i < calls; i++)
		__asm__ volatile("" : : "r"(state) : "memory");
}

/* ---- set-up --------------------------------------------------------------------- */

/* Open calls, and leave them open, until the region has no free frame. */
static int
take_all_frames(const struct bench_options *options)
{
	struct fnt_reader *reader;
	struct fnt_stat stat;

	if (fnt_reader_open(&reader, options->region, NULL))
		return -1;
	do {
		for (int i = 0; i < 64; i++)
			fnt_call_begin(bench_log, &(struct fnt_call_info){0});
		fnt_reader_stat(reader, &stat);
	} while (!stat.unframed);
	fnt_reader_close(reader);
	return 0;
}

/* The region of readers that read elsewhere. */
static const char *
elsewhere(const struct bench_options *options)
{
	static char name[128];

	snprintf(name, sizeof(name), "%s-elsewhere", options->region);
	return name;
}

/* Fill its ring past its end with the same calls. */
static int
make_elsewhere(const struct bench_options *options)
{
	struct bench_options two_ops = {.ops = 2};
	struct producer p = {.options = &two_ops};
	struct fnt_error error = {0};
	struct fnt_options how = {.size_bytes = options->size_bytes, .error = &error};
	struct fnt_reader *reader;
	struct fnt_stat stat;

	if (fnt_log_open(&bench_log, elsewhere(options), &how) ||
	    fnt_reader_open(&reader, elsewhere(options), &error)) {
		fprintf(stderr, "bench: %s\n", error.message);
		return -1;
	}
	fnt_reader_stat(reader, &stat);
	fnt_reader_close(reader);
	workload_init(&p.work, 0, false);
	run_calls(&p, stat.cells + stat.cells / 8);
	return 0;
}

static int
process_init(const struct bench_options *options, unsigned process)
{
	struct fnt_error error = {0};
	struct fnt_options how = {.size_bytes = options->size_bytes, .error = &error};

	if (process >=
	    options->processes) /* readers: the region may not be there yet */
		return options->elsewhere ? make_elsewhere(options) : 0;
	if (is_shape(options, "ordered"))
		how.flags = FNT_ORDERED;
	if (is_shape(options, "count-only"))
		how.flags = FNT_KEEP_NONE;
	if (is_shape(options, "disabled"))
		how.settings = "enabled=off";
	if (is_shape(options, "sampled-out"))
		how.settings = "keep=0";
	if (is_shape(options, "settings"))
		how.settings = "slow=1h";
	if (fnt_log_open(&bench_log, options->region, &how)) {
		fprintf(stderr, "bench: %s\n", error.message);
		return -1;
	}
	if (is_shape(options, "closed"))
		fnt_log_close(bench_log);
	return is_shape(options, "private") ? take_all_frames(options) : 0;
}

/* A JSON string of `bytes` bytes; for 0, no value. */
static void
make_value(struct fnt_value *value, uint64_t bytes)
{
	char *text;

	if (!bytes)
		return;
	text = malloc(bytes);
	if (!text)
		abort();
	memset(text, 'x', bytes);
	text[0] = text[bytes - 1] = '"';
	*value = (struct fnt_value){FNT_VALUE_JSON, text, bytes};
}

/* The first producer makes the region: try until it is there. */
static struct reader *
reader_init(const struct bench_options *options, bool follows)
{
	const char *region = options->elsewhere ? elsewhere(options) : options->region;
	enum fnt_from from = options->elsewhere ? FNT_FROM_OLDEST : FNT_FROM_NOW;
	struct timespec pause = {.tv_nsec = 1000000};
	struct reader *r = calloc(1, sizeof(*r));
	struct fnt_error error = {0};

	for (int i = 0; i < 5000 && !r->reader; i++)
		if (fnt_reader_open(&r->reader, region, &error))
			nanosleep(&pause, NULL);
	r->again = options->elsewhere;
	r->follows = follows;
	if (options->raw && r->reader) {
		r->raw = (struct raw_reader){.reader = r->reader,
					     .cell_ns = options->raw_ns,
					     .evicts = options->raw_evict};
		return r;
	}
	if (!r->reader || (follows && fnt_cursor_open(&r->cursor, r->reader, from))) {
		fprintf(stderr, "bench: %s\n", error.message);
		return NULL;
	}
	return r;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct producer *p;

	if (thread->is_reader)
		return reader_init(options,
				   !options->scans &&
					   thread->index == options->threads *
								    options->processes);
	p = calloc(1, sizeof(*p));
	p->options = options;
	workload_init(&p->work, thread->index, options->vary);
	make_value(&p->value, options->value_bytes);
	if (is_shape(options, "parent"))
		p->parent = call_begin(p, 0);
	return p;
}

static int
count(void *arg, const struct fnt_trace *trace)
{
	struct reader *r = arg;

	r->seen += trace->op_count;
	return 0;
}

static void
begin_again(struct reader *r)
{
	fnt_cursor_close(r->cursor);
	if (fnt_cursor_open(&r->cursor, r->reader, FNT_FROM_OLDEST))
		abort();
}

static void
read_once(void *state)
{
	struct reader *r = state;
	const struct fnt_trace *trace;

	if (r->raw.reader) {
		if (r->follows)
			raw_reader_follow(&r->raw);
		else
			raw_reader_scan(&r->raw);
		return;
	}
	if (!r->cursor) {
		fnt_reader_each(r->reader, &(struct fnt_query){.limit = SIZE_MAX},
				count, r);
		return;
	}
	for (int i = 0; i < 1000; i++) {
		if (fnt_cursor_next(r->cursor, &trace) != 1) {
			if (r->again)
				begin_again(r);
			return;
		}
		r->seen++;
	}
}

/* ---- the peer ------------------------------------------------------------------- */

/* process_init() makes the log as some shapes need it. */
static const struct {
	const char *name;
	void (*run)(void *state, uint64_t calls);
} shapes[] = {
	{"call", run_calls},	      {"pairs", run_pairs},
	{"overlap", run_overlapping}, {"private", run_calls},
	{"error", run_errors},	      {"parent", run_calls},
	{"messages", run_messages},   {"uuids", run_uuids},
	{"push", run_pushes},	      {"ordered", run_calls},
	{"count-only", run_calls},    {"closed", run_calls},
	{"disabled", run_calls},      {"sampled-out", run_calls},
	{"settings", run_calls},      {"stubs", run_stubs},
	{"empty", run_nothing},
};

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static struct bench_peer peer = {.process_init = process_init,
					 .thread_init = thread_init,
					 .read = read_once};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (!is_shape(options, shapes[i].name))
			continue;
		peer.run = shapes[i].run;
		return &peer;
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
