/* SPDX-License-Identifier: MIT
 *
 * frame.h: frames, where calls live while they run.
 *
 *          claim            open                          close
 *   FREE ────────► CACHED ────────► OPEN ─── append … ──► CACHED ──release──► FREE
 *                     └──── link ──► LINKED ───────────────┘
 *
 *   dead owner: OPEN ──reap──► REAPED ──► its record is committed ──► CACHED ──► FREE
 *
 * Who may write what: a frame's words, the process that owns it by its state word; if that
 * is dead, whoever holds the lock of its producer slot. An open
 * call is a head frame and as many linked ones as its payload needs; `published` says how
 * much of the payload is whole, and only grows while the call is open.
 *
 * Progress: wait-free. No system call, no allocation.
 */
#ifndef FNT_RING_FRAME_H
#define FNT_RING_FRAME_H

#include "region/view.h"
#include "ring/ring.h"
#include "base/shm_words.h"

#define FNT_FRAME_NONE UINT32_MAX

/* How many frames have ever been used: they are taken close together, so that nobody has to
 * look through a table made for the worst. */
static inline uint32_t
fnt_frames_used(const struct fnt_view *view)
{
	uint64_t high =
		atomic_load_explicit(&view->control->frames_high, memory_order_acquire);

	return high < view->frame_count ? (uint32_t)high : view->frame_count;
}

/* A free frame, now CACHED and the owner's; FNT_FRAME_NONE after a bounded search. `hint`:
 * where the search begins; moved on. */
uint32_t fnt_frame_claim(const struct fnt_view *view, uint32_t owner, uint32_t *hint);

/* Give a frame back to all: CACHED, LINKED or REAPED → FREE. */
void fnt_frame_release(struct fnt_frame *frame);

static inline void
fnt_frame_set_state(struct fnt_frame *frame, uint32_t owner, uint32_t status)
{
	uint64_t old = atomic_load_explicit(&frame->state, memory_order_relaxed);
	uint64_t next = (old | UINT32_MAX) + 1; /* generation; the rest is still 0 */

	/* [F1] release: all that was written comes before the new state. Pairs with [F2] in
	 * record_read.c, and with [F3]. */
	atomic_store_explicit(&frame->state, next | fnt_state_make(0, owner, status),
			      memory_order_release);
}

/* Begin a call in a CACHED frame: before its first word is written … */
static inline void
fnt_frame_prepare(void)
{
	/* [S3] release: CACHED is seen before any word of the next call. Pairs with [S4] in
	 * record_read.c. */
	atomic_thread_fence(memory_order_release);
}

/* CACHED → OPEN and back, by its owner, whose it stays: another generation and another
 * status, as one number. (In a region that was written over it may be anything, before
 * and after: nothing is found by it.) */
#define FNT_FRAME_CACHED_TO_OPEN ((1ull << 32) + FNT_FRAME_OPEN - FNT_FRAME_CACHED)
#define FNT_FRAME_OPEN_TO_CACHED ((1ull << 32) - FNT_FRAME_OPEN + FNT_FRAME_CACHED)

/* … and when its head and `bytes` of payload are there for all to see. */
static inline void
fnt_frame_open(struct fnt_frame *frame, uint32_t bytes, uint64_t started_mono)
{
	uint64_t state = atomic_load_explicit(&frame->state, memory_order_relaxed);

	atomic_store_explicit(&frame->started_mono, started_mono, memory_order_relaxed);
	fnt_pair_store_shared(&frame->published, fnt_pair_make(bytes, 0));
	/* [F1] release: as in fnt_frame_set_state(); and no mark is left. */
	fnt_pair_release(&frame->state,
			 fnt_pair_make(state + FNT_FRAME_CACHED_TO_OPEN, 0));
}

/* The same back. */
static inline void
fnt_frame_close_fast(struct fnt_frame *frame)
{
	/* [F1] release: as in fnt_frame_set_state(). */
	fnt_count_release(&frame->state, FNT_FRAME_OPEN_TO_CACHED);
}

/* OPEN or LINKED → CACHED. */
static inline void
fnt_frame_close_slow(struct fnt_frame *frame, uint32_t owner)
{
	fnt_frame_set_state(frame, owner, FNT_FRAME_CACHED);
}

/* A CACHED frame's call had more than it: it has no more. */
static inline void
fnt_frame_unlink(struct fnt_frame *frame)
{
	atomic_store_explicit(&frame->next, 0, memory_order_relaxed);
}

/* Use a CACHED frame for more payload of the call whose last frame is `last`. */
void fnt_frame_link(const struct fnt_view *view, struct fnt_frame *last, uint32_t index,
		    uint32_t owner);

/* Where its owner writes the payload. */
static inline char *
fnt_frame_bytes(struct fnt_frame *frame)
{
	return (char *)(void *)frame->payload;
}

/* `bytes` of payload are whole, `now_ns` after the start. */
static inline void
fnt_frame_publish(struct fnt_frame *frame, uint32_t bytes, uint64_t now_ns)
{
	atomic_store_explicit(&frame->last_ns, now_ns, memory_order_relaxed);
	/* [P1] release: the bytes come before their count. Pairs with [P2] in record_read.c. */
	atomic_store_explicit(&frame->published, bytes, memory_order_release);
}

/* Word `i` of the record's head, changed while the call is open. */
static inline void
fnt_frame_set_word(struct fnt_frame *frame, size_t i, uint64_t word)
{
	atomic_store_explicit(&frame->record[i], word, memory_order_relaxed);
}

static_assert(offsetof(struct fnt_frame, commit) ==
			      offsetof(struct fnt_frame, state) + 8 &&
		      offsetof(struct fnt_frame, last_ns) ==
			      offsetof(struct fnt_frame, published) + 8 &&
		      offsetof(struct fnt_frame, commit_seq) ==
			      offsetof(struct fnt_frame, commit_lane) + 8,
	      "in pairs");

/* Where the bytes of so many chunks are. */
static inline size_t
fnt_frame_chunks_word(uint64_t chunks)
{
	static_assert(FNT_RECORD_WORD(stream_bytes) == 2 * FNT_RECORD_WORD(seq),
		      "two places");
	return FNT_RECORD_WORD(seq) * (1 + ((chunks - 1) & 1));
}

/* One chunk more, `bytes` in all with it; there were `before`. */
static inline void
fnt_frame_count_chunk(struct fnt_frame *frame, uint64_t bytes, uint64_t before)
{
	/* [W1] release: who finds these bytes finds the last count, or a later one; who
	 * finds this count, these bytes. Pairs with [W2] in frame.c. */
	atomic_store_explicit(&frame->record[fnt_frame_chunks_word(before + 1)], bytes,
			      memory_order_release);
	atomic_store_explicit(&frame->record[FNT_RECORD_WORD(stream_chunks)],
			      before + 1, memory_order_release);
}

/* The bytes and chunks of an open call, into its record's head. */
void fnt_frame_read_chunks(const struct fnt_frame *frame, struct fnt_record *record);

/* The call is about to be committed to a ring by `lane`, under `ticket`, as its record
 * number `seq`. From now on the state of the cell says whether it has been: see
 * fnt_frame_committed. */
static inline void
fnt_frame_mark_commit(struct fnt_frame *frame, uint32_t ring, uint32_t lane,
		      uint64_t seq, uint64_t ticket)
{
	fnt_pair_store_shared(&frame->commit_lane, fnt_pair_make(lane, seq));
	/* [K1] release: the mark comes before the cell's last state. Pairs with [K2]. */
	atomic_store_explicit(&frame->commit, fnt_mark_make(ring, ticket),
			      memory_order_release);
}

/* The call is about to end without a record: `mark` says why, and the counter of `lane`
 * for that becomes `seq` next. Whoever finds the mark knows whether it has. */
static inline void
fnt_frame_mark_lost(struct fnt_frame *frame, uint64_t mark, uint32_t lane, uint64_t seq)
{
	fnt_pair_store_shared(&frame->commit_lane, fnt_pair_make(lane, seq));
	atomic_store_explicit(&frame->commit, mark, memory_order_release);
}

/* Is the record that the frame's mark names committed? True also when it has been
 * overwritten since: a cell that its owner left busy can't have been; and when the mark says
 * that there will be none. */
bool fnt_frame_committed(const struct fnt_view *view, const struct fnt_frame *frame);

/* Mark as REAPED a dead owner's OPEN or REAPED frame whose record is not committed: its own
 * mark, of a record that never was, is wiped. The owner's reaper only. */
void fnt_frame_recover(struct fnt_frame *frame);

/* Wipe the marks that the dead owner of `lane` left in frames it was reaping itself, before
 * its cells are cleared and those marks begin to mislead. */
void fnt_frame_clear_marks(const struct fnt_view *view, uint32_t lane);

#endif
