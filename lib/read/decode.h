/* SPDX-License-Identifier: MIT
 *
 * decode.h: from a copied record to a struct fnt_trace.
 *
 * A set collects traces and owns all their memory: one fnt_traces_free() gives it back.
 * Texts are made valid UTF-8 on the way (and flagged), so that everything behind this
 * may rely on it. What can't be read is flagged FNT_TRACE_DAMAGED and left out.
 */
#ifndef FNT_READ_DECODE_H
#define FNT_READ_DECODE_H

#include "payload/read.h"
#include "ring/record_read.h"
#include "read/trace_set.h"

/* Decode and add; the trace, until the next add, or NULL without memory. Outcome and
 * duration are as in the record. */
struct fnt_trace *fnt_trace_set_add(struct fnt_trace_set *set,
				    const struct fnt_view *view,
				    const struct fnt_record_copy *raw);

/* Where the payload of the next record that is added may be read to (fnt_record_copy), if
 * nothing is added before it; NULL: there is no room. */
static inline char *
fnt_trace_set_next_payload(const struct fnt_trace_set *set)
{
	const struct fnt_trace_arena *arena = &set->arena;
	size_t room = (size_t)(arena->end - arena->at);

	return room >= FNT_HEAD_BYTES + FNT_PAYLOAD_SLACK ? arena->at : NULL;
}

#endif
