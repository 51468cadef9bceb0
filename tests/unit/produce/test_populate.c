/* SPDX-License-Identifier: MIT
 *
 * test_populate.c: the pages of the ring are mapped before a process uses them, whoever
 * came first, and after a resize. Which are, the kernel says in /proc/self/pagemap.
 */
#include "support/controls.h"

#include "produce/populate.h"
#include "region/map.h"
#include "region/region.h"

#include <inttypes.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static bool
can_populate(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool can = page != MAP_FAILED && !madvise(page, 4096, MADV_POPULATE_WRITE);

	if (page != MAP_FAILED)
		munmap(page, 4096);
	return can;
}

/* Where this process's log has mapped byte `off` of the region for writing. */
static uintptr_t
address_of(const char *name, uint64_t off)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512], file[64];
	uintptr_t found = 0;

	MUST(maps);
	snprintf(file, sizeof(file), "/%s.fnt", name);
	while (!found && fgets(line, sizeof(line), maps)) {
		uint64_t from, to, at;
		char flags[8];

		if (strstr(line, file) &&
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64, &from, &to,
			   flags, &at) == 4 &&
		    flags[1] == 'w' && off >= at && off - at < to - from)
			found = from + (off - at);
	}
	fclose(maps);
	return found;
}

static bool
is_mapped(int pagemap, uintptr_t address)
{
	uint64_t entry;

	MUST(pread(pagemap, &entry, sizeof(entry), (off_t)(address / 4096 * 8)) ==
	     sizeof(entry));
	return entry >> 63;
}

/* Make calls of one cell. Before each few, the page of the next cell must be there, and
 * those of the next 64 KiB. */
static void
record_on_mapped_pages(struct fnt_log *log, const char *name, uint64_t calls)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	struct fnt_region region;
	const struct fnt_segments *segments;
	const struct fnt_segment *segment;
	uintptr_t cells;

	MUST(pagemap >= 0);
	MUST(!fnt_region_open_read(&region, name, NULL));
	segments = fnt_view_segments(&region.view, FNT_RING_MAIN);
	segment = &segments->at[segments->count - 1];
	cells = address_of(name, segment->off);
	MUST(cells);
	for (uint64_t i = 0; i < calls; i++) {
		uint64_t cursor = atomic_load(&region.view.rings[0].cursor);

		for (uint64_t k = 0; i % 50 == 0 && k < 256; k += 16) {
			uint64_t cell =
				(cursor + k - segment->first) % segment->cell_count;

			if (!is_mapped(pagemap, cells + cell * FNT_CELL_BYTES))
				ck_abort_msg("call %" PRIu64 ": cell %" PRIu64
					     " is not mapped",
					     i, cell);
		}
		MUST(record_call(log, "fn", "c") == FNT_DONE);
	}
	fnt_region_close(&region);
	close(pagemap);
}

static const uint64_t sizes[] = {MIB(1), MIB(4), MIB(16)};
static const char *const names[] = {"lap1", "lap4", "lap16"};

START_TEST(first_lap)
{
	struct fnt_log *log = open_sized(names[_i], sizes[_i]);
	struct fnt_traces *traces;

	if (!can_populate())
		return;
	MUST(record_call(log, "fn", "c") == FNT_DONE);
	record_on_mapped_pages(log, names[_i], region_stat(names[_i]).cells + 1000);
	MUST(!fnt_log_recent(log, 100, &traces));
	ck_assert_uint_eq(traces->count, 100);
	fnt_traces_free(traces);
	fnt_log_close(log);
	must_be_sound(names[_i]);
}
END_TEST

/* Other processes come in the middle of a lap: each maps the pages that it is going to
 * use. */
START_TEST(later_processes)
{
	for (uint32_t life = 0; life < 3 && can_populate(); life++) {
		pid_t pid = fork();

		if (!pid) {
			struct fnt_log *log = open_sized("lives", MIB(16));

			MUST(record_call(log, "fn", "c") == FNT_DONE);
			record_on_mapped_pages(log, "lives", 20000);
			fnt_log_close(log);
			_exit(0);
		}
		MUST(pid > 0);
		must_end_well(pid);
	}
}
END_TEST

START_TEST(after_a_resize)
{
	struct fnt_log *log = open_sized("resized", MIB(4));
	struct fnt_control *control = open_control("resized");

	for (uint32_t i = 0; i < 30000; i++)
		MUST(record_call(log, "fn", "c") == FNT_DONE);
	MUST(!fnt_control_resize(control, MIB(24), NULL, NULL));
	fnt_control_close(control);
	for (uint32_t i = 0; i < 200; i++)
		MUST(record_call(log, "fn", "c") == FNT_DONE);
	if (can_populate())
		record_on_mapped_pages(log, "resized", 20000);
	fnt_log_close(log);
	must_be_sound("resized");
}
END_TEST

FIXTURE_MAIN_LOOPS("populate", {first_lap, 3}, {later_processes, 1},
		   {after_a_resize, 1})
