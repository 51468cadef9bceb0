/* SPDX-License-Identifier: MIT
 *
 * bench.h: one variant of one peer, measured in batches on command.
 *
 *      run.py ── "go" ──► controller ── barrier ──► P processes of T threads, pinned,
 *             ◄─ "ns=…" ─            ◄─ barrier ──  and readers, which run meanwhile
 *
 * Each variant is a process of its own that stays and sleeps between its batches, so
 * that run.py can take variants in turn, round by round, and compare what was measured
 * within milliseconds of each other.
 */
#ifndef FNT_BENCH_H
#define FNT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define BENCH_THREADS_MAX 64

/* What the command line asks for; a peer takes from it what means something to it. */
struct bench_options {
	const char *shape; /* what a call is: see each peer */
	unsigned threads;  /* in each process */
	unsigned processes;
	unsigned readers; /* the first follows, others scan the whole ring in a loop */
	unsigned scans;	  /* 1: the first scans, too */
	unsigned elsewhere; /* 1: of another ring, as large, that nobody writes to */
	unsigned raw;	 /* 1: readers only load what they would read (raw_reader.h) */
	unsigned raw_ns; /* the scanner no faster than a cell in so many ns */
	unsigned raw_evict; /* 1: and give back what they have loaded (cache_flush.h) */
	unsigned ops;	    /* per call */
	unsigned chunks;    /* streamed per call */
	unsigned vary;	    /* 1: ids of different lengths */
	uint64_t value_bytes; /* of the result; 0: none */
	uint64_t size_bytes;  /* of the ring or region; 0: the peer's default */
	uint64_t fill;	      /* calls made before the first batch */
	unsigned batch_ms;
	unsigned tries;	     /* of a batch, until nobody else had our CPUs */
	unsigned latency;    /* 1: a histogram of single calls */
	const char *region;  /* what to call it */
	const char *program; /* of tap: what to run, or "" to run nothing between */
};

/* A thread of the bench, in whatever process. */
struct bench_thread {
	unsigned index;	  /* over all processes; readers come last */
	unsigned process; /* 0 … processes - 1; readers of a process of their own: that
			   */
	bool is_reader;
	void *state; /* the peer's */
};

/* A peer: everything is called in the process and thread that it is for. A negative
 * return, or NULL, ends the worker with a message that the peer has written to stderr.
 */
struct bench_peer {
	/* Once in each process, before its threads. */
	int (*process_init)(const struct bench_options *options, unsigned process);
	void *(*thread_init)(const struct bench_options *options,
			     const struct bench_thread *thread);
	/* At the end of each process. May be NULL. */
	void (*process_fini)(void);
	/* Do `calls` calls. */
	void (*run)(void *state, uint64_t calls);
	/* A reader's: one look at everything, or at what is new. May be NULL. */
	void (*read)(void *state);
	/* Readers are threads of process 0, and not a process of their own. */
	bool readers_inside;
	/* Instead of threads: measure once, print "key=value …"
	 * without a newline. */
	void (*measure)(const struct bench_options *options, FILE *out);
};

/* Parse the options, set up, serve "go" on stdin until it ends. The exit status. */
int bench_main(int argc, char **argv,
	       const struct bench_peer *(*choose)(const struct bench_options *options));

/* For a peer without threads: the batch's length in calls, found by trying. */
uint64_t bench_calibrate(void (*run)(void *state, uint64_t calls), void *state,
			 unsigned batch_ms);

static inline uint64_t
bench_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
