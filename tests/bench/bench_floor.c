/* SPDX-License-Identifier: MIT
 *
 * What the machine itself takes for what the design requires, with nothing around it.
 * Shapes:
 *
 *      rdtsc, vdso    one reading of the counter; of CLOCK_MONOTONIC
 *      cmpxchg, xadd  one, of a word that nobody else has
 *      stores         so many as a call makes, to lines that are in the cache …
 *      fenced         … and one cmpxchg after them, which waits for them
 *      stamps         four readings of the counter, scaled: a call's with two ops
 *      stamps-vdso    four of CLOCK_MONOTONIC
 *      copy           a cell's bytes into a ring's next cell, the one after it
 * prefetched copy-cold      the same without that bytes          all that a call with
 * two ops writes (floor.h) bytes-vdso     the same with the vDSO clock bytes-bare the
 * same (tsc) without journal and rows op, op-vdso    a reading, an op's bytes,
 * published; get and insert in turn op-counted     op, counted in its row chunk a
 * stream chunk: two words of the frame
 *
 * A "call" is one of these. With --verify it measures nothing, and says by its exit
 * status whether `bytes` are what the library writes.
 */
#include "bench.h"
#include "floor.h"
#include "floor_verify.h"
#include "workload.h"

#include "clock.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STORES 60u
#define DEFAULT_RING (16u << 20)
#define OPS_IN_FRAME 8u /* pairs of them, before the next is written over the first */
#define SCALE_MS 25	/* over which the counter's rate is found */

/* As a region has them, in a file of the same kind. */
struct memory {
	struct fnt_frame frame;
	struct fnt_lane lane;
	struct fnt_fn_row fn_rows[FLOOR_FNS];
	struct fnt_octave octaves[FLOOR_FNS];
	struct fnt_op_row op_rows[2];
	alignas(FNT_PAGE) struct fnt_cell cells[];
};

struct producer {
	struct floor floor;
	struct workload work;
	uint64_t done;
	alignas(64) char hot[FNT_CELL_BYTES];
	alignas(64) fnt_word words[STORES];
	alignas(64) fnt_word alone;
};

/* ---- single acts ------------------------------------------------------------------
 */

static inline void
use_value(uint64_t value)
{
	__asm__ volatile("" : : "r"(value));
}

static void
run_rdtsc(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		use_value(__rdtsc());
}

static void
run_vdso(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
		use_value(floor_vdso());
}

static inline void
compare_and_swap(fnt_word *word, uint64_t old)
{
	atomic_compare_exchange_strong_explicit(
		word, &old, old + 1, memory_order_acquire, memory_order_relaxed);
}

static void
run_cmpxchg(void *state, uint64_t times)
{
	struct producer *p = state;
	uint64_t now = floor_get(&p->alone);

	for (uint64_t i = 0; i < times; i++)
		compare_and_swap(&p->alone, now + i);
}

static void
run_xadd(void *state, uint64_t times)
{
	struct producer *p = state;

	for (uint64_t i = 0; i < times; i++)
		use_value(
			atomic_fetch_add_explicit(&p->alone, 1, memory_order_relaxed));
}

static inline void
store_all(struct producer *p, uint64_t value)
{
#pragma GCC unroll 60
	for (unsigned i = 0; i < STORES; i++)
		floor_set(&p->words[i], value);
}

static void
run_stores(void *state, uint64_t times)
{
	struct producer *p = state;

	for (uint64_t i = 0; i < times; i++)
		store_all(p, i);
}

static void
run_fenced(void *state, uint64_t times)
{
	struct producer *p = state;
	uint64_t now = floor_get(&p->alone);

	for (uint64_t i = 0; i < times; i++) {
		store_all(p, i);
		compare_and_swap(&p->alone, now + i);
	}
}

/* ---- clocks -----------------------------------------------------------------------
 */

static void
run_stamps(void *state, uint64_t times)
{
	struct producer *p = state;

	for (uint64_t i = 0; i < times; i++)
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			use_value(floor_tsc(&p->floor.clock));
}

static void
run_stamps_vdso(void *state, uint64_t times)
{
	(void)state;
	for (uint64_t i = 0; i < times; i++)
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++)
			use_value(floor_vdso());
}

/* ---- copies -----------------------------------------------------------------------
 */

static inline void
copy(struct producer *p, uint64_t times, bool prefetch)
{
	struct floor *f = &p->floor;

	for (uint64_t i = 0; i < times; i++) {
		fnt_words_put(f->cells[f->ticket & f->mask].words, p->hot,
			      FNT_CELL_WORDS);
		f->ticket++;
		if (prefetch)
			floor_prefetch(f);
	}
}

static void
run_copy(void *state, uint64_t times)
{
	copy(state, times, true);
}

static void
run_copy_cold(void *state, uint64_t times)
{
	copy(state, times, false);
}

/* ---- whole calls ------------------------------------------------------------------
 */

FLOOR_INLINE void
run_bytes(struct producer *p, uint64_t calls, struct floor_way way)
{
	bool claimed = true;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct floor_call call = {.call_id = workload_call_id(&p->work, i),
					  .user_id = workload_user_id(&p->work, i),
					  .row_id = workload_row_id(&p->work, i),
					  .fn = i % FLOOR_FNS};

		floor_begin(&p->floor, &call, way);
		floor_first_op(&p->floor, &call, FLOOR_BEGUN, way);
		floor_second_op(&p->floor, &call, FLOOR_BEGUN + FLOOR_GET, way);
		claimed &= floor_finish(&p->floor, &call, way);
	}
	p->done += calls;
	if (!claimed) {
		fprintf(stderr, "bench: a cell was not what it should be\n");
		abort();
	}
}

static void
run_bytes_tsc(void *state, uint64_t calls)
{
	run_bytes(state, calls, (struct floor_way){.vdso = false, .counted = true});
}

static void
run_bytes_vdso(void *state, uint64_t calls)
{
	run_bytes(state, calls, (struct floor_way){.vdso = true, .counted = true});
}

static void
run_bytes_bare(void *state, uint64_t calls)
{
	run_bytes(state, calls, (struct floor_way){.vdso = false, .counted = false});
}

/* ---- parts of calls ---------------------------------------------------------------
 */

FLOOR_INLINE void
run_ops(struct producer *p, uint64_t ops, struct floor_way way)
{
	struct floor *f = &p->floor;
	struct floor_call call = {.began = f->clock.ns};

	for (uint64_t i = p->done, end = i + ops; i < end; i += 2) {
		uint32_t at = FLOOR_BEGUN + (uint32_t)(i / 2 % OPS_IN_FRAME) *
						    (FLOOR_GET + FLOOR_INSERT);

		call.row_id = workload_row_id(&p->work, i);
		floor_first_op(f, &call, at, way);
		floor_second_op(f, &call, at + FLOOR_GET, way);
	}
	p->done += ops;
}

static void
run_ops_tsc(void *state, uint64_t ops)
{
	run_ops(state, ops, (struct floor_way){.vdso = false, .counted = false});
}

static void
run_ops_vdso(void *state, uint64_t ops)
{
	run_ops(state, ops, (struct floor_way){.vdso = true, .counted = false});
}

static void
run_ops_counted(void *state, uint64_t ops)
{
	run_ops(state, ops, (struct floor_way){.vdso = false, .counted = true});
}

static void
run_chunks(void *state, uint64_t times)
{
	struct producer *p = state;
	fnt_word *record = p->floor.frame->record;

	for (uint64_t chunks = p->done, end = chunks + times; chunks < end; chunks++)
		floor_chunk(record, chunks);
	p->done += times;
}

/* ---- set-up -----------------------------------------------------------------------
 */

/* In a file without a name, beside where regions are; every page of it there. */
static struct memory *
map_memory(uint64_t cells)
{
	const char *dir = getenv("FNTRACE_DIR");
	size_t size = sizeof(struct memory) + cells * sizeof(struct fnt_cell);
	int fd = open(dir ? dir : "/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct memory *memory = MAP_FAILED;

	if (fd >= 0 && !posix_fallocate(fd, 0, (off_t)size))
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, fd, 0);
	if (fd >= 0)
		close(fd);
	return memory == MAP_FAILED ? NULL : memory;
}

/* The library's own anchor; 0 where it does not trust the counter. */
static void
set_clock(struct floor_clock *clock)
{
	struct timespec pause = {.tv_nsec = SCALE_MS * 1000000};
	struct fnt_clock known = {0};

	fnt_clock_read(&known);
	nanosleep(&pause, NULL);
	fnt_clock_read(&known);
	*clock = (struct floor_clock){.ticks = known.ticks,
				      .ns = known.ns,
				      .scale = known.scale,
				      .wall_offset = fnt_clock_ns(CLOCK_REALTIME) -
						     fnt_clock_mono()};
}

static bool
set_floor(struct floor *f, uint64_t ring_bytes)
{
	uint32_t shift = 63 - (uint32_t)__builtin_clzll(ring_bytes / FNT_CELL_BYTES);
	struct memory *memory = map_memory(1ull << shift);

	if (!memory)
		return false;
	*f = (struct floor){.frame = &memory->frame,
			    .lane = &memory->lane,
			    .cells = memory->cells,
			    .fn_rows = memory->fn_rows,
			    .octaves = memory->octaves,
			    .get = &memory->op_rows[0],
			    .insert = &memory->op_rows[1],
			    .mask = (1ull << shift) - 1,
			    .lap_shift = shift,
			    .lane_no = 1,
			    .trace_high = 0x0123456789abcdefu,
			    .pid_tid = (uint64_t)getpid() << 32 | (uint64_t)getpid()};
	for (uint32_t i = 0; i < FLOOR_FNS; i++)
		f->fn_ids[i] = 538 + i;
	floor_set_names(f, 25, 537);
	set_clock(&f->clock);
	floor_init(f);
	return true;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct producer *p = aligned_alloc(64, sizeof(*p));

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	workload_init(&p->work, thread->index);
	if (!set_floor(&p->floor,
		       options->size_bytes ? options->size_bytes : DEFAULT_RING))
		return perror("bench: memory"), NULL;
	if (!p->floor.clock.scale && !strstr(options->shape, "vdso"))
		return fprintf(stderr, "bench: the counter is not trusted here\n"),
		       NULL;
	return p;
}

static const struct bench_peer *
choose(const struct bench_options *options)
{
	static struct bench_peer peer = {.thread_init = thread_init};
	static const struct {
		const char *shape;
		void (*run)(void *state, uint64_t calls);
	} shapes[] = {
		{"rdtsc", run_rdtsc},
		{"vdso", run_vdso},
		{"cmpxchg", run_cmpxchg},
		{"xadd", run_xadd},
		{"stores", run_stores},
		{"fenced", run_fenced},
		{"stamps", run_stamps},
		{"stamps-vdso", run_stamps_vdso},
		{"copy", run_copy},
		{"copy-cold", run_copy_cold},
		{"bytes", run_bytes_tsc},
		{"bytes-vdso", run_bytes_vdso},
		{"bytes-bare", run_bytes_bare},
		{"op", run_ops_tsc},
		{"op-vdso", run_ops_vdso},
		{"op-counted", run_ops_counted},
		{"chunk", run_chunks},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (!strcmp(shapes[i].shape, options->shape))
			peer.run = shapes[i].run;
	return peer.run ? &peer : NULL;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--verify"))
		return floor_verify();
	return bench_main(argc, argv, choose);
}
