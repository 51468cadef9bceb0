/* SPDX-License-Identifier: MIT
 *
 * LTTng-UST: four events for each call. workers.py makes the session.
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_events.h"

#include "bench.h"
#include "workload.h"

#include <stdlib.h>

struct producer {
	struct workload work;
	unsigned ops;
	uint64_t done;
};

static void
run(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		lttng_ust_tracepoint(fntbench, call_begin, i,
				     workload_call_id(&p->work, i), workload_fn(i), 1,
				     workload_user_id(&p->work, i));
		for (unsigned j = 0; j < p->ops; j++)
			if (j % 2)
				lttng_ust_tracepoint(fntbench, call_op, i, 3, "Bid", "",
						     5000, INT64_MIN, 1);
			else
				lttng_ust_tracepoint(fntbench, call_op, i, 0, "Lot",
						     workload_row_id(&p->work, i), 2000,
						     1, 1);
		lttng_ust_tracepoint(fntbench, call_end, i, 0);
	}
	p->done += calls;
}

static bool
enabled(void)
{
	return lttng_ust_tracepoint_enabled(fntbench, call_begin) &&
	       lttng_ust_tracepoint_enabled(fntbench, call_op) &&
	       lttng_ust_tracepoint_enabled(fntbench, call_end);
}

/* The session daemon enables events from a thread of LTTng's library: wait for it. */
static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct timespec pause = {.tv_nsec = 1000000};
	struct producer *p = calloc(1, sizeof(*p));

	p->ops = options->ops;
	workload_init(&p->work, thread->index, options->vary);
	for (int i = 0; i < 10000 && !enabled(); i++)
		nanosleep(&pause, NULL);
	if (!enabled())
		return fprintf(stderr,
			       "bench: the LTTng session did not enable the events\n"),
		       NULL;
	return p;
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static const struct bench_peer peer = {.thread_init = thread_init, .run = run};

	(void)options;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
