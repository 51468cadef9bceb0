/* SPDX-License-Identifier: MIT
 *
 * events.h: what happened in a call, as a stream of events. This is the specification
 * of a payload's bytes, in a frame and in a record.
 *
 * Each event is one msgpack array; its first element is the event's type. `|nil` means:
 * nil if there is none. `name`: the id of an interned name (uint, see layout.h) or
 * the name itself (str).
 *
 *   [0, call_id, fn|nil, user|nil, tenant|nil]   the call begins; fn: if not interned
 *   [1, user]                                    its user, set after it began
 *   [2, tenant]                                  its tenant, set after it began
 *   [3, op, name, id|nil, start, duration, rows|nil, ok]    an op that has ended
 *   [4, op, name, id|nil, start]                 an op begins; numbered from 0
 *   [5, number, duration, rows|nil, ok]          op `number` of those has ended
 *   [6, name, delay|nil, run_at|nil]             the call scheduled another function
 *   [7, code, message]                           the call failed or was rolled back
 *   [8, kind, bytes]                             the call succeeded, with a value
 *   [9, time]                                    the record was committed
 *   [10, op, name, id|nil, start]                a wait begins; numbered as ops are
 *   [11, op, name, id|nil, start, duration, rows|nil, ok]   a wait that has ended
 *
 *   call_id, user, tenant, id   str    the host's bytes, at most 1024
 *   fn, name (as text)          str    the host's bytes, at most 1024
 *   code, message               str    the host's bytes, at most 4096
 *   op                          uint   enum fnt_op
 *                               str    a word of the host's that the enum lacks, at
 *                                      most 64
 *   name (of an op)                    the entity
 *   start                       uint   ns since the call began
 *   duration                    uint   ns
 *   rows                        int    rows that the op touched
 *   ok                          bool   false: the op failed
 *   delay                       int    ms
 *   run_at                      int    Unix time in ms
 *   kind                        uint   enum fnt_value_kind
 *   bytes                       bin    JSON text, or one msgpack object
 *   time                        uint   Unix time in ns
 *
 * Event 0 comes first. Of 1, 2, 7 and 8 the last of its type counts. Event 9 is in
 * records that were committed at another time than their calls ended (FNT_RECORD_LATE).
 *
 * A prefix of a payload that ends between two events is a payload. Readers skip arrays
 * of an unknown type, and elements after those they know, so a new event or element
 * needs no new version of the region. A reader must check every count and every length
 * against the bytes that are there, and must not expect a str to be UTF-8 or free of
 * NULs.
 *
 * encode.h writes events, read.h reads them.
 */
#ifndef FNT_PAYLOAD_EVENTS_H
#define FNT_PAYLOAD_EVENTS_H

#include <fntrace/fntrace.h>

#include <stdbool.h>
#include <stdint.h>

enum fnt_event_type {
	FNT_EVENT_CALL = 0,
	FNT_EVENT_USER = 1,
	FNT_EVENT_TENANT = 2,
	FNT_EVENT_OP = 3,
	FNT_EVENT_OP_BEGIN = 4,
	FNT_EVENT_OP_END = 5,
	FNT_EVENT_SCHEDULE = 6,
	FNT_EVENT_ERROR = 7,
	FNT_EVENT_VALUE = 8,
	FNT_EVENT_COMMITTED = 9,
	FNT_EVENT_WAIT_BEGIN = 10,
	FNT_EVENT_WAIT = 11,
	FNT_EVENT_UNKNOWN, /* of a later version; has no elements here */
};

/* Bytes, not NUL-terminated, owned by someone else. `at` NULL: nil. */
struct fnt_text {
	const char *at;
	uint32_t len;
};

/* A name: its id if it is interned, else its text. */
struct fnt_name_ref {
	uint32_t id; /* FNT_NAME_NONE: see text */
	struct fnt_text text;
};

struct fnt_event_call {
	struct fnt_text call_id, fn, user, tenant;
};

struct fnt_event_op {
	uint32_t op;	      /* enum fnt_op, or an unknown one */
	struct fnt_text word; /* instead of `op`; `at` NULL: none */
	struct fnt_name_ref entity;
	struct fnt_text id;
	uint64_t start_ns, duration_ns;
	int64_t row_count; /* FNT_NONE: none */
	bool ok;
};

/* One event, decoded or to be encoded. */
struct fnt_event {
	enum fnt_event_type type;
	union {
		struct fnt_event_call call;
		struct fnt_text text;	/* user, tenant */
		struct fnt_event_op op; /* op, wait; a begin has no duration etc. */
		struct {
			uint64_t number, duration_ns;
			int64_t row_count; /* FNT_NONE: none */
			bool ok;
		} end;
		struct {
			struct fnt_name_ref fn;
			int64_t delay_ms, run_at; /* FNT_NONE: none */
		} schedule;
		struct {
			struct fnt_text code, message;
		} error;
		struct {
			uint32_t kind; /* enum fnt_value_kind, or an unknown one */
			struct fnt_text bytes;
		} value;
		uint64_t time_ns; /* committed */
	};
};

/* With this many readable bytes after a payload, a reader can decode a common event
 * first and compare its end with the payload's end afterwards. The contents of these
 * bytes never change the result. Enough for the longest event of short elements: see
 * read_fast.h. */
#define FNT_PAYLOAD_SLACK 136u

#endif
