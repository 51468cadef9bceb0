/* SPDX-License-Identifier: MIT
 *
 * frame.h: frames, where the payload of a call is built while the call runs.
 *
 *          claim            open                          close
 *   FREE ────────► CACHED ────────► OPEN ─── append … ──► CACHED ──release──► FREE
 *                     └──── link ──► LINKED ───────────────┘
 *
 *   dead owner: OPEN ──recover──► REAPED ──► record is committed ──► CACHED ──► FREE
 *
 * An open call has one OPEN frame, and as many LINKED ones as its payload needs.
 * `published` says how many bytes of payload are complete, and only grows while the
 * call is open. Readers look at `state` before and after they copy.
 *
 * A call that ends first sets the frame's *mark*: the cell that its record goes to, or
 * why there is no record. If the process is killed, the mark and the cell's state tell
 * whether the call has ended.
 *
 * Who may write what: a frame's words, the process whose slot is the owner in the state
 * word; if that process is dead, whoever holds the lock of its slot.
 *
 * Progress: wait-free. No system call, no allocation. Each function says which thread
 * may call it; those that only read may be called by anyone.
 */
#ifndef FNT_RING_FRAME_H
#define FNT_RING_FRAME_H

#include "base/shm_words.h"
#include "region/view.h"

#define FNT_FRAME_NONE UINT32_MAX

/* ---- owning a frame ------------------------------------------------------------ */

/* How many frames, from the first on, have ever been used. Frames are claimed close
 * together, so that recovery and readers do not search the whole table. */
static inline uint32_t
fnt_frames_used(const struct fnt_view *view)
{
	uint64_t high = fnt_word_acquire(&view->control->frames_high);

	return high < view->frame_count ? (uint32_t)high : view->frame_count;
}

/* Claim a free frame for process slot `owner`: its index, now CACHED; FNT_FRAME_NONE
 * after a bounded search. `hint`: where the search begins, any number; updated. Any
 * thread of the owner. */
uint32_t fnt_frame_claim(const struct fnt_view *view, uint32_t owner, uint32_t *hint);

/* CACHED, LINKED or REAPED → FREE: any process may claim it from now on. By its owner,
 * or the one that recovers it. */
void fnt_frame_release(struct fnt_frame *frame);

static inline void
fnt_frame_set_state(struct fnt_frame *frame, uint32_t owner, uint32_t status)
{
	uint64_t old = fnt_word_relaxed(&frame->state);
	uint64_t next = (old | UINT32_MAX) + 1; /* next generation; the rest is 0 */

	/* [F1] release: the frame's words come before its new state. Pairs with [F2] in
	 * record_read.c, and with [F3]. */
	atomic_store_explicit(&frame->state, next | fnt_state_make(0, owner, status),
			      memory_order_release);
}

/* ---- a call's frames, by its owner --------------------------------------------- */

/* Before the first word of a call is written to a CACHED frame. */
static inline void
fnt_frame_prepare(void)
{
	/* [S3] release: CACHED is seen before any word of the next call. Pairs with
	 * [S4] in record_read.c. */
	atomic_thread_fence(memory_order_release);
}

/* What to add to the state word for CACHED → OPEN and OPEN → CACHED with the same
 * owner: the next generation and the other status. (In a damaged region the sum may be
 * any number; nothing is addressed by it.) */
#define FNT_FRAME_CACHED_TO_OPEN ((1ull << 32) + FNT_FRAME_OPEN - FNT_FRAME_CACHED)
#define FNT_FRAME_OPEN_TO_CACHED ((1ull << 32) - FNT_FRAME_OPEN + FNT_FRAME_CACHED)

static_assert(offsetof(struct fnt_frame, commit) ==
			      offsetof(struct fnt_frame, state) + 8 &&
		      offsetof(struct fnt_frame, last_ns) ==
			      offsetof(struct fnt_frame, published) + 8 &&
		      offsetof(struct fnt_frame, commit_seq) ==
			      offsetof(struct fnt_frame, commit_lane) + 8,
	      "in pairs");

/* CACHED → OPEN: the record's head and `bytes` of payload are complete. Clears the
 * mark. */
static inline void
fnt_frame_open(struct fnt_frame *frame, uint32_t bytes)
{
	uint64_t state = fnt_word_relaxed(&frame->state);

	fnt_pair_store_shared(&frame->published, fnt_pair_make(bytes, 0));
	/* [F1] release: as in fnt_frame_set_state(). */
	fnt_pair_release(&frame->state,
			 fnt_pair_make(state + FNT_FRAME_CACHED_TO_OPEN, 0));
}

/* OPEN → CACHED. The frame must be OPEN and the caller its owner. */
static inline void
fnt_frame_close_fast(struct fnt_frame *frame)
{
	/* [F1] release: as in fnt_frame_set_state(). */
	fnt_count_release(&frame->state, FNT_FRAME_OPEN_TO_CACHED);
}

/* OPEN, LINKED or REAPED → CACHED. */
static inline void
fnt_frame_close_slow(struct fnt_frame *frame, uint32_t owner)
{
	fnt_frame_set_state(frame, owner, FNT_FRAME_CACHED);
}

/* Cut a CACHED frame off those that its last call had linked to it. */
static inline void
fnt_frame_unlink(struct fnt_frame *frame)
{
	fnt_word_store(&frame->next, 0);
}

/* CACHED → LINKED: frame number `index` continues the payload of the call whose last
 * frame is `last`. */
void fnt_frame_link(const struct fnt_view *view, struct fnt_frame *last, uint32_t index,
		    uint32_t owner);

/* The payload's bytes, FNT_FRAME_PAYLOAD_BYTES of them, for the frame's owner. */
static inline char *
fnt_frame_bytes(struct fnt_frame *frame)
{
	return (char *)(void *)frame->payload;
}

/* Show readers `bytes` of payload, all frames together. `now_ns`: since the call's
 * start. */
static inline void
fnt_frame_publish(struct fnt_frame *frame, uint32_t bytes, uint64_t now_ns)
{
	fnt_word_store(&frame->last_ns, now_ns);
	/* [P1] release: the bytes come before their count. Pairs with [P2] in
	 * record_read.c. */
	atomic_store_explicit(&frame->published, bytes, memory_order_release);
}

/* Set word `i` of the record's head of an open call. */
static inline void
fnt_frame_set_word(struct fnt_frame *frame, size_t i, uint64_t word)
{
	fnt_word_store(&frame->record[i], word);
}

/* ---- streams ------------------------------------------------------------------- */

/* The word of the head that has the number of bytes in the first `chunks` chunks. Two
 * words take turns, so that a reader that loads the number of chunks also finds the
 * bytes that belong to it. (The word of `seq` is not used in an open call's head.) */
static inline size_t
fnt_frame_chunks_word(uint64_t chunks)
{
	static_assert(FNT_RECORD_WORD(stream_bytes) == 2 * FNT_RECORD_WORD(seq),
		      "two places");
	return FNT_RECORD_WORD(seq) * (1 + ((chunks - 1) & 1));
}

/* Count a chunk of an open call's stream. `bytes`: in all chunks, with this one;
 * `before`: chunks without this one. The call's owner only. */
static inline void
fnt_frame_count_chunk(struct fnt_frame *frame, uint64_t bytes, uint64_t before)
{
	/* [W1] release: a reader that finds these bytes finds the number of chunks
	 * before this one, or a later one; a reader that finds this number finds these
	 * bytes. Pairs with [W2] in frame.c. */
	atomic_store_explicit(&frame->record[fnt_frame_chunks_word(before + 1)], bytes,
			      memory_order_release);
	atomic_store_explicit(&frame->record[FNT_RECORD_WORD(stream_chunks)],
			      before + 1, memory_order_release);
}

/* Load the number of bytes and chunks of an open call into its record's head; sets
 * `seq` to 0. Bounded tries: while chunks follow each other without a pause, the two
 * may not belong together. */
void fnt_frame_read_chunks(const struct fnt_frame *frame, struct fnt_record *record);

/* ---- marks --------------------------------------------------------------------- */

/* The call is about to be committed by `lane` to `ring`, from the cell of `ticket` on,
 * as the lane's record number `seq`. From now on the cell's state says whether it has
 * been: see fnt_frame_committed(). The call's owner, or the one that recovers it. */
static inline void
fnt_frame_mark_commit(struct fnt_frame *frame, uint32_t ring, uint32_t lane,
		      uint64_t seq, uint64_t ticket)
{
	fnt_pair_store_shared(&frame->commit_lane, fnt_pair_make(lane, seq));
	/* [K1] release: lane and number come before the mark that makes them valid,
	 * also if the process is killed between the two. Pairs with [K2]. */
	atomic_store_explicit(&frame->commit, fnt_mark_make(ring, ticket),
			      memory_order_release);
}

/* The call is about to end without a record. `mark` (FNT_MARK_*) says why; the counter
 * of `lane` for it becomes `seq` next. */
static inline void
fnt_frame_mark_lost(struct fnt_frame *frame, uint64_t mark, uint32_t lane, uint64_t seq)
{
	fnt_pair_store_shared(&frame->commit_lane, fnt_pair_make(lane, seq));
	/* [K1] release: as in fnt_frame_mark_commit(). */
	atomic_store_explicit(&frame->commit, mark, memory_order_release);
}

/* Does the frame's mark say that its call has ended? Yes if the record that it names is
 * committed, also if it has been overwritten since (a cell that its owner left busy is
 * not overwritten), and if there is to be no record. Anyone. */
bool fnt_frame_committed(const struct fnt_view *view, const struct fnt_frame *frame);

/* ---- recovery, by the one that holds the lock of the dead owner's slot --------- */

/* OPEN or REAPED → REAPED: a frame whose record is not committed. Clears its mark. */
void fnt_frame_recover(struct fnt_frame *frame);

/* Clear the marks that the dead owner of `lane` set in REAPED frames, as it was
 * recovering them, and did not commit. To be called before the lane's cells are
 * recovered: the state of a recovered cell says nothing about a mark. */
void fnt_frame_clear_marks(const struct fnt_view *view, uint32_t lane);

#endif
