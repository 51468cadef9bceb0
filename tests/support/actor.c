/* SPDX-License-Identifier: MIT
 *
 * actor.c: an actor does one step at a time, and reports it before and after.
 */
#include "crash/scene.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"

const char *const actor_call_ids[SCENE_CALLS] = {"k0", "k1", "k2", "k3"};
char actor_text[4096];
char actor_op_ids[SCENE_OPS][8];

/* Done before the first fork, so that an act has nothing else to do. */
__attribute__((constructor)) static void
write_texts(void)
{
	memset(actor_text, 'v', sizeof(actor_text) - 1);
	for (unsigned i = 0; i < SCENE_OPS; i++)
		snprintf(actor_op_ids[i], sizeof(actor_op_ids[i]), "%u", i);
}

static void
must(bool good)
{
	if (!good)
		_exit(97);
}

static uint32_t
try_step(struct tally *tally)
{
	return atomic_fetch_add(&tally->tried, 1);
}

static void
step_done(struct tally *tally)
{
	atomic_fetch_add(&tally->done, 1);
}

void
actor_open(struct actor *actor)
{
	struct fnt_options options = {.flags = FNT_ATTACH_ONLY};

	must(!fnt_log_open(&actor->log, SCENE_NAME, &options));
}

void
actor_close(struct actor *actor)
{
	atomic_store(&actor->report->closing, 1);
	fnt_log_close(actor->log);
}

void
actor_begin(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];
	struct fnt_call_info info = {
		.call_id = actor_call_ids[i],
		.fn_name = i == SCENE_CALLS - 1 ? "warm" : "act",
		.fn_type = FNT_MUTATION,
		.user_id = actor_call_ids[i],
		.parent = i ? actor->calls[0] : NULL,
	};

	try_step(&report->begin);
	actor->calls[i] = fnt_call_begin(actor->log, &info);
	must(actor->calls[i]);
	atomic_store(&report->uid, fnt_call_uid(actor->calls[i]));
	step_done(&report->begin);
}

void
actor_op(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];
	uint32_t n = try_step(&report->ops);

	must(!fnt_call_op(actor->calls[i], FNT_OP_UPDATE, "thing", actor_op_ids[n],
			  1000 + n, n, true));
	step_done(&report->ops);
}

void
actor_op_begin(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];
	uint32_t n = atomic_load(&report->ops.done);

	try_step(&report->pairs_begun);
	actor->handle = fnt_call_op_begin(actor->calls[i], FNT_OP_UPDATE, "thing",
					  actor_op_ids[n]);
	must(actor->handle >= 0);
	step_done(&report->pairs_begun);
}

void
actor_op_end(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];
	uint32_t n = try_step(&report->ops);

	try_step(&report->pairs_ended);
	must(!fnt_call_op_end(actor->calls[i], actor->handle, n, true));
	step_done(&report->pairs_ended);
	step_done(&report->ops);
}

void
actor_chunk(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];

	try_step(&report->chunks);
	must(!fnt_call_stream_chunk(actor->calls[i], SCENE_CHUNK));
	step_done(&report->chunks);
}

void
actor_schedule(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];

	try_step(&report->schedules);
	must(!fnt_call_schedule(actor->calls[i], "later", 5, FNT_NONE));
	step_done(&report->schedules);
}

void
actor_user(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];

	try_step(&report->users);
	must(!fnt_call_user_id(actor->calls[i], "another"));
	step_done(&report->users);
}

void
actor_finish(struct actor *actor, unsigned i, enum fnt_outcome outcome, size_t len)
{
	struct call_report *report = &actor->report->calls[i];
	struct fnt_value value = {FNT_VALUE_JSON, actor_text, len};
	const char *message = actor_text + sizeof(actor_text) - 1 - len;
	int rc;

	atomic_store(&report->outcome, (uint32_t)outcome);
	atomic_store(&report->value_len, (uint32_t)len);
	try_step(&report->finish);
	if (outcome == FNT_OK)
		rc = fnt_call_finish_ok(actor->calls[i], len ? &value : NULL);
	else if (outcome == FNT_ERROR)
		rc = fnt_call_finish_error(actor->calls[i], "E", message);
	else if (outcome == FNT_ROLLED_BACK)
		rc = fnt_call_finish_rolled_back(actor->calls[i], "E", message);
	else
		rc = fnt_call_abandon(actor->calls[i]);
	atomic_store(&report->rc, rc);
	step_done(&report->finish);
}

void
actor_beside(struct actor *actor, const _Atomic uint32_t *over)
{
	struct report *report = actor->report;
	struct fnt_call_info info = {.call_id = "other", .fn_name = "other"};

	while (!atomic_load(over)) {
		if (atomic_load(&report->beside) >=
		    atomic_load(&report->beside_wanted)) {
			usleep(20);
			continue;
		}
		must(fnt_call_finish_ok(fnt_call_begin(actor->log, &info), NULL) ==
		     FNT_DONE);
		atomic_fetch_add(&report->beside, 1);
	}
}

void
actor_push(struct actor *actor, unsigned i)
{
	struct call_report *report = &actor->report->calls[i];
	struct fnt_trace_op ops[2];
	struct fnt_trace trace = {
		.call_id = actor_call_ids[i],
		.fn_name = "act",
		.user_id = actor_call_ids[i],
		.fn_type = FNT_MUTATION,
		.outcome = FNT_OK,
		.ops = ops,
		.op_count = 2,
	};

	for (unsigned n = 0; n < 2; n++)
		ops[n] = (struct fnt_trace_op){.op = FNT_OP_UPDATE,
					       .ok = true,
					       .entity = "thing",
					       .id = actor_op_ids[n],
					       .duration_ns = 1000 + n,
					       .row_count = n};
	atomic_store(&report->outcome, FNT_OK);
	atomic_store(&report->ops.tried, 2);
	atomic_store(&report->ops.done, 2);
	try_step(&report->finish);
	atomic_store(&report->rc, fnt_log_push(actor->log, &trace));
	step_done(&report->finish);
}
