/* SPDX-License-Identifier: MIT
 *
 * The floor: the least that a machine takes for what the design requires, with nothing
 * around it. A "call" of the benchmark is one of these. Shapes:
 *
 *      rdtsc, vdso       one reading of the counter; of CLOCK_MONOTONIC
 *      cmpxchg, xadd     one, of a word that no other thread uses
 *      stores            as many stores as a call makes, to lines in the cache
 *      stores-cmpxchg    the same, then one cmpxchg
 *      rcu               a read-side critical section, as the library enters one
 *      stamps            four readings of the counter, scaled
 *      stamps-vdso       four readings of CLOCK_MONOTONIC
 *      copy              a cell's bytes into a ring, the next cell prefetched
 *      copy-no-prefetch  the same without the prefetch
 *      bytes             everything that a call with two ops writes (floor.h)
 *      bytes-vdso        the same with the vDSO clock
 *      bytes-uncounted   the same without journal and rows
 *      sampled-out       the same for a call that is sampled out at its end
 *      long              the same for a call of `ops` ops (floor_long.h)
 *      long-vdso         that with the vDSO clock
 *      called            `bytes` in four functions, each with a read-side section; also
 *                        called-vdso, called-sampled-out, called-long,
 *                        called-long-vdso, called-chunk
 *      op, op-vdso       a reading and an op's bytes, published; get, insert by turns
 *      op-counted        op, counted in its row
 *      chunk             a stream chunk: two words of the frame
 *
 * With --verify nothing is measured: the exit status says whether `bytes` and its
 * variants are what the library writes.
 */
#include "bench.h"
#include "floor_primitives.h"
#include "floor_verify.h"

#include "base/clock.h"
#include "base/rcu.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_RING (16u << 20)
#define OPS_IN_FRAME 8u /* pairs of ops; the next pair overwrites the first */
#define OPS_MOST                                                                       \
	((FLOOR_FRAMES * FNT_FRAME_PAYLOAD_BYTES - FLOOR_BEGUN) / FLOOR_PAIR * 2)
#define SCALE_MS 25 /* the time over which the counter's rate is measured */

/* The parts of a region that a call writes. */
struct memory {
	struct fnt_frame frames[FLOOR_FRAMES];
	struct fnt_lane lane;
	struct fnt_fn_row fn_rows[FLOOR_FNS];
	struct fnt_octave octaves[FLOOR_FNS], op_octaves[2];
	struct fnt_op_row op_rows[2];
	alignas(FNT_PAGE) struct fnt_cell cells[];
};

/* ---- whole calls -------------------------------------------------------------- */

FLOOR_INLINE void
run_bytes(struct floor_producer *p, uint64_t calls, struct floor_variant variant)
{
	bool claimed = true;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct floor_call call = floor_call_number(p, i);

		floor_begin(&p->floor, &call, variant);
		floor_first_op(&p->floor, &call, FLOOR_BEGUN, variant);
		floor_second_op(&p->floor, &call, FLOOR_BEGUN + FLOOR_GET, variant);
		claimed &= floor_finish(&p->floor, &call, variant);
	}
	p->done += calls;
	floor_require(claimed);
}

#define VARIANT(by_vdso, in_rows)                                                      \
	((struct floor_variant){.vdso = (by_vdso), .counted = (in_rows), .ops = 2})

static void
run_bytes_tsc(void *state, uint64_t calls)
{
	run_bytes(state, calls, VARIANT(false, true));
}

static void
run_bytes_vdso(void *state, uint64_t calls)
{
	run_bytes(state, calls, VARIANT(true, true));
}

static void
run_bytes_uncounted(void *state, uint64_t calls)
{
	run_bytes(state, calls, VARIANT(false, false));
}

static void
run_sampled_out(void *state, uint64_t calls)
{
	struct floor_producer *p = state;
	struct floor_variant variant = VARIANT(false, true);

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct floor_call call = floor_call_number(p, i);

		floor_begin(&p->floor, &call, variant);
		floor_first_op(&p->floor, &call, FLOOR_BEGUN, variant);
		floor_second_op(&p->floor, &call, FLOOR_BEGUN + FLOOR_GET, variant);
		floor_sample_out(&p->floor, &call, variant);
	}
	p->done += calls;
}

FLOOR_INLINE void
run_long(struct floor_producer *p, uint64_t calls, struct floor_variant variant)
{
	bool claimed = true;

	for (uint64_t i = p->done, end = i + calls; i < end; i++) {
		struct floor_call call = floor_call_number(p, i);
		struct floor_writer writer = floor_writer(&p->floor);

		floor_begin(&p->floor, &call, variant);
		floor_ops(&p->floor, &call, &writer, variant);
		claimed &= floor_finish_long(&p->floor, &call, writer, variant);
		floor_skip_ring_end(&p->floor, p->cells);
	}
	p->done += calls;
	floor_require(claimed);
}

static void
run_long_tsc(void *state, uint64_t calls)
{
	struct floor_producer *p = state;

	run_long(p, calls, (struct floor_variant){false, true, p->ops});
}

static void
run_long_vdso(void *state, uint64_t calls)
{
	struct floor_producer *p = state;

	run_long(p, calls, (struct floor_variant){true, true, p->ops});
}

/* ---- parts of calls ----------------------------------------------------------- */

FLOOR_INLINE void
run_ops(struct floor_producer *p, uint64_t ops, struct floor_variant variant)
{
	struct floor *f = &p->floor;
	struct floor_call call = {.began = f->clock.ns};

	for (uint64_t i = p->done, end = i + ops; i < end; i += 2) {
		uint32_t at = FLOOR_BEGUN + (uint32_t)(i / 2 % OPS_IN_FRAME) *
						    (FLOOR_GET + FLOOR_INSERT);

		call.row_id = workload_row_id(&p->work, i);
		floor_first_op(f, &call, at, variant);
		floor_second_op(f, &call, at + FLOOR_GET, variant);
	}
	p->done += ops;
}

static void
run_ops_tsc(void *state, uint64_t ops)
{
	run_ops(state, ops, VARIANT(false, false));
}

static void
run_ops_vdso(void *state, uint64_t ops)
{
	run_ops(state, ops, VARIANT(true, false));
}

static void
run_ops_counted(void *state, uint64_t ops)
{
	run_ops(state, ops, VARIANT(false, true));
}

static void
run_chunks(void *state, uint64_t times)
{
	struct floor_producer *p = state;
	fnt_word *record = p->floor.frame->record;

	for (uint64_t chunks = p->done, end = chunks + times; chunks < end; chunks++)
		floor_chunk(record, chunks, 100 * (chunks + 1));
	p->done += times;
}

/* ---- set-up ------------------------------------------------------------------- */

/* In an unnamed file where regions are, with all pages allocated and mapped. */
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

/* Take the library's anchor. The scale is 0 where it does not use the counter. */
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
set_floor(struct floor *f, uint64_t ring_bytes, uint32_t cells)
{
	uint32_t shift = 63 - (uint32_t)__builtin_clzll(ring_bytes / FNT_CELL_BYTES);
	struct memory *memory = map_memory(1ull << shift);

	if (!memory)
		return false;
	*f = (struct floor){.frame = memory->frames,
			    .lane = &memory->lane,
			    .cells = memory->cells,
			    .fn_rows = memory->fn_rows,
			    .octaves = memory->octaves,
			    .op_octaves = memory->op_octaves,
			    .get = &memory->op_rows[0],
			    .insert = &memory->op_rows[1],
			    .mask = (1ull << shift) - 1,
			    .lap_shift = shift,
			    .lane_no = 1,
			    .flags = FNT_RECORD_W3C_FLAGS,
			    .trace_high = 0x0123456789abcdefu,
			    .pid_tid = (uint64_t)getpid() << 32 | (uint64_t)getpid()};
	for (uint32_t i = 0; i < FLOOR_FRAMES; i++) {
		f->frames[i] = &memory->frames[i];
		f->frame_nos[i] = i;
	}
	for (uint32_t i = 0; i < FLOOR_FNS; i++)
		f->fn_ids[i] = 538 + i;
	floor_set_names(f, 25, 537);
	set_clock(&f->clock);
	floor_init(f, cells);
	return true;
}

static void *
thread_init(const struct bench_options *options, const struct bench_thread *thread)
{
	struct floor_producer *p = aligned_alloc(64, sizeof(*p));

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	workload_init(&p->work, thread->index, options->vary);
	p->ops = options->ops;
	p->cells = fnt_cells_for(FLOOR_BEGUN + p->ops / 2 * FLOOR_PAIR);
	if (p->ops % 2 || p->ops > OPS_MOST)
		return fprintf(stderr, "bench: ops: want an even number up to %u\n",
			       OPS_MOST),
		       NULL;
	if (!set_floor(&p->floor,
		       options->size_bytes ? options->size_bytes : DEFAULT_RING,
		       p->cells))
		return perror("bench: memory"), NULL;
	if (!p->floor.clock.scale && !strstr(options->shape, "vdso"))
		return fprintf(stderr,
			       "bench: the library does not use the counter here\n"),
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
		{"rdtsc", primitive_rdtsc},
		{"vdso", primitive_vdso},
		{"cmpxchg", primitive_cmpxchg},
		{"xadd", primitive_xadd},
		{"stores", primitive_stores},
		{"stores-cmpxchg", primitive_stores_cmpxchg},
		{"rcu", primitive_rcu},
		{"stamps", primitive_stamps},
		{"stamps-vdso", primitive_stamps_vdso},
		{"copy", primitive_copy},
		{"copy-no-prefetch", primitive_copy_no_prefetch},
		{"bytes", run_bytes_tsc},
		{"bytes-vdso", run_bytes_vdso},
		{"bytes-uncounted", run_bytes_uncounted},
		{"sampled-out", run_sampled_out},
		{"long", run_long_tsc},
		{"long-vdso", run_long_vdso},
		{"called", called_run},
		{"called-vdso", called_run_vdso},
		{"called-sampled-out", called_run_sampled_out},
		{"called-long", called_run_long},
		{"called-long-vdso", called_run_long_vdso},
		{"called-chunk", called_run_chunks},
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
