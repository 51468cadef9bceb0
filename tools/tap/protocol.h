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

struct protocol_counts {
	uint64_t messages;    /* lines that are messages of the protocol */
	uint64_t other_lines; /* lines that are not */
	uint64_t unknown;     /* messages about a call or operation that is not open */
	uint64_t untraced;    /* calls, operations and nested calls over a limit */
	uint64_t calls;	      /* calls begun */
	uint64_t ops;	      /* operations begun */
	/* Calls still open at the end, or replaced by one of the same id. */
	uint64_t aborted;
};

struct protocol {
	const char *name;

	/* Create the state. It records into `log`, which must outlive it. Returns NULL
	 * if there is no memory. */
	void *(*create)(struct fnt_log *log);

	/* `len` bytes were passed on in `dir`. Uses bounded memory and never fails. */
	void (*feed)(void *state, enum protocol_dir dir, const char *bytes, size_t len);

	/* End of file in `dir`: a last line without a newline is complete. */
	void (*eof)(void *state, enum protocol_dir dir);

	/* CMD has ended: abandon its open calls and free the state. `counts` may be
	 * NULL. */
	void (*destroy)(void *state, struct protocol_counts *counts);
};

#endif
