/* SPDX-License-Identifier: MIT
 *
 * reader_inflight.c: the calls that are open now, from the region's frames.
 */
#include "read/attached.h"
#include "read/decode.h"
#include "read/host_pids.h"
#include "ring/frame.h"
#include "ring/record_read.h"

#include <errno.h>
#include <stdlib.h>

/* What is found out once for all calls. */
struct look {
	struct fnt_reader *reader;
	struct fnt_trace_set *set;
	unsigned char *lives; /* see fnt_reader_owner_alive() */
	struct fnt_host_pids pids;
	uint64_t now; /* region time; 0: not known */
	bool copied;  /* of dead owners it is not known what became of them */
};

/* Until now, if the call's owner is alive; otherwise until its last event. */
static void
set_times(const struct look *look, const struct fnt_record_copy *copy,
	  struct fnt_trace *trace)
{
	uint64_t started = copy->head.started_mono;
	uint64_t until_now = look->now > started ? look->now - started : 0;

	trace->duration_ns = copy->last_ns;
	if (trace->outcome == FNT_ABORTED && until_now >= copy->last_ns)
		trace->seen_dead_ns = until_now;
	else if (!(trace->flags & FNT_TRACE_AS_OF_COPY) && until_now)
		trace->duration_ns = until_now;
}

/* Is the call in flight, aborted, or as it was when the region was copied? */
static void
set_state(struct look *look, const struct fnt_record_copy *copy,
	  struct fnt_trace *trace)
{
	bool alive = !copy->reaped &&
		     fnt_reader_owner_alive(look->reader, look->lives, copy->owner);

	trace->outcome = FNT_IN_FLIGHT;
	if (alive)
		trace->host_pid =
			fnt_host_pids_find(&look->pids, trace->pid, trace->pid_ns);
	else if (look->copied && !copy->reaped)
		trace->flags |= FNT_TRACE_AS_OF_COPY;
	else
		trace->outcome = FNT_ABORTED;
	set_times(look, copy, trace);
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

	return (x->started_mono_ns > y->started_mono_ns) -
	       (x->started_mono_ns < y->started_mono_ns);
}

static int
collect_in_flight(struct look *look)
{
	const struct fnt_view *view = &look->reader->region.view;
	struct fnt_record_copy copy = {.payload = NULL};
	uint64_t bytes = 0;
	int rc = 0;

	for (uint32_t i = 0, used = fnt_frames_used(view); !rc && i < used; i++) {
		struct fnt_trace *trace;
		enum fnt_read_result is = fnt_frame_read(view, i, &copy);

		if (is == FNT_READ_NO_MEMORY)
			rc = -ENOMEM;
		if (is != FNT_READ_RECORD || !within_bounds(view, &bytes, &copy))
			continue;
		trace = fnt_trace_set_add(look->set, view, &copy);
		if (trace)
			set_state(look, &copy, trace);
		else
			rc = -ENOMEM;
	}
	fnt_record_copy_free(&copy);
	return rc;
}

int
fnt_reader_in_flight(struct fnt_reader *reader, struct fnt_traces **traces)
{
	struct look look = {
		.reader = reader,
		.set = fnt_trace_set_create(),
		.lives = calloc(reader->region.view.producer_count, 1),
	};
	int rc = look.lives && look.set ? fnt_reader_ensure_segments(reader) : -ENOMEM;

	if (!rc) {
		look.now = fnt_reader_now_ns(reader);
		look.copied = fnt_reader_is_copied(reader);
		rc = collect_in_flight(&look);
	}
	if (!rc)
		rc = fnt_reader_ensure_fresh(reader);
	free(look.lives);
	fnt_host_pids_fini(&look.pids);
	if (rc) {
		fnt_trace_set_destroy(look.set);
		return rc;
	}
	*traces = fnt_trace_set_traces(look.set);
	if ((*traces)->count)
		qsort((void *)(*traces)->items, (*traces)->count,
		      sizeof(struct fnt_trace), by_start);
	return 0;
}
