/* SPDX-License-Identifier: MIT
 *
 * test_settings_live.c: settings change while processes and threads make calls. They
 * are followed at the next call, never mixed, and nothing is miscounted.
 */
#include "support/controls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "base/rcu.h"

#define PROCESSES 4
#define THREADS 2

/* Shared by all processes. */
struct shared {
	_Atomic uint32_t epoch;
	_Atomic uint32_t done[PROCESSES * THREADS]; /* calls since it saw `epoch` */
	_Atomic uint32_t seen[PROCESSES * THREADS];
	_Atomic uint64_t begun, shut;
	atomic_bool over;
};

static struct shared *shared;
static struct fnt_log *log_;

static void
make_shared(void)
{
	shared = share_memory(sizeof(*shared));
}

static void
set(struct fnt_control *control, const char *fn, const char *assignment)
{
	struct fnt_error error = {0};

	if (set_one(control, fn, assignment, &error))
		ck_abort_msg("%s: %s", assignment, error.message);
}

/* Start processes of several threads each, which call run(number). */
static void
start_processes(pid_t *pids, const char *name, void *(*run)(void *))
{
	for (int i = 0; i < PROCESSES; i++) {
		pthread_t threads[THREADS];

		pids[i] = fork();
		if (pids[i])
			continue;
		log_ = open_log(name, NULL);
		for (int j = 0; j < THREADS; j++)
			CHILD_MUST(
				!pthread_create(&threads[j], NULL, run,
						(void *)(uintptr_t)(i * THREADS + j)));
		for (int j = 0; j < THREADS; j++)
			pthread_join(threads[j], NULL);
		fnt_log_close(log_);
		_exit(0);
	}
}

static void
end_processes(const pid_t *pids)
{
	atomic_store(&shared->over, true);
	for (int i = 0; i < PROCESSES; i++)
		must_end_well(pids[i]);
}

/* ---- at the next call ------------------------------------------------------------ */

static const char *const modes[] = {"capture.users=on", "capture.users=hash",
				    "capture.users=off"};

/* Each call tells, by its name, which setting had been made before it began. */
static void *
says_the_epoch(void *arg)
{
	uint32_t number = (uint32_t)(uintptr_t)arg;

	while (!atomic_load(&shared->over)) {
		uint32_t epoch = atomic_load(&shared->epoch);
		char id[16];

		if (atomic_load(&shared->seen[number]) != epoch) {
			atomic_store(&shared->done[number], 0);
			atomic_store(&shared->seen[number], epoch);
		}
		snprintf(id, sizeof(id), "%u", epoch);
		fnt_call_finish_ok(
			fnt_call_begin(log_, &(struct fnt_call_info){.call_id = id,
								     .fn_name = "f",
								     .user_id = "u"}),
			NULL);
		atomic_fetch_add(&shared->done[number], 1);
		nap_us(20);
	}
	return NULL;
}

/* Wait until everyone has finished calls that began after the setting was made. */
static void
wait_for_all(uint32_t epoch, uint32_t calls)
{
	for (int i = 0; i < PROCESSES * THREADS; i++)
		while (atomic_load(&shared->seen[i]) != epoch ||
		       atomic_load(&shared->done[i]) < calls)
			nap_us(100);
}

static uint32_t
mode_of(const struct fnt_trace *trace)
{
	if (!trace->user_id)
		return 2;
	return strcmp(trace->user_id, "u") != 0;
}

/* A call follows the setting of its epoch, or the next one, which may have come while
 * the call was about to begin; never the one before. */
static void
check_epochs(struct fnt_reader *reader, unsigned long *now, unsigned long *next)
{
	struct fnt_traces *traces;

	MUST(!fnt_reader_query(reader, &(struct fnt_query){.limit = 2000}, &traces));
	for (size_t i = 0; i < traces->count; i++) {
		uint32_t epoch = (uint32_t)strtoul(traces->items[i].call_id, NULL, 10);
		uint32_t mode = mode_of(&traces->items[i]);

		MUST(mode == epoch % 3 || mode == (epoch + 1) % 3);
		*now += mode == epoch % 3;
		*next += mode != epoch % 3;
	}
	fnt_traces_free(traces);
}

START_TEST(settings_apply_at_the_next_call)
{
	struct fnt_log *log = open_sized("next", MIB(2));
	struct fnt_control *control = open_control("next");
	unsigned long now = 0, next = 0;
	struct fnt_reader *reader;
	pid_t pids[PROCESSES];

	fnt_log_close(log);
	make_shared();
	start_processes(pids, "next", says_the_epoch);
	reader = open_reader("next");
	for (uint32_t epoch = 1; epoch < ROUNDS(300, 60); epoch++) {
		set(control, NULL, modes[epoch % 3]);
		atomic_store(&shared->epoch, epoch);
		wait_for_all(epoch, 5);
		check_epochs(reader, &now, &next);
	}
	end_processes(pids);
	check_epochs(reader, &now, &next);
	printf("# %lu calls by the setting made before, %lu by the one after\n", now,
	       next);
	MUST(now > next);
	fnt_reader_close(reader);
	fnt_control_close(control);
}
END_TEST

/* ---- counts ---------------------------------------------------------------------- */

static const char *const functions[] = {"a", "b:1", "b:2", "c"};

static void *
makes_calls(void *arg)
{
	struct rnd r = {(uint64_t)(uintptr_t)arg};
	uint64_t begun = 0, shut = 0;

	while (!atomic_load(&shared->over)) {
		struct fnt_call *call = begin_call(log_, functions[rnd(&r, 4)], "1");

		if (!call) {
			shut++;
			continue;
		}
		begun++;
		fnt_call_user_id(call, "somebody");
		fnt_call_op(call, FNT_OP_GET, "t", "id", 1, 1, true);
		if (rnd(&r, 4))
			fnt_call_finish_ok(call, NULL);
		else
			fnt_call_finish_error(call, "C", "m");
	}
	atomic_fetch_add(&shared->begun, begun);
	atomic_fetch_add(&shared->shut, shut);
	return NULL;
}

START_TEST(every_call_is_counted)
{
	static const char *const changes[] = {
		"enabled=off",	    "enabled=on",
		"enabled=default",  "keep=0",
		"keep=0.1",	    "keep=1",
		"keep=default",	    "rate=100",
		"rate=off",	    "keep_errors=off",
		"keep_errors=on",   "slow=1ms",
		"slow=default",	    "capture.ids=off",
		"capture.ids=hash", "capture.users=hash",
		"rate=default",	    "capture.ids=on",
		"keep=0.5",	    "enabled=on",
	};
	static const char *const whose[] = {NULL, "a", "b:*", "b:1"};
	struct fnt_log *log = open_sized("counts", MIB(2));
	struct fnt_control *control = open_control("counts");
	pid_t pids[PROCESSES];
	struct fnt_stat stat;
	struct rnd r = {5};

	fnt_log_close(log);
	make_shared();
	start_processes(pids, "counts", makes_calls);
	for (int i = 0; i < ROUNDS(2000, 300); i++) {
		set(control, whose[rnd(&r, 4)],
		    changes[rnd(&r, sizeof(changes) / sizeof(changes[0]))]);
		nap_us(rnd(&r, 500));
	}
	end_processes(pids);
	stat = region_stat("counts");
	printf("# %lu begun, %lu not: %lu recorded, %lu sampled, %lu limited\n",
	       (unsigned long)shared->begun, (unsigned long)shared->shut,
	       (unsigned long)stat.recorded, (unsigned long)stat.sampled,
	       (unsigned long)stat.limited);
	ck_assert_uint_eq(stat.total, atomic_load(&shared->begun));
	ck_assert_uint_eq(stat.recorded + stat.sampled + stat.limited + stat.dropped,
			  stat.total);
	ck_assert_uint_eq(stat.in_flight, 0);
	/* Each reason has occurred. */
	ck_assert_uint_gt(stat.sampled, 0);
	ck_assert_uint_gt(stat.limited, 0);
	ck_assert_uint_gt(atomic_load(&shared->shut), 0);
	must_be_sound("counts");
	fnt_control_close(control);
}
END_TEST

/* ---- fork, close, and the host's own RCU ----------------------------------------- */

START_TEST(forked_child_follows_settings)
{
	struct fnt_log *log = open_log("fork", NULL);
	struct fnt_control *control = open_control("fork");
	struct fnt_call *mine;
	pid_t pid;

	record_call(log, "f", "parent");
	set(control, NULL, "keep=0");
	mine = begin_call(log, "f", "mine");
	pid = fork();
	if (!pid) {
		CHILD_MUST(fnt_call_finish_ok(mine, NULL) == -EPERM);
		CHILD_MUST(record_call(log, "f", "child") == FNT_DONE);
		set(open_control("fork"), NULL, "enabled=off");
		CHILD_MUST(!begin_call(log, "f", "child"));
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
	/* It follows the rule that it began with, though nothing is enabled any more.
	 */
	ck_assert_int_eq(fnt_call_finish_ok(mine, NULL), FNT_DONE);
	ck_assert_ptr_null(begin_call(log, "f", "parent"));
	/* Fork while the log is disabled. The child is the first to learn that it is
	 * enabled. */
	pid = fork();
	if (!pid) {
		CHILD_MUST(!begin_call(log, "f", "child"));
		set(control, NULL, "enabled=on");
		CHILD_MUST(record_call(log, "f", "child") == FNT_DONE);
		fnt_log_close(log);
		_exit(0);
	}
	must_end_well(pid);
	ck_assert_int_eq(record_call(log, "f", "parent"), FNT_DONE);
	ck_assert_uint_eq(region_stat("fork").recorded, 1);
	ck_assert_uint_eq(region_stat("fork").sampled, 4);
	ck_assert_uint_eq(region_stat("fork").total, 5);
	fnt_log_close(log);
	fnt_control_close(control);
}
END_TEST

static unsigned
count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned count = 0;
	int byte;

	MUST(maps);
	while ((byte = getc(maps)) != EOF)
		count += byte == '\n';
	fclose(maps);
	return count;
}

/* A thread may look at the page that says "disabled" after the log was closed, so it is
 * never unmapped. It is used again, so that the number of pages stays bounded. */
START_TEST(logs_come_and_go_while_disabled)
{
	struct fnt_options options = {.size_bytes = SMALLEST,
				      .settings = "enabled=off"};
	struct fnt_log *logs[40], *late = open_log("gone", &options);
	unsigned before;

	ck_assert_ptr_null(begin_call(late, "f", "1"));
	fnt_log_close(late);
	before = count_mappings();
	for (int round = 0; round < ROUNDS(100, 10); round++) {
		for (int i = 0; i < 40; i++) {
			char name[16];

			snprintf(name, sizeof(name), "off%d", i);
			logs[i] = open_log(i ? name : NULL, &options);
			MUST(!begin_call(logs[i], "f", "1"));
			MUST(!begin_call(logs[i], "f", "2"));
			MUST(record_call(logs[i], "f", "2") == -ESHUTDOWN);
		}
		for (int i = 0; i < 40; i++) {
			fnt_log_close(logs[i]);
			MUST(!begin_call(logs[i], "f", "3"));
		}
		MUST(!begin_call(late, "f", "1"));
	}
	/* ThreadSanitizer adds mappings of its own for each. */
	MUST(TSAN || count_mappings() <= before + 60);
}
END_TEST

static void *
begins_late(void *arg)
{
	uint64_t begun = 0;

	(void)arg;
	while (!atomic_load(&shared->over))
		begun += !fnt_call_finish_ok(begin_call(log_, "f", "1"), NULL);
	atomic_fetch_add(&shared->begun, begun);
	return NULL;
}

/* The log is enabled, disabled and closed while threads begin calls. */
START_TEST(closed_while_settings_change)
{
	for (int round = 0; round < ROUNDS(60, 10); round++) {
		struct fnt_control *control;
		pthread_t threads[THREADS];

		make_shared();
		log_ = open_log("closing", NULL);
		control = open_control("closing");
		for (int i = 0; i < THREADS; i++)
			MUST(!pthread_create(&threads[i], NULL, begins_late, NULL));
		for (int i = 0; i < 20; i++)
			set(control, NULL, i % 2 ? "enabled=on" : "enabled=off");
		if (round % 2)
			set(control, NULL, "enabled=off");
		fnt_log_close(log_);
		set(control, NULL, "enabled=on");
		atomic_store(&shared->over, true);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		MUST(!begin_call(log_, "f", "1"));
		fnt_control_close(control);
	}
}
END_TEST

/* If the library waited for RCU readers here, the host would wait for itself. */
START_TEST(host_calls_within_rcu_reader)
{
	struct fnt_log *log = open_log("host", NULL);
	struct fnt_control *control = open_control("host");

	urcu_bp_read_lock();
	for (int i = 0; i < 100; i++) {
		set(control, NULL, i % 2 ? "keep=0" : "keep=default");
		ck_assert_int_eq(record_call(log, "f", "1"), FNT_DONE);
	}
	urcu_bp_read_unlock();
	ck_assert_uint_eq(region_stat("host").recorded, 50);
	ck_assert_uint_eq(region_stat("host").sampled, 50);
	fnt_control_close(control);
	fnt_log_close(log);
}
END_TEST

/* What each of the rules below leaves of a call, and of a call within it, which has
 * another frame. */
static void
call_by_rule(struct fnt_log *log, uint32_t rule, int depth)
{
	struct fnt_call_info info = {.fn_name = "f", .call_id = "i", .user_id = "u"};
	struct fnt_call *call = fnt_call_begin(log, &info);
	struct fnt_traces *traces;

	MUST(!fnt_call_op(call, FNT_OP_GET, "e", "id", 5, 1, true));
	if (depth)
		call_by_rule(log, rule, depth - 1);
	MUST(!fnt_call_finish_ok(call, NULL));
	if (rule == 1)
		return;
	traces = newest(log, 1);
	ck_assert_int_eq(strcmp(traces->items[0].ops[0].id, "id") != 0, rule == 2);
	ck_assert_int_eq(!traces->items[0].user_id, rule == 3);
	fnt_traces_free(traces);
}

/* Calls take the fast path again and again. Then the rule changes: the next call
 * follows the new rule, and nothing that was cached for the old one is used. */
START_TEST(rules_change_on_the_fast_path)
{
	static const char *const rules[] = {"slow=1h", "keep=0", "capture.ids=hash",
					    "capture.users=off"};
	struct fnt_log *log = open_log("rules", NULL);
	struct fnt_control *control = open_control("rules");
	struct fnt_error error = {0};
	struct rnd r = {5};

	for (int round = 0; round < ROUNDS(2000, 200); round++) {
		uint32_t rule = rnd(&r, 4), calls = 1 + rnd(&r, 5);
		uint64_t before = region_stat("rules").sampled;
		struct fnt_stat now;

		MUST(fnt_control_reset(control, NULL, &error) >= 0);
		set(control, NULL, rules[rule]);
		for (uint32_t i = 0; i < calls; i++)
			call_by_rule(log, rule, 1);
		now = region_stat("rules");
		ck_assert_uint_eq(now.sampled - before, rule == 1 ? 2 * calls : 0);
	}
	fnt_control_close(control);
	fnt_log_close(log);
	must_be_sound("rules");
}
END_TEST

FIXTURE_MAIN("settings_live", settings_apply_at_the_next_call,
	     rules_change_on_the_fast_path, every_call_is_counted,
	     forked_child_follows_settings, logs_come_and_go_while_disabled,
	     closed_while_settings_change, host_calls_within_rcu_reader)
