/* SPDX-License-Identifier: MIT
 *
 * decode.h: from the copy of a record to a struct fnt_trace in a trace set.
 *
 * Texts become valid UTF-8, and are flagged if they were not, so that nobody behind
 * this needs to check them. What can't be decoded is left out, and the trace is flagged
 * FNT_TRACE_DAMAGED.
 *
 * The set belongs to one thread. Names that the set does not remember are looked up in
 * the region, which never waits. No system call except by malloc(), as the set
 * grows.
 */
#ifndef FNT_READ_DECODE_H
#define FNT_READ_DECODE_H

#include "payload/events.h"
#include "read/trace_set.h"
#include "ring/record_read.h"

/* Decodes `copy` and adds it to the set. Returns the trace, which may be changed until
 * the next one is added; its outcome and duration are the record's. NULL: no memory,
 * and nothing is added. */
struct fnt_trace *fnt_trace_set_add(struct fnt_trace_set *set,
				    const struct fnt_view *view,
				    const struct fnt_record_copy *copy);

/* Where the payload of a one-cell record may be copied to (fnt_record_copy.direct), so
 * that adding the record need not copy it again; NULL: no room for it. Valid until
 * something is added to the set: the record must be the next that is. */
static inline char *
fnt_trace_set_next_payload(const struct fnt_trace_set *set)
{
	const struct fnt_trace_arena *arena = &set->arena;
	size_t room = (size_t)(arena->end - arena->at);

	return room >= FNT_HEAD_BYTES + FNT_PAYLOAD_SLACK ? arena->at : NULL;
}

#endif
