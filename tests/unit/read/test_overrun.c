/* SPDX-License-Identifier: MIT
 *
 * test_overrun.c: followers that are slower than producers, and faster.
 */
#include "read/overrun.h"
#include "support/suite.h"

#define LAP 4096u

/* A follower that begins at nearly the oldest ticket, and producers that write
 * `written` while it reads `read`. */
struct race {
	struct fnt_overrun pace;
	uint64_t position, cursor;
	uint64_t read, missed;
	uint64_t least_left; /* tickets between producers and follower, at the least */
};

static void
race_begin(struct race *race)
{
	*race = (struct race){.pace.lap = LAP,
			      .position = 5 * LAP + 16,
			      .cursor = 6 * LAP,
			      .least_left = LAP};
	fnt_overrun_note(&race->pace, race->position, race->cursor);
}

static void
race_on(struct race *race, unsigned read, unsigned written, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		race->cursor += written;
		for (unsigned j = 0; j < read && race->position < race->cursor; j++) {
			uint64_t at = race->position, left;

			if (fnt_overrun_due(&race->pace, at))
				race->position = fnt_overrun_resume(&race->pace, at,
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

/* However much faster they are, up to four times: producers never come to it. What it
 * misses is what it has no time to read, and half a ring. */
START_TEST(slow_followers_stay_away)
{
	struct race race;

	race_begin(&race);
	race.position += LAP / 8; /* they have begun */
	fnt_overrun_note(&race.pace, race.position, race.cursor);
	race_on(&race, 10, 11 + (unsigned)_i, 100000);
	ck_assert_uint_gt(race.least_left, 0);
	ck_assert_uint_gt(race.missed, 0);
	ck_assert_uint_le(race.missed, (uint64_t)(1 + _i) * 100000 + LAP / 2);
}
END_TEST

/* One that is faster, or as fast as producers who are not near, reads everything. */
START_TEST(others_miss_nothing)
{
	struct race race;

	race_begin(&race);
	race_on(&race, 11, 10, 100000);
	ck_assert_uint_eq(race.missed, 0);
	ck_assert_uint_eq(race.read, 100000u * 10 + LAP - 16);
	race_begin(&race);
	race.position += LAP / 2;
	fnt_overrun_note(&race.pace, race.position, race.cursor);
	race_on(&race, 10, 10, 100000);
	ck_assert_uint_eq(race.missed, 0);
}
END_TEST

/* Nothing moves: it has all the time in the world. */
START_TEST(a_ring_at_rest_is_read_whole)
{
	struct race race;

	race_begin(&race);
	race_on(&race, LAP, 0, 2);
	ck_assert_uint_eq(race.missed, 0);
	ck_assert_uint_eq(race.read, LAP - 16);
}
END_TEST

/* An eighth, a quarter, half; and from the beginning, once it has caught up. */
START_TEST(skips_grow)
{
	struct fnt_overrun pace = {.lap = LAP};

	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(fnt_overrun_skip(&pace, LAP), LAP / 8);
		fnt_overrun_note(&pace, 0, LAP / 2);
		ck_assert_uint_eq(fnt_overrun_skip(&pace, LAP), LAP / 4);
		ck_assert_uint_eq(fnt_overrun_skip(&pace, LAP), LAP / 2);
		ck_assert_uint_eq(fnt_overrun_skip(&pace, LAP), LAP / 2);
		fnt_overrun_note(&pace, 0, LAP / 4 - 1);
	}
	ck_assert_uint_eq(fnt_overrun_skip(&pace, 15), 0);
}
END_TEST

static uint64_t
any(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> (*seed >> 58);
}

/* Whatever a damaged region says, it does not go back. */
START_TEST(damaged_cursors)
{
	uint64_t seed = 1;

	for (int i = 0; i < 1000000; i++) {
		struct fnt_overrun pace = {.lap = any(&seed)};
		uint64_t position = any(&seed), at;

		fnt_overrun_note(&pace, position, any(&seed));
		position += any(&seed) % 100;
		at = fnt_overrun_resume(&pace, position, any(&seed));
		MUST(at >= position);
		MUST(pace.lap == 0 || !fnt_overrun_due(&pace, at));
	}
}
END_TEST

int
main(void)
{
	SRunner *runner;
	TCase *tcase = suite_begin("pace", SUITE_TIMEOUT, &runner);

	tcase_add_loop_test(tcase, slow_followers_stay_away, 0, 30);
	tcase_add_test(tcase, others_miss_nothing);
	tcase_add_test(tcase, a_ring_at_rest_is_read_whole);
	tcase_add_test(tcase, skips_grow);
	tcase_add_test(tcase, damaged_cursors);
	return suite_end(runner);
}
