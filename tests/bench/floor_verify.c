/* SPDX-License-Identifier: MIT */
#include "floor_verify.h"

#include "floor_scene.h"
#include "region/region.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WARM_UP 100u /* calls, until tickets come in large blocks */
#define TRIES 200u
#define CANNOT 77
#define PAYLOAD_MOST (FLOOR_FRAMES * FNT_FRAME_PAYLOAD_BYTES)
#define SPOILT 0x5a5a5a5a5a5a5a5au

/* ---- the floor's call --------------------------------------------------------- */

/* Fill what a call must overwrite with a pattern: a word that the floor does not write
 * shows up as a difference. */
static void
spoil(struct copies *copies)
{
	uint64_t state = floor_load(&copies->frames[0].state);

	memset(&copies->frames[0], (int)(SPOILT & 0xff), sizeof(copies->frames[0]));
	floor_store(&copies->frames[0].state, state);
	floor_store(&copies->frames[0].next, 0); /* 0 before and after a call */
	for (uint32_t i = 1; i < copies->frame_count; i++) {
		floor_store(&copies->frames[i].next, SPOILT);
		memset(copies->frames[i].payload, (int)(SPOILT & 0xff),
		       FNT_FRAME_PAYLOAD_BYTES);
	}
	memset(copies->cells, (int)(SPOILT & 0xff), sizeof(copies->cells));
	memset(&copies->lane.journal, (int)(SPOILT & 0xff),
	       offsetof(struct fnt_journal, counts[5]));
}

/* Make the floor's call. False: a cell had an unexpected state. */
static bool
make_call(struct floor *f, const struct scene *s)
{
	struct floor_call call = {.call_id = workload_call_id(&s->work, s->done),
				  .user_id = workload_user_id(&s->work, s->done),
				  .row_id = workload_row_id(&s->work, s->done)};
	struct floor_variant variant = {.vdso = true, .counted = true, .ops = s->ops};
	struct floor_writer writer = floor_writer(f);

	floor_begin(f, &call, variant);
	if (s->ops > 2) {
		floor_ops(f, &call, &writer, variant);
		return floor_finish_long(f, &call, writer, variant);
	}
	floor_first_op(f, &call, FLOOR_BEGUN, variant);
	floor_second_op(f, &call, FLOOR_BEGUN + FLOOR_GET, variant);
	if (!s->sampled)
		return floor_finish(f, &call, variant);
	floor_sample_out(f, &call, variant);
	return true;
}

/* Make the floor's call in copies of the state before the library's call. Process, tree
 * and function are taken from the record head `words` of the previous call. */
static bool
make_floor(struct copies *copies, const struct scene *s, const fnt_word *words)
{
	static struct fnt_octave octave, op_octaves[2];
	uint64_t ticket = floor_load(&copies->lane.rings[FNT_RING_MAIN].low);
	struct floor f = {
		.frame = &copies->frames[0],
		.lane = &copies->lane,
		.cells = copies->cells,
		.fn_rows = &copies->fn_row,
		.octaves = &octave,
		.op_octaves = op_octaves,
		.get = &copies->get,
		.insert = &copies->insert,
		.ticket = ticket,
		.lap_shift = 63,
		.lane_no = s->lane,
		.fn_ids = {(uint32_t)(floor_load(&words[7]) >> 32)},
		.first_row = s->fn_row,
		.trace_high = floor_load(&words[2]),
		.pid_tid = floor_load(&words[8]),
		.exe = floor_load(&words[9]) & UINT32_MAX,
		.origin = floor_load(&words[15]),
		.flags = (uint32_t)floor_load(&words[10]),
	};
	bool named = floor_set_names(&f, fnt_key_name(floor_load(&copies->get.key)),
				     fnt_key_name(floor_load(&copies->insert.key)));

	spoil(copies);
	for (uint32_t i = 0; i < FLOOR_FRAMES; i++) {
		f.frames[i] = &copies->frames[i];
		f.frame_nos[i] = copies->frame_nos[i];
	}
	for (uint32_t i = 0; i < FLOOR_CELLS; i++)
		floor_store(&copies->cells[i].state,
			    fnt_cell_state(0, s->lane,
					   i ? FNT_CELL_MORE : FNT_CELL_HEAD, 0));
	return make_call(&f, s) && named;
}

/* ---- comparing ---------------------------------------------------------------- */

struct part {
	const char *name;
	size_t at, words; /* in struct copies: bytes, and how many words are compared */
	uint64_t apart;	  /* bit mask: words whose values may differ */
};

#define WORD(type, field) (1ull << offsetof(struct type, field) / 8)
#define JOURNAL(field) (1ull << offsetof(struct fnt_journal, field) / 8)

/* Random: uid, second half of the trace id. */
#define HEAD_APART (1ull << 0 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 14)

static const struct part frame_parts[] = {
	{"frame", offsetof(struct copies, frames), offsetof(struct fnt_frame, pad) / 8,
	 WORD(fnt_frame, last_ns)},
	{"frame's head", offsetof(struct copies, frames[0].record), FNT_RECORD_WORDS,
	 HEAD_APART},
	{"second frame", offsetof(struct copies, frames[1]), 8, 0},
	{"third frame", offsetof(struct copies, frames[2]), 8, 0},
	{"fourth frame", offsetof(struct copies, frames[3]), 8, 0},
};
static_assert(FLOOR_FRAMES == 4, "one for each");

static const struct part parts[] = {
	{"cell's head", offsetof(struct copies, cells[0].words), FNT_RECORD_WORDS,
	 HEAD_APART},
	{"lane", offsetof(struct copies, lane), offsetof(struct fnt_lane, pad0) / 8, 0},
	{"journal", offsetof(struct copies, lane.journal),
	 sizeof(struct fnt_journal) / 8,
	 JOURNAL(bucket) | JOURNAL(counts[FNT_JOURNAL_SUM_BUCKET]) |
		 JOURNAL(counts[FNT_JOURNAL_SUM_NS])},
	{"function's row", offsetof(struct copies, fn_row), 24,
	 1ull << (1 + FNT_FN_TOTAL_NS)},
	{"get's row", offsetof(struct copies, get), sizeof(struct fnt_op_row) / 8, 0},
	{"insert's row", offsetof(struct copies, insert), sizeof(struct fnt_op_row) / 8,
	 0},
};

static bool
same_part(const struct part *part, const struct copies *library,
	  const struct copies *floor)
{
	const uint64_t *a =
		(const uint64_t *)(const void *)((const char *)library + part->at);
	const uint64_t *b =
		(const uint64_t *)(const void *)((const char *)floor + part->at);
	bool same = true;

	for (size_t i = 0; i < part->words; i++) {
		if (part->apart >> i & 1 ? !a[i] == !b[i] && b[i] != SPOILT
					 : a[i] == b[i])
			continue;
		fprintf(stderr, "%s, word %zu: library %#llx, floor %#llx\n",
			part->name, i, (unsigned long long)a[i],
			(unsigned long long)b[i]);
		same = false;
	}
	return same;
}

/* Copy the payload out of the frames, or the cells. Returns its bytes. */
static uint32_t
frames_payload(const struct scene *s, const struct copies *copies, unsigned char *to)
{
	uint32_t bytes = FLOOR_BEGUN + s->ops / 2 * FLOOR_PAIR;

	for (uint32_t at = 0, i = 0; at < bytes; i++, at += FNT_FRAME_PAYLOAD_BYTES)
		fnt_words_load(to + at, copies->frames[i].payload,
			       FNT_FRAME_PAYLOAD_BYTES);
	return bytes;
}

static uint32_t
cells_payload(const struct scene *s, const struct copies *copies, unsigned char *to)
{
	uint32_t bytes = FLOOR_BEGUN + s->ops / 2 * FLOOR_PAIR;

	fnt_words_load(to, copies->cells[0].words + FNT_RECORD_WORDS, FNT_HEAD_BYTES);
	for (uint32_t at = FNT_HEAD_BYTES, i = 1; at < bytes; i++, at += FNT_MORE_BYTES)
		fnt_words_load(to + at, copies->cells[i].words, FNT_MORE_BYTES);
	return bytes;
}

static bool
same_payload(const char *name, unsigned char *a, unsigned char *b, uint32_t bytes)
{
	for (uint32_t at = FLOOR_BEGUN; at < bytes; at += FLOOR_PAIR) {
		memcpy(b + at + FLOOR_GET_START, a + at + FLOOR_GET_START, 4);
		memcpy(b + at + FLOOR_GET + FLOOR_INSERT_START,
		       a + at + FLOOR_GET + FLOOR_INSERT_START, 4);
	}
	for (uint32_t i = 0; i < bytes; i++) {
		if (a[i] == b[i])
			continue;
		fprintf(stderr, "%s's payload, byte %u: library %#x, floor %#x\n", name,
			i, a[i], b[i]);
		return false;
	}
	return true;
}

static bool
same_cells(const struct scene *s, const struct copies *library,
	   const struct copies *floor)
{
	static unsigned char a[PAYLOAD_MOST + FNT_CELL_BYTES],
		b[PAYLOAD_MOST + FNT_CELL_BYTES];
	uint32_t bytes = cells_payload(s, library, a);
	bool all = true;

	cells_payload(s, floor, b);
	for (uint32_t i = 0; i < fnt_cells_for(bytes); i++) {
		uint64_t x = floor_load(&library->cells[i].state);
		uint64_t y = floor_load(&floor->cells[i].state);

		if (x == y)
			continue;
		fprintf(stderr, "cell %u's state: library %#llx, floor %#llx\n", i,
			(unsigned long long)x, (unsigned long long)y);
		all = false;
	}
	return same_payload("cells", a, b, bytes) && all;
}

static bool
same(const struct scene *s, const struct copies *library, const struct copies *floor)
{
	static unsigned char a[PAYLOAD_MOST], b[PAYLOAD_MOST];
	uint32_t bytes = frames_payload(s, library, a);
	bool all;

	frames_payload(s, floor, b);
	all = same_payload("frames", a, b, bytes);
	/* frame_parts has two parts of the first frame, and one of each other. */
	for (size_t i = 0; i <= library->frame_count; i++)
		all &= same_part(&frame_parts[i], library, floor);
	if (!s->sampled)
		all &= same_cells(s, library, floor);
	/* Without a record there is no record head, which is parts[0]. */
	for (size_t i = s->sampled; i < sizeof(parts) / sizeof(parts[0]); i++)
		all &= same_part(&parts[i], library, floor);
	return all;
}

/* ---- a call ------------------------------------------------------------------- */

/* Make a call and find its frames, which are linked only while it is open. */
static bool
call_and_chain(struct scene *s, struct copies *to)
{
	struct fnt_call *call = scene_begin(s);
	bool found;

	scene_ops(s, call);
	found = scene_find_chain(s, to);
	scene_finish(s, call);
	return found;
}

/* Compare one call. The floor leaves out that the library takes a new block of tickets
 * now and then: such a call is not compared, and the next one is tried, up to TRIES.
 * The same holds if the call uses other frames than the one before, as their content
 * before the call has to be known. A try makes five calls: a block has tickets for four
 * long calls, so that with four, each try could meet a new block. */
static int
compare(struct scene *s)
{
	static struct copies before, library;

	for (unsigned i = 0; i < TRIES; i++) {
		scene_call(s);
		scene_call(s);
		if (!call_and_chain(s, &before))
			return CANNOT;
		scene_call(s);
		scene_copy_out(s, &before);
		if (!call_and_chain(s, &library))
			return CANNOT;
		scene_copy_out(s, &library);
		if (!scene_copy_cells(s, &library))
			return CANNOT;
		if (library.cursor != before.cursor ||
		    library.frame_count != before.frame_count ||
		    memcmp(library.frame_nos, before.frame_nos,
			   before.frame_count * sizeof(before.frame_nos[0])) ||
		    (!s->sampled &&
		     floor_load(&library.lane.rings[FNT_RING_MAIN].low) ==
			     FNT_TICKET_NONE))
			continue;
		s->done--;
		if (!make_floor(&before, s, before.frames[0].record)) {
			fprintf(stderr,
				"the floor: a cell or a name id is not as expected\n");
			return 1;
		}
		return same(s, &library, &before) ? 0 : 1;
	}
	fprintf(stderr,
		"no call could be compared: each took new tickets or other frames\n");
	return CANNOT;
}

static int
verify(struct scene *s)
{
	struct fnt_error error = {0};
	int status = CANNOT;

	if (fnt_log_open(
		    &s->log, "floor",
		    &(struct fnt_options){.settings = s->settings, .error = &error}) ||
	    fnt_region_open_read(&s->region, "floor", &error)) {
		fprintf(stderr, "%s\n", error.message);
		return CANNOT;
	}
	workload_init(&s->work, 0, false);
	while (s->done < WARM_UP)
		scene_call(s);
	if (scene_find_lane(s) && scene_find_frame(s) && scene_find_rows(s))
		status = compare(s);
	else
		fprintf(stderr, "cannot find a call's frame, lane or rows\n");
	fnt_region_close(&s->region);
	fnt_log_close(s->log);
	return status;
}

int
floor_verify(void)
{
	static struct scene scenes[] = {
		{.ops = 2},
		{.ops = 2, .sampled = true, .settings = "keep=0"},
		{.ops = 10},
		{.ops = 100},
	};
	char dir[] = "/dev/shm/fnt-floor-XXXXXX", path[sizeof(dir) + 16];
	int status = 0;

	if (!mkdtemp(dir))
		return perror(dir), CANNOT;
	setenv("FNTRACE_DIR", dir, 1);
	unsetenv("FNTRACE_SIZE");
	unsetenv("FNTRACE_SETTINGS");
	snprintf(path, sizeof(path), "%s/floor.fnt", dir);
	for (size_t i = 0; !status && i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		status = verify(&scenes[i]);
		unlink(path);
		if (status == 1)
			fprintf(stderr, "in a call of %u ops%s\n", scenes[i].ops,
				scenes[i].sampled ? ", sampled out" : "");
	}
	rmdir(dir);
	return status;
}
