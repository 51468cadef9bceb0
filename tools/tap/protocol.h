/* SPDX-License-Identifier: MIT
 *
 * protocol.h: the interface of a protocol that `fntrace tap` records.
 *
 *      host ──► feed(PROTOCOL_TO_FN) ──┐
 *                                      ├──► fnt_call_…
 *      CMD ───► feed(PROTOCOL_TO_HOST) ┘
 *
 * The tap relays bytes without knowing what they mean. A protocol sees the bytes after
 * they have been passed on, and cannot change them. It gets them in pieces of any size,
 * in the order in which the tap read them: an answer comes after its question.
 *
 * A further protocol is one file with a struct protocol, and a line in protocols.c.
 *
 * Threads: one at a time. No function may block, since the relay waits for it.
 */
#ifndef FNT_TAP_PROTOCOL_H
#define FNT_TAP_PROTOCOL_H

#include <fntrace/fntrace.h>

enum protocol_dir {
	PROTOCOL_TO_FN = 0,   /* from the host to the functions: CMD's stdin */
	PROTOCOL_TO_HOST = 1, /* from the functions to the host: CMD's stdout */
	PROTOCOL_DIRS,
};

/* Bytes that the tap has got from one read. */
struct protocol_piece {
	enum protocol_dir dir;
	const char *bytes; /* the tap's; they may go once feed() has returned */
	size_t len;
	/* CLOCK_MONOTONIC when they had been read, before they were passed on. What a
	 * protocol records while it is fed bears this time. */
	uint64_t at_ns;
};

/* What is counted. From PROTOCOL_CAUSES on: what could not be traced, by cause. */
enum protocol_count {
	PROTOCOL_CALLS = 0, /* calls begun */
	PROTOCOL_ABORTED,   /* calls still open at the end, or replaced */
	PROTOCOL_OPS,	    /* operations begun */
	PROTOCOL_MESSAGES,  /* messages of the protocol */
	PROTOCOL_CAUSES,
	/* Lines (or whatever else a message is framed by) that are no JSON text. */
	PROTOCOL_NO_JSON = PROTOCOL_CAUSES,
	/* JSON texts that are no message of the protocol. */
	PROTOCOL_NO_MESSAGE,
	/* Messages about a call or operation that is not open. */
	PROTOCOL_UNMATCHED,
	/* Messages that open a call or operation whose id is in use: it replaces the
	 * older one. */
	PROTOCOL_ID_IN_USE,
	/* Calls, operations and nested calls over a limit. */
	PROTOCOL_OVER_LIMIT,
	/* JSON texts that are nested too deep to be checked whole. */
	PROTOCOL_TOO_DEEP,
	PROTOCOL_COUNTS,
};

struct protocol_counts {
	uint64_t of[PROTOCOL_COUNTS];
};

/* What a protocol needs to know. */
struct protocol_setup {
	struct fnt_log *log; /* outlives the state */
	/* Record results where the protocol leaves them out by default, as they may
	 * hold secrets. */
	bool keep_values;
	/* The traceparent that CMD has in its environment; NULL or "": none. */
	const char *traceparent;
	/* It came from the tap's own environment: calls that say nothing else belong to
	 * its tree, in every protocol. */
	bool inherited;
};

struct protocol {
	const char *name; /* for --protocol */

	/* Create the state. `setup` may go once this has returned. NULL: no memory. */
	void *(*create)(const struct protocol_setup *setup);

	/* Look at a piece that was passed on. Uses bounded memory and never fails. */
	void (*feed)(void *state, const struct protocol_piece *piece);

	/* End of file in `dir`: a last line without a newline is complete. */
	void (*eof)(void *state, enum protocol_dir dir);

	/* CMD has ended: abandon its open calls. Nothing is fed after this. */
	void (*finish)(void *state);

	/* What has been counted so far. Valid until destroy(). */
	const struct protocol_counts *(*counts)(const void *state);

	/* Write how often each notification was seen, by method; see notices.h. NULL:
	 * the protocol has none. */
	void (*notices)(const void *state, char *text, size_t size);

	/* Free the state; finish() has been called, or nothing was ever fed. */
	void (*destroy)(void *state);
};

#endif
