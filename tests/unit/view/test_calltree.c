/* SPDX-License-Identifier: MIT
 *
 * calltree: whatever callers the calls name, the trees contain each call exactly once,
 * and every walk over them ends.
 */
#include "view/calltree.h"

#include "support/fixture.h"

#define CALLS_MAX 60

/* The calls that were added. An oracle that searches all of them for each question. */
struct story {
	struct fnt_trace calls[CALLS_MAX];
	size_t count;
};

static int
add(struct calltree *tree, struct story *story, uint64_t uid, uint64_t parent_uid,
    uint64_t start_ns)
{
	struct fnt_trace *call = &story->calls[story->count++];

	*call = (struct fnt_trace){
		.uid = uid,
		.parent_uid = parent_uid,
		.started_at_ns = start_ns,
		.duration_ns = 10,
		.call_id = "id",
		.fn_name = "fn",
		.outcome = FNT_OK,
		.pid = (int32_t)uid % 3,
	};
	return calltree_add(tree, call, false);
}

/* The first that was added with this uid. */
static const struct fnt_trace *
by_uid(const struct story *story, uint64_t uid)
{
	for (size_t i = 0; i < story->count; i++)
		if (story->calls[i].uid == uid)
			return &story->calls[i];
	return NULL;
}

/* Whether the chain of callers of `call` leads back to it. */
static bool
is_in_loop(const struct story *story, const struct fnt_trace *call)
{
	const struct fnt_trace *at = call;

	for (size_t i = 0; i <= story->count; i++) {
		at = at->parent_uid ? by_uid(story, at->parent_uid) : NULL;
		if (!at || at == call)
			return at != NULL;
	}
	return false;
}

static void
check_place(const struct story *story, const struct calltree_node *node)
{
	const struct calltree_node *parent = node->parent;

	MUST(node->depth == (parent ? parent->depth + 1 : 0));
	if (node->next)
		MUST(node->next->parent == parent &&
		     (node->next->missing || node->missing ||
		      node->next->started_at_ns >= node->started_at_ns));
	if (node->missing) {
		MUST(!parent && node->child && !by_uid(story, node->uid));
		return;
	}
	MUST(parent ? parent->uid == node->parent_uid
		    : node->cut || node->parent_uid == 0);
	MUST(!node->cut || is_in_loop(story, &story->calls[node->index]));
	if (parent && !parent->missing)
		MUST(parent->index ==
		     (size_t)(by_uid(story, node->parent_uid) - story->calls));
}

static void
check(const struct calltree *tree, const struct story *story)
{
	const struct calltree_sum *sum = calltree_sum(tree);
	bool seen[CALLS_MAX] = {false};
	size_t calls = 0, missing = 0, cut = 0;

	for (struct calltree_node *at = calltree_first(tree); at;
	     at = calltree_next(at)) {
		MUST(calls + missing <= 2 * story->count);
		check_place(story, at);
		missing += at->missing;
		if (at->missing)
			continue;
		MUST(!seen[at->index]);
		seen[at->index] = true;
		calls++;
		cut += at->cut;
	}
	MUST(calls == story->count && calls == sum->calls && missing == sum->missing &&
	     cut == sum->cut);
}

START_TEST(random_callers)
{
	struct rnd r = {42};
	size_t cut = 0, missing = 0, deep = 0;

	for (int round = 0; round < ROUNDS(20000, 1000); round++) {
		struct calltree *tree = calltree_create(false);
		struct story story = {.count = 0};
		uint32_t uids = 1 + rnd(&r, 50), calls = rnd(&r, CALLS_MAX);
		uint64_t far = rnd(&r, 4) ? 0 : UINT64_MAX - 40;

		/* Few uids, so that many calls have the same one. Parents from a larger
		 * range, so that some are missing. */
		for (uint32_t i = 0; i < calls; i++)
			MUST(!add(tree, &story, 1 + rnd(&r, uids), rnd(&r, uids + 4),
				  rnd(&r, 40) + far));
		calltree_link(tree);
		check(tree, &story);
		cut += calltree_sum(tree)->cut;
		missing += calltree_sum(tree)->missing;
		for (struct calltree_node *at = calltree_first(tree); at;
		     at = calltree_next(at))
			deep += at->depth > 5;
		calltree_destroy(tree);
	}
	MUST(cut > 100 && missing > 100 && deep > 100);
}
END_TEST

START_TEST(sums)
{
	struct calltree *tree = calltree_create(true);
	struct story story = {.count = 0};
	const struct calltree_sum *sum = calltree_sum(tree);

	ck_assert_int_eq(add(tree, &story, 1, 0, 100), 0);
	ck_assert_int_eq(add(tree, &story, 2, 1, 130), 0);
	ck_assert_int_eq(add(tree, &story, 4, 1, 90), 0);
	/* Added as finished before, now as in flight: counted once. */
	ck_assert_int_eq(calltree_add(tree, &story.calls[1], true), 0);
	calltree_link(tree);
	ck_assert_uint_eq(sum->calls, 3);
	ck_assert_uint_eq(sum->processes, 2);
	ck_assert_uint_eq(sum->started_at_ns, 90);
	ck_assert_uint_eq(sum->duration_ns, 50);
	ck_assert_uint_eq(calltree_first(tree)->uid, 1);
	ck_assert_uint_eq(calltree_first(tree)->child->uid, 4);
	ck_assert_ptr_nonnull(strstr(calltree_first(tree)->json, "\"fn_name\":\"fn\""));
	calltree_destroy(tree);
	calltree_destroy(NULL);
}
END_TEST

START_TEST(no_calls)
{
	struct calltree *tree = calltree_create(false);

	calltree_link(tree);
	ck_assert_ptr_null(calltree_first(tree));
	ck_assert_uint_eq(calltree_sum(tree)->duration_ns, 0);
	calltree_destroy(tree);
}
END_TEST

/* A chain and a loop of CALLTREE_MAX calls, the last one added first. */
START_TEST(long_chain_and_loop)
{
	for (uint64_t loop = 0; loop < 2; loop++) {
		struct calltree *tree = calltree_create(false);
		size_t depth = 0;

		for (uint64_t i = CALLTREE_MAX + 5; i > 0; i--) {
			bool last = i == 6; /* the last within CALLTREE_MAX */
			struct fnt_trace call = {
				.uid = i,
				.parent_uid = last && loop ? CALLTREE_MAX + 5 : i - 1,
				.call_id = "",
				.fn_name = "",
			};

			MUST(!calltree_add(tree, &call, false));
		}
		ck_assert_uint_eq(calltree_sum(tree)->omitted, 5);
		calltree_link(tree);
		for (struct calltree_node *at = calltree_first(tree); at;
		     at = calltree_next(at))
			depth = at->depth > depth ? at->depth : depth;
		/* The chain hangs below its missing caller; the loop begins where it is
		 * cut. */
		ck_assert_uint_eq(depth, CALLTREE_MAX - loop);
		ck_assert_uint_eq(calltree_sum(tree)->cut, loop);
		ck_assert_uint_eq(calltree_sum(tree)->missing, 1 - loop);
		calltree_destroy(tree);
	}
}
END_TEST

int
main(void)
{
	return SUITE_RUN("calltree", random_callers, sums, no_calls,
			 long_chain_and_loop);
}
