/* SPDX-License-Identifier: MIT
 *
 * seal.h: seal segments that are over: tickets of theirs that are not written yet never
 * will be.
 *
 *   a ticket's cell    not written ──seal──► PAD, of the ticket's lap
 *                      busy: a lane is writing it ──► try again later
 *
 * Who may write: the holder of the control lock (controller.h), by compare-and-swap, a
 * cell that is not busy. Lock-free, no system call; takes time in proportion to the
 * cells. Nobody is waited for.
 */
#ifndef FNT_CONTROL_SEAL_H
#define FNT_CONTROL_SEAL_H

#include "region/segment_span.h"

/* Seal all tickets of a span. Returns a lane that is writing a record to one of them
 * just now, so that the caller must try again, or FNT_LANE_NONE. */
uint32_t fnt_seal_span(const struct fnt_segment_span *span);

/* The same for all segments that are over. */
uint32_t fnt_seal_segments(const struct fnt_view *view);

#endif
