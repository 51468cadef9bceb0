/* SPDX-License-Identifier: MIT
 *
 * decode.h: from a copied record to a struct fnt_trace.
 *
 * A set collects traces and owns all their memory: one fnt_traces_free() gives it back.
 * Texts are made valid UTF-8 on the way (and flagged), so that everything behind this
 * may rely on it. What can't be read is flagged FNT_TRACE_DAMAGED and left out.
 */
#ifndef FNT_DECODE_H
#define FNT_DECODE_H

#include "record.h"
#include "set.h"

/* Decode and add; the trace, until the next add, or NULL without memory. Outcome and
 * duration are as in the record. */
struct fnt_trace *fnt_set_add(struct fnt_set *set, const struct fnt_view *view,
			      const struct fnt_raw *raw);

#endif
