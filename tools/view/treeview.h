/* SPDX-License-Identifier: MIT
 *
 * treeview.h: prints a tree of calls, drawn or as JSON.
 *
 *      CALL              OUTCOME  PID   START    TOOK  0 - 4.01 s
 *      narrate           ok       812    0 ns  2.1 ms  ▏
 *      ├─browse          ok       812  310 µs  240 µs  ▏
 *      └╌sweep           ok       815  4.00 s  3.3 ms                   ▕
 *
 * Threads: one at a time. Prints to stdout, which may block; ends the program if there
 * is no memory.
 */
#ifndef FNT_VIEW_TREEVIEW_H
#define FNT_VIEW_TREEVIEW_H

#include "view/calltree.h"

/* Draw a linked tree. `uid`: the call to print in bold; 0: none. `fold`: in a large
 * tree, print similar siblings in a row that made no calls as one line. */
void treeview_print(const struct calltree *tree, uint64_t uid, bool fold);

/* Print the tree as one JSON object, with each call in its caller's "children". */
void treeview_print_json(const struct calltree *tree, const uint64_t trace_id[2]);

#endif
