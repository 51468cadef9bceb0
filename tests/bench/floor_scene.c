/* SPDX-License-Identifier: MIT */
#include "floor_scene.h"

#include <sys/syscall.h>
#include <unistd.h>

#define FRAMES_MOST 256u /* frames of a region that are searched */

/* ---- calls of the library -------------------------------------------------------- */

struct fnt_call *
scene_begin(struct scene *s)
{
	return fnt_call_begin(s->log,
			      &(struct fnt_call_info){
				      .call_id = workload_call_id(&s->work, s->done),
				      .fn_name = workload_fn(0),
				      .fn_type = FNT_MUTATION,
				      .user_id = workload_user_id(&s->work, s->done),
			      });
}

void
scene_ops(struct scene *s, struct fnt_call *call)
{
	for (uint32_t i = 0; i < s->ops; i += 2) {
		fnt_call_op(call, FNT_OP_GET, "Lot", workload_row_id(&s->work, s->done),
			    FLOOR_GET_NS, 1, true);
		fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, FLOOR_INSERT_NS, FNT_NONE,
			    true);
	}
}

void
scene_finish(struct scene *s, struct fnt_call *call)
{
	fnt_call_finish_ok(call, NULL);
	s->done++;
}

void
scene_call(struct scene *s)
{
	struct fnt_call *call = scene_begin(s);

	scene_ops(s, call);
	scene_finish(s, call);
}

/* ---- where they are written ------------------------------------------------------ */

bool
scene_find_lane(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;

	for (s->lane = 0; s->lane < view->lane_count; s->lane++) {
		const struct fnt_lane *lane = &view->lanes[s->lane];

		if (fnt_state_status(floor_load(&lane->state)) == FNT_LANE_OWNED &&
		    floor_load(&lane->tid) == (uint64_t)syscall(SYS_gettid))
			return true;
	}
	return false;
}

bool
scene_find_frame(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;
	struct fnt_call *call = scene_begin(s);

	for (s->frame = 0; s->frame < view->frame_count; s->frame++)
		if (fnt_state_status(floor_load(&view->frames[s->frame].state)) ==
		    FNT_FRAME_OPEN)
			break;
	scene_finish(s, call);
	return s->frame < view->frame_count;
}

static bool
find_op_row(const struct scene *s, enum fnt_op op, uint32_t *row)
{
	const struct fnt_view *view = &s->region.view;

	for (*row = 0; *row < view->op_row_count; ++*row) {
		uint64_t key = floor_load(&view->op_rows[*row].key);

		if (fnt_key_kind(key) == FNT_ROW_OP && fnt_key_lane(key) == s->lane &&
		    fnt_key_op(key) == (uint32_t)op)
			return true;
	}
	return false;
}

/* The calls use one function, and one entity for each kind of op. */
bool
scene_find_rows(struct scene *s)
{
	const struct fnt_view *view = &s->region.view;

	for (s->fn_row = 0; s->fn_row < view->fn_row_count; s->fn_row++) {
		uint64_t key = floor_load(&view->fn_rows[s->fn_row].key);

		if (fnt_key_kind(key) == FNT_ROW_FN && fnt_key_lane(key) == s->lane)
			break;
	}
	return s->fn_row < view->fn_row_count && find_op_row(s, FNT_OP_GET, &s->get) &&
	       find_op_row(s, FNT_OP_INSERT, &s->insert);
}

bool
scene_copy_cells(const struct scene *s, struct copies *to)
{
	const struct fnt_segment_slot *segment =
		&s->region.view.rings[FNT_RING_MAIN].slots[0];
	uint64_t first = fnt_mark_ticket(floor_load(&to->frames[0].commit));
	uint32_t count =
		s->sampled ? 0 : fnt_cells_for(FLOOR_BEGUN + s->ops / 2 * FLOOR_PAIR);

	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = (first + i) % floor_load(&segment->cells);

		if (pread(s->region.fd, &to->cells[i], sizeof(to->cells[i]),
			  (off_t)(floor_load(&segment->off) +
				  at * sizeof(to->cells[i]))) != sizeof(to->cells[i]))
			return false;
	}
	return true;
}

static void
copy_words(void *to, const void *from, size_t size)
{
	fnt_words_load(to, from, size);
}

void
scene_copy_out(const struct scene *s, struct copies *to)
{
	const struct fnt_view *view = &s->region.view;

	for (uint32_t i = 0; i < to->frame_count; i++)
		copy_words(&to->frames[i], &view->frames[to->frame_nos[i]],
			   sizeof(to->frames[i]));
	copy_words(&to->lane, &view->lanes[s->lane], sizeof(to->lane));
	copy_words(&to->fn_row, &view->fn_rows[s->fn_row], sizeof(to->fn_row));
	copy_words(&to->get, &view->op_rows[s->get], sizeof(to->get));
	copy_words(&to->insert, &view->op_rows[s->insert], sizeof(to->insert));
	to->cursor = floor_load(&view->rings[FNT_RING_MAIN].cursor);
}

bool
scene_find_chain(const struct scene *s, struct copies *to)
{
	const struct fnt_view *view = &s->region.view;
	uint64_t at = s->frame;

	for (to->frame_count = 0; to->frame_count < FLOOR_FRAMES;) {
		if (at >= view->frame_count || at >= FRAMES_MOST)
			return false;
		to->frame_nos[to->frame_count++] = (uint32_t)at;
		at = floor_load(&view->frames[at].next);
		if (!at--)
			return true;
	}
	return false;
}
