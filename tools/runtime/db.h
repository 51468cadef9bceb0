/* SPDX-License-Identifier: MIT
 *
 * db.h: one SQLite connection with a cache of prepared statements. It knows SQL, but
 * neither entities nor tracing. A connection must not be used after a fork.
 */
#ifndef RUNTIME_DB_H
#define RUNTIME_DB_H

#include "arena.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#define DB_STATEMENTS 64u

struct db {
	sqlite3 *handle;
	struct db_statement {
		char *sql;
		sqlite3_stmt *prepared;
	} statements[DB_STATEMENTS];
	size_t statement_count;
	size_t victim; /* the statement to replace next when the cache is full */
};

/* A bound parameter: text, or a number if that is NULL. */
struct value {
	const char *text;
	int64_t number;
};

struct values {
	size_t count;
	const struct value *items;
};

#define TEXT(string) ((struct value){.text = (string)})
#define NUMBER(integer) ((struct value){.number = (integer)})
#define VALUES(...)                                                                    \
	((struct values){sizeof((struct value[]){__VA_ARGS__}) / sizeof(struct value), \
			 (struct value[]){__VA_ARGS__}})
#define NO_VALUES ((struct values){0})

struct cell {
	const char *text; /* NULL: null */
	bool number;
};

/* The rows that a statement returned, in an arena. */
struct rows {
	size_t count, width, room;
	const char **names;
	struct cell *cells;
};

/* Open the database file `path`, which is created if it does not exist. Returns 0 or an
 * SQLite result code; db_close() it in both cases. */
int db_open(struct db *db, const char *path);

/* Run one statement. `values` are bound to its parameters ?1, ?2 …. *rows: the rows
 * that it returned, allocated in `arena`. Returns 0 or an SQLite result code. */
int db_run(struct db *db, struct arena *arena, const char *sql, struct values values,
	   struct rows *rows);

/* Run several statements that return no rows. Returns as db_run(). */
int db_script(struct db *db, const char *sql);

/* Run BEGIN, COMMIT or ROLLBACK. If another process writes, it is retried for longer
 * than other statements. Returns as db_run(). */
int db_control(struct db *db, const char *sql);

/* Finalize the statements and close the connection. */
void db_close(struct db *db);

/* A cell of row `at`. NULL, or 0, if it is null or there is no such row or column. */
const char *rows_text(const struct rows *rows, size_t at, const char *column);
int64_t rows_int(const struct rows *rows, size_t at, const char *column);

#endif
