/* SPDX-License-Identifier: MIT
 *
 * What must be there when an actor is gone, or held.
 */
#include "scene_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/actor.h"
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
	const unsigned char *head = (const unsigned char *)&raw->head;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < sizeof(raw->head); i++)
		hash = (hash ^ head[i]) * 0x100000001b3u;
	for (uint32_t i = 0; i < raw->head.payload_bytes; i++)
		hash = (hash ^ (unsigned char)raw->payload[i]) * 0x100000001b3u;
	return hash;
}

/* ---- one trace of an actor's ----------------------------------------------------- */

static bool
within(uint64_t value, const struct tally *tally)
{
	return value >= atomic_load(&tally->done) &&
	       value <= atomic_load(&tally->tried);
}

static bool
ops_whole(const struct fnt_trace *trace)
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

/* Begun less ended, each somewhere between confirmed and tried. */
static bool
pending_fits(const struct fnt_trace *trace, const struct told *told)
{
	int64_t low = (int64_t)atomic_load(&told->pairs_begun.done) -
		      atomic_load(&told->pairs_ended.tried);
	int64_t high = (int64_t)atomic_load(&told->pairs_begun.tried) -
		       atomic_load(&told->pairs_ended.done);

	return (int64_t)trace->pending_count >= low &&
	       (int64_t)trace->pending_count <= high;
}

static bool
outcome_fits(const struct fnt_trace *trace, const struct told *told)
{
	uint32_t outcome = atomic_load(&told->outcome),
		 len = atomic_load(&told->value_len);

	if (!atomic_load(&told->finish.tried))
		return trace->outcome == FNT_ABORTED;
	if (trace->outcome != outcome)
		return !atomic_load(&told->finish.done) &&
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
	const struct told *told = &scene->story->calls[i];
	bool renamed = trace->user_id && !strcmp(trace->user_id, "another");

	SCENE_MUST(scene, !trace->flags);
	SCENE_MUST(scene,
		   !strcmp(trace->fn_name, i == SCENE_CALLS - 1 ? "warm" : "act"));
	SCENE_MUST(scene, renamed || !strcmp(trace->user_id, actor_call_ids[i]));
	SCENE_MUST(scene, within(trace->op_count, &told->ops));
	SCENE_MUST(scene, ops_whole(trace));
	SCENE_MUST(scene, pending_fits(trace, told));
	SCENE_MUST(scene, within(trace->stream_chunks, &told->chunks));
	SCENE_MUST(scene, trace->stream_bytes == trace->stream_chunks * SCENE_CHUNK);
	SCENE_MUST(scene, within(trace->schedule_count, &told->schedules));
	SCENE_MUST(scene, within(renamed, &told->users));
}

/* ---- all of them ----------------------------------------------------------------- */

/* How often each call is there. */
struct count {
	struct scene *scene;
	uint32_t records[SCENE_CALLS], flying[SCENE_CALLS];
	uint64_t ops, chunks, schedules; /* in the records */
};

static bool
is_actors(const struct fnt_trace *trace)
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
	if (!is_actors(trace))
		return 0;
	i = (unsigned)(trace->call_id[1] - '0');
	check_trace(count->scene, trace, i);
	SCENE_MUST(count->scene, outcome_fits(trace, &count->scene->story->calls[i]));
	count->records[i]++;
	count->ops += trace->op_count;
	count->chunks += trace->stream_chunks;
	count->schedules += trace->schedule_count;
	return 0;
}

static void
count_flying(struct count *count, struct fnt_reader *reader, bool dead)
{
	struct fnt_traces *traces;

	SCENE_MUST(count->scene, !fnt_reader_in_flight(reader, &traces));
	for (size_t n = 0; n < traces->count; n++) {
		const struct fnt_trace *trace = &traces->items[n];
		unsigned i = (unsigned)(trace->call_id[1] - '0');

		SCENE_MUST(count->scene, is_actors(trace));
		SCENE_MUST(count->scene,
			   trace->outcome == (dead ? FNT_ABORTED : FNT_IN_FLIGHT));
		check_trace(count->scene, trace, i);
		count->flying[i]++;
	}
	fnt_traces_free(traces);
}

static bool
tried(const struct told *told)
{
	return atomic_load(&told->begin.tried) || atomic_load(&told->finish.tried);
}

/* From the moment begin returned, or what made it whole. */
static bool
confirmed(const struct told *told)
{
	return atomic_load(&told->begin.done) || atomic_load(&told->finish.done);
}

/* In flight or one record: never both, never neither. What was committed may have been
 * lapped since, but not what was in flight before; and a region may keep none. */
static void
judge(const struct count *count, bool reaped)
{
	struct scene *scene = count->scene;
	bool keeps = !(scene->flags & (FNT_KEEP_NONE | SCENE_SAMPLED));

	for (unsigned i = 0; i < SCENE_CALLS; i++) {
		const struct told *told = &scene->story->calls[i];
		uint32_t there = count->records[i] + count->flying[i];
		bool finishing = atomic_load(&told->finish.tried) ||
				 atomic_load(&scene->story->closing);
		bool lapped = (finishing || scene->remains) && scene->lapped;
		bool unkept = !keeps && (finishing || reaped);

		if (there > tried(told) ||
		    (scene->flags & FNT_KEEP_NONE && count->records[i]))
			scene_fail(
				scene,
				"call %u is there too often: %u records, %u in flight",
				i, count->records[i], count->flying[i]);
		if (there < confirmed(told) && !(lapped && !scene->flying[i]) &&
		    !unkept)
			scene_fail(scene, "call %u is lost", i);
	}
}

static void
report(void *arg, uint64_t offset, const char *text)
{
	struct scene *scene = arg;

	scene_fail(scene, "check: byte %llu: %s", (unsigned long long)offset, text);
}

static void
look(struct scene *scene, struct count *count, struct fnt_check *check, bool dead,
     bool reaped)
{
	struct fnt_query all = {.limit = SIZE_MAX};
	struct fnt_reader *reader;

	*count = (struct count){.scene = scene};
	SCENE_MUST(scene, !fnt_reader_open(&reader, SCENE_NAME, NULL));
	SCENE_MUST(scene, !fnt_reader_each(reader, &all, count_record, count));
	count_flying(count, reader, dead);
	SCENE_MUST(scene, !fnt_reader_check(reader, check, report, scene));
	fnt_reader_close(reader);
	judge(count, reaped);
	scene->looks++;
}

void
scene_look(struct scene *scene, bool dead)
{
	struct fnt_check check;
	struct count count;

	look(scene, &count, &check, dead, false);
}

void
scene_look_at_death(struct scene *scene)
{
	struct fnt_check check;
	struct count count;

	look(scene, &count, &check, true, false);
	for (unsigned i = 0; i < SCENE_CALLS; i++)
		scene->flying[i] = count.flying[i];
}

bool
scene_find_head(const struct scene *scene, unsigned i, struct scene_place *place)
{
	uint32_t found = 0;

	for (uint32_t ring = 0; ring < FNT_RINGS; ring++) {
		const struct fnt_segment *segment = scene_era(scene, ring);

		for (uint64_t at = 0; at < segment->cell_count; at++) {
			const struct fnt_cell *cell = &segment->cells[at];
			uint64_t state = atomic_load(&cell->state), bytes;

			if (fnt_cell_busy(state) ||
			    fnt_cell_kind(state) != FNT_CELL_HEAD ||
			    atomic_load(&cell->words[0]) !=
				    atomic_load(&scene->story->calls[i].uid))
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

/* Each call counted once. Those in doubt only if there is no record of them. */
static void
check_total(struct scene *scene, const struct count *count, uint64_t mine)
{
	uint64_t low = scene->total + scene->others + mine, high = low, is;
	bool keeps = !(scene->flags & (FNT_KEEP_NONE | SCENE_SAMPLED)),
	     exact = keeps && !scene->lapped;

	for (unsigned i = 0; i < SCENE_CALLS; i++) {
		const struct told *told = &scene->story->calls[i];

		low += exact ? count->records[i] : confirmed(told);
		high += exact ? count->records[i] : tried(told);
	}
	is = scene_total(scene);
	if (is < low || is > high)
		scene_fail(scene, "%llu calls counted, not %llu to %llu",
			   (unsigned long long)is, (unsigned long long)low,
			   (unsigned long long)high);
}

/* What is in the records is counted, once; as long as all of them are there. */
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

/* The functions' counts come to the total, and each function's histogram to its calls,
 * whoever was killed where. Of ops each of the dead may have one that is counted in its
 * function and not yet in its row, or the other way round. */
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
		SCENE_MUST(scene, calls == fn->calls && !fn->spilled);
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

	scene_look(scene, true);
	SCENE_MUST(scene, !fnt_log_open(&log, SCENE_NAME, NULL));
	mine = produce(scene, log);
	look(scene, &count, &check, true, true);
	for (unsigned i = 0; i < SCENE_CALLS; i++)
		SCENE_MUST(scene, !count.flying[i]);
	fnt_log_close(log);
	fnt_log_close(scene->other);
	scene->other = NULL;
	scene_check_records(scene);
	check_total(scene, &count, mine);
	check_metrics(scene, &count);
	check_nothing_held(scene);
	SCENE_MUST(scene, !check.busy_cells && !check.orphans);
}
