/* SPDX-License-Identifier: MIT
 *
 * fntrace hist: a histogram of how long calls or operations took, with percentiles.
 */
#include "commands/commands.h"
#include "view/histogram.h"
#include "view/measures.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	struct tool_source source;
	const char *op, *entity;
	bool json;
};

static const struct tool_option options[] = {
	TOOL_SOURCE_OPTIONS(struct settings),
	{"entity", 'e', TOOL_TEXT, offsetof(struct settings, entity), "ENTITY",
	 "operations on this entity instead of calls"},
	{"op", 'o', TOOL_TEXT, offsetof(struct settings, op), "KIND",
	 "operations of this kind (get, list, insert …); all: of every kind"},
	{"json", 0, TOOL_FLAG, offsetof(struct settings, json), NULL,
	 "print one JSON object, with all non-empty buckets"},
	TOOL_END,
};

static void
put_path(const char *path)
{
	fputs("{\"path\":", stdout);
	text_put_json_string(stdout, path);
	putchar(',');
}

/* ---- the command ---------------------------------------------------------------- */

/* "it may be among …" if the region has counted anything that has no name there. */
static int
fail_past_table(const char *path, const char *name, uint64_t count, const char *what)
{
	char text[TEXT_UNIT_MAX];

	return message_fail(
		"%s: \"%s\" has no row in the table, but it may be among the "
		"%s %ss past the table, which are counted, but not by "
		"name; " MEASURES_LARGER,
		path, name, text_count(text, count), what);
}

/* ---- functions ------------------------------------------------------------------ */

static const struct fnt_fn_metrics *
find_fn(const struct fnt_metrics *metrics, const char *name)
{
	for (size_t i = 0; i < metrics->fn_count; i++)
		if (!strcmp(metrics->fns[i].fn_name, name))
			return &metrics->fns[i];
	return NULL;
}

static int
fail_unknown(const char *path, const struct fnt_metrics *metrics, const char *name)
{
	const char **names = text_alloc((metrics->fn_count + 1) * sizeof(*names));
	const char *nearest;

	for (size_t i = 0; i < metrics->fn_count; i++)
		names[i] = metrics->fns[i].fn_name;
	nearest = tool_nearest(name, names, metrics->fn_count);
	free(names);
	if (metrics->other.calls)
		return fail_past_table(path, name, metrics->other.calls, "call");
	if (nearest)
		return message_fail("%s: no calls of \"%s\"; did you mean \"%s\"?",
				    path, name, nearest);
	return message_fail("%s: no calls of \"%s\"; fntrace stat lists the functions",
			    path, name);
}

static int
print_fn(const char *path, const struct fnt_metrics *metrics, const char *name,
	 bool json)
{
	const struct fnt_fn_metrics *fn =
		name ? find_fn(metrics, name) : &metrics->total;

	if (!fn)
		return fail_unknown(path, metrics, name);
	if (!json) {
		histogram_print(&(struct histogram){
			.title = fn->fn_name ? fn->fn_name : "all functions",
			.what = "call",
			.count = fn->calls,
			.spilled = fn->spilled,
			.past_table = name ? 0 : metrics->other.calls,
			.max_ns = fn->max_ns,
			.bucket_count = fn->bucket_count,
			.buckets = fn->buckets,
		});
		return TOOL_OK;
	}
	put_path(path);
	measures_put_fn(fn);
	histogram_put_buckets(fn->buckets, fn->bucket_count);
	return TOOL_OK;
}

/* ---- operations ----------------------------------------------------------------- */

/* Which operations: of a kind, or FNT_OP_KINDS for all; on an entity, or NULL. */
struct which {
	uint32_t op;
	const char *entity;
};

static bool
is_one(const struct which *which, const struct fnt_op_metrics *op)
{
	return (which->op == FNT_OP_KINDS || which->op == (uint32_t)op->op) &&
	       (!which->entity || !strcmp(which->entity, op->entity));
}

static int
by_low(const void *a, const void *b)
{
	const struct fnt_bucket *x = a, *y = b;

	return (x->low_ns > y->low_ns) - (x->low_ns < y->low_ns);
}

/* Order buckets, and merge those of the same durations. */
static size_t
merge_buckets(struct fnt_bucket *buckets, size_t count)
{
	size_t last = 0;

	if (!count)
		return 0;
	qsort(buckets, count, sizeof(*buckets), by_low);
	for (size_t i = 1; i < count; i++)
		if (buckets[last].low_ns == buckets[i].low_ns)
			buckets[last].count += buckets[i].count;
		else
			buckets[++last] = buckets[i];
	return last + 1;
}

/* Sum up what is asked for. With neither a kind nor an entity, also what has no row. */
static void
add_one(struct fnt_op_metrics *sum, struct fnt_bucket *buckets,
	const struct fnt_op_metrics *op)
{
	sum->count += op->count;
	sum->errors += op->errors;
	sum->rows += op->rows;
	sum->total_ns += op->total_ns;
	sum->spilled += op->spilled;
	if (sum->max_ns < op->max_ns)
		sum->max_ns = op->max_ns;
	if (op->bucket_count)
		memcpy(&buckets[sum->bucket_count], op->buckets,
		       op->bucket_count * sizeof(*buckets));
	sum->bucket_count += op->bucket_count;
}

/* The sum's buckets are allocated. */
static struct fnt_op_metrics
sum_up(const struct fnt_metrics *metrics, const struct which *which)
{
	struct fnt_op_metrics sum = {.entity = which->entity};
	size_t room = metrics->other_ops.bucket_count;
	struct fnt_bucket *buckets;

	for (size_t i = 0; i < metrics->op_count; i++)
		room += metrics->ops[i].bucket_count;
	buckets = text_alloc((room + 1) * sizeof(*buckets));
	for (size_t i = 0; i < metrics->op_count; i++)
		if (is_one(which, &metrics->ops[i]))
			add_one(&sum, buckets, &metrics->ops[i]);
	if (which->op == FNT_OP_KINDS && !which->entity) {
		add_one(&sum, buckets, &metrics->other_ops);
		sum.spilled = 0;
	}
	sum.buckets = buckets;
	sum.bucket_count = merge_buckets(buckets, sum.bucket_count);
	return sum;
}

static const char *
kind_of(const struct which *which)
{
	return which->op == FNT_OP_KINDS ? NULL : fnt_op_name((enum fnt_op)which->op);
}

static void
title_of(const struct which *which, char *title, size_t size)
{
	const char *kind = kind_of(which);

	if (which->entity)
		snprintf(title, size, "%s%s%s", which->entity, kind ? " " : "",
			 kind ? kind : "");
	else
		snprintf(title, size, "%s", kind ? kind : "all operations");
}

static int
print_ops(const char *path, const struct fnt_metrics *metrics,
	  const struct which *which, bool json)
{
	struct fnt_op_metrics sum = sum_up(metrics, which);
	bool all = which->op == FNT_OP_KINDS && !which->entity;
	int status = TOOL_OK;
	char title[512];

	title_of(which, title, sizeof(title));
	if (!sum.count && !all && metrics->other_ops.count) {
		status = fail_past_table(path, title, metrics->other_ops.count,
					 "operation");
	} else if (!sum.count && !all) {
		status = message_fail(
			"%s: no operations \"%s\"; fntrace stat lists them", path,
			title);
	} else if (json) {
		put_path(path);
		measures_put_op(&sum, kind_of(which));
		histogram_put_buckets(sum.buckets, sum.bucket_count);
	} else {
		histogram_print(&(struct histogram){
			.title = title,
			.what = "operation",
			.count = sum.count,
			.spilled = sum.spilled,
			.past_table = metrics->other_ops.count,
			.max_ns = sum.max_ns,
			.bucket_count = sum.bucket_count,
			.buckets = sum.buckets,
		});
	}
	free((void *)sum.buckets);
	return status;
}

/* ---- the command ---------------------------------------------------------------- */

/* The kind that `--op` names; wrong usage if there is no such kind. */
static struct which
which_of(const struct settings *settings)
{
	struct which which = {FNT_OP_KINDS, settings->entity};
	int op;

	if (!settings->op || !strcmp(settings->op, "all"))
		return which;
	op = fnt_op_parse(settings->op, strlen(settings->op));
	if (op < 0)
		tool_usage_error(&command_hist, "no operations are called \"%s\"",
				 settings->op);
	which.op = (uint32_t)op;
	return which;
}

static int
print(struct fnt_reader *reader, const char *name, const struct settings *settings)
{
	const char *path = fnt_reader_path(reader);
	struct which which = which_of(settings);
	struct fnt_metrics *metrics;
	int status, code = fnt_reader_metrics(reader, &metrics);

	if (code < 0)
		return message_fail_errno(path, code);
	status = settings->op || settings->entity
			 ? print_ops(path, metrics, &which, settings->json)
			 : print_fn(path, metrics, name, settings->json);
	fnt_metrics_free(metrics);
	return status;
}

static int
run(int argc, char **argv)
{
	struct settings settings = {0};
	struct fnt_reader *reader;
	int first, status;

	first = tool_options(&command_hist, argc, argv, &settings);
	if (argc - first > 1)
		tool_usage_error(&command_hist,
				 "one function at a time, not \"%s\" too",
				 argv[first + 1]);
	if (first < argc && (settings.op || settings.entity))
		tool_usage_error(&command_hist,
				 "operations are counted by entity and kind, not by "
				 "function: leave \"%s\" out",
				 argv[first]);
	which_of(&settings);
	reader = tool_reader_open(&command_hist, &settings.source);
	if (!reader)
		return TOOL_FAILED;
	status = print(reader, first < argc ? argv[first] : NULL, &settings);
	fnt_reader_close(reader);
	return status;
}

static const char details[] =
	"All finished calls are counted, whether they were recorded or not; calls "
	"that\n"
	"were aborted have no latency. Without FUNCTION, all functions together. With\n"
	"--entity or --op, operations: of one entity, of one kind, or both; `--op all` "
	"is\n"
	"all operations. The scale is logarithmic; \"max\" is exact.\n";

const struct command command_hist = {
	.name = "hist",
	.summary = "show a histogram of how long calls or operations took",
	.operands = "[FUNCTION]",
	.details = details,
	.options = options,
	.run = run,
};
