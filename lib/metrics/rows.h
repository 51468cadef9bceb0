/* SPDX-License-Identifier: MIT
 *
 * rows.h: finds rows and blocks in the region's metrics tables, or takes free ones.
 *
 *   key ─hash─► home entry ─► next entry … ─┬─► the entry with the key
 *                                           ├─► a free one: it gets the key
 *                                           └─► FNT_ROW_PROBES tried: none
 *
 * Who may write what: a free entry, whoever sets its key first (layout_metrics.h); the
 * numbers of blocks in a row, whoever counts in it.
 *
 * Progress: wait-free, in at most FNT_ROW_PROBES steps. No system call, no allocation.
 * Any thread.
 */
#ifndef FNT_METRICS_ROWS_H
#define FNT_METRICS_ROWS_H

#include "format/layout_metrics.h"
#include "region/view.h"

#define FNT_ROW_PROBES 32u

/* The row with the key `own`, taken from the table if there is room for rows of single
 * lanes; else the one with the key `shared`; NULL: there is no room for that either.
 * `own` of kind FNT_ROW_OTHER: only the shared one. */
struct fnt_fn_row *fnt_row_find_fn(const struct fnt_view *view, uint64_t own,
				   uint64_t shared);
struct fnt_op_row *fnt_row_find_op(const struct fnt_view *view, uint64_t own,
				   uint64_t shared);

/* The block of a row's octave, taken from the table if the row has none yet; NULL:
 * there is no room. `shared`: the row is shared by all lanes. */
struct fnt_octave *fnt_row_fn_block(const struct fnt_view *view, struct fnt_fn_row *row,
				    uint32_t octave, bool shared);
struct fnt_octave *fnt_row_op_block(const struct fnt_view *view, struct fnt_op_row *row,
				    uint32_t octave, bool shared);

/* The same block, if the row says which one it is; else NULL. */
static inline struct fnt_octave *
fnt_row_op_known_block(const struct fnt_view *view, struct fnt_op_row *row,
		       uint32_t octave)
{
	uint32_t seen = atomic_load_explicit(&row->blocks[octave % FNT_OP_BLOCKS],
					     memory_order_relaxed);
	uint32_t at = (seen >> 6) - 1;

	return (seen & 0x3f) == octave && at < view->block_count ? &view->blocks[at]
								 : NULL;
}

#endif
