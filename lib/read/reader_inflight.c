/* SPDX-License-Identifier: MIT
 *
 * reader_inflight.c: the calls that are open now, from the region's frames.
 */
#include "read/attached.h"
#include "read/decode.h"
#include "region/region_time.h"
#include "ring/frame.h"
#include "ring/record_read.h"

#include <errno.h>
#include <stdlib.h>

/* Nanoseconds since the call started, if its owner is alive and the monotonic clock is
 * of this boot; otherwise until the call's last event. */
static uint64_t
elapsed_ns(const struct fnt_view *view, const struct fnt_record_copy *copy, bool alive)
{
	uint64_t now = fnt_region_time(view);

	if (!alive || !fnt_region_time_is_now(view) || now < copy->head.started_mono)
		return copy->last_ns;
	return now - copy->head.started_mono;
}

/* Adds the payload's size to `bytes`. False: more than there can be, so that a damaged
 * region whose chains share frames does not use up memory. A frame belongs to one call,
 * so all payloads together are no longer than all frames. Four times that is allowed,
 * as calls come and go meanwhile. */
static bool
within_bounds(const struct fnt_view *view, uint64_t *bytes,
	      const struct fnt_record_copy *copy)
{
	*bytes += copy->head.payload_bytes;
	return *bytes <= 4ull * view->frame_count * FNT_FRAME_PAYLOAD_BYTES;
}

static int
by_start(const void *a, const void *b)
{
	const struct fnt_trace *x = a, *y = b;

	return (x->started_at_ns > y->started_at_ns) -
	       (x->started_at_ns < y->started_at_ns);
}

static int
collect_in_flight(struct fnt_reader *reader, struct fnt_trace_set *set,
		  unsigned char *lives)
{
	const struct fnt_view *view = &reader->region.view;
	struct fnt_record_copy copy = {.payload = NULL};
	uint64_t bytes = 0;
	int rc = 0;

	for (uint32_t i = 0, used = fnt_frames_used(view); !rc && i < used; i++) {
		struct fnt_trace *trace;
		enum fnt_read_result is = fnt_frame_read(view, i, &copy);
		bool alive;

		if (is == FNT_READ_NO_MEMORY)
			rc = -ENOMEM;
		if (is != FNT_READ_RECORD || !within_bounds(view, &bytes, &copy))
			continue;
		alive = !copy.reaped &&
			fnt_reader_owner_alive(reader, lives, copy.owner);
		trace = fnt_trace_set_add(set, view, &copy);
		if (!trace) {
			rc = -ENOMEM;
			break;
		}
		trace->outcome = alive ? FNT_IN_FLIGHT : FNT_ABORTED;
		trace->duration_ns = elapsed_ns(view, &copy, alive);
	}
	fnt_record_copy_free(&copy);
	return rc;
}

int
fnt_reader_in_flight(struct fnt_reader *reader, struct fnt_traces **traces)
{
	unsigned char *lives = calloc(reader->region.view.producer_count, 1);
	struct fnt_trace_set *set = fnt_trace_set_create();
	int rc = lives && set ? fnt_reader_ensure_fresh(reader) : -ENOMEM;

	if (!rc)
		rc = collect_in_flight(reader, set, lives);
	if (!rc)
		rc = fnt_reader_ensure_fresh(reader);
	free(lives);
	if (rc) {
		fnt_trace_set_destroy(set);
		return rc;
	}
	*traces = fnt_trace_set_traces(set);
	if ((*traces)->count)
		qsort((void *)(*traces)->items, (*traces)->count,
		      sizeof(struct fnt_trace), by_start);
	return 0;
}
