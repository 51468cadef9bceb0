/* SPDX-License-Identifier: MIT
 *
 * metrics_sum.c: from the rows of all lanes to one sum for each function.
 *
 *   rows ──by name id──► sums ──by text──► merged sums
 *   block keys ──► (row, octave) ──► that sum's octave
 *
 * Blocks are found by their own keys, not by what rows say of them. So each counts
 * once, and memory is bounded by the region's size, even if rows are damaged. The same
 * name may have two ids, as two processes can enter it at once: hence the merge by
 * text.
 */
#include "read/metrics_sum.h"

#include "base/shm_words.h"
#include "base/utf8.h"
#include "region/name_table.h"
#include "ring/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ------------------------------------------------------------------ */

static char *
copy_text(const char *name, size_t len)
{
	size_t size = fnt_utf8_sanitized_len(name, len);
	char *text = malloc(size + 1);

	if (!text)
		return NULL;
	fnt_utf8_sanitize(text, name, len);
	text[size] = '\0';
	return text;
}

int
fnt_metrics_text(const struct fnt_metrics_work *work, uint32_t id, const char **text)
{
	char name[FNT_NAME_MAX + 1], **at;
	int len;

	*text = NULL;
	if (id >= work->result->name_count)
		return 0;
	at = &work->result->texts[id];
	if (!*at) {
		len = fnt_name_get(work->view, id, name);
		if (len < 0)
			return 0;
		*at = copy_text(name, (size_t)len);
	}
	*text = *at;
	return *at ? 0 : -ENOMEM;
}

/* ---- sums ------------------------------------------------------------------- */

static bool
grow_sums(struct fnt_metrics_work *work)
{
	uint32_t room = work->sum_room ? 2 * work->sum_room : 16;
	struct fnt_fn_sum *sums = realloc(work->sums, room * sizeof(*sums));

	if (!sums)
		return false;
	work->sums = sums;
	work->sum_room = room;
	return true;
}

static int
new_sum(struct fnt_metrics_work *work, uint32_t name, const char *text, uint32_t *index)
{
	if (work->sum_count == work->sum_room && !grow_sums(work))
		return -ENOMEM;
	*index = work->sum_count++;
	work->sums[*index] = (struct fnt_fn_sum){.name = name, .text = text};
	return 0;
}

/* Finds or makes the sum of the function with this name. If there is no such name, it
 * is sum 0, of the functions that have no row. 0, -ENOMEM. */
static int
find_sum(struct fnt_metrics_work *work, uint32_t name, uint32_t *index)
{
	const char *text;
	int rc;

	*index = 0;
	if (name >= work->result->name_count)
		return 0;
	if (work->sum_of_name[name]) {
		*index = work->sum_of_name[name] - 1;
		return 0;
	}
	rc = fnt_metrics_text(work, name, &text);
	if (!rc && text)
		rc = new_sum(work, name, text, index);
	if (!rc)
		work->sum_of_name[name] = *index + 1;
	return rc;
}

void
fnt_metrics_add_counts(uint64_t into[FNT_FN_COUNTERS],
		       const uint64_t counts[FNT_FN_COUNTERS])
{
	for (int i = 0; i < FNT_FN_COUNTERS; i++)
		if (i != FNT_FN_MAX_NS)
			into[i] += counts[i];
		else if (into[i] < counts[i])
			into[i] = counts[i];
}

static void
add_counts(struct fnt_fn_sum *sum, const fnt_word *words)
{
	uint64_t counts[FNT_FN_COUNTERS];

	for (int i = 0; i < FNT_FN_COUNTERS; i++)
		counts[i] = fnt_word_relaxed(&words[i]);
	fnt_metrics_add_counts(sum->counts, counts);
}

void
fnt_metrics_counts(const struct fnt_view *view, uint64_t counts[FNT_FN_COUNTERS])
{
	struct fnt_fn_sum sum = {.text = NULL};

	add_counts(&sum, view->metrics->other_fn.counts);
	for (uint32_t i = 0; i < view->fn_row_count; i++)
		if (fnt_row_key_is(view, fnt_word_relaxed(&view->fn_rows[i].key),
				   FNT_ROW_FN))
			add_counts(&sum, view->fn_rows[i].counts);
	memcpy(counts, sum.counts, sizeof(sum.counts));
}

static int
add_rows(struct fnt_metrics_work *work)
{
	const struct fnt_view *view = work->view;

	for (uint32_t i = 0; i < view->fn_row_count; i++) {
		const struct fnt_fn_row *row = &view->fn_rows[i];
		uint64_t key = fnt_word_relaxed(&row->key);
		uint32_t index;
		int rc;

		if (!fnt_row_key_is(view, key, FNT_ROW_FN))
			continue;
		rc = find_sum(work, fnt_key_name(key), &index);
		if (rc)
			return rc;
		work->sum_of_row[i] = index + 1;
		work->shared += fnt_key_lane(key) == FNT_LANE_ANY;
		add_counts(&work->sums[index], row->counts);
	}
	add_counts(&work->sums[0], view->metrics->other_fn.counts);
	return 0;
}

static int
add_blocks(struct fnt_metrics_work *work)
{
	const struct fnt_view *view = work->view;
	int rc = 0;

	for (uint32_t i = 0; i < view->block_count && !rc; i++) {
		uint64_t key = fnt_word_relaxed(&view->block_keys[i]);
		uint64_t row = fnt_block_key_row(key);
		uint32_t octave = fnt_block_key_octave(key), sum;

		if (row >= view->fn_row_count || octave >= FNT_OCTAVES ||
		    fnt_block_key_is_op(key))
			continue;
		sum = work->sum_of_row[row];
		if (sum)
			rc = fnt_octaves_add(&work->sums[sum - 1].octaves, octave,
					     &view->blocks[i], NULL);
	}
	for (uint32_t i = 0; i < FNT_OCTAVES && !rc; i++)
		rc = fnt_octaves_add(&work->sums[0].octaves, i,
				     &view->metrics->other_octaves[i], NULL);
	return rc;
}

/* ---- in flight -------------------------------------------------------------- */

/* Is a call open in the frame? If so, `name` is its function's. */
static bool
in_flight(const struct fnt_view *view, const struct fnt_frame *frame, uint32_t *name)
{
	/* [F2] acquire: the head is loaded after the state. Pairs with [F1] in
	 * frame.h. */
	uint64_t state = atomic_load_explicit(&frame->state, memory_order_acquire);
	uint32_t status = fnt_state_status(state);
	struct fnt_record head;

	if (status != FNT_FRAME_OPEN && status != FNT_FRAME_REAPED)
		return false;
	fnt_words_load((char *)&head + FNT_RECORD_WORD(fn_name) * 8,
		       &frame->record[FNT_RECORD_WORD(fn_name)], 8);
	*name = head.fn_name;
	if (fnt_frame_committed(view, frame))
		return false;
	/* [S4] acquire: the head was loaded before the state is loaded again. Pairs
	 * with [S3] in frame.h. */
	atomic_thread_fence(memory_order_acquire);
	return fnt_word_relaxed(&frame->state) == state;
}

static int
add_frames(struct fnt_metrics_work *work)
{
	for (uint32_t i = 0, used = fnt_frames_used(work->view); i < used; i++) {
		uint32_t name, index;
		int rc;

		if (!in_flight(work->view, &work->view->frames[i], &name))
			continue;
		rc = find_sum(work, name, &index);
		if (rc)
			return rc;
		work->sums[index].in_flight++;
	}
	return 0;
}

/* ---- the same name twice ---------------------------------------------------- */

static int
by_fn_text(const void *a, const void *b)
{
	const struct fnt_fn_sum *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static void
merge_sum(struct fnt_fn_sum *into, struct fnt_fn_sum *from)
{
	fnt_metrics_add_counts(into->counts, from->counts);
	into->in_flight += from->in_flight;
	fnt_octaves_merge(&into->octaves, &from->octaves);
}

static void
merge_sums(struct fnt_metrics_work *work)
{
	uint32_t last = 0;

	if (work->sum_count > 1)
		qsort(work->sums + 1, work->sum_count - 1, sizeof(*work->sums),
		      by_fn_text);
	for (uint32_t i = 1; i < work->sum_count; i++) {
		if (last && !strcmp(work->sums[last].text, work->sums[i].text))
			merge_sum(&work->sums[last], &work->sums[i]);
		else if (++last != i)
			work->sums[last] = work->sums[i];
	}
	work->sum_count = last + 1;
}

/* ---- all -------------------------------------------------------------------- */

int
fnt_metrics_sum_fns(struct fnt_metrics_work *work)
{
	uint32_t other;
	int rc;

	work->sum_of_name = calloc(work->view->name_count, sizeof(*work->sum_of_name));
	work->sum_of_row = calloc(work->view->fn_row_count, sizeof(*work->sum_of_row));
	if (!work->sum_of_name || !work->sum_of_row)
		return -ENOMEM;
	rc = new_sum(work, FNT_NAME_NONE, NULL, &other);
	if (!rc)
		rc = add_rows(work);
	if (!rc)
		rc = add_blocks(work);
	if (!rc)
		rc = add_frames(work);
	if (!rc)
		merge_sums(work);
	return rc;
}

void
fnt_metrics_work_fini(struct fnt_metrics_work *work)
{
	for (uint32_t i = 0; i < work->sum_count; i++)
		fnt_octaves_free(&work->sums[i].octaves);
	for (uint32_t i = 0; i < work->op_sum_count; i++)
		fnt_octaves_free(&work->op_sums[i].octaves);
	free(work->sums);
	free(work->sum_of_name);
	free(work->sum_of_row);
	free(work->op_sums);
	free(work->op_sum_of_row);
}
