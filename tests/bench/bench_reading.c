/* SPDX-License-Identifier: MIT
 *
 * fntrace, everything but producing. Each shape works on a region that it has filled:
 *
 *      recent         fnt_log_recent(50)
 *      all            fnt_reader_query of 10,000 traces
 *      len            fnt_log_len, which reads every cell's head: ns for 10,000 records
 *      open           fnt_log_open and fnt_log_close of an existing region
 *      reader-open    fnt_reader_open and fnt_reader_close
 *      begin-first    a thread's first call
 *      memory         private memory in KiB of a process with a log, without the region
 *      bytes          bytes of the ring for each record of call+2ops
 *      bytes-ordered  the same with FNT_ORDERED, where no ticket stays unused: the size
 *                     of the record itself
 *
 * The first two and the opens are measured in batches; tests/bench/compare takes those.
 * It also builds this file against older revisions: it uses public headers alone.
 */
#include "bench.h"
#include "workload.h"

#include <fntrace/fntrace.h>
#include <fntrace/reader.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECENT 50u
#define ALL 10000u

static struct fnt_log *producer;
static struct fnt_reader *reader;
static uint64_t retained;

static bool
is_shape(const struct bench_options *options, const char *shape)
{
	return !strcmp(options->shape, shape);
}

static int
open_log(const struct bench_options *options, struct fnt_log **log)
{
	struct fnt_error error = {0};
	struct fnt_options how = {
		.size_bytes = options->size_bytes,
		.flags = is_shape(options, "bytes-ordered") ? FNT_ORDERED : 0,
		.error = &error};

	if (!fnt_log_open(log, options->region, &how))
		return 0;
	fprintf(stderr, "bench: %s\n", error.message);
	return -1;
}

static void
produce(struct fnt_log *log, uint64_t calls)
{
	static struct workload work;

	workload_init(&work, 0, false);
	for (uint64_t i = 0; i < calls; i++) {
		struct fnt_call_info info = {.call_id = workload_call_id(&work, i),
					     .fn_name = workload_fn(i),
					     .fn_type = FNT_MUTATION,
					     .user_id = workload_user_id(&work, i)};
		struct fnt_call *call = fnt_call_begin(log, &info);

		fnt_call_op(call, FNT_OP_GET, "Lot", workload_row_id(&work, i), 2000, 1,
			    true);
		fnt_call_op(call, FNT_OP_INSERT, "Bid", NULL, 5000, FNT_NONE, true);
		fnt_call_finish_ok(call, NULL);
	}
}

/* ---- run in batches ------------------------------------------------------------- */

static void
run_recent(void *state, uint64_t times)
{
	struct fnt_traces *traces;

	(void)state;
	for (uint64_t i = 0; i < times; i++) {
		if (fnt_log_recent(producer, RECENT, &traces) ||
		    traces->count != RECENT)
			abort();
		fnt_traces_free(traces);
	}
}

static void
run_all(void *state, uint64_t times)
{
	struct fnt_traces *traces;

	(void)state;
	for (uint64_t i = 0; i < times; i++) {
		if (fnt_reader_query(reader, &(struct fnt_query){.limit = ALL},
				     &traces) ||
		    traces->count != ALL)
			abort();
		fnt_traces_free(traces);
	}
}

static void
run_open(void *state, uint64_t times)
{
	struct fnt_log *log;

	for (uint64_t i = 0; i < times; i++) {
		if (open_log(state, &log))
			abort();
		fnt_log_close(log);
	}
}

static void
run_reader_open(void *state, uint64_t times)
{
	const struct bench_options *options = state;
	struct fnt_reader *r;

	for (uint64_t i = 0; i < times; i++) {
		if (fnt_reader_open(&r, options->region, NULL))
			abort();
		fnt_reader_close(r);
	}
}

/* ---- measured once -------------------------------------------------------------- */

/* fnt_log_len() reads the heads of all records in the ring. */
static void
measure_len(const struct bench_options *options, FILE *out)
{
	uint64_t begin = bench_clock(CLOCK_MONOTONIC), records = 0;

	(void)options;
	for (int i = 0; i < 20; i++)
		records += fnt_log_len(producer);
	begin = bench_clock(CLOCK_MONOTONIC) - begin;
	fprintf(out, "ns=%.0f", (double)begin * ALL / (double)records);
}

/* KiB of private memory that this process has written to, without mapped regions. */
static double
private_kib(void)
{
	FILE *file = fopen("/proc/self/smaps", "r");
	bool counted = true;
	char line[512];
	double sum = 0, kib;

	if (!file)
		abort();
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "Private_Dirty: %lf kB", &kib) == 1)
			sum += counted ? kib : 0;
		else if (strchr(line, '-') && strchr(line, '-') < strchr(line, ' '))
			counted = !strstr(line, ".fnt");
	}
	fclose(file);
	return sum;
}

/* In a child: the heap of this process does not shrink again. */
static void
measure_memory(const struct bench_options *options, FILE *out)
{
	double kib = 0;
	int fds[2];

	if (pipe(fds))
		abort();
	if (fork() == 0) {
		struct fnt_log *log;

		private_kib();
		kib = private_kib();
		if (open_log(options, &log))
			_exit(1);
		produce(log, 1000);
		kib = private_kib() - kib;
		if (write(fds[1], &kib, sizeof(kib)) < 0)
			_exit(1);
		_exit(0);
	}
	if (read(fds[0], &kib, sizeof(kib)) != sizeof(kib))
		abort();
	wait(NULL);
	close(fds[0]);
	close(fds[1]);
	fprintf(out, "kib=%.0f", kib);
}

static void
measure_bytes(const struct bench_options *options, FILE *out)
{
	struct fnt_stat stat;

	(void)options;
	produce(producer, 100000);
	if (fnt_reader_stat(reader, &stat))
		abort();
	fprintf(out, "bytes=%.1f", 256.0 * (double)stat.cells / (double)stat.retained);
}

static void *
first_call(void *arg)
{
	uint64_t begin = bench_clock(CLOCK_MONOTONIC);

	produce(producer, 1);
	*(uint64_t *)arg = bench_clock(CLOCK_MONOTONIC) - begin;
	return NULL;
}

static void
measure_first(const struct bench_options *options, FILE *out)
{
	pthread_t thread;
	uint64_t ns;

	(void)options;
	if (pthread_create(&thread, NULL, first_call, &ns))
		abort();
	pthread_join(thread, NULL);
	fprintf(out, "ns=%llu", (unsigned long long)ns);
}

/* ---- the peer ------------------------------------------------------------------- */

/* Fill the ring past its end, so that it has wrapped. */
static int
process_init(const struct bench_options *options, unsigned process)
{
	struct fnt_stat stat;

	(void)process;
	if (open_log(options, &producer))
		return -1;
	if (fnt_reader_open(&reader, options->region, NULL) ||
	    fnt_reader_stat(reader, &stat))
		return fprintf(stderr, "bench: cannot read the region\n"), -1;
	produce(producer, stat.cells + stat.cells / 8);
	retained = fnt_log_len(producer);
	if (is_shape(options, "memory")) {
		fnt_log_close(producer);
		fnt_reader_close(reader);
	}
	return 0;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	(void)thread;
	if (is_shape(options, "all") && retained < ALL)
		return fprintf(stderr,
			       "bench: the ring holds fewer than 10,000 traces\n"),
		       NULL;
	return (void *)(uintptr_t)options;
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static struct bench_peer peer = {.process_init = process_init,
					 .thread_init = thread_init};

	if (is_shape(options, "recent"))
		peer.run = run_recent;
	else if (is_shape(options, "all"))
		peer.run = run_all;
	else if (is_shape(options, "open"))
		peer.run = run_open;
	else if (is_shape(options, "reader-open"))
		peer.run = run_reader_open;
	else if (is_shape(options, "len"))
		peer.measure = measure_len;
	else if (is_shape(options, "memory"))
		peer.measure = measure_memory;
	else if (!strncmp(options->shape, "bytes", 5))
		peer.measure = measure_bytes;
	else if (is_shape(options, "begin-first"))
		peer.measure = measure_first;
	else
		return NULL;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
