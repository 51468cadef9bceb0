/* SPDX-License-Identifier: MIT
 *
 * test_payload_writer.c: a call's payload across the end of a frame, into the next one.
 */
#include "support/fixture.h"

#include "produce/call_events.h"
#include "payload/read.h"
#include "region/region.h"
#include "ring/record_read.h"

static uint64_t
state_after(const struct fnt_call *call)
{
	return atomic_load_explicit(&call->frame[1].state, memory_order_relaxed);
}

/* Add one event of some kind. The bytes behind the frame must not change, unless the
 * call has taken that frame, too, to go on in. */
static void
one_more(struct fnt_call *call, unsigned kind, const char *id, int64_t rows)
{
	const struct fnt_extent *last = call->last;
	uint64_t before = state_after(call);
	int64_t op;

	switch (kind % 3) {
	case 0:
		MUST(fnt_call_op(call, FNT_OP_GET, "Lot", id, 5, rows, true) ==
		     FNT_DONE);
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

/* Texts and numbers of every length, up to the end of a frame and across it. */
START_TEST(no_write_past_the_end_of_a_frame)
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

/* ---- across the ends of frames --------------------------------------------------- */

#define LONGEST 60u
#define OPS 200u /* in about six frames */

static const int64_t some_rows[] = {FNT_NONE, 1, 200, 70000, INT64_MAX, -5};

/* Add op `i`. Its id has up to `len` letters, in an order that no other id has. */
static void
op_number(unsigned i, unsigned len, char id[LONGEST + 1])
{
	len -= i % 3 < len ? i % 3 : 0;
	for (unsigned j = 0; j < len; j++)
		id[j] = (char)('!' + (i * 7 + j * 11) % 90);
	id[len] = '\0';
}

/* The open call is seen with op `i`, and with all that was there before it. */
static void
must_end_with(const struct fnt_record_copy *now, const struct fnt_record_copy *before,
	      unsigned i, const char *id)
{
	struct fnt_payload_reader reader = {
		.at = (const unsigned char *)now->payload + before->head.payload_bytes,
		.end = (const unsigned char *)now->payload + now->head.payload_bytes};
	struct fnt_event event;

	MUST(now->head.payload_bytes > before->head.payload_bytes);
	MUST(!memcmp(now->payload, before->payload, before->head.payload_bytes));
	MUST(fnt_payload_next(&reader, &event) == 1 && reader.at == reader.end);
	MUST(event.type == FNT_EVENT_OP &&
	     event.op.op == (i % 2 ? FNT_OP_LIST : FNT_OP_GET));
	MUST(event.op.id.len == strlen(id) && !memcmp(event.op.id.at, id, strlen(id)));
	MUST(event.op.duration_ns == i && event.op.row_count == some_rows[i % 6]);
	MUST(event.op.ok == (i % 5 != 0));
}

static void
swap_raws(struct fnt_record_copy *a, struct fnt_record_copy *b)
{
	struct fnt_record_copy c = *a;

	*a = *b;
	*b = c;
}

/* The newest record has the payload that was seen last. */
static void
must_be_recorded(const struct fnt_view *view, const struct fnt_record_copy *seen,
		 struct fnt_record_copy *raw)
{
	uint64_t ticket = fnt_ring_cursor(view, FNT_RING_MAIN);

	while (fnt_record_read(view, FNT_RING_MAIN, --ticket, raw) != FNT_READ_RECORD)
		;
	ck_assert_uint_eq(raw->head.payload_bytes, seen->head.payload_bytes);
	MUST(!memcmp(raw->payload, seen->payload, seen->head.payload_bytes));
	ck_assert_uint_eq(raw->head.op_count, OPS);
}

/* Ids have every length, so that frames end at every place of an event. After each op a
 * reader finds it and all before, and the record is what was seen. */
START_TEST(op_crosses_the_end_of_a_frame)
{
	/* small, so that it is lapped */
	struct fnt_log *log = open_sized("over", KIB(512));
	struct fnt_record_copy seen = {.payload = NULL}, now = {.payload = NULL};
	struct fnt_region region;
	char id[LONGEST + 1];

	MUST(!fnt_region_open_read(&region, "over", NULL));
	for (unsigned len = 0; len <= LONGEST; len++) {
		struct fnt_call *call = begin_call(log, "fn", "id");
		uint32_t frame = call->own.frame;

		MUST(fnt_frame_read(&region.view, frame, &seen) == FNT_READ_RECORD);
		for (unsigned i = 0; i < OPS; i++) {
			op_number(i, len, id);
			MUST(fnt_call_op(call, i % 2 ? FNT_OP_LIST : FNT_OP_GET,
					 i % 3 ? "Lot" : "Bid", i % 7 ? id : "", i,
					 some_rows[i % 6], i % 5 != 0) == FNT_DONE);
			MUST(fnt_frame_read(&region.view, frame, &now) ==
			     FNT_READ_RECORD);
			must_end_with(&now, &seen, i, i % 7 ? id : "");
			swap_raws(&now, &seen);
		}
		MUST(call->own.next && call->own.next->next);
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		must_be_recorded(&region.view, &seen, &now);
	}
	ck_assert_uint_gt(
		fnt_ring_cursor(&region.view, FNT_RING_MAIN),
		2 * fnt_view_segments(&region.view, FNT_RING_MAIN)->at[0].cell_count);
	fnt_record_copy_free(&seen);
	fnt_record_copy_free(&now);
	fnt_region_close(&region);
	fnt_log_close(log);
	must_be_sound("over");
}
END_TEST

/* ---- the last event -------------------------------------------------------------- */

static void
fill(char *text, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		text[i] = (char)('!' + (seed + i * 13) % 90);
	text[len] = '\0';
}

/* Begin a call and add so many ops. */
static struct fnt_call *
call_of(struct fnt_log *log, unsigned ops)
{
	struct fnt_call *call = begin_call(log, "fn", "id");

	while (ops-- > 0)
		MUST(fnt_call_op(call, FNT_OP_GET, "Lot", "some", 5, 1, true) ==
		     FNT_DONE);
	return call;
}

static void
must_have_value(struct fnt_log *log, const struct fnt_value *value)
{
	struct fnt_traces *traces = newest(log, 1);
	const struct fnt_value *found = &traces->items[0].value;

	MUST(found->kind == value->kind && found->len == value->len);
	MUST(!memcmp(found->data, value->data, value->len));
	/* The bytes need not be a value of the kind that they are said to be. */
	MUST(!(traces->items[0].flags & ~FNT_TRACE_VALUE_INVALID));
	fnt_traces_free(traces);
}

static void
finish_with(struct fnt_log *log, unsigned ops, enum fnt_value_kind kind, char *text,
	    size_t len)
{
	struct fnt_value value = {kind, text, len};

	fill(text, len, (unsigned)len + ops);
	MUST(fnt_call_finish_ok(call_of(log, ops), &value) == FNT_DONE);
	must_have_value(log, &value);
}

/* Frames that continued other calls begin calls now. */
static void
two_at_once(struct fnt_log *log)
{
	struct fnt_call *one = call_of(log, 0), *other = call_of(log, 60);

	MUST(fnt_call_finish_ok(other, NULL) == FNT_DONE);
	MUST(newest_op_count(log) == 60);
	MUST(fnt_call_finish_ok(one, NULL) == FNT_DONE);
}

/* Values of every length: that fit into the rest of a frame, that cross its end, and
 * that no frame has room for. The last are not copied into frames, which stay as they
 * were. */
START_TEST(value_is_recorded_unchanged)
{
	struct fnt_log *log = open_log("values", NULL);
	char text[9000];

	for (unsigned len = 0; len < 700; len++)
		for (unsigned ops = 25; ops < 28; ops++)
			finish_with(log, len % 5 ? ops : len % 3,
				    len % 3 ? FNT_VALUE_JSON : FNT_VALUE_MSGPACK, text,
				    len);
	for (unsigned len = 700; len < sizeof(text) - 1; len += 89)
		for (unsigned ops = 0; ops < 70; ops += 1 + len % 7) {
			finish_with(log, ops, FNT_VALUE_JSON, text, len);
			two_at_once(log);
		}
	fnt_log_close(log);
	must_be_sound("values");
}
END_TEST

static void
must_have_failed(struct fnt_log *log, const char *code, const char *message)
{
	struct fnt_traces *traces = newest(log, 1);

	ck_assert_str_eq(traces->items[0].code, code ? code : "");
	ck_assert_str_eq(traces->items[0].message, message ? message : "");
	MUST(traces->items[0].outcome == FNT_ERROR && !traces->items[0].flags);
	fnt_traces_free(traces);
}

START_TEST(error_is_recorded_unchanged)
{
	struct fnt_log *log = open_log("errors", NULL);
	char code[80], message[80];

	for (unsigned len = 0; len < 79; len++)
		for (unsigned other = 0; other < 79; other += 3) {
			const char *said = len ? code : NULL;

			fill(code, len, other);
			fill(message, other, len);
			MUST(fnt_call_finish_error(call_of(log, (len + other) % 32),
						   said, message) == FNT_DONE);
			must_have_failed(log, said, message);
		}
	MUST(fnt_call_finish_error(call_of(log, 0), NULL, NULL) == FNT_DONE);
	must_have_failed(log, NULL, NULL);
	fnt_log_close(log);
	must_be_sound("errors");
}
END_TEST

/* Clocks of two threads may differ a little. An op that one thread begins and another
 * ends at once has duration 0, and not 600 years. */
START_TEST(op_does_not_end_before_it_began)
{
	struct fnt_log *log = open_log("before", NULL);
	struct fnt_traces *traces;

	for (unsigned i = 0; i < 4; i++) {
		struct fnt_call *call = begin_call(log, "fn", "id");
		int64_t op = fnt_call_op_begin(call, FNT_OP_GET, "Lot", NULL);

		call->pending_inline[0].start_ns += 1000000000;
		/* The first end takes the slow path, the last one the fast path. */
		MUST(fnt_call_op_end(call, op, 1, true) == FNT_DONE);
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		traces = newest(log, 1);
		ck_assert_uint_eq(traces->items[0].ops[0].duration_ns, 0);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN("payload_writer", no_write_past_the_end_of_a_frame,
	     op_crosses_the_end_of_a_frame, value_is_recorded_unchanged,
	     error_is_recorded_unchanged, op_does_not_end_before_it_began)
