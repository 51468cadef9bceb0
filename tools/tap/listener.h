/* SPDX-License-Identifier: MIT
 *
 * listener.h: what the tap does with bytes that it has passed on: it shows them to a
 * protocol, at the time at which they had been read.
 *
 * Threads: one at a time. Nothing here blocks, except on stderr.
 */
#ifndef FNT_TAP_LISTENER_H
#define FNT_TAP_LISTENER_H

#include "tap/protocol.h"

struct listener {
	const struct protocol *protocol;
	void *state; /* of the protocol; NULL: nothing is looked at */
	struct fnt_log *log;
};

/* Begin to record what `protocol` understands. False: no memory. */
bool listener_init(struct listener *listener, const struct protocol *protocol,
		   const struct protocol_setup *setup);

/* CLOCK_MONOTONIC, for a piece. */
uint64_t listener_now_ns(void);

/* Bytes were passed on. */
void listener_feed(struct listener *listener, const struct protocol_piece *piece);

/* End of file in `dir`. */
void listener_eof(struct listener *listener, enum protocol_dir dir);

/* CMD has ended: its open calls are recorded as aborted. Nothing is looked at after
 * this. */
void listener_finish(struct listener *listener);

/* Free the protocol's state. */
void listener_fini(struct listener *listener);

#endif
