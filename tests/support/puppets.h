/* SPDX-License-Identifier: MIT
 *
 * puppets.h: several processes that trace into one region, and carry out orders of the
 * test, all at the same time.
 */
#ifndef FNT_TEST_PUPPETS_H
#define FNT_TEST_PUPPETS_H

#include "controls.h"

#define PUPPETS 4

struct order {
	char fn[400];
	uint32_t count; /* calls; 0: end */
	enum fnt_outcome outcome;
	/* push traces of this duration; 0: begin and finish calls */
	uint64_t pushed_ns;
	/* of their trace ids, counted up; 0: the library makes the ids */
	uint64_t first_tree;
	bool detailed; /* add a user, a tenant, ops and a value */
};

struct answer {
	uint32_t begun; /* calls that were not NULL, and traces pushed */
	uint32_t wrong; /* unexpected return values */
};

struct puppets {
	pid_t pids[PUPPETS];
	int orders[PUPPETS], answers[PUPPETS];
	struct fnt_control *control;
	struct fnt_reader *reader;
};

static inline int
puppet_push(struct fnt_log *log, const struct order *order, uint32_t i)
{
	struct fnt_trace_op op = {
		.op = FNT_OP_GET, .ok = true, .entity = "t", .id = "op-id"};
	struct fnt_trace trace = {
		.call_id = "pushed",
		.fn_name = order->fn,
		.outcome = order->outcome,
		.duration_ns = order->pushed_ns,
		.code = "CODE",
		.message = "message",
	};

	if (order->first_tree) {
		trace.trace_id[0] = 77;
		trace.trace_id[1] = order->first_tree + i;
	}
	if (order->detailed) {
		trace.user_id = "user-id";
		trace.tenant_id = "tenant-id";
		trace.value = (struct fnt_value){FNT_VALUE_JSON, "[42]", 4};
		trace.ops = &op;
		trace.op_count = 1;
	}
	return fnt_log_push(log, &trace);
}

static inline int
puppet_call(struct fnt_log *log, const struct order *order, uint32_t i, bool *begun)
{
	struct fnt_value value = {FNT_VALUE_JSON, "[42]", 4};
	struct fnt_call_info info = {.call_id = "call", .fn_name = order->fn};
	struct fnt_call *call;

	if (order->first_tree) {
		info.trace_id[0] = 77;
		info.trace_id[1] = order->first_tree + i;
	}
	if (order->detailed)
		info.user_id = "user-id";
	call = fnt_call_begin(log, &info);
	*begun = call != NULL;
	if (order->detailed) {
		int64_t handle;

		fnt_call_tenant_id(call, "tenant-id");
		fnt_call_op(call, FNT_OP_GET, "t", "op-id", 10, 1, true);
		handle = fnt_call_op_begin(call, FNT_OP_GET, "t", "op-id");
		fnt_call_op_end(call, handle, 1, true);
	}
	if (order->outcome == FNT_OK)
		return fnt_call_finish_ok(call, order->detailed ? &value : NULL);
	if (order->outcome == FNT_ERROR)
		return fnt_call_finish_error(call, "CODE", "message");
	if (order->outcome == FNT_ROLLED_BACK)
		return fnt_call_finish_rolled_back(call, "CODE", "message");
	return fnt_call_abandon(call);
}

static inline void
puppet_run(struct fnt_log *log, int orders, int answers)
{
	struct order order;

	while (read(orders, &order, sizeof(order)) == sizeof(order) && order.count) {
		struct answer answer = {0};

		for (uint32_t i = 0; i < order.count; i++) {
			bool begun = true;
			int rc = order.pushed_ns ? puppet_push(log, &order, i)
						 : puppet_call(log, &order, i, &begun);

			answer.begun += begun;
			answer.wrong += rc != (begun ? FNT_DONE : -ESHUTDOWN);
		}
		CHILD_MUST(write(answers, &answer, sizeof(answer)) == sizeof(answer));
	}
	_exit(0);
}

/* Start them, each with a log of region `name`. The test itself has a reader and a
 * control. */
static inline struct puppets
start_puppets(const char *name)
{
	struct puppets puppets;

	fnt_log_close(open_sized(name, MIB(8)));
	for (int i = 0; i < PUPPETS; i++) {
		struct latch orders = make_latch(), answers = make_latch();

		puppets.pids[i] = fork();
		if (!puppets.pids[i]) {
			close(orders.fds[1]);
			puppet_run(open_log(name, NULL), orders.fds[0], answers.fds[1]);
		}
		close(orders.fds[0]);
		close(answers.fds[1]);
		puppets.orders[i] = orders.fds[1];
		puppets.answers[i] = answers.fds[0];
	}
	puppets.reader = open_reader(name);
	puppets.control = open_control(name);
	return puppets;
}

/* Give the first `some` of them an order, at once. Returns how many calls were begun.
 */
static inline uint32_t
puppets_do_some(struct puppets *puppets, int some, const struct order *order)
{
	struct answer answer;
	uint32_t begun = 0;

	for (int i = 0; i < some; i++)
		MUST(write(puppets->orders[i], order, sizeof(*order)) ==
		     sizeof(*order));
	for (int i = 0; i < some; i++) {
		MUST(read(puppets->answers[i], &answer, sizeof(answer)) ==
		     sizeof(answer));
		MUST(!answer.wrong);
		begun += answer.begun;
	}
	return begun;
}

static inline uint32_t
puppets_do(struct puppets *puppets, const struct order *order)
{
	return puppets_do_some(puppets, PUPPETS, order);
}

static inline uint32_t
puppets_call(struct puppets *puppets, const char *fn, uint32_t count)
{
	struct order order = {.count = count, .outcome = FNT_OK};

	strcpy(order.fn, fn);
	return puppets_do(puppets, &order);
}

static inline void
end_puppets(struct puppets *puppets)
{
	struct order order = {.count = 0};

	for (int i = 0; i < PUPPETS; i++)
		MUST(write(puppets->orders[i], &order, sizeof(order)) == sizeof(order));
	for (int i = 0; i < PUPPETS; i++)
		must_end_well(puppets->pids[i]);
	fnt_control_close(puppets->control);
	fnt_reader_close(puppets->reader);
}

/* Set the assignments in `text`, for all functions (NULL) or one. */
static inline void
set(struct puppets *puppets, const char *fn, const char *text)
{
	char copy[256], *words[8], *rest = NULL;
	struct fnt_error error = {0};
	size_t count = 0;

	strcpy(copy, text);
	for (char *word = strtok_r(copy, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest))
		words[count++] = word;
	if (fnt_control_set(puppets->control, fn, (const char *const *)words, count,
			    &error))
		ck_abort_msg("%s: %s", text, error.message);
}

static inline struct fnt_traces *
newest_of(struct puppets *puppets, size_t limit)
{
	struct fnt_traces *traces;

	MUST(!fnt_reader_query(puppets->reader, &(struct fnt_query){.limit = limit},
			       &traces));
	return traces;
}

#endif
