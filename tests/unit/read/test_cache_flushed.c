/* SPDX-License-Identifier: MIT
 *
 * test_cache_flushed.c: which cache lines readers flush (cache_flush.h), and which they
 * do not.
 *
 * record_read.c and query.c are compiled into this suite with a fnt_cache_flush that
 * only notes what it was flushed (cache_flush_calls.h). The functions that read cells
 * are wrapped, to note what was read.
 */
#include "support/ring_bench.h"

#include "read/query.h"
#include "read/attached.h"

#define NOTES_MAX 20000u
#define NONE UINT64_MAX /* a uid that no record has */
#define PLACE 32u	/* a walk checks for writers once in so many cells */

/* ---- reads and flushes ----------------------------------------------------------- */

static struct {
	const char *at;
	size_t bytes;
} flushes[NOTES_MAX];

static unsigned flush_count;

void
note_flush(const void *at, size_t bytes)
{
	MUST(flush_count < NOTES_MAX);
	flushes[flush_count].at = at;
	flushes[flush_count++].bytes = bytes;
}

/* One read of a cell. */
struct seen {
	const struct fnt_cell *cell;
	enum fnt_read_result is;
	uint32_t cells;			   /* of the record; 0: no record */
	const struct fnt_segment *segment; /* the cell's segment */
	unsigned flushes_before;	   /* flushes before this read */
};

static struct seen seen[NOTES_MAX];
static unsigned seen_count;

/* A writer writes after read number `after`, and after each later one before `until`.
 */
static struct {
	unsigned after, until;
	void (*write)(void *arg);
	void *arg;
} concurrent;

static void
set_writer(void (*write)(void *arg), void *arg, unsigned after, unsigned until)
{
	concurrent.after = after;
	concurrent.until = until;
	concurrent.arg = arg;
	concurrent.write = write;
}

static void
begin_reading(void)
{
	flush_count = seen_count = 0;
}

static void
note(const struct fnt_ring_position *position, enum fnt_read_result is, uint32_t cells,
     unsigned before)
{
	MUST(seen_count < NOTES_MAX);
	seen[seen_count++] = (struct seen){fnt_ring_position_cell(position), is, cells,
					   position->segment, before};
	if (concurrent.write && seen_count >= concurrent.after &&
	    seen_count < concurrent.until)
		concurrent.write(concurrent.arg);
}

enum fnt_read_result __real_fnt_record_read_at(const struct fnt_view *view,
					       const struct fnt_ring_position *position,
					       struct fnt_record_copy *raw);
enum fnt_read_result __wrap_fnt_record_read_at(const struct fnt_view *view,
					       const struct fnt_ring_position *position,
					       struct fnt_record_copy *raw);
enum fnt_read_result
__real_fnt_record_probe_at(const struct fnt_view *view,
			   const struct fnt_ring_position *position);
enum fnt_read_result
__wrap_fnt_record_probe_at(const struct fnt_view *view,
			   const struct fnt_ring_position *position);
enum fnt_read_result __real_fnt_record_read(const struct fnt_view *view, uint32_t ring,
					    uint64_t ticket,
					    struct fnt_record_copy *raw);
enum fnt_read_result __wrap_fnt_record_read(const struct fnt_view *view, uint32_t ring,
					    uint64_t ticket,
					    struct fnt_record_copy *raw);

static uint32_t
cells_of(enum fnt_read_result is, const struct fnt_record_copy *raw)
{
	return is == FNT_READ_RECORD ? fnt_cells_for(raw->head.payload_bytes) : 0;
}

/* Called by a walk. */
enum fnt_read_result
__wrap_fnt_record_read_at(const struct fnt_view *view,
			  const struct fnt_ring_position *position,
			  struct fnt_record_copy *raw)
{
	unsigned before = flush_count;
	enum fnt_read_result is = __real_fnt_record_read_at(view, position, raw);

	note(position, is, cells_of(is, raw), before);
	return is;
}

/* Called to count records. */
enum fnt_read_result
__wrap_fnt_record_probe_at(const struct fnt_view *view,
			   const struct fnt_ring_position *position)
{
	unsigned before = flush_count;
	enum fnt_read_result is = __real_fnt_record_probe_at(view, position);

	MUST(flush_count == before);
	note(position, is, 1, before);
	return is;
}

/* Called by a follower. */
enum fnt_read_result
__wrap_fnt_record_read(const struct fnt_view *view, uint32_t ring, uint64_t ticket,
		       struct fnt_record_copy *raw)
{
	const struct fnt_segment *segment =
		fnt_segment_find(fnt_view_segments(view, ring), ticket);
	struct fnt_ring_position position = fnt_ring_position_of(segment, ticket);
	unsigned before = flush_count;
	enum fnt_read_result is = __real_fnt_record_read(view, ring, ticket, raw);

	note(&position, is, cells_of(is, raw), before);
	return is;
}

/* How many flushes there were before the next read, or the end. */
static unsigned
flushes_until_next(unsigned look)
{
	return look + 1 < seen_count ? seen[look + 1].flushes_before : flush_count;
}

static uint64_t
index_of(const struct fnt_segment *segment, const void *at)
{
	uint64_t off = (uint64_t)((const char *)at - (const char *)segment->cells);

	MUST(off < segment->cell_count * FNT_CELL_BYTES && off % FNT_CELL_BYTES == 0);
	return off / FNT_CELL_BYTES;
}

/* Of a cell: part of a record that was read, and so to be flushed; looked at; flushed
 * whole. */
struct marks {
	bool read, looked, flushed;
};

static void
mark_looked(struct marks *marks, const struct seen *look)
{
	uint64_t at = index_of(look->segment, look->cell);

	marks[at].looked = true;
	for (uint32_t n = 0; n < look->cells; n++) {
		struct marks *mark = &marks[(at + n) % look->segment->cell_count];

		mark->read = mark->looked = true;
	}
}

/* The marks of a segment's cells. Nothing of another segment was flushed, and nothing
 * before it was looked at. */
static struct marks *
marks_of(const struct fnt_segment *segment)
{
	struct marks *marks = calloc(segment->cell_count, sizeof(*marks));

	for (unsigned i = 0; i < seen_count; i++) {
		if (seen[i].segment == segment)
			mark_looked(marks, &seen[i]);
		for (unsigned t = seen[i].flushes_before; t < flushes_until_next(i);
		     t++) {
			struct marks *mark = &marks[index_of(segment, flushes[t].at)];

			MUST(flushes[t].bytes == FNT_CELL_BYTES && mark->looked);
			mark->flushed = true;
		}
	}
	return marks;
}

/* ---- a walk ---------------------------------------------------------------------- */

struct writing {
	struct bench *bench;
	uint32_t writer;
	uint64_t number;
};

static void
write_one(void *arg)
{
	struct writing *writing = arg;

	/* Nothing was flushed before the first write. */
	if (seen_count == concurrent.after)
		MUST(!flush_count);
	write_record(writing->bench, writing->writer, 1, writing->number++);
}

/* A ring that has been lapped, with records of up to `most` cells. */
static struct bench *
make_full(uint32_t most, uint64_t *number)
{
	struct bench *bench = make_bench(0, true);
	struct rnd r = {most};

	*number = 1;
	for (uint64_t cells = 0; cells < bench->segment->cell_count * 5 / 4;) {
		uint32_t count = 1 + rnd(&r, most);

		write_record(bench, 0, count, (*number)++);
		cells += count;
	}
	return bench;
}

/* Query until `limit` records of this uid are found. */
static void
walk(const struct bench *bench, uint64_t uid, size_t limit)
{
	struct fnt_traces *traces;

	begin_reading();
	MUST(!fnt_query_run(bench->view,
			    &(struct fnt_query){.limit = limit, .uid = uid}, &traces));
	fnt_traces_free(traces);
}

START_TEST(ring_at_rest_flushes_nothing)
{
	for (uint32_t most = 1; most < 8; most++) {
		uint64_t number;
		struct bench *bench = make_full(most, &number);

		walk(bench, NONE, SIZE_MAX);
		ck_assert_uint_ge(seen_count, bench->segment->cell_count - most);
		ck_assert_uint_eq(flush_count, 0);
		begin_reading();
		ck_assert_uint_gt(fnt_query_retained(bench->view), 0);
		ck_assert_uint_ge(seen_count, bench->segment->cell_count - most);
		ck_assert_uint_eq(flush_count, 0);
		free_bench(bench);
	}
}
END_TEST

/* From the write on, records that are read are flushed whole, and so are those read
 * before. */
static void
walk_with_writer(uint32_t most, unsigned after)
{
	struct writing writing = {.writer = 1};
	struct bench *bench = writing.bench = make_full(most, &writing.number);
	struct marks *marks;
	uint64_t flushed = 0;

	set_writer(write_one, &writing, after, after + 1);
	walk(bench, NONE, SIZE_MAX);
	marks = marks_of(bench->segment);
	for (uint64_t i = 0; i < bench->segment->cell_count; i++) {
		MUST(marks[i].flushed || !marks[i].read);
		flushed += marks[i].flushed;
	}
	ck_assert_uint_ge(flushed, bench->segment->cell_count - 3 * most);
	free(marks);
	concurrent.write = NULL;
	free_bench(bench);
}

START_TEST(walk_flushes_while_others_write)
{
	for (uint32_t most = 1; most < 8; most++)
		for (unsigned after = 1; after < 200; after += 1 + after / 8)
			walk_with_writer(most, after);
}
END_TEST

/* A query for a few records that finds them before the second check for writers (here
 * after 64 cells) flushes nothing, as the same records will soon be read again. */
START_TEST(query_for_a_few_records_flushes_nothing)
{
	for (unsigned few = 1; few < 2 * PLACE; few++) {
		struct writing writing = {.writer = 1};
		struct bench *bench = writing.bench = make_full(1, &writing.number);

		MUST(bench->segment->cell_count % PLACE == 0);
		set_writer(write_one, &writing, 1, UINT32_MAX);
		walk(bench, writing.number - few, 1);
		ck_assert_uint_eq(seen_count, few);
		ck_assert_uint_eq(flush_count, 0);
		concurrent.write = NULL;
		free_bench(bench);
	}
}
END_TEST

/* Counting reads and flushes one line of each cell. Cells that are not written yet are
 * not flushed, as their producer is about to write them. */
START_TEST(count_flushes_one_line_of_each_cell)
{
	struct bench *bench = make_bench(0, false);
	const struct fnt_ring_handle *handle = handle_of(bench, 0);
	struct writing writing = {bench, 2, 1};
	unsigned begun = UINT32_MAX, older = 0;

	/* Writer 0 has reserved tickets below those of writer 1, which has some, too.
	 */
	for (uint32_t some = 0; writing.number < 4 * bench->segment->cell_count ||
				handle->block.end < handle->block.next + 2;
	     some = (some + 1) % 3)
		write_record(bench, 0, 1 + some, writing.number++);
	for (int i = 0; i < 150; i++)
		write_record(bench, 1, 1, writing.number++);
	set_writer(write_one, &writing, 10, 11);
	begin_reading();
	fnt_query_retained(bench->view);
	for (unsigned i = 0; i < seen_count; i++) {
		unsigned flushed = flushes_until_next(i) - seen[i].flushes_before;
		bool is_there = seen[i].is == FNT_READ_RECORD ||
				seen[i].is == FNT_READ_MORE ||
				seen[i].is == FNT_READ_PAD;

		if (flushed && begun == UINT32_MAX)
			begun = i;
		if (begun == UINT32_MAX)
			continue;
		older += seen[i].is == FNT_READ_OLDER;
		ck_assert_uint_eq(flushed, is_there);
		MUST(!flushed ||
		     (flushes[seen[i].flushes_before].at ==
			      (const char *)seen[i].cell &&
		      flushes[seen[i].flushes_before].bytes == FNT_CACHE_FLUSH_LINE));
	}
	/* Reserved tickets are skipped, so the walk may check for writers a little
	 * earlier. */
	ck_assert_uint_ge(begun, concurrent.after - 1);
	ck_assert_uint_le(begun, concurrent.after + 2 * PLACE);
	ck_assert_uint_gt(older, 0);
	concurrent.write = NULL;
	free_bench(bench);
}
END_TEST

/* ---- both rings ------------------------------------------------------------------ */

static void
record_one(void *log)
{
	record_call(log, "fn", "1");
}

/* Meanwhile successful calls are written, and no errors: the kept ring is at rest. */
START_TEST(each_ring_flushes_by_itself)
{
	struct fnt_log *log = open_log("rings", NULL);
	struct fnt_reader *reader = open_reader("rings");
	struct fnt_query all = {.limit = SIZE_MAX, .uid = NONE};
	const struct fnt_view *view = &reader->region.view;
	const struct fnt_segment *main_segment =
		&fnt_view_segments(view, FNT_RING_MAIN)->at[0];
	const struct fnt_segment *kept_segment =
		&fnt_view_segments(view, FNT_RING_KEPT)->at[0];
	struct fnt_traces *traces;
	uint64_t of_main = 0, of_kept = 0;
	struct marks *marks;

	for (unsigned i = 0; i < 2 * main_segment->cell_count; i++) {
		record_numbers(log, i, 1);
		MUST(!fnt_call_finish_error(begin_call(log, "fn", "e"), "E", "failed"));
	}
	set_writer(record_one, log, 10, UINT32_MAX);
	begin_reading();
	MUST(!fnt_reader_query(reader, &all, &traces));
	concurrent.write = NULL;
	fnt_traces_free(traces);
	for (unsigned i = 0; i < seen_count; i++) {
		of_main += seen[i].segment == main_segment && seen[i].cells;
		of_kept += seen[i].segment == kept_segment && seen[i].cells;
	}
	ck_assert_uint_gt(of_main, 4 * PLACE);
	ck_assert_uint_gt(of_kept, 4 * PLACE);
	marks = marks_of(main_segment);
	for (uint64_t i = 0; i < main_segment->cell_count; i++)
		MUST(marks[i].flushed || !marks[i].read);
	free(marks);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

/* ---- a follower ------------------------------------------------------------------ */

static void
record_some(struct fnt_log *log, struct rnd *r, unsigned count)
{
	static char text[3000];
	struct fnt_value value = {FNT_VALUE_JSON, text, 0};

	memset(text, '1', sizeof(text));
	while (count--) {
		struct fnt_call *call = begin_call(log, "fn", "1");

		value.len = 1 + rnd(r, sizeof(text) - 1);
		if (rnd(r, 3))
			MUST(!fnt_call_finish_ok(call, rnd(r, 2) ? &value : NULL));
		else
			MUST(!fnt_call_finish_error(call, "E", "failed"));
	}
}

/* Each record is flushed whole as soon as it is read, and nothing else is. Returns how
 * many. */
static unsigned
must_have_flushed_records(void)
{
	unsigned records = 0;

	for (unsigned i = 0; i < seen_count; i++) {
		uint64_t at = index_of(seen[i].segment, seen[i].cell);

		MUST(flushes_until_next(i) - seen[i].flushes_before == seen[i].cells);
		for (uint32_t n = 0; n < seen[i].cells; n++) {
			const struct fnt_segment *segment = seen[i].segment;
			const struct fnt_cell *cell =
				&segment->cells[(at + n) % segment->cell_count];

			MUST(flushes[seen[i].flushes_before + n].at ==
			     (const char *)cell);
			MUST(flushes[seen[i].flushes_before + n].bytes ==
			     FNT_CELL_BYTES);
		}
		records += seen[i].is == FNT_READ_RECORD;
	}
	return records;
}

START_TEST(follower_flushes_what_it_has_read)
{
	const char *name = _i ? "oldest" : "now";
	struct fnt_log *log = open_log(name, NULL);
	struct fnt_reader *reader = open_reader(name);
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	struct rnd r = {7};
	unsigned got = 0, recorded = 0, records = 0;

	ck_assert(
		!fnt_cursor_open(&cursor, reader, _i ? FNT_FROM_OLDEST : FNT_FROM_NOW));
	for (int round = 0; round < ROUNDS(200, 40); round++) {
		unsigned more = 1 + rnd(&r, 100);

		record_some(log, &r, more);
		recorded += more;
		while (got + fnt_cursor_missed(cursor) < recorded) {
			begin_reading();
			while (seen_count < NOTES_MAX / 2 &&
			       flush_count < NOTES_MAX / 2 &&
			       fnt_cursor_next(cursor, &trace) == 1)
				got++;
			records += must_have_flushed_records();
		}
	}
	ck_assert_uint_ge(records, got);
	ck_assert_uint_eq(fnt_cursor_missed(cursor), 0);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	fnt_log_close(log);
}
END_TEST

FIXTURE_MAIN_LOOPS("cache_flushed", {ring_at_rest_flushes_nothing, 1},
		   {walk_flushes_while_others_write, 1},
		   {query_for_a_few_records_flushes_nothing, 1},
		   {count_flushes_one_line_of_each_cell, 1},
		   {each_ring_flushes_by_itself, 1},
		   {follower_flushes_what_it_has_read, 2})
