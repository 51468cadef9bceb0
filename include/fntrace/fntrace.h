/* SPDX-License-Identifier: MIT
 *
 * fntrace.h: producing traces, and asking one's own log.
 *
 *      fnt_log_open ──► fnt_call_begin ──► op / stream / schedule ──► finish
 *                                │                                      │
 *                         visible in flight                    one record in the ring
 *
 * A log is a process's handle on a region: a file, mapped shared, into which any number
 * of processes write without a lock. See reader.h for looking in from outside.
 *
 * Rules for every function here, unless it says otherwise:
 *  - Threads: any thread, any number at once. One call is used by one thread at a time
 *    (hand it over with whatever orders your own memory); it may be finished by another
 *    thread than began it.
 *  - Progress: fnt_call_* and fnt_log_push never block, never wait for another process and
 *    make no system call, except that a thread's first use of a log registers the thread,
 *    and that a writer which runs into the remains of a dead process clears them away.
 *  - Memory: none is allocated between begin and finish but for calls that outgrow the
 *    region's in-flight frames.
 *  - Signals: not async-signal-safe. errno, signal masks and locale are left as they were.
 *  - fork: allowed at any moment. A call begun before fork belongs to the parent; in the
 *    child it takes -EPERM. The child's own calls go to the same log.
 *  - Errors: 0 or a positive enum fnt_result on success, a negative errno otherwise.
 *  - Strings are NUL-terminated, copied before the function returns. They should be UTF-8;
 *    what is not is recorded as it is and replaced by U+FFFD, and flagged, when read.
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
 * string. It differs from the macros above if the program was compiled with the headers of
 * another version. The dynamic linker rejects a library with another soname or without a
 * function that the program needs, so no caller has to compare; the string is for messages
 * and bug reports. Any thread, signal handlers included, at any time. Wait-free. */
FNT_API const char *fnt_version(void);

/* An optional integer that is absent. */
#define FNT_NONE INT64_MIN

struct fnt_log;
struct fnt_call;

/* Outcomes that are no failure: what became of the thing that was handed over. */
enum fnt_result {
	FNT_DONE = 0,	 /* recorded */
	FNT_OMITTED = 1, /* past the record's size limit: left out and counted */
	FNT_DROPPED = 2, /* the whole call could not be recorded: counted */
};

/* A failure in words: one line that says what failed, on what, and what to do. */
struct fnt_error {
	int code; /* negative errno */
	char message[508];
};

enum fnt_fn_type {
	FNT_QUERY = 0,
	FNT_MUTATION = 1,
	FNT_ACTION = 2,
};

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
	FNT_OP_OTHER, /* an operation of no kind above */
	FNT_OP_KINDS,
};

enum fnt_outcome {
	FNT_IN_FLIGHT = 0,
	FNT_OK,
	FNT_ERROR,
	FNT_ROLLED_BACK,
	FNT_ABORTED, /* the process died, closed the log or abandoned the call */
};

/* The JSON words of the above: "mutation", "query_graph", "rolled_back"; "unknown" for a
 * value out of range. Static strings. Any thread, any time. */
FNT_API const char *fnt_fn_type_name(enum fnt_fn_type type);
FNT_API const char *fnt_op_name(enum fnt_op op);
FNT_API const char *fnt_outcome_name(enum fnt_outcome outcome);

/* The other way round; -EINVAL for a word that is none. `len` bytes, no NUL needed. */
FNT_API int fnt_fn_type_parse(const char *word, size_t len);
FNT_API int fnt_op_parse(const char *word, size_t len);

/* ---- the log -------------------------------------------------------------------- */

#define FNT_KEEP_NONE 0x1u /* count calls, keep no record of them */
#define FNT_ORDERED                                                                    \
	0x2u /* ring order is exactly completion order across threads; costs
			    * one contended atomic per record. Set by `capacity`. */
#define FNT_ATTACH_ONLY 0x4u /* -ENOENT instead of making the region */
#define FNT_GROUP 0x8u	     /* share the region with the group `gid`, on purpose */

/* For kept_percent. */
#define FNT_KEPT_NONE UINT32_MAX

/* All zero is a good default. What describes the region counts for the process that makes
 * it; who attaches to an existing region takes it as it is. */
struct fnt_options {
	/* Size of the region in bytes, 256 KiB to 64 GiB; 0: $FNTRACE_SIZE ("64M"; brought
	 * into that range, not heeded if it is no size), else 16 MiB, or what `capacity`
	 * needs. */
	uint64_t size_bytes;
	/* Show exactly the newest `capacity` traces, 0 to 2^32 - 1; 0: as many as fit. The region is
	 * made to hold that many of 1 KiB (more if size_bytes says so); where larger ones
	 * do not fit, fewer are there. */
	uint64_t capacity;
	/* Limit of one record, 1 KiB to 1 MiB; 0: 64 KiB. Never more than an eighth of the
	 * main ring. One that takes more than an eighth of the kept ring goes to the main
	 * one, whatever its outcome. */
	uint32_t max_record_bytes;
	uint32_t flags; /* FNT_KEEP_NONE, FNT_ORDERED, FNT_ATTACH_ONLY, FNT_GROUP */
	/* Directory of named regions; NULL: $FNTRACE_DIR, else /dev/shm/fntrace-<uid>. */
	const char *dir;
	/* Where a failure is put into words; may be NULL. */
	struct fnt_error *error;
	/* With FNT_GROUP: whoever makes the region gives it to this group (mode 0660 instead
	 * of 0600), and who attaches accepts one that another user has given to it. All of
	 * them trust each other with all that is recorded. The directory has to let them in:
	 * one made for it, not the default one. */
	uint32_t gid;
	/* The share of the kept ring in percent, 1 to 50: what fails (or is slow, see
	 * control.h) goes there and outlives any flood of healthy calls. 0: 10, but none
	 * with an explicit `capacity`, so that the window is exactly the newest so many.
	 * FNT_KEPT_NONE: none. With one, `capacity` counts over both rings. */
	uint32_t kept_percent;
	/* Settings that the region begins with (control.h), with white space between:
	 * "keep=0.1 slow=50ms todo:*:rate=10". NULL: none. What $FNTRACE_SETTINGS says, in
	 * the same form, goes over them key by key: it is the operator's word. */
	const char *settings;
	uint64_t reserved[2];
};

/* Open a log on the region `name`, made if it is not there.
 *
 * `name`: 1 to 200 bytes of [A-Za-z0-9._-], not starting with '.', for the region NAME.fnt
 * in the directory; or a path (it has a '/' or ends in ".fnt"); or NULL for a region with
 * no name, which only this process, its forked children, and readers that attach by pid
 * can reach. `options` may be NULL.
 *
 * Whatever processes that died have left in the region is taken up first: their calls in
 * flight become aborted records, once.
 *
 * 0 and *log; -EINVAL (name or options), -ENOENT, -EACCES, -EPERM (the region is another
 * user's, and not shared with a group that was asked for), -ENOSPC, -EPROTO (not a region, or damaged), -ENOTSUP (another version, byte
 * order or needed feature), -EUSERS (all process slots taken by live processes), -ENOMEM.
 * Blocks in the kernel (files). Not from a read-side critical section of urcu-bp. */
FNT_API int fnt_log_open(struct fnt_log **log, const char *name,
			 const struct fnt_options *options);

/* Close: calls of this log that are still open are recorded as aborted; what comes later
 * on the log or on its calls fails with -ESHUTDOWN (or returns nothing), gently, in any
 * thread, for ever. Waits for a grace period of urcu-bp, so not from inside one of its
 * read-side critical sections. The region stays. NULL is ignored. A few hundred bytes stay
 * behind, so that late callers meet a closed log and not freed memory. */
FNT_API void fnt_log_close(struct fnt_log *log);

/* Path of the region, "" for one without a name. Valid for ever, also after close. */
FNT_API const char *fnt_log_path(const struct fnt_log *log);

/* ---- one call ------------------------------------------------------------------- */

struct fnt_call_info {
	const char *call_id; /* the runtime's own id; NULL: "" */
	const char *fn_name; /* NULL: "" */
	enum fnt_fn_type fn_type;
	const char *user_id;   /* NULL: none */
	const char *tenant_id; /* NULL: none */
	/* Who called, in one of three ways. The first that is set counts:
	 * - `parent`: an open call of this process;
	 * - `traceparent`: what fnt_call_traceparent made in another process, or what came
	 *   with a request (W3C Trace Context level 1). One that is not valid counts as not
	 *   set, as the standard asks. Its flags are not heeded;
	 * - `parent_uid` and `trace_id` (high, low): the caller's ids.
	 * None: the call is the root of a new tree. A `trace_id` without a `parent_uid`: the
	 * root of that tree; a `parent_uid` without a `trace_id`: the caller is known, and
	 * the tree is a new one, so give both. */
	const struct fnt_call *parent;
	const char *traceparent; /* NULL: none */
	uint64_t parent_uid;	 /* 0: none */
	uint64_t trace_id[2];	 /* 0, 0: none */
};

/* Begin a call. It is visible in flight from here on. `info` is not kept.
 * NULL where nothing is traced (log closed, no memory, or `enabled` is off: control.h):
 * every function below takes a NULL call, does nothing and returns -ESHUTDOWN. Whoever has
 * a NULL call for a parent begins a new tree. */
FNT_API struct fnt_call *fnt_call_begin(struct fnt_log *log,
					const struct fnt_call_info *info);

/* Who it is: unique in the region, never 0 (0: NULL call). */
FNT_API uint64_t fnt_call_uid(const struct fnt_call *call);
FNT_API void fnt_call_trace_id(const struct fnt_call *call, uint64_t trace_id[2]);

/* The same as text, to be handed to whatever the call calls elsewhere: a `traceparent` of
 * version 00 (W3C Trace Context level 1), 55 bytes and a NUL, whose parent-id is this call's
 * uid. Its `sampled` flag is always set: it says that a caller may have been recorded. From
 * the beginning until the call finishes; in the child of a fork as well. 0; for a NULL call
 * -ESHUTDOWN, and text is "". */
FNT_API int fnt_call_traceparent(const struct fnt_call *call, char text[56]);

/* Set user or tenant after the beginning; the last one counts. FNT_DONE, FNT_OMITTED, or
 * -errno: -EPERM (begun before fork, in the parent), -ESHUTDOWN (log closed). */
FNT_API int fnt_call_user_id(struct fnt_call *call, const char *user_id);
FNT_API int fnt_call_tenant_id(struct fnt_call *call, const char *tenant_id);

/* Record a database operation that has just ended after `duration_ns`. `entity` NULL: "";
 * `id` NULL: none; `row_count` FNT_NONE: none. An op that does not fit is counted in
 * ops_omitted and takes no room from later ones. Errors as above. */
FNT_API int fnt_call_op(struct fnt_call *call, enum fnt_op op, const char *entity,
			const char *id, uint64_t duration_ns, int64_t row_count,
			bool ok);

/* The same op in two steps: timed here, and shown as pending meanwhile. The handle that
 * op_begin returns (>= 0; negative errno otherwise) is for op_end of this call, once; ops
 * may overlap. op_end with a handle that is negative or of no open op: -EINVAL. */
FNT_API int64_t fnt_call_op_begin(struct fnt_call *call, enum fnt_op op,
				  const char *entity, const char *id);
FNT_API int fnt_call_op_end(struct fnt_call *call, int64_t handle, int64_t row_count,
			    bool ok);

/* Count one chunk of `bytes` sent to the client. */
FNT_API int fnt_call_stream_chunk(struct fnt_call *call, uint64_t bytes);

/* Record that the call scheduled `fn_name`, in `delay_ms` or at `run_at` (Unix ms), either
 * FNT_NONE. */
FNT_API int fnt_call_schedule(struct fnt_call *call, const char *fn_name,
			      int64_t delay_ms, int64_t run_at);

enum fnt_value_kind {
	FNT_VALUE_NONE = 0,
	FNT_VALUE_JSON,	   /* JSON text (RFC 8259), checked when read */
	FNT_VALUE_MSGPACK, /* one msgpack object, checked when read */
};

struct fnt_value {
	enum fnt_value_kind kind;
	const void *data;
	size_t len;
};

/* Finish: the record is committed to the ring, the call is gone (do not use it again).
 * FNT_DONE; FNT_OMITTED: recorded without its value, which did not fit; FNT_DROPPED: the
 * record could not be placed and was counted; -EPERM, -ESHUTDOWN as above.
 * `value` NULL: none. `code` and `message` NULL: ""; each is cut at a UTF-8 boundary to
 * 4 KiB (or what the record has room for), marked by an ellipsis. */
FNT_API int fnt_call_finish_ok(struct fnt_call *call, const struct fnt_value *value);
FNT_API int fnt_call_finish_error(struct fnt_call *call, const char *code,
				  const char *message);
FNT_API int fnt_call_finish_rolled_back(struct fnt_call *call, const char *code,
					const char *message);
/* The call is dropped by its owner: recorded as aborted, with its ops. */
FNT_API int fnt_call_abandon(struct fnt_call *call);

/* ---- traces, as they are read --------------------------------------------------- */

/* All strings of a trace are valid UTF-8, NUL-terminated, and live as long as the set the
 * trace came in. */
struct fnt_trace_op {
	enum fnt_op op;
	bool ok;
	const char *entity;
	const char *id;	      /* NULL: none */
	uint64_t start_ns;    /* since the call's start */
	uint64_t duration_ns; /* of a pending op: 0 */
	int64_t row_count;    /* FNT_NONE: none */
};

struct fnt_trace_schedule {
	const char *fn_name;
	int64_t delay_ms; /* FNT_NONE: none */
	int64_t run_at;	  /* Unix ms; FNT_NONE: none */
};

#define FNT_TRACE_VALUE_OMITTED 0x01u /* the result value did not fit */
#define FNT_TRACE_CODE_CUT 0x02u
#define FNT_TRACE_MESSAGE_CUT 0x04u
#define FNT_TRACE_ID_CUT 0x08u	     /* call id, function, user or tenant did not fit */
#define FNT_TRACE_INVALID_UTF8 0x10u /* a string held invalid UTF-8 or NUL: replaced */
#define FNT_TRACE_DAMAGED 0x20u	     /* part of the payload could not be read */

struct fnt_trace {
	uint64_t uid;	      /* 0 when pushing: one is made */
	uint64_t parent_uid;  /* 0: none */
	uint64_t trace_id[2]; /* high, low; 0 when pushing: one is made */
	const char *call_id;
	const char *fn_name;
	const char *user_id;   /* NULL: none */
	const char *tenant_id; /* NULL: none */
	const char *exe;       /* name of the producer's program */
	enum fnt_fn_type fn_type;
	enum fnt_outcome outcome;
	uint32_t flags; /* FNT_TRACE_* */
	int32_t pid;	/* as the producer sees itself */
	int32_t tid;
	uint64_t started_at_ns; /* Unix time */
	uint64_t duration_ns; /* in flight: until now, or until the last sign of life */
	struct fnt_value value; /* of FNT_OK */
	const char *code;	/* of FNT_ERROR, FNT_ROLLED_BACK, else NULL */
	const char *message;
	const struct fnt_trace_op *ops; /* in the order in which they ended */
	size_t op_count;
	const struct fnt_trace_op *pending; /* begun and not ended, oldest first */
	size_t pending_count;
	const struct fnt_trace_schedule *schedules;
	size_t schedule_count;
	uint64_t stream_bytes;
	uint64_t stream_chunks;
	uint64_t ops_omitted;
	uint64_t schedules_omitted;
};

/* A set of traces: one allocation that the caller frees. */
struct fnt_traces {
	size_t count;
	const struct fnt_trace *items;
};

/* NULL is ignored. */
FNT_API void fnt_traces_free(struct fnt_traces *traces);

/* The trace as JSON, the shape of the original service's trace endpoint with our fields
 * after its own. *json: malloc'd, NUL-terminated, one line without a newline; free() it.
 * `len` may be NULL. A call in flight has outcome {"status":"in_flight"} and, like one that
 * was aborted, `elapsed_ms` and `pending_op` (null: none). 0 or -ENOMEM. */
FNT_API int fnt_trace_to_json(const struct fnt_trace *trace, char **json, size_t *len);

/* A value as compact JSON: integers exact, doubles in the fewest digits that read back the
 * same, invalid UTF-8 replaced, a damaged value as a string that says so. 0 or -ENOMEM. */
FNT_API int fnt_value_to_json(const struct fnt_value *value, char **json, size_t *len);

/* ---- the log's own contents ----------------------------------------------------- */

/* Record a trace that was built elsewhere. pid, tid and exe are this process's; a trace
 * with outcome FNT_IN_FLIGHT is -EINVAL. FNT_DONE, FNT_OMITTED (without what did not fit),
 * FNT_DROPPED, -EINVAL, -ESHUTDOWN. */
FNT_API int fnt_log_push(struct fnt_log *log, const struct fnt_trace *trace);

/* At most `limit` traces, newest first: all; those of one function; those whose outcome is
 * not ok. *traces is to be freed with fnt_traces_free. 0, -ENOMEM, -ESHUTDOWN. They never
 * wait for a producer; what is overwritten meanwhile is left out, never torn. */
FNT_API int fnt_log_recent(struct fnt_log *log, size_t limit,
			   struct fnt_traces **traces);
FNT_API int fnt_log_by_fn(struct fnt_log *log, const char *fn_name, size_t limit,
			  struct fnt_traces **traces);
FNT_API int fnt_log_errors(struct fnt_log *log, size_t limit,
			   struct fnt_traces **traces);

/* Calls ever finished in the region, by any process, kept or not; 0 on a closed log. */
FNT_API uint64_t fnt_log_total_count(struct fnt_log *log);
/* Traces to be had now. Once the ring has wrapped this looks at every cell. */
FNT_API uint64_t fnt_log_len(struct fnt_log *log);
FNT_API bool fnt_log_is_empty(struct fnt_log *log);

#ifdef __cplusplus
}
#endif

/* Inline forms of five of the functions above; with FNT_NO_INLINE defined there are none. */
#include <fntrace/inline.h>

#endif
