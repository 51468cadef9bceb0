/* SPDX-License-Identifier: MIT
 *
 * test_payload.c: the payload's encoding against msgpack-c. What msgpack-c packs by the
 * table in read.h is read as meant; what calls write is msgpack of that shape; and
 * bytes that are neither do no harm.
 */
#include "support/payload_events.h"
#include "support/payload_same.h"
#include "payload/encode.h"
#include "ring/record_read.h"
#include "region/region.h"

/* ---- packed by msgpack-c, read by us --------------------------------------------- */

static struct fnt_payload_reader
reader_of(const void *bytes, size_t len)
{
	return (struct fnt_payload_reader){bytes, (const unsigned char *)bytes + len,
					   0};
}

/* Streams of events, mixed with events and elements of a later version. All are read as
 * meant, whatever bytes are behind them. Each prefix that ends with an event gives the
 * events in it; any other gives the events before the cut, and then reports damage. */
START_TEST(events_packed_by_msgpack_c)
{
	enum {
		EVENTS = 12
	};
	struct fnt_event events[EVENTS], got;
	struct rnd r = {21};
	msgpack_sbuffer buffer;
	msgpack_packer pk;

	fill_letters();
	for (int round = 0; round < ROUNDS(4000, 500); round++) {
		size_t ends[EVENTS];

		msgpack_sbuffer_init(&buffer);
		msgpack_packer_init(&pk, &buffer, msgpack_sbuffer_write);
		for (int i = 0; i < EVENTS; i++) {
			some_event(&r, &events[i]);
			if (rnd(&r, 5)) {
				pack(&pk, &events[i], rnd(&r, 3));
			} else {
				events[i].type = FNT_EVENT_UNKNOWN;
				msgpack_pack_array(&pk, 3);
				msgpack_pack_uint64(&pk, FNT_EVENT_UNKNOWN +
								 some_bits(&r) / 2);
				msgpack_pack_float(&pk, 1);
				msgpack_pack_map(&pk, 0);
			}
			ends[i] = buffer.size;
		}
		for (int cut = 0; cut < 8; cut++) {
			size_t len =
				cut ? rnd(&r, (uint32_t)buffer.size + 1) : buffer.size;
			struct fnt_payload_reader in;
			char *exact = malloc(len + 1);
			int i = 0, rc;

			memcpy(exact, buffer.data, len);
			in = reader_of(exact, len);
			while ((rc = fnt_payload_next(&in, &got)) == 1) {
				MUST(i < EVENTS && ends[i] <= len);
				MUST(events[i].type == FNT_EVENT_UNKNOWN
					     ? got.type == FNT_EVENT_UNKNOWN
					     : same_event(&got, &events[i]));
				i++;
			}
			MUST(rc == ((i ? ends[i - 1] : 0) == len ? 0 : -EBADMSG));
			MUST(same_with_slack(exact, len, (int)rnd(&r, 256)));
			free(exact);
		}
		msgpack_sbuffer_destroy(&buffer);
	}
}
END_TEST

START_TEST(any_bytes)
{
	static const unsigned char likely[] = {0x95, 0x98, 0x94, 0x93, 0x92, 0xdd, 0xdc,
					       0xdf, 0xc6, 0xdb, 0xff, 0xc1, 0xc9, 0x00,
					       0x03, 0x08, 0xc0, 0xcf, 0xd3, 0xa1, 0x04,
					       0x05, 0xce, 0xcd, 0xd9, 0xc3};
	struct rnd r = {31};
	struct fnt_event event;

	for (int round = 0; round < ROUNDS(2000000, 200000); round++) {
		size_t len = rnd(&r, 40);
		unsigned char *bytes = malloc(len ? len : 1);
		struct fnt_payload_reader in = reader_of(bytes, len);
		size_t steps = 0;

		for (size_t i = 0; i < len; i++)
			bytes[i] = rnd(&r, 3) ? likely[rnd(&r, sizeof(likely))]
					      : (unsigned char)rnd(&r, 256);
		while (fnt_payload_next(&in, &event) == 1)
			MUST(++steps <= len && in.at <= in.end);
		MUST(same_with_slack(bytes, len, likely[rnd(&r, sizeof(likely))]));
		free(bytes);
	}
}
END_TEST

/* ---- encoded by us, whole and in pieces ------------------------------------------ */

static const struct {
	fnt_encode_event_fn *encode;
	size_t bound;
} encoders[FNT_EVENT_UNKNOWN] = {
	[FNT_EVENT_CALL] = {fnt_encode_call, FNT_CALL_BOUND},
	[FNT_EVENT_USER] = {fnt_encode_identity, FNT_ID_BOUND},
	[FNT_EVENT_TENANT] = {fnt_encode_identity, FNT_ID_BOUND},
	[FNT_EVENT_OP] = {fnt_encode_op, FNT_OP_BOUND},
	[FNT_EVENT_OP_BEGIN] = {fnt_encode_op_begin, FNT_OP_BEGIN_BOUND},
	[FNT_EVENT_OP_END] = {fnt_encode_op_end, FNT_OP_END_BOUND},
	[FNT_EVENT_SCHEDULE] = {fnt_encode_schedule, FNT_SCHEDULE_BOUND},
	[FNT_EVENT_ERROR] = {fnt_encode_error, FNT_ERROR_BOUND},
	[FNT_EVENT_VALUE] = {fnt_encode_value, FNT_VALUE_BOUND},
	[FNT_EVENT_WAIT_BEGIN] = {fnt_encode_op_begin, FNT_OP_BEGIN_BOUND},
	[FNT_EVENT_WAIT] = {fnt_encode_op, FNT_OP_BOUND},
};

struct pieces {
	struct fnt_encode_sink sink;
	char buffer[FNT_ENCODE_SINK_BYTES];
	char out[4 * sizeof(letters)];
	size_t len, text_len;
};

static void
take_piece(struct pieces *to, const char *bytes, size_t len)
{
	MUST(len <= sizeof(to->out) - to->len);
	memcpy(to->out + to->len, bytes, len);
	to->len += len;
}

static char *
take_text(struct fnt_encode_sink *sink, char *at, const char *bytes, uint32_t len)
{
	struct pieces *to = (struct pieces *)(void *)sink;

	MUST(at <= to->buffer + sizeof(to->buffer));
	take_piece(to, to->buffer, (size_t)(at - to->buffer));
	take_piece(to, bytes, len);
	to->text_len += len;
	return to->buffer;
}

/* Both ways give the same bytes, within the event's bound, which are read as meant. */
START_TEST(events_encoded_in_pieces)
{
	static struct pieces pieces;
	static char whole[sizeof(pieces.out)];
	struct fnt_event event, got;
	struct rnd r = {51};

	fill_letters();
	for (int round = 0; round < ROUNDS(50000, 5000); round++) {
		struct fnt_payload_reader in;
		size_t len;
		char *at;

		some_event(&r, &event);
		if (event.type == FNT_EVENT_COMMITTED)
			continue;
		if (event.type == FNT_EVENT_OP_END)
			event.end.number &= UINT32_MAX; /* all that is encoded */
		pieces.sink.write = take_text;
		pieces.len = pieces.text_len = 0;
		at = encoders[event.type].encode(pieces.buffer, &event, &pieces.sink);
		take_piece(&pieces, pieces.buffer, (size_t)(at - pieces.buffer));
		len = (size_t)(encoders[event.type].encode(whole, &event, NULL) -
			       whole);
		MUST(len == pieces.len && !memcmp(whole, pieces.out, len));
		MUST(len <= encoders[event.type].bound + pieces.text_len);
		in = reader_of(whole, len);
		MUST(fnt_payload_next(&in, &got) == 1 && in.at == in.end);
		MUST(same_event(&got, &event));
	}
}
END_TEST

/* ---- written by calls, read by msgpack-c ----------------------------------------- */

/* Check that each event is a msgpack array that begins with a known number and has as
 * many elements as that event has. Returns how many events there are. */
static size_t
check_with_msgpack(const struct fnt_record_copy *raw)
{
	msgpack_unpacked object;
	size_t at = 0, count = 0;

	msgpack_unpacked_init(&object);
	while (at < raw->head.payload_bytes) {
		const msgpack_object *o = &object.data;

		MUST(msgpack_unpack_next(&object, raw->payload, raw->head.payload_bytes,
					 &at) == MSGPACK_UNPACK_SUCCESS);
		MUST(o->type == MSGPACK_OBJECT_ARRAY);
		MUST(o->via.array.ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER);
		MUST(o->via.array.ptr[0].via.u64 < FNT_EVENT_UNKNOWN);
		MUST(o->via.array.size == elements[o->via.array.ptr[0].via.u64]);
		MUST(!count == !o->via.array.ptr[0].via.u64);
		count++;
	}
	msgpack_unpacked_destroy(&object);
	return count;
}

/* End the call with an error or a value, of lengths whose encodings differ. */
static void
finish_some(struct rnd *r, struct fnt_call *call)
{
	struct fnt_text some = random_text(r);
	struct fnt_value value = {.kind = rnd(r, 2) ? FNT_VALUE_JSON
						    : FNT_VALUE_MSGPACK,
				  .data = some.at,
				  .len = some.len};

	if (rnd(r, 2))
		MUST(!fnt_call_finish_error(call, "code", letters + 60000));
	else
		MUST(!fnt_call_finish_ok(call, &value));
}

static size_t
write_some(struct rnd *r, struct fnt_log *log)
{
	struct fnt_call *call =
		begin_call(log, rnd(r, 2) ? "fn" : letters + 60000, "id");
	size_t events = 2, steps = rnd(r, 60);
	int64_t handle;
	char text[300];

	for (size_t i = 0; i < steps; i++) {
		struct fnt_text some = random_text(r);
		uint32_t len = some.len < sizeof(text) ? some.len : sizeof(text) - 1;

		memcpy(text, some.at, len);
		text[len] = '\0';
		switch (rnd(r, 4)) {
		case 0:
			MUST(!fnt_call_op(call, FNT_OP_GET, rnd(r, 2) ? "entity" : text,
					  text, some_bits(r), number_or_nil(r),
					  rnd(r, 2)));
			events++;
			break;
		case 1:
			handle = fnt_call_op_begin(call, FNT_OP_LIST, text, NULL);
			MUST(!fnt_call_op_end(call, handle, number_or_nil(r), true));
			events += 2;
			break;
		case 2:
			MUST(!fnt_call_schedule(call, text, number_or_nil(r),
						number_or_nil(r)));
			events++;
			break;
		default:
			MUST(!fnt_call_user_id(call, text));
			events++;
		}
	}
	finish_some(r, call);
	return events;
}

START_TEST(payloads_written_by_calls)
{
	struct fnt_options options = {.size_bytes = MIB(4),
				      .max_record_bytes = 160000,
				      .kept_percent = FNT_KEPT_NONE};
	struct fnt_log *log = open_log("payload", &options);
	struct fnt_record_copy raw = {.payload = NULL};
	struct fnt_region region;
	struct rnd r = {41};

	fill_letters();
	letters[sizeof(letters) - 1] = '\0';
	MUST(!fnt_region_open_read(&region, "payload", NULL));
	for (int i = 0; i < ROUNDS(5000, 800); i++) {
		size_t events = write_some(&r, log);
		uint64_t ticket = fnt_ring_cursor(&region.view, FNT_RING_MAIN);

		while (fnt_record_read(&region.view, FNT_RING_MAIN, --ticket, &raw) !=
		       FNT_READ_RECORD)
			;
		MUST(check_with_msgpack(&raw) == events);
	}
	fnt_record_copy_free(&raw);
	fnt_region_close(&region);
	fnt_log_close(log);
	must_be_sound("payload");
}
END_TEST

FIXTURE_MAIN("payload", events_packed_by_msgpack_c, any_bytes, events_encoded_in_pieces,
	     payloads_written_by_calls)
