/* SPDX-License-Identifier: MIT */
#include "produce/populate.h"

#include <errno.h>
#include <sys/mman.h>

/* MADV_POPULATE_WRITE, since Linux 5.14; older C libraries lack the name. */
#define ADVICE_POPULATE 23

#define STEP_CELLS (FNT_POPULATE_BYTES / FNT_CELL_BYTES)
#define STEPS_AHEAD 2

/* fnt_populate.progress: the step at which the process began, and how many from there
 * on are populated, or will never be. */
static uint64_t
progress_of(uint32_t start, uint32_t done)
{
	return (uint64_t)start << 32 | done;
}

static uint32_t
steps_of(const struct fnt_ring_handle *handle)
{
	return (uint32_t)((handle->cell_count + STEP_CELLS - 1) / STEP_CELLS);
}

/* The step that the ring's next ticket is in. */
static uint32_t
current_step(const struct fnt_ring_handle *handle)
{
	uint64_t cursor = fnt_word_relaxed(&handle->head->cursor);

	return (uint32_t)((cursor - handle->first) % handle->cell_count / STEP_CELLS);
}

/* Map the pages of a step. False: not here. It is no error: they are mapped when they
 * are used. */
static bool
populate(const struct fnt_ring_handle *handle, uint32_t step)
{
	uint64_t first = (uint64_t)step * STEP_CELLS;
	uint64_t count = handle->cell_count - first;
	uint64_t bytes;

	if (count > STEP_CELLS)
		count = STEP_CELLS;
	bytes = fnt_segment_bytes(count);
	return !madvise(&handle->cells[first], bytes, ADVICE_POPULATE);
}

/* The process is in another segment than when it looked last: begin again there. */
static void
begin_segment(struct fnt_populate *populate, const struct fnt_ring_handle *handle)
{
	uint64_t seen = fnt_word_relaxed(&populate->segment);

	if (seen != handle->first &&
	    atomic_compare_exchange_strong(&populate->segment, &seen, handle->first))
		atomic_store(&populate->progress, progress_of(current_step(handle), 0));
}

/* Take a step that is due and is nobody's yet, and populate it. If other processes have
 * filled some in the meantime, those before it are left out. False: none is due. */
static bool
next_step(struct fnt_populate *state, const struct fnt_ring_handle *handle)
{
	uint64_t seen = atomic_load(&state->progress);
	uint32_t total = steps_of(handle), start = (uint32_t)(seen >> 32) % total;
	uint32_t done = (uint32_t)seen;
	uint32_t past = (current_step(handle) + total - start) % total;
	uint32_t step = done > past ? done : past;

	if (done >= total || done >= past + STEPS_AHEAD)
		return false;
	if (!atomic_compare_exchange_strong(&state->progress, &seen,
					    progress_of(start, step + 1)))
		return true;
	if (!populate(handle, (start + step) % total))
		atomic_store(&state->progress, progress_of(start, total));
	return true;
}

void
fnt_populate_ahead(struct fnt_thread *thread)
{
	struct fnt_ring_handle *handle = &thread->writer.handles[FNT_RING_MAIN];
	struct fnt_populate *state = &thread->attachment->populate;
	int saved = errno;

	thread->populate_from = UINT64_MAX;
	/* A segment that could not be mapped has no cells. */
	if (!thread->writer.lane || !handle->head || !handle->cell_count ||
	    thread->attachment->region.view.flags & FNT_KEEP_NONE)
		return;
	begin_segment(state, handle);
	for (int i = 0; i < STEPS_AHEAD && next_step(state, handle); i++)
		;
	if ((uint32_t)atomic_load(&state->progress) < steps_of(handle))
		thread->populate_from = handle->block.end + STEP_CELLS / 2;
	errno = saved;
}
