/* SPDX-License-Identifier: MIT
 *
 * fn.h: the interface for the author of a function; entity.h is that of the database.
 * Functions do not deal with tracing: call.c and entity.c do it for them.
 *
 * A function returns 0 after it has written its result to fn_result(). It returns -1
 * after fn_fail(), or if a function of this header or of entity.h returned -1. A
 * mutation that fails is rolled back. All memory belongs to the call and is freed when
 * it ends.
 */
#ifndef RUNTIME_FN_H
#define RUNTIME_FN_H

#include "json.h"
#include "request.h"

#include <stdint.h>

struct ctx;

enum fn_type {
	FN_QUERY,    /* reads a snapshot */
	FN_MUTATION, /* reads and writes in one transaction */
	FN_ACTION,   /* calls functions and streams; has no access to the database */
};

enum fn_arg_type {
	FN_END, /* no more arguments */
	FN_TEXT,
	FN_NUMBER,
};

struct fn {
	const char *name;
	enum fn_type type;
	int (*run)(struct ctx *ctx);
	struct {
		const char *name;
		enum fn_arg_type type;
	} args[REQUEST_ARGS + 1]; /* all are required, and checked before run */
};

/* Find a function by its name. NULL: none. */
const struct fn *fn_find(const char *name);

/* An argument of the call, as text or as a number. `name`: one of fn.args. */
const char *fn_arg(const struct ctx *ctx, const char *name);
int64_t fn_arg_int(const struct ctx *ctx, const char *name);

/* The id of the user who made the request; "": none. */
const char *fn_user(const struct ctx *ctx);

/* Unix time in milliseconds. */
int64_t fn_now_ms(void);

/* The memory of the call, and the JSON to which the function writes its result. */
struct arena *fn_arena(struct ctx *ctx);
struct json *fn_result(struct ctx *ctx);

/* Make the call fail. Returns -1. The first failure counts. */
int fn_fail(struct ctx *ctx, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Actions only. Run another function now, in its own transaction, for the same user.
 * *value: the JSON that it returned. If it fails, so does this call, unless
 * fn_clear_failure() is called. */
int fn_call(struct ctx *ctx, const struct request *request, const char **value);
void fn_clear_failure(struct ctx *ctx);

/* Send a chunk of formatted text to the client. */
int fn_stream(struct ctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Schedule a function: in `delay_ms`, or at `run_at` (Unix time in ms). */
int fn_schedule_in(struct ctx *ctx, const struct request *request, int64_t delay_ms);
int fn_schedule_at(struct ctx *ctx, const struct request *request, int64_t run_at);

#endif
