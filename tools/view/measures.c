/* SPDX-License-Identifier: MIT */
#include "view/measures.h"
#include "view/table.h"
#include "view/text.h"

#include <inttypes.h>

const struct measures_percentile measures_percentiles[] = {
	{"p50", 50}, {"p90", 90},    {"p95", 95},
	{"p99", 99}, {"p999", 99.9}, {"max", 100},
};
const size_t measures_percentile_count =
	sizeof(measures_percentiles) / sizeof(measures_percentiles[0]);

/* ---- for people ----------------------------------------------------------------- */

static const struct table_column fn_columns[] = {
	{"FUNCTION", .min = 8, .want = 16},
	{"CALLS", .right = true},
	{"ERRORS", .right = true},
	{"ROLLED BACK", .right = true, .if_used = true, .drop = 5},
	{"ABORTED", .right = true, .if_used = true, .drop = 6},
	{"IN FLIGHT", .right = true, .if_used = true, .drop = 4},
	{"P50", .right = true},
	{"P95", .right = true, .drop = 3},
	{"P99", .right = true},
	{"MAX", .right = true, .drop = 7},
	{"OPS", .right = true, .drop = 2},
	{"ROWS", .right = true, .drop = 1},
};

static const struct table_column op_columns[] = {
	{"ENTITY", .min = 8, .want = 16},   {.title = "OP"},
	{"COUNT", .right = true},	    {"ERRORS", .right = true},
	{"MEAN", .right = true, .drop = 5}, {"P50", .right = true, .drop = 3},
	{"P95", .right = true, .drop = 6},  {"P99", .right = true},
	{"MAX", .right = true, .drop = 4},  {"TOTAL", .right = true, .drop = 2},
	{"ROWS", .right = true, .drop = 1},
};

#define COLUMNS(columns) (columns), sizeof(columns) / sizeof((columns)[0])

static void
add_count(struct table *table, uint64_t count, enum text_style style)
{
	char text[TEXT_UNIT_MAX];

	table_cell(table, count ? style : TEXT_PLAIN, "%s", text_count(text, count));
}

/* An empty cell for 0, so that a column without counts is not shown. */
static void
add_if_any(struct table *table, uint64_t count, enum text_style style)
{
	char text[TEXT_UNIT_MAX];

	table_cell(table, style, "%s", count ? text_count(text, count) : "");
}

static void
add_duration(struct table *table, bool known, uint64_t ns)
{
	char text[TEXT_UNIT_MAX];

	table_cell(table, TEXT_PLAIN, "%s", known ? text_duration(text, ns) : "-");
}

static void
add_percentile(struct table *table, const struct fnt_fn_metrics *fn, double percent)
{
	add_duration(table, fn->bucket_count > 0, fnt_metrics_percentile(fn, percent));
}

static void
add_op_percentile(struct table *table, const struct fnt_op_metrics *op, double percent)
{
	add_duration(table, op->bucket_count > 0,
		     fnt_metrics_op_percentile(op, percent));
}

static void
add_fn(struct table *table, const char *name, enum text_style style,
       const struct fnt_fn_metrics *fn)
{
	table_cell(table, style, "%s", name);
	add_count(table, fn->calls, TEXT_PLAIN);
	add_count(table, fn->error, TEXT_BAD);
	add_if_any(table, fn->rolled_back, TEXT_WARN);
	add_if_any(table, fn->aborted, TEXT_WARN);
	add_if_any(table, fn->in_flight, TEXT_PLAIN);
	add_percentile(table, fn, 50);
	add_percentile(table, fn, 95);
	add_percentile(table, fn, 99);
	add_percentile(table, fn, 100);
	add_count(table, fn->ops, TEXT_PLAIN);
	add_count(table, fn->rows, TEXT_PLAIN);
}

static void
add_op(struct table *table, const char *name, enum text_style style,
       const struct fnt_op_metrics *op)
{
	table_cell(table, style, "%s", name);
	table_cell(table, TEXT_PLAIN, "%s", op->entity ? fnt_op_name(op->op) : "");
	add_count(table, op->count, TEXT_PLAIN);
	add_count(table, op->errors, TEXT_BAD);
	add_duration(table, op->count > 0, op->count ? op->total_ns / op->count : 0);
	add_op_percentile(table, op, 50);
	add_op_percentile(table, op, 95);
	add_op_percentile(table, op, 99);
	add_op_percentile(table, op, 100);
	add_duration(table, true, op->total_ns);
	add_count(table, op->rows, TEXT_PLAIN);
}

static void
print_table(struct table *table)
{
	table_indent(table, 2);
	table_layout(table, text_columns(stdout));
	table_print(table, stdout);
	table_destroy(table);
}

static void
put_more(size_t more, const char *what)
{
	char text[TEXT_UNIT_MAX];

	if (!more)
		return;
	text_style(stdout, TEXT_DIM);
	printf("  and %s more %s%s: -n 0 shows all", text_count(text, more), what,
	       more == 1 ? "" : "s");
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

/* Say of calls or ops that are counted, but not by name, what to do. */
static void
put_overflow(uint64_t count, const char *what)
{
	char text[TEXT_UNIT_MAX];

	if (!count)
		return;
	text_style(stdout, TEXT_WARN);
	printf("  %s %s past the table: counted, but not by name; " MEASURES_LARGER,
	       text_count(text, count), what);
	text_style(stdout, TEXT_PLAIN);
	putchar('\n');
}

static void
print_fns(const struct fnt_metrics *metrics, size_t limit)
{
	struct table *table = table_create(COLUMNS(fn_columns));
	size_t count = metrics->fn_count < limit ? metrics->fn_count : limit;

	for (size_t i = 0; i < count; i++)
		add_fn(table, metrics->fns[i].fn_name, TEXT_BOLD, &metrics->fns[i]);
	if (metrics->other.calls + metrics->other.in_flight)
		add_fn(table, "(past the table)", TEXT_DIM, &metrics->other);
	if (metrics->fn_count > 1 || metrics->other.calls)
		add_fn(table, "(all)", TEXT_DIM, &metrics->total);
	print_table(table);
	put_more(metrics->fn_count - count, "function");
	put_overflow(metrics->other.calls, "calls of functions");
}

static void
print_ops(const struct fnt_metrics *metrics, size_t limit)
{
	struct table *table = table_create(COLUMNS(op_columns));
	size_t count = metrics->op_count < limit ? metrics->op_count : limit;

	for (size_t i = 0; i < count; i++)
		add_op(table, metrics->ops[i].entity, TEXT_BOLD, &metrics->ops[i]);
	if (metrics->other_ops.count)
		add_op(table, "(past the table)", TEXT_DIM, &metrics->other_ops);
	print_table(table);
	put_more(metrics->op_count - count, "operation");
	put_overflow(metrics->other_ops.count, "operations");
}

void
measures_print(const struct fnt_metrics *metrics, uint64_t limit,
	       void (*title)(const char *title))
{
	size_t most = limit && limit < SIZE_MAX ? (size_t)limit : SIZE_MAX;

	if (metrics->total.calls + metrics->total.in_flight) {
		title("functions");
		print_fns(metrics, most);
	}
	if (metrics->op_count || metrics->other_ops.count) {
		title("operations");
		print_ops(metrics, most);
	}
}

/* ---- for machines --------------------------------------------------------------- */

#define FIELD(field)                                                                   \
	{                                                                              \
#field, offsetof(struct fnt_fn_metrics, field)                         \
	}

static const struct {
	const char *name;
	size_t offset;
} fields[] = {
	FIELD(calls),	       FIELD(ok),	 FIELD(error),
	FIELD(rolled_back),    FIELD(aborted),	 FIELD(in_flight),
	FIELD(dropped),	       FIELD(not_kept),	 FIELD(kept_none),
	FIELD(sampled),	       FIELD(limited),	 FIELD(ops),
	FIELD(ops_omitted),    FIELD(rows),	 FIELD(stream_bytes),
	FIELD(stream_chunks),  FIELD(schedules), FIELD(schedules_omitted),
	FIELD(values_omitted), FIELD(spilled),	 FIELD(unmapped),
};

void
measures_put_ms(const char *name, uint64_t ns)
{
	printf("\"%s_ms\":%" PRIu64 ".%06" PRIu64, name, ns / 1000000, ns % 1000000);
}

static void
put_name(const char *name)
{
	if (name)
		text_put_json_string(stdout, name);
	else
		fputs("null", stdout);
}

void
measures_put_fn(const struct fnt_fn_metrics *fn)
{
	fputs("\"fn_name\":", stdout);
	put_name(fn->fn_name);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		printf(",\"%s\":%" PRIu64, fields[i].name,
		       *(const uint64_t *)(const void *)((const char *)fn +
							 fields[i].offset));
	putchar(',');
	measures_put_ms("total", fn->total_ns);
	for (size_t i = 0; i < measures_percentile_count && fn->bucket_count; i++) {
		putchar(',');
		measures_put_ms(
			measures_percentiles[i].name,
			fnt_metrics_percentile(fn, measures_percentiles[i].percent));
	}
}

static void
put_fn_object(const char *key, const struct fnt_fn_metrics *fn)
{
	printf("%s{", key);
	measures_put_fn(fn);
	putchar('}');
}

void
measures_put_op(const struct fnt_op_metrics *operation, const char *op)
{
	fputs("\"entity\":", stdout);
	put_name(operation->entity);
	fputs(",\"op\":", stdout);
	put_name(op);
	printf(",\"count\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"rows\":%" PRIu64
	       ",\"spilled\":%" PRIu64 ",",
	       operation->count, operation->errors, operation->rows,
	       operation->spilled);
	measures_put_ms("total", operation->total_ns);
	for (size_t i = 0; i < measures_percentile_count && operation->bucket_count;
	     i++) {
		putchar(',');
		measures_put_ms(measures_percentiles[i].name,
				fnt_metrics_op_percentile(
					operation, measures_percentiles[i].percent));
	}
}

static void
put_op_object(const char *key, const struct fnt_op_metrics *op)
{
	printf("%s{", key);
	measures_put_op(op, fnt_op_name(op->op));
	putchar('}');
}

void
measures_put_json(const struct fnt_metrics *metrics)
{
	put_fn_object("\"all\":", &metrics->total);
	fputs(",\"functions\":[", stdout);
	for (size_t i = 0; i < metrics->fn_count; i++)
		put_fn_object(i ? "," : "", &metrics->fns[i]);
	put_fn_object("],\"other_functions\":", &metrics->other);
	fputs(",\"operations\":[", stdout);
	for (size_t i = 0; i < metrics->op_count; i++)
		put_op_object(i ? "," : "", &metrics->ops[i]);
	put_op_object("],\"other_operations\":", &metrics->other_ops);
	printf(",\"metrics\":{\"functions\":%" PRIu32 ",\"functions_max\":%" PRIu32
	       ",\"operations\":%" PRIu32 ",\"operations_max\":%" PRIu32
	       ",\"blocks\":%" PRIu32 ",\"blocks_max\":%" PRIu32 ",\"shared\":%" PRIu32
	       ",\"overflow_calls\":%" PRIu64 ",\"overflow_operations\":%" PRIu64 "}",
	       metrics->fn_rows, metrics->fn_rows_max, metrics->op_rows,
	       metrics->op_rows_max, metrics->blocks, metrics->blocks_max,
	       metrics->shared, metrics->other.calls, metrics->other_ops.count);
}
