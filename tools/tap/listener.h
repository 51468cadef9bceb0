/* SPDX-License-Identifier: MIT
 *
 * listener.h: what the tap does with bytes that it has passed on: it shows them to a
 * protocol, at the time at which they had been read.
 *
 *      piece ──► protocol ──► calls          on behalf of CMD
 *                  └─counts─► region         what could not be traced, by cause
 *                  └─nothing understood─► one line on stderr
 *
 * Threads: one at a time. Nothing here blocks.
 */
#ifndef FNT_TAP_LISTENER_H
#define FNT_TAP_LISTENER_H

#include "tap/protocol.h"

#include <sys/types.h>

#define LISTENER_SAW_MAX 48

struct listener {
	const struct protocol *protocol;
	void *state; /* of the protocol; NULL: nothing is looked at */
	struct fnt_log *log;
	struct protocol_counts counted; /* what the region knows of */
	pid_t cmd;			/* CMD, until its name is known for good; 0 */
	/* Until a message is understood: */
	uint64_t lines;			/* that came by */
	char saw[LISTENER_SAW_MAX + 1]; /* how the first one begins */
	bool is_heard;			/* a message was understood, or it was said */
};

/* Begin to record what `protocol` understands. False: no memory. */
bool listener_init(struct listener *listener, const struct protocol *protocol,
		   const struct protocol_setup *setup);

/* CMD runs: the calls are its. */
void listener_observe(struct listener *listener, pid_t cmd);

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
