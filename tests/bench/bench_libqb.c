/* SPDX-License-Identifier: MIT
 *
 * libqb's ring buffer: one chunk for each call, in overwrite mode, with the same
 * strings and times. The ring supports one producer, so threads share it under a spin
 * lock.
 */
#include "bench.h"
#include "workload.h"

#include <qb/qbrb.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING_BYTES (16u << 20)
#define CHUNK_MAX 512u

struct producer {
	struct workload work;
	uint64_t done;
};

static qb_ringbuffer_t *ring;
static pthread_spinlock_t lock;

static unsigned char *
put(unsigned char *at, const char *text)
{
	size_t len = strlen(text);

	*at++ = (unsigned char)len;
	memcpy(at, text, len);
	return at + len;
}

static unsigned char *
put_number(unsigned char *at, uint64_t number)
{
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

static unsigned char *
put_op(unsigned char *at, uint64_t op, const char *entity, const char *id)
{
	at = put_number(at, op);
	at = put_number(at, bench_clock(CLOCK_MONOTONIC));
	at = put_number(at, 5000);
	at = put(at, entity);
	return put(at, id);
}

static void
one_call(struct producer *p, uint64_t i)
{
	unsigned char chunk[CHUNK_MAX], *at = chunk;
	unsigned char *to;
	size_t len;

	at = put_number(at, bench_clock(CLOCK_REALTIME));
	at = put_number(at, i);
	at = put(at, workload_call_id(&p->work, i));
	at = put(at, workload_fn(i));
	at = put(at, workload_user_id(&p->work, i));
	at = put_op(at, 0, "Lot", workload_row_id(&p->work, i));
	at = put_op(at, 3, "Bid", "");
	at = put_number(at, bench_clock(CLOCK_MONOTONIC));
	len = (size_t)(at - chunk);
	pthread_spin_lock(&lock);
	to = qb_rb_chunk_alloc(ring, len);
	if (to) {
		memcpy(to, chunk, len);
		qb_rb_chunk_commit(ring, len);
	}
	pthread_spin_unlock(&lock);
}

static void
run(void *state, uint64_t calls)
{
	struct producer *p = state;

	for (uint64_t i = p->done, end = i + calls; i < end; i++)
		one_call(p, i);
	p->done += calls;
}

static int
process_init(const struct bench_options *options, unsigned process)
{
	char name[64];

	snprintf(name, sizeof(name), "fnt-bench-%d-%u", (int)getpid(), process);
	pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
	ring = qb_rb_open(
		name, options->size_bytes ? options->size_bytes : RING_BYTES,
		QB_RB_FLAG_CREATE | QB_RB_FLAG_OVERWRITE | QB_RB_FLAG_NO_SEMAPHORE, 0);
	if (!ring)
		return perror("bench: qb_rb_open"), -1;
	return 0;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct producer *p = calloc(1, sizeof(*p));

	workload_init(&p->work, thread->index, options->vary);
	return p;
}

static void
process_fini(void)
{
	qb_rb_close(ring);
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static const struct bench_peer peer = {.process_init = process_init,
					       .thread_init = thread_init,
					       .process_fini = process_fini,
					       .run = run};

	(void)options;
	return &peer;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, choose);
}
