/* SPDX-License-Identifier: MIT
 *
 * test_ring.c: cells from inside: at the limits of the counters, with cells that stay
 * busy, and at random.
 */
#include "region/name_table.h"
#include "support/ring_bench.h"

/* ---- limits of the counters ------------------------------------------------------ */

/* Across the limit, the newest records are there, whole and in order. */
static void
cross(uint64_t start, bool ordered)
{
	struct bench *bench = make_bench(start, ordered);
	struct rnd r = {start + 1};
	uint64_t cells = bench->segment->cell_count, expect, seen;

	for (uint64_t number = 1; number < 3000; number++) {
		uint64_t ticket = write_record(bench, 0, 1 + rnd(&r, 6), number);

		MUST(look(bench, ticket, &seen) == FNT_READ_RECORD && seen == number);
		if (number % 100)
			continue;
		expect = number;
		for (uint64_t t = atomic_load(&bench->head->cursor), back = 0;
		     back < cells && t > start; back++)
			if (look(bench, --t, &seen) == FNT_READ_RECORD)
				MUST(seen == expect--);
		/* A full ring of them, or all that were written. */
		MUST(number - expect >= (number < cells / 7 ? number : cells / 7));
	}
	free_bench(bench);
}

START_TEST(limits_of_the_counters)
{
	struct bench *bench = make_bench(0, false);
	const uint64_t cells = bench->segment->cell_count;
	const uint64_t starts[] = {0,
				   (1ull << 32) - 1500,
				   (1ull << 32) * cells - 1500,
				   (1ull << 39) * cells - 1500,
				   (1ull << 40) * cells - 1500,
				   (3ull << 40) * cells - 1500};

	ck_assert_uint_eq(atomic_load(&bench->head->cursor), cells);
	free_bench(bench);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		cross(starts[i], false);
		cross(starts[i], true);
	}
}
END_TEST

START_TEST(laps_compare_across_wrap_around)
{
	const uint64_t laps[] = {0, 1, 2, FNT_LAP_MASK - 1, FNT_LAP_MASK};

	for (int i = 0; i < 5; i++)
		ck_assert(!fnt_lap_before(laps[i], laps[i]));
	ck_assert(fnt_lap_before(0, 1) && !fnt_lap_before(1, 0));
	ck_assert(fnt_lap_before(FNT_LAP_MASK, 0) && !fnt_lap_before(0, FNT_LAP_MASK));
	ck_assert(fnt_lap_before(FNT_LAP_MASK - 1, 1));
	ck_assert(!fnt_lap_before(2, FNT_LAP_MASK));
	/* The same for cell states, whatever else they hold. */
	for (int i = 0; i < 5 * 5 * 4; i++) {
		uint64_t a = laps[i % 5], b = laps[i / 5 % 5];
		uint32_t lane_a = i & 25 ? 0xffff : 0, lane_b = i >= 50 ? 0xffff : 1;
		uint64_t head = fnt_cell_state(b, lane_b, FNT_CELL_HEAD, 0);

		ck_assert_int_eq(
			fnt_cell_before(fnt_cell_state(a, lane_a, FNT_CELL_MORE, 1),
					head),
			fnt_lap_before(a, b));
		ck_assert_uint_eq(fnt_cell_more(head | 1),
				  fnt_cell_state(b, lane_b, FNT_CELL_MORE, 1));
	}
}
END_TEST

/* ---- busy cells ------------------------------------------------------------------ */

START_TEST(busy_cell_is_skipped)
{
	struct bench *bench = make_bench(0, true);
	uint64_t cells = bench->segment->cell_count, seen;
	struct fnt_claim held;
	struct fnt_cell *cell;

	MUST(take_at_0(bench, 1, 1, &held));
	write_claim(bench, 1, &held, 4242);
	cell = fnt_ring_claim_cell(&bench->writers[0].handles[0], &held, 0);
	/* Lap the cell three times. */
	for (uint64_t i = 0; i < cells * 3; i++)
		write_record(bench, 0, 1 + (uint32_t)i % 3, i);
	ck_assert_uint_eq(look(bench, held.ticket, &seen), FNT_READ_BUSY);
	ck_assert_uint_ge(atomic_load(&bench->view->lanes[0].cells_skipped), 3);
	for (uint32_t w = FNT_RECORD_WORDS; w < FNT_CELL_WORDS; w++)
		ck_assert_uint_eq(atomic_load(&cell->words[w]),
				  word_of(4242, w - FNT_RECORD_WORDS));
	/* Its owner wakes up and commits a record of a lap long ago. */
	commit_claim(bench, 1, &held);
	ck_assert_uint_eq(look(bench, held.ticket, &seen), FNT_READ_RECORD);
	ck_assert_uint_eq(seen, 4242);
	for (uint64_t i = 0; i < cells; i++)
		write_record(bench, 0, 1, i);
	ck_assert_uint_eq(look(bench, held.ticket, &seen), FNT_READ_GONE);
	free_bench(bench);
}
END_TEST

/* The third cell of a record belongs to another writer, of a lap ago or of one to come.
 * The claim takes nothing of it, and keeps none of the other cells. */
static void
meet_another(uint64_t lap, uint32_t busy)
{
	struct bench *bench = make_bench(0, false);
	struct fnt_ring_handle *handle = handle_of(bench, 0);
	uint64_t theirs = fnt_cell_state(lap, 3, FNT_CELL_HEAD, busy), first, seen;
	struct fnt_claim claim;
	struct fnt_cell *cell;

	handle->block.size_max = 64;
	for (int i = 0; i < 64; i++)
		write_record(bench, 0, 1, (uint64_t)i);
	ck_assert_uint_ge(handle->block.end - handle->block.next, 8);
	first = handle->block.next;
	cell = &handle->cells[first - handle->block.cell_0];
	atomic_store(&cell[2].state, theirs);
	ck_assert(!fnt_ring_claim_fast(handle, 4, bench->now, &claim));
	ck_assert_uint_eq(atomic_load(&cell[2].state), theirs);
	for (uint64_t i = 0; i < 2; i++)
		ck_assert_uint_eq(look(bench, first + i, &seen), FNT_READ_PAD);
	ck_assert_uint_eq(handle->block.next, first + 3);
	ck_assert_uint_eq(atomic_load(&bench->view->lanes[0].rings[0].low), first + 3);
	ck_assert_uint_eq(atomic_load(&bench->view->lanes[0].cells_skipped), 1);
	ck_assert(fnt_ring_claim_fast(handle, 4, bench->now, &claim));
	ck_assert_uint_eq(claim.ticket, first + 3);
	atomic_store(&cell[7].state, theirs);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(
			atomic_load(&cell[3 + i].state),
			fnt_cell_state(1, 0, i ? FNT_CELL_MORE : FNT_CELL_HEAD, 1));
	write_claim(bench, 0, &claim, 99);
	commit_claim(bench, 0, &claim);
	ck_assert_uint_eq(look(bench, first + 3, &seen), FNT_READ_RECORD);
	ck_assert(!fnt_ring_claim_fast(handle, 1, bench->now, &claim));
	ck_assert_uint_eq(atomic_load(&cell[7].state), theirs);
	free_bench(bench);
}

START_TEST(claim_meets_another_writers_cell)
{
	meet_another(0, 1);
	meet_another(2, 1);
	meet_another(2, 0);
	meet_another(1, 0);
}
END_TEST

START_TEST(all_cells_busy)
{
	struct bench *bench = make_bench(0, true);
	uint64_t cells = bench->segment->cell_count;
	struct fnt_claim claim, *held = calloc(cells, sizeof(*held));

	for (uint64_t i = 0; i < cells; i++)
		MUST(take_at_0(bench, 1, 1, &held[i]));
	for (int i = 0; i < 100; i++) {
		ck_assert(!take_at_0(bench, 0, 1 + (uint32_t)(i % 5), &claim));
		if (i % 5 == 0)
			ck_assert_uint_eq(
				atomic_load(&bench->view->lanes[0].rings[0].low),
				FNT_TICKET_NONE);
	}
	for (uint64_t i = 0; i < cells; i++)
		ck_assert_uint_eq(
			fnt_cell_busy(atomic_load(
				&fnt_ring_claim_cell(&bench->writers[0].handles[0],
						     &held[i], 0)
					 ->state)),
			1);
	free(held);
	free_bench(bench);
}
END_TEST

/* ---- at random ------------------------------------------------------------------- */

struct held {
	bool held;
	struct fnt_claim claim;
	uint64_t number;
};

/* No two writers ever hold the same cell. */
static void
must_be_apart(const struct bench *bench, const struct held held[WRITERS], uint32_t of)
{
	uint64_t cells = bench->segment->cell_count;

	for (uint32_t w = 0; w < WRITERS; w++) {
		const struct fnt_claim *a = &held[of].claim, *b = &held[w].claim;

		if (w == of || !held[w].held)
			continue;
		for (uint32_t i = 0; i < a->count; i++)
			MUST((a->index + i - b->index + cells) % cells >= b->count);
	}
}

/* Writers claim cells, sleep with them while others lap the ring, and commit at last,
 * or die and are recovered. Every record that is read is whole, and none is read that
 * was not committed. */
START_TEST(random_claims)
{
	for (uint64_t seed = 0; seed < ROUNDS(30u, 3u); seed++) {
		struct bench *bench = make_bench(0, seed % 2);
		struct held held[WRITERS] = {{false}};
		struct rnd r = {seed + 1};
		unsigned char *committed = calloc(20001, 1);
		uint64_t seen, next = 1;

		while (next < 20000) {
			uint32_t w = rnd(&r, WRITERS);
			struct fnt_lane *lane = &bench->view->lanes[w];

			bench->now += rnd(&r, 200000);
			if (!held[w].held) {
				held[w].number = next++;
				held[w].held =
					take(bench, w, 1 + rnd(&r, 90), &held[w].claim);
				if (held[w].held)
					must_be_apart(bench, held, w);
			} else if (w && rnd(&r, 30)) {
				continue; /* sleeps */
			} else if (rnd(&r, 10)) {
				write_claim(bench, w, &held[w].claim, held[w].number);
				commit_claim(bench, w, &held[w].claim);
				committed[held[w].number] = 1;
				held[w].held = false;
			} else {
				fnt_ring_recover(
					bench->segments, w,
					atomic_load(&lane->rings[0].block_first),
					atomic_load(&lane->rings[0].block_end));
				fnt_ring_writer_init(&bench->writers[w], bench->view,
						     w);
				held[w].held = false;
			}
			if (next % 64 == 0) {
				uint64_t t = atomic_load(&bench->head->cursor);

				for (uint64_t i = 0; i < bench->segment->cell_count;
				     i++)
					if (look(bench, --t, &seen) == FNT_READ_RECORD)
						MUST(committed[seen]);
			}
		}
		free(committed);
		free_bench(bench);
	}
}
END_TEST

/* ---- names at the end of memory -------------------------------------------------- */

START_TEST(names_are_found_again)
{
	struct bench *bench = make_bench(0, false);
	char name[300], text[FNT_NAME_MAX + 1];
	uint32_t ids[300];
	unsigned none = 0;

	memset(name, 'n', sizeof(name));
	for (uint32_t len = 0; len < 300; len++) {
		ids[len] = fnt_name_intern(bench->view, 3, name, len);
		none += ids[len] == FNT_NAME_NONE;
		MUST(len <= FNT_NAME_MAX || ids[len] == FNT_NAME_NONE);
	}
	ck_assert_uint_le(300 - none, SMALL_NAMES);
	ck_assert_uint_gt(300 - none, SMALL_NAMES / 2);
	for (uint32_t len = 0; len < 300; len++) {
		MUST(fnt_name_intern(bench->view, 4, name, len) == ids[len]);
		if (ids[len] == FNT_NAME_NONE)
			continue;
		MUST(fnt_name_get(bench->view, ids[len], text) == (int)len);
		MUST(!memcmp(text, name, len) && !text[len]);
	}
	MUST(fnt_name_get(bench->view, SMALL_NAMES, text) < 0);
	MUST(fnt_name_get(bench->view, FNT_NAME_NONE, text) < 0);
	free_bench(bench);
}
END_TEST

/* A slot that its writer left BUSY is skipped, and empty again after its death is
 * noticed. */
START_TEST(half_written_name_is_skipped)
{
	struct bench *bench = make_bench(0, false);
	struct fnt_view *view = bench->view;
	uint32_t hash = fnt_name_hash("name", 4), id,
		 at = fnt_name_home(hash, view->name_count);
	char text[FNT_NAME_MAX + 1];

	atomic_store(&view->names[at].state,
		     (uint64_t)hash << 32 | 7u << 16 | 4u << 8 | FNT_NAME_BUSY);
	ck_assert_int_lt(fnt_name_get(view, at, text), 0);
	id = fnt_name_intern(view, 1, "name", 4);
	ck_assert_uint_ne(id, at);
	ck_assert_uint_ne(id, FNT_NAME_NONE);
	fnt_name_reclaim(view, 6);
	ck_assert_uint_ne(atomic_load(&view->names[at].state), 0);
	fnt_name_reclaim(view, 7);
	ck_assert_uint_eq(atomic_load(&view->names[at].state), 0);
	/* The name has another slot, which stays. */
	ck_assert_int_eq(fnt_name_get(view, id, text), 4);
	free_bench(bench);
}
END_TEST

FIXTURE_MAIN("ring", limits_of_the_counters, laps_compare_across_wrap_around,
	     busy_cell_is_skipped, claim_meets_another_writers_cell, all_cells_busy,
	     random_claims, names_are_found_again, half_written_name_is_skipped)
