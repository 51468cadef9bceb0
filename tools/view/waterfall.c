/* SPDX-License-Identifier: MIT */
#include "view/waterfall.h"
#include "view/bar.h"
#include "view/calls.h"
#include "view/table.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One line: an operation of the call, or a call that it made. */
struct span {
	const struct fnt_trace_op *op; /* NULL: the span is `call` */
	const struct fnt_trace *call;
	uint64_t start_ns, duration_ns;
	uint64_t end_ns;
	uint64_t times; /* how many operations are folded into it */
	bool pending;
	size_t index; /* order of adding: keeps sorting stable */
};

struct spans {
	struct span *items;
	size_t count;
};

/* ---- spans ---------------------------------------------------------------------- */

static bool
is_child(const struct fnt_trace *trace, const struct fnt_trace *other)
{
	return other->parent_uid == trace->uid && other->uid != trace->uid;
}

static bool
has_call(const struct spans *spans, uint64_t uid)
{
	for (size_t i = spans->count; i > 0; i--)
		if (!spans->items[i - 1].op && spans->items[i - 1].call->uid == uid)
			return true;
	return false;
}

static void
add_span(struct spans *spans, struct span span)
{
	span.index = spans->count;
	span.times = 1;
	span.end_ns = span.start_ns + span.duration_ns;
	spans->items[spans->count++] = span;
}

static void
add_ended(struct spans *spans, const struct fnt_trace_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add_span(spans, (struct span){.op = &ops[i],
					      .start_ns = ops[i].start_ns,
					      .duration_ns = ops[i].duration_ns});
}

static void
add_ops(struct spans *spans, const struct fnt_trace *trace)
{
	add_ended(spans, trace->ops, trace->op_count);
	add_ended(spans, trace->waits, trace->wait_count);
	for (size_t i = 0; i < trace->pending_count; i++) {
		uint64_t start_ns = trace->pending[i].start_ns;
		uint64_t age_ns = 0;

		if (trace->duration_ns > start_ns)
			age_ns = trace->duration_ns - start_ns;
		add_span(spans, (struct span){.op = &trace->pending[i],
					      .start_ns = start_ns,
					      .duration_ns = age_ns,
					      .pending = true});
	}
}

static void
add_children(struct spans *spans, const struct fnt_trace *trace,
	     const struct fnt_traces *family)
{
	for (size_t i = 0; i < family->count; i++) {
		const struct fnt_trace *child = &family->items[i];
		struct span span = {
			.call = child,
			.duration_ns = child->duration_ns,
			.pending = child->outcome == FNT_IN_FLIGHT,
		};

		/* A call that has just finished may be both in flight and in the
		 * ring. */
		if (!is_child(trace, child) || has_call(spans, child->uid))
			continue;
		span.start_ns = calls_start_after_ns(child, trace);
		add_span(spans, span);
	}
}

static int
compare(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return a->index < b->index ? -1 : 1;
}

/* ---- folding --------------------------------------------------------------------- */

#define FOLD_LINES 40 /* calls of at most so many spans are not folded */
#define FOLD_RUN 4    /* fewer similar spans in a row are not folded */

static bool
is_like(const struct span *a, const struct span *b)
{
	return a->op && b->op && !a->pending && !b->pending && a->op->ok == b->op->ok &&
	       strcmp(fnt_trace_op_name(a->op), fnt_trace_op_name(b->op)) == 0 &&
	       strcmp(a->op->entity, b->op->entity) == 0;
}

/* Fold `count` spans from `first` on into one. */
static struct span
join(const struct span *first, size_t count)
{
	struct span all = *first;

	for (size_t i = 1; i < count; i++) {
		all.duration_ns += first[i].duration_ns;
		if (first[i].end_ns > all.end_ns)
			all.end_ns = first[i].end_ns;
	}
	all.times = count;
	return all;
}

static void
fold_runs(struct spans *spans)
{
	size_t kept = 0;

	for (size_t i = 0, run; i < spans->count; i += run) {
		for (run = 1; i + run < spans->count; run++)
			if (!is_like(&spans->items[i], &spans->items[i + run]))
				break;
		if (run < FOLD_RUN)
			run = 1;
		spans->items[kept++] = join(&spans->items[i], run);
	}
	spans->count = kept;
}

/* ---- the table ------------------------------------------------------------------ */

enum {
	COLUMN_START,
	COLUMN_TOOK,
	COLUMN_OP,
	COLUMN_ENTITY,
	COLUMN_ID,
	COLUMN_RESULT,
	COLUMN_BAR,
	COLUMNS,
};

static enum text_style
span_style(const struct span *span)
{
	if (span->pending)
		return TEXT_WARN;
	if (span->op)
		return span->op->ok ? TEXT_PLAIN : TEXT_BAD;
	return span->call->outcome == FNT_OK ? TEXT_PLAIN
					     : calls_outcome_style(span->call->outcome);
}

static void
add_result(struct table *table, const struct span *span)
{
	enum text_style style = span_style(span);
	char times[32] = "";

	if (span->times > 1)
		snprintf(times, sizeof(times), ", %" PRIu64 " times", span->times);
	if (span->pending)
		table_cell(table, style, "pending");
	else if (!span->op)
		table_cell(table, style, "%s", calls_outcome(span->call->outcome));
	else if (!span->op->ok)
		table_cell(table, style, "failed%s", times);
	else if (span->times > 1)
		table_cell(table, style, "ok%s", times);
	else if (span->op->row_count != FNT_NONE)
		table_cell(table, style, "%" PRId64 " row%s", span->op->row_count,
			   span->op->row_count == 1 ? "" : "s");
	else
		table_cell(table, style, "ok");
}

static const char *
span_id(const struct span *span)
{
	if (!span->op)
		return span->call->call_id;
	return span->op->id && span->times == 1 ? span->op->id : "";
}

static void
add_line(struct table *table, const struct span *span)
{
	const struct fnt_trace_op *op = span->op;
	char text[TEXT_UNIT_MAX];

	table_cell(table, TEXT_DIM, "%s", text_duration(text, span->start_ns));
	table_cell(table, TEXT_PLAIN, "%s", text_duration(text, span->duration_ns));
	table_cell(table, TEXT_PLAIN, "%s", op ? fnt_trace_op_name(op) : "call");
	table_cell(table, TEXT_BOLD, "%s", op ? op->entity : span->call->fn_name);
	table_cell(table, TEXT_DIM, "%s", span_id(span));
	add_result(table, span);
	table_cell(table, TEXT_PLAIN, "%s", "");
}

static void
draw_bars(struct table *table, const struct spans *spans, uint64_t scale_ns)
{
	size_t cells = table_column_width(table, COLUMN_BAR);
	char *bar = text_alloc(BAR_BYTES(cells));

	for (size_t i = 0; i < spans->count && cells > 0; i++) {
		const struct span *span = &spans->items[i];

		bar_draw(bar, span->start_ns, span->end_ns, scale_ns, cells);
		table_set_cell(table, i, COLUMN_BAR, span_style(span), bar);
	}
	free(bar);
}

static void
print_spans(const struct spans *spans, uint64_t scale_ns)
{
	char scale[TEXT_UNIT_MAX], title[TEXT_UNIT_MAX + 8];
	const struct table_column columns[COLUMNS] = {
		[COLUMN_START] = {"START", .right = true},
		[COLUMN_TOOK] = {"TOOK", .right = true},
		[COLUMN_OP] = {.title = "OP"},
		[COLUMN_ENTITY] = {"ENTITY", .min = 6, .want = 12},
		[COLUMN_ID] = {"ID", .min = 8, .want = 12, .drop = 1, .if_used = true},
		[COLUMN_RESULT] = {.title = "RESULT"},
		[COLUMN_BAR] = {title, .min = 16, .want = 24, .reserve = BAR_COLUMNS},
	};
	struct table *table = table_create(columns, COLUMNS);

	snprintf(title, sizeof(title), "0 - %s", text_duration(scale, scale_ns));
	for (size_t i = 0; i < spans->count; i++)
		add_line(table, &spans->items[i]);
	table_indent(table, 2);
	table_layout(table, text_columns(stdout));
	draw_bars(table, spans, scale_ns);
	table_print(table, stdout);
	table_destroy(table);
}

/* The time that the bars cover: the call's duration, or more if an operation or a call
 * that it made ended later. Operations timed by the host (fnt_call_op) may do so. */
static uint64_t
whole_ns(const struct fnt_trace *trace, const struct spans *spans)
{
	uint64_t whole = trace->duration_ns;

	for (size_t i = 0; i < spans->count; i++) {
		const struct span *span = &spans->items[i];

		if (span->end_ns > whole)
			whole = span->end_ns;
	}
	return whole;
}

void
waterfall_print(const struct fnt_trace *trace, const struct waterfall_family *family,
		bool fold)
{
	size_t room = trace->op_count + trace->wait_count + trace->pending_count;
	struct spans spans = {0};

	for (size_t i = 0; i < family->count; i++)
		room += family->sets[i]->count;
	spans.items = text_alloc(room * sizeof(*spans.items));
	add_ops(&spans, trace);
	for (size_t i = 0; i < family->count; i++)
		add_children(&spans, trace, family->sets[i]);
	qsort(spans.items, spans.count, sizeof(*spans.items), compare);
	if (fold && spans.count > FOLD_LINES)
		fold_runs(&spans);
	if (spans.count > 0)
		print_spans(&spans, whole_ns(trace, &spans));
	else
		puts("  no operations");
	free(spans.items);
}
