/* SPDX-License-Identifier: MIT
 *
 * calltree.h: calls put together to the trees that they say they form.
 *
 *      create ── add … ── link ── first / next ── destroy
 *
 * What the calls say is a region's: not to be trusted. Callers may be missing, two
 * calls may have one uid, a call may name itself or one of its descendants as its
 * caller. Whatever they say, `link` makes trees of them in which each call has its one
 * place; nothing here recurses, and all is linear but for sorting by time.
 */
#ifndef FNT_VIEW_CALLTREE_H
#define FNT_VIEW_CALLTREE_H

#include <fntrace/reader.h>

#define CALLTREE_MAX 10000 /* calls; what comes past that is counted */

struct calltree_node {
	uint64_t uid;
	uint64_t parent_uid;
	uint64_t started_at_ns;
	uint64_t duration_ns;
	enum fnt_fn_type fn_type;
	enum fnt_outcome outcome;
	int32_t pid;
	bool missing; /* stands for a caller that is not there: only uid and times count
		       */
	bool cut;     /* said to be its own ancestor: made a root */
	char *fn_name;
	char *call_id;
	char *code; /* NULL: none */
	char *json; /* the whole trace, if that was asked for; else NULL */

	/* After linking. Children and roots are in the order of their beginning. */
	struct calltree_node *parent; /* NULL: a root */
	struct calltree_node *child;  /* the first */
	struct calltree_node *last_child;
	struct calltree_node *next; /* of the same parent, or root */
	size_t depth;		    /* of a root: 0 */

	size_t index; /* in which it was added: keeps sorting stable */
	size_t stamp; /* of the walk that came by */
};

struct calltree;

/* `json`: keep each call's trace as JSON. */
struct calltree *calltree_create(bool json);
void calltree_destroy(struct calltree *tree);

/* Add a call, what has finished first: a call that is in flight and has been added
 * already is passed over. 0 or -ENOMEM. */
int calltree_add(struct calltree *tree, const struct fnt_trace *trace, bool in_flight);

/* All that belongs is there: make trees of it. */
void calltree_link(struct calltree *tree);

/* From the top, callers before what they called, as it is drawn. NULL: that was all. */
struct calltree_node *calltree_first(const struct calltree *tree);
struct calltree_node *calltree_next(const struct calltree_node *node);

/* Over the calls that are there, after linking. */
struct calltree_sum {
	size_t calls;
	size_t omitted; /* past CALLTREE_MAX */
	size_t processes;
	size_t missing;		/* callers that are not there */
	size_t cut;		/* calls said to be their own ancestors */
	uint64_t started_at_ns; /* of the first */
	uint64_t duration_ns;	/* from there to the last end */
};

const struct calltree_sum *calltree_sum(const struct calltree *tree);

/* When the call ended, however hostile its times: not before it began. */
uint64_t calltree_end_ns(const struct calltree_node *node);

#endif
