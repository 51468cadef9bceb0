/* SPDX-License-Identifier: MIT
 *
 * reader.h: read a region from outside its processes, or after they have died.
 *
 * A reader maps the region read-only. It never makes a producer wait, never writes to
 * the region, and trusts no byte in it: what makes no sense is left out, and
 * fnt_reader_check() reports it.
 *
 * Rules for every function here, unless its comment says otherwise:
 *  - Threads: any thread, but one thread at a time for one reader and its cursors.
 *  - Progress: no function waits for a producer or for another process. All may
 *    allocate memory and make system calls.
 *  - Signals: no function is async-signal-safe.
 *  - fork: afterwards use a reader in one of the two processes only.
 *  - Arguments: no pointer may be NULL, except `error`: a failure is then not
 *    described.
 *  - Returns: 0 or a negative errno. On failure, outputs are not valid and the caller
 *    owns nothing.
 *
 * -ESTALE, from any function that reads: the region's file was cut short or overwritten
 * since it was opened. The reader stays in that state: close it and open it again. A
 * file that was removed or renamed stays readable, as its producers still write to it.
 *
 * Another -errno of mmap(2), often -ENOMEM, from a function that reads traces: a resize
 * or rotation began a new ring, and it can't be mapped. Older traces alone would be
 * taken for all there are. The next call tries again; counts can be read meanwhile.
 */
#ifndef FNTRACE_READER_H
#define FNTRACE_READER_H

#include <fntrace/fntrace.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fnt_reader;
struct fnt_cursor;

/* Attach to a region: `region` is a name or a path, as for fnt_log_open, in the default
 * directory. Needs read permission only. 0: close *reader with fnt_reader_close. Errors
 * as for fnt_log_open; -EINVAL also for what is not a regular file (a directory, a
 * fifo, a symbolic link). */
FNT_API int fnt_reader_open(struct fnt_reader **reader, const char *region,
			    struct fnt_error *error);

/* Attach to the region that process `pid` has mapped, in whatever container it runs and
 * even if the file has been removed. -ESRCH: no such process; -ENODATA: it has no
 * region; -ENOTUNIQ: it has several, which the message names; -EACCES: no permission;
 * else as fnt_reader_open. Linux only: reads /proc/PID. */
FNT_API int fnt_reader_open_pid(struct fnt_reader **reader, int32_t pid,
				struct fnt_error *error);

/* Close it, after its cursors. NULL is ignored. */
FNT_API void fnt_reader_close(struct fnt_reader *reader);

/* Install a handler of SIGBUS, so that a file that is cut short while it is being read
 * does not end the process.
 *
 * Every function here looks at the file's size when it is called and when it returns
 * (fnt_cursor_next, while it returns records, every few milliseconds), and returns
 * -ESTALE if the file was cut short. If it is cut short in between, the kernel sends
 * SIGBUS to the thread that reads. The handler, one for the process, then replaces the
 * reader's mapping by zeroes, and the function returns -ESTALE. It passes every other
 * SIGBUS on to the handler that was there before. A handler that the program installs
 * later should pass signals on in the same way. Nothing else in this library touches
 * signals. Any thread. 0 or -errno. */
FNT_API int fnt_reader_guard(void);

/* What was opened, for messages: the path, or "region without a name". Lives as long as
 * the reader. */
FNT_API const char *fnt_reader_path(const struct fnt_reader *reader);

/* What was set aside when the region was made, because no region could be opened from
 * it (fnt_log_notice): one line, valid UTF-8; "": nothing. Lives as long as the reader.
 */
FNT_API const char *fnt_reader_notice(const struct fnt_reader *reader);

/* What a region's file is. A region that any live process writes to is current. */
enum fnt_region_state {
	FNT_REGION_CURRENT = 0, /* the file that its processes write, or wrote, to */
	/* A copy of a region's file: what has happened since is not in it. */
	FNT_REGION_COPY,
	/* Last written to in an earlier boot, or on another machine. */
	FNT_REGION_OTHER_BOOT,
	FNT_REGION_FROZEN, /* made by a rotation: a copy that nobody writes to */
};

/* What the reader has opened. A process that opens a copy for writing makes it a
 * current region. */
FNT_API enum fnt_region_state fnt_reader_state(struct fnt_reader *reader);

/* "current", "copy", "other_boot", "frozen"; "unknown" for a value out of range. A
 * static string. Wait-free. */
FNT_API const char *fnt_region_state_name(enum fnt_region_state state);

/* Now, in the region's own time (started_mono_ns of struct fnt_trace); 0: not known, as
 * the region is not of this boot. */
FNT_API uint64_t fnt_reader_now_ns(struct fnt_reader *reader);

/* ---- calls that have finished ---------------------------------------------------- */

/* Which traces. NULL and 0: any; but `limit` is a number of traces, and 0 asks for
 * none. */
struct fnt_query {
	size_t limit;
	const char *fn_name;
	const char *call_id;
	uint64_t uid;
	uint64_t trace_id[2];
	bool errors_only;     /* outcome other than FNT_OK */
	uint64_t reserved[4]; /* 0 */
};

/* The newest traces that match, newest first. Each is complete or not there. The cost
 * depends on how far back the answer lies, not on the size of the ring. Free *traces
 * with fnt_traces_free. 0, -ENOMEM, -ESTALE; -EINVAL: a reserved word is not 0. */
FNT_API int fnt_reader_query(struct fnt_reader *reader, const struct fnt_query *query,
			     struct fnt_traces **traces);

/* Call `each` for every trace that matches, newest first and at most query->limit
 * times, until it returns a value other than 0, which is then returned. `arg` is passed
 * on. The trace lives until `each` returns; `each` must not use the reader. Otherwise
 * 0, -ENOMEM, -ESTALE, -EINVAL as for fnt_reader_query. */
FNT_API int fnt_reader_each(struct fnt_reader *reader, const struct fnt_query *query,
			    int (*each)(void *arg, const struct fnt_trace *trace),
			    void *arg);

/* ---- calls as they finish -------------------------------------------------------- */

enum fnt_from {
	FNT_FROM_NOW,	 /* only calls that finish from now on */
	FNT_FROM_OLDEST, /* all that is still in the rings first */
};

/* Follow the region with a cursor, which the reader must outlive. 0: close *cursor with
 * fnt_cursor_close. -ENOMEM, -ESTALE. */
FNT_API int fnt_cursor_open(struct fnt_cursor **cursor, struct fnt_reader *reader,
			    enum fnt_from from);

/* The next trace. 1: *trace, which lives until the next call for this cursor. 0: there
 * is none now; ask again later, as producers do not wake anyone. -ENOMEM, -ESTALE.
 *
 * Order: a thread's failed (or slow) calls come in order of completion, and so do its
 * other ones; they lie in two rings. Between these two, and between threads, the order
 * is that of completion to within a millisecond or so.
 *
 * When it is called again right after it has returned 0, and producers are writing, it
 * takes up to 100 us: looking at their cells more often would slow them down. */
FNT_API int fnt_cursor_next(struct fnt_cursor *cursor, const struct fnt_trace **trace);

/* Records that the cursor has missed, because they were overwritten before it came to
 * them, or were about to be, or were damaged.
 *
 * A cursor that producers are about to lap skips ahead, as reading right in front of
 * them would slow them to its speed and miss as many: by an eighth of the ring; by a
 * quarter, then a half, if it happens again before the cursor has caught up.
 *
 * Never too high. Exact once fnt_cursor_next has returned 0 and no producer is in the
 * middle of writing. A record that a producer has begun and not yet completed is waited
 * for up to 5 ms, then the cursor goes on, and comes back to it later. */
FNT_API uint64_t fnt_cursor_missed(const struct fnt_cursor *cursor);

/* NULL is ignored. */
FNT_API void fnt_cursor_close(struct fnt_cursor *cursor);

/* ---- calls that run now ---------------------------------------------------------- */

/* The calls in flight, oldest first, with their ops so far: outcome FNT_IN_FLIGHT, or
 * FNT_ABORTED if their process is dead. In a copy and in a region of another boot they
 * are as they were then: FNT_IN_FLIGHT with FNT_TRACE_AS_OF_COPY, and their duration
 * ends at their last event. Free *traces with fnt_traces_free. 0, -ENOMEM,
 * -ESTALE. */
FNT_API int fnt_reader_in_flight(struct fnt_reader *reader, struct fnt_traces **traces);

/* ---- counts ---------------------------------------------------------------------- */

/* Counts since the region was created, and what its tables hold now. The region has a
 * main ring and, unless it was created without one, a kept ring for calls that failed
 * or were slow (kept_percent in fntrace.h). A lane is a thread's entry in the region, a
 * frame is the entry of a call in flight. */
struct fnt_stat {
	uint64_t size_bytes;	/* of the region */
	uint64_t created_at_ns; /* Unix time */
	uint64_t cells;		/* of 256 bytes, in the main ring */
	uint64_t capacity;	/* traces shown at most; 0: as many as fit */
	uint64_t max_record_bytes;
	uint32_t flags; /* FNT_KEEP_NONE, FNT_ORDERED */

	uint64_t total;	   /* calls finished: recorded + dropped + not_kept */
	uint64_t recorded; /* records ever committed */
	/* Traces that can be read now; 0 if a part of the ring can't be mapped. */
	uint64_t retained;
	/* No room in the ring, no lane for the thread, or `unmapped` (below). */
	uint64_t dropped;
	/* Left out by the settings: kept_none + sampled + limited. */
	uint64_t not_kept;
	uint64_t in_flight;
	/* In flight, and their process is dead; 0 where that can't be known: in a copy,
	 * and in a region of another boot. */
	uint64_t orphaned;
	/* Calls that were not visible in flight, as no frame was free. They live in
	 * their process's memory, and are lost with it. */
	uint64_t unframed;
	uint64_t ops; /* recorded or omitted */
	uint64_t ops_omitted;
	uint64_t schedules_omitted;
	uint64_t values_omitted;
	/* Cells that writers skipped, as another writer held them. */
	uint64_t cells_skipped;

	uint32_t producers, producers_max; /* process slots */
	uint32_t lanes, lanes_max;
	uint32_t frames, frames_max;
	uint32_t names, names_max;
	/* Of the live producers: "tsc", "vdso", "tsc and vdso" or "none". Static. */
	const char *clock;
	/* Parts of not_kept, by cause (control.h). */
	uint64_t kept_none;  /* FNT_KEEP_NONE */
	uint64_t sampled;    /* `keep`: the tree was not sampled */
	uint64_t limited;    /* `rate`: its function had used up that second's rate */
	uint64_t kept_cells; /* in the kept ring; 0: there is none */
	/* Parts of dropped: a process could not map the ring that a resize or rotation
	 * began; a thread, or its process, had no entry in the region's tables. Both
	 * try again once a second. */
	uint64_t unmapped;
	uint64_t laneless;
	/* Calls that could not be begun (fnt_call_begin() returned NULL), as there was
	 * no memory. They are in no other count. */
	uint64_t refused;
	uint32_t state; /* enum fnt_region_state */
	uint32_t reserved0;
	/* What observers of the region have seen, by enum fnt_seen. */
	uint64_t seen[FNT_SEEN_COUNTS];
};

/* Fill in *stat. Counters are read one after the other while producers go on, so they
 * are of slightly different moments. 0, -ENOMEM, -ESTALE. */
FNT_API int fnt_reader_stat(struct fnt_reader *reader, struct fnt_stat *stat);

struct fnt_producer {
	int32_t pid; /* in its own pid namespace */
	bool alive;
	bool time_unknown; /* its times may be shifted: FNT_TRACE_TIME_UNKNOWN */
	uint32_t pid_ns;   /* inode of that namespace; 0: not known */
	int32_t host_pid;  /* in the reader's pid namespace; 0: not known */
	uint32_t threads;  /* lanes it holds */
	uint32_t in_flight;
	uint64_t recorded;	  /* by the threads that it has now */
	uint64_t dropped;	  /* likewise */
	uint64_t attached_at_ns;  /* Unix time */
	uint64_t attached_for_ns; /* how long; 0: not known */
	char exe[64];		  /* name of its program: valid UTF-8 */
	/* A process whose calls another one observes and records (fnt_log_observe). */
	int32_t recorded_by; /* pid of that one; 0: it records its own calls */
	char via[16];	     /* what that one is: "tap" */
	char command[116];   /* the command line: valid UTF-8 */
	/* Messages that the observer has understood, and that it has not. */
	uint64_t understood, not_understood;
};

/* The processes that are attached, and those that died and have not been recovered yet.
 * *producers: an array of *count, from malloc: free() it. 0, -ENOMEM, -ESTALE. */
FNT_API int fnt_reader_producers(struct fnt_reader *reader,
				 struct fnt_producer **producers, size_t *count);

/* ---- verification ---------------------------------------------------------------- */

struct fnt_check {
	uint64_t records;    /* complete and readable */
	uint64_t cells;	     /* that were checked */
	uint64_t busy_cells; /* being written, or left so by a process that died */
	uint64_t frames;     /* calls in flight */
	uint64_t names;
	/* Slots, lanes, frames and cells of processes that died. The next process that
	 * opens the region recovers them; they are no damage. */
	uint64_t orphans;
	uint64_t problems; /* what no producer can have written: damage */
};

/* Verify the region, cell by cell, and fill in *check. `report` (may be NULL) is called
 * for each problem, with `arg`, its offset in bytes from the region's start, and one
 * line that describes it; the text lives until `report` returns. What changes while it
 * is being checked is looked at again before it counts as a problem. 0 (also if there
 * are problems), -ENOMEM, -ESTALE. */
FNT_API int fnt_reader_check(struct fnt_reader *reader, struct fnt_check *check,
			     void (*report)(void *arg, uint64_t offset,
					    const char *problem),
			     void *arg);

/* ---- the regions of a directory -------------------------------------------------- */

struct fnt_region_info {
	char name[256]; /* without ".fnt" */
	char path[1024];
	uint64_t size_bytes;
	uint64_t created_at_ns; /* Unix time */
	uint32_t alive, dead;	/* processes */
	bool frozen;		/* `state` is FNT_REGION_FROZEN */
	enum fnt_region_state state;
	/* As in struct fnt_stat. */
	uint64_t dropped, unmapped, laneless, refused;
	int status;	   /* 0, or why it can't be read: negative errno */
	char message[508]; /* the same in words; "" if it can be read */
};

/* The regions in the directory `dir` (NULL: the default one), ordered by name.
 * *regions: an array of *count, from malloc: free() it. A directory that does not exist
 * has none: 0, and *regions is NULL. Any thread. 0, -ENOMEM, or -errno of reading the
 * directory. */
FNT_API int fnt_regions_list(const char *dir, struct fnt_region_info **regions,
			     size_t *count, struct fnt_error *error);

#ifdef __cplusplus
}
#endif
#endif
