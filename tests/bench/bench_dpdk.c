/* SPDX-License-Identifier: MIT
 *
 * DPDK's rte_trace: four points for each call, into a buffer of the thread's own,
 * without huge pages.
 */
#include "bench.h"
#include "dpdk_points.h"
#include "workload.h"

#include <rte_eal.h>

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
		bench_call_begin(i, workload_call_id(&p->work, i), workload_fn(i),
				 workload_user_id(&p->work, i));
		for (unsigned j = 0; j < p->ops; j++)
			if (j % 2)
				bench_call_op(i, 3, "Bid", NULL, 5000, INT64_MIN, 1);
			else
				bench_call_op(i, 0, "Lot", workload_row_id(&p->work, i),
					      2000, 1, 1);
		bench_call_end(i, 0);
	}
	p->done += calls;
}

static int
process_init(const struct bench_options *options, unsigned process)
{
	char *argv[] = {"bench",
			"--no-huge",
			"--no-shconf",
			"--no-pci",
			"--no-telemetry",
			"-m",
			"64",
			"--log-level=error",
			"--trace=fntbench.*",
			"--trace-mode=overwrite",
			"--trace-bufsz=1M",
			NULL};

	(void)options;
	(void)process;
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) < 0)
		return fprintf(stderr, "bench: rte_eal_init failed\n"), -1;
	if (!rte_trace_point_is_enabled(&__bench_call_begin))
		return fprintf(stderr, "bench: the trace points are disabled\n"), -1;
	return 0;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct producer *p = calloc(1, sizeof(*p));

	p->ops = options->ops;
	workload_init(&p->work, thread->index, options->vary);
	return p;
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static const struct bench_peer peer = {
		.process_init = process_init, .thread_init = thread_init, .run = run};

	(void)options;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
