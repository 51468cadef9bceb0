/* SPDX-License-Identifier: MIT
 *
 * protocol.h: what `fntrace tap` asks of a protocol.
 *
 *      host ──► feed(PROTOCOL_TO_FN) ──┐
 *                                      ├──► fnt_call_…
 *      CMD ───► feed(PROTOCOL_TO_HOST) ┘
 *
 * The tap moves bytes and knows nothing of what they mean; a protocol sees the bytes
 * after they have been sent on, and changes none. Pieces come in any size, each
 * direction on its own, in the order in which the tap read them: what was said in
 * answer to something comes after it.
 */
#ifndef FNT_TAP_PROTOCOL_H
#define FNT_TAP_PROTOCOL_H

#include <fntrace/fntrace.h>

enum protocol_dir {
	PROTOCOL_TO_FN = 0,   /* from the host to the functions: CMD's stdin */
	PROTOCOL_TO_HOST = 1, /* CMD's stdout */
	PROTOCOL_DIRS,
};

struct protocol_counts {
	uint64_t messages; /* understood */
	uint64_t foreign;  /* lines that are no message of the protocol */
	uint64_t unknown;  /* messages about a call or an operation that is not open */
	uint64_t untraced; /* calls, operations, nested calls past a limit */
	uint64_t calls;	   /* begun */
	uint64_t ops;
	uint64_t aborted; /* calls that were dropped by a newer one or left open at the
			     end */
};

struct protocol {
	const char *name;

	/* Begin to trace into `log`, which must outlive it. NULL: no memory. */
	void *(*create)(struct fnt_log *log);

	/* `len` bytes have gone by in `dir`. Bounded in memory; never fails. */
	void (*feed)(void *state, enum protocol_dir dir, const char *bytes, size_t len);

	/* Nothing more comes in `dir`: a last line without a newline is complete. */
	void (*eof)(void *state, enum protocol_dir dir);

	/* CMD is gone: its open calls are abandoned. `counts` may be NULL. */
	void (*destroy)(void *state, struct protocol_counts *counts);
};

#endif
