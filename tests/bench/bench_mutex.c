/* SPDX-License-Identifier: MIT
 *
 * The in-process log with a mutex. Shapes: call; recent (50 copies); all (10,000
 * copies). Its readers are threads of its process.
 */
#include "bench.h"
#include "mutex_log.h"
#include "workload.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY 10000u
#define RECENT 50u

struct producer {
	struct workload work;
	unsigned ops;
	uint64_t done;
};

static struct mutex_log *log_of_process;

static void
run(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct mutex_trace *trace =
			mutex_trace_begin(workload_call_id(&p->work, i), workload_fn(i),
					  1, workload_user_id(&p->work, i));

		for (unsigned j = 0; j < p->ops; j++)
			if (j % 2)
				mutex_trace_op(trace, 3, "Bid", NULL, 5000, INT64_MIN,
					       true);
			else
				mutex_trace_op(trace, 0, "Lot",
					       workload_row_id(&p->work, i), 2000, 1,
					       true);
		mutex_trace_finish_ok(log_of_process, trace);
	}
	p->done += calls;
}

static void
query(size_t limit)
{
	static _Thread_local struct mutex_trace *traces[CAPACITY];
	size_t count = mutex_log_query(log_of_process, limit, NULL, false, traces);

	for (size_t i = 0; i < count; i++)
		mutex_trace_free(traces[i]);
}

static void
run_recent(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		query(RECENT);
}

static void
run_all(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		query(CAPACITY);
}

/* The first reader asks for the newest traces, the others for all. */
static void
read_once(void *state)
{
	query(*(size_t *)state);
}

static int
process_init(const struct bench_options *options, unsigned process)
{
	(void)options;
	(void)process;
	log_of_process = mutex_log_create(CAPACITY);
	return 0;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	static size_t follower = RECENT, scanner = CAPACITY;
	struct producer *p;

	if (thread->is_reader)
		return thread->index == options->threads * options->processes
			       ? &follower
			       : &scanner;
	p = calloc(1, sizeof(*p));
	p->ops = options->ops;
	workload_init(&p->work, thread->index, options->vary);
	run(p, CAPACITY);
	return p;
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static struct bench_peer peer = {.process_init = process_init,
					 .thread_init = thread_init,
					 .run = run,
					 .read = read_once,
					 .readers_inside = true};

	if (!strcmp(options->shape, "recent"))
		peer.run = run_recent;
	else if (!strcmp(options->shape, "all"))
		peer.run = run_all;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
