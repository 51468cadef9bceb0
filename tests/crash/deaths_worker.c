/* SPDX-License-Identifier: MIT
 *
 * deaths_worker.c: a worker of deaths.c.
 */
#include "deaths.h"

#include <pthread.h>

void
note_message(struct life *life, const struct message *message)
{
	uint32_t thread = message->thread;

	REQUIRE(thread < THREADS_MAX);
	if (message->rc == BEGUN) {
		REQUIRE(message->number == life->begun[thread] + 1);
		atomic_store(&life->begun[thread], message->number);
		return;
	}
	REQUIRE(message->rc == FNT_DONE || message->rc == FNT_DROPPED);
	REQUIRE(message->number == life->begun[thread]);
	if (message->rc == FNT_DROPPED)
		atomic_fetch_add(&life->dropped[thread], 1);
	atomic_store(&life->confirmed[thread], message->number);
}

/* ---- a worker -------------------------------------------------------------------- */

struct worker_thread {
	struct fnt_log *log;
	struct life *life;
	uint32_t life_no, thread;
	uint64_t number;
	uint32_t calls; /* until the thread ends, and another takes its place */
	struct rnd dice;
	int fd;
};

static void
say(const struct worker_thread *self, int rc)
{
	struct message message = {self->thread, rc, self->number};

	if (self->fd < 0)
		note_message(self->life, &message);
	else
		REQUIRE(write(self->fd, &message, sizeof(message)) == sizeof(message));
}

static void
make_call(struct worker_thread *self)
{
	uint32_t ops = rnd(&self->dice, 4) ? rnd(&self->dice, 5)
					   : rnd(&self->dice, shape->ops);
	static const char filler[] = "................................................";
	struct fnt_value value = {.kind = FNT_VALUE_JSON};
	struct fnt_call *call;
	char text[128];

	self->number++;
	snprintf(text, sizeof(text), "%u.%u.%llu", self->life_no, self->thread,
		 (unsigned long long)self->number);
	call = begin_call(self->log, "deaths", text);
	REQUIRE(call);
	say(self, BEGUN);
	for (uint32_t i = 0; i < ops; i++) {
		snprintf(text, sizeof(text), "%u %.*s", i, (int)rnd(&self->dice, 48),
			 filler);
		REQUIRE(!fnt_call_op(call, FNT_OP_INSERT, "row", text, 1, i, true));
	}
	value.len = (size_t)snprintf(text, sizeof(text), "%u", ops);
	value.data = text;
	say(self, fnt_call_finish_ok(call, &value));
}

static void *
work(void *arg)
{
	struct worker_thread *self = arg;

	for (uint32_t i = 0; i < self->calls; i++)
		make_call(self);
	return NULL;
}

/* Threads come and go. Now and then the log is closed and opened again, or the process
 * ends by itself. */
void
be_worker(struct life *life, uint32_t life_no, uint32_t count, int fd, uint64_t seed)
{
	struct worker_thread threads[THREADS_MAX] = {{NULL}};
	struct rnd r = {seed + life_no * 7919u};
	uint32_t rounds = 1 + rnd(&r, 40);

	for (uint32_t round = 0; round < rounds; round++) {
		struct fnt_options options = {.size_bytes = shape->size,
					      .flags = shape->flags};
		struct fnt_log *log = open_log(shape->name, &options);
		pthread_t ids[THREADS_MAX];

		for (uint32_t i = 0; i < count; i++) {
			threads[i].log = log;
			threads[i].life = life;
			threads[i].life_no = life_no;
			threads[i].thread = i;
			threads[i].fd = fd;
			threads[i].calls = 1 + rnd(&r, 3000);
			threads[i].dice.state = r.state + i;
			REQUIRE(!pthread_create(&ids[i], NULL, work, &threads[i]));
		}
		for (uint32_t i = 0; i < count; i++)
			pthread_join(ids[i], NULL);
		/* A process may also end without closing its log. */
		if (round < rounds - 1 || rnd(&r, 2))
			fnt_log_close(log);
	}
	_exit(0);
}
