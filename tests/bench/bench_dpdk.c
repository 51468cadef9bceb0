/* SPDX-License-Identifier: MIT
 *
 * DPDK's rte_trace: four points for each call, into a buffer of the thread's own, without
 * huge pages. It takes no strings of any length, so a string is its address.
 */
#include "bench.h"
#include "workload.h"

#include <rte_eal.h>
#include <rte_trace_point.h>
#include <rte_trace_point_register.h>

#include <stdlib.h>

RTE_TRACE_POINT(bench_call_begin,
		RTE_TRACE_POINT_ARGS(uint64_t uid, const char *call_id, const char *fn_name,
				     const char *user_id),
		rte_trace_point_emit_u64(uid); rte_trace_point_emit_ptr(call_id);
		rte_trace_point_emit_ptr(fn_name); rte_trace_point_emit_ptr(user_id);)

RTE_TRACE_POINT(bench_call_op,
		RTE_TRACE_POINT_ARGS(uint64_t uid, int op, const char *entity,
				     const char *id, uint64_t duration_ns,
				     int64_t row_count, uint8_t ok),
		rte_trace_point_emit_u64(uid); rte_trace_point_emit_int(op);
		rte_trace_point_emit_ptr(entity); rte_trace_point_emit_ptr(id);
		rte_trace_point_emit_u64(duration_ns); rte_trace_point_emit_i64(row_count);
		rte_trace_point_emit_u8(ok);)

RTE_TRACE_POINT(bench_call_end, RTE_TRACE_POINT_ARGS(uint64_t uid, int outcome),
		rte_trace_point_emit_u64(uid); rte_trace_point_emit_int(outcome);)

RTE_TRACE_POINT_REGISTER(bench_call_begin, fntbench.call_begin)
RTE_TRACE_POINT_REGISTER(bench_call_op, fntbench.call_op)
RTE_TRACE_POINT_REGISTER(bench_call_end, fntbench.call_end)

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
	char *argv[] = {"bench", "--no-huge", "--in-memory", "--no-pci", "-m", "64",
			"--log-level=error", "--trace=fntbench.*", "--trace-mode=overwrite",
			"--trace-bufsz=1M", NULL};

	(void)options;
	(void)process;
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]) - 1, argv) < 0)
		return fprintf(stderr, "bench: rte_eal_init failed\n"), -1;
	if (!rte_trace_point_is_enabled(&__bench_call_begin))
		return fprintf(stderr, "bench: trace points are off\n"), -1;
	return 0;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct producer *p = calloc(1, sizeof(*p));

	p->ops = options->ops;
	workload_init(&p->work, thread->index);
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
