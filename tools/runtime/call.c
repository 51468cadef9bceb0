/* SPDX-License-Identifier: MIT */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- called by functions -------------------------------------------------------- */

const char *
fn_arg(const struct ctx *ctx, const char *name)
{
	return request_arg(ctx->request, name);
}

int64_t
fn_arg_int(const struct ctx *ctx, const char *name)
{
	return strtoll(fn_arg(ctx, name), NULL, 10);
}

const char *
fn_user(const struct ctx *ctx)
{
	return ctx->request->user_id;
}

int64_t
fn_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct arena *
fn_arena(struct ctx *ctx)
{
	return &ctx->arena;
}

struct json *
fn_result(struct ctx *ctx)
{
	return &ctx->result;
}

int
fn_fail(struct ctx *ctx, const char *code, const char *format, ...)
{
	va_list args;

	if (ctx->code)
		return -1;
	va_start(args, format);
	ctx->message = arena_vprintf(&ctx->arena, format, args);
	va_end(args);
	ctx->code = code;
	return -1;
}

void
fn_clear_failure(struct ctx *ctx)
{
	ctx->code = ctx->message = NULL;
}

static void
take_result(struct ctx *ctx, struct call_outcome *outcome)
{
	const struct wire *wire = &ctx->host->wire;
	const char *text = wire_text(wire, 2), *message = wire_text(wire, 3);

	memset(outcome, 0, sizeof(*outcome));
	text = arena_copy(&ctx->arena, text, strlen(text));
	if (!strcmp(wire_text(wire, 1), "ok")) {
		outcome->value = text;
		return;
	}
	outcome->code = text;
	outcome->message = arena_copy(&ctx->arena, message, strlen(message));
}

/* Let an idle worker run the call, so that its part of the tree is recorded by another
 * process. Returns false if no worker is idle. */
static bool
call_elsewhere(struct ctx *ctx, const struct request *request,
	       struct call_outcome *outcome)
{
	struct wire *wire = &ctx->host->wire;

	wire_begin(wire, WIRE_RUN);
	request_pack(request, wire);
	if (wire_send(wire, ctx->host->parent_fd) ||
	    wire_receive(wire, ctx->host->parent_fd) != WIRE_RESULT) {
		*outcome =
			(struct call_outcome){.code = "RUNTIME_GONE",
					      .message = "the parent process has gone"};
		return true;
	}
	if (!*wire_text(wire, 1))
		return false;
	take_result(ctx, outcome);
	return true;
}

int
fn_call(struct ctx *ctx, const struct request *request, const char **value)
{
	struct request inner = *request;
	struct call_outcome outcome;

	*value = NULL;
	if (ctx->fn->type != FN_ACTION)
		return fn_fail(ctx, "NOT_AN_ACTION", "only an action may call %s",
			       request->fn_name);
	snprintf(inner.call_id, sizeof(inner.call_id), "%.24s.%u",
		 ctx->request->call_id, ++ctx->nested);
	memcpy(inner.user_id, ctx->request->user_id, sizeof(inner.user_id));
	memcpy(inner.tenant_id, ctx->request->tenant_id, sizeof(inner.tenant_id));
	fnt_call_traceparent(ctx->call, inner.traceparent);
	if (!call_elsewhere(ctx, &inner, &outcome))
		call_run(ctx->host, &inner, ctx, &ctx->arena, &outcome);
	*value = outcome.value;
	return outcome.code ? fn_fail(ctx, outcome.code, "%s", outcome.message) : 0;
}

int
fn_stream(struct ctx *ctx, const char *format, ...)
{
	struct wire *wire = &ctx->host->wire;
	const char *data;
	va_list args;

	va_start(args, format);
	data = arena_vprintf(&ctx->arena, format, args);
	va_end(args);
	wire_begin(wire, WIRE_CHUNK);
	wire_add(wire, data);
	if (wire_send(wire, ctx->host->parent_fd))
		return fn_fail(ctx, "CLIENT_GONE", "the client has gone");
	fnt_call_stream_chunk(ctx->call, strlen(data));
	return 0;
}

static int
schedule(struct ctx *ctx, const struct request *request, int64_t delay_ms,
	 int64_t run_at)
{
	struct wire *wire = &ctx->host->wire;
	struct request later = *request;

	fnt_call_traceparent(ctx->call, later.traceparent);
	memcpy(later.tenant_id, ctx->request->tenant_id, sizeof(later.tenant_id));
	wire_begin(wire, WIRE_SCHEDULE);
	wire_add(wire, delay_ms == FNT_NONE ? ""
					    : arena_printf(&ctx->arena, "%lld",
							   (long long)delay_ms));
	wire_add(wire, run_at == FNT_NONE
			       ? ""
			       : arena_printf(&ctx->arena, "%lld", (long long)run_at));
	request_pack(&later, wire);
	if (wire_send(wire, ctx->host->parent_fd))
		return fn_fail(ctx, "RUNTIME_GONE", "the parent process has gone");
	fnt_call_schedule(ctx->call, later.fn_name, delay_ms, run_at);
	return 0;
}

int
fn_schedule_in(struct ctx *ctx, const struct request *request, int64_t delay_ms)
{
	return schedule(ctx, request, delay_ms, FNT_NONE);
}

int
fn_schedule_at(struct ctx *ctx, const struct request *request, int64_t run_at)
{
	return schedule(ctx, request, FNT_NONE, run_at);
}

/* ---- running a function --------------------------------------------------------- */

static bool
is_number(const char *text)
{
	char *end;

	strtoll(text, &end, 10);
	return *text && !*end;
}

static int
check_args(struct ctx *ctx)
{
	for (size_t i = 0; ctx->fn->args[i].type != FN_END; i++) {
		const char *name = ctx->fn->args[i].name;
		const char *text = fn_arg(ctx, name);

		if (!text)
			return fn_fail(ctx, "INVALID_ARGS",
				       "Missing required field \"%s\"", name);
		if (ctx->fn->args[i].type == FN_NUMBER && !is_number(text))
			return fn_fail(ctx, "INVALID_ARGS",
				       "%s: expected number, got string", name);
	}
	return 0;
}

static int
begin(struct ctx *ctx)
{
	static const char *const start[] = {"BEGIN", "BEGIN IMMEDIATE", NULL};
	const char *sql = start[ctx->fn->type];

	if (sql && db_control(&ctx->host->db, sql))
		return fn_fail(ctx, "BUSY", "%s", sqlite3_errmsg(ctx->host->db.handle));
	return 0;
}

static int
commit(struct ctx *ctx)
{
	if (ctx->fn->type != FN_ACTION && db_control(&ctx->host->db, "COMMIT"))
		return fn_fail(ctx, "BUSY", "%s", sqlite3_errmsg(ctx->host->db.handle));
	return 0;
}

/* Run the function in a transaction. Returns true if it failed and writes were
 * undone. */
static bool
transact(struct ctx *ctx)
{
	sqlite3 *handle = ctx->host->db.handle;
	int writes = sqlite3_total_changes(handle);

	if (begin(ctx))
		return false;
	if (!ctx->fn->run(ctx) && !commit(ctx))
		return false;
	if (ctx->fn->type != FN_ACTION && !sqlite3_get_autocommit(handle))
		db_control(&ctx->host->db, "ROLLBACK");
	return sqlite3_total_changes(handle) != writes && ctx->fn->type == FN_MUTATION;
}

static void
trace_begin(struct ctx *ctx, const struct ctx *parent)
{
	static const enum fnt_fn_type types[] = {FNT_QUERY, FNT_MUTATION, FNT_ACTION};
	const struct request *request = ctx->request;
	struct fnt_call_info info = {
		.call_id = request->call_id,
		.fn_name = ctx->fn->name,
		.fn_type = types[ctx->fn->type],
		.user_id = *request->user_id ? request->user_id : NULL,
		.tenant_id = *request->tenant_id ? request->tenant_id : NULL,
		.parent = parent ? parent->call : NULL,
		.traceparent = *request->traceparent ? request->traceparent : NULL,
	};

	ctx->call = fnt_call_begin(ctx->host->log, &info);
	ctx->host->calls_run++;
}

static void
trace_end(struct ctx *ctx, bool rolled_back)
{
	struct fnt_value value = {FNT_VALUE_JSON, ctx->result.text, ctx->result.len};

	if (rolled_back)
		fnt_call_finish_rolled_back(ctx->call, ctx->code, ctx->message);
	else if (ctx->code)
		fnt_call_finish_error(ctx->call, ctx->code, ctx->message);
	else
		fnt_call_finish_ok(ctx->call, &value);
}

static void
take_outcome(const struct ctx *ctx, bool rolled_back, struct arena *arena,
	     struct call_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	if (!ctx->code) {
		outcome->status = "ok";
		outcome->value = arena_copy(arena, ctx->result.text, ctx->result.len);
		return;
	}
	outcome->status = rolled_back ? "rolled_back" : "error";
	outcome->code = ctx->code;
	outcome->message = arena_copy(arena, ctx->message, strlen(ctx->message));
}

void
call_run(struct host *host, const struct request *request, struct ctx *parent,
	 struct arena *arena, struct call_outcome *outcome)
{
	static const struct fn unknown = {.name = "?", .type = FN_ACTION};
	struct ctx ctx = {.host = host, .request = request};
	bool rolled_back = false;

	ctx.fn = fn_find(request->fn_name);
	if (!ctx.fn) {
		ctx.fn = &unknown;
		fn_fail(&ctx, "NO_SUCH_FUNCTION", "no function %s", request->fn_name);
		take_outcome(&ctx, false, arena, outcome);
		arena_fini(&ctx.arena);
		return;
	}
	ctx.result.arena = &ctx.arena;
	trace_begin(&ctx, parent);
	if (!check_args(&ctx))
		rolled_back = transact(&ctx);
	if (!ctx.result.text)
		json_raw(&ctx.result, "null");
	trace_end(&ctx, rolled_back);
	take_outcome(&ctx, rolled_back, arena, outcome);
	arena_fini(&ctx.arena);
}
