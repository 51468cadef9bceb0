/* SPDX-License-Identifier: MIT
 *
 * stress.c: processes and threads write to one region, two readers read it, and no
 * record is lost, torn or invented.
 *
 *   stress [SECONDS [PROCESSES [THREADS [SIZE_KIB [BYTES [ordered]]]]]]
 *
 * If no shape is given, several are run, for SECONDS in all. Every record carries the
 * number of its thread, a sequence number, text of random length, and a checksum over
 * all of that, which the readers verify. One reader follows from the beginning: what it
 * is given and what it is told it missed must add up to what the producers say they
 * recorded, and each thread's sequence must grow. The other reads the newest records
 * again and again. Half of the processes are forked; half execute this program anew.
 */
#include "support/fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#define SLOTS 64 /* threads of all processes */

struct shape {
	unsigned processes, threads;
	unsigned size_kib;
	unsigned bytes; /* of a record, at most */
	bool ordered;
};

/* Shared by all processes, in a file that each of them maps. */
struct board {
	_Atomic uint32_t go, stop, ready;
	_Atomic uint64_t recorded[SLOTS], dropped[SLOTS], omitted[SLOTS];
};

static struct board *board;
static struct shape shape;

/* ---- producing ------------------------------------------------------------------- */

static void
random_letters(struct rnd *r, char *text, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		text[i] = (char)('a' + rnd(r, 26));
	text[len] = '\0';
}

/* One call of thread `slot`. Its id is "slot.seq", its ops have letters for ids, and
 * its error message or value is the checksum of all texts. */
static int
produce_one(struct fnt_log *log, struct rnd *r, unsigned slot, uint64_t seq, char *room)
{
	uint32_t left = rnd(r, 4) ? rnd(r, 200) : rnd(r, shape.bytes);
	uint64_t hash = FNV_1A;
	struct fnt_value value = {FNT_VALUE_JSON, room, 0};
	struct fnt_call *call;
	int len;

	snprintf(room, 64, "%u.%llu", slot, (unsigned long long)seq);
	call = begin_call(log, "stress", room);
	CHILD_MUST(call);
	hash = fnv_1a(hash, room, strlen(room) + 1);
	while (left > 30) {
		uint32_t some = rnd(r, 12) ? rnd(r, 60) : rnd(r, 3000);

		some = some < left ? some : left;
		left -= some;
		random_letters(r, room, some);
		if (fnt_call_op(call, FNT_OP_GET, "table", room, 1, (int64_t)seq,
				true) == FNT_DONE)
			hash = fnv_1a(hash, room, strlen(room) + 1);
		else
			atomic_fetch_add(&board->omitted[slot], 1);
	}
	len = sprintf(room, "%llu", (unsigned long long)hash);
	if (rnd(r, 2))
		return fnt_call_finish_error(call, "E", room);
	value.len = (size_t)len;
	return fnt_call_finish_ok(call, &value);
}

struct producer {
	struct fnt_log *log;
	unsigned slot;
};

static void *
produce(void *arg)
{
	struct producer *producer = arg;
	struct rnd r = {producer->slot * 7919u + (uint64_t)time(NULL)};
	char *room = malloc(shape.bytes + 64);
	uint64_t recorded = 0, dropped = 0;

	for (uint64_t seq = 1; !atomic_load(&board->stop); seq++) {
		int rc = produce_one(producer->log, &r, producer->slot, seq, room);

		CHILD_MUST(rc == FNT_DONE || rc == FNT_DROPPED);
		recorded += rc == FNT_DONE;
		dropped += rc == FNT_DROPPED;
		if (seq % 1024 == 0 && rnd(&r, 4) == 0)
			nap_us(100); /* so that blocks of tickets expire */
	}
	atomic_store(&board->recorded[producer->slot], recorded);
	atomic_store(&board->dropped[producer->slot], dropped);
	free(room);
	return NULL;
}

static int
run_threads(struct fnt_log *log, unsigned process)
{
	pthread_t threads[SLOTS];
	struct producer producers[SLOTS];

	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->go))
		nap_us(100);
	for (unsigned i = 0; i < shape.threads; i++) {
		producers[i] = (struct producer){log, process * shape.threads + i};
		CHILD_MUST(!pthread_create(&threads[i], NULL, produce, &producers[i]));
	}
	for (unsigned i = 0; i < shape.threads; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

/* ---- verifying ------------------------------------------------------------------- */

/* Verify that the record is as its producer made it. Returns its thread and sequence.
 */
static void
verify(const struct fnt_trace *trace, unsigned *slot, uint64_t *seq)
{
	uint64_t hash = fnv_1a(FNV_1A, trace->call_id, strlen(trace->call_id) + 1);
	unsigned long long number;
	char text[24];

	CHILD_MUST(sscanf(trace->call_id, "%u.%llu", slot, &number) == 2);
	CHILD_MUST(*slot < shape.processes * shape.threads);
	CHILD_MUST(!strcmp(trace->fn_name, "stress") && !trace->flags);
	*seq = number;
	for (size_t i = 0; i < trace->op_count; i++) {
		CHILD_MUST(trace->ops[i].row_count == (int64_t)number);
		hash = fnv_1a(hash, trace->ops[i].id, strlen(trace->ops[i].id) + 1);
	}
	sprintf(text, "%llu", (unsigned long long)hash);
	if (trace->outcome == FNT_OK)
		CHILD_MUST(trace->value.len == strlen(text) &&
			   !memcmp(trace->value.data, text, trace->value.len));
	else
		CHILD_MUST(trace->outcome == FNT_ERROR &&
			   !strcmp(trace->message, text));
}

static uint64_t
sum(const _Atomic uint64_t counts[SLOTS])
{
	uint64_t total = 0;

	for (int i = 0; i < SLOTS; i++)
		total += atomic_load(&counts[i]);
	return total;
}

/* Successful calls of a thread come in order. Failed calls are in two rings, so they
 * come as two streams, each in order. */
static void
in_order(uint64_t last[3], const struct fnt_trace *trace, uint64_t seq)
{
	uint64_t *stream = &last[0];

	if (trace->outcome != FNT_OK) {
		stream = &last[1];
		if (last[1] >= seq || (last[2] < seq && last[2] > last[1]))
			stream = &last[2];
	}
	CHILD_MUST(seq > *stream);
	*stream = seq;
}

/* Follow from the beginning until all producers have ended. */
static int
follow(const char *region)
{
	struct fnt_reader *reader = open_reader(region);
	/* The last sequence of each stream, see in_order. Failed calls too large for
	 * the kept ring are in the main one. */
	uint64_t last[SLOTS][3] = {{0}}, delivered = 0, missed, seq;
	const struct fnt_trace *trace;
	struct fnt_cursor *cursor;
	unsigned slot;
	int rc, idle = 0;

	CHILD_MUST(!fnt_cursor_open(&cursor, reader, FNT_FROM_OLDEST));
	atomic_fetch_add(&board->ready, 1);
	/* stop == 2: all producers have ended. One call of next may return early, to
	 * wait for a ticket, so look often. */
	while (idle < 400) {
		bool last_look = atomic_load(&board->stop) == 2;

		rc = fnt_cursor_next(cursor, &trace);
		CHILD_MUST(rc >= 0);
		if (rc) {
			verify(trace, &slot, &seq);
			in_order(last[slot], trace, seq);
			delivered++;
			idle = 0;
		} else if (last_look) {
			idle++;
		}
		if (!rc)
			nap_us(200);
	}
	missed = fnt_cursor_missed(cursor);
	printf("#   %llu records, %llu delivered, %llu missed, %llu dropped\n",
	       (unsigned long long)sum(board->recorded), (unsigned long long)delivered,
	       (unsigned long long)missed, (unsigned long long)sum(board->dropped));
	CHILD_MUST(delivered + missed == sum(board->recorded));
	CHILD_MUST(delivered > 0);
	fnt_cursor_close(cursor);
	fnt_reader_close(reader);
	return 0;
}

/* Read the newest records, and the calls in flight, again and again. */
static int
scan(const char *region)
{
	struct fnt_reader *reader = open_reader(region);
	struct fnt_query query = {.limit = 300};
	struct fnt_traces *traces;
	unsigned slot, rounds = 0;
	uint64_t seq;

	atomic_fetch_add(&board->ready, 1);
	while (!atomic_load(&board->stop) || !rounds) {
		query.errors_only = rounds++ % 2;
		CHILD_MUST(!fnt_reader_query(reader, &query, &traces));
		for (size_t i = 0; i < traces->count; i++) {
			verify(&traces->items[i], &slot, &seq);
			CHILD_MUST(!query.errors_only ||
				   traces->items[i].outcome == FNT_ERROR);
		}
		fnt_traces_free(traces);
		traces = in_flight(reader);
		for (size_t i = 0; i < traces->count; i++)
			CHILD_MUST(!(traces->items[i].flags & FNT_TRACE_DAMAGED) &&
				   traces->items[i].outcome == FNT_IN_FLIGHT);
		fnt_traces_free(traces);
	}
	fnt_reader_close(reader);
	return 0;
}

/* ---- one run --------------------------------------------------------------------- */

static struct fnt_log *
open_shape(const char *region)
{
	struct fnt_options options = {
		.size_bytes = KIB(shape.size_kib),
		.flags = shape.ordered ? FNT_ORDERED : 0,
	};

	return open_log(region, &options);
}

static void
map_board(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	CHILD_MUST(fd >= 0 && !ftruncate(fd, sizeof(*board)));
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHILD_MUST(board != MAP_FAILED);
	close(fd);
}

/* Execute this program anew, as an unrelated process: --producer REGION BOARD PROCESS
 * and the shape. */
static void
run_anew(const char *self, const char *region, const char *path, unsigned process)
{
	char texts[6][16];
	char *args[12] = {(char *)self, "--producer", (char *)region, (char *)path};

	snprintf(texts[0], sizeof(texts[0]), "%u", process);
	snprintf(texts[1], sizeof(texts[1]), "%u", shape.processes);
	snprintf(texts[2], sizeof(texts[2]), "%u", shape.threads);
	snprintf(texts[3], sizeof(texts[3]), "%u", shape.size_kib);
	snprintf(texts[4], sizeof(texts[4]), "%u", shape.bytes);
	snprintf(texts[5], sizeof(texts[5]), "%u", shape.ordered);
	for (int i = 0; i < 6; i++)
		args[4 + i] = texts[i];
	execv(self, args);
	CHILD_MUST(!"execv");
}

static int
be_producer(char **argv)
{
	unsigned process = (unsigned)atoi(argv[4]);

	shape = (struct shape){(unsigned)atoi(argv[5]), (unsigned)atoi(argv[6]),
			       (unsigned)atoi(argv[7]), (unsigned)atoi(argv[8]),
			       argv[9][0] == '1'};
	map_board(argv[3]);
	return run_threads(open_shape(argv[2]), process);
}

static pid_t
start_process(const char *self, struct fnt_log *log, const char *region,
	      const char *path, unsigned i)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (i == shape.processes)
		_exit(follow(region));
	if (i == shape.processes + 1)
		_exit(scan(region));
	if (i % 2)
		run_anew(self, region, path, i);
	_exit(run_threads(log, i));
}

static void
check_totals(const char *region)
{
	struct fnt_stat stat = region_stat(region);

	CHILD_MUST(stat.recorded == sum(board->recorded));
	CHILD_MUST(stat.dropped == sum(board->dropped));
	CHILD_MUST(stat.ops_omitted == sum(board->omitted));
	CHILD_MUST(stat.in_flight == 0 && stat.producers == 1);
	CHILD_MUST(stat.dropped <= stat.total / 50);
	must_be_sound(region);
}

static int
run(const char *self, double seconds)
{
	static unsigned number;
	char region[32], path[256];
	pid_t pids[SLOTS + 2];
	struct fnt_log *log;
	int failed = 0;

	snprintf(region, sizeof(region), "stress-%u", number++);
	snprintf(path, sizeof(path), "%s", region_path(region, ".board"));
	map_board(path);
	log = open_shape(region);
	for (unsigned i = 0; i < shape.processes + 2; i++)
		pids[i] = start_process(self, log, region, path, i);
	while (atomic_load(&board->ready) < shape.processes + 2)
		nap_us(1000);
	atomic_store(&board->go, 1);
	nap_us((long)(seconds * 1e6));
	atomic_store(&board->stop, 1);
	for (unsigned i = 0; i < shape.processes + 2; i++) {
		int status;

		/* The follower is waited for last, when all others are done. */
		unsigned at = i < shape.processes ? i : 2 * shape.processes + 1 - i;

		if (at == shape.processes)
			atomic_store(&board->stop, 2);
		waitpid(pids[at], &status, 0);
		failed |= status != 0;
	}
	/* To open is to recover what forked processes left, which never closed their
	 * logs. */
	fnt_log_close(open_shape(region));
	if (!failed)
		check_totals(region);
	fnt_log_close(log);
	unlink(region_path(region, ".fnt"));
	munmap(board, sizeof(*board));
	unlink(path);
	return failed;
}

static const struct shape shapes[] = {
	{1, 1, 256, 300, false},   {2, 2, 256, 300, false},
	{3, 2, 256, 20000, false}, {2, 2, 256, 300, true},
	{4, 3, 1024, 2000, false}, {2, 4, 16384, 60000, false},
	{2, 2, 65536, 300, false}, {6, 1, 16384, 300, true},
	{1, 8, 1024, 300, false},  {3, 3, 4096, 60000, true},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static int
run_and_tell(const char *self, unsigned number, double seconds)
{
	int failed = run(self, seconds);

	printf("%sok %u - %u processes, %u threads, %u KiB, up to %u bytes%s\n",
	       failed ? "not " : "", number, shape.processes, shape.threads,
	       shape.size_kib, shape.bytes, shape.ordered ? ", ordered" : "");
	return failed;
}

int
main(int argc, char **argv)
{
	double seconds = argc > 1 && argv[1][0] != '-' ? atof(argv[1]) : 20;
	int failed = 0;

	if (argc == 10 && !strcmp(argv[1], "--producer"))
		return be_producer(argv);
	fixture_begin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2) {
		shape = (struct shape){(unsigned)atoi(argv[2]), 2, 16384, 2000,
				       argc > 6};
		shape.threads = argc > 3 ? (unsigned)atoi(argv[3]) : shape.threads;
		shape.size_kib = argc > 4 ? (unsigned)atoi(argv[4]) : shape.size_kib;
		shape.bytes = argc > 5 ? (unsigned)atoi(argv[5]) : shape.bytes;
		CHILD_MUST(shape.processes * shape.threads <= SLOTS);
		printf("1..1\n");
		failed = run_and_tell("/proc/self/exe", 1, seconds);
	} else {
		printf("1..%zu\n", SHAPES);
		for (unsigned i = 0; i < SHAPES; i++) {
			shape = shapes[i];
			failed |= run_and_tell("/proc/self/exe", i + 1,
					       seconds / (double)SHAPES);
		}
	}
	fixture_end();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
