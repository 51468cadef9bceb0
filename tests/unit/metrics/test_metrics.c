/* SPDX-License-Identifier: MIT
 *
 * test_metrics.c: metrics against an account that the producers keep themselves.
 * Processes and threads do random things, with room for all rows and without.
 */
#include "support/controls.h"

#include "format/layout_metrics.h"
#include "support/metrics_account.h"
#include "region/view.h"

#include <pthread.h>
#include <sys/mman.h>

/* ---- producers ------------------------------------------------------------------- */

struct worker {
	struct fnt_log *log;
	struct account *account;
	uint64_t seed;
	uint32_t calls;
	uint32_t fns, entities; /* names to choose from */
};

static const char *
fn_name(uint32_t i)
{
	static char names[ACCOUNT_FNS][24];

	if (!*names[i])
		snprintf(names[i], sizeof(names[i]), "fn%u", i);
	return names[i];
}

static const char *
entity_name(uint32_t i)
{
	static char names[ACCOUNT_ENTITIES][24];

	if (!*names[i])
		snprintf(names[i], sizeof(names[i]), "Entity%u", i);
	return names[i];
}

/* Made before the threads start, so that none finds a name half written. */
static void
make_names(void)
{
	for (uint32_t i = 0; i < ACCOUNT_FNS; i++)
		fn_name(i);
	for (uint32_t i = 0; i < ACCOUNT_ENTITIES; i++)
		entity_name(i);
}

static int64_t
some_rows(struct rnd *r)
{
	return rnd(r, 4) ? (int64_t)rnd(r, 100) : rnd(r, 2) ? FNT_NONE : -5;
}

static void
do_op(struct worker *worker, struct rnd *r, struct fnt_call *call,
      struct fn_account *fn)
{
	uint32_t entity = rnd(r, worker->entities);
	enum fnt_op op = (enum fnt_op)rnd(r, FNT_OP_KINDS);
	int64_t rows = some_rows(r), handle;
	uint64_t ns = rnd(r, 1u << 20);
	bool ok = rnd(r, 5) > 0;
	int rc;

	if (rnd(r, 2)) {
		rc = fnt_call_op(call, op, entity_name(entity), "id", ns, rows, ok);
	} else {
		handle = fnt_call_op_begin(call, op, entity_name(entity), NULL);
		MUST(handle > 0);
		/* The library times this one; the times of the others are exact. */
		ns = ACCOUNT_NO_TIME;
		rc = fnt_call_op_end(call, handle, rows, ok);
	}
	MUST(rc == FNT_DONE || rc == FNT_OMITTED);
	account_op(worker->account, fn,
		   &(struct op_entry){entity, op, ns, rows, ok, rc == FNT_OMITTED});
}

static void
fill_call(struct worker *worker, struct rnd *r, struct fnt_call *call,
	  struct fn_account *fn)
{
	for (uint32_t i = rnd(r, 6); i; i--)
		do_op(worker, r, call, fn);
	for (uint32_t i = rnd(r, 20) ? 0 : rnd(r, 90); i; i--)
		do_op(worker, r, call, fn);
	for (uint32_t i = rnd(r, 3) ? 0 : rnd(r, 5); i; i--) {
		uint32_t bytes = rnd(r, 1000);

		MUST(fnt_call_stream_chunk(call, bytes) == FNT_DONE);
		account_add(&fn->counts[ACCOUNT_BYTES], bytes);
		account_add(&fn->counts[ACCOUNT_CHUNKS], 1);
	}
	for (uint32_t i = rnd(r, 4) ? 0 : rnd(r, 3); i; i--) {
		int rc = fnt_call_schedule(call, "later", 5, FNT_NONE);

		account_add(&fn->counts[ACCOUNT_SCHEDULES], 1);
		account_add(&fn->counts[ACCOUNT_SCHEDULES_OMITTED], rc == FNT_OMITTED);
	}
}

static void
end_call(struct rnd *r, struct fnt_call *call, struct fn_account *fn)
{
	static char text[3000];
	struct fnt_value value = {FNT_VALUE_MSGPACK, text,
				  rnd(r, 3) ? 1 : sizeof(text)};
	enum fnt_outcome outcome = FNT_OK + (enum fnt_outcome)rnd(r, 4);
	int rc;

	switch (outcome) {
	case FNT_OK:
		rc = fnt_call_finish_ok(call, &value);
		break;
	case FNT_ERROR:
		rc = fnt_call_finish_error(call, "CODE", "message");
		break;
	case FNT_ROLLED_BACK:
		rc = fnt_call_finish_rolled_back(call, "CODE", "message");
		break;
	default:
		rc = fnt_call_abandon(call);
		break;
	}
	account_add(&fn->counts[ACCOUNT_OK + outcome - FNT_OK], 1);
	account_add(&fn->counts[ACCOUNT_DROPPED], rc == FNT_DROPPED);
	account_add(&fn->counts[ACCOUNT_VALUES_OMITTED], rc == FNT_OMITTED);
	MUST(rc >= 0);
}

/* The same call, pushed. */
static void
push_call(struct worker *worker, struct rnd *r, uint32_t i, struct fn_account *fn)
{
	struct fnt_trace_op ops[3];
	struct fnt_trace trace = {.call_id = "pushed",
				  .fn_name = fn_name(i),
				  .outcome = FNT_OK + (enum fnt_outcome)rnd(r, 4),
				  .duration_ns = rnd(r, 1u << 30),
				  .stream_bytes = rnd(r, 100),
				  .stream_chunks = rnd(r, 3),
				  .ops_omitted = rnd(r, 3),
				  .ops = ops,
				  .op_count = rnd(r, 4)};
	int rc;

	for (size_t k = 0; k < trace.op_count; k++) {
		struct op_entry entry = {rnd(r, worker->entities),
					 (enum fnt_op)rnd(r, FNT_OP_KINDS),
					 rnd(r, 1u << 20),
					 some_rows(r),
					 rnd(r, 2),
					 false};

		ops[k] = (struct fnt_trace_op){.op = entry.op,
					       .entity = entity_name(entry.entity),
					       .duration_ns = entry.ns,
					       .row_count = entry.rows,
					       .ok = entry.ok};
		account_op(worker->account, fn, &entry);
	}
	rc = fnt_log_push(worker->log, &trace);
	MUST(rc == FNT_DONE || rc == FNT_DROPPED);
	account_add(&fn->counts[ACCOUNT_OK + trace.outcome - FNT_OK], 1);
	account_add(&fn->counts[ACCOUNT_DROPPED], rc == FNT_DROPPED);
	account_add(&fn->counts[ACCOUNT_BYTES], trace.stream_bytes);
	account_add(&fn->counts[ACCOUNT_CHUNKS], trace.stream_chunks);
	account_add(&fn->counts[ACCOUNT_OPS], trace.ops_omitted);
	account_add(&fn->counts[ACCOUNT_OPS_OMITTED], trace.ops_omitted);
}

static void *
work(void *arg)
{
	struct worker *worker = arg;
	struct rnd r = {worker->seed};

	for (uint32_t n = 0; n < worker->calls; n++) {
		uint32_t i = rnd(&r, worker->fns);
		struct fn_account *fn = &worker->account->fns[i];
		struct fnt_call *call;

		if (!rnd(&r, 8)) {
			push_call(worker, &r, i, fn);
			continue;
		}
		call = begin_call(worker->log, fn_name(i), "c");
		MUST(call);
		fill_call(worker, &r, call, fn);
		end_call(&r, call, fn);
	}
	return NULL;
}

static void
run_threads(const struct worker *like, uint32_t count)
{
	struct worker workers[64];
	pthread_t threads[64];

	for (uint32_t i = 0; i < count; i++) {
		workers[i] = *like;
		workers[i].seed = like->seed * 1000 + i;
		MUST(!pthread_create(&threads[i], NULL, work, &workers[i]));
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

struct shape {
	const char *name;
	struct fnt_options options;
	uint32_t processes, threads, calls, fns, entities;
	bool shares; /* there are fewer rows than functions */
};

static void
run_processes(const struct shape *shape, struct account *account)
{
	pid_t pids[8];

	for (uint32_t p = 0; p < shape->processes; p++) {
		pids[p] = fork();
		MUST(pids[p] >= 0);
		if (!pids[p]) {
			struct worker like = {
				.log = open_log(shape->name, &shape->options),
				.account = account,
				.seed = p + 1,
				.calls = shape->calls,
				.fns = shape->fns,
				.entities = shape->entities,
			};

			run_threads(&like, shape->threads);
			fnt_log_close(like.log);
			_exit(0);
		}
	}
	for (uint32_t p = 0; p < shape->processes; p++)
		must_end_well(pids[p]);
}

/* ---- comparing ------------------------------------------------------------------- */

static const struct shape shapes[] = {
	{.name = "several",
	 .options = {.size_bytes = MIB(16)},
	 .processes = 3,
	 .threads = 4,
	 .calls = ROUNDS(2000, 200),
	 .fns = 12,
	 .entities = 5},
	{.name = "small-records",
	 .options = {.size_bytes = MIB(2), .max_record_bytes = 1024},
	 .processes = 2,
	 .threads = 2,
	 .calls = ROUNDS(2000, 200),
	 .fns = 5,
	 .entities = 3},
	{.name = "keeping-none",
	 .options = {.size_bytes = MIB(2), .flags = FNT_KEEP_NONE},
	 .processes = 2,
	 .threads = 2,
	 .calls = ROUNDS(2000, 200),
	 .fns = 5,
	 .entities = 3},
	/* More functions, threads and entities than rows. */
	{.name = "full",
	 .options = {.size_bytes = SMALLEST},
	 .processes = 3,
	 .threads = 8,
	 .calls = ROUNDS(1000, 100),
	 .fns = 30,
	 .entities = 12,
	 .shares = true},
	/* And more names than the table holds, more threads than lanes. */
	{.name = "names",
	 .options = {.size_bytes = SMALLEST},
	 .processes = 2,
	 .threads = SMALL_LANES / 2 + 4,
	 .calls = ROUNDS(200, 30),
	 .fns = ACCOUNT_FNS,
	 .entities = ACCOUNT_ENTITIES,
	 .shares = true},
};

#define SHAPES ((int)(sizeof(shapes) / sizeof(shapes[0])))

START_TEST(metrics_equal_the_account)
{
	const struct shape *shape = &shapes[_i];
	struct account *account = account_create();
	struct fnt_metrics *metrics;
	uint64_t total;
	struct fnt_log *log = open_log(shape->name, &shape->options);

	make_names();
	run_processes(shape, account);
	total = (uint64_t)shape->processes * shape->threads * shape->calls;
	metrics = metrics_of(shape->name);
	ck_assert_uint_eq(metrics->total.calls, total);
	ck_assert_uint_eq(fnt_log_total_count(log), total);
	if (shape->options.flags & FNT_KEEP_NONE)
		ck_assert_uint_eq(metrics->total.not_kept, total);
	else
		ck_assert_uint_eq(metrics->total.not_kept, 0);
	account_compare(account, metrics, fn_name, entity_name);
	if (shape->shares && !metrics->shared)
		ck_abort_msg("%u shared rows; %u of %u, %u of %u, %u of %u taken",
			     metrics->shared, metrics->fn_rows, metrics->fn_rows_max,
			     metrics->op_rows, metrics->op_rows_max, metrics->blocks,
			     metrics->blocks_max);
	if (!shape->shares)
		ck_assert_uint_eq(metrics->other.calls, 0);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
	must_be_sound(shape->name);
	account_destroy(account);
}
END_TEST

/* ---- short processes ------------------------------------------------------------- */

START_TEST(short_processes_take_no_rows)
{
	struct fnt_metrics *metrics;

	for (uint32_t i = 0; i < 300; i++) {
		struct fnt_log *log = open_sized("lives", SMALLEST);

		MUST(record_call(log, "fn", "c") == FNT_DONE);
		/* Left open: whoever recovers the process makes a record of it. */
		MUST(begin_call(log, "fn", "d"));
		fnt_log_close(log);
	}
	metrics = metrics_of("lives");
	ck_assert_uint_eq(metrics->fn_count, 1);
	ck_assert_uint_eq(metrics->fns[0].ok, 300);
	ck_assert_uint_eq(metrics->fns[0].aborted, 300);
	ck_assert_uint_le(metrics->fn_rows, 2);
	ck_assert_uint_eq(metrics->shared, 0);
	fnt_metrics_free(metrics);
}
END_TEST

START_TEST(metrics_of_killed_processes)
{
	struct fnt_metrics *metrics;
	struct latch ready = make_latch();
	struct fnt_call *call;
	struct fnt_log *log;
	pid_t pid = fork();

	if (!pid) {
		log = open_sized("killed", MIB(1));
		CHILD_MUST(record_call(log, "fn", "c") == FNT_DONE);
		call = begin_call(log, "fn", "d");
		fnt_call_op(call, FNT_OP_LIST, "Lot", NULL, 1000, 7, true);
		fnt_call_schedule(call, "later", 1, FNT_NONE);
		fnt_call_stream_chunk(call, 99);
		begin_call(log, "other", "e");
		latch_open(&ready);
		pause();
	}
	latch_wait(&ready);
	metrics = metrics_of("killed");
	ck_assert_uint_eq(metrics->total.in_flight, 2);
	ck_assert_uint_eq(metrics->total.calls, 1);
	fnt_metrics_free(metrics);
	kill_child(pid);
	log = open_sized("killed", MIB(1));
	MUST(!fnt_log_metrics(log, &metrics));
	ck_assert_uint_eq(metrics->fn_count, 2);
	ck_assert_str_eq(metrics->fns[0].fn_name, "fn");
	ck_assert_uint_eq(metrics->fns[0].calls, 2);
	ck_assert_uint_eq(metrics->fns[0].aborted, 1);
	ck_assert_uint_eq(metrics->fns[0].ops, 1);
	ck_assert_uint_eq(metrics->fns[0].rows, 7);
	ck_assert_uint_eq(metrics->fns[0].schedules, 1);
	ck_assert_uint_eq(metrics->fns[0].stream_bytes, 99);
	ck_assert_uint_eq(metrics->total.in_flight, 0);
	ck_assert_uint_eq(metrics->total.calls, 3);
	ck_assert_uint_eq(metrics->op_count, 1);
	ck_assert_uint_eq(metrics->ops[0].count, 1);
	fnt_metrics_free(metrics);
	fnt_log_close(log);
	MUST(fnt_log_metrics(log, &metrics) == -ESHUTDOWN);
}
END_TEST

FIXTURE_MAIN_LOOPS("metrics", {metrics_equal_the_account, SHAPES},
		   {short_processes_take_no_rows, 1}, {metrics_of_killed_processes, 1})
