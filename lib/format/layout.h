/* SPDX-License-Identifier: MIT
 *
 * layout.h: every shared byte of a region, except those of the rings (layout_rings.h)
 * and of the metrics (layout_metrics.h). Structs, constants and functions on their
 * bits; no algorithms. The man page fntrace-region(5) describes the same in prose.
 *
 *   0        4096
 *   ┌────────┬─────────┬──────────┬───────────┬───────┬───────┬───────┬────────┬──
 *   │ header │ control │ settings │ producers │ lanes │ names │ rates │ frames │
 *   └────────┴─────────┴──────────┴───────────┴───────┴───────┴───────┴────────┴──
 *                                          ──┬─────────┬───────┬───────────────────
 *                                            │ metrics │ rings │ cells, by segment …
 *                                          ──┴─────────┴───────┴───────────────────
 *
 *   section    who writes                                           since version
 *   header     the creator, before the region has a name                        1
 *   control    the generation: the holder of the control lock; the hash key:    1
 *              the creator; the time base: who opens the region first after a
 *              boot, by compare-and-swap; counters: anyone, by atomic
 *              read-modify-write
 *   settings   the holder of the control lock                                   2
 *   producers  a slot: the process that holds the lock on its first byte        1
 *   lanes      a lane: its owner thread                                         1
 *   names      a slot: the process that claimed it, once                        1
 *   rates      anyone, by compare-and-swap                                      2
 *   frames     a frame: its owner process                                       4
 *   metrics    see layout_metrics.h                                             2
 *   rings      see layout_rings.h                                               2
 *   cells      a cell: the thread that made it busy                             4
 *
 * What a thread or a process may write, the process that recovers it may write too,
 * once the owner is dead (ring/recover.h). The control lock is a lock on the first byte
 * of the control section.
 *
 * Integers are little-endian and naturally aligned; `off` is an offset from the
 * region's start. Words of different writers lie on different FNT_LINEs. All words that
 * are written after the region has a name are atomic. A new section needs no new
 * version: readers skip kinds that they do not know, unless an incompatible feature bit
 * is set.
 */
#ifndef FNT_FORMAT_LAYOUT_H
#define FNT_FORMAT_LAYOUT_H

#include "base/shm_words.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FNT_MAGIC "FNTRACE\n"
#define FNT_VERSION_NO 4u
#define FNT_BYTE_ORDER 0x01020304u
#define FNT_SECTIONS 16
#define FNT_NOTICE_SIZE 512 /* bytes, with the NUL */

/* Feature bits. A region with an incompatible bit that is not known here is refused;
 * one with an unknown compatible bit is used. */
#define FNT_INCOMPAT_KNOWN 0ull
/* The file was made by a rotation. Its counters were copied one by one while producers
 * added to them, so sums of them need not agree. */
#define FNT_COMPAT_FROZEN 1ull

enum fnt_section_kind {
	FNT_SECTION_NONE = 0,
	FNT_SECTION_CONTROL,
	FNT_SECTION_PRODUCERS,
	FNT_SECTION_LANES,
	FNT_SECTION_NAMES,
	FNT_SECTION_FRAMES,
	FNT_SECTION_RINGS,
	FNT_SECTION_SETTINGS, /* may be missing: all settings at their defaults */
	FNT_SECTION_RATES,    /* may be missing: no limit */
	FNT_SECTION_METRICS,  /* these five: layout_metrics.h */
	FNT_SECTION_FN_ROWS,
	FNT_SECTION_OP_ROWS,
	FNT_SECTION_BLOCK_KEYS,
	FNT_SECTION_BLOCKS,
	FNT_SECTION_KINDS,
};

/* One entry of the header's table. */
struct fnt_section {
	uint32_t kind;	 /* enum fnt_section_kind */
	uint32_t stride; /* bytes of one entry */
	uint64_t off;	 /* from the region's start */
	uint64_t count;	 /* entries */
	uint64_t reserved;
};

/* Written before the region has a name, constant afterwards. */
struct fnt_header {
	char magic[8];		   /* FNT_MAGIC */
	uint32_t byte_order;	   /* FNT_BYTE_ORDER */
	uint32_t version;	   /* FNT_VERSION_NO */
	uint64_t compat;	   /* feature bits */
	uint64_t incompat;	   /* feature bits */
	uint64_t size_bytes;	   /* of the file when it was created; it only grows */
	uint64_t region_id;	   /* random */
	uint64_t created_at_ns;	   /* Unix time */
	uint64_t boot_id;	   /* fnt_boot_id(), with file_dev and file_ino */
	uint64_t capacity;	   /* traces that readers show at most; 0: all */
	uint32_t max_record_bytes; /* of a record's payload */
	uint32_t flags;		   /* FNT_KEEP_NONE, FNT_ORDERED */
	uint32_t section_count;	   /* entries used of `sections` */
	uint32_t kept_percent; /* of the cells, for the kept ring; 0: no such ring */
	struct fnt_section sections[FNT_SECTIONS];
	/* Of the file that this header was written to, as fstat(2) shows them. A copy
	 * has others, until a process opens it for writing and replaces them and
	 * boot_id. 0, 0: not known. */
	uint64_t file_dev;
	uint64_t file_ino;
	/* What was set aside when the region was made, in one line; "": nothing. */
	char notice[FNT_NOTICE_SIZE];
};

static_assert(sizeof(struct fnt_section) == 32, "layout");
static_assert(sizeof(struct fnt_header) ==
		      88 + FNT_SECTIONS * 32 + 16 + FNT_NOTICE_SIZE,
	      "layout");
static_assert(sizeof(struct fnt_header) <= FNT_PAGE, "layout");

/* ---- control --------------------------------------------------------------------- */

/* `generation` tells processes that something has changed: each begin compares it with
 * the generation of the settings and mappings that the process has.
 *
 *   63                  32 31                0
 *   │ settings changes     │ other changes    │
 *
 * Added to by the holder of the control lock: FNT_GENERATION_SETTINGS or 1. The upper
 * half also publishes the settings: the copy of that number modulo 2 is in force (see
 * settings/settings.h). */
#define FNT_GENERATION_SETTINGS (1ull << 32)

/* Region time orders all that happens in a region. It never runs back: setting the wall
 * clock does not change it, and it goes on after a reboot. It is CLOCK_MONOTONIC of the
 * initial time namespace, in ns, plus a base. The base is 0 in the boot in which the
 * region was made, and is raised when the region is first opened after a later boot.
 *
 * `time_base`:
 *
 *   63            32 31       0
 *   │ base          │ boot    │    base in units of 2^32 ns
 *
 * `boot` is the lower half of the fnt_boot_id() of the boot that the base is for. 0:
 * the region's creator could not find out. */
#define FNT_TIME_BASE_UNIT_NS (1ull << 32)

static inline uint64_t
fnt_time_base_make(uint64_t base_units, uint64_t boot_id)
{
	return base_units << 32 | (uint32_t)boot_id;
}

static inline uint32_t
fnt_time_base_boot(uint64_t word)
{
	return (uint32_t)word;
}

static inline uint64_t
fnt_time_base_ns(uint64_t word)
{
	return word >> 32 << 32;
}

/* `dropped`, `not_kept`, `sampled`, `limited` and `unmapped` count calls on threads
 * without a lane, each as the field of that name in struct fnt_lane. Readers add them
 * to the sums over all lanes. */
#define FNT_SEEN_MAX 16

struct fnt_control_words {
	fnt_word generation;
	/* SipHash key of captured texts; 0: none, in a frozen file, or where the kernel
	 * gave no random bytes. */
	fnt_word hash_key[2];
	fnt_word time_base; /* see above */
	fnt_word claim;	    /* of the control lock, as a process slot's */
	uint64_t pad0[11];
	fnt_word dropped;
	fnt_word reaped;	/* dead processes that have been recovered */
	fnt_word names_omitted; /* names that found the table full */
	fnt_word not_kept;
	fnt_word sampled;
	fnt_word limited;
	fnt_word frames_high; /* frames from this number on have never been used */
	fnt_word unmapped;
	/* Calls that were not begun, as there was no memory for the thread's or the
	 * process's part of the log. Not among the calls that have ended. */
	fnt_word refused;
	uint64_t pad1[7];
	/* What observers have seen, by enum fnt_seen. */
	fnt_word seen[FNT_SEEN_MAX];
};
static_assert(sizeof(struct fnt_control_words) == 3 * FNT_LINE, "layout");

/* ---- settings -------------------------------------------------------------------- */

/* Two copies of equal size: copy 0, then copy 1. The first entry of a copy is for all
 * functions, the others are overrides by name, in no order. Written by the holder of
 * the control lock, in the copy that is not in force. A reader must bring values into
 * range: see settings/settings.c. */
enum fnt_setting {
	FNT_SETTING_ENABLED = 0, /* 0, 1 */
	FNT_SETTING_KEEP,	 /* share, an IEEE 754 double, 0 to 1 */
	FNT_SETTING_SLOW,	 /* ns, up to FNT_SLOW_MAX_NS; 0: off */
	FNT_SETTING_KEEP_ERRORS, /* 0, 1 */
	FNT_SETTING_RATE,	 /* calls a second, up to FNT_RATE_MAX; 0: no limit */
	FNT_SETTING_VALUES,	 /* enum fnt_capture, as the next two */
	FNT_SETTING_IDS,
	FNT_SETTING_USERS,
	FNT_SETTINGS,
};

#define FNT_SETTING_VALUES_MAX 14
#define FNT_SETTING_NAME_MAX 256 /* a name and a '*' */

struct fnt_setting_entry {
	fnt_word mask;	   /* bit k: it sets enum fnt_setting k; 0: not in use */
	fnt_word name_len; /* bytes; 0: all functions */
	fnt_word values[FNT_SETTING_VALUES_MAX]; /* by enum fnt_setting */
	fnt_word name[FNT_SETTING_NAME_MAX / 8]; /* a function's, or a prefix and '*' */
};
static_assert(sizeof(struct fnt_setting_entry) == 3 * FNT_LINE, "layout");

/* The rates section has one fnt_word per name id and a last one for all names that are
 * not interned: second of region time << 32 | calls kept in that second. Threads
 * that end calls of a function with a rate write it by compare-and-swap. */

/* ---- producers ------------------------------------------------------------------- */

/* A slot belongs to the process that holds an open-file-description lock on the slot's
 * first byte in the file, and is written by it alone. A slot that is LIVE while the
 * lock is free belonged to a process that has died. */
enum fnt_producer_status {
	FNT_PRODUCER_FREE = 0,
	FNT_PRODUCER_LIVE = 1,
};

#define FNT_COMMAND_WORDS 14
#define FNT_COMMAND_MAX (FNT_COMMAND_WORDS * 8) /* bytes */

struct fnt_producer_slot {
	fnt_word status;	 /* enum fnt_producer_status; written last */
	fnt_word pid;		 /* in its own pid namespace */
	fnt_word pid_ns;	 /* inode of that namespace */
	fnt_word start_time;	 /* of the process, in clock ticks since boot */
	fnt_word attached_at_ns; /* Unix time */
	fnt_word exe;		 /* name id of the program */
	fnt_word clock;		 /* enum fnt_clock_kind */
	fnt_word attached_mono;	 /* region time */
	fnt_word origin;	 /* FNT_ORIGIN_* */
	fnt_word image; /* random, of the program that the process runs; 0: unknown */
	fnt_word claim; /* its holder, where there are no file locks: region/claim.h */
	/* An observer, which records the calls of another process, shows that one: */
	fnt_word observed; /* its pid; 0: the process records its own calls */
	fnt_word via;	   /* name id of what the observer is: "tap" */
	/* Messages that an observer has understood, and that it has not. */
	fnt_word understood;
	fnt_word not_understood;
	uint64_t pad0[1];
	/* Threads of the process that query its own log just now; each adds itself by
	 * fetch-add. While it is not 0, no segment is retired (control/resize.h). */
	fnt_word readers;
	/* The observed process's command line, cut to this; 0 while it changes. */
	fnt_word command_len;
	fnt_word command[FNT_COMMAND_WORDS];
};
static_assert(sizeof(struct fnt_producer_slot) == 2 * FNT_LINE, "layout");

/* ---- state words ---------------------------------------------------------------- */

/* Lanes and frames begin with a state word.
 *
 *   63            32 31     16 15      8 7      0
 *   │ generation    │ owner    │ 0       │ status │
 *
 * `owner` is the number of a producer slot or FNT_OWNER_NONE. The generation grows with
 * each change of status, so that a reader that finds the same word before and after
 * copying has copied one use only. */
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

/* ---- lanes ----------------------------------------------------------------------- */

enum fnt_lane_status {
	FNT_LANE_FREE = 0,
	FNT_LANE_OWNED = 1,
};

#define FNT_TICKET_NONE UINT64_MAX /* no ticket */

#define FNT_RINGS 2
#define FNT_RING_MAIN 0u
#define FNT_RING_KEPT 1u

/* The tickets that a lane holds of one ring, and the records it has committed there.
 * Followers, queries, the holder of the control lock, and the process that recovers the
 * lane read them.
 *
 * A lane takes its tickets in blocks. All of its busy cells belong to tickets
 * of its current block, from `block_first` to before `block_end`. */
struct fnt_lane_ring {
	fnt_word recorded; /* records committed; the `seq` of the last one */
	fnt_word low; /* lowest ticket it may still write; FNT_TICKET_NONE or 0: none */
	fnt_word block_first; /* first ticket of its block */
	fnt_word block_end;   /* the ticket after the block's last one */
};

/* The journal makes a function's counts exact even if the thread dies
 * (layout_metrics.h). It holds the values that the counters of the function's row get
 * when one call ends:
 *
 *   1. the journal is written and armed;
 *   2. the call ends: one store sets a counter of the lane to `seq`;
 *   3. the row's counters are written;
 *   4. `state` becomes 0.
 *
 * A process that recovers the lane and finds the journal armed applies it if the lane's
 * counter has reached `seq`. The journal holds the new values of the row's counters,
 * not what is added to them, so applying it twice does no harm.
 *
 * `state`:
 *
 *   63        32 31     10 9       8 7     4 3     2 1      0
 *   │ row       │ 0       │ outcome │ end   │ 0     │ rare │ armed │
 */
#define FNT_JOURNAL_COUNTS 14

struct fnt_journal {
	fnt_word state;	 /* 0: off */
	fnt_word seq;	 /* of the lane's counter once the call has ended */
	fnt_word bucket; /* 0, or 1 + block * FNT_OCTAVE_BUCKETS + bucket */
	fnt_word counts[FNT_JOURNAL_COUNTS]; /* see metrics/journal.c */
};

/* A thread's lane. Only the owner writes, so counters need no read-modify-write; they
 * are cumulative over all owners, and readers sum them up over all lanes. */
struct fnt_lane {
	fnt_word state; /* a state word: enum fnt_lane_status */
	fnt_word tid;	/* of the owner */
	struct fnt_lane_ring rings[FNT_RINGS];
	fnt_word dropped;	/* records that found no cells */
	fnt_word not_kept;	/* calls not recorded: the region records none */
	fnt_word unframed;	/* calls that found no free frame: in private memory */
	fnt_word cells_skipped; /* tickets given up because their cells were busy */
	/* Their values when the present owner claimed the lane: */
	fnt_word recorded_before; /* `recorded` of both rings together */
	fnt_word dropped_before;  /* `dropped` and `unmapped` together */
	fnt_word sampled;	  /* calls not recorded: not in the share `keep` */
	fnt_word limited;	  /* calls not recorded: beyond their `rate` */
	/* Records whose segment the process could not map. */
	fnt_word unmapped;
	uint64_t pad0[5];
	/* What most calls write of it is half a FNT_LINE. */
	struct fnt_journal journal;
	uint64_t pad1[7];
};
static_assert(sizeof(struct fnt_lane) == 3 * FNT_LINE, "layout");
static_assert(offsetof(struct fnt_lane, journal) % (FNT_LINE / 2) == 0, "layout");

/* ---- names ----------------------------------------------------------------------- */

/* An open-addressed table of names, which only grows. A name's id is the number of its
 * slot and never changes. A thread makes an EMPTY slot BUSY by compare-and-swap, writes
 * the name, and makes the slot READY. If its process dies in between, the process that
 * recovers it makes the slot EMPTY again. The same name may be in two slots.
 *
 *   63        32 31     16 15  8 7      0
 *   │ hash      │ owner    │ len │ status │
 */
enum fnt_name_status {
	FNT_NAME_EMPTY = 0,
	FNT_NAME_BUSY = 1,
	FNT_NAME_READY = 2,
};

#define FNT_NAME_MAX 255	 /* bytes; a longer name is not interned */
#define FNT_NAME_NONE UINT32_MAX /* no id: the name is in the payload */

struct fnt_name {
	fnt_word state;	    /* as above; READY is released after `words` */
	fnt_word words[33]; /* the bytes, then NULs; one word to spare */
};
static_assert(sizeof(struct fnt_name) == 272, "layout");

/* ---- records --------------------------------------------------------------------- */

/* Head of a record; the payload (payload/events.h) follows. Built in private memory and
 * copied as whole words, to a frame and to a cell. */
struct fnt_record {
	uint64_t uid;		/* of the call, never 0 */
	uint64_t parent_uid;	/* of its caller; 0: none */
	uint64_t trace_id[2];	/* of its tree: upper, lower word */
	uint64_t started_at_ns; /* Unix time */
	uint64_t duration_ns;
	uint64_t seq; /* of the lane's records in this ring, from 1 */
	uint32_t payload_bytes;
	uint32_t fn_name; /* name id, or FNT_NAME_NONE: in the payload */
	int32_t pid;	  /* in the process's own pid namespace */
	int32_t tid;	  /* of the thread that began the call */
	uint32_t exe;	  /* name id of the program, or FNT_NAME_NONE */
	uint16_t lane;
	uint8_t fn_type;      /* enum fnt_fn_type */
	uint8_t outcome;      /* enum fnt_outcome */
	uint32_t flags;	      /* FNT_TRACE_*, FNT_RECORD_* */
	uint32_t op_count;    /* ops in the payload */
	uint32_t ops_omitted; /* ops that did not fit */
	uint32_t schedules_omitted;
	uint64_t stream_bytes;
	uint64_t stream_chunks;
	uint64_t started_mono; /* region time */
	uint32_t pid_ns;       /* inode of the namespace of `pid`; 0: not known */
	uint32_t origin;       /* FNT_ORIGIN_* */
};
#define FNT_RECORD_WORDS 16

/* The word that has a field, and the field's lowest bit in that word. */
#define FNT_RECORD_WORD(field) (offsetof(struct fnt_record, field) / 8)
#define FNT_RECORD_SHIFT(field) (offsetof(struct fnt_record, field) % 8 * 8)

/* The W3C flags of the call's tree (FNT_W3C_*), times this. */
#define FNT_RECORD_W3C 0x400u
#define FNT_RECORD_W3C_FLAGS (3u * FNT_RECORD_W3C)

/* The call did not end when its record was committed: it was pushed, or its process had
 * died. Event 9 of the payload says when the record was committed. */
#define FNT_RECORD_LATE 0x80000000u
/* The record is meant for the kept ring. */
#define FNT_RECORD_KEPT 0x40000000u
/* The call's process died. The record was made when that was found out. */
#define FNT_RECORD_KILLED 0x20000000u

/* The call was in flight in a copy of its region, and what became of it is not known:
 * the record was made by a process that opened the copy for writing. */
#define FNT_RECORD_AS_OF_COPY 0x10000000u

/* Bits of `origin`, the same for all calls of a process. */

/* The process's time namespace could not be found out: its region times may be shifted
 * against those of other processes. */
#define FNT_ORIGIN_TIME_UNKNOWN 1u

static_assert(sizeof(struct fnt_record) == FNT_RECORD_WORDS * 8, "layout");

/* ---- frames ---------------------------------------------------------------------- */

enum fnt_frame_status {
	FNT_FRAME_FREE = 0,
	FNT_FRAME_CACHED = 1, /* claimed by a process, holds no call */
	FNT_FRAME_OPEN = 2,   /* the first frame of a call in flight */
	FNT_FRAME_LINKED = 3, /* further payload of such a call */
	FNT_FRAME_REAPED = 4, /* the owner is dead; its call is being recorded */
};

/* The mark: a frame's `commit` word. It is written before a call ends, and says where
 * its record is being committed:
 *
 *   63  62       61              0
 *   │ 0 │ kept   │ ticket + 1    │     0: no mark
 *
 * or, with bit 63 set, why the call ends without a record: the lane's counter of that
 * name becomes `commit_seq`. */
#define FNT_MARK_DROPPED UINT64_MAX
#define FNT_MARK_NOT_KEPT (UINT64_MAX - 1)
#define FNT_MARK_SAMPLED (UINT64_MAX - 2)
#define FNT_MARK_LIMITED (UINT64_MAX - 3)
#define FNT_MARK_UNMAPPED (UINT64_MAX - 4)
#define FNT_MARK_LOST FNT_MARK_UNMAPPED /* the lowest of these */

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

#define FNT_FRAME_PAYLOAD_WORDS 104
#define FNT_FRAME_PAYLOAD_BYTES (FNT_FRAME_PAYLOAD_WORDS * 8)

/* A call in flight; a long payload goes on in further frames. Written by the process
 * that owns it. Readers show calls in flight. The process that recovers a dead one
 * makes records of its frames.
 *
 * The number of bytes streamed is in the record's word stream_bytes while stream_chunks
 * is even, and in the word seq, which a frame does not need, while it is odd. So bytes
 * and chunks change together, by the store of the chunks. */
struct fnt_frame {
	fnt_word state;	      /* a state word: enum fnt_frame_status */
	fnt_word commit;      /* the mark; 0: none */
	fnt_word published;   /* bytes of payload, in all frames: whole events */
	fnt_word last_ns;     /* of the last event, since the call's start */
	fnt_word commit_lane; /* the lane that commits the record */
	fnt_word commit_seq;  /* the value of that lane's counter once it has */
	fnt_word next;	      /* number of the call's next frame, + 1; 0: none */
	uint64_t pad;
	fnt_word record[FNT_RECORD_WORDS]; /* struct fnt_record; the end's fields: 0 */
	/* Bytes past `published` are for the owner only. */
	fnt_word payload[FNT_FRAME_PAYLOAD_WORDS];
};
static_assert(sizeof(struct fnt_frame) == 1024, "layout");

#endif
