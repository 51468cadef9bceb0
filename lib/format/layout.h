/* SPDX-License-Identifier: MIT
 *
 * layout.h: every shared byte of a region, but for the rings' (layout_rings.h) and the
 * metrics' (layout_metrics.h). No algorithms.
 *
 *   0        4096
 *   ┌────────┬─────────┬──────────┬───────────┬───────┬───────┬───────┬────────┬───────┬─────
 *   │ header │ control │ settings │ producers │ lanes │ names │ rates │ frames │ rings │ areas
 *   └────────┴─────────┴──────────┴───────────┴───────┴───────┴───────┴────────┴───────┴─────
 *
 *   section    who writes                                              since
 *   header     the creator, before the region has a name                  1
 *   control    anyone, atomics                                            1
 *   settings   who holds the lock on the control section's first byte     2
 *   producers  a slot: the process that holds the lock on its first byte  1
 *   lanes      a lane: its owner thread; its owner's reaper               1
 *   names      a slot: who claimed it, once                               1
 *   rates      anyone, atomics                                            2
 *   frames     a frame: its owner process; its owner's reaper             1
 *   rings      the cursor: anyone, by fetch-add; the segments: who holds the  2
 *              control lock
 *   areas      a cell: who made it busy; its owner's reaper               1
 *
 * Integers are little-endian, naturally aligned; places are offsets from the region's
 * start. What different writers touch lies on different 128-byte lines (two lines: the
 * adjacent-line prefetcher moves them in pairs). All words that are written after the
 * region has a name are atomics. A new section needs no new version: readers skip kinds
 * they do not know, unless an incompatible feature flag says that they must not.
 */
#ifndef FNT_FORMAT_LAYOUT_H
#define FNT_FORMAT_LAYOUT_H

#include "base/shm_words.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FNT_MAGIC "FNTRACE\n"
#define FNT_VERSION_NO 3u
#define FNT_BYTE_ORDER 0x01020304u
#define FNT_SECTIONS 16

/* Features. A region with an incompatible bit that is unknown here is refused; with an
 * unknown compatible bit it is used. */
#define FNT_INCOMPAT_KNOWN 0ull
/* A file that a rotation has frozen: counts were copied while they grew, one by one. */
#define FNT_COMPAT_FROZEN 1ull

enum fnt_section_kind {
	FNT_SECTION_NONE = 0,
	FNT_SECTION_CONTROL,
	FNT_SECTION_PRODUCERS,
	FNT_SECTION_LANES,
	FNT_SECTION_NAMES,
	FNT_SECTION_FRAMES,
	FNT_SECTION_RINGS,
	FNT_SECTION_SETTINGS, /* without: all is at its default */
	FNT_SECTION_RATES,    /* without: no limit */
	FNT_SECTION_METRICS,  /* these five: layout_metrics.h */
	FNT_SECTION_FN_ROWS,
	FNT_SECTION_OP_ROWS,
	FNT_SECTION_BLOCK_KEYS,
	FNT_SECTION_BLOCKS,
	FNT_SECTION_KINDS,
};

struct fnt_section {
	uint32_t kind;
	uint32_t stride; /* bytes of one entry */
	uint64_t off;	 /* from the region's start */
	uint64_t count;	 /* entries */
	uint64_t reserved;
};

struct fnt_header {
	char magic[8];
	uint32_t byte_order;
	uint32_t version;
	uint64_t compat;
	uint64_t incompat;
	uint64_t size_bytes;	/* of the file when it was made; it only grows */
	uint64_t region_id;	/* random */
	uint64_t created_at_ns; /* Unix time */
	uint64_t boot_id;  /* hash of the kernel's boot id: monotonic times compare */
	uint64_t capacity; /* traces shown at most, 0: as many as fit */
	uint32_t max_record_bytes;
	uint32_t flags; /* FNT_KEEP_NONE, FNT_ORDERED */
	uint32_t section_count;
	uint32_t kept_percent; /* of the areas, for the kept ring; 0: there is none */
	struct fnt_section sections[FNT_SECTIONS];
};

static_assert(sizeof(struct fnt_section) == 32, "layout");
static_assert(sizeof(struct fnt_header) == 88 + FNT_SECTIONS * 32, "layout");
static_assert(sizeof(struct fnt_header) <= FNT_PAGE, "layout");

/* ---- control ---------------------------------------------------------------------- */

/* `generation` is what processes compare, at each begin, with the generation of the settings
 * and mappings that they have:
 *
 *   63         32 31            0
 *   │ settings    │ all else     │    add FNT_GENERATION_SETTINGS, or 1
 *
 * The settings' part is also what publishes them: the copy of that number modulo 2 is in
 * force (settings.h). Whoever changes something that processes are to notice holds a lock on
 * the section's first byte. The other words count what happens where no lane is at hand, and
 * so to the whole region. */
#define FNT_GENERATION_SETTINGS (1ull << 32)

struct fnt_control_words {
	fnt_word generation;
	fnt_word hash_key[2]; /* of captured texts; written by the region's creator */
	uint64_t pad0[13];
	fnt_word dropped;	/* records, for want of a lane */
	fnt_word reaped;	/* dead processes cleared away */
	fnt_word names_omitted; /* names that found the table full */
	fnt_word not_kept;	/* as in a lane, for want of one */
	fnt_word sampled;
	fnt_word limited;
	fnt_word frames_high; /* frames from this one on have never been used */
	uint64_t pad1[9];
};
static_assert(sizeof(struct fnt_control_words) == 2 * FNT_LINE, "layout");

/* ---- settings --------------------------------------------------------------------- */

/* Two copies, each of one entry for all functions and then as many overrides as there is
 * room for, in no order. A word of zeroes sets nothing. Values may be anything until they
 * have been looked at: see settings.c. */
enum fnt_setting {
	FNT_SETTING_ENABLED = 0, /* 0, 1 */
	FNT_SETTING_KEEP,	 /* an IEEE double, 0 to 1 */
	FNT_SETTING_SLOW,	 /* ns; 0: none */
	FNT_SETTING_KEEP_ERRORS, /* 0, 1 */
	FNT_SETTING_RATE,	 /* calls a second; 0: no limit */
	FNT_SETTING_VALUES,	 /* enum fnt_capture */
	FNT_SETTING_IDS,
	FNT_SETTING_USERS,
	FNT_SETTINGS,
};

#define FNT_SETTING_VALUES_MAX 14
#define FNT_SETTING_NAME_MAX 256 /* a name and a '*' */

struct fnt_setting_entry {
	fnt_word mask; /* 1 << enum fnt_setting: what it sets; 0: it is not in use */
	fnt_word name_len; /* 0: all functions */
	fnt_word values[FNT_SETTING_VALUES_MAX];
	fnt_word name[FNT_SETTING_NAME_MAX / 8];
};
static_assert(sizeof(struct fnt_setting_entry) == 3 * FNT_LINE, "layout");

/* A rate's word, one for each name and one for all names that are not interned: the second
 * (of the monotonic clock) << 32 | calls kept in it. */

/* ---- producers -------------------------------------------------------------------- */

/* A slot belongs to the process that holds an open-file-description lock on the slot's
 * first byte in the file. LIVE with the lock free: the process has died. */
enum fnt_producer_status {
	FNT_PRODUCER_FREE = 0,
	FNT_PRODUCER_LIVE = 1,
};

struct fnt_producer_slot {
	fnt_word status;
	fnt_word pid;	     /* in its own pid namespace */
	fnt_word pid_ns;     /* inode of that namespace */
	fnt_word start_time; /* of the process, in clock ticks since boot */
	fnt_word attached_at_ns;
	fnt_word exe; /* name */
	fnt_word clock;
	uint64_t pad0[9];
	fnt_word
		readers; /* threads in a query of their own log; on a line of its own */
	uint64_t pad1[15];
};
static_assert(sizeof(struct fnt_producer_slot) == 2 * FNT_LINE, "layout");

/* ---- owned things ----------------------------------------------------------------- */

/* Lanes and frames start with a state word: who owns it and what it is just now.
 *
 *   63            32 31     16 15      8 7      0
 *   │ generation    │ owner    │ 0       │ status │
 *
 * The generation grows each time the thing is put to a new use, so that a reader who sees
 * the same word before and after has looked at one use only. */
#define FNT_OWNER_NONE 0xffffu

static inline uint64_t
fnt_state_make(uint32_t generation, uint32_t owner, uint32_t status)
{
	return (uint64_t)generation << 32 | (uint64_t)(owner & 0xffff) << 16 |
	       (status & 0xff);
}

static inline uint32_t
fnt_state_generation(uint64_t state)
{
	return (uint32_t)(state >> 32);
}

static inline uint32_t
fnt_state_owner(uint64_t state)
{
	return (uint32_t)(state >> 16) & 0xffff;
}

static inline uint32_t
fnt_state_status(uint64_t state)
{
	return (uint32_t)state & 0xff;
}

/* ---- lanes ------------------------------------------------------------------------ */

enum fnt_lane_status {
	FNT_LANE_FREE = 0,
	FNT_LANE_OWNED = 1,
};

#define FNT_TICKET_NONE UINT64_MAX

#define FNT_RINGS 2
#define FNT_RING_MAIN 0u
#define FNT_RING_KEPT 1u

/* What a lane has to do with one of the rings. */
struct fnt_lane_ring {
	fnt_word recorded; /* records committed, and the sequence number of the last */
	fnt_word
		low; /* no ticket below it will be written; FNT_TICKET_NONE: it has none */
	fnt_word block_first; /* the block in hand: busy cells of this lane lie in it */
	fnt_word block_end;
};

/* What one call's end makes of its function's row (layout_metrics.h): noted before the end
 * itself, which is one store in a counter of the lane, and carried out after it. So a
 * reaper that finds it armed knows whether to: if the counter has come to `seq`. It holds
 * what the row's counts become, not what they grow by, so that twice does no harm.
 *
 *   63         32 31    16 15     8 7  4 3  2      1    0
 *   │ row        │ 0      │ outcome│ end│ 0  │rare │armed│
 */
#define FNT_JOURNAL_COUNTS 13

struct fnt_journal {
	fnt_word state;
	fnt_word seq;
	fnt_word bucket; /* 0, or number + 1 of the bucket among all blocks' */
	fnt_word counts[FNT_JOURNAL_COUNTS];
};

/* A thread's own corner: the tickets that it holds and what it has done. Counters are
 * cumulative over all owners; only the owner writes, so plain load-add-store will do. */
struct fnt_lane {
	fnt_word state;
	fnt_word tid;
	struct fnt_lane_ring rings[FNT_RINGS];
	fnt_word dropped; /* no place in the ring */
	fnt_word
		not_kept; /* calls that ended without a record: the region keeps none; … */
	fnt_word unframed; /* calls built in private memory */
	fnt_word cells_skipped;
	fnt_word
		recorded_before; /* records of both rings, and `dropped`, when the owner came */
	fnt_word dropped_before;
	fnt_word sampled; /* … not among those that are kept */
	fnt_word limited; /* … its function had enough in this second */
	uint64_t pad[14];
	struct fnt_journal journal;
};
static_assert(sizeof(struct fnt_lane) == 3 * FNT_LINE, "layout");
static_assert(offsetof(struct fnt_lane, journal) == 2 * FNT_LINE, "layout");

/* ---- names ------------------------------------------------------------------------ */

/* An open-addressed table that only grows: EMPTY → BUSY → READY. A name's id is its slot,
 * for ever. Where a claimer died in BUSY, its reaper makes it EMPTY again. The same name in two
 * slots does no harm.
 *
 *   63        32 31     16 15  8 7      0
 *   │ hash      │ owner    │ len │ status │
 */
enum fnt_name_status {
	FNT_NAME_EMPTY = 0,
	FNT_NAME_BUSY = 1,
	FNT_NAME_READY = 2,
};

#define FNT_NAME_MAX 255
#define FNT_NAME_NONE UINT32_MAX /* not interned: see the payload */

struct fnt_name {
	fnt_word state;
	fnt_word words[33]; /* the bytes, NUL-terminated; one word to spare */
};
static_assert(sizeof(struct fnt_name) == 272, "layout");

/* ---- records ---------------------------------------------------------------------- */

/* Head of a record: fixed layout, then the payload (read.h). Built in private memory,
 * moved as whole words. */
struct fnt_record {
	uint64_t uid;
	uint64_t parent_uid;
	uint64_t trace_id[2];
	uint64_t started_at_ns; /* Unix time */
	uint64_t duration_ns;
	uint64_t seq; /* the lane's sequence number in that ring, from 1 */
	uint32_t payload_bytes;
	uint32_t fn_name; /* name id or FNT_NAME_NONE */
	int32_t pid;
	int32_t tid;
	uint32_t exe; /* name id */
	uint16_t lane;
	uint8_t fn_type;
	uint8_t outcome;
	uint32_t flags; /* FNT_TRACE_*, FNT_RECORD_* */
	uint32_t op_count;
	uint32_t ops_omitted;
	uint32_t schedules_omitted;
	uint64_t stream_bytes;
	uint64_t stream_chunks;
};
#define FNT_RECORD_WORDS 14

/* Where a field is: in which word, and at which bit of it. */
#define FNT_RECORD_WORD(field) (offsetof(struct fnt_record, field) / 8)
#define FNT_RECORD_SHIFT(field) (offsetof(struct fnt_record, field) % 8 * 8)

/* The call ended (if ever) at another time than its record was committed: it was pushed, or
 * written for the dead. The payload says when that was. */
#define FNT_RECORD_LATE 0x80000000u
/* It belongs into the kept ring. */
#define FNT_RECORD_KEPT 0x40000000u

static_assert(sizeof(struct fnt_record) == FNT_RECORD_WORDS * 8, "layout");

/* ---- frames ----------------------------------------------------------------------- */

enum fnt_frame_status {
	FNT_FRAME_FREE = 0,
	FNT_FRAME_CACHED = 1, /* claimed, holds no call */
	FNT_FRAME_OPEN = 2,   /* a call in flight */
	FNT_FRAME_LINKED = 3, /* further payload of another frame's call */
	FNT_FRAME_REAPED = 4, /* a dead owner's call, being turned into a record */
};

/* What a frame's `commit` says instead of a ticket: the call ends without a record, and the
 * lane's counter for that becomes `commit_seq`. */
#define FNT_MARK_DROPPED UINT64_MAX
#define FNT_MARK_NOT_KEPT (UINT64_MAX - 1)
#define FNT_MARK_SAMPLED (UINT64_MAX - 2)
#define FNT_MARK_LIMITED (UINT64_MAX - 3)
#define FNT_MARK_LOST FNT_MARK_LIMITED /* from here on */

/* Else it names the ring, too: one word, so that whoever looks at a mark that changes looks
 * at one of them. */
#define FNT_MARK_KEPT (1ull << 62)

static inline uint64_t
fnt_mark_make(uint32_t ring, uint64_t ticket)
{
	return ((ticket + 1) & (FNT_MARK_KEPT - 1)) | (ring ? FNT_MARK_KEPT : 0);
}

static inline uint32_t
fnt_mark_ring(uint64_t mark)
{
	return mark & FNT_MARK_KEPT ? FNT_RING_KEPT : FNT_RING_MAIN;
}

static inline uint64_t
fnt_mark_ticket(uint64_t mark)
{
	return (mark & (FNT_MARK_KEPT - 1)) - 1;
}

#define FNT_FRAME_PAYLOAD_WORDS 106
#define FNT_FRAME_PAYLOAD_BYTES (FNT_FRAME_PAYLOAD_WORDS * 8)

/* An open call. Fields are written by the owner alone; `published` and `commit` are what
 * others act on. Bytes streamed are in the record's stream_bytes where stream_chunks is even,
 * in its seq, which a frame has no other use for, where it is odd: bytes and chunks are never
 * seen to disagree. */
struct fnt_frame {
	fnt_word state;
	fnt_word commit;    /* 0, or the mark of the record that is being made of it */
	fnt_word published; /* bytes of payload, all frames: whole objects */
	fnt_word last_ns;   /* since the start: the last sign of life */
	fnt_word commit_lane;  /* the lane that makes the record … */
	fnt_word commit_seq;   /* … and the number that it will have there */
	fnt_word started_mono; /* monotonic ns */
	fnt_word next;	       /* 0, or index + 1 of the frame that goes on */
	fnt_word record[FNT_RECORD_WORDS];
	fnt_word payload[FNT_FRAME_PAYLOAD_WORDS];
};
static_assert(sizeof(struct fnt_frame) == 1024, "layout");

#endif
