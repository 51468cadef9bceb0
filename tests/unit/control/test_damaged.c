/* SPDX-License-Identifier: MIT
 *
 * test_damaged.c: one word of a region's control data holds nonsense, in a region that
 * was resized, while a host opens it, records, recovers a dead process and closes it,
 * and while every control command runs. Nobody dies: an error or a lost record at most.
 */
#include "support/controls.h"
#include "format/layout_rings.h"

#include <stddef.h>

#define NAME "damaged"

/* What a damaged word is set to. */
static const uint64_t nonsense[] = {0, 1, 255, 1ull << 32, 1ull << 62, UINT64_MAX};

#define NONSENSE (sizeof(nonsense) / sizeof(nonsense[0]))

/* Commands wait for processes that will not come: linked with --wrap=nanosleep. */
int __wrap_nanosleep(const struct timespec *span, struct timespec *left);

int
__wrap_nanosleep(const struct timespec *span, struct timespec *left)
{
	(void)span;
	(void)left;
	return 0;
}

/* The sound bytes of the region, and its file, mapped. */
static unsigned char *sound, *file;
static size_t size;

/* Record a few calls, one of which stays open, and die. */
static void
leave_dead_process(void)
{
	pid_t pid = fork();

	if (!pid) {
		struct fnt_log *log = open_sized(NAME, MIB(1));

		for (int i = 0; i < 20; i++)
			record_call(log, "dead", "d");
		begin_call(log, "open", "o");
		_exit(0);
	}
	must_end_well(pid);
}

/* A region that has been resized twice; a dead process has a slot, a lane and frames in
 * it. */
static void
make_region(void)
{
	struct fnt_control *control;
	struct fnt_log *log;

	unlink(region_path(NAME, ".fnt"));
	log = open_sized(NAME, MIB(1));
	control = open_control(NAME);
	record_numbers(log, 0, 100);
	MUST(!fnt_control_resize(control, MIB(2), NULL, NULL));
	record_numbers(log, 100, 100);
	MUST(!fnt_control_resize(control, MIB(1), NULL, NULL));
	record_numbers(log, 200, 100);
	fnt_control_close(control);
	fnt_log_close(log);
	leave_dead_process();
	file = map_region_file(NAME, &size);
	sound = malloc(size);
	MUST(sound);
	memcpy(sound, file, size);
}

static void
change_all(void)
{
	static const char *const assignments[] = {"keep=0.5", "slow=1ms"};
	struct fnt_settings_list *list;
	struct fnt_control *control;
	struct fnt_rings rings;
	uint32_t count;

	if (fnt_control_open(&control, NAME, NULL))
		return;
	fnt_control_set(control, NULL, assignments, 2, NULL);
	fnt_control_set(control, "f*", assignments, 1, NULL);
	if (!fnt_control_get(control, &list))
		fnt_settings_free(list);
	fnt_control_reset(control, NULL, NULL);
	fnt_control_reap(control, &count, &rings, NULL);
	fnt_control_resize(control, MIB(2), &rings, NULL);
	if (!fnt_control_rotate(control, region_path("rotated", ".fnt"), &rings, NULL))
		unlink(rings.path);
	fnt_control_close(control);
}

static void
record_some(struct fnt_log *log)
{
	struct fnt_call *left = begin_call(log, "left", "l");
	struct fnt_traces *traces;

	for (int i = 0; i < 8; i++) {
		struct fnt_call *call = begin_call(log, "fn", "c");

		fnt_call_op(call, FNT_OP_GET, "Entity", "1", 5, 1, true);
		if (i % 2)
			fnt_call_finish_ok(call, NULL);
		else
			fnt_call_finish_error(call, "E", "m");
	}
	if (!fnt_log_recent(log, 10, &traces))
		fnt_traces_free(traces);
	fnt_call_finish_ok(left, NULL);
}

static void
read_all(void)
{
	struct fnt_reader *reader;
	struct fnt_traces *traces;
	struct fnt_check check;
	struct fnt_stat stat;

	if (fnt_reader_open(&reader, NAME, NULL))
		return;
	if (!fnt_reader_query(reader, &(struct fnt_query){.limit = 5}, &traces))
		fnt_traces_free(traces);
	fnt_reader_stat(reader, &stat);
	fnt_reader_check(reader, &check, NULL, NULL);
	fnt_reader_close(reader);
}

static struct fnt_log *
open_existing(void)
{
	struct fnt_log *log;

	return fnt_log_open(&log, NAME, &(struct fnt_options){.flags = FNT_ATTACH_ONLY})
		       ? NULL
		       : log;
}

/* Everything that a host and a tool do. `log` may be NULL. */
static void
use_region(struct fnt_log *log)
{
	alarm(60);
	record_some(log);
	change_all();
	record_some(log);
	read_all();
	fnt_log_close(log);
}

static void
restore(void)
{
	MUST(!truncate(region_path(NAME, ".fnt"), (off_t)size));
	memcpy(file, sound, size);
}

/* Set the word at `off` to each nonsense in turn: before the log is opened, and
 * after. */
static void
damage(size_t off, const char *what)
{
	uint64_t *word = (uint64_t *)(void *)(file + off);
	int status;
	pid_t pid = fork();

	if (!pid) {
		for (size_t i = 0; i < NONSENSE; i++) {
			struct fnt_log *log;

			restore();
			*word = nonsense[i];
			use_region(open_existing());
			restore();
			log = open_existing();
			record_some(log);
			*word = nonsense[i];
			use_region(log);
		}
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		ck_abort_msg("%s at byte %zu: %s %d", what, off,
			     WIFSIGNALED(status) ? "signal" : "status",
			     WIFSIGNALED(status) ? WTERMSIG(status)
						 : WEXITSTATUS(status));
}

static const struct fnt_section *
section_of(uint32_t kind)
{
	const struct fnt_header *header = (const struct fnt_header *)(void *)sound;

	for (uint32_t i = 0; i < header->section_count; i++)
		if (header->sections[i].kind == kind)
			return &header->sections[i];
	ck_abort_msg("no section %u", kind);
	return NULL;
}

/* Damage the first words of an entry. */
static void
damage_entry(uint32_t kind, uint64_t entry, size_t words, const char *what)
{
	const struct fnt_section *section = section_of(kind);

	for (size_t i = 0; i < words; i++)
		damage(section->off + entry * section->stride + i * 8, what);
}

/* A segment that is over is not mapped any more, but its numbers are used. */
START_TEST(a_segment_without_cells)
{
	const struct fnt_section *rings;

	make_region();
	rings = section_of(FNT_SECTION_RINGS);
	for (size_t i = 0; i < FNT_SEGMENTS; i++)
		damage(rings->off + offsetof(struct fnt_ring_head, slots) +
			       i * sizeof(struct fnt_segment_slot) +
			       offsetof(struct fnt_segment_slot, cells),
		       "cells");
}
END_TEST

#define SLOT_WORDS 6 /* of struct fnt_segment_slot */

START_TEST(words_of_ring_heads)
{
	const struct fnt_section *rings;

	make_region();
	rings = section_of(FNT_SECTION_RINGS);
	for (uint64_t ring = 0; ring < FNT_RINGS; ring++) {
		size_t off = rings->off + ring * rings->stride;

		damage_entry(FNT_SECTION_RINGS, ring, 2, "cursor, segments");
		for (size_t i = 0; i < 4; i++)
			damage(off + offsetof(struct fnt_ring_head, shown) + i * 8,
			       "shown to lap");
		for (size_t i = 0; i < FNT_SEGMENTS; i++)
			for (size_t word = 0; word < SLOT_WORDS; word++)
				damage(off + offsetof(struct fnt_ring_head, slots) +
					       i * sizeof(struct fnt_segment_slot) +
					       word * 8,
				       "segment");
	}
}
END_TEST

START_TEST(words_of_tables)
{
	make_region();
	damage_entry(FNT_SECTION_CONTROL, 0, sizeof(struct fnt_control_words) / 8,
		     "control");
	damage_entry(FNT_SECTION_PRODUCERS, 0, 8, "producer");
	damage_entry(FNT_SECTION_LANES, 0, sizeof(struct fnt_lane) / 8, "lane");
	damage_entry(FNT_SECTION_FRAMES, 0, 8 + FNT_RECORD_WORDS, "frame");
	damage_entry(FNT_SECTION_METRICS, 0, 4, "metrics");
	damage_entry(FNT_SECTION_SETTINGS, 0, 12, "settings");
}
END_TEST

FIXTURE_MAIN("damaged", a_segment_without_cells, words_of_ring_heads, words_of_tables)
