/* SPDX-License-Identifier: MIT
 *
 * metrics_ops.c: from the rows of all lanes to one sum for each entity and kind of
 * operation, and to the public struct fnt_op_metrics. As metrics_sum.c does it for
 * functions.
 */
#include "base/shm_words.h"
#include "read/metrics_sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- sums ------------------------------------------------------------------- */

static int
new_op_sum(struct fnt_metrics_work *work, const char *entity, uint32_t op)
{
	uint32_t room = work->op_sum_room;

	if (work->op_sum_count == room) {
		struct fnt_op_sum *sums;

		room = room ? 2 * room : 16;
		sums = realloc(work->op_sums, room * sizeof(*sums));
		if (!sums)
			return -ENOMEM;
		work->op_sums = sums;
		work->op_sum_room = room;
	}
	work->op_sums[work->op_sum_count++] =
		(struct fnt_op_sum){.entity = entity, .op = op};
	return 0;
}

static void
add_row(struct fnt_op_sum *sum, const struct fnt_op_row *row)
{
	uint64_t max = fnt_word_relaxed(&row->max_ns);

	sum->unplaced += fnt_word_relaxed(&row->unplaced);
	sum->errors += fnt_word_relaxed(&row->errors);
	sum->rows += fnt_word_relaxed(&row->rows);
	sum->total_ns += fnt_word_relaxed(&row->total_ns);
	if (sum->max_ns < max)
		sum->max_ns = max;
}

/* Makes one sum of each row that has a name; adds all other rows to the first sum. */
static int
add_op_rows(struct fnt_metrics_work *work)
{
	const struct fnt_view *view = work->view;

	for (uint32_t i = 0; i < view->op_row_count; i++) {
		const struct fnt_op_row *row = &view->op_rows[i];
		uint64_t key = fnt_word_relaxed(&row->key);
		uint32_t op = fnt_key_op(key), sum = 0;
		const char *entity;
		int rc;

		if (!fnt_row_key_is(view, key, FNT_ROW_OP))
			continue;
		work->shared += fnt_key_lane(key) == FNT_LANE_ANY;
		rc = fnt_metrics_text(work, fnt_key_name(key), &entity);
		if (!rc && entity && op < FNT_OP_KINDS) {
			sum = work->op_sum_count;
			rc = new_op_sum(work, entity, op);
		}
		if (rc)
			return rc;
		work->op_sum_of_row[i] = sum + 1;
		add_row(&work->op_sums[sum], row);
	}
	add_row(&work->op_sums[0], &view->metrics->other_op);
	return 0;
}

static int
add_op_blocks(struct fnt_metrics_work *work)
{
	const struct fnt_view *view = work->view;
	int rc = 0;

	for (uint32_t i = 0; i < view->block_count && !rc; i++) {
		uint64_t key = fnt_word_relaxed(&view->block_keys[i]);
		uint64_t row = fnt_block_key_row(key);
		uint32_t octave = fnt_block_key_octave(key);
		struct fnt_op_sum *sum;

		if (row >= view->op_row_count || octave >= FNT_OCTAVES ||
		    !fnt_block_key_is_op(key) || !work->op_sum_of_row[row])
			continue;
		sum = &work->op_sums[work->op_sum_of_row[row] - 1];
		rc = fnt_octaves_add(&sum->octaves, octave, &view->blocks[i],
				     &sum->in_blocks);
	}
	for (uint32_t i = 0; i < FNT_OCTAVES && !rc; i++)
		rc = fnt_octaves_add(&work->op_sums[0].octaves, i,
				     &view->metrics->other_op_octaves[i], NULL);
	return rc;
}

static int
by_entity(const void *a, const void *b)
{
	const struct fnt_op_sum *x = a, *y = b;
	int differ = x->entity == y->entity ? 0 : strcmp(x->entity, y->entity);

	return differ ? differ : (x->op > y->op) - (x->op < y->op);
}

static void
merge_op_sum(struct fnt_op_sum *into, struct fnt_op_sum *from)
{
	into->in_blocks += from->in_blocks;
	into->unplaced += from->unplaced;
	into->errors += from->errors;
	into->rows += from->rows;
	into->total_ns += from->total_ns;
	if (into->max_ns < from->max_ns)
		into->max_ns = from->max_ns;
	fnt_octaves_merge(&into->octaves, &from->octaves);
}

/* Merges the sums of one entity and kind, as each lane has a row of its own. */
static void
merge_op_sums(struct fnt_metrics_work *work)
{
	struct fnt_op_sum *sums = work->op_sums;
	uint32_t last = 0;

	qsort(sums + 1, work->op_sum_count - 1, sizeof(*sums), by_entity);
	for (uint32_t i = 1; i < work->op_sum_count; i++)
		if (last && !by_entity(&sums[last], &sums[i]))
			merge_op_sum(&sums[last], &sums[i]);
		else if (++last != i)
			sums[last] = sums[i];
	work->op_sum_count = last + 1;
}

int
fnt_metrics_sum_ops(struct fnt_metrics_work *work)
{
	int rc;

	work->op_sum_of_row =
		calloc(work->view->op_row_count, sizeof(*work->op_sum_of_row));
	if (!work->op_sum_of_row)
		return -ENOMEM;
	rc = new_op_sum(work, NULL, FNT_OP_OTHER);
	if (!rc)
		rc = add_op_rows(work);
	if (!rc)
		rc = add_op_blocks(work);
	if (!rc)
		merge_op_sums(work);
	return rc;
}

/* ---- the result --------------------------------------------------------------- */

static int
result_of_op(struct fnt_op_metrics *op, const struct fnt_op_sum *sum)
{
	*op = (struct fnt_op_metrics){
		.entity = sum->entity,
		.op = (enum fnt_op)sum->op,
		.count = sum->in_blocks + sum->unplaced,
		.errors = sum->errors,
		.rows = sum->rows,
		.total_ns = sum->total_ns,
		.max_ns = sum->max_ns,
		.spilled = sum->entity ? sum->unplaced : 0,
	};
	return fnt_octaves_buckets(&sum->octaves, &op->buckets, &op->bucket_count);
}

static int
by_time(const void *a, const void *b)
{
	const struct fnt_op_metrics *x = a, *y = b;
	int differ;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	differ = strcmp(x->entity, y->entity);
	return differ ? differ : (x->op > y->op) - (x->op < y->op);
}

int
fnt_metrics_fill_ops(struct fnt_metrics_work *work)
{
	struct fnt_metrics *metrics = &work->result->metrics;
	struct fnt_op_metrics *ops = calloc(work->op_sum_count, sizeof(*ops));
	int rc;

	if (!ops)
		return -ENOMEM;
	metrics->ops = work->result->ops = ops;
	for (uint32_t i = 1; i < work->op_sum_count; i++) {
		metrics->op_count = i;
		rc = result_of_op(&ops[i - 1], &work->op_sums[i]);
		if (rc)
			return rc;
	}
	if (metrics->op_count > 1)
		qsort(ops, metrics->op_count, sizeof(*ops), by_time);
	return result_of_op(&metrics->other_ops, &work->op_sums[0]);
}
