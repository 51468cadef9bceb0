/* SPDX-License-Identifier: MIT
 *
 * calltree.h: builds trees of calls from the caller that each call names.
 *
 *      create ── add … ── link ── first / next ── destroy
 *
 * The calls come from a region and are not trusted. Callers may be missing, two calls
 * may have the same uid, a call may name itself or one of its descendants as its
 * caller. In every case `link` builds trees in which each call occurs once. Nothing
 * here recurses, and everything is linear except sorting by time.
 *
 * Threads: one at a time. Functions end the program if there is no memory.
 */
#ifndef FNT_VIEW_CALLTREE_H
#define FNT_VIEW_CALLTREE_H

#include <fntrace/reader.h>

#define CALLTREE_MAX 10000 /* calls in the trees; more are only counted */

struct calltree_node {
	uint64_t uid;
	uint64_t parent_uid;
	/* When it began, in the region's own time; in Unix time if that of any call of
	 * the tree is not known. Only differences have a meaning. */
	uint64_t start_ns;
	uint64_t duration_ns;
	enum fnt_fn_type fn_type;
	enum fnt_outcome outcome;
	int32_t pid;
	/* Stands for a caller that is not in the region: only uid and start_ns are
	 * set. */
	bool missing;
	bool cut;		/* was its own ancestor: made a root */
	uint64_t started_at_ns; /* Unix time */
	char *fn_name;
	char *call_id;
	char *code; /* NULL: none */
	char *json; /* the whole trace, if that was asked for; else NULL */

	/* Set by calltree_link. Children and roots are sorted by their start. */
	struct calltree_node *parent; /* NULL: a root */
	struct calltree_node *child;  /* the first */
	struct calltree_node *last_child;
	struct calltree_node *next; /* of the same parent, or root */
	size_t depth;		    /* 0: a root */

	size_t index; /* order of adding: keeps sorting stable */
	size_t stamp; /* the walk of cut_loops() that visited it; 0: none */
};

struct calltree;

/* `json`: keep each call's trace as JSON, in calltree_node.json. */
struct calltree *calltree_create(bool json);
/* Free the trees and all their nodes. */
void calltree_destroy(struct calltree *tree);

/* Add a call. Add finished calls before those in flight: one in flight that has been
 * added already is ignored. Returns 0 or -ENOMEM. */
int calltree_add(struct calltree *tree, const struct fnt_trace *trace, bool in_flight);

/* Build the trees, once, after the last calltree_add(). */
void calltree_link(struct calltree *tree);

/* Walk the trees in the order in which they are drawn: a caller before the calls it
 * made. NULL after the last. */
struct calltree_node *calltree_first(const struct calltree *tree);
struct calltree_node *calltree_next(const struct calltree_node *node);

/* Complete after linking. */
struct calltree_sum {
	size_t calls;
	size_t omitted; /* calls over CALLTREE_MAX */
	size_t processes;
	size_t missing;		/* callers that are not in the region */
	size_t cut;		/* calls that were their own ancestor */
	uint64_t started_at_ns; /* of the first call, Unix time */
	uint64_t start_ns;	/* the same, as in a node */
	uint64_t duration_ns;	/* from there to the end of the last */
};

const struct calltree_sum *calltree_sum(const struct calltree *tree);

/* When the call ended, Unix time. UINT64_MAX where start and duration overflow. */
uint64_t calltree_end_ns(const struct calltree_node *node);

#endif
