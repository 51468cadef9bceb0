/* SPDX-License-Identifier: MIT
 *
 * witness.h: tells a signal to the tap alone from one to its whole process group.
 *
 *      kill(tap)       ──► tap ──forwards──► CMD
 *      kill(-group)    ──► tap, CMD, witness     the tap must not forward it
 *      ^C, hang-up …   ──► the group, or the session's leader alone
 *
 * What reaches a whole group has reached CMD already. Nothing in a signal says which of
 * the two it was. So there is a process in the tap's group that blocks all signals and
 * shows on request which are pending for it. It has no files but two pipes to the tap,
 * and the kernel ends it with the tap.
 *
 * Threads: one at a time.
 */
#ifndef FNT_TAP_WITNESS_H
#define FNT_TAP_WITNESS_H

#include <stdbool.h>
#include <sys/types.h>

struct witness {
	pid_t pid; /* 0: none, and every signal counts as one to the tap alone */
	int ask, answer;
};

/* Start it. Call this before anything is opened that a copy of the process should not
 * have. Where that fails, there is none. */
void witness_start(struct witness *witness);

/* Did signal `number`, which this process has just got, come to the whole group? Each
 * signal may be asked for once. Blocks for the answer, a few microseconds; a
 * millisecond more if it is no. */
bool witness_saw(struct witness *witness, int number);

/* Continue it, if it was stopped with the group. */
void witness_continue(struct witness *witness);

/* End it. */
void witness_end(struct witness *witness);

#endif
