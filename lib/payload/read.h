/* SPDX-License-Identifier: MIT
 *
 * read.h: what happened in a call, as a stream of msgpack arrays.
 *
 *   [0, call_id, fn|nil, user|nil, tenant|nil]       the beginning; fn: when not
 * interned [1, user]  [2, tenant]                           set later [3, op, entity,
 * id|nil, start, duration, rows|nil, ok]   an op that has ended [4, op, entity, id|nil,
 * start]                   an op begins; they count from 0 [5, number, duration,
 * rows|nil, ok]              op `number` ends [6, fn, delay|nil, run_at|nil] a schedule
 *   [7, code, message]                               outcome error or rolled back
 *   [8, kind, bytes]                                 outcome ok with a value
 *   [9, time]                                        the record was committed at that
 * Unix time: not when the call ended
 *
 * Entity and scheduled fn are a name's id (integer) or the name itself (string). Times
 * are ns, starts since the call's own. A prefix that ends with an object is a valid
 * payload. Readers pass over arrays with an unknown first number, and over elements
 * past those they know: new events need no new version.
 *
 * Encoding is in encode.h; decoding walks and bounds the bytes itself, so that no
 * count in them is ever believed. Wait-free, no allocation.
 */
#ifndef FNT_PAYLOAD_READ_H
#define FNT_PAYLOAD_READ_H

#include <fntrace/fntrace.h>

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
	FNT_EVENT_UNKNOWN,
};

/* Bytes, not NUL-terminated. `at` NULL: nil. */
struct fnt_text {
	const char *at;
	uint32_t len;
};

/* A name: its id if interned, else its text. */
struct fnt_name_ref {
	uint32_t id; /* FNT_NAME_NONE: see text */
	struct fnt_text text;
};

struct fnt_event_call {
	struct fnt_text call_id, fn, user, tenant;
};

struct fnt_event_op {
	uint32_t op;
	struct fnt_name_ref entity;
	struct fnt_text id;
	uint64_t start_ns, duration_ns;
	int64_t row_count;
	bool ok;
};

struct fnt_event {
	enum fnt_event_type type;
	union {
		struct fnt_event_call call;
		struct fnt_text text;	/* user, tenant */
		struct fnt_event_op op; /* and op begin: up to start_ns */
		struct {
			uint64_t number, duration_ns;
			int64_t row_count;
			bool ok;
		} end;
		struct {
			struct fnt_name_ref fn;
			int64_t delay_ms, run_at;
		} schedule;
		struct {
			struct fnt_text code, message;
		} error;
		struct {
			uint32_t kind;
			struct fnt_text bytes;
		} value;
		uint64_t time_ns; /* committed */
	};
};

/* ---- decoding ------------------------------------------------------------------ */

/* What may be read past the end of a payload, whatever it is, where there is so much:
 * an event of the usual kind is then read in one go, and its end is looked at
 * afterwards. No such byte ever makes a difference to what is found. */
#define FNT_PAYLOAD_SLACK 136u

struct fnt_payload_reader {
	const unsigned char *at, *end;
	size_t slack; /* bytes past `end` that may be read; 0, or FNT_PAYLOAD_SLACK */
};

/* The next event: 1, 0 at the end, -EBADMSG where the bytes are no payload (what came
 * before stands). Texts point into the payload; each is followed by a byte that no
 * other text has, in the payload or `end` itself. */
int fnt_payload_next(struct fnt_payload_reader *reader, struct fnt_event *event);

#endif
