/* SPDX-License-Identifier: MIT */
#include "view/table.h"
#include "view/message.h"
#include "view/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* spaces between columns */

struct cell {
	char *text; /* escaped */
	size_t width;
	enum text_style style;
};

struct table {
	const struct table_column *columns;
	size_t column_count;
	size_t *natural; /* by column: width of the widest cell so far */
	size_t *width;	 /* by column: set by table_layout; 0: not shown */
	struct cell *cells;
	size_t cell_count, cell_room;
	size_t indent;
	bool titled; /* the titles have been printed */
};

struct table *
table_create(const struct table_column *columns, size_t count)
{
	struct table *table = text_alloc(sizeof(*table));

	*table = (struct table){.columns = columns, .column_count = count};
	table->natural = text_alloc(count * sizeof(*table->natural));
	table->width = text_alloc(count * sizeof(*table->width));
	memset(table->natural, 0, count * sizeof(*table->natural));
	memset(table->width, 0, count * sizeof(*table->width));
	return table;
}

static void
forget_rows(struct table *table)
{
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	table->cell_count = 0;
}

void
table_destroy(struct table *table)
{
	forget_rows(table);
	free(table->cells);
	free(table->width);
	free(table->natural);
	free(table);
}

void
table_indent(struct table *table, size_t spaces)
{
	table->indent = spaces;
}

static void
add_cell(struct table *table, const struct cell *cell)
{
	size_t *natural = &table->natural[table->cell_count % table->column_count];

	if (table->cell_count == table->cell_room) {
		size_t room = table->cell_room ? table->cell_room * 2 : 256;
		struct cell *cells = text_alloc(room * sizeof(*cells));

		if (table->cell_count > 0)
			memcpy(cells, table->cells, table->cell_count * sizeof(*cells));
		free(table->cells);
		table->cells = cells;
		table->cell_room = room;
	}
	table->cells[table->cell_count++] = *cell;
	if (cell->width > *natural)
		*natural = cell->width;
}

void
table_cell(struct table *table, enum text_style style, const char *format, ...)
{
	struct cell cell = {.style = style};
	char *raw;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&raw, format, args);
	va_end(args);
	if (len < 0)
		exit(message_fail("out of memory"));
	cell.text = text_escape(raw, (size_t)len);
	cell.width = text_width(cell.text);
	free(raw);
	add_cell(table, &cell);
}

/* ---- layout --------------------------------------------------------------------- */

/* The width of a column if there is room for all. 0: not shown. */
static size_t
full_width(const struct table *table, size_t index)
{
	const struct table_column *column = &table->columns[index];
	size_t title = text_width(column->title);
	size_t width = table->natural[index];

	if (width == 0 && column->if_used)
		return 0;
	if (width < title)
		width = title;
	return width < column->reserve ? column->reserve : width;
}

static size_t
line_width(const struct table *table)
{
	size_t sum = 0, shown = 0;

	for (size_t i = 0; i < table->column_count; i++) {
		sum += table->width[i];
		shown += table->width[i] != 0;
	}
	return table->indent + sum + (shown > 1 ? (shown - 1) * GAP : 0);
}

/* By how much a column can shrink: to its `min`, or with `wanted` to its `want`. */
static size_t
slack(const struct table *table, size_t index, bool wanted)
{
	const struct table_column *column = &table->columns[index];
	size_t least = column->min, width = table->width[index];

	if (least == 0)
		return 0;
	if (wanted && column->want > least)
		least = column->want;
	return width > least ? width - least : 0;
}

/* The column to drop next; column_count: none can be dropped. */
static size_t
next_drop(const struct table *table)
{
	size_t best = table->column_count;

	for (size_t i = 0; i < table->column_count; i++) {
		unsigned drop = table->columns[i].drop;

		if (drop == 0 || table->width[i] == 0)
			continue;
		if (best == table->column_count || drop < table->columns[best].drop)
			best = i;
	}
	return best;
}

/* The width of a line in which each column has shrunk to its `want`. */
static size_t
wanted_width(const struct table *table)
{
	size_t least = line_width(table);

	for (size_t i = 0; i < table->column_count; i++)
		least -= slack(table, i, true);
	return least;
}

/* Shrink the widest columns until a line fits `width`, or none can shrink further. */
static void
shrink(struct table *table, size_t width, bool wanted)
{
	while (line_width(table) > width) {
		size_t widest = table->column_count;

		for (size_t i = 0; i < table->column_count; i++)
			if (slack(table, i, wanted) > 0 &&
			    (widest == table->column_count ||
			     table->width[i] > table->width[widest]))
				widest = i;
		if (widest == table->column_count)
			return;
		table->width[widest]--;
	}
}

void
table_layout(struct table *table, size_t width)
{
	for (size_t i = 0; i < table->column_count; i++)
		table->width[i] = full_width(table, i);
	if (width == 0)
		return;
	while (wanted_width(table) > width) {
		size_t drop = next_drop(table);

		if (drop == table->column_count)
			break;
		table->width[drop] = 0;
	}
	shrink(table, width, true);
	shrink(table, width, false);
}

size_t
table_column_width(const struct table *table, size_t index)
{
	return table->width[index];
}

void
table_set_cell(struct table *table, size_t row, size_t index, enum text_style style,
	       const char *text)
{
	struct cell *cell = &table->cells[row * table->column_count + index];
	size_t len = strlen(text) + 1;

	free(cell->text);
	cell->text = text_alloc(len);
	memcpy(cell->text, text, len);
	cell->width = text_width(text);
	cell->style = style;
}

size_t
table_rows(const struct table *table)
{
	return table->cell_count / table->column_count;
}

/* ---- printing ------------------------------------------------------------------- */

static void
put_spaces(FILE *out, size_t count)
{
	fprintf(out, "%*s", (int)count, "");
}

/* Print `text`, cut to `width`. Returns the columns it took. */
static size_t
put_fitted(FILE *out, const char *text, size_t width)
{
	size_t used = text_width(text), mark = text_width(text_ellipsis());

	if (used <= width) {
		fputs(text, out);
		return used;
	}
	if (width < mark)
		mark = 0;
	fwrite(text, 1, text_fit(text, width - mark, &used), out);
	fputs(mark ? text_ellipsis() : "", out);
	return used + mark;
}

/* Print one line. Blanks are printed only when something follows them, so that no line
 * ends in blanks. */
static void
put_line(const struct table *table, FILE *out, const struct cell *cells)
{
	size_t blanks = table->indent;

	for (size_t i = 0; i < table->column_count; i++) {
		size_t width = table->width[i], used = cells[i].width;

		if (width == 0)
			continue;
		if (used > width)
			used = width;
		if (used > 0) {
			put_spaces(out, blanks + (table->columns[i].right ? width - used
									  : 0));
			if (cells[i].style != TEXT_PLAIN)
				text_style(out, cells[i].style);
			used = put_fitted(out, cells[i].text, width);
			if (cells[i].style != TEXT_PLAIN)
				text_style(out, TEXT_PLAIN);
			blanks = table->columns[i].right ? 0 : width - used;
		} else {
			blanks += width;
		}
		blanks += GAP;
	}
	putc('\n', out);
}

static void
put_titles(const struct table *table, FILE *out)
{
	struct cell *cells = text_alloc(table->column_count * sizeof(*cells));

	for (size_t i = 0; i < table->column_count; i++) {
		/* The cast is safe: put_line only reads the text. */
		cells[i].text = (char *)table->columns[i].title;
		cells[i].width = text_width(cells[i].text);
		cells[i].style = TEXT_DIM;
	}
	put_line(table, out, cells);
	free(cells);
}

void
table_print(struct table *table, FILE *out)
{
	if (!table->titled)
		put_titles(table, out);
	table->titled = true;
	for (size_t i = 0; i < table->cell_count; i += table->column_count)
		put_line(table, out, table->cells + i);
	forget_rows(table);
}
