/* SPDX-License-Identifier: MIT */
#include "view/treeview.h"
#include "view/bar.h"
#include "view/calls.h"
#include "view/table.h"
#include "view/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FOLD_LINES 40 /* trees of at most so many calls are not folded */
#define FOLD_RUN 4    /* fewer similar siblings in a row are not folded */

/* The deepest level whose branches are all drawn. For deeper calls the depth is printed
 * as a number, followed by the innermost branches. */
#define LEVELS_MAX 16
#define NARROW 80 /* terminal columns; below, a third of LEVELS_MAX is used */

/* One line: a call, or several similar siblings folded into one line. */
struct line {
	const struct calltree_node *node;
	const struct calltree_node *last; /* the last of the siblings */
	uint64_t times;			  /* the number of siblings */
	uint64_t duration_ns;		  /* the sum of their durations */
	uint64_t end_ns;
	bool one_process;
};

struct lines {
	struct line *items;
	size_t count;
};

/* ---- lines ---------------------------------------------------------------------- */

static bool
is_like(const struct calltree_node *a, const struct calltree_node *b)
{
	return !a->child && !b->child && !a->missing && !b->missing &&
	       a->outcome == b->outcome && a->outcome != FNT_IN_FLIGHT &&
	       a->fn_type == b->fn_type && strcmp(a->fn_name, b->fn_name) == 0;
}

static void
extend(struct line *line, const struct calltree_node *node)
{
	uint64_t end_ns = calltree_end_ns(node);

	line->last = node;
	line->times++;
	line->duration_ns += node->duration_ns;
	line->one_process = line->one_process && node->pid == line->node->pid;
	if (end_ns > line->end_ns)
		line->end_ns = end_ns;
}

/* How many siblings from `node` on, itself included, make one line. */
static size_t
run_length(const struct calltree_node *node)
{
	size_t run = 1;

	for (const struct calltree_node *at = node->next; at && is_like(node, at);
	     at = at->next)
		run++;
	return run < FOLD_RUN ? 1 : run;
}

/* Folded siblings have no children, so they follow each other in the walk. */
static struct lines
make_lines(const struct calltree *tree, bool fold)
{
	const struct calltree_sum *sum = calltree_sum(tree);
	struct lines lines = {0};
	const struct calltree_node *at = calltree_first(tree);

	lines.items =
		text_alloc((sum->calls + sum->missing + 1) * sizeof(*lines.items));
	while (at) {
		struct line *line = &lines.items[lines.count++];
		size_t run = fold ? run_length(at) : 1;

		*line = (struct line){.node = at, .one_process = true};
		for (; run > 0; run--, at = calltree_next(at))
			extend(line, at);
	}
	return lines;
}

/* ---- branches ------------------------------------------------------------------- */

enum branch {
	BRANCH_PAST,	   /* passes by: a sibling of an ancestor follows below */
	BRANCH_NONE,	   /* blank: none follows */
	BRANCH_MORE,	   /* to this call; a sibling follows below */
	BRANCH_LAST,	   /* to this call, the last sibling */
	BRANCH_LATER,	   /* as BRANCH_MORE; began after the caller had ended */
	BRANCH_LAST_LATER, /* as BRANCH_LAST; began after the caller had ended */
};

#define BRANCH_BYTES 6 /* two characters in UTF-8 */

static const char *
branch_text(enum branch branch)
{
	static const char *const drawn[] = {"│ ", "  ", "├─", "└─", "├╌", "└╌"};
	static const char *const ascii[] = {"| ", "  ", "|-", "`-", "|.", "`."};

	return text_is_utf8() ? drawn[branch] : ascii[branch];
}

/* Whether the call began after its caller had ended. Such a call was most likely
 * scheduled: a caller waits for the calls that it makes. */
static bool
is_later(const struct calltree_node *node)
{
	const struct calltree_node *parent = node->parent;

	return !parent->missing && parent->outcome != FNT_IN_FLIGHT &&
	       node->start_ns > calltree_end_ns(parent);
}

static enum branch
own_branch(const struct line *line)
{
	if (line->last->next)
		return is_later(line->node) ? BRANCH_LATER : BRANCH_MORE;
	return is_later(line->node) ? BRANCH_LAST_LATER : BRANCH_LAST;
}

/* Write what precedes the name into `out`, which has room for LEVELS_MAX branches and a
 * number. */
static void
draw_branches(char *out, const struct line *line, size_t levels)
{
	const struct calltree_node *ancestor = line->node->parent;
	enum branch branches[LEVELS_MAX];
	size_t depth = line->node->depth, shown = depth;

	*out = '\0';
	if (depth > levels) {
		shown = levels / 2;
		out += sprintf(out, "%s%zu ", text_ellipsis(), depth);
	}
	for (size_t i = shown; i > 0; i--) {
		if (i == shown) {
			branches[i - 1] = own_branch(line);
			continue;
		}
		branches[i - 1] = ancestor->next ? BRANCH_PAST : BRANCH_NONE;
		ancestor = ancestor->parent;
	}
	for (size_t i = 0; i < shown; i++)
		out = stpcpy(out, branch_text(branches[i]));
}

/* ---- the table ------------------------------------------------------------------ */

enum {
	COLUMN_CALL,
	COLUMN_TYPE,
	COLUMN_ID,
	COLUMN_UID,
	COLUMN_OUTCOME,
	COLUMN_PID,
	COLUMN_START,
	COLUMN_TOOK,
	COLUMN_BAR,
	COLUMNS,
};

static void
add_name(struct table *table, const struct line *line, uint64_t uid, size_t levels)
{
	char branches[LEVELS_MAX * BRANCH_BYTES + 32];
	const struct calltree_node *node = line->node;

	draw_branches(branches, line, levels);
	if (node->missing)
		table_cell(table, TEXT_DIM, "%s(parent not in the region)", branches);
	else
		table_cell(table, uid != 0 && node->uid == uid ? TEXT_BOLD : TEXT_PLAIN,
			   "%s%s", branches, node->fn_name);
}

static void
add_ids(struct table *table, const struct line *line)
{
	const struct calltree_node *node = line->node;

	table_cell(table, TEXT_DIM, "%s",
		   node->missing ? "" : fnt_fn_type_name(node->fn_type));
	table_cell(table, TEXT_PLAIN, "%s",
		   node->missing || line->times > 1 ? "" : node->call_id);
	if (line->times > 1)
		table_cell(table, TEXT_DIM, "%s", "");
	else
		table_cell(table, TEXT_DIM, "%016" PRIx64, node->uid);
}

static enum text_style
line_style(const struct line *line)
{
	return line->node->missing ? TEXT_DIM
				   : calls_outcome_style(line->node->outcome);
}

static void
add_outcome(struct table *table, const struct line *line)
{
	const struct calltree_node *node = line->node;
	const char *outcome = calls_outcome(node->outcome);
	char times[TEXT_UNIT_MAX];

	if (node->missing)
		table_cell(table, TEXT_DIM, "%s", "");
	else if (line->times > 1)
		table_cell(table, line_style(line), "%s, %s times", outcome,
			   text_count(times, line->times));
	else
		table_cell(table, line_style(line), "%s%s%s%s", outcome,
			   node->code ? " " : "", node->code ? node->code : "",
			   node->cut ? ", its own ancestor" : "");
}

static void
add_times(struct table *table, const struct line *line, uint64_t began_ns)
{
	const struct calltree_node *node = line->node;
	char text[TEXT_UNIT_MAX];

	if (node->missing) {
		for (int i = COLUMN_PID; i <= COLUMN_TOOK; i++)
			table_cell(table, TEXT_DIM, "%s", "");
		return;
	}
	if (line->one_process)
		table_cell(table, TEXT_DIM, "%" PRId32, node->pid);
	else
		table_cell(table, TEXT_DIM, "several");
	table_cell(table, TEXT_DIM, "%s",
		   text_duration(text, node->start_ns - began_ns));
	table_cell(table, TEXT_PLAIN, "%s", text_duration(text, line->duration_ns));
}

static void
draw_bars(struct table *table, const struct calltree_sum *sum,
	  const struct lines *lines)
{
	size_t columns = table_column_width(table, COLUMN_BAR);
	char *bar = text_alloc(BAR_BYTES(columns));

	for (size_t i = 0; i < lines->count && columns > 0; i++) {
		const struct line *line = &lines->items[i];

		if (line->node->missing)
			continue;
		bar_draw(bar, line->node->start_ns - sum->start_ns,
			 line->end_ns - sum->start_ns, sum->duration_ns, columns);
		table_set_cell(table, i, COLUMN_BAR,
			       line->node->outcome == FNT_OK ? TEXT_PLAIN
							     : line_style(line),
			       bar);
	}
	free(bar);
}

static void
print_lines(const struct calltree *tree, const struct lines *lines, uint64_t uid)
{
	const struct calltree_sum *sum = calltree_sum(tree);
	char scale[TEXT_UNIT_MAX], title[TEXT_UNIT_MAX + 8];
	const struct table_column columns[COLUMNS] = {
		[COLUMN_CALL] = {"CALL", .min = 12, .want = 20},
		[COLUMN_TYPE] = {"TYPE", .drop = 3},
		[COLUMN_ID] = {"ID", .min = 6, .want = 8, .drop = 2},
		[COLUMN_UID] = {"UID", .drop = 1},
		[COLUMN_OUTCOME] = {"OUTCOME", .min = 7, .want = 12},
		[COLUMN_PID] = {"PID", .right = true, .drop = 5},
		[COLUMN_START] = {"START", .right = true, .drop = 4},
		[COLUMN_TOOK] = {"TOOK", .right = true},
		[COLUMN_BAR] = {title, .min = 8, .want = 12, .reserve = BAR_COLUMNS},
	};
	struct table *table = table_create(columns, COLUMNS);
	size_t width = text_columns(stdout), levels = LEVELS_MAX;

	if (width > 0 && width < NARROW)
		levels /= 3;
	snprintf(title, sizeof(title), "0 - %s",
		 text_duration(scale, sum->duration_ns));
	for (size_t i = 0; i < lines->count; i++) {
		add_name(table, &lines->items[i], uid, levels);
		add_ids(table, &lines->items[i]);
		add_outcome(table, &lines->items[i]);
		add_times(table, &lines->items[i], sum->start_ns);
		table_cell(table, TEXT_PLAIN, "%s", "");
	}
	table_layout(table, width);
	draw_bars(table, sum, lines);
	table_print(table, stdout);
	table_destroy(table);
}

void
treeview_print(const struct calltree *tree, uint64_t uid, bool fold)
{
	struct lines lines =
		make_lines(tree, fold && calltree_sum(tree)->calls > FOLD_LINES);

	print_lines(tree, &lines, uid);
	free(lines.items);
}

/* ---- JSON ----------------------------------------------------------------------- */

/* The deepest nesting: JSON parsers limit it. A deeper call is written as a sibling of
 * its caller, which it names in "parent_uid". */
#define JSON_LEVELS 64

static size_t
json_level(const struct calltree_node *node)
{
	return node->depth < JSON_LEVELS ? node->depth : JSON_LEVELS - 1;
}

/* Print the members of the trace and "children":[, without the closing brackets. */
static void
put_node(const struct calltree_node *node)
{
	if (node->missing) {
		printf("{\"uid\":\"%016" PRIx64 "\",\"missing\":true", node->uid);
	} else {
		node->json[strlen(node->json) - 1] = '\0';
		text_put_json(stdout, node->json);
		fputs(node->cut ? ",\"own_ancestor\":true" : "", stdout);
	}
	fputs(",\"children\":[", stdout);
}

static void
put_nodes(const struct calltree *tree)
{
	size_t open = 0; /* calls whose children are being written */

	for (const struct calltree_node *at = calltree_first(tree); at;
	     at = calltree_next(at)) {
		bool first = open == json_level(at);

		for (; open > json_level(at); open--)
			fputs("]}", stdout);
		fputs(first ? "\n" : ",\n", stdout);
		put_node(at);
		open++;
	}
	for (; open > 0; open--)
		fputs("]}", stdout);
}

void
treeview_print_json(const struct calltree *tree, const uint64_t trace_id[2])
{
	const struct calltree_sum *sum = calltree_sum(tree);

	printf("{\"trace_id\":\"%016" PRIx64 "%016" PRIx64 "\",\"calls\":%zu,"
	       "\"calls_omitted\":%zu,\"processes\":%zu,\"started_at\":%" PRIu64
	       ",\"duration_ms\":%.6f,\"roots\":[",
	       trace_id[0], trace_id[1], sum->calls, sum->omitted, sum->processes,
	       sum->started_at_ns / 1000000, (double)sum->duration_ns / 1e6);
	put_nodes(tree);
	fputs("\n]}\n", stdout);
}
