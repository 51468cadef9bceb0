/* SPDX-License-Identifier: MIT
 *
 * entity.h: the database for functions: entities by name, without connections. Each
 * function here records one operation in the call's trace.
 *
 * All return 0, or -1 after fn_fail() with CONFLICT, BAD_REFERENCE, REFUSED (a CHECK),
 * NOT_FOUND (update and delete), BUSY or DATABASE. Reading without finding a row is not
 * a failure.
 */
#ifndef RUNTIME_ENTITY_H
#define RUNTIME_ENTITY_H

#include "db.h"
#include "fn.h"

struct field {
	const char *name;
	struct value value;
};

struct fields {
	size_t count;
	const struct field *items;
};

#define FIELDS(...)                                                                    \
	((struct fields){sizeof((struct field[]){__VA_ARGS__}) / sizeof(struct field), \
			 (struct field[]){__VA_ARGS__}})

/* Read one row or none, by id or by a unique field. */
int db_get(struct ctx *ctx, const char *entity, const char *id, struct rows *row);
int db_lookup(struct ctx *ctx, const char *entity, const char *field, const char *text,
	      struct rows *row);

/* Read several rows. list: the newest `limit`. paginate: those after the id `after`, in
 * order of id. query: those that a clause selects ("lot = ?1 ORDER BY amount"). search:
 * those that match `words`. */
int db_list(struct ctx *ctx, const char *entity, int64_t limit, struct rows *rows);
int db_paginate(struct ctx *ctx, const char *entity, const char *after, int64_t limit,
		struct rows *page);
int db_query(struct ctx *ctx, const char *entity, const char *clause,
	     struct values values, struct rows *rows);
int db_search(struct ctx *ctx, const char *entity, const char *words, int64_t limit,
	      struct rows *hits);

/* Run a whole SQL statement. aggregate: figures over an entity. query_graph: an entity
 * joined with others. */
int db_aggregate(struct ctx *ctx, const char *entity, const char *sql,
		 struct values values, struct rows *rows);
int db_query_graph(struct ctx *ctx, const char *entity, const char *sql,
		   struct values values, struct rows *rows);

/* Mutations only. *id: the id of the new row; `id` may be NULL. */
int db_insert(struct ctx *ctx, const char *entity, struct fields fields,
	      const char **id);
int db_update(struct ctx *ctx, const char *entity, const char *id,
	      struct fields fields);
int db_delete(struct ctx *ctx, const char *entity, const char *id);
int db_link(struct ctx *ctx, const char *entity, const char *id, const char *user);
int db_unlink(struct ctx *ctx, const char *entity, const char *id, const char *user);

/* Write row `at` as a JSON object. */
void rows_json(struct json *json, const struct rows *rows, size_t at);

#endif
