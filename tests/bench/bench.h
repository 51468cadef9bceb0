/* SPDX-License-Identifier: MIT
 *
 * bench.h: one variant of one peer, measured in batches on command.
 *
 *      bench.py ── "go" ──► controller ── barrier ──► P processes of T threads, pinned,
 *               ◄─ "ns=…" ─            ◄─ barrier ──  and readers, running meanwhile
 *
 * Each variant is a process of its own, which lives and sleeps between its batches. So
 * bench.py can let variants take turns, round by round, and compare measurements that
 * were made within milliseconds of each other.
 */
#ifndef FNT_BENCH_H
#define FNT_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define BENCH_THREADS_MAX 64

/* The command line. A peer uses the options that apply to it. */
struct bench_options {
	const char *shape; /* the kind of call: see each peer */
	unsigned threads;  /* in each process */
	unsigned processes;
	unsigned readers; /* the first follows, others scan the whole ring in a loop */
	unsigned scans;	  /* 1: the first scans, too */
	unsigned elsewhere; /* 1: they read another ring, which has no writers */
	unsigned raw; /* 1: they only load the lines, without decoding (raw_reader.h) */
	unsigned raw_ns;    /* least time of a raw scanner for a cell */
	unsigned raw_evict; /* 1: raw readers flush what they loaded (cache_flush.h) */
	unsigned ops;	    /* per call */
	unsigned chunks;    /* streamed per call */
	unsigned vary;	    /* 1: ids of random lengths */
	uint64_t value_bytes; /* of the result; 0: none */
	uint64_t size_bytes;  /* of the ring or region; 0: the peer's default */
	uint64_t fill;	      /* calls made before the first batch */
	unsigned batch_ms;
	unsigned tries;	     /* of a batch, until no other program took a CPU */
	unsigned latency;    /* 1: a histogram of single calls */
	const char *region;  /* its name */
	const char *program; /* of bench_tap: the tool, or "" for a bare pipe */
};

/* A thread of the benchmark, in any of its processes. */
struct bench_thread {
	unsigned index;	  /* over all processes; readers come last */
	unsigned process; /* 0 … processes - 1; `processes`: the process of readers */
	bool is_reader;
	void *state; /* what thread_init returned */
};

/* A peer. Each function is called in the process and thread that it is for. A negative
 * return, or NULL, ends the worker; the peer has written a message to stderr. */
struct bench_peer {
	/* Once in each process, before its threads. */
	int (*process_init)(const struct bench_options *options, unsigned process);
	void *(*thread_init)(const struct bench_options *options,
			     const struct bench_thread *thread);
	/* At the end of each process. May be NULL. */
	void (*process_fini)(void);
	/* Make `calls` calls. */
	void (*run)(void *state, uint64_t calls);
	/* One pass of a reader, over everything or over what is new. May be NULL. */
	void (*read)(void *state);
	/* Readers are threads of process 0 instead of another process. */
	bool readers_inside;
	/* Used instead of threads: measure once, print "key=value …" without a
	 * newline. */
	void (*measure)(const struct bench_options *options, FILE *out);
};

/* Parse the options, set up, and measure a batch for each line "go" on stdin until it
 * ends. Returns the exit status. */
int bench_main(int argc, char **argv,
	       const struct bench_peer *(*choose)(const struct bench_options *options));

/* For a peer without threads: how many calls take `batch_ms`. */
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
