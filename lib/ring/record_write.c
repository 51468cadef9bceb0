/* SPDX-License-Identifier: MIT */
#include "ring/record_write.h"

#include "region/segment_map.h"

/* Where the next word of payload comes from: the extent has `left` more words. */
struct source {
	const struct fnt_extent *extent;
	const char *at;
	uint32_t left;
};

static struct source
source_of(const struct fnt_extent *extent)
{
	return (struct source){extent, extent->bytes, extent->size / 8};
}

/* Copy `count` words of payload, fewer than 32, from one extent or several. */
static inline void
copy_words(fnt_word *to, uint32_t count, struct source *from)
{
	while (from->left < count) {
		fnt_words_write_unrolled(to, from->at, from->left);
		to += from->left;
		count -= from->left;
		*from = source_of(from->extent->next);
	}
	fnt_words_write_unrolled(to, from->at, count);
	from->at += count * 8;
	from->left -= count;
}

/* Copy a whole cell's words. From one extent it is a copy of constant length. */
static inline void
copy_cell(struct fnt_cell *cell, struct source *from)
{
	if (from->left < FNT_CELL_WORDS) {
		copy_words(cell->words, FNT_CELL_WORDS, from);
		return;
	}
	fnt_words_write(cell->words, from->at, FNT_CELL_WORDS);
	from->at += FNT_CELL_WORDS * 8;
	from->left -= FNT_CELL_WORDS;
}

/* Copy the record to a claim. The payload is rounded up to words, of which extents
 * consist. */
static void
copy_record(const struct fnt_ring_handle *handle, const struct fnt_claim *claim,
	    const struct fnt_record *record, const struct fnt_extent *payload)
{
	struct fnt_cell *cell = fnt_ring_claim_cell(handle, claim, 0);
	const struct fnt_cell *end = handle->cells + handle->cell_count;
	uint32_t left = (record->payload_bytes + 7) / 8;
	uint32_t some = left < FNT_HEAD_WORDS ? left : FNT_HEAD_WORDS;
	struct source from = source_of(payload);

	fnt_words_write(cell->words, (const char *)record, FNT_RECORD_WORDS);
	copy_words(cell->words + FNT_RECORD_WORDS, some, &from);
	for (left -= some; left >= FNT_CELL_WORDS; left -= FNT_CELL_WORDS) {
		cell = cell + 1 == end ? handle->cells : cell + 1;
		copy_cell(cell, &from);
	}
	if (left)
		copy_words(cell + 1 == end ? handle->cells->words : cell[1].words, left,
			   &from);
}

enum fnt_claim_result
fnt_record_write_slow(struct fnt_ring_writer *writer, struct fnt_ending *ending,
		      uint64_t now_ns)
{
	struct fnt_record *record = ending->record;
	uint32_t cells = fnt_cells_for(record->payload_bytes);
	struct fnt_ring_handle *handle = fnt_record_handle(writer, record, cells);
	struct fnt_claim claim;
	enum fnt_claim_result rc = fnt_ring_claim_slow(handle, cells, now_ns, &claim);

	if (rc != FNT_CLAIMED)
		return rc;
	record->seq = fnt_ring_next_seq(handle);
	record->lane = (uint16_t)writer->lane_no;
	fnt_journal_write_slow(&ending->place, handle->ring, record->seq,
			       ending->meter->view);
	if (ending->frame)
		fnt_frame_mark_commit(ending->frame, handle->ring, writer->lane_no,
				      record->seq, claim.ticket);
	copy_record(handle, &claim, record, ending->payload);
	fnt_ring_commit(handle, &claim, record->seq);
	fnt_journal_apply_slow(&ending->place, handle->ring);
	return FNT_CLAIMED;
}

void
fnt_record_skip_slow(struct fnt_ring_writer *writer, struct fnt_ending *ending,
		     uint64_t mark)
{
	fnt_word *counter = fnt_journal_mark_counter(writer->lane, mark);
	uint64_t seq = fnt_word_relaxed(counter) + 1;
	uint32_t end = fnt_journal_end_of(mark);

	fnt_journal_write_slow(&ending->place, end, seq, ending->meter->view);
	if (ending->frame)
		fnt_frame_mark_lost(ending->frame, mark, writer->lane_no, seq);
	/* The call has ended when this store is visible. */
	atomic_store_explicit(counter, seq, memory_order_release);
	fnt_journal_apply_slow(&ending->place, end);
}

bool
fnt_ring_writer_move(struct fnt_ring_writer *writer, const struct fnt_region *region)
{
	bool moved = !fnt_segment_map_follow_sometimes(region);

	for (uint32_t i = 0; i < FNT_RINGS; i++) {
		struct fnt_ring_handle *handle = &writer->handles[i];

		if (handle->head && handle->block.next == handle->block.end)
			moved |= fnt_ring_handle_move(
				handle, fnt_view_segment_table(&region->view));
	}
	return moved;
}

uint64_t
fnt_record_lost_mark(enum fnt_claim_result is)
{
	return is == FNT_CLAIM_NEW_SEGMENT ? FNT_MARK_UNMAPPED : FNT_MARK_DROPPED;
}
