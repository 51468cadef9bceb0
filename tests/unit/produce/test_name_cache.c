/* SPDX-License-Identifier: MIT
 *
 * test_name_cache.c: names come at addresses that stay and at addresses that change,
 * and the text at an address may change. A thread must never take one name for another.
 */
#include "support/fixture.h"

#include "produce/attachment.h"
#include "produce/name_cache.h"

#define TEXTS 3000u
#define BUFFERS 200u
#define WIDTH 128u /* so that short texts do not cross the end of a page */

static struct fnt_name_cache names;
static _Alignas(WIDTH) char texts[TEXTS][WIDTH];
static _Alignas(WIDTH) char buffers[BUFFERS][WIDTH];
static unsigned learnt;

/* Texts of 1 to 79 bytes. Many begin or end alike, or have the same length. */
static void
make_texts(void)
{
	for (unsigned i = 0; i < TEXTS; i++)
		snprintf(texts[i], WIDTH, "%.*s%u%.*s", (int)(i % 40),
			 "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee", i,
			 i < 300 ? (int)(i % 36) : 3,
			 "zzzzzzzzyyyyyyyyxxxxxxxxwwwwwwwwvvvv");
}

/* As fnt_call_name() does it. The number is the name's id in the region. */
static struct fnt_name_entry *
name_of(const char *name, unsigned number)
{
	struct fnt_name_entry *seen = fnt_name_find(&names, name);

	if (!seen)
		seen = fnt_name_by_address_slow(&names, name);
	if (seen)
		return seen;
	fnt_name_learn(&names, name, strlen(name), number);
	learnt++;
	return fnt_name_by_address_slow(&names, name);
}

static void
must_be(const struct fnt_name_entry *seen, unsigned number)
{
	ck_assert_ptr_nonnull(seen);
	ck_assert_uint_eq(seen->id, number);
	ck_assert_str_eq(seen->text, texts[number]);
	ck_assert_uint_eq(seen->size, strlen(texts[number]) + 1);
}

static void
begin_test(void)
{
	make_texts();
	fnt_short_text_init();
	if (names.by_address)
		fnt_name_cache_fini(&names);
	fnt_name_cache_init(&names);
	learnt = 0;
}

START_TEST(names_are_told_apart_by_text)
{
	struct rnd random = {7};

	begin_test();
	for (unsigned i = 0; i < ROUNDS(2000000, 200000); i++) {
		unsigned which = rnd(&random, BUFFERS), number = rnd(&random, TEXTS);
		char *at = buffers[which] + rnd(&random, 8);

		/* Some buffers keep their text for a while. */
		if (which % 3 || !*at)
			strcpy(at, texts[number]);
		else
			continue;
		must_be(name_of(at, number), number);
	}
}
END_TEST

/* A literal is found by its address once it has been learnt. */
START_TEST(literal_is_found_by_address)
{
	begin_test();
	for (unsigned i = 0; i < 30; i++)
		must_be(name_of(texts[i], i), i);
	for (unsigned i = 0; i < 30; i++)
		if (fnt_name_entry_for(&names, texts[i])->at == texts[i])
			must_be(fnt_name_by_address(&names, texts[i]), i);
}
END_TEST

/* A name that comes in messages, at changing addresses, is looked up in the region
 * once, … */
START_TEST(moving_name_is_learnt_once)
{
	struct rnd random = {3};
	unsigned first;

	begin_test();
	for (unsigned i = 0; i < 20; i++)
		must_be(name_of(texts[i], i), i);
	first = learnt;
	for (unsigned i = 0; i < 20000; i++) {
		char *at = buffers[i % BUFFERS] + i % 16;
		unsigned number = rnd(&random, 20);

		strcpy(at, texts[number]);
		must_be(fnt_name_find(&names, at), number);
	}
	ck_assert_uint_eq(learnt, first);
}
END_TEST

/* … at whatever address the cache itself is, … */
START_TEST(moving_name_is_learnt_in_any_cache_position)
{
	size_t size = (sizeof(names) / 4096 + 2) * 4096;
	char *memory = aligned_alloc(4096, size);

	begin_test();
	for (unsigned off = 0; off < 4096; off += 64) {
		struct fnt_name_cache *here = (struct fnt_name_cache *)(memory + off);

		fnt_name_cache_init(here);
		for (unsigned i = 0; i < 20; i++)
			fnt_name_learn(here, texts[i], strlen(texts[i]), i);
		for (unsigned i = 0; i < 20; i++) {
			strcpy(buffers[i], texts[i]);
			must_be(fnt_name_find(here, buffers[i]), i);
		}
		fnt_name_cache_fini(here);
	}
	free(memory);
}
END_TEST

/* … and at an address that comes again and again with the same text it is found by its
 * address. */
START_TEST(repeated_address_is_found_by_address)
{
	char *at = buffers[0];

	begin_test();
	/* Choose an address whose place in the cache is not that of either. */
	while (fnt_name_index(&names, at) == fnt_name_index(&names, texts[8]) ||
	       fnt_name_index(&names, at) == fnt_name_index(&names, texts[9]))
		at += WIDTH;
	must_be(name_of(texts[9], 9), 9);
	strcpy(at, texts[9]);
	ck_assert_ptr_null(fnt_name_by_address(&names, at));
	must_be(fnt_name_find(&names, at), 9);
	must_be(fnt_name_find(&names, at), 9);
	must_be(fnt_name_by_address(&names, at), 9);
	/* Other texts do not displace it. */
	must_be(name_of(texts[8], 8), 8);
	for (unsigned i = 0; i < 10; i++) {
		strcpy(at, texts[8]);
		must_be(fnt_name_find(&names, at), 8);
	}
	strcpy(at, texts[9]);
	must_be(fnt_name_by_address(&names, at), 9);
}
END_TEST

START_TEST(forgetting_a_row_clears_every_copy)
{
	static struct fnt_op_cache row;
	struct fnt_name_entry *seen;

	begin_test();
	must_be(name_of(texts[3], 3), 3);
	strcpy(buffers[0], texts[3]);
	seen = fnt_name_find(&names, buffers[0]);
	seen->rows[FNT_OP_GET] = &row;
	fnt_name_by_address(&names, texts[3])->rows[FNT_OP_GET] = &row;
	fnt_name_cache_forget_rows(&names);
	ck_assert_ptr_null(fnt_name_by_address(&names, texts[3])->rows[FNT_OP_GET]);
	strcpy(buffers[1], texts[3]);
	ck_assert_ptr_null(fnt_name_find(&names, buffers[1])->rows[FNT_OP_GET]);
}
END_TEST

/* ---- in calls -------------------------------------------------------------------- */

struct message {
	char fn[WIDTH], entity[2][WIDTH];
};

static void
record(struct fnt_log *log, const struct message *m)
{
	struct fnt_call *call = begin_call(log, m->fn, "c_1");

	MUST(fnt_call_op(call, FNT_OP_GET, m->entity[0], NULL, 5, 1, true) == FNT_DONE);
	MUST(!fnt_call_op_end(call,
			      fnt_call_op_begin(call, FNT_OP_LIST, m->entity[1], NULL),
			      1, true));
	MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
}

/* An entity named at a new address each time has its metrics row cached with its text:
 * ops on it take the fast path. */
START_TEST(moving_entity_has_its_row_cached)
{
	struct fnt_log *log = open_log("moving", NULL);
	const struct fnt_thread *thread;
	const struct fnt_name_entry *entry;
	static char room[1000][8];

	for (unsigned i = 0; i < 999; i++) {
		struct fnt_call *call = begin_call(log, "fn", "id");

		strcpy(room[i], "Lot");
		if (i % 2)
			MUST(fnt_call_op(call, FNT_OP_GET, room[i], NULL, 1, 1, true) ==
			     FNT_DONE);
		else
			MUST(fnt_call_op_end(call,
					     fnt_call_op_begin(call, FNT_OP_LIST,
							       room[i], NULL),
					     1, true) == FNT_DONE);
		MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
	}
	thread = atomic_load(&log->attachment)->threads;
	strcpy(room[999], "Lot");
	entry = fnt_name_find((struct fnt_name_cache *)&thread->names, room[999]);
	ck_assert_ptr_nonnull(entry);
	ck_assert_ptr_ne(entry->at, room[999]);
	ck_assert_ptr_nonnull(entry->rows[FNT_OP_GET]);
	ck_assert_ptr_nonnull(entry->rows[FNT_OP_LIST]);
	fnt_log_close(log);
}
END_TEST

START_TEST(names_in_messages_are_recorded)
{
	static struct message messages[16];
	struct fnt_log *log = open_log("messages", NULL);
	struct rnd random = {11};

	make_texts();
	for (unsigned i = 0; i < ROUNDS(20000, 3000); i++) {
		struct message *m = &messages[rnd(&random, 16)];
		struct fnt_traces *traces;

		strcpy(m->fn, texts[rnd(&random, 10)]);
		strcpy(m->entity[0], texts[rnd(&random, i % 50 ? 10 : TEXTS)]);
		strcpy(m->entity[1], texts[rnd(&random, 10)]);
		record(log, m);
		traces = newest(log, 1);
		ck_assert_str_eq(traces->items[0].fn_name, m->fn);
		ck_assert_uint_eq(traces->items[0].op_count, 2);
		ck_assert_str_eq(traces->items[0].ops[0].entity, m->entity[0]);
		ck_assert_str_eq(traces->items[0].ops[1].entity, m->entity[1]);
		fnt_traces_free(traces);
	}
	fnt_log_close(log);
	must_be_sound("messages");
}
END_TEST

FIXTURE_MAIN("name_cache", names_are_told_apart_by_text, literal_is_found_by_address,
	     moving_name_is_learnt_once, moving_name_is_learnt_in_any_cache_position,
	     repeated_address_is_found_by_address, forgetting_a_row_clears_every_copy,
	     moving_entity_has_its_row_cached, names_in_messages_are_recorded)
