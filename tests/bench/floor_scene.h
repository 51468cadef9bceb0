/* SPDX-License-Identifier: MIT
 *
 * floor_scene.h: calls through the library, and copies of what they wrote into the
 * region. floor_verify.c compares the floor with these copies. One thread.
 */
#ifndef FNT_BENCH_FLOOR_SCENE_H
#define FNT_BENCH_FLOOR_SCENE_H

#include "floor_long.h"
#include "workload.h"

#include "region/view.h"

/* What a call writes: copied out of the region, or written by the floor. */
struct copies {
	struct fnt_frame frames[FLOOR_FRAMES];
	uint32_t frame_nos[FLOOR_FRAMES];
	uint32_t frame_count;
	struct fnt_lane lane;
	struct fnt_cell cells[FLOOR_CELLS];
	struct fnt_fn_row fn_row;
	struct fnt_op_row get, insert;
	uint64_t cursor;
};

struct scene {
	struct workload work;
	/* The calls that are compared: of `ops` ops, recorded or sampled out. */
	const char *settings;
	uint32_t ops;
	bool sampled;
	struct fnt_log *log;
	struct fnt_region region;
	uint32_t frame, lane, fn_row, get, insert; /* numbers in the region */
	uint64_t done;
};

/* A call through the library: in three steps, and as a whole. */
struct fnt_call *scene_begin(struct scene *s);
void scene_ops(struct scene *s, struct fnt_call *call);
void scene_finish(struct scene *s, struct fnt_call *call);
void scene_call(struct scene *s);

/* Find where this thread's calls are written. False: not found. */
bool scene_find_lane(struct scene *s);
bool scene_find_frame(struct scene *s);
bool scene_find_rows(struct scene *s);

/* Find the frames of the open call: each one names the next. */
bool scene_find_chain(const struct scene *s, struct copies *to);

/* Copy these frames, lane and rows; and the cells of the last record, which the mark in
 * its frame names. */
void scene_copy_out(const struct scene *s, struct copies *to);
bool scene_copy_cells(const struct scene *s, struct copies *to);

#endif
