/* SPDX-License-Identifier: MIT */
#include "db.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 2000
#define BUSY_RETRIES 5

int
db_open(struct db *db, const char *path)
{
	int rc;

	memset(db, 0, sizeof(*db));
	rc = sqlite3_open(path, &db->handle);
	if (rc)
		return rc;
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	/* NORMAL: a crash of the machine may lose the last transactions, but does not
	 * damage the database. */
	return db_script(db, "PRAGMA journal_mode = WAL;"
			     "PRAGMA synchronous = NORMAL;"
			     "PRAGMA foreign_keys = ON;");
}

int
db_script(struct db *db, const char *sql)
{
	return sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
}

static void
forget(struct db_statement *statement)
{
	sqlite3_finalize(statement->prepared);
	free(statement->sql);
	memset(statement, 0, sizeof(*statement));
}

void
db_close(struct db *db)
{
	for (size_t i = 0; i < db->statement_count; i++)
		forget(&db->statements[i]);
	sqlite3_close(db->handle);
	memset(db, 0, sizeof(*db));
}

static struct db_statement *
place(struct db *db)
{
	struct db_statement *statement;

	if (db->statement_count < DB_STATEMENTS)
		return &db->statements[db->statement_count++];
	statement = &db->statements[db->victim++ % DB_STATEMENTS];
	forget(statement);
	return statement;
}

static int
prepare(struct db *db, const char *sql, sqlite3_stmt **prepared)
{
	struct db_statement *statement;
	int rc;

	for (size_t i = 0; i < db->statement_count; i++) {
		statement = &db->statements[i];
		if (statement->sql && !strcmp(statement->sql, sql)) {
			*prepared = statement->prepared;
			return SQLITE_OK;
		}
	}
	rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT,
				prepared, NULL);
	if (rc)
		return rc;
	statement = place(db);
	statement->sql = strdup(sql);
	statement->prepared = *prepared;
	return statement->sql ? SQLITE_OK : SQLITE_NOMEM;
}

static int
bind(sqlite3_stmt *prepared, struct values values)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < values.count && !rc; i++) {
		const struct value *value = &values.items[i];
		int at = (int)i + 1;

		if (value->text)
			rc = sqlite3_bind_text(prepared, at, value->text, -1,
					       SQLITE_STATIC);
		else
			rc = sqlite3_bind_int64(prepared, at, value->number);
	}
	return rc;
}

static void
take_names(sqlite3_stmt *prepared, struct arena *arena, struct rows *rows)
{
	rows->width = (size_t)sqlite3_column_count(prepared);
	rows->names = arena_alloc(arena, rows->width * sizeof(*rows->names));
	for (size_t i = 0; i < rows->width; i++) {
		const char *name = sqlite3_column_name(prepared, (int)i);

		rows->names[i] = arena_copy(arena, name, strlen(name));
	}
}

static void
take_row(sqlite3_stmt *prepared, struct arena *arena, struct rows *rows)
{
	struct cell *cells;

	if (rows->count == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 8;
		cells = arena_alloc(arena, rows->room * rows->width * sizeof(*cells));
		if (rows->count)
			memcpy(cells, rows->cells,
			       rows->count * rows->width * sizeof(*cells));
		rows->cells = cells;
	}
	cells = rows->cells + rows->count++ * rows->width;
	for (int i = 0; i < (int)rows->width; i++) {
		int type = sqlite3_column_type(prepared, i);
		const void *text = sqlite3_column_text(prepared, i);

		cells[i].number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
		if (text)
			cells[i].text = arena_copy(
				arena, text, (size_t)sqlite3_column_bytes(prepared, i));
	}
}

int
db_run(struct db *db, struct arena *arena, const char *sql, struct values values,
       struct rows *rows)
{
	sqlite3_stmt *prepared;
	int rc;

	memset(rows, 0, sizeof(*rows));
	rc = prepare(db, sql, &prepared);
	if (rc)
		return rc;
	rc = bind(prepared, values);
	if (!rc)
		take_names(prepared, arena, rows);
	while (!rc && (rc = sqlite3_step(prepared)) == SQLITE_ROW) {
		take_row(prepared, arena, rows);
		rc = SQLITE_OK;
	}
	sqlite3_reset(prepared);
	sqlite3_clear_bindings(prepared);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int
db_control(struct db *db, const char *sql)
{
	struct arena arena = {0};
	struct rows rows;
	int rc = SQLITE_BUSY;

	for (int i = 0; i < BUSY_RETRIES && (rc & 0xff) == SQLITE_BUSY; i++)
		rc = db_run(db, &arena, sql, NO_VALUES, &rows);
	arena_fini(&arena);
	return rc;
}

static const struct cell *
find(const struct rows *rows, size_t at, const char *column)
{
	for (size_t i = 0; at < rows->count && i < rows->width; i++) {
		if (!strcmp(rows->names[i], column))
			return &rows->cells[at * rows->width + i];
	}
	return NULL;
}

const char *
rows_text(const struct rows *rows, size_t at, const char *column)
{
	const struct cell *cell = find(rows, at, column);

	return cell ? cell->text : NULL;
}

int64_t
rows_int(const struct rows *rows, size_t at, const char *column)
{
	const char *text = rows_text(rows, at, column);

	return text ? strtoll(text, NULL, 10) : 0;
}
