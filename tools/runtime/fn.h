/* SPDX-License-Identifier: MIT
 *
 * fn.h: what the author of a function sees; entity.h has the database. Tracing is
 * nobody's business here: the runtime sees to it in call.c and entity.c.
 *
 * A function returns 0, its result written to fn_result; or -1 after fn_fail, or after
 * one of the functions here or in entity.h that returned -1. A mutation that fails is
 * rolled back. All memory belongs to the call and goes when it ends.
 */
#ifndef RUNTIME_FN_H
#define RUNTIME_FN_H

#include "json.h"
#include "request.h"

#include <stdbool.h>
#include <stdint.h>

struct ctx;

enum fn_type {
	FN_QUERY,    /* reads, in a snapshot */
	FN_MUTATION, /* reads and writes, in one transaction */
	FN_ACTION,   /* no database of its own: calls functions, streams */
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

/* All functions there are; NULL for a name that is none. */
const struct fn *fn_find(const char *name);

const char *fn_arg(const struct ctx *ctx, const char *name);
int64_t fn_arg_int(const struct ctx *ctx, const char *name);
const char *fn_user(const struct ctx *ctx); /* "": none */
int64_t fn_now_ms(void);
struct arena *fn_arena(struct ctx *ctx);
struct json *fn_result(struct ctx *ctx);

/* Always -1. The first failure counts. */
int fn_fail(struct ctx *ctx, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Actions only. Run another function now, in a transaction of its own, on behalf of the
 * same user; *value is the JSON it returned. Its failure is ours, unless forgiven. */
int fn_call(struct ctx *ctx, const struct request *request, const char **value);
void fn_forgive(struct ctx *ctx);

/* Send data to the client. */
int fn_stream(struct ctx *ctx, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Have a function run later: in `delay_ms`, or at `run_at` (Unix ms). */
int fn_schedule_in(struct ctx *ctx, const struct request *request, int64_t delay_ms);
int fn_schedule_at(struct ctx *ctx, const struct request *request, int64_t run_at);

#endif
