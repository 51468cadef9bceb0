/* SPDX-License-Identifier: MIT */
#include "floor_verify.h"

#include "floor.h"
#include "workload.h"

#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WARM_UP 100u /* calls, until tickets come in large blocks */
#define TRIES 200u
#define CANNOT 77
#define SPOILT 0x5a5a5a5a5a5a5a5au

/* What a call writes, copied out of the region, or written by the floor. */
struct copies {
	struct fnt_frame frame;
	struct fnt_lane lane;
	struct fnt_cell cell;
	struct fnt_fn_row fn_row;
	struct fnt_op_row get, insert;
	uint64_t cursor;
};

struct scene {
	struct workload work;
	struct fnt_log *log;
	struct fnt_region region;
	uint32_t frame, lane, fn_row, get, insert; /* numbers in the region */
	uint64_t done;
};

/* ---- the library's ------------------------------------------------------------ */

static struct fnt_call *
begin(struct scene *s)
{
	return fnt_call_begin(s->log,
			      &(struct fnt_call_info){
				      .call_id = workload_call_id(&s->work, s->done),
				      .fn_name = workload_fn(0),
				      .fn_type = FNT_MUTATION,
				      .user_id = workload_user_id(&s->work, s->done),
			      });
}

static void
finish(struct scene *s, struct fnt_call *call)
{
	fnt_call_op(call, FNT_OP_GET, "Lot", workload_row_id(&s->work, s->done),
		    FLOOR_GET_NS, 1, true);
	fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, FLOOR_INSERT_NS, FNT_NONE, true);
	fnt_call_finish_ok(call, NULL);
	s->done++;
}

/* ---- where it writes ---------------------------------------------------------- */

static bool
find_lane(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;

	for (s->lane = 0; s->lane < view->lane_count; s->lane++) {
		const struct fnt_lane *lane = &view->lanes[s->lane];

		if (fnt_state_status(floor_get(&lane->state)) == FNT_LANE_OWNED &&
		    floor_get(&lane->tid) == (uint64_t)syscall(SYS_gettid))
			return true;
	}
	return false;
}

static bool
find_frame(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;
	struct fnt_call *call = begin(s);

	for (s->frame = 0; s->frame < view->frame_count; s->frame++)
		if (fnt_state_status(floor_get(&view->frames[s->frame].state)) ==
		    FNT_FRAME_OPEN)
			break;
	finish(s, call);
	return s->frame < view->frame_count;
}

static bool
find_op_row(const struct scene *s, enum fnt_op op, uint32_t *row)
{
	const struct fnt_view *view = &s->region.view;

	for (*row = 0; *row < view->op_row_count; ++*row) {
		uint64_t key = floor_get(&view->op_rows[*row].key);

		if (fnt_key_kind(key) == FNT_ROW_OP && fnt_key_lane(key) == s->lane &&
		    fnt_key_op(key) == (uint32_t)op)
			return true;
	}
	return false;
}

/* There is one function, and one entity for each kind of op. */
static bool
find_rows(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;

	for (s->fn_row = 0; s->fn_row < view->fn_row_count; s->fn_row++) {
		uint64_t key = floor_get(&view->fn_rows[s->fn_row].key);

		if (fnt_key_kind(key) == FNT_ROW_FN && fnt_key_lane(key) == s->lane)
			break;
	}
	return s->fn_row < view->fn_row_count && find_op_row(s, FNT_OP_GET, &s->get) &&
	       find_op_row(s, FNT_OP_INSERT, &s->insert);
}

/* The cell of the last record: the frame's mark says which. */
static bool
copy_cell(const struct scene *s, const struct fnt_frame *frame, struct fnt_cell *cell)
{
	const struct fnt_era_slot *era = &s->region.view.rings[FNT_RING_MAIN].slots[0];
	uint64_t at =
		fnt_mark_ticket(floor_get(&frame->commit)) % floor_get(&era->cells);

	return pread(s->region.fd, cell, sizeof(*cell),
		     (off_t)(floor_get(&era->off) + at * sizeof(*cell))) ==
	       sizeof(*cell);
}

static void
copy_words(void *to, const void *from, size_t size)
{
	fnt_words_load(to, from, size);
}

static void
copy_out(const struct scene *s, struct copies *to)
{
	const struct fnt_view *view = &s->region.view;

	copy_words(&to->frame, &view->frames[s->frame], sizeof(to->frame));
	copy_words(&to->lane, &view->lanes[s->lane], sizeof(to->lane));
	copy_words(&to->fn_row, &view->fn_rows[s->fn_row], sizeof(to->fn_row));
	copy_words(&to->get, &view->op_rows[s->get], sizeof(to->get));
	copy_words(&to->insert, &view->op_rows[s->insert], sizeof(to->insert));
	to->cursor = floor_get(&view->rings[FNT_RING_MAIN].cursor);
}

/* ---- the floor's -------------------------------------------------------------- */

/* Where something is to be written that does not depend on what was there before: if
 * any of this is left, it was not. */
static void
spoil(struct copies *copies)
{
	uint64_t state = floor_get(&copies->frame.state);

	memset(&copies->frame, (int)(SPOILT & 0xff), sizeof(copies->frame));
	floor_set(&copies->frame.state, state);
	memset(&copies->cell, (int)(SPOILT & 0xff), sizeof(copies->cell));
	memset(&copies->lane.journal, (int)(SPOILT & 0xff),
	       offsetof(struct fnt_journal, counts[5]));
}

/* In copies of what was there before. Names, process and tree are those of the last
 * record in `cell`. */
static bool
make_floor(struct copies *copies, const struct scene *s, const struct fnt_cell *cell)
{
	static struct fnt_octave octave;
	uint64_t ticket = floor_get(&copies->lane.rings[FNT_RING_MAIN].low);
	struct floor f = {
		.frame = &copies->frame,
		.lane = &copies->lane,
		.cells = &copies->cell,
		.fn_rows = &copies->fn_row,
		.octaves = &octave,
		.get = &copies->get,
		.insert = &copies->insert,
		.ticket = ticket,
		.lap_shift = 63,
		.lane_no = s->lane,
		.fn_ids = {(uint32_t)(floor_get(&cell->words[7]) >> 32)},
		.first_row = s->fn_row,
		.trace_high = floor_get(&cell->words[2]),
		.pid_tid = floor_get(&cell->words[8]),
		.exe = floor_get(&cell->words[9]) & UINT32_MAX,
	};
	struct floor_call call = {.call_id = workload_call_id(&s->work, s->done),
				  .user_id = workload_user_id(&s->work, s->done),
				  .row_id = workload_row_id(&s->work, s->done)};
	struct floor_way way = {.vdso = true, .counted = true};
	bool named = floor_set_names(&f, fnt_key_name(floor_get(&copies->get.key)),
				     fnt_key_name(floor_get(&copies->insert.key)));

	spoil(copies);
	floor_set(&copies->cell.state, fnt_cell_state(0, s->lane, FNT_CELL_HEAD, 0));
	floor_begin(&f, &call, way);
	floor_first_op(&f, &call, FLOOR_BEGUN, way);
	floor_second_op(&f, &call, FLOOR_BEGUN + FLOOR_GET, way);
	return floor_finish(&f, &call, way) && named;
}

/* ---- are they the same? ------------------------------------------------------- */

struct part {
	const char *name;
	size_t at, words; /* in struct copies: bytes, and how many words are compared */
	uint64_t apart;	  /* bits: of these words the values may differ */
};

#define WORD(type, field) (1ull << offsetof(struct type, field) / 8)
#define JOURNAL(field) (1ull << offsetof(struct fnt_journal, field) / 8)

/* Random: uid, second half of the trace id. */
#define HEAD_APART (1ull << 0 | 1ull << 3 | 1ull << 4 | 1ull << 5)

static const struct part parts[] = {
	{"frame", offsetof(struct copies, frame), 8,
	 WORD(fnt_frame, started_mono) | WORD(fnt_frame, last_ns)},
	{"frame's head", offsetof(struct copies, frame.record), FNT_RECORD_WORDS,
	 HEAD_APART},
	{"cell", offsetof(struct copies, cell), 1, 0},
	{"cell's head", offsetof(struct copies, cell.words), FNT_RECORD_WORDS,
	 HEAD_APART},
	{"lane", offsetof(struct copies, lane), offsetof(struct fnt_lane, pad) / 8, 0},
	{"journal", offsetof(struct copies, lane.journal),
	 sizeof(struct fnt_journal) / 8,
	 JOURNAL(bucket) | JOURNAL(counts[1]) | JOURNAL(counts[2])},
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

static bool
same_payload(const char *name, const fnt_word *library, const fnt_word *floor)
{
	static const uint32_t times[] = {
		FLOOR_BEGUN + FLOOR_GET_START,
		FLOOR_BEGUN + FLOOR_GET + FLOOR_INSERT_START,
	};
	unsigned char a[FLOOR_PAYLOAD + 8], b[FLOOR_PAYLOAD + 8];

	fnt_words_load(a, library, FLOOR_PAYLOAD);
	fnt_words_load(b, floor, FLOOR_PAYLOAD);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		memcpy(b + times[i], a + times[i], 4);
	for (uint32_t i = 0; i < FLOOR_PAYLOAD; i++) {
		if (a[i] == b[i])
			continue;
		fprintf(stderr, "%s's payload, byte %u: library %#x, floor %#x\n", name,
			i, a[i], b[i]);
		return false;
	}
	return true;
}

static bool
same(const struct copies *library, const struct copies *floor)
{
	bool all = same_payload("frame", library->frame.payload, floor->frame.payload);

	all &= same_payload("cell", library->cell.words + FNT_RECORD_WORDS,
			    floor->cell.words + FNT_RECORD_WORDS);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		all &= same_part(&parts[i], library, floor);
	return all;
}

/* ---- a call ------------------------------------------------------------------- */

/* One call by either. The library takes a block of tickets, or gives one up, only now
 * and then, which the floor leaves out: then the next is looked at, up to TRIES. */
static int
compare(struct scene *s)
{
	static struct copies before, library;
	static struct fnt_cell last;

	for (unsigned i = 0; i < TRIES; i++) {
		finish(s, begin(s));
		copy_out(s, &before);
		if (!copy_cell(s, &before.frame, &last))
			return CANNOT;
		finish(s, begin(s));
		copy_out(s, &library);
		if (!copy_cell(s, &library.frame, &library.cell))
			return CANNOT;
		if (library.cursor != before.cursor ||
		    floor_get(&library.lane.rings[FNT_RING_MAIN].low) ==
			    FNT_TICKET_NONE)
			continue;
		s->done--;
		if (!make_floor(&before, s, &last)) {
			fprintf(stderr,
				"the floor's cell or names are not as it says\n");
			return 1;
		}
		return same(&library, &before) ? 0 : 1;
	}
	fprintf(stderr, "no call went the short way: is this machine that busy?\n");
	return CANNOT;
}

static int
verify(struct scene *s)
{
	struct fnt_error error = {0};
	int status = CANNOT;

	if (fnt_log_open(&s->log, "floor", &(struct fnt_options){.error = &error}) ||
	    fnt_region_open_read(&s->region, "floor", &error)) {
		fprintf(stderr, "%s\n", error.message);
		return CANNOT;
	}
	workload_init(&s->work, 0);
	while (s->done < WARM_UP)
		finish(s, begin(s));
	if (find_lane(s) && find_frame(s) && find_rows(s))
		status = compare(s);
	else
		fprintf(stderr, "a call's frame, lane or rows are not to be found\n");
	fnt_region_close(&s->region);
	fnt_log_close(s->log);
	return status;
}

int
floor_verify(void)
{
	static struct scene scene;
	char dir[] = "/dev/shm/fnt-floor-XXXXXX", path[sizeof(dir) + 16];
	int status;

	if (!mkdtemp(dir))
		return perror(dir), CANNOT;
	setenv("FNTRACE_DIR", dir, 1);
	unsetenv("FNTRACE_SIZE");
	unsetenv("FNTRACE_SETTINGS");
	status = verify(&scene);
	snprintf(path, sizeof(path), "%s/floor.fnt", dir);
	unlink(path);
	rmdir(dir);
	return status;
}
