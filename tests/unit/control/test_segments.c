/* SPDX-License-Identifier: MIT
 *
 * test_segments.c: resize and rotate, seen from inside and outside; damaged tables of
 * segments.
 */
#include "support/controls.h"

#include "region/segment.h"
#include "region/region.h"
#include "settings/first_settings.h"

#include <fcntl.h>
#include <sys/stat.h>

static void
finish_many(struct fnt_log *log, uint64_t first, uint64_t count)
{
	char id[32];

	for (uint64_t n = first; n < first + count; n++) {
		struct fnt_call *call;

		snprintf(id, sizeof(id), "%llu", (unsigned long long)n);
		call = begin_call(log, "fn", id);
		if (n % 10)
			MUST(fnt_call_finish_ok(call, NULL) == FNT_DONE);
		else
			MUST(fnt_call_finish_error(call, "E", "m") == FNT_DONE);
	}
}

/* Exactly the records from `first` to `last` are there, newest first; for readers, and
 * for the log itself. */
static void
must_hold(const char *name, struct fnt_log *log, uint64_t first, uint64_t last)
{
	struct fnt_reader *reader = open_reader(name);
	struct fnt_traces *traces;

	for (int own = 0; own <= (log != NULL); own++) {
		if (own)
			MUST(!fnt_log_recent(log, SIZE_MAX, &traces));
		else
			MUST(!fnt_reader_query(reader,
					       &(struct fnt_query){.limit = SIZE_MAX},
					       &traces));
		ck_assert_uint_eq(traces->count, last - first + 1);
		for (uint64_t i = 0; i < traces->count; i++)
			ck_assert_uint_eq(number_of(&traces->items[i]), last - i);
		fnt_traces_free(traces);
	}
	fnt_reader_close(reader);
	must_be_sound(name);
}

static struct fnt_rings
resize(const char *name, uint64_t size)
{
	struct fnt_control *control = open_control(name);
	struct fnt_error error = {0};
	struct fnt_rings rings;

	if (fnt_control_resize(control, size, &rings, &error))
		ck_abort_msg("resize: %s", error.message);
	fnt_control_close(control);
	return rings;
}

static int
rotate(const char *name, const char *path, struct fnt_rings *rings,
       struct fnt_error *error)
{
	struct fnt_control *control = open_control(name);
	int rc = fnt_control_rotate(control, path, rings, error);

	fnt_control_close(control);
	return rc;
}

static uint64_t
blocks_of(const char *name)
{
	struct stat st;

	MUST(!stat(region_path(name, ".fnt"), &st));
	return (uint64_t)st.st_blocks * 512;
}

/* ---- resize ---------------------------------------------------------------------- */

START_TEST(growing_keeps_all_records)
{
	struct fnt_log *log = open_sized("grow", MIB(6));
	uint64_t before = region_stat("grow").cells;
	struct fnt_rings rings;

	finish_many(log, 1, 1000);
	rings = resize("grow", MIB(20));
	ck_assert_uint_gt(rings.cells, 3 * before);
	ck_assert_uint_eq(rings.size_bytes, MIB(20));
	ck_assert(rings.shown);
	must_hold("grow", log, 1, 1000);
	finish_many(log, 1001, 1000);
	must_hold("grow", log, 1, 2000);
	/* Tables and options have not changed. */
	ck_assert_uint_eq(region_stat("grow").size_bytes, MIB(20));
	ck_assert_uint_eq(region_stat("grow").recorded, 2000);
	fnt_log_close(log);
	log = open_log("grow", NULL);
	finish_many(log, 2001, 10);
	must_hold("grow", log, 1, 2010);
	fnt_log_close(log);
}
END_TEST

/* The newest records that fit stay. Once the new rings are full, the space of the old
 * ones is freed. */
START_TEST(shrinking_frees_space)
{
	struct fnt_log *log = open_sized("shrink", MIB(24));
	uint64_t before = blocks_of("shrink"), cells;
	struct fnt_rings rings;

	finish_many(log, 1, 30000);
	rings = resize("shrink", MIB(10));
	cells = rings.cells + rings.kept_cells;
	ck_assert(rings.shown && rings.waiting_bytes > MIB(10));
	must_hold("shrink", log, 1, 30000);
	finish_many(log, 30001, 3 * cells);
	/* Any tool or process that opens the region does it. */
	fnt_log_close(log);
	log = open_log("shrink", NULL);
	ck_assert_uint_le(blocks_of("shrink"), MIB(10) + 65536);
	ck_assert_uint_gt(before, MIB(20));
	ck_assert_uint_le(region_stat("shrink").retained, cells);
	ck_assert_uint_gt(region_stat("shrink").retained, cells / 2);
	fnt_log_close(log);
	must_be_sound("shrink");
}
END_TEST

/* A thread waits with unused tickets of an old segment. It loses no record and does not
 * keep the rings from being resized. */
START_TEST(waiting_thread_keeps_its_tickets)
{
	struct fnt_log *log = open_sized("waits", MIB(6));
	struct fnt_control *control = open_control("waits");
	struct fnt_error error = {0};
	struct fnt_rings rings;
	char path[600];
	uint64_t next = 1;

	for (int round = 0; round < 12; round++) {
		/* Fast, so that the thread's block is large and not used up. */
		finish_many(log, next, 100);
		next += 100;
		snprintf(path, sizeof(path), "%s/waits-%d.fnt", getenv("FNTRACE_DIR"),
			 round);
		if (fnt_control_rotate(control, path, &rings, &error))
			ck_abort_msg("round %d: %s", round, error.message);
		ck_assert_uint_eq(rings.frozen, 100);
		must_hold(path, NULL, next - 100, next - 1);
		ck_assert_uint_eq(fnt_log_len(log), 0);
	}
	fnt_control_close(control);
	fnt_log_close(log);
	must_be_sound("waits");
}
END_TEST

START_TEST(invalid_sizes)
{
	static const uint64_t sizes[] = {0, 1, 4096, 300 << 10, MIB(1), 1ull << 40};
	struct fnt_control *control;
	struct fnt_error error;
	uint64_t cells;

	fnt_log_close(open_sized("sizes", MIB(8)));
	cells = region_stat("sizes").cells;
	control = open_control("sizes");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert_int_eq(fnt_control_resize(control, sizes[i], NULL, &error),
				 -EINVAL);
		ck_assert_ptr_nonnull(strstr(error.message, "a size of"));
	}
	fnt_control_close(control);
	ck_assert_uint_eq(region_stat("sizes").cells, cells);
	must_be_sound("sizes");
}
END_TEST

/* ---- rotate ---------------------------------------------------------------------- */

static void
must_name_its_file(const char *path, const struct stat *st)
{
	struct fnt_header header;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	MUST(pread(fd, &header, sizeof(header), 0) == sizeof(header));
	close(fd);
	ck_assert_uint_eq(header.file_dev, st->st_dev);
	ck_assert_uint_eq(header.file_ino, st->st_ino);
}

START_TEST(rotate_leaves_empty_rings)
{
	struct fnt_log *log = open_sized("app", MIB(6));
	struct fnt_call *open = begin_call(log, "slow", "in flight");
	struct fnt_error error = {0};
	struct fnt_rings rings;
	struct fnt_traces *traces;
	struct stat st;

	finish_many(log, 1, 500);
	MUST(!rotate("app", NULL, &rings, &error));
	ck_assert_uint_eq(rings.frozen, 500);
	ck_assert(!stat(rings.path, &st) && (st.st_mode & 0777) == 0600);
	must_name_its_file(rings.path, &st);
	must_hold(rings.path, NULL, 1, 500);
	ck_assert_uint_eq(region_stat(rings.path).in_flight, 0);
	ck_assert_uint_eq(region_stat(rings.path).recorded, 500);
	ck_assert_uint_eq(fnt_log_len(log), 0);
	/* Errors are looked for in the kept ring, which is empty now. */
	MUST(!fnt_log_errors(log, 10, &traces));
	ck_assert_uint_eq(traces->count, 0);
	fnt_traces_free(traces);
	ck_assert_uint_eq(region_stat("app").in_flight, 1);
	MUST(fnt_call_finish_ok(open, NULL) == FNT_DONE);
	ck_assert_uint_eq(fnt_log_len(log), 1);
	/* An existing file is not overwritten, and the attempt loses no record. */
	ck_assert_int_eq(rotate("app", rings.path, &rings, &error), -EEXIST);
	ck_assert_int_eq(rotate("app", "/nowhere/at/all.fnt", &rings, &error), -ENOENT);
	ck_assert_uint_eq(fnt_log_len(log), 1);
	fnt_log_close(log);
	must_be_sound("app");
}
END_TEST

/* Frozen files are regions: they can be written to, resized and rotated. */
START_TEST(frozen_file_can_be_written)
{
	struct fnt_log *log = open_sized("first", MIB(6));
	struct fnt_error error = {0};
	struct fnt_rings rings, again;

	finish_many(log, 1, 300);
	resize("first", MIB(8));
	finish_many(log, 301, 300);
	MUST(!rotate("first", NULL, &rings, &error));
	fnt_log_close(log);
	must_hold(rings.path, NULL, 1, 600);
	log = open_log(rings.path, NULL);
	finish_many(log, 601, 300);
	must_hold(rings.path, log, 1, 900);
	MUST(!rotate(rings.path, NULL, &again, &error));
	must_hold(again.path, NULL, 1, 900);
	fnt_log_close(log);
}
END_TEST

/* A follower goes on from segment to segment, and knows how many records it missed. */
START_TEST(follower_crosses_segments)
{
	struct fnt_log *log = open_sized("follow", MIB(6));
	struct fnt_reader *reader = open_reader("follow");
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	struct fnt_error error = {0};
	uint64_t next = 1, had = 0, last = 0;

	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_NOW));
	for (int round = 0; round < 20; round++) {
		finish_many(log, next, 150);
		next += 150;
		if (round % 3 == 1)
			resize("follow", MIB(6) + (uint64_t)round * 65536);
		else if (round % 3 == 2)
			MUST(!rotate("follow", region_path("follow-frozen", ".fnt"),
				     NULL, &error));
		unlink(region_path("follow-frozen", ".fnt"));
		finish_many(log, next, 50);
		next += 50;
		/* The follower waits a little for tickets that a thread has reserved.
		 */
		for (int idle = 0; idle < (round == 19 ? 50 : 1); idle++) {
			while (fnt_cursor_next(cursor, &trace) == 1) {
				ck_assert_uint_gt(number_of(trace), last);
				last = number_of(trace);
				had++;
			}
			if (round == 19)
				nap_us(1000);
		}
	}
	ck_assert_uint_eq(had + fnt_cursor_missed(cursor), next - 1);
	/* Most records were read before a rotation took them out. */
	ck_assert_uint_lt(fnt_cursor_missed(cursor), next / 2);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- reap, remove ---------------------------------------------------------------- */

START_TEST(tool_recovers_the_dead)
{
	struct latch ready = make_latch();
	struct fnt_control *control;
	struct fnt_error error = {0};
	struct fnt_traces *traces;
	struct fnt_reader *reader;
	uint32_t count;
	pid_t pid;

	fnt_log_close(open_sized("reap", MIB(2)));
	pid = fork();
	if (!pid) {
		struct fnt_log *own = open_log("reap", NULL);

		begin_call(own, "fn", "left");
		latch_open(&ready);
		for (;;)
			nap_us(100000);
	}
	latch_wait(&ready);
	control = open_control("reap");
	MUST(!fnt_control_reap(control, &count, NULL, &error));
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(fnt_control_remove(control, false, &count, &error), -EBUSY);
	ck_assert_uint_eq(count, 1);
	kill_child(pid);
	MUST(!fnt_control_reap(control, &count, NULL, &error));
	ck_assert_uint_eq(count, 1);
	reader = open_reader("reap");
	MUST(!fnt_reader_query(reader, &(struct fnt_query){.limit = 9}, &traces));
	ck_assert_uint_eq(traces->count, 1);
	ck_assert_uint_eq(traces->items[0].outcome, FNT_ABORTED);
	fnt_traces_free(traces);
	fnt_reader_close(reader);
	MUST(!fnt_control_remove(control, false, &count, &error));
	ck_assert_int_ne(access(region_path("reap", ".fnt"), F_OK), 0);
	ck_assert_int_eq(fnt_control_remove(control, true, &count, &error), -ENOENT);
	fnt_control_close(control);
}
END_TEST

/* ---- damaged --------------------------------------------------------------------- */

/* Random bytes in the ring heads, before and while readers and producers use the
 * region. Errors and lost records are allowed, and nothing worse. */
START_TEST(damaged_segment_tables)
{
	const uint64_t values[] = {
		0,	    1,		2,	    63,		4096,
		1ull << 20, 1ull << 44, 1ull << 62, UINT64_MAX, UINT64_MAX - 4095};
	struct rnd r = {3};

	for (int round = 0; round < ROUNDS(150, 40); round++) {
		struct fnt_log *log = open_sized("damaged", MIB(2)), *other;
		const struct fnt_trace *trace;
		struct fnt_cursor *cursor;
		struct fnt_reader *reader;
		struct fnt_control *control;
		struct fnt_region region;
		struct fnt_traces *traces;
		struct fnt_check check;
		struct fnt_error error;
		uint32_t ring = rnd(&r, 2);
		uint64_t *word;
		int budget = 200000;

		finish_many(log, 1, 200);
		if (round % 2)
			resize("damaged", MIB(2) + 4096ull * rnd(&r, 100));
		reader = open_reader("damaged");
		MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
		MUST(!fnt_region_open(&region, "damaged", &(struct fnt_options){0},
				      fnt_first_settings_write));
		for (int words = 1 + (int)rnd(&r, 3); words > 0; words--) {
			word = (uint64_t *)(void *)&region.view.rings[ring] +
			       rnd(&r, sizeof(struct fnt_ring_head) / 8);
			*word = rnd(&r, 2) ? values[rnd(&r, 10)]
					   : *word + rnd(&r, 200) - 100;
		}
		for (int i = 0; i < 60; i++)
			fnt_call_finish_error(begin_call(log, "fn", "x"), "E", "m");
		for (int i = 0; i < 60; i++)
			fnt_call_finish_ok(begin_call(log, "fn", "x"), NULL);
		if (!fnt_log_recent(log, SIZE_MAX, &traces))
			fnt_traces_free(traces);
		while (budget-- && fnt_cursor_next(cursor, &trace) == 1)
			;
		MUST(budget > 0);
		if (!fnt_reader_query(reader, &(struct fnt_query){.limit = 9}, &traces))
			fnt_traces_free(traces);
		fnt_reader_check(reader, &check, NULL, NULL);
		if (!fnt_control_open(&control, "damaged", &error)) {
			fnt_control_resize(control, MIB(3), NULL, &error);
			fnt_control_rotate(control, region_path("damaged-f", ".fnt"),
					   NULL, &error);
			fnt_control_close(control);
		}
		if (!fnt_log_open(&other, "damaged", NULL)) {
			finish_many(other, 1, 0);
			fnt_log_close(other);
		}
		fnt_cursor_close(cursor);
		fnt_reader_close(reader);
		fnt_region_close(&region);
		fnt_log_close(log);
		unlink(region_path("damaged-f", ".fnt"));
		unlink(region_path("damaged", ".fnt"));
	}
}
END_TEST

FIXTURE_MAIN("segments", growing_keeps_all_records, shrinking_frees_space,
	     waiting_thread_keeps_its_tickets, invalid_sizes, rotate_leaves_empty_rings,
	     frozen_file_can_be_written, follower_crosses_segments,
	     tool_recovers_the_dead, damaged_segment_tables)
