/* SPDX-License-Identifier: MIT
 *
 * reader.h: looking into a region from outside, or after a crash.
 *
 * A reader maps the region read-only. It never slows a producer, never writes to the
 * region, and takes every byte in it for hostile: what makes no sense is left out and
 * counted (see fnt_reader_check), never trusted.
 *
 * Rules for every function here: any thread, one thread at a time for one reader or
 * cursor; not async-signal-safe; after fork use a reader in one of the two processes. No
 * function waits for a producer. 0 or a negative errno, unless it says otherwise.
 *
 * -ESTALE, from any function that reads: the region's file was cut short, or written anew,
 * since it was opened. The reader then says so for ever: close it, open it again. A file
 * that was removed or renamed stays readable: its producers still write to it.
 */
#ifndef FNTRACE_READER_H
#define FNTRACE_READER_H

#include <fntrace/fntrace.h>

#ifdef __cplusplus
extern "C" {
#endif

struct fnt_reader;
struct fnt_cursor;

/* Attach to a region: `region` is a name or a path, as for fnt_log_open. `error` may be
 * NULL. Needs read permission only. Errors as fnt_log_open, and -EINVAL for what is not a
 * regular file (a directory, a fifo, a symbolic link). */
FNT_API int fnt_reader_open(struct fnt_reader **reader, const char *region,
			    struct fnt_error *error);

/* Attach to the region that process `pid` has mapped, in whatever container it runs and
 * even if the file has been deleted. -ESRCH (no such process), -ENODATA (it has none),
 * -ENOTUNIQ (several: the message names them), -EACCES. Linux: reads /proc/PID. */
FNT_API int fnt_reader_open_pid(struct fnt_reader **reader, int32_t pid,
				struct fnt_error *error);

FNT_API void fnt_reader_close(struct fnt_reader *reader);

/* A region's file that is cut short (truncated, copied over) is noticed whenever a function
 * here is called (by fnt_cursor_next, as long as it returns records, a few ms later). If it
 * happens while one is reading, the kernel sends SIGBUS. This makes
 * that, too, an -ESTALE: it installs a handler of SIGBUS, once for the process. The handler
 * takes care of readers' mappings, whatever thread reads them, and passes everything else on
 * to the handler that was there before; install one of your own later, and it should do
 * likewise. Nothing else in this library touches signals. Any thread. 0 or -errno. */
FNT_API int fnt_reader_guard(void);

/* What was opened, for messages; lives as long as the reader. */
FNT_API const char *fnt_reader_path(const struct fnt_reader *reader);

/* ---- what has finished ------------------------------------------------------------ */

/* All zero asks for nothing: `limit` says how many. NULL or 0 elsewhere: any. */
struct fnt_query {
	size_t limit;
	const char *fn_name;
	const char *call_id;
	uint64_t uid;
	uint64_t trace_id[2];
	bool errors_only; /* outcome is not ok */
	uint64_t reserved[4];
};

/* The newest traces that match, newest first, whole or not at all. The cost depends on how
 * far back the answer lies, not on the ring's size. Free *traces with fnt_traces_free.
 * 0, -ENOMEM. */
FNT_API int fnt_reader_query(struct fnt_reader *reader, const struct fnt_query *query,
			     struct fnt_traces **traces);

/* Hand every trace that is there to `each`, newest first, until it returns other than 0,
 * which is then returned. The trace lives until `each` returns. query->limit counts. */
FNT_API int fnt_reader_each(struct fnt_reader *reader, const struct fnt_query *query,
			    int (*each)(void *arg, const struct fnt_trace *trace),
			    void *arg);

/* ---- what comes next -------------------------------------------------------------- */

enum fnt_from {
	FNT_FROM_NOW,	 /* only what finishes from now on */
	FNT_FROM_OLDEST, /* everything that is still there first */
};

/* Follow the region. The reader must outlive the cursor. 0, -ENOMEM. */
FNT_API int fnt_cursor_open(struct fnt_cursor **cursor, struct fnt_reader *reader,
			    enum fnt_from from);

/* The next trace: 1 and *trace (until the next call), 0 when there is none now (ask again
 * later: producers do not wake anyone), -ENOMEM. In the order of completion to within a
 * millisecond or so across threads, and between calls that failed (or were slow) and others,
 * which lie in two rings; exactly among the others of a thread, and among its failed ones.
 * When it is asked again as soon as it has returned 0, and producers go on, it takes up to
 * 100 us: to look more often would slow them down. */
FNT_API int fnt_cursor_next(struct fnt_cursor *cursor, const struct fnt_trace **trace);

/* Records that were overwritten before the cursor came to them (or were damaged), or
 * were about to be: one that producers outrun goes on an eighth of the ring further
 * when they have come around to it; a quarter, and then half, if they do so again
 * before it has caught up. To read just ahead of them would hold them up, and it would
 * miss as many. Never too high; exact once fnt_cursor_next has returned 0 and nobody is
 * in the middle of writing: for a ticket that is in somebody's hand it waits up to 5 ms
 * before it passes on. */
FNT_API uint64_t fnt_cursor_missed(const struct fnt_cursor *cursor);

FNT_API void fnt_cursor_close(struct fnt_cursor *cursor);

/* ---- what runs now ---------------------------------------------------------------- */

/* The calls in flight, oldest first, with their ops so far: outcome FNT_IN_FLIGHT, or
 * FNT_ABORTED where the owner is dead. Free with fnt_traces_free. 0, -ENOMEM. */
FNT_API int fnt_reader_in_flight(struct fnt_reader *reader, struct fnt_traces **traces);

/* ---- counts ----------------------------------------------------------------------- */

struct fnt_stat {
	uint64_t size_bytes;	/* of the region */
	uint64_t created_at_ns; /* Unix time */
	uint64_t cells;		/* of 256 bytes, in the main ring */
	uint64_t capacity;	/* traces shown at most; 0: as many as fit */
	uint64_t max_record_bytes;
	uint32_t flags; /* FNT_KEEP_NONE, FNT_ORDERED */

	uint64_t total;	   /* calls finished: recorded + dropped + not_kept */
	uint64_t recorded; /* records ever committed */
	uint64_t retained; /* to be had now */
	uint64_t dropped;  /* no place in the ring, or no lane for the thread */
	uint64_t not_kept; /* the settings said so: kept_none + sampled + limited */
	uint64_t in_flight;
	uint64_t orphaned; /* in flight with a dead owner */
	uint64_t unframed; /* calls that were not visible in flight: no frame left */
	uint64_t ops;	   /* recorded and omitted */
	uint64_t ops_omitted;
	uint64_t schedules_omitted;
	uint64_t values_omitted;
	uint64_t cells_skipped; /* found busy by someone who held them */

	uint32_t producers, producers_max; /* process slots */
	uint32_t lanes, lanes_max;	   /* thread slots */
	uint32_t frames, frames_max;
	uint32_t names, names_max;
	const char *clock; /* of the producers: "tsc", "vdso", both or "none"; static */
	/* Parts of not_kept, by cause (control.h). */
	uint64_t kept_none;  /* FNT_KEEP_NONE */
	uint64_t sampled;    /* `keep`: not of the share */
	uint64_t limited;    /* `rate`: its function had enough in that second */
	uint64_t kept_cells; /* in the kept ring; 0: there is none */
	uint64_t reserved[4];
};

FNT_API int fnt_reader_stat(struct fnt_reader *reader, struct fnt_stat *stat);

struct fnt_producer {
	int32_t pid; /* in its own pid namespace */
	bool alive;
	uint32_t threads; /* lanes it holds */
	uint32_t in_flight;
	uint64_t recorded;	 /* by its present threads */
	uint64_t dropped;	 /* likewise */
	uint64_t attached_at_ns; /* Unix time */
	char exe[64];		 /* valid UTF-8 */
};

/* The processes attached, dead ones that nobody has cleared away yet among them.
 * *producers is malloc'd: free() it. 0, -ENOMEM. */
FNT_API int fnt_reader_producers(struct fnt_reader *reader,
				 struct fnt_producer **producers, size_t *count);

/* ---- is it sound? ----------------------------------------------------------------- */

struct fnt_check {
	uint64_t records;    /* whole and readable */
	uint64_t cells;	     /* looked at */
	uint64_t busy_cells; /* being written, or left by the dead */
	uint64_t frames;     /* in flight */
	uint64_t names;
	uint64_t
		orphans; /* things of dead owners, which the next opener will take up */
	uint64_t problems; /* things that no producer can have written */
};

/* Verify the region, cell by cell. `report` (may be NULL) is given one line for each
 * problem, the place in bytes from the region's start. While producers write, what changes
 * under the check is looked at again before it is called a problem. 0, -ENOMEM. */
FNT_API int fnt_reader_check(struct fnt_reader *reader, struct fnt_check *check,
			     void (*report)(void *arg, uint64_t offset,
					    const char *problem),
			     void *arg);

/* ---- what is there? --------------------------------------------------------------- */

struct fnt_region_info {
	char name[256]; /* without ".fnt" */
	char path[1024];
	uint64_t size_bytes;
	uint64_t created_at_ns;
	uint32_t alive, dead; /* processes */
	bool frozen;	      /* made by a rotation: it only holds what was */
	int status;	      /* 0, or why it can't be read: negative errno */
	char message[508];    /* the same in words, "" if it can */
};

/* The regions in `dir` (NULL: the default), by name. *regions is malloc'd: free() it. A
 * directory that does not exist has none. 0, -ENOMEM, -errno of opening it. */
FNT_API int fnt_regions_list(const char *dir, struct fnt_region_info **regions,
			     size_t *count, struct fnt_error *error);

#ifdef __cplusplus
}
#endif
#endif
