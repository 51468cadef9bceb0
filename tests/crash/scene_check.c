/* SPDX-License-Identifier: MIT
 *
 * scene_check.c: what a region must hold when an actor is dead or held.
 */
#include "scene_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/actor.h"
#include "support/fixture.h"
#include "region/name_table.h"
#include "read/query.h"

#include <fntrace/metrics.h>

uint64_t
scene_total(const struct scene *scene)
{
	return fnt_query_total(&scene->region.view);
}

uint64_t
scene_hash(const struct fnt_record_copy *raw)
{
	uint64_t hash = fnv_1a(FNV_1A, &raw->head, sizeof(raw->head));

	return fnv_1a(hash, raw->payload, raw->head.payload_bytes);
}

/* ---- one trace of an actor's ----------------------------------------------------- */

static bool
within(uint64_t value, const struct tally *tally)
{
	return value >= atomic_load(&tally->done) &&
	       value <= atomic_load(&tally->tried);
}

static bool
ops_are_whole(const struct fnt_trace *trace)
{
	for (size_t n = 0; n < trace->op_count; n++) {
		const struct fnt_trace_op *op = &trace->ops[n];

		if (strcmp(op->id, actor_op_ids[n]) != 0 ||
		    strcmp(op->entity, "thing") != 0 || op->op != FNT_OP_UPDATE ||
		    !op->ok || op->row_count != (int64_t)n)
			return false;
	}
	return true;
}

/* Pending ops are those begun less those ended. Each of the two counts lies between
 * what the actor confirmed and what it tried. */
static bool
pending_fits(const struct fnt_trace *trace, const struct call_report *report)
{
	int64_t low = (int64_t)atomic_load(&report->pairs_begun.done) -
		      atomic_load(&report->pairs_ended.tried);
	int64_t high = (int64_t)atomic_load(&report->pairs_begun.tried) -
		       atomic_load(&report->pairs_ended.done);

	return (int64_t)trace->pending_count >= low &&
	       (int64_t)trace->pending_count <= high;
}

static bool
outcome_fits(const struct fnt_trace *trace, const struct call_report *report)
{
	uint32_t outcome = atomic_load(&report->outcome),
		 len = atomic_load(&report->value_len);

	if (!atomic_load(&report->finish.tried))
		return trace->outcome == FNT_ABORTED;
	if (trace->outcome != outcome)
		return !atomic_load(&report->finish.done) &&
		       trace->outcome == FNT_ABORTED;
	switch (outcome) {
	case FNT_OK:
		return trace->value.len == len &&
		       (!len || !memcmp(trace->value.data, actor_text, len));
	case FNT_ERROR:
	case FNT_ROLLED_BACK:
		return !strcmp(trace->code, "E") && strlen(trace->message) == len &&
		       !strncmp(trace->message, actor_text, len);
	default:
		return true;
	}
}

static void
check_trace(struct scene *scene, const struct fnt_trace *trace, unsigned i)
{
	const struct call_report *report = &scene->report->calls[i];
	bool renamed = trace->user_id && !strcmp(trace->user_id, "another");

	/* The values that actors give are no JSON. */
	SCENE_MUST(scene, !(trace->flags & ~FNT_TRACE_VALUE_INVALID));
	SCENE_MUST(scene,
		   !strcmp(trace->fn_name, i == SCENE_CALLS - 1 ? "warm" : "act"));
	SCENE_MUST(scene, renamed || !strcmp(trace->user_id, actor_call_ids[i]));
	SCENE_MUST(scene, within(trace->op_count, &report->ops));
	SCENE_MUST(scene, ops_are_whole(trace));
	SCENE_MUST(scene, pending_fits(trace, report));
	SCENE_MUST(scene, within(trace->stream_chunks, &report->chunks));
	SCENE_MUST(scene, trace->stream_bytes == trace->stream_chunks * SCENE_CHUNK);
	SCENE_MUST(scene, within(trace->schedule_count, &report->schedules));
	SCENE_MUST(scene, within(renamed, &report->users));
}

/* ---- all of them ----------------------------------------------------------------- */

/* How often each call was found. */
struct count {
	struct scene *scene;
	uint32_t records[SCENE_CALLS], in_flight[SCENE_CALLS];
	uint64_t ops, chunks, schedules; /* in the records */
};

static bool
is_of_actor(const struct fnt_trace *trace)
{
	return trace->call_id[0] == 'k' && trace->call_id[1] >= '0' &&
	       trace->call_id[1] < '0' + SCENE_CALLS && !trace->call_id[2];
}

static int
count_record(void *arg, const struct fnt_trace *trace)
{
	struct count *count = arg;
	unsigned i;

	SCENE_MUST(count->scene, !(trace->flags & FNT_TRACE_DAMAGED));
	if (!is_of_actor(trace))
		return 0;
	i = (unsigned)(trace->call_id[1] - '0');
	check_trace(count->scene, trace, i);
	SCENE_MUST(count->scene, outcome_fits(trace, &count->scene->report->calls[i]));
	count->records[i]++;
	count->ops += trace->op_count;
	count->chunks += trace->stream_chunks;
	count->schedules += trace->schedule_count;
	return 0;
}

static void
count_in_flight(struct count *count, struct fnt_reader *reader, bool dead)
{
	struct fnt_traces *traces;

	SCENE_MUST(count->scene, !fnt_reader_in_flight(reader, &traces));
	for (size_t n = 0; n < traces->count; n++) {
		const struct fnt_trace *trace = &traces->items[n];
		unsigned i = (unsigned)(trace->call_id[1] - '0');

		SCENE_MUST(count->scene, is_of_actor(trace));
		SCENE_MUST(count->scene,
			   trace->outcome == (dead ? FNT_ABORTED : FNT_IN_FLIGHT));
		check_trace(count->scene, trace, i);
		count->in_flight[i]++;
	}
	fnt_traces_free(traces);
}

static bool
tried(const struct call_report *report)
{
	return atomic_load(&report->begin.tried) || atomic_load(&report->finish.tried);
}

/* True once begin has returned; or finish, which makes a call that was pushed. */
static bool
confirmed(const struct call_report *report)
{
	return atomic_load(&report->begin.done) || atomic_load(&report->finish.done);
}

/* A call is in flight or one record, never both and never neither. There are two
 * exceptions: a committed record may have been overwritten since, unless the call was
 * in flight before that; and a region may keep no records. */
static void
check_presence(const struct count *count, bool recovered)
{
	struct scene *scene = count->scene;
	bool keeps = !(scene->flags & (FNT_KEEP_NONE | SCENE_SAMPLED));

	for (unsigned i = 0; i < SCENE_CALLS; i++) {
		const struct call_report *report = &scene->report->calls[i];
		uint32_t there = count->records[i] + count->in_flight[i];
		bool finishing = atomic_load(&report->finish.tried) ||
				 atomic_load(&scene->report->closing);
		bool lapped = (finishing || scene->has_dead) && scene->lapped;
		bool unkept = !keeps && (finishing || recovered);

		if (there > tried(report) ||
		    (scene->flags & FNT_KEEP_NONE && count->records[i]))
			scene_fail(
				scene,
				"call %u is there too often: %u records, %u in flight",
				i, count->records[i], count->in_flight[i]);
		if (there < confirmed(report) && !(lapped && !scene->in_flight[i]) &&
		    !unkept)
			scene_fail(scene, "call %u is lost", i);
	}
}

static void
fail_check(void *arg, uint64_t offset, const char *text)
{
	struct scene *scene = arg;

	scene_fail(scene, "check: byte %llu: %s", (unsigned long long)offset, text);
}

static void
inspect(struct scene *scene, struct count *count, struct fnt_check *check, bool dead,
	bool recovered)
{
	struct fnt_query all = {.limit = SIZE_MAX};
	struct fnt_reader *reader;

	*count = (struct count){.scene = scene};
	SCENE_MUST(scene, !fnt_reader_open(&reader, SCENE_NAME, NULL));
	SCENE_MUST(scene, !fnt_reader_each(reader, &all, count_record, count));
	count_in_flight(count, reader, dead);
	SCENE_MUST(scene, !fnt_reader_check(reader, check, fail_check, scene));
	fnt_reader_close(reader);
	check_presence(count, recovered);
}

void
scene_inspect(struct scene *scene, bool dead)
{
	struct fnt_check check;
	struct count count;

	inspect(scene, &count, &check, dead, false);
}

void
scene_inspect_at_death(struct scene *scene)
{
	struct fnt_check check;
	struct count count;

	inspect(scene, &count, &check, true, false);
	for (unsigned i = 0; i < SCENE_CALLS; i++)
		scene->in_flight[i] = count.in_flight[i];
}

bool
scene_find_head(const struct scene *scene, unsigned i, struct scene_place *place)
{
	uint32_t found = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segment *segment = scene_segment(scene, ring);

		for (uint64_t at = 0; at < segment->cell_count; at++) {
			const struct fnt_cell *cell = &segment->cells[at];
			uint64_t state = atomic_load(&cell->state), bytes;

			if (fnt_cell_busy(state) ||
			    fnt_cell_kind(state) != FNT_CELL_HEAD ||
			    atomic_load(&cell->words[0]) !=
				    atomic_load(&scene->report->calls[i].uid))
				continue;
			bytes = atomic_load(
				&cell->words[FNT_RECORD_WORD(payload_bytes)]);
			*place = (struct scene_place){ring,
						      fnt_cells_for((uint32_t)bytes),
						      segment->cell_count - at};
			found++;
		}
	}
	return found == 1;
}

bool
scene_has_head_of(const struct scene *scene, unsigned i)
{
	struct scene_place place;

	return scene_find_head(scene, i, &place);
}

/* ---- afterwards ------------------------------------------------------------------ */

void
scene_check_records(struct scene *scene)
{
	const struct fnt_view *view = &scene->region.view;
	struct fnt_record_copy raw = {.payload = NULL};

	for (uint32_t i = 0; i < scene->record_count; i++) {
		const struct scene_record *record = &scene->records[i];

		uint64_t cursor = fnt_ring_cursor(view, record->ring);

		if (record->ticket < fnt_ring_oldest(view, record->ring, cursor))
			continue;
		if (fnt_record_read(view, record->ring, record->ticket, &raw) !=
			    FNT_READ_RECORD ||
		    raw.head.uid != record->uid || scene_hash(&raw) != record->hash)
			scene_fail(scene, "the record of ticket %llu is lost",
				   (unsigned long long)record->ticket);
	}
	fnt_record_copy_free(&raw);
}

/* Each call is counted once. A call that was tried but not confirmed may be counted
 * only if it has a record, as far as records can be compared. */
static void
check_total(struct scene *scene, const struct count *count, uint64_t mine)
{
	uint64_t low = scene->total + scene->others + mine, high = low, is;
	bool keeps = !(scene->flags & (FNT_KEEP_NONE | SCENE_SAMPLED)),
	     exact = keeps && !scene->lapped;

	for (unsigned i = 0; i < SCENE_CALLS; i++) {
		const struct call_report *report = &scene->report->calls[i];

		low += exact ? count->records[i] : confirmed(report);
		high += exact ? count->records[i] : tried(report);
	}
	is = scene_total(scene);
	if (is < low || is > high)
		scene_fail(scene, "%llu calls counted, not %llu to %llu",
			   (unsigned long long)is, (unsigned long long)low,
			   (unsigned long long)high);
}

/* The metrics agree with the records, as long as all records are there. */
static void
check_contents(struct scene *scene, const struct count *count,
	       const struct fnt_fn_metrics *total)
{
	bool keeps = !(scene->flags & (FNT_KEEP_NONE | SCENE_SAMPLED));

	if (!keeps || scene->lapped)
		return;
	SCENE_MUST(scene, total->ops == count->ops);
	SCENE_MUST(scene, total->stream_chunks == count->chunks);
	SCENE_MUST(scene, total->stream_bytes == count->chunks * SCENE_CHUNK);
	SCENE_MUST(scene, total->schedules == count->schedules);
}

/* The calls of all functions add up to the total, and each function's histogram to its
 * calls, wherever a process was killed. Ops may differ by one for each dead process: it
 * may have counted an op for its function and not yet in the op's row, or the other way
 * round. */
static void
check_metrics(struct scene *scene, const struct count *count)
{
	struct fnt_reader *reader;
	struct fnt_metrics *metrics;
	uint64_t ops = 0, journals = 0;

	SCENE_MUST(scene, !fnt_reader_open(&reader, SCENE_NAME, NULL));
	SCENE_MUST(scene, !fnt_reader_metrics(reader, &metrics));
	fnt_reader_close(reader);
	SCENE_MUST(scene, !metrics->shared && !metrics->other.calls);
	check_contents(scene, count, &metrics->total);
	if (metrics->total.calls != scene_total(scene))
		scene_fail(scene, "functions have %llu calls, the region %llu",
			   (unsigned long long)metrics->total.calls,
			   (unsigned long long)scene_total(scene));
	for (size_t i = 0; i < metrics->fn_count; i++) {
		const struct fnt_fn_metrics *fn = &metrics->fns[i];
		uint64_t calls = 0;

		for (size_t k = 0; k < fn->bucket_count; k++)
			calls += fn->buckets[k].count;
		SCENE_MUST(scene, calls == fn->calls - fn->aborted && !fn->spilled);
		SCENE_MUST(scene,
			   !calls || fn->max_ns >=
					     fn->buckets[fn->bucket_count - 1].low_ns);
		SCENE_MUST(scene, fn->max_ns <= fn->total_ns);
		SCENE_MUST(scene, !fn->in_flight);
	}
	for (size_t i = 0; i < metrics->op_count; i++)
		ops += metrics->ops[i].count;
	SCENE_MUST(scene,
		   ops <= metrics->total.ops + 2 && metrics->total.ops <= ops + 2);
	for (uint32_t i = 0; i < scene->region.view.lane_count; i++)
		journals += atomic_load(&scene->region.view.lanes[i].journal.state);
	SCENE_MUST(scene, !journals);
	fnt_metrics_free(metrics);
}

static void
check_nothing_held(struct scene *scene)
{
	const struct fnt_view *view = &scene->region.view;
	struct fnt_reader *reader;
	struct fnt_stat stat;

	SCENE_MUST(scene, !fnt_reader_open(&reader, SCENE_NAME, NULL));
	SCENE_MUST(scene, !fnt_reader_stat(reader, &stat));
	fnt_reader_close(reader);
	SCENE_MUST(scene, !stat.producers && !stat.lanes && !stat.frames);
	SCENE_MUST(scene, !stat.in_flight && !stat.orphaned);
	for (uint32_t i = 0; i < view->name_count; i++)
		SCENE_MUST(scene, (atomic_load(&view->names[i].state) & 0xff) !=
					  FNT_NAME_BUSY);
}

static uint64_t
produce(struct scene *scene, struct fnt_log *log)
{
	struct fnt_value value = {FNT_VALUE_JSON, actor_text, 700};
	struct fnt_call_info info = {.call_id = "mine", .fn_name = "mine"};

	for (int i = 0; i < 3; i++)
		SCENE_MUST(scene, fnt_call_finish_ok(fnt_call_begin(log, &info),
						     i ? NULL : &value) == FNT_DONE);
	return 3;
}

void
scene_verify(struct scene *scene)
{
	struct fnt_check check;
	struct fnt_log *log;
	struct count count;
	uint64_t mine;

	scene_inspect(scene, true);
	SCENE_MUST(scene, !fnt_log_open(&log, SCENE_NAME, NULL));
	mine = produce(scene, log);
	inspect(scene, &count, &check, true, true);
	for (unsigned i = 0; i < SCENE_CALLS; i++)
		SCENE_MUST(scene, !count.in_flight[i]);
	fnt_log_close(log);
	fnt_log_close(scene->other);
	scene->other = NULL;
	scene_check_records(scene);
	check_total(scene, &count, mine);
	check_metrics(scene, &count);
	check_nothing_held(scene);
	SCENE_MUST(scene, !check.busy_cells && !check.orphans);
}
