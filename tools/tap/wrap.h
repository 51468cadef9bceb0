/* SPDX-License-Identifier: MIT
 *
 * wrap.h: runs CMD between two flows, so that its parent can't tell the tap from it.
 *
 *      our stdin ──► flow ──► CMD's stdin          one thread, one poll
 *      our stdout ◄── flow ◄── CMD's stdout
 *      signals to us alone ──► CMD
 *      CMD's stops and end ──► ours
 *
 * If CMD ends, the tap passes on what CMD had written, and ends in the same way. If
 * other processes still hold CMD's stdin or stdout, a copy of the tap goes on relaying
 * for them. If the tap ends first, the kernel kills CMD.
 *
 * Threads: the process has one.
 */
#ifndef FNT_TAP_WRAP_H
#define FNT_TAP_WRAP_H

#include "tap/launch.h"
#include "tap/relay.h"
#include "tap/witness.h"

struct wrap {
	struct listener listener;
	struct witness witness;
	struct launch_files files;
	struct relay_flow *flows[PROTOCOL_DIRS];
	/* If our stdin is a file: that file, and the pipe that CMD reads it from. -1:
	 * else. */
	int file, unread;
	pid_t child;		  /* CMD; 0: it has ended */
	int status;		  /* from waitpid */
	int stopped_by;		  /* the signal that has stopped CMD; 0: it runs */
	uint64_t told_to_stop_ns; /* when a signal has last told the tap to stop */
	bool give_up;		  /* a signal came after CMD had ended */
};

/* Prepare: call it before anything is opened. */
void wrap_init(struct wrap *wrap);

/* Make pipes and flows, take all signals, and start CMD. 0, or a negative errno: CMD
 * could not be started, and everything is as before. *is_program: because of its
 * program, and not for lack of something else. */
int wrap_start(struct wrap *wrap, char **argv, bool *is_program);

/* Relay until CMD has ended and what it had written is passed on. */
void wrap_run(struct wrap *wrap);

/* End as CMD did. Leaves a copy of the process if there is still something to relay.
 * wrap->listener must be of no use any more. */
_Noreturn void wrap_end(struct wrap *wrap);

/* Instead of all this: make this process CMD. Returns a positive errno. */
int wrap_become(struct wrap *wrap, char **argv);

#endif
