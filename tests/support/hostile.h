/* SPDX-License-Identifier: MIT
 *
 * hostile.h: a small region, always the same, and an encoding of damages to it.
 *
 *     header │ control │ 3 producers │ 4 lanes │ 8 names │ 8 frames │ 2 ring heads │
 *     metrics: 6 functions, 8 operations, 10 blocks │ settings │ 72 cells │ 64 cells
 *
 * It holds records of one cell and of many, calls in flight in one frame and in two, a
 * record that was begun and never committed, and the slot of a dead process. A damage
 * names its place by section, entry and word, so that an input of a fuzzer keeps its
 * meaning when a section moves.
 */
#ifndef FNT_TEST_HOSTILE_H
#define FNT_TEST_HOSTILE_H

#include "ring/frame.h"
#include "metrics/count_ops.h"
#include "metrics/journal.h"
#include "region/name_table.h"
#include "region/segment_map.h"
#include "region/slots.h"
#include "region/view.h"
#include "ring/ring.h"
#include "settings/settings.h"
#include "base/shm_words.h"
#include "ring/record_write.h"

#include <stdlib.h>
#include <string.h>

#define HOSTILE_SECTIONS 13
#define HOSTILE_SETTINGS 8u /* in two copies */
#define HOSTILE_CELLS 72u   /* in 5 pages */
#define HOSTILE_KEPT 64u
#define HOSTILE_ROOM (128u << 10)

struct hostile {
	struct fnt_header header;
	uint64_t size;
	_Alignas(FNT_LINE) unsigned char bytes[HOSTILE_ROOM];
};

static const struct {
	uint32_t stride, count;
} hostile_sections[HOSTILE_SECTIONS] = {
	{sizeof(struct fnt_control_words), 1},
	{sizeof(struct fnt_producer_slot), 3},
	{sizeof(struct fnt_lane), 4},
	{sizeof(struct fnt_name), 8},
	{sizeof(struct fnt_frame), 8},
	{sizeof(struct fnt_ring_head), FNT_RINGS},
	{sizeof(struct fnt_metrics_head), 1},
	{sizeof(struct fnt_fn_row), 6},
	{sizeof(struct fnt_op_row), 8},
	{sizeof(fnt_word), 10},
	{sizeof(struct fnt_octave), 10},
	{sizeof(struct fnt_setting_entry), HOSTILE_SETTINGS},
	{sizeof(fnt_word), 9},
};

/* Lay out the first segment of a ring at `off`. Returns where it ends. */
static inline uint64_t
hostile_begin_segment(struct fnt_ring_head *head, uint64_t off, uint64_t cells)
{
	off = (off + FNT_PAGE - 1) / FNT_PAGE * FNT_PAGE;
	atomic_store(&head->cursor, cells);
	atomic_store(&head->segments, 1);
	atomic_store(&head->slots[0].number, 1);
	atomic_store(&head->slots[0].first, cells);
	atomic_store(&head->slots[0].off, off);
	atomic_store(&head->slots[0].cells, cells);
	atomic_store(&head->slots[0].lap, 1);
	return off + cells * FNT_CELL_BYTES;
}

static inline void
hostile_lay_out(struct hostile *hostile)
{
	struct fnt_header *header = &hostile->header;
	struct fnt_ring_head *heads;
	uint64_t off = FNT_PAGE;

	memset(hostile, 0, sizeof(*hostile));
	memcpy(header->magic, FNT_MAGIC, sizeof(header->magic));
	header->byte_order = FNT_BYTE_ORDER;
	header->version = FNT_VERSION_NO;
	header->region_id = 77;
	header->created_at_ns = 1795447155319000000u;
	header->max_record_bytes = 2048;
	header->kept_percent = 47;
	header->section_count = HOSTILE_SECTIONS;
	for (uint32_t i = 0; i < HOSTILE_SECTIONS; i++) {
		header->sections[i] = (struct fnt_section){
			.kind = i < 6	 ? i + 1
				: i < 11 ? FNT_SECTION_METRICS + i - 6
					 : FNT_SECTION_SETTINGS + i - 11,
			.stride = hostile_sections[i].stride,
			.off = off,
			.count = hostile_sections[i].count,
		};
		off += (uint64_t)hostile_sections[i].stride * hostile_sections[i].count;
		off = (off + FNT_LINE - 1) / FNT_LINE * FNT_LINE;
	}
	heads = (struct fnt_ring_head *)(void *)(hostile->bytes +
						 header->sections[5].off);
	off = hostile_begin_segment(&heads[FNT_RING_MAIN], off, HOSTILE_CELLS);
	off = hostile_begin_segment(&heads[FNT_RING_KEPT], off, HOSTILE_KEPT);
	header->size_bytes = hostile->size = off;
	memcpy(hostile->bytes, header, sizeof(*header));
}

/* Release it by fnt_segment_map_fini. */
static inline struct fnt_view
hostile_view(struct hostile *hostile)
{
	void *at[HOSTILE_SECTIONS];
	struct fnt_view view;

	for (int i = 0; i < HOSTILE_SECTIONS; i++)
		at[i] = hostile->bytes + hostile->header.sections[i].off;
	view = (struct fnt_view){
		.base = hostile->bytes,
		.size_bytes = hostile->size,
		.max_record_bytes = hostile->header.max_record_bytes,
		.control = at[0],
		.producers = at[1],
		.lanes = at[2],
		.names = at[3],
		.frames = at[4],
		.metrics = at[6],
		.fn_rows = at[7],
		.op_rows = at[8],
		.block_keys = at[9],
		.blocks = at[10],
		.settings = at[11],
		.rates = at[12],
		.settings_count = HOSTILE_SETTINGS / 2,
		.rate_count = hostile_sections[12].count,
		.rings = at[5],
		.producer_count = hostile_sections[1].count,
		.lane_count = hostile_sections[2].count,
		.name_count = hostile_sections[3].count,
		.frame_count = hostile_sections[4].count,
		.fn_row_count = hostile_sections[7].count,
		.op_row_count = hostile_sections[8].count,
		.block_count = hostile_sections[10].count,
		.kept_percent = hostile->header.kept_percent,
		.fixed_bytes = FNT_PAGE,
	};
	if (fnt_segment_map_init(&view, hostile->size, true))
		abort();
	return view;
}

/* A payload: the begin of a call, two ops, a pending op, a schedule, and a value as
 * filler. */
static inline uint32_t
hostile_payload(char *to, uint32_t fill)
{
	static const char start[] = "\x95\x00\xa2"
				    "c1\xc0\xa4"
				    "ann\x31\xc0"
				    "\x98\x03\x03\x01\xa1"
				    "7\x05\x09\x02\xc3"
				    "\x95\x04\x00\xa3"
				    "Lot\xc0\x14"
				    "\x95\x05\x00\x07\xc0\xc2"
				    "\x95\x04\x00\xa3"
				    "Lot\xc0\x18"
				    "\x94\x06\xa4"
				    "mail\x05\xc0";
	uint32_t len = sizeof(start) - 1;

	memcpy(to, start, len);
	if (!fill)
		return len;
	memcpy(to + len, "\x93\x08\x01\xc5", 4);
	to[len + 4] = (char)(fill >> 8);
	to[len + 5] = (char)fill;
	memset(to + len + 6, '1', fill);
	return len + 6 + fill;
}

static inline struct fnt_record
hostile_record(uint64_t uid, uint32_t bytes, uint32_t name)
{
	return (struct fnt_record){
		.uid = uid,
		.trace_id = {1, uid},
		.started_at_ns = 1795447155319000000u,
		.duration_ns = 1000 * uid,
		.payload_bytes = bytes,
		.fn_name = name,
		.exe = name,
		.pid = 4711,
		.tid = 4711,
		.outcome = (uint8_t)(uid % 4),
		.op_count = 2,
		.started_mono = 5000,
	};
}

static inline void
hostile_open_frame(const struct fnt_view *view, uint32_t owner, uint64_t uid,
		   uint32_t fill, uint32_t name)
{
	char payload[FNT_FRAME_PAYLOAD_BYTES * 2];
	uint32_t bytes = hostile_payload(payload, fill), hint = 0;
	uint32_t at = fnt_frame_claim(view, owner, &hint);
	struct fnt_frame *frame = &view->frames[at];
	struct fnt_record record = hostile_record(uid, bytes, name);

	fnt_frame_prepare();
	fnt_words_store(frame->payload, payload,
			bytes < FNT_FRAME_PAYLOAD_BYTES ? bytes
							: FNT_FRAME_PAYLOAD_BYTES);
	if (bytes > FNT_FRAME_PAYLOAD_BYTES) {
		uint32_t next = fnt_frame_claim(view, owner, &hint);

		fnt_words_store(view->frames[next].payload,
				payload + FNT_FRAME_PAYLOAD_BYTES,
				bytes - FNT_FRAME_PAYLOAD_BYTES);
		fnt_frame_link(view, frame, next, owner);
	}
	fnt_words_write(frame->record, (const char *)&record, FNT_RECORD_WORDS);
	fnt_frame_open(frame, bytes);
}

/* Count calls in the metrics: as recorded, every ninth as lost. Where a function has no
 * row they are counted for the others. */
static inline void
hostile_emit(const struct fnt_view *view, struct fnt_ring_writer *writer, uint64_t uid,
	     uint32_t name)
{
	_Alignas(8) char bytes[2048];
	struct fnt_extent payload = {.bytes = bytes, .size = sizeof(bytes)};
	struct fnt_extra extra = {uid, 1, 0};
	struct fnt_record record;
	struct fnt_meter meter;
	struct fnt_ending ending = {
		.record = &record, .payload = &payload, .meter = &meter};

	memset(bytes, 0, sizeof(bytes));
	record = hostile_record(
		uid, hostile_payload(bytes, uid % 7 ? 0 : (uint32_t)uid * 20), name);
	if (record.outcome != FNT_OK)
		record.flags |= FNT_RECORD_KEPT;
	fnt_meter_init(&meter, view, writer->lane_no);
	fnt_meter_count_op(
		&meter, (struct fnt_op_done){name, (uint32_t)uid % 3, uid, 1, uid & 1});
	if (uid % 5 == 0)
		record.fn_name = FNT_NAME_NONE;
	ending.place = fnt_meter_place_slow(&meter, &record, &extra, true);
	record.fn_name = name;
	if (uid % 9)
		fnt_record_write_slow(writer, &ending, uid * 10000000);
	else
		fnt_record_skip_slow(writer, &ending, FNT_MARK_LIMITED);
}

/* A frame that is marked for commit, with a journal entry, but whose record was never
 * committed. */
static inline void
hostile_begin(const struct fnt_view *view, struct fnt_ring_writer *writer,
	      uint32_t name)
{
	struct fnt_record record = hostile_record(63, 0, name);
	struct fnt_ring_handle *handle = &writer->handles[0];
	struct fnt_extra extra = {1, 0, 0};
	struct fnt_claim claim;
	struct fnt_meter meter;
	struct fnt_place place;

	if (fnt_ring_claim_slow(handle, 3, 1, &claim) != FNT_CLAIMED)
		return;
	fnt_meter_init(&meter, view, writer->lane_no);
	place = fnt_meter_place_slow(&meter, &record, &extra, false);
	fnt_journal_write_slow(&place, handle->ring, fnt_ring_next_seq(handle), view);
	hostile_open_frame(view, 1, 63, 0, name);
	fnt_frame_mark_commit(&view->frames[3], handle->ring, writer->lane_no, 1,
			      claim.ticket);
}

static inline void
hostile_fill(struct hostile *hostile)
{
	struct fnt_view view = hostile_view(hostile);
	struct fnt_ring_writer writers[2];
	uint32_t name = fnt_name_intern(&view, 0, "placeBid", 8);

	fnt_name_intern(&view, 0, "Lot", 3);
	for (uint32_t i = 0; i < 2; i++) {
		struct fnt_producer_slot *slot = &view.producers[i];
		uint32_t lane = fnt_lane_claim(&view, i, 4711);

		atomic_store(&slot->pid, 4711);
		atomic_store(&slot->exe, name);
		atomic_store(&slot->status, FNT_PRODUCER_LIVE);
		fnt_ring_writer_init(&writers[i], &view, lane);
	}
	for (uint64_t uid = 1; uid <= 66; uid++)
		hostile_emit(&view, &writers[uid % 2], uid, name);
	hostile_open_frame(&view, 0, 61, 0, name);
	hostile_open_frame(&view, 1, 62, 1000, name);
	hostile_begin(&view, &writers[1], name);
	fnt_segment_map_fini(&view);
}

/* Settings of every kind, which still let calls be recorded. */
static inline void
hostile_set(struct hostile *hostile)
{
	struct fnt_view view = hostile_view(hostile);
	struct fnt_settings_block *block =
		fnt_settings_create(HOSTILE_SETTINGS / 2 - 1);

	if (!block ||
	    fnt_settings_parse(block,
			       "keep=0.9 slow=1us rate=1000000 capture.ids=hash "
			       "host*:capture.users=hash hostile:rate=100000 "
			       "hostile:capture.values=hash",
			       "settings", NULL))
		abort();
	fnt_settings_publish(&view, block);
	free(block);
	fnt_segment_map_fini(&view);
}

static inline void
hostile_make(struct hostile *hostile)
{
	hostile_lay_out(hostile);
	hostile_fill(hostile);
	hostile_set(hostile);
}

/* ---- damages --------------------------------------------------------------------- */

/* A damage has twelve bytes: the kind, the section (7: anywhere; above: sections after
 * the rings), the entry, the word, and a value. */
#define HOSTILE_DAMAGE 12

static inline uint64_t *
hostile_word(struct hostile *hostile, const uint8_t *damage)
{
	uint64_t off = 8ull * damage[3], entry = damage[2];
	uint32_t section = damage[1] % (HOSTILE_SECTIONS + 2);

	if (section == 7) {
		off += 2048ull * damage[2];
	} else if (section == 0) {
		off %= sizeof(struct fnt_header);
	} else if (section == 6 && entry >= FNT_RINGS) {
		/* The cells of the main ring. */
		off = hostile->size - FNT_CELL_BYTES * HOSTILE_KEPT - 5 * FNT_PAGE +
		      (entry - FNT_RINGS) % HOSTILE_CELLS * FNT_CELL_BYTES +
		      off % FNT_CELL_BYTES;
	} else {
		const struct fnt_section *at =
			&hostile->header.sections[section - 1 - (section > 7)];

		off = at->off + entry % at->count * at->stride + off % at->stride;
	}
	return (uint64_t *)(void *)(hostile->bytes + off % hostile->size / 8 * 8);
}

static inline void
hostile_damage(struct hostile *hostile, const uint8_t *damage)
{
	uint64_t *word = hostile_word(hostile, damage), value;

	memcpy(&value, damage + 4, 8);
	switch (damage[0] % 8) {
	case 0:
		*word = value;
		break;
	case 1:
		*word = (uint8_t)value;
		break;
	case 2:
		*word += (uint64_t)(int64_t)(int8_t)value;
		break;
	case 3:
		*word ^= 1ull << (value % 64);
		break;
	case 4: /* copy another word of the region */
		*word = *hostile_word(hostile, damage + 4);
		break;
	case 5: /* one lap on, in states of cells */
		*word += (uint64_t)(int64_t)(int8_t)value << 24;
		break;
	case 6: /* one use on, in states of frames and lanes */
		*word ^= (value & 0xff) | (value & 0xff00) << 8;
		break;
	default: /* a range of words */
		memset(word, (uint8_t)value,
		       (size_t)(value >> 8) % 512 %
			       (size_t)(hostile->bytes + hostile->size -
					(unsigned char *)word));
		break;
	}
}

/* Bytes that begin with the magic are taken as a whole region; others are damages. */
static inline void
hostile_apply(struct hostile *hostile, const uint8_t *data, size_t size)
{
	if (size >= 8 && !memcmp(data, FNT_MAGIC, 8)) {
		hostile->size = size < HOSTILE_ROOM ? size : HOSTILE_ROOM;
		memcpy(hostile->bytes, data, hostile->size);
		return;
	}
	for (; size >= HOSTILE_DAMAGE; data += HOSTILE_DAMAGE, size -= HOSTILE_DAMAGE)
		hostile_damage(hostile, data);
}

#endif
