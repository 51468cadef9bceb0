/* SPDX-License-Identifier: MIT */
#include "bench.h"
#include "bench_args.h"
#include "bench_hop.h"
#include "histogram.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define WARM_UP_MS 150u
#define WARM_UP_PART 8u /* of a batch, before it */

/* The result of one thread, in memory that all processes share. */
struct sample {
	uint64_t wall_ns, cpu_ns, calls, ticks;
	uint64_t preempted; /* involuntary context switches */
	uint64_t hop_ns;    /* a cache line to a reader's CPU and back */
	struct histogram latency;
};

struct shared {
	pthread_barrier_t start, end;
	_Atomic unsigned arrived; /* threads spin until all have, to start together */
	_Atomic unsigned running; /* producers */
	_Atomic bool failed;
	struct bench_hop hop;
	_Alignas(128) bool quit;
	uint64_t calls; /* of a batch, per thread */
	struct sample samples[BENCH_THREADS_MAX];
};

static struct shared *shared;
static struct bench_options options;
static const struct bench_peer *peer;
static cpu_set_t cpus;

/* ---- a thread ------------------------------------------------------------------- */

/* From the last CPU down, as interrupts tend to go to the first. Readers share the CPUs
 * that producers leave. */
static void
pin(const struct bench_thread *thread)
{
	unsigned count = (unsigned)CPU_COUNT(&cpus), index = thread->index;
	unsigned producers = options.threads * options.processes, skip;
	cpu_set_t one;

	if (thread->is_reader && count > producers)
		index = producers + (index - producers) % (count - producers);
	skip = count - 1 - index % count;

	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &cpus) || skip-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void
run_one_by_one(struct sample *sample, void *state, uint64_t calls)
{
	uint64_t last = __rdtsc(), now;

	for (uint64_t i = 0; i < calls; i++) {
		peer->run(state, 1);
		now = __rdtsc();
		histogram_add(&sample->latency, now - last);
		last = __rdtsc();
	}
}

/* Involuntary context switches; waiting for a lock is voluntary. */
static uint64_t
preemptions(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nivcsw;
}

static bool
measures_hop(const struct bench_thread *thread)
{
	unsigned first = thread->is_reader ? options.threads * options.processes : 0;

	return options.readers && CPU_COUNT(&cpus) > 1 && thread->index == first;
}

static void
produce(const struct bench_thread *thread)
{
	struct sample *sample = &shared->samples[thread->index];
	uint64_t wall, cpu, ticks, preempted;

	if (measures_hop(thread))
		sample->hop_ns = bench_hop(&shared->hop);
	/* Warm up: other workers have used the caches. */
	peer->run(thread->state, shared->calls / WARM_UP_PART + 1);
	preempted = preemptions();
	wall = bench_clock(CLOCK_MONOTONIC);
	cpu = bench_clock(CLOCK_THREAD_CPUTIME_ID);
	ticks = __rdtsc();
	sample->calls = shared->calls;
	if (options.latency) {
		memset(&sample->latency, 0, sizeof(sample->latency));
		run_one_by_one(sample, thread->state, shared->calls);
	} else {
		peer->run(thread->state, shared->calls);
	}
	sample->ticks = __rdtsc() - ticks;
	sample->cpu_ns = bench_clock(CLOCK_THREAD_CPUTIME_ID) - cpu;
	sample->wall_ns = bench_clock(CLOCK_MONOTONIC) - wall;
	sample->preempted = preemptions() - preempted;
	atomic_fetch_sub(&shared->running, 1);
}

static void
consume(const struct bench_thread *thread)
{
	uint64_t looks = 0;

	if (measures_hop(thread))
		bench_hop_back(&shared->hop);
	for (; atomic_load(&shared->running); looks++)
		peer->read(thread->state);
	shared->samples[thread->index].calls = looks;
}

static unsigned
threads_total(void)
{
	return bench_threads(&options);
}

static void *
thread_main(void *arg)
{
	struct bench_thread *thread = arg;

	pin(thread);
	thread->state = peer->thread_init(&options, thread);
	if (!thread->state)
		atomic_store(&shared->failed, true);
	for (;;) {
		pthread_barrier_wait(&shared->start);
		if (shared->quit)
			return NULL;
		atomic_fetch_add(&shared->arrived, 1);
		while (atomic_load(&shared->arrived) < threads_total())
			sched_yield();
		if (thread->is_reader)
			consume(thread);
		else
			produce(thread);
		pthread_barrier_wait(&shared->end);
	}
}

/* ---- a process ------------------------------------------------------------------ */

static void
start_threads(unsigned process, unsigned first, unsigned count, bool are_readers,
	      pthread_t *ids)
{
	for (unsigned i = 0; i < count; i++) {
		struct bench_thread *thread = calloc(1, sizeof(*thread));

		*thread = (struct bench_thread){.index = first + i,
						.process = process,
						.is_reader = are_readers};
		if (pthread_create(&ids[i], NULL, thread_main, thread))
			abort();
	}
}

static void
process_main(unsigned process)
{
	unsigned producers = options.threads * options.processes, count = 0;
	bool readers_here = process == (peer->readers_inside ? 0 : options.processes);
	pthread_t ids[BENCH_THREADS_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (peer->process_init && peer->process_init(&options, process) < 0) {
		atomic_store(&shared->failed, true);
		_exit(1);
	}
	if (process < options.processes) {
		start_threads(process, process * options.threads, options.threads,
			      false, ids);
		count = options.threads;
	}
	if (readers_here) {
		start_threads(process, producers, options.readers, true, ids + count);
		count += options.readers;
	}
	for (unsigned i = 0; i < count; i++)
		pthread_join(ids[i], NULL);
	if (peer->process_fini)
		peer->process_fini();
	_exit(0);
}

/* Exit if a process died: the barriers, and bench.py, would wait for it for ever. */
static void
child_ended(int signal)
{
	static const char message[] = "bench: a process of the batch died\n";
	siginfo_t info = {0};
	int saved = errno;

	(void)signal;
	while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid) {
		if (info.si_code != CLD_EXITED || info.si_status) {
			(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
			_exit(1);
		}
		waitid(P_PID, (id_t)info.si_pid, &info, WEXITED);
		info.si_pid = 0;
	}
	errno = saved;
}

static void
start_processes(void)
{
	unsigned count = options.processes;

	signal(SIGCHLD, child_ended);
	if (options.readers && !peer->readers_inside)
		count++;
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid == 0)
			process_main(i);
	}
}

/* ---- the controller ------------------------------------------------------------- */

static void
share(void)
{
	pthread_barrierattr_t attributes;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->start, &attributes, threads_total() + 1);
	pthread_barrier_init(&shared->end, &attributes, threads_total() + 1);
}

/* Run a batch. Returns the time of its slowest thread in ns. */
static uint64_t
batch(uint64_t calls)
{
	uint64_t longest = 1;

	shared->calls = calls;
	atomic_store(&shared->arrived, 0);
	bench_hop_init(&shared->hop);
	atomic_store(&shared->running, options.threads * options.processes);
	pthread_barrier_wait(&shared->start);
	if (atomic_load(&shared->failed))
		exit(1);
	pthread_barrier_wait(&shared->end);
	for (unsigned i = 0; i < options.threads * options.processes; i++)
		if (shared->samples[i].wall_ns > longest)
			longest = shared->samples[i].wall_ns;
	return longest;
}

static bool
was_disturbed(void)
{
	uint64_t preempted = 0;

	for (unsigned i = 0; i < options.threads * options.processes; i++)
		preempted += shared->samples[i].preempted;
	return preempted != 0;
}

/* More producers than CPUs: they preempt each other. */
static bool
is_oversubscribed(void)
{
	return options.threads * options.processes > (unsigned)CPU_COUNT(&cpus);
}

/* Repeat a batch in which another program took one of the CPUs. Not for latencies,
 * whose tail that would cut, nor when oversubscribed, where preemption is what is
 * measured. */
static void
undisturbed_batch(uint64_t calls)
{
	for (unsigned i = 0; i < options.tries; i++) {
		batch(calls);
		if (options.latency || is_oversubscribed() || !was_disturbed())
			break;
	}
}

static void
print_latency(void)
{
	static struct histogram all;
	double ns_per_tick =
		(double)shared->samples[0].wall_ns / (double)shared->samples[0].ticks;
	static const struct {
		const char *name;
		double part;
	} parts[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};

	memset(&all, 0, sizeof(all));
	for (unsigned i = 0; i < options.threads * options.processes; i++)
		histogram_merge(&all, &shared->samples[i].latency);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf("%s=%.1f ", parts[i].name,
		       (double)histogram_quantile(&all, parts[i].part) * ns_per_tick);
	printf("max=%.1f", (double)all.max * ns_per_tick);
}

static void
print_batch(void)
{
	unsigned producers = options.threads * options.processes;
	double wall = 0, cpu = 0;

	if (options.latency) {
		print_latency();
		return;
	}
	for (unsigned i = 0; i < producers; i++) {
		const struct sample *sample = &shared->samples[i];

		wall += (double)sample->wall_ns / (double)sample->calls;
		cpu += (double)sample->cpu_ns / (double)sample->calls;
	}
	printf("ns=%.3f cpu_ns=%.3f", wall / producers, cpu / producers);
	if (options.readers)
		printf(" looks=%llu hop_ns=%llu",
		       (unsigned long long)shared
			       ->samples[producers + options.readers - 1]
			       .calls,
		       (unsigned long long)shared->samples[0].hop_ns);
}

/* The fastest of three: an interrupted one would make all batches too short. */
static uint64_t
fastest_batch(uint64_t calls)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		uint64_t took = batch(calls);

		best = took < best ? took : best;
	}
	return best;
}

/* How many calls take about batch_ms. Also fills the ring, if asked, and warms up. */
static uint64_t
calibrate(void)
{
	uint64_t target = options.batch_ms * 1000000ull, calls = 16, took;
	uint64_t begin = bench_clock(CLOCK_MONOTONIC);

	if (options.fill) {
		uint64_t part = options.fill / (options.threads * options.processes);

		took = batch(part);
		printf("first_lap_ns=%.1f ", (double)took / (double)part);
	}
	while ((took = fastest_batch(calls)) < target / 2 && calls < 1ull << 40)
		calls = took < target / 16 ? calls * 8 : calls * 2;
	calls = (uint64_t)((double)calls * (double)target / (double)took) + 1;
	do
		batch(calls);
	while (bench_clock(CLOCK_MONOTONIC) - begin < WARM_UP_MS * 1000000ull);
	return calls;
}

uint64_t
bench_calibrate(void (*run)(void *, uint64_t), void *state, unsigned batch_ms)
{
	uint64_t target = batch_ms * 1000000ull, calls = 1, begin, took;

	for (;; calls *= 2) {
		begin = bench_clock(CLOCK_MONOTONIC);
		run(state, calls);
		took = bench_clock(CLOCK_MONOTONIC) - begin;
		if (took > target / 2 || calls >> 40)
			return (uint64_t)((double)calls * (double)target /
					  (double)took) +
			       1;
	}
}

static void
serve(uint64_t calls)
{
	char line[64];

	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (peer->measure) {
			peer->measure(&options, stdout);
		} else {
			undisturbed_batch(calls);
			print_batch();
			if (!is_oversubscribed())
				printf(" disturbed=%d", was_disturbed());
		}
		printf("\n");
		fflush(stdout);
	}
}

/* ---- main ------------------------------------------------------------------- */

int
bench_main(int argc, char **argv,
	   const struct bench_peer *(*choose)(const struct bench_options *))
{
	if (bench_args(argc, argv, &options) < 0)
		return 2;
	peer = choose(&options);
	if (!peer)
		return fprintf(stderr, "bench: no such shape: %s\n", options.shape), 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	if (peer->measure) {
		if (peer->process_init && peer->process_init(&options, 0) < 0)
			return 1;
		serve(0);
		if (peer->process_fini)
			peer->process_fini();
		return 0;
	}
	share();
	start_processes();
	serve(calibrate());
	shared->quit = true;
	pthread_barrier_wait(&shared->start);
	while (wait(NULL) > 0)
		continue;
	return 0;
}
