/* SPDX-License-Identifier: MIT
 *
 * test_tickets.c: tickets from inside: blocks that follow each other, blocks that are
 * overtaken, and the recovery of blocks that the dead have left.
 */
#include "support/ring_bench.h"

/* If no other writer has taken tickets in between, a new block continues a block that
 * has too few left, and no cell is skipped. The lane shows at each moment which tickets
 * it has. */
START_TEST(new_block_continues_the_old)
{
	for (uint32_t count = 2; count < 40; count++) {
		struct bench *bench = make_bench(0, false);
		const struct fnt_lane_ring *lane = &bench->view->lanes[1].rings[0];
		const struct fnt_block *block = &handle_of(bench, 1)->block;
		uint64_t next = 0;

		for (uint64_t i = 0; i < 50; i++) {
			/* Now and then the block has too few tickets; once they have
			 * expired. */
			uint32_t some = i % 7 ? count : 1;
			uint64_t at;

			if (i == 25)
				bench->now += FNT_BLOCK_LIFE_NS;
			if (i == 40)
				write_record(bench, 2, 1, 1000);
			at = write_record(bench, 1, some, i);
			if (i && i != 25 && i < 40)
				ck_assert_uint_eq(at, next);
			ck_assert_uint_ge(at, next);
			next = at + some;
			ck_assert_uint_eq(block->next, next);
			ck_assert_uint_le(atomic_load(&lane->block_first), at);
			ck_assert_uint_eq(atomic_load(&lane->block_end), block->end);
			ck_assert_uint_eq(atomic_load(&lane->low),
					  next == block->end ? FNT_TICKET_NONE : next);
		}
		/* And no tickets of the other writer were used. */
		ck_assert_uint_eq(atomic_load(&bench->view->lanes[1].cells_skipped), 0);
		free_bench(bench);
	}
}
END_TEST

/* The writer has a whole block while others lap the ring. Its next record goes behind
 * theirs, and none of their cells is touched. */
START_TEST(overtaken_block)
{
	struct bench *bench = make_bench(0, false);
	const struct fnt_block *block = &bench->writers[0].handles[0].block;
	uint64_t cells = bench->segment->cell_count, seen, number = 100000, ticket;
	uint64_t written = 0;

	/* Blocks grow while they are used up fast. */
	while (written < 200 || (written < 1000 && block->end <= block->next + 4))
		write_record(bench, 0, 1, written++);
	MUST(block->end > block->next + 4);
	for (uint64_t i = 0; i < cells * 2; i++)
		write_record(bench, 1, 1, number++);
	/* It read its clock before it slept. */
	bench->now = bench->writers[0].handles[0].block.born_ns;
	ticket = write_record(bench, 0, 3, 777);
	ck_assert_uint_eq(look(bench, ticket, &seen), FNT_READ_RECORD);
	ck_assert_uint_eq(seen, 777);
	ck_assert_uint_ge(ticket + cells / 8, atomic_load(&bench->head->cursor));
	ck_assert_uint_eq(atomic_load(&bench->view->lanes[1].rings[0].recorded),
			  cells * 2);
	free_bench(bench);
}
END_TEST

/* ---- the dead -------------------------------------------------------------------- */

START_TEST(cells_of_the_dead_are_recovered)
{
	for (uint32_t count = 1; count < 40; count++) {
		struct bench *bench = make_bench(0, false);
		uint64_t cells = bench->segment->cell_count, seen;
		struct fnt_lane *lane = &bench->view->lanes[1];
		struct fnt_claim dead, living;

		for (uint64_t i = 0; i < cells - 3; i++)
			write_record(bench, 0, 1, i);
		MUST(take(bench, 1, count, &dead));
		MUST(take(bench, 2, count, &living));
		fnt_ring_recover(bench->segments, 1,
				 atomic_load(&lane->rings[0].block_first),
				 atomic_load(&lane->rings[0].block_end));
		for (uint32_t i = 0; i < count; i++) {
			ck_assert_uint_eq(look(bench, dead.ticket + i, &seen),
					  FNT_READ_PAD);
			ck_assert_uint_eq(look(bench, living.ticket + i, &seen),
					  FNT_READ_BUSY);
		}
		write_claim(bench, 2, &living, 5);
		commit_claim(bench, 2, &living);
		ck_assert_uint_eq(look(bench, living.ticket, &seen), FNT_READ_RECORD);
		/* The cells can be claimed again. */
		for (uint64_t i = 0; i < cells; i++)
			write_record(bench, 0, 1, i);
		ck_assert_uint_eq(atomic_load(&bench->view->lanes[0].cells_skipped), 0);
		free_bench(bench);
	}
}
END_TEST

/* A damaged block covers the whole ring, or reaches far past its end. It does no harm,
 * above all not to cells of live writers. */
START_TEST(damaged_block_does_no_harm)
{
	static const uint64_t bounds[][2] = {{0, UINT64_MAX},
					     {UINT64_MAX, 0},
					     {UINT64_MAX - 5, UINT64_MAX},
					     {5, 1},
					     {1ull << 63, 1ull << 62}};
	struct bench *bench = make_bench(0, false);
	struct fnt_claim claim;
	uint64_t seen;

	MUST(take_at_0(bench, 2, 5, &claim));
	for (int i = 0; i < 5; i++) {
		fnt_ring_recover(bench->segments, 1, bounds[i][0], bounds[i][1]);
		ck_assert_uint_eq(look(bench, claim.ticket + (uint64_t)i, &seen),
				  FNT_READ_BUSY);
	}
	write_claim(bench, 2, &claim, 9);
	commit_claim(bench, 2, &claim);
	free_bench(bench);
}
END_TEST

FIXTURE_MAIN("tickets", new_block_continues_the_old, overtaken_block,
	     cells_of_the_dead_are_recovered, damaged_block_does_no_harm)
