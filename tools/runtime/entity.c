/* SPDX-License-Identifier: MIT */
#include "call.h"
#include "entity.h"

#include <string.h>
#include <unistd.h>

static const struct entity {
	const char *name, *table;
	const char *newest; /* the column to sort by age */
} entities[] = {
	{"User", "user", "id"},
	{"Lot", "lot", "opened_at"},
	{"Bid", "bid", "placed_at"},
};

/* One operation: what is recorded about it, and the SQL that it runs. */
struct operation {
	enum fnt_op op;
	const char *entity, *id;
	const char *sql;
	struct values values;
	bool writes;  /* must change a row */
	bool counted; /* the number of rows is recorded */
};

static const struct entity *
find_entity(struct ctx *ctx, const char *name)
{
	for (size_t i = 0; i < sizeof(entities) / sizeof(*entities); i++) {
		if (!strcmp(entities[i].name, name))
			return &entities[i];
	}
	fn_fail(ctx, "NO_SUCH_ENTITY", "no entity %s", name);
	return NULL;
}

static const char *
code_of(int rc)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
		return "CONFLICT";
	case SQLITE_CONSTRAINT_FOREIGNKEY:
		return "BAD_REFERENCE";
	case SQLITE_CONSTRAINT_CHECK:
		return "REFUSED";
	default:
		return (rc & 0xff) == SQLITE_BUSY ? "BUSY" : "DATABASE";
	}
}

static int
check_allowed(struct ctx *ctx, const struct operation *operation)
{
	if (ctx->fn->type == FN_ACTION)
		return fn_fail(ctx, "NO_DATABASE",
			       "an action reaches %s through queries and mutations",
			       operation->entity);
	if (operation->writes && ctx->fn->type != FN_MUTATION)
		return fn_fail(ctx, "READ_ONLY", "a query may not write %s",
			       operation->entity);
	return 0;
}

/* Run and record an operation. Every function below ends here. */
static int
perform(struct ctx *ctx, const struct operation *operation, struct rows *rows)
{
	struct db *db = &ctx->host->db;
	int64_t handle;
	bool missing;
	int rc;

	if (check_allowed(ctx, operation))
		return -1;
	handle = fnt_call_op_begin(ctx->call, operation->op, operation->entity,
				   operation->id);
	rc = db_run(db, &ctx->arena, operation->sql, operation->values, rows);
	missing = !rc && operation->writes && !sqlite3_changes(db->handle);
	fnt_call_op_end(ctx->call, handle,
			operation->counted ? (int64_t)rows->count : FNT_NONE,
			!rc && !missing);
	if (rc)
		return fn_fail(ctx, code_of(rc), "%s: %s", operation->entity,
			       sqlite3_errmsg(db->handle));
	if (missing)
		return fn_fail(ctx, "NOT_FOUND", "there is no %s %s", operation->entity,
			       operation->id);
	return 0;
}

/* ---- reading -------------------------------------------------------------------- */

int
db_get(struct ctx *ctx, const char *entity, const char *id, struct rows *row)
{
	return db_lookup(ctx, entity, "id", id, row);
}

int
db_lookup(struct ctx *ctx, const char *entity, const char *field, const char *text,
	  struct rows *row)
{
	const struct entity *found = find_entity(ctx, entity);
	bool by_id = !strcmp(field, "id");
	struct operation operation = {
		.op = by_id ? FNT_OP_GET : FNT_OP_LOOKUP,
		.entity = entity,
		.id = by_id ? text : NULL,
		.values = VALUES(TEXT(text)),
		.counted = true,
	};

	if (!found)
		return -1;
	operation.sql = arena_printf(&ctx->arena, "SELECT * FROM %s WHERE %s = ?1",
				     found->table, field);
	return perform(ctx, &operation, row);
}

int
db_list(struct ctx *ctx, const char *entity, int64_t limit, struct rows *rows)
{
	const struct entity *found = find_entity(ctx, entity);
	struct operation operation = {
		.op = FNT_OP_LIST,
		.entity = entity,
		.values = VALUES(NUMBER(limit)),
		.counted = true,
	};

	if (!found)
		return -1;
	operation.sql =
		arena_printf(&ctx->arena, "SELECT * FROM %s ORDER BY %s DESC LIMIT ?1",
			     found->table, found->newest);
	return perform(ctx, &operation, rows);
}

int
db_paginate(struct ctx *ctx, const char *entity, const char *after, int64_t limit,
	    struct rows *page)
{
	const struct entity *found = find_entity(ctx, entity);
	struct operation operation = {
		.op = FNT_OP_PAGINATE,
		.entity = entity,
		.values = VALUES(TEXT(after), NUMBER(limit)),
		.counted = true,
	};

	if (!found)
		return -1;
	operation.sql = arena_printf(
		&ctx->arena, "SELECT * FROM %s WHERE id > ?1 ORDER BY id LIMIT ?2",
		found->table);
	return perform(ctx, &operation, page);
}

int
db_query(struct ctx *ctx, const char *entity, const char *clause, struct values values,
	 struct rows *rows)
{
	const struct entity *found = find_entity(ctx, entity);

	if (!found)
		return -1;
	return db_aggregate(ctx, entity,
			    arena_printf(&ctx->arena, "SELECT * FROM %s WHERE %s",
					 found->table, clause),
			    values, rows);
}

int
db_aggregate(struct ctx *ctx, const char *entity, const char *sql, struct values values,
	     struct rows *rows)
{
	struct operation operation = {
		.op = FNT_OP_QUERY,
		.entity = entity,
		.sql = sql,
		.values = values,
		.counted = true,
	};

	return perform(ctx, &operation, rows);
}

int
db_query_graph(struct ctx *ctx, const char *entity, const char *sql,
	       struct values values, struct rows *rows)
{
	struct operation operation = {
		.op = FNT_OP_QUERY_GRAPH,
		.entity = entity,
		.sql = sql,
		.values = values,
	};

	return perform(ctx, &operation, rows);
}

int
db_search(struct ctx *ctx, const char *entity, const char *words, int64_t limit,
	  struct rows *hits)
{
	const struct entity *found = find_entity(ctx, entity);
	struct operation operation = {
		.op = FNT_OP_SEARCH,
		.entity = entity,
		.values = VALUES(TEXT(words), NUMBER(limit)),
		.counted = true,
	};

	if (!found)
		return -1;
	operation.sql =
		arena_printf(&ctx->arena,
			     "SELECT t.* FROM %s_words w JOIN %s t ON t.id = w.%s"
			     " WHERE w.words MATCH ?1 ORDER BY rank LIMIT ?2",
			     found->table, found->table, found->table);
	return perform(ctx, &operation, hits);
}

/* ---- writing -------------------------------------------------------------------- */

/* An id that is unique among the processes of this machine; ids of one process sort by
 * age. */
static const char *
make_id(struct ctx *ctx, const struct entity *entity)
{
	static unsigned counter;

	return arena_printf(&ctx->arena, "%c_%011llx%06x%04x", *entity->table,
			    (unsigned long long)fn_now_ms(), (unsigned)getpid(),
			    counter++ & 0xffffu);
}

static struct value *
take_values(struct ctx *ctx, struct fields fields, const char *id)
{
	struct value *values =
		arena_alloc(&ctx->arena, (fields.count + 1) * sizeof(*values));

	values[0] = TEXT(id);
	for (size_t i = 0; i < fields.count; i++)
		values[i + 1] = fields.items[i].value;
	return values;
}

int
db_insert(struct ctx *ctx, const char *entity, struct fields fields, const char **id)
{
	const struct entity *found = find_entity(ctx, entity);
	const char *names = "id", *marks = "?1", *made;
	struct operation operation = {
		.op = FNT_OP_INSERT, .entity = entity, .writes = true};
	struct rows none;

	if (!found)
		return -1;
	for (size_t i = 0; i < fields.count; i++) {
		names = arena_printf(&ctx->arena, "%s, %s", names,
				     fields.items[i].name);
		marks = arena_printf(&ctx->arena, "%s, ?%zu", marks, i + 2);
	}
	made = make_id(ctx, found);
	operation.values.count = fields.count + 1;
	operation.values.items = take_values(ctx, fields, made);
	operation.sql = arena_printf(&ctx->arena, "INSERT INTO %s (%s) VALUES (%s)",
				     found->table, names, marks);
	if (id)
		*id = made;
	return perform(ctx, &operation, &none);
}

int
db_update(struct ctx *ctx, const char *entity, const char *id, struct fields fields)
{
	const struct entity *found = find_entity(ctx, entity);
	struct operation operation = {
		.op = FNT_OP_UPDATE, .entity = entity, .id = id, .writes = true};
	const char *changes = "";
	struct rows none;

	if (!found)
		return -1;
	for (size_t i = 0; i < fields.count; i++)
		changes = arena_printf(&ctx->arena, "%s%s%s = ?%zu", changes,
				       i ? ", " : "", fields.items[i].name, i + 2);
	operation.values.count = fields.count + 1;
	operation.values.items = take_values(ctx, fields, id);
	operation.sql = arena_printf(&ctx->arena, "UPDATE %s SET %s WHERE id = ?1",
				     found->table, changes);
	return perform(ctx, &operation, &none);
}

int
db_delete(struct ctx *ctx, const char *entity, const char *id)
{
	const struct entity *found = find_entity(ctx, entity);
	struct operation operation = {
		.op = FNT_OP_DELETE,
		.entity = entity,
		.id = id,
		.values = VALUES(TEXT(id)),
		.writes = true,
	};
	struct rows none;

	if (!found)
		return -1;
	operation.sql =
		arena_printf(&ctx->arena, "DELETE FROM %s WHERE id = ?1", found->table);
	return perform(ctx, &operation, &none);
}

int
db_link(struct ctx *ctx, const char *entity, const char *id, const char *user)
{
	struct operation operation = {
		.op = FNT_OP_LINK,
		.entity = entity,
		.id = id,
		.sql = "INSERT INTO watch (lot, user) VALUES (?1, ?2)",
		.values = VALUES(TEXT(id), TEXT(user)),
		.writes = true,
	};
	struct rows none;

	return perform(ctx, &operation, &none);
}

int
db_unlink(struct ctx *ctx, const char *entity, const char *id, const char *user)
{
	struct operation operation = {
		.op = FNT_OP_UNLINK,
		.entity = entity,
		.id = id,
		.sql = "DELETE FROM watch WHERE lot = ?1 AND user = ?2",
		.values = VALUES(TEXT(id), TEXT(user)),
		.writes = true,
	};
	struct rows none;

	return perform(ctx, &operation, &none);
}

void
rows_json(struct json *json, const struct rows *rows, size_t at)
{
	json_open(json, '{');
	for (size_t i = 0; i < rows->width; i++) {
		const struct cell *cell = &rows->cells[at * rows->width + i];

		json_key(json, rows->names[i]);
		if (cell->number)
			json_raw(json, cell->text);
		else
			json_text(json, cell->text);
	}
	json_close(json, '}');
}
