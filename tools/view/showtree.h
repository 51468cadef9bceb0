/* SPDX-License-Identifier: MIT
 *
 * showtree.h: fntrace show --tree: collects the calls of a tree, finished and in
 * flight, of all processes, and prints them.
 *
 * Threads: one at a time. Prints to stdout, which may block; ends the program if there
 * is no memory.
 */
#ifndef FNT_VIEW_SHOWTREE_H
#define FNT_VIEW_SHOWTREE_H

#include <fntrace/reader.h>

struct showtree {
	uint64_t trace_id[2]; /* 0, 0: only the call `uid` */
	uint64_t uid;	      /* the call that was asked for; 0: none */
	bool all;	      /* do not fold similar calls */
	bool json;
};

/* Print the tree. `in_flight` must have been read before any finished call, so that no
 * call is missed. Returns TOOL_OK, TOOL_FAILED after a message, or -1 without a message
 * if the tree has no calls. */
int showtree_print(struct fnt_reader *reader, const struct fnt_traces *in_flight,
		   const struct showtree *what);

/* Parse a trace id: 32 hex digits, not all 0. Returns false if `text` is none. */
bool showtree_parse(const char *text, uint64_t trace_id[2]);

/* The call what->uid is not in the region. Find a call that it made and set
 * what->trace_id from that. Returns false if there is none. *code: negative errno if
 * reading failed. */
bool showtree_of_missing(struct fnt_reader *reader, const struct fnt_traces *in_flight,
			 struct showtree *what, int *code);

#endif
