/* SPDX-License-Identifier: MIT */
#include "view/calltree.h"
#include "view/text.h"

#include <stdlib.h>
#include <string.h>

/* Each call may need a node for a caller that is missing. */
#define NODES_MAX (2 * CALLTREE_MAX)
#define BUCKETS 65536 /* a power of two, more than NODES_MAX */

struct calltree {
	bool json;
	size_t count; /* of nodes, those of missing callers included */
	struct calltree_node *first, *last; /* roots */
	struct calltree_sum sum;
	struct calltree_node *nodes[NODES_MAX];
	struct calltree_node *by_uid[BUCKETS];
};

struct calltree *
calltree_create(bool json)
{
	struct calltree *tree = text_alloc(sizeof(*tree));

	memset(tree, 0, sizeof(*tree));
	tree->json = json;
	return tree;
}

static void
free_node(struct calltree_node *node)
{
	free(node->fn_name);
	free(node->call_id);
	free(node->code);
	free(node->json);
	free(node);
}

void
calltree_destroy(struct calltree *tree)
{
	for (size_t i = 0; tree && i < tree->count; i++)
		free_node(tree->nodes[i]);
	free(tree);
}

/* ---- nodes ---------------------------------------------------------------------- */

/* The bucket that holds the uid, or an empty one in which to put it. If several calls
 * have the uid, it holds the one added first. */
static struct calltree_node **
find(struct calltree *tree, uint64_t uid)
{
	size_t at = (size_t)(uid * UINT64_C(0x9e3779b97f4a7c15) >> 48) % BUCKETS;

	while (tree->by_uid[at] && tree->by_uid[at]->uid != uid)
		at = (at + 1) % BUCKETS;
	return &tree->by_uid[at];
}

static struct calltree_node *
add_node(struct calltree *tree, uint64_t uid)
{
	struct calltree_node *node = text_alloc(sizeof(*node)), **place;

	memset(node, 0, sizeof(*node));
	node->uid = uid;
	node->index = tree->count;
	tree->nodes[tree->count++] = node;
	place = find(tree, uid);
	if (!*place)
		*place = node;
	return node;
}

static char *
copy(const char *text)
{
	size_t len = strlen(text) + 1;

	return memcpy(text_alloc(len), text, len);
}

int
calltree_add(struct calltree *tree, const struct fnt_trace *trace, bool in_flight)
{
	struct calltree_node *node;

	/* A call that has just finished may be both in flight and in the ring. */
	if (in_flight && *find(tree, trace->uid))
		return 0;
	if (tree->sum.calls == CALLTREE_MAX) {
		tree->sum.omitted++;
		return 0;
	}
	node = add_node(tree, trace->uid);
	tree->sum.calls++;
	node->parent_uid = trace->parent_uid;
	node->start_ns = trace->started_mono_ns;
	node->started_at_ns = trace->started_at_ns;
	node->duration_ns = trace->duration_ns;
	node->fn_type = trace->fn_type;
	node->outcome = trace->outcome;
	node->pid = trace->pid;
	node->fn_name = copy(trace->fn_name);
	node->call_id = copy(trace->call_id);
	node->code = trace->code ? copy(trace->code) : NULL;
	return tree->json ? fnt_trace_to_json(trace, &node->json, NULL) : 0;
}

/* ---- sums ----------------------------------------------------------------------- */

uint64_t
calltree_end_ns(const struct calltree_node *node)
{
	if (node->duration_ns > UINT64_MAX - node->start_ns)
		return UINT64_MAX;
	return node->start_ns + node->duration_ns;
}

static int
compare_pids(const void *left, const void *right)
{
	const int32_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static size_t
count_processes(const struct calltree *tree)
{
	int32_t *pids = text_alloc((tree->count + 1) * sizeof(*pids));
	size_t processes = 0;

	for (size_t i = 0; i < tree->count; i++)
		pids[i] = tree->nodes[i]->pid;
	qsort(pids, tree->count, sizeof(*pids), compare_pids);
	for (size_t i = 0; i < tree->count; i++)
		processes += i == 0 || pids[i] != pids[i - 1];
	free(pids);
	return processes;
}

/* Call it when the nodes are sorted, and before nodes of missing callers are added. */
static void
sum_up(struct calltree *tree)
{
	uint64_t end_ns = 0;

	for (size_t i = 0; i < tree->count; i++) {
		uint64_t ns = calltree_end_ns(tree->nodes[i]);

		if (ns > end_ns)
			end_ns = ns;
	}
	if (tree->count > 0) {
		tree->sum.started_at_ns = tree->nodes[0]->started_at_ns;
		tree->sum.start_ns = tree->nodes[0]->start_ns;
	}
	tree->sum.duration_ns = end_ns - tree->sum.start_ns;
	tree->sum.processes = count_processes(tree);
}

const struct calltree_sum *
calltree_sum(const struct calltree *tree)
{
	return &tree->sum;
}

/* ---- linking -------------------------------------------------------------------- */

static int
compare_starts(const void *left, const void *right)
{
	const struct calltree_node *a = *(struct calltree_node *const *)left;
	const struct calltree_node *b = *(struct calltree_node *const *)right;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* The region's own time orders calls also if the wall clock was set in between. A trace
 * that was pushed need not have it. */
static void
choose_times(struct calltree *tree)
{
	bool known = true;

	for (size_t i = 0; i < tree->count; i++)
		known = known && tree->nodes[i]->start_ns;
	for (size_t i = 0; i < tree->count && !known; i++)
		tree->nodes[i]->start_ns = tree->nodes[i]->started_at_ns;
}

/* `node` is part of a loop. Make the call of the loop that began first a root. */
static void
cut_loop(struct calltree *tree, struct calltree_node *node)
{
	struct calltree_node *first = node;

	for (struct calltree_node *at = node->parent; at != node; at = at->parent)
		if (compare_starts(&at, &first) < 0)
			first = at;
	first->parent = NULL;
	first->cut = true;
	tree->sum.cut++;
}

/* Walk up from each call until a call that was visited before, so each is visited once.
 * If it was visited in this same walk, it is on a loop. */
static void
cut_loops(struct calltree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct calltree_node *at = tree->nodes[i];

		while (at && at->stamp == 0) {
			at->stamp = i + 1;
			at = at->parent;
		}
		if (at && at->stamp == i + 1)
			cut_loop(tree, at);
	}
}

/* Add a node for the caller of `child`, which is not in the region. Children are
 * handled in order of time, so it takes the start of its first child. */
static struct calltree_node *
missing_parent(struct calltree *tree, const struct calltree_node *child)
{
	struct calltree_node *node = add_node(tree, child->parent_uid);

	node->missing = true;
	node->start_ns = child->start_ns;
	tree->sum.missing++;
	return node;
}

static void
append(struct calltree *tree, struct calltree_node *node)
{
	struct calltree_node **first =
		node->parent ? &node->parent->child : &tree->first;
	struct calltree_node **last =
		node->parent ? &node->parent->last_child : &tree->last;

	if (*last)
		(*last)->next = node;
	else
		*first = node;
	*last = node;
}

static void
measure_depths(struct calltree *tree)
{
	for (struct calltree_node *at = tree->first; at; at = calltree_next(at))
		at->depth = at->parent ? at->parent->depth + 1 : 0;
}

void
calltree_link(struct calltree *tree)
{
	size_t calls = tree->count;

	choose_times(tree);
	qsort(tree->nodes, calls, sizeof(struct calltree_node *), compare_starts);
	sum_up(tree);
	for (size_t i = 0; i < calls; i++)
		if (tree->nodes[i]->parent_uid != 0)
			tree->nodes[i]->parent =
				*find(tree, tree->nodes[i]->parent_uid);
	cut_loops(tree);
	for (size_t i = 0; i < calls; i++) {
		struct calltree_node *node = tree->nodes[i];

		if (!node->parent && !node->cut && node->parent_uid != 0) {
			/* An earlier sibling may have added the node. */
			node->parent = *find(tree, node->parent_uid);
			if (!node->parent) {
				node->parent = missing_parent(tree, node);
				append(tree, node->parent);
			}
		}
		append(tree, node);
	}
	measure_depths(tree);
}

/* ---- walking -------------------------------------------------------------------- */

struct calltree_node *
calltree_first(const struct calltree *tree)
{
	return tree->first;
}

struct calltree_node *
calltree_next(const struct calltree_node *node)
{
	if (node->child)
		return node->child;
	while (node && !node->next)
		node = node->parent;
	return node ? node->next : NULL;
}
