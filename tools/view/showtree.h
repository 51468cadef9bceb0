/* SPDX-License-Identifier: MIT
 *
 * showtree.h: fntrace show --tree: gathers a tree over all processes, finished and in
 * flight, and shows it.
 */
#ifndef FNT_VIEW_SHOWTREE_H
#define FNT_VIEW_SHOWTREE_H

#include <fntrace/reader.h>

struct showtree {
	uint64_t trace_id[2]; /* 0, 0: the call `uid` alone */
	uint64_t uid;	      /* the call that was asked for; 0: none */
	bool all;
	bool json;
};

/* `in_flight`: read before anything else was. TOOL_OK, TOOL_FAILED with a message;
 * nothing there to be shown: -1 and no message. */
int showtree_print(struct fnt_reader *reader, const struct fnt_traces *in_flight,
		   const struct showtree *what);

/* Thirty-two hex digits, not all 0. */
bool showtree_parse(const char *text, uint64_t trace_id[2]);

/* Somebody called by `uid`, itself gone: sets trace_id. False: nobody. 0 or -errno to
 * *code. */
bool showtree_of_missing(struct fnt_reader *reader, const struct fnt_traces *in_flight,
			 struct showtree *what, int *code);

#endif
