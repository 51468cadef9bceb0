/* SPDX-License-Identifier: MIT
 *
 * fntrace.h: record the calls of a function runtime, and query one's own log.
 *
 *      fnt_log_open ──► fnt_call_begin ──► op / stream / schedule ──► finish
 *                                │                                      │
 *                     visible as "in flight"                 one record in the ring
 *
 * A region is a file, mapped shared, that any number of processes write into without a
 * lock. A log is one process's handle for a region. A call is one execution of a
 * function of the runtime: it begins with fnt_call_begin(), ends with one of
 * fnt_call_finish_*(), and then becomes a record in a ring, where newer records
 * overwrite older ones. reader.h reads a region from outside, control.h changes it,
 * metrics.h has its counts.
 *
 * Rules for every function here, unless its comment says otherwise:
 *  - Threads: any function may be called by any thread at any time. A call is used by
 *    one thread at a time; the caller orders the threads (a mutex, a queue). It may be
 *    finished by another thread than the one that began it.
 *  - Progress: fnt_call_* and fnt_log_push never block, never wait for another process
 *    and make no system call, with these exceptions: the first use of a log by a thread
 *    registers the thread; the first call after a change of settings or of the rings
 *    reads the change; a writer that runs into the remains of a process that died
 *    clears them away; a thread that has found no lane looks again, at most ten times a
 *    second in a process; and in a process's first lap through the ring, a thread that
 *    has ended a call maps the next 256 KiB, once for each. These waits have an end: a
 *    thread's first use of the library waits for a fork that is on its way, 100 ms at
 *    most; a forked child's first use of a log, for another thread of the child that
 *    makes it, a second at most; and a thread that finds new rings, for another that
 *    maps them, 200 ms at most. A call that can't be begun is refused, and counted
 *    (fnt_stat.refused).
 *  - Locks: opening and closing a log share a lock of the process. Nothing else waits
 *    for a lock without an end, neither for the library's nor for the loader's. So
 *    fntrace may be used in constructors, in destructors of pthread keys, in fork
 *    handlers, and while the host holds locks of its own.
 *  - Memory: a thread takes less than 8 KB for each log that it uses. Nothing is
 *    allocated between begin and finish, except by a call that needs more room than the
 *    region's in-flight tables have, or that has more than a few ops pending at once;
 *    and a few times by a thread that uses many names, up to 50 KB in all.
 *  - Signals: no function is async-signal-safe. errno, signal masks and the locale are
 *    left as they were. The exceptions above, opening and closing block signals
 *    meanwhile.
 *  - Cancellation: no function is a cancellation point.
 *  - fork: allowed at any moment, also in a signal handler. A call that was begun
 *    before fork belongs to the parent; in the child its functions return -EPERM. New
 *    calls of the child go to the same log. A signal handler that forks in the middle
 *    of a function here should not return from it in the child: both would finish the
 *    same step, and what it counts may be wrong.
 *  - Arguments: no pointer may be NULL. Strings are NUL-terminated and copied before
 *    the function returns. Call ids, users, tenants and names are cut to 1 KiB, or to
 *    an eighth of max_record_bytes if that is less, and FNT_TRACE_ID_CUT is set.
 *    Strings should be UTF-8: other bytes are recorded as they are, and a reader
 *    replaces them by U+FFFD and sets FNT_TRACE_INVALID_UTF8.
 *  - Descriptors: 0, 1 and 2 are never the library's, even if the host has closed them.
 *    All that it opens is closed by exec.
 *  - Environment: a program that has more rights than its user (set-user-ID,
 *    set-group-ID, file capabilities) ignores all $FNTRACE_ variables.
 *  - Returns: 0 or a positive enum fnt_result on success, a negative errno on failure.
 *    On failure, outputs are not valid and the caller owns nothing.
 */
#ifndef FNTRACE_FNTRACE_H
#define FNTRACE_FNTRACE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FNT_API __attribute__((visibility("default")))
#else
#define FNT_API
#endif

/* The version of these headers. */
#define FNT_VERSION_MAJOR 0
#define FNT_VERSION_MINOR 1
#define FNT_VERSION_PATCH 0

/* The version of the library that the program runs with, "MAJOR.MINOR.PATCH": a static
 * string. It differs from the macros above if the program was compiled with the headers
 * of another version. The dynamic linker rejects a library with another soname or
 * without a function that the program needs, so no caller has to compare; the string is
 * for messages and bug reports. Any thread, signal handlers included. Wait-free. */
FNT_API const char *fnt_version(void);

/* The value of an optional integer that is absent. */
#define FNT_NONE INT64_MIN

struct fnt_log;
struct fnt_call;

/* What became of something that was recorded. None of these is a failure. */
enum fnt_result {
	/* Recorded, or left out because the settings say so (control.h). */
	FNT_DONE = 0,
	/* Did not fit into the record (max_record_bytes): left out and counted. */
	FNT_OMITTED = 1,
	/* The whole call could not be recorded: counted. */
	FNT_DROPPED = 2,
};

/* A failure in words: one line that says what failed, on what, and what to do. Written
 * by the function that fails, and left alone by one that succeeds. */
struct fnt_error {
	int code; /* negative errno */
	char message[508];
};

enum fnt_fn_type {
	FNT_QUERY = 0,
	FNT_MUTATION = 1,
	FNT_ACTION = 2,
};

/* Kinds of database operations. A value that is not listed counts as FNT_OP_OTHER. */
enum fnt_op {
	FNT_OP_GET = 0,
	FNT_OP_LIST,
	FNT_OP_PAGINATE,
	FNT_OP_INSERT,
	FNT_OP_UPDATE,
	FNT_OP_DELETE,
	FNT_OP_LOOKUP,
	FNT_OP_QUERY,
	FNT_OP_QUERY_GRAPH,
	FNT_OP_LINK,
	FNT_OP_UNLINK,
	FNT_OP_SEARCH,
	FNT_OP_OTHER,
	FNT_OP_KINDS, /* their number */
};

enum fnt_outcome {
	FNT_IN_FLIGHT = 0,
	FNT_OK,
	FNT_ERROR,
	FNT_ROLLED_BACK,
	FNT_ABORTED, /* the process died, closed the log or abandoned the call */
};

/* The name that JSON and the tool use: "mutation", "query_graph", "rolled_back";
 * "unknown" for a value out of range. A static string. Any thread, signal handlers
 * included. Wait-free. */
FNT_API const char *fnt_fn_type_name(enum fnt_fn_type type);
FNT_API const char *fnt_op_name(enum fnt_op op);
FNT_API const char *fnt_outcome_name(enum fnt_outcome outcome);

/* The value that has the name `word`, which is `len` bytes and needs no NUL; -EINVAL if
 * there is none. Any thread, signal handlers included. Wait-free. */
FNT_API int fnt_fn_type_parse(const char *word, size_t len);
FNT_API int fnt_op_parse(const char *word, size_t len);

/* ---- the log -------------------------------------------------------------------- */

/* Flags of struct fnt_options. */

/* Count calls, and record none of them. */
#define FNT_KEEP_NONE 0x1u
/* Records lie in the ring exactly in the order in which calls completed, across
 * threads. Costs one contended atomic operation per record. `capacity` implies it. */
#define FNT_ORDERED 0x2u
/* Return -ENOENT if the region does not exist, instead of creating it. */
#define FNT_ATTACH_ONLY 0x4u
/* Share the region with the group `gid`. */
#define FNT_GROUP 0x8u

/* A value of kept_percent: no kept ring. */
#define FNT_KEPT_NONE UINT32_MAX

/* How to open a log; all zero is a good default. `size_bytes`, `capacity`,
 * `max_record_bytes`, `kept_percent`, `settings`, `names`, FNT_KEEP_NONE and
 * FNT_ORDERED describe a region that is created; a process that attaches to an existing
 * region takes it as it is. The strings belong to the caller and are read by
 * fnt_log_open only. */
struct fnt_options {
	/* Size of the region in bytes, 256 KiB to 64 GiB. 0: the size that
	 * $FNTRACE_SIZE says ("64M"), brought into that range and ignored if it is not
	 * a size; without that variable 16 MiB, or what `capacity` needs. */
	uint64_t size_bytes;
	/* Show exactly the newest `capacity` traces, 1 to 2^32 - 1. 0: as many as fit.
	 * The region is made large enough for that many of 1 KiB each, or as large as
	 * size_bytes says if that is more. If traces are larger and do not fit, fewer
	 * are shown. */
	uint64_t capacity;
	/* The largest record in bytes, 1 KiB to 1 MiB. 0: 64 KiB. Reduced to an eighth
	 * of the main ring where it is more. A record larger than an eighth of the kept
	 * ring goes to the main ring, whatever its outcome. */
	uint32_t max_record_bytes;
	/* FNT_KEEP_NONE, FNT_ORDERED, FNT_ATTACH_ONLY, FNT_GROUP. */
	uint32_t flags;
	/* Directory of named regions. NULL: $FNTRACE_DIR, else /dev/shm/fntrace-UID. */
	const char *dir;
	/* Where fnt_log_open describes a failure. NULL: nowhere. */
	struct fnt_error *error;
	/* With FNT_GROUP: a region that is created belongs to this group (mode 0660
	 * instead of 0600), and a region of another user is accepted if it belongs to
	 * this group. All members can read and change everything that is recorded. The
	 * directory must let them in: make one for the group, as the default directory
	 * is private. */
	uint32_t gid;
	/* Size of the kept ring, in percent of all ring space, 1 to 50. The kept ring
	 * is a second ring for calls that failed or were slow (control.h), so that any
	 * number of other calls can't overwrite them. FNT_KEPT_NONE: no such ring. 0:
	 * 10 percent; with an explicit `capacity` none, so that exactly the newest
	 * traces are shown. If there are both a capacity and a kept ring, the capacity
	 * counts over both rings. */
	uint32_t kept_percent;
	/* Settings that the region begins with (control.h), separated by white space:
	 * "keep=0.1 slow=50ms todo:*:rate=10". NULL: none. Keys that $FNTRACE_SETTINGS
	 * sets, in the same form, take precedence. */
	const char *settings;
	/* How many names of functions, entities and programs the region's tables have
	 * room for, 64 to 1,048,576. What finds no room is recorded all the same, and
	 * counted, but not by name (metrics.h). 0: what $FNTRACE_NAMES says, as far as
	 * the region has room; without that variable one for each 16 KiB of the region,
	 * 64 to 4096. The tables take about 3.5 KiB for each name. If the region's size
	 * is not given, it grows by what the tables take more than usual. */
	uint32_t names;
	uint32_t reserved0;   /* 0 */
	uint64_t reserved[1]; /* 0 */
};

/* Open a log on the region `name`, which is created if it does not exist.
 *
 * `name`: 1 to 200 bytes of [A-Za-z0-9._-], not starting with '.', for the region
 * NAME.fnt in the directory of `options`; or a path, which contains a '/' or ends in
 * ".fnt"; or NULL for a region without a name, which only this process, its forked
 * children, and readers that attach by pid can reach. `options`: NULL for defaults.
 *
 * A region that can't be opened because it is damaged, cut short, begins with nothing
 * but zeroes (a power cut), or is of an older version, is set aside: the file gets the
 * name NAME.damaged-UTCTIME.fnt (or NAME.vVERSION-…) in its directory, and a new region
 * takes its place. fnt_log_notice() then has one line to print. Processes that have the
 * old file mapped go on in it. Not with FNT_ATTACH_ONLY; not if the file belongs to
 * another user, is no region at all, or is of a newer version.
 *
 * A new region is on the disk before it has its name (fsync), so a power cut leaves it
 * complete, or leaves none.
 *
 * First the remains of processes that died are recovered: each call that they had in
 * flight becomes one record with outcome FNT_ABORTED.
 *
 * 0: *log is open; close it with fnt_log_close. -EINVAL: the name; or an
 * option out of range, an unknown flag or a reserved word that is not 0, also where the
 * region exists. -ENOENT: the
 * region or its directory does not exist. -EACCES, -EPERM: the region belongs to
 * another user, and is not shared with the group of FNT_GROUP. -ENOSPC: the file system
 * is full. -EPROTO: the file is not a region, or is damaged and was not set aside.
 * -EMLINK: the region shares its blocks with a copy or a snapshot, and the file system
 * can't give it blocks of its own, so that a full disk would kill its processes.
 * -ENOTSUP: a region of another version or byte order, or with a feature that this
 * library lacks. -EUSERS: live processes have all process slots. -ENOLCK: the system
 * refuses file locks, and there is no /proc to do without. -EAGAIN: the process has no
 * pthread key left. -EBUSY: other processes keep creating and removing the region.
 * -ENAMETOOLONG, -ENOMEM, and what system calls on files return.
 *
 * Makes system calls, may block in them, and takes a lock of this process. Not inside a
 * read-side critical section of urcu-bp. */
FNT_API int fnt_log_open(struct fnt_log **log, const char *name,
			 const struct fnt_options *options);

/* Close the log. Calls of this log that are still open are recorded as FNT_ABORTED.
 * Afterwards, and for ever, functions on the log or on its calls return -ESHUTDOWN (or
 * NULL, or 0), in every thread; so late callers are safe. A few hundred bytes stay
 * allocated for that. The region stays. NULL is ignored.
 *
 * Blocks: waits for a grace period of urcu-bp, so not inside one of its read-side
 * critical sections. Makes system calls. */
FNT_API void fnt_log_close(struct fnt_log *log);

/* Give the time at which what this thread records happens: the calls of `log` that it
 * begins, uses and finishes after this bear the time `mono_ns`, until it gives another
 * one. For a program that records what it has observed, and knows when it did:
 * `mono_ns` is a past time of CLOCK_MONOTONIC in ns. A time before the latest one that
 * the thread has recorded counts as that one. 0: go by the clock again, as at first.
 *
 * Other threads and other logs go by the clock all the same. While times are given, the
 * thread takes no fast paths. 0; -ESHUTDOWN: the log is NULL or closed; -ENOMEM: no
 * memory to register the thread with the log. */
FNT_API int fnt_log_set_time(struct fnt_log *log, uint64_t mono_ns);
/* Install a handler of SIGBUS, so that this process survives the loss of a region that
 * it records into.
 *
 * The kernel sends SIGBUS to a thread that touches a mapped page which the file no
 * longer has: someone has truncated the file; or a copy-on-write file system is full,
 * and can't store a change. Only the region's user and its group can do the former:
 * its directory and its file are closed to others, and a region without a name is
 * sealed against it. The handler, one for the process (it is that of
 * fnt_reader_guard()), puts memory of the process's own in the place of the mapping.
 * Calls that are open then go on, and end with FNT_DROPPED or -ESHUTDOWN; a call that
 * ends within a millisecond may also return FNT_DONE. fnt_call_begin returns NULL, and
 * once a second opens the region again under its name and with the options that the log
 * was opened with. All calls that were lost are then counted as `refused` (reader.h).
 *
 * Not the default, as signals are the host's. The handler passes every other SIGBUS on
 * to the one that was there before; one that is installed later should do the same. It
 * does not help a thread that has SIGBUS blocked. Where memory is strictly accounted
 * for (vm.overcommit_memory 2), there must be as much as the region has bytes.
 *
 * Any thread, before or after fnt_log_open; once for all logs. 0 or -errno. */
FNT_API int fnt_log_guard(void);

/* ---- on behalf of another process ----------------------------------------------- */

/* A process whose calls this one observes and records, as `fntrace tap` does. */
struct fnt_process {
	int32_t pid;	     /* in the pid namespace of this process */
	const char *exe;     /* name of its program, cut at 63 bytes; NULL: "" */
	const char *command; /* its command line, cut at 112 bytes; NULL: "" */
	const char *via;     /* what this process is, cut at 15 bytes: "tap" */
};

/* Record on behalf of `process`: calls that this thread, or a thread that has not used
 * the log yet, begins after this bear its pid and program, and readers show it in place
 * of this process. Whether calls are in flight still depends on this process: they are
 * aborted when it ends. Further calls of this function replace the description.
 *
 * No other thread may use the log meanwhile. `process` and its strings belong to the
 * caller. 0; -ESHUTDOWN: the log is NULL or closed; -ENOMEM. Makes no system call but
 * to register the thread. */
FNT_API int fnt_log_observe(struct fnt_log *log, const struct fnt_process *process);

/* What an observer has seen. */
enum fnt_seen {
	FNT_SEEN_MESSAGES = 0, /* messages that it has understood */
	FNT_SEEN_NO_JSON,      /* lines that are not JSON */
	FNT_SEEN_NO_MESSAGE,   /* lines that are no message of the protocol */
	FNT_SEEN_UNMATCHED,    /* messages about a call or op that is not open */
	FNT_SEEN_ID_IN_USE,    /* messages that begin a call or op of an id in use */
	FNT_SEEN_OVER_LIMIT,   /* calls and ops over a limit of the observer */
	FNT_SEEN_TOO_DEEP,     /* messages nested too deep to be checked whole */
	FNT_SEEN_COUNTS,       /* their number */
};

/* Add `count` to what observers of the region have seen (struct fnt_stat), so that what
 * could not be traced is counted. 0; -ESHUTDOWN: the log is NULL or closed; -EINVAL:
 * `what` is out of range. Any thread; wait-free. */
FNT_API int fnt_log_count_seen(struct fnt_log *log, enum fnt_seen what, uint64_t count);

/* ---- the log's path -------------------------------------------------------------- */

/* Path of the region; "" for a region without a name, and for NULL. The string stays
 * valid for ever, also after close. Wait-free. */
FNT_API const char *fnt_log_path(const struct fnt_log *log);

/* What fnt_log_open has set aside to open this log, in one line for the host to print;
 * "": nothing, and for NULL. Readers find the same line in the region
 * (fnt_reader_notice). The string stays valid for ever, also after close. Wait-free. */
FNT_API const char *fnt_log_notice(const struct fnt_log *log);

/* ---- one call ------------------------------------------------------------------- */

/* Errors that every function of an open call returns, with nothing recorded:
 *
 *   -ESHUTDOWN  the call is NULL, or its log was closed
 *   -EPERM      the call was begun before fork, in the parent
 *   -EINVAL     the call has finished. A courtesy: its memory may serve another call by
 *               then, so do not rely on it
 *   -ENOMEM     no memory to register the calling thread with the log
 */

struct fnt_call_info {
	const char *call_id; /* the runtime's own id; NULL: "" */
	const char *fn_name; /* NULL: "" */
	enum fnt_fn_type fn_type;
	const char *user_id;   /* NULL: none */
	const char *tenant_id; /* NULL: none */
	/* Who called. There are three ways to say so; the first one that is set counts:
	 * - `parent`: a call of this process that is open;
	 * - `traceparent`: the text that fnt_call_traceparent made in another process,
	 *   or that arrived with a request (W3C Trace Context level 2). An invalid text
	 *   counts as not set, as the standard demands. Its flags are kept and passed
	 *   on, and do not decide what is recorded;
	 * - `parent_uid` and `trace_id` (high, low): the caller's ids.
	 * None: the call is the root of a new tree. `trace_id` without `parent_uid`:
	 * the call is the root of that tree. `parent_uid` without `trace_id`: the
	 * caller is recorded, but the call starts a new tree, so set both. */
	const struct fnt_call *parent;
	const char *traceparent; /* NULL: none */
	uint64_t parent_uid;	 /* 0: none */
	uint64_t trace_id[2];	 /* 0, 0: none */
};

/* Begin a call. Before this returns the call is visible in flight. `info` and its
 * strings belong to the caller and may go once this has returned. The call belongs to
 * the caller, who finishes it with one of fnt_call_finish_* or fnt_call_abandon.
 *
 * NULL if nothing is traced: the log is NULL or closed, the setting `enabled` is off
 * for the function (control.h), or the call was refused for want of memory (it is
 * counted: fnt_stat.refused). Every function below accepts a NULL call, does nothing
 * and returns -ESHUTDOWN, so the caller need not check. As `parent`, a NULL call counts
 * as not set. */
FNT_API struct fnt_call *fnt_call_begin(struct fnt_log *log,
					const struct fnt_call_info *info);

/* The call's id: unique in the region, never 0. 0 for a NULL call. May be called until
 * the call finishes, and in the child of a fork. Wait-free. */
FNT_API uint64_t fnt_call_uid(const struct fnt_call *call);
/* The id of the tree that the call belongs to: high, low; 0, 0 for a NULL call. May be
 * called as fnt_call_uid(). Wait-free. */
FNT_API void fnt_call_trace_id(const struct fnt_call *call, uint64_t trace_id[2]);

/* Both ids as text, to send along with a request to another process: a `traceparent` of
 * version 00 (W3C Trace Context level 2), 55 bytes and a NUL, whose parent-id is this
 * call's uid. Its flags, `sampled` (01) and `random` (02), are those with which the
 * tree came to this process: what is recorded here is decided when a call has ended,
 * and changes no flag. Of a tree that begins here: `random` is set, as its id is
 * random, and `sampled` is, unless the setting `keep` leaves the tree out, so that only
 * a call that fails or is slow may be recorded. Of a tree whose ids the host has given:
 * `sampled`. 0; -ESHUTDOWN and "" for a NULL call. May be called as fnt_call_uid().
 * Wait-free. */
FNT_API int fnt_call_traceparent(const struct fnt_call *call, char text[56]);

/* Set the user or the tenant after the beginning. The last value counts; NULL: "".
 * FNT_DONE; FNT_OMITTED: no room, and FNT_TRACE_ID_CUT is set; or an error of an open
 * call. */
FNT_API int fnt_call_user_id(struct fnt_call *call, const char *user_id);
FNT_API int fnt_call_tenant_id(struct fnt_call *call, const char *tenant_id);

/* Record a database operation that has just ended after `duration_ns` nanoseconds.
 * `entity`: what it worked on, a table for example; NULL: "". `id`: of the row; NULL:
 * none. `row_count`: rows returned or changed, 0 or more; FNT_NONE: unknown. FNT_DONE;
 * FNT_OMITTED: no room; the op is counted in ops_omitted, and later ones that are
 * shorter may still fit; or an error of an open call. */
FNT_API int fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity,
			const char *id, uint64_t duration_ns, int64_t row_count,
			bool ok);

/* Begin an op that the library times; readers see it as pending until it ends.
 * Arguments as for fnt_call_op. Ops of a call may overlap. A handle (0 or more) for one
 * fnt_call_op_end of the same call, also if the op does not fit and is only counted; or
 * an error of an open call. -ENOMEM also: too many pending ops; the op is counted in
 * ops_omitted. */
FNT_API int64_t fnt_call_op_begin(struct fnt_call *call, enum fnt_op op,
				  const char *entity, const char *id);
/* End it: `row_count` and `ok` as for fnt_call_op. FNT_DONE; FNT_OMITTED: it did not
 * fit; -EINVAL: `handle` is negative or belongs to no pending op of the call, for
 * example because the op has ended; or an error of an open call. */
FNT_API int fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count,
			    bool ok);

/* The same for an op of a kind that enum fnt_op lacks: `word` names it, and is what
 * readers show. The word of an enum value is that value; "" is FNT_OP_OTHER, and so are
 * all other words in metrics. A word is cut to FNT_WORD_MAX bytes. Not wait-free: the
 * call takes the slow path. */
#define FNT_WORD_MAX 64
FNT_API int64_t fnt_call_op_begin_as(struct fnt_call *call, const char *word,
				     const char *entity, const char *id);

/* Begin a wait: time that the call spends on something that is no database operation,
 * for example on a model or on a mail server, named by `word`. fnt_call_op_end() ends
 * it. Waits have a list of their own in the trace, and are not counted as ops. One that
 * does not fit is counted in ops_omitted. Otherwise as fnt_call_op_begin_as(). */
FNT_API int64_t fnt_call_wait_begin(struct fnt_call *call, const char *word);

/* Count one chunk of `bytes` bytes sent to the client. FNT_DONE, or an error of an open
 * call. */
FNT_API int fnt_call_stream_chunk(struct fnt_call *call, uint64_t bytes);

/* Record that the call has scheduled the function `fn_name` (NULL: ""), to run in
 * `delay_ms` milliseconds or at `run_at` (Unix time in milliseconds), either of them
 * FNT_NONE. FNT_DONE; FNT_OMITTED: no room, counted in schedules_omitted; or an error
 * of an open call. */
FNT_API int fnt_call_schedule(struct fnt_call *call, const char *fn_name,
			      int64_t delay_ms, int64_t run_at);

/* The deepest nesting of arrays and objects (maps) that is accepted in a value, JSON or
 * msgpack. */
#define FNT_VALUE_DEPTH_MAX 512u

enum fnt_value_kind {
	FNT_VALUE_NONE = 0,
	FNT_VALUE_JSON,	   /* JSON text (RFC 8259) */
	FNT_VALUE_MSGPACK, /* one msgpack object */
};

/* A result. Recorded as it is; whether it is well formed is checked when it is read,
 * and a trace is flagged FNT_TRACE_VALUE_INVALID or FNT_TRACE_VALUE_TOO_DEEP. */
struct fnt_value {
	enum fnt_value_kind kind;
	const void *data; /* `len` bytes, the caller's */
	size_t len;
};

/* Finish the call: its record is committed to the ring, and the call must not be used
 * again. `value` (NULL: none) and its bytes are copied.
 *
 * FNT_DONE; FNT_OMITTED: recorded without its value, which did not fit or is of a kind
 * that is not listed above; FNT_DROPPED: the record could not be placed, and was
 * counted; or an error of an open call. After -ENOMEM the call is still open; after
 * -EPERM it is still the parent's. */
FNT_API int fnt_call_finish_ok(struct fnt_call *call, const struct fnt_value *value);
/* The same for a call that failed. `code` and `message`: NULL is "". Each is cut at a
 * UTF-8 boundary to 4 KiB, or to what the record has room for, and then ends in an
 * ellipsis. */
FNT_API int fnt_call_finish_error(struct fnt_call *call, const char *code,
				  const char *message);
FNT_API int fnt_call_finish_rolled_back(struct fnt_call *call, const char *code,
					const char *message);
/* The same for a call that its owner does not carry on: outcome FNT_ABORTED, with its
 * ops so far. */
FNT_API int fnt_call_abandon(struct fnt_call *call);

/* ---- traces, as they are read --------------------------------------------------- */

/* A trace is what a reader makes of a record or of a call in flight. All its strings
 * are valid UTF-8 and NUL-terminated. A trace and all that it points to live until
 * fnt_traces_free() frees their set; those of fnt_cursor_next() until its next call,
 * and those of fnt_reader_each() until the callback returns (reader.h). */
struct fnt_trace_op {
	enum fnt_op op;
	bool ok;
	const char *entity;
	const char *id;	      /* NULL: none */
	uint64_t start_ns;    /* since the call's start */
	uint64_t duration_ns; /* of a pending op: 0 */
	int64_t row_count;    /* FNT_NONE: none */
	const char *word;     /* of an op that enum fnt_op lacks; NULL: none */
};

struct fnt_trace_schedule {
	const char *fn_name;
	int64_t delay_ms; /* FNT_NONE: none */
	int64_t run_at;	  /* Unix time in ms; FNT_NONE: none */
};

/* Flags of struct fnt_trace. */

/* The result did not fit. */
#define FNT_TRACE_VALUE_OMITTED 0x01u
/* The code, or the message, was cut. */
#define FNT_TRACE_CODE_CUT 0x02u
#define FNT_TRACE_MESSAGE_CUT 0x04u
/* The call id, the function, the user or the tenant was cut or left out. */
#define FNT_TRACE_ID_CUT 0x08u
/* A string held invalid UTF-8 or NUL, which was replaced by U+FFFD. */
#define FNT_TRACE_INVALID_UTF8 0x10u
/* Part of the payload could not be read. */
#define FNT_TRACE_DAMAGED 0x20u
/* The result is not well formed. Its JSON is a string that says so: this flag tells it
 * from a result that is such a string. */
#define FNT_TRACE_VALUE_INVALID 0x40u
/* The same for a result that is nested deeper than FNT_VALUE_DEPTH_MAX. */
#define FNT_TRACE_VALUE_TOO_DEEP 0x80u
/* The call was found in a copy of its region, or in a region of an earlier boot or of
 * another machine, and had not ended when that was made. In flight it is shown as it
 * was then. Once a process has recorded it as FNT_ABORTED, that says nothing but that
 * it is not in flight in this file. */
#define FNT_TRACE_AS_OF_COPY 0x100u
/* The time namespace of the call's process could not be found out: started_mono_ns may
 * be shifted against that of other processes. */
#define FNT_TRACE_TIME_UNKNOWN 0x200u
/* Flags of W3C Trace Context: a caller, or this process, may have recorded the tree;
 * and its trace id is random, so that a share of all trees can be chosen by it. */
#define FNT_W3C_SAMPLED 0x01u
#define FNT_W3C_RANDOM 0x02u

struct fnt_trace {
	uint64_t uid;	      /* 0 when pushing: a new one is made */
	uint64_t parent_uid;  /* 0: none */
	uint64_t trace_id[2]; /* high, low; 0, 0 when pushing: a new one is made */
	const char *call_id;
	const char *fn_name;
	const char *user_id;   /* NULL: none */
	const char *tenant_id; /* NULL: none */
	const char *exe;       /* name of the producer's program */
	enum fnt_fn_type fn_type;
	enum fnt_outcome outcome;
	uint32_t flags; /* FNT_TRACE_*: what is amiss; 0: nothing */
	/* FNT_W3C_*, of the call's tree, as its traceparent passes them on. When
	 * pushing: used if there is a trace_id. */
	uint32_t w3c_flags;
	int32_t pid; /* of the producer, in its own pid namespace */
	int32_t tid;
	uint32_t pid_ns; /* inode of that namespace; 0: not known */
	/* The producer's pid in the pid namespace of the reader, for a call in flight
	 * whose process the reader can see; else 0. */
	int32_t host_pid;
	uint64_t started_at_ns; /* Unix time, by the wall clock as it was then */
	/* Of a call in flight: until now. Of one whose process died: until the last
	 * event that it recorded, its last sign of life. */
	uint64_t duration_ns;
	/* Of a call whose process died: from its start until that was found out. The
	 * call ended between duration_ns and this. 0: it ended by itself, or it is not
	 * known when its process died. Such a call's duration belongs in no statistics
	 * of latency. */
	uint64_t seen_dead_ns;
	/* When it started, in the region's own time, in nanoseconds. Only differences
	 * between times of one region have a meaning. This time never runs back, while
	 * started_at_ns does if the wall clock is set back. 0 when pushing. */
	uint64_t started_mono_ns;
	struct fnt_value value; /* of FNT_OK */
	const char *code;	/* of FNT_ERROR, FNT_ROLLED_BACK, else NULL */
	const char *message;
	const struct fnt_trace_op *ops; /* in the order in which they ended */
	size_t op_count;
	/* Ops and waits that have begun and not ended, oldest first. */
	const struct fnt_trace_op *pending;
	size_t pending_count;
	const struct fnt_trace_op *waits; /* in the order in which they ended */
	size_t wait_count;
	const struct fnt_trace_schedule *schedules;
	size_t schedule_count;
	uint64_t stream_bytes;
	uint64_t stream_chunks;
	uint64_t ops_omitted;
	uint64_t schedules_omitted;
};

/* The op's name: its word, else that of its kind. Wait-free. */
static inline const char *
fnt_trace_op_name(const struct fnt_trace_op *op)
{
	return op->word ? op->word : fnt_op_name(op->op);
}

/* A set of traces, which its receiver frees with fnt_traces_free. */
struct fnt_traces {
	size_t count;
	const struct fnt_trace *items;
};

/* Free a set and all that its traces point to. NULL is ignored. */
FNT_API void fnt_traces_free(struct fnt_traces *traces);

/* The trace as JSON: the fields of Pylon's trace endpoint, then further ones. *json:
 * one line without a newline, NUL-terminated, from malloc: free() it. *len (NULL: not
 * wanted): its bytes without the NUL. A call in flight has the outcome
 * {"status":"in_flight"} and, like one that was aborted, `elapsed_ms` and `pending_op`
 * (null: none). One whose process died has its last sign of life there, and
 * `seen_dead_ms`, both since its start. 0 or -ENOMEM. */
FNT_API int fnt_trace_to_json(const struct fnt_trace *trace, char **json, size_t *len);

/* What is wrong with a value: 0, FNT_TRACE_VALUE_INVALID or FNT_TRACE_VALUE_TOO_DEEP.
 * Any thread; wait-free; takes time linear in its length. */
FNT_API uint32_t fnt_value_flags(const struct fnt_value *value);

/* A value as compact JSON, *json and *len as above. Integers are exact, doubles have
 * the fewest digits that read back as the same number, invalid UTF-8 is replaced by
 * U+FFFD, and a value for which fnt_value_flags() is not 0 becomes a string that says
 * what is wrong with it. 0 or -ENOMEM. */
FNT_API int fnt_value_to_json(const struct fnt_value *value, char **json, size_t *len);

/* ---- the log's own contents ----------------------------------------------------- */

/* Record a trace that was built elsewhere. pid, tid, exe, pending ops, seen_dead_ns and
 * started_mono_ns are ignored: the record has this process's. FNT_DONE; FNT_OMITTED:
 * recorded without something that did not fit; FNT_DROPPED: the record could not be
 * placed, and was counted; -EINVAL: trace is NULL, or its outcome is FNT_IN_FLIGHT or
 * out of range; -ESHUTDOWN: the log is NULL or closed; -ENOMEM. */
FNT_API int fnt_log_push(struct fnt_log *log, const struct fnt_trace *trace);

/* The newest traces, at most `limit`, newest first. fnt_log_recent: of all functions.
 * fnt_log_by_fn: of the function `fn_name` (NULL: ""). fnt_log_errors: those whose
 * outcome is not FNT_OK. Free *traces with fnt_traces_free. 0, -ENOMEM, -ESHUTDOWN: the
 * log is NULL or closed. Or another -errno of mmap(2): a resize or rotation began a new
 * ring, and the process can't map it; nothing can be read until it can.
 *
 * These functions never wait for a producer, but they allocate memory, and may make
 * system calls after a resize or rotation. A record that is overwritten meanwhile is
 * left out; none is ever torn. */
FNT_API int fnt_log_recent(struct fnt_log *log, size_t limit,
			   struct fnt_traces **traces);
FNT_API int fnt_log_by_fn(struct fnt_log *log, const char *fn_name, size_t limit,
			  struct fnt_traces **traces);
FNT_API int fnt_log_errors(struct fnt_log *log, size_t limit,
			   struct fnt_traces **traces);

/* Calls that have ever finished in the region, in any process, recorded or not; 0 if
 * the log is NULL or closed. */
FNT_API uint64_t fnt_log_total_count(struct fnt_log *log);
/* Traces that can be read now; 0 if the log is NULL or closed, or if fnt_log_recent()
 * fails. Once the ring has wrapped around, this looks at every cell. */
FNT_API uint64_t fnt_log_len(struct fnt_log *log);
/* Whether no trace can be read now; true if the log is NULL or closed, false if
 * fnt_log_recent() fails. Looks at the newest records only. */
FNT_API bool fnt_log_is_empty(struct fnt_log *log);

#ifdef __cplusplus
}
#endif

/* Inline forms of five of the functions above. Define FNT_NO_INLINE to leave them
 * out. */
#include <fntrace/inline.h>

#endif
