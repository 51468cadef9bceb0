/* SPDX-License-Identifier: MIT
 *
 * test_sparse.c: a reader of a sparse file touches as many pages as the file has data,
 * however much its header promises; and sees what is written to the file later.
 */
#include "support/fixture.h"
#include "format/layout_rings.h"

#include <fntrace/metrics.h>

#include <stddef.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#define TMPFS 0x01021994

static bool
on_tmpfs(void)
{
	struct statfs fs;

	return !statfs(fixture_dir, &fs) && fs.f_type == TMPFS;
}

static uint64_t
allocated(const char *path)
{
	struct stat st;

	MUST(!stat(path, &st));
	return (uint64_t)st.st_blocks * 512;
}

/* ---- copies ---------------------------------------------------------------------- */

/* Copy what is not a hole. */
static void
copy_sparse(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_RDWR | O_CREAT | O_EXCL, 0600);
	static char bytes[MIB(1)];
	struct stat st;
	off_t at = 0;

	MUST(in >= 0 && out >= 0 && !fstat(in, &st) && !ftruncate(out, st.st_size));
	while ((at = lseek(in, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(in, at, SEEK_HOLE);

		while (at < end) {
			size_t some = (size_t)(end - at) < sizeof(bytes)
					      ? (size_t)(end - at)
					      : sizeof(bytes);

			MUST(pread(in, bytes, some, at) == (ssize_t)some);
			MUST(pwrite(out, bytes, some, at) == (ssize_t)some);
			at += (off_t)some;
		}
	}
	close(in);
	close(out);
}

/* ---- reading --------------------------------------------------------------------- */

static void
read_all(const char *path, uint64_t retained)
{
	struct fnt_reader *reader = open_reader(path);
	struct fnt_traces *traces;
	struct fnt_producer *producers;
	struct fnt_metrics *metrics;
	struct fnt_cursor *cursor;
	const struct fnt_trace *trace;
	struct fnt_check check;
	struct fnt_stat stat;
	size_t count;

	MUST(!fnt_reader_query(reader, &(struct fnt_query){.limit = 100}, &traces));
	ck_assert_uint_eq(traces->count, retained);
	fnt_traces_free(traces);
	MUST(!fnt_reader_in_flight(reader, &traces));
	fnt_traces_free(traces);
	MUST(!fnt_reader_stat(reader, &stat));
	ck_assert_uint_eq(stat.retained, retained);
	MUST(!fnt_reader_producers(reader, &producers, &count));
	free(producers);
	MUST(!fnt_reader_metrics(reader, &metrics));
	fnt_metrics_free(metrics);
	MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	for (count = 0; fnt_cursor_next(cursor, &trace) == 1;)
		count++;
	fnt_cursor_close(cursor);
	ck_assert_uint_eq(count, retained);
	MUST(!fnt_reader_check(reader, &check, NULL, NULL));
	fnt_reader_close(reader);
}

static struct fnt_section *
section_of(struct fnt_header *header, uint32_t kind)
{
	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == kind)
			return &header->sections[i];
	ck_abort_msg("no section %u", kind);
	return NULL;
}

#define PROMISED MIB(512) /* of frames, and of cells */
#define FRAMES (1u << 17)

/* Turn a small region into one that has as many frames as a region may have, and a ring
 * of PROMISED bytes that has been filled, in holes of its file. */
static void
promise(const char *path)
{
	struct fnt_header header;
	struct fnt_section *frames;
	struct fnt_ring_head heads[FNT_RINGS];
	off_t control, rings;
	uint64_t high = FRAMES;
	int fd = open(path, O_RDWR);

	MUST(fd >= 0);
	MUST(pread(fd, &header, sizeof(header), 0) == sizeof(header));
	rings = (off_t)section_of(&header, FNT_SECTION_RINGS)->off;
	control = (off_t)section_of(&header, FNT_SECTION_CONTROL)->off;
	MUST(pread(fd, heads, sizeof(heads), rings) == sizeof(heads));
	frames = section_of(&header, FNT_SECTION_FRAMES);
	frames->off = MIB(16);
	frames->count = FRAMES;
	header.size_bytes = MIB(16) + 2 * PROMISED;
	for (int i = 0; i < FNT_RINGS; i++) {
		uint64_t cells = PROMISED / FNT_CELL_BYTES / 4;

		atomic_store(&heads[i].slots[0].off,
			     MIB(16) + PROMISED + (uint64_t)i * PROMISED / 4);
		atomic_store(&heads[i].slots[0].cells, cells);
		atomic_store(&heads[i].cursor,
			     atomic_load(&heads[i].slots[0].first) + 5 * cells);
	}
	MUST(!ftruncate(fd, (off_t)header.size_bytes));
	MUST(pwrite(fd, &header, sizeof(header), 0) == sizeof(header));
	MUST(pwrite(fd, heads, sizeof(heads), rings) == sizeof(heads));
	MUST(pwrite(fd, &high, 8,
		    control + (off_t)offsetof(struct fnt_control_words, frames_high)) ==
	     8);
	close(fd);
}

/* A page is allocated by reading on tmpfs only. */
START_TEST(a_promise_takes_no_memory)
{
	const char *path = region_path("promise", ".fnt");
	uint64_t before;

	if (!on_tmpfs())
		return;
	fnt_log_close(open_sized("promise", SMALLEST));
	promise(path);
	before = allocated(path);
	ck_assert_uint_lt(before, MIB(1));
	read_all("promise", 0);
	ck_assert_uint_lt(allocated(path), before + MIB(1));
}
END_TEST

START_TEST(a_sparse_copy_is_read_whole)
{
	char from[256], to[256];
	struct fnt_log *log = open_sized("whole", MIB(64));
	uint64_t before;

	record_numbers(log, 0, 50);
	fnt_log_close(log);
	snprintf(from, sizeof(from), "%s", region_path("whole", ".fnt"));
	snprintf(to, sizeof(to), "%s", region_path("copy", ".fnt"));
	copy_sparse(from, to);
	before = allocated(to);
	read_all("copy", 50);
	ck_assert_uint_lt(allocated(to), before + MIB(2));
}
END_TEST

static void
must_retain(struct fnt_reader *reader, uint64_t count)
{
	ck_assert_uint_eq(stat_of(reader).retained, count);
}

/* A process takes the copy into use, and thereby fills it. */
START_TEST(what_is_written_later_is_seen)
{
	char from[256], to[256];
	struct fnt_log *log = open_sized("early", MIB(64));
	struct fnt_reader *reader;

	record_numbers(log, 0, 50);
	fnt_log_close(log);
	snprintf(from, sizeof(from), "%s", region_path("early", ".fnt"));
	snprintf(to, sizeof(to), "%s", region_path("late", ".fnt"));
	copy_sparse(from, to);
	reader = open_reader("late");
	must_retain(reader, 50);
	log = open_log(to, NULL);
	record_numbers(log, 50, 7000);
	must_retain(reader, 7050);
	fnt_log_close(log);
	must_retain(reader, 7050);
	fnt_reader_close(reader);
}
END_TEST

FIXTURE_MAIN("sparse", a_promise_takes_no_memory, a_sparse_copy_is_read_whole,
	     what_is_written_later_is_seen)
