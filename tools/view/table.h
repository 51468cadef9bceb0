/* SPDX-License-Identifier: MIT
 *
 * table.h: aligned columns that fit the terminal.
 *
 * Where the width does not suffice, columns that may shrink do, the widest first, down
 * to what they want; then columns that may be dropped go, in the order of their `drop`;
 * then the others shrink down to their `min`.
 *
 * Columns only ever grow, so a table can be printed in batches (tail) and stay aligned.
 */
#ifndef FNT_VIEW_TABLE_H
#define FNT_VIEW_TABLE_H

#include "view/text.h"

struct table_column {
	const char *title;
	bool right;	/* aligned to the right */
	bool if_used;	/* not shown while all its cells are empty */
	unsigned drop;	/* 1: the first to go; 0: stays */
	size_t min;	/* may shrink to this; 0: may not shrink */
	size_t want;	/* what it takes to be useful; 0: no more than `min` */
	size_t reserve; /* at least as wide as this, however short its cells */
};

struct table;

/* `columns` is to outlive the table. Ends the program if there is no memory. */
struct table *table_create(const struct table_column *columns, size_t count);
void table_destroy(struct table *table);

/* Say that each line begins with so many spaces. */
void table_indent(struct table *table, size_t spaces);

/* Add the next cell, from the left; the line is complete with the last column. What is
 * given is foreign: it is escaped here. */
void table_cell(struct table *table, enum text_style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Decide which columns are shown and how wide, for `width` columns of a terminal (0: no
 * limit), title line included. To be called before table_column_width. */
void table_layout(struct table *table, size_t width);

/* Columns given to column `index`; 0: it is not shown. */
size_t table_column_width(const struct table *table, size_t index);

/* Change a cell of a table that is laid out, to text that is no wider than its column
 * and not foreign: it is taken as it is. */
void table_set_cell(struct table *table, size_t row, size_t index,
		    enum text_style style, const char *text);

/* Rows now held. */
size_t table_rows(const struct table *table);

/* Print what was laid out, titles before the first batch only; forget the rows. */
void table_print(struct table *table, FILE *out);

#endif
