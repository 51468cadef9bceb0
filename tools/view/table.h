/* SPDX-License-Identifier: MIT
 *
 * table.h: aligned columns that fit the terminal.
 *
 * If a line is too wide, columns are dropped in the order of their `drop` until the
 * rest fits with each column at its `want`. The widest columns then shrink to their
 * `want`. If that is not enough, they shrink to their `min`.
 *
 * Columns never become narrower from batch to batch, so a table that is printed in
 * batches (tail) stays aligned.
 *
 * Threads: one at a time. Functions end the program if there is no memory.
 */
#ifndef FNT_VIEW_TABLE_H
#define FNT_VIEW_TABLE_H

#include "view/text.h"

struct table_column {
	const char *title;
	bool right;	/* aligned to the right */
	bool if_used;	/* hidden while all its cells are empty */
	unsigned drop;	/* 1: dropped first; 0: never dropped */
	size_t min;	/* least width; 0: never shrinks */
	size_t want;	/* least useful width; 0: as `min` */
	size_t reserve; /* width even if all its cells are shorter */
};

struct table;

/* Create a table; `columns` must outlive it. */
struct table *table_create(const struct table_column *columns, size_t count);
/* Free the table, and rows that were not printed. */
void table_destroy(struct table *table);

/* Begin each line with `spaces` spaces. */
void table_indent(struct table *table, size_t spaces);

/* Add the next cell, from left to right; the cell of the last column ends the row. The
 * text is escaped (text.h). */
void table_cell(struct table *table, enum text_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Decide which columns are shown and how wide they are, so that lines fit in `width`
 * terminal columns (0: no limit). Call it before table_column_width and table_print. */
void table_layout(struct table *table, size_t width);

/* The width of column `index` after table_layout; 0: not shown. */
size_t table_column_width(const struct table *table, size_t index);

/* Replace a cell after table_layout. `text` is not escaped, and must not be wider than
 * the column. */
void table_set_cell(struct table *table, size_t row, size_t index,
		    enum text_style style, const char *text);

/* The number of rows that are not printed yet. */
size_t table_rows(const struct table *table);

/* Print the rows and remove them from the table. The first call prints the titles. */
void table_print(struct table *table, FILE *out);

#endif
