/* SPDX-License-Identifier: MIT */
#include "view/showtree.h"
#include "view/message.h"
#include "view/text.h"
#include "view/treeview.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- which tree ----------------------------------------------------------------- */

bool
showtree_parse(const char *text, uint64_t trace_id[2])
{
	char half[17] = "";

	if (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32)
		return false;
	memcpy(half, text, 16);
	trace_id[0] = strtoull(half, NULL, 16);
	trace_id[1] = strtoull(text + 16, NULL, 16);
	return (trace_id[0] | trace_id[1]) != 0;
}

static int
take_child(void *arg, const struct fnt_trace *trace)
{
	struct showtree *what = arg;

	if (trace->parent_uid != what->uid ||
	    !(trace->trace_id[0] | trace->trace_id[1]))
		return 0;
	what->trace_id[0] = trace->trace_id[0];
	what->trace_id[1] = trace->trace_id[1];
	return 1;
}

bool
showtree_of_missing(struct fnt_reader *reader, const struct fnt_traces *in_flight,
		    struct showtree *what, int *code)
{
	struct fnt_query all = {.limit = SIZE_MAX};

	*code = 0;
	for (size_t i = 0; i < in_flight->count; i++)
		if (take_child(what, &in_flight->items[i]))
			return true;
	*code = fnt_reader_each(reader, &all, take_child, what);
	return *code == 1;
}

/* ---- its calls ------------------------------------------------------------------ */

static int
add(void *arg, const struct fnt_trace *trace)
{
	return calltree_add(arg, trace, false);
}

static bool
belongs(const struct showtree *what, const struct fnt_trace *trace)
{
	if (!(what->trace_id[0] | what->trace_id[1]))
		return trace->uid == what->uid;
	return trace->trace_id[0] == what->trace_id[0] &&
	       trace->trace_id[1] == what->trace_id[1];
}

static int
gather(struct fnt_reader *reader, const struct fnt_traces *in_flight,
       const struct showtree *what, struct calltree *tree)
{
	struct fnt_query query = {
		.limit = SIZE_MAX,
		.trace_id = {what->trace_id[0], what->trace_id[1]},
	};
	int code;

	if (!(what->trace_id[0] | what->trace_id[1]))
		query.uid = what->uid;
	code = fnt_reader_each(reader, &query, add, tree);
	for (size_t i = 0; code == 0 && i < in_flight->count; i++)
		if (belongs(what, &in_flight->items[i]))
			code = calltree_add(tree, &in_flight->items[i], true);
	if (code == 0)
		calltree_link(tree);
	return code;
}

/* ---- showing it ----------------------------------------------------------------- */

static void
print_head(const struct showtree *what, const struct calltree_sum *sum)
{
	char calls[TEXT_UNIT_MAX], took[TEXT_UNIT_MAX];

	text_style(stdout, TEXT_DIM);
	fputs("trace ", stdout);
	text_style(stdout, TEXT_PLAIN);
	printf("%016" PRIx64 "%016" PRIx64 "\n", what->trace_id[0], what->trace_id[1]);
	printf("%s call%s in %zu process%s, %s\n\n", text_count(calls, sum->calls),
	       sum->calls == 1 ? "" : "s", sum->processes,
	       sum->processes == 1 ? "" : "es", text_duration(took, sum->duration_ns));
}

static void
put_notes(const struct calltree_sum *sum)
{
	char count[TEXT_UNIT_MAX];

	if (sum->omitted > 0)
		message_note("%s older calls of this tree are not shown",
			     text_count(count, sum->omitted));
	if (sum->cut > 0)
		message_note(
			"%s call%s own ancestor, by damaged or forged records; shown "
			"as the root of a tree",
			text_count(count, sum->cut),
			sum->cut == 1 ? " is its" : "s are their");
}

int
showtree_print(struct fnt_reader *reader, const struct fnt_traces *in_flight,
	       const struct showtree *what)
{
	struct calltree *tree = calltree_create(what->json);
	const struct calltree_sum *sum = calltree_sum(tree);
	int code = gather(reader, in_flight, what, tree), status = TOOL_OK;

	if (code < 0) {
		status = message_fail_errno(fnt_reader_path(reader), code);
	} else if (sum->calls == 0) {
		status = -1;
	} else if (what->json) {
		treeview_print_json(tree, what->trace_id);
	} else {
		print_head(what, sum);
		treeview_print(tree, what->uid, !what->all);
		put_notes(sum);
	}
	calltree_destroy(tree);
	return status;
}
