/* SPDX-License-Identifier: MIT
 *
 * test_overrun.c: followers that are slower than the producers, and faster.
 */
#include "read/overrun.h"
#include "support/suite.h"

#define LAP 4096u

/* A follower starts near the oldest ticket. Producers write `written` tickets in the
 * time in which it reads `read`. */
struct race {
	struct fnt_overrun overrun;
	uint64_t position, cursor;
	uint64_t read, missed;
	/* smallest distance from the producers to the follower, in tickets */
	uint64_t least_left;
};

static void
race_begin(struct race *race)
{
	*race = (struct race){.overrun.lap = LAP,
			      .position = 5 * LAP + 16,
			      .cursor = 6 * LAP,
			      .least_left = LAP};
	fnt_overrun_note(&race->overrun, race->position, race->cursor);
}

static void
race_on(struct race *race, unsigned read, unsigned written, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		race->cursor += written;
		for (unsigned j = 0; j < read && race->position < race->cursor; j++) {
			uint64_t at = race->position, left;

			if (fnt_overrun_due(&race->overrun, at))
				race->position = fnt_overrun_resume(&race->overrun, at,
								    race->cursor);
			MUST(race->position >= at && race->position <= race->cursor);
			race->missed += race->position - at;
			MUST(race->position + LAP >= race->cursor);
			left = race->position + LAP - race->cursor;
			if (left < race->least_left)
				race->least_left = left;
			race->position++;
			race->read++;
		}
	}
}

/* Producers up to four times as fast never reach the follower. It misses what it has no
 * time to read, and half a ring. */
START_TEST(slow_follower_keeps_its_distance)
{
	struct race race;

	race_begin(&race);
	race.position += LAP / 8; /* a lead */
	fnt_overrun_note(&race.overrun, race.position, race.cursor);
	race_on(&race, 10, 11 + (unsigned)_i, 100000);
	ck_assert_uint_gt(race.least_left, 0);
	ck_assert_uint_gt(race.missed, 0);
	ck_assert_uint_le(race.missed, (uint64_t)(1 + _i) * 100000 + LAP / 2);
}
END_TEST

/* A follower that is faster, or as fast as producers that are not near, reads
 * everything. */
START_TEST(fast_follower_misses_nothing)
{
	struct race race;

	race_begin(&race);
	race_on(&race, 11, 10, 100000);
	ck_assert_uint_eq(race.missed, 0);
	ck_assert_uint_eq(race.read, 100000u * 10 + LAP - 16);
	race_begin(&race);
	race.position += LAP / 2;
	fnt_overrun_note(&race.overrun, race.position, race.cursor);
	race_on(&race, 10, 10, 100000);
	ck_assert_uint_eq(race.missed, 0);
}
END_TEST

/* Without producers, a follower skips nothing. */
START_TEST(ring_at_rest_is_read_whole)
{
	struct race race;

	race_begin(&race);
	race_on(&race, LAP, 0, 2);
	ck_assert_uint_eq(race.missed, 0);
	ck_assert_uint_eq(race.read, LAP - 16);
}
END_TEST

/* It skips an eighth, then a quarter, then half of the ring; and an eighth again, once
 * it has caught up. */
START_TEST(skips_grow)
{
	struct fnt_overrun overrun = {.lap = LAP};

	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(fnt_overrun_skip(&overrun, LAP), LAP / 8);
		fnt_overrun_note(&overrun, 0, LAP / 2);
		ck_assert_uint_eq(fnt_overrun_skip(&overrun, LAP), LAP / 4);
		ck_assert_uint_eq(fnt_overrun_skip(&overrun, LAP), LAP / 2);
		ck_assert_uint_eq(fnt_overrun_skip(&overrun, LAP), LAP / 2);
		fnt_overrun_note(&overrun, 0, LAP / 4 - 1);
	}
	ck_assert_uint_eq(fnt_overrun_skip(&overrun, 15), 0);
}
END_TEST

static uint64_t
any(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> (*seed >> 58);
}

/* Whatever a damaged region holds, the follower never goes back. */
START_TEST(damaged_cursors)
{
	uint64_t seed = 1;

	for (int i = 0; i < 1000000; i++) {
		struct fnt_overrun overrun = {.lap = any(&seed)};
		uint64_t position = any(&seed), at;

		fnt_overrun_note(&overrun, position, any(&seed));
		position += any(&seed) % 100;
		at = fnt_overrun_resume(&overrun, position, any(&seed));
		MUST(at >= position);
		MUST(overrun.lap == 0 || !fnt_overrun_due(&overrun, at));
	}
}
END_TEST

int
main(void)
{
	SRunner *runner;
	TCase *tcase = suite_begin("overrun", SUITE_TIMEOUT, &runner);

	tcase_add_loop_test(tcase, slow_follower_keeps_its_distance, 0, 30);
	tcase_add_test(tcase, fast_follower_misses_nothing);
	tcase_add_test(tcase, ring_at_rest_is_read_whole);
	tcase_add_test(tcase, skips_grow);
	tcase_add_test(tcase, damaged_cursors);
	return suite_end(runner);
}
