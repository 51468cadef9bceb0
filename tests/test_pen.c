/* SPDX-License-Identifier: MIT
 *
 * test_pen.c: a call's payload where one frame ends and the next goes on.
 */
#include "fixture.h"

#include "call.h"

static uint64_t
state_after(const struct fnt_call *call)
{
	return atomic_load_explicit(&call->frame[1].state, memory_order_relaxed);
}

/* One more event, of one kind or another; nothing of what lies behind the frame is touched,
 * unless the call has taken it to go on in. */
static void
one_more(struct fnt_call *call, unsigned kind, const char *id, int64_t rows)
{
	const struct fnt_extent *last = call->last;
	uint64_t before = state_after(call);
	int64_t op;

	switch (kind % 3) {
	case 0:
		MUST(fnt_call_op(call, FNT_OP_GET, "Lot", id, 5, rows, true) == FNT_DONE);
		break;
	case 1:
		op = fnt_call_op_begin(call, FNT_OP_LIST, "Lot", id);
		MUST(op > 0);
		MUST(call->last != last || state_after(call) == before);
		MUST(fnt_call_op_end(call, op, rows, true) == FNT_DONE);
		break;
	default:
		MUST(fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5, FNT_NONE, true) ==
		     FNT_DONE);
	}
	MUST(call->last != last || state_after(call) == before);
}

static size_t
newest_op_count(struct fnt_log *log)
{
	struct fnt_traces *traces = newest(log, 1);
	size_t count = traces->count ? traces->items[0].op_count : SIZE_MAX;

	fnt_traces_free(traces);
	return count;
}

/* Texts and numbers of every length, up to the end of a frame and over it. */
START_TEST(a_frame_ends_where_it_ends)
{
	static const int64_t rows[] = {FNT_NONE, 1, 200, 70000, INT64_MAX, -5};
	struct fnt_log *log = open_log("ends", NULL);
	char text[64];

	for (unsigned len = 0; len < 60; len++)
		for (unsigned kind = 0; kind < 3; kind++) {
			struct fnt_call *call = begin_call(log, "fn", "id");
			unsigned ops = 0;

			memset(text, 'x', len);
			text[len] = '\0';
			for (; call->last == &call->own; ops++)
				one_more(call, kind + (ops % 5 == 4), text,
					 rows[(ops + len) % 6]);
			for (unsigned i = 0; i < 3; i++, ops++)
				one_more(call, kind, text, rows[i]);
			MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
			MUST(newest_op_count(log) == ops);
		}
	fnt_log_close(log);
	must_be_sound("ends");
}
END_TEST

/* Two threads' clocks may disagree by a little: an op that the one begins and the other
 * ends at once took no time, and not as good as 600 years. */
START_TEST(an_op_does_not_end_before_it_began)
{
	struct fnt_log *log = open_log("before", NULL);
	struct fnt_traces *traces;

	for (unsigned i = 0; i < 4; i++) {
		struct fnt_call *call = begin_call(log, "fn", "id");
		int64_t op = fnt_call_op_begin(call, FNT_OP_GET, "Lot", NULL);

		call->pending_few[0].start_ns += 1000000000;
		/* The first goes the general way, the last the short one. */
		MUST(fnt_call_op_end(call, op, 1, true) == FNT_DONE);
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		traces = newest(log, 1);
		ck_assert_uint_eq(traces->items[0].ops[0].duration_ns, 0);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("pen", a_frame_ends_where_it_ends, an_op_does_not_end_before_it_began)
